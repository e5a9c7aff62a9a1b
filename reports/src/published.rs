//! Published test accuracies, and which of them stands beside a row of ours.

use serde::Deserialize;

use crate::error::ReportError;
use crate::record::CellRecord;

const TABLE: &str = include_str!("../data/published.csv");

/// One published value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Published {
    /// Task as the papers call it, e.g. `sMNIST`.
    pub task: String,
    /// Model as the paper calls it.
    pub model: String,
    /// Parameters as printed there (rounded).
    pub parameters: Option<u64>,
    /// Test accuracy, percent.
    pub accuracy: f64,
    /// Paper and table.
    pub source: String,
}

/// A task of ours and the published task it corresponds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counterpart {
    /// Name in [`Published::task`].
    pub task: &'static str,
    /// Whether our splits have the published sizes.
    pub full_data: bool,
    /// Whether our setting has the published difficulty.
    pub same_difficulty: bool,
}

/// All published values.
///
/// # Errors
/// The table built into the program is damaged.
pub(crate) fn all() -> Result<Vec<Published>, ReportError> {
    csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(TABLE.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|e| ReportError::Published(e.to_string()))
}

/// The published task that `record` corresponds to, if there is one.
pub(crate) fn counterpart(record: &CellRecord) -> Option<Counterpart> {
    let [train, validation, test] = record.task.splits;
    let positions = record.task.shape.get(1..).unwrap_or_default();
    // A setting that the record does not name has its published value.
    let number = |name: &str, value: u64| record.task.config.get(name).is_none_or(|v| v.as_u64() == Some(value));
    let word = |name: &str, value: &str| record.task.config.get(name).is_none_or(|v| v.as_str() == Some(value));
    match record.task.name.as_str() {
        // 60 000 training images, of which some are held out for validation, and 10 000 for the test.
        name @ ("smnist" | "pmnist") => Some(Counterpart {
            task: if name == "smnist" { "sMNIST" } else { "pMNIST" },
            full_data: train + validation == 60_000 && test == 10_000,
            same_difficulty: true,
        }),
        // Long Range Arena: expressions of 500 to 2 000 tokens.
        "listops" => Some(Counterpart {
            task: "ListOps",
            full_data: [train, validation, test] == [96_000, 2_000, 2_000],
            same_difficulty: number("min_length", 500)
                && number("max_length", 2_000)
                && number("max_depth", 10)
                && number("max_args", 10),
        }),
        // Long Range Arena: the hard set (contour length 14) at 32 px, and at 128 px as Path-X.
        "pathfinder" => {
            let task = match positions {
                [1024] => "Pathfinder",
                [32, 32] => "2DPathfinder",
                [16384] => "Path-X",
                _ => return None,
            };
            Some(Counterpart {
                task,
                full_data: [train, validation, test] == [160_000, 20_000, 20_000],
                same_difficulty: word("difficulty", "hard")
                    && number("contour_length", 14)
                    && number("distractor_length", 4),
            })
        }
        // Gray CIFAR-10, as a sequence and as a picture.
        "image" => {
            let task = match positions {
                [1024] => "Image",
                [32, 32] => "2DImage",
                _ => return None,
            };
            Some(Counterpart { task, full_data: cifar([train, validation, test]), same_difficulty: true })
        }
        // Characters up to 4 096, as in the recipes of S4 and CCNN; 25 000 reviews for training and for the test.
        "text" => Some(Counterpart {
            task: "Text",
            full_data: [train, test] == [25_000, 25_000],
            same_difficulty: record.task.version.contains("char-4096"),
        }),
        "retrieval" => Some(Counterpart {
            task: "Retrieval",
            full_data: [train, validation, test] == [147_086, 18_090, 17_437],
            same_difficulty: true,
        }),
        name @ ("scifar10" | "npcifar" | "cifar10" | "cifar100") => Some(Counterpart {
            task: match name {
                "scifar10" => "sCIFAR10",
                "npcifar" => "npCIFAR",
                "cifar10" => "CIFAR10",
                _ => "CIFAR100",
            },
            full_data: cifar([train, validation, test]),
            same_difficulty: true,
        }),
        "stl10" => Some(Counterpart {
            task: "STL10",
            full_data: train + validation == 5_000 && test == 8_000,
            same_difficulty: true,
        }),
        // Ten words of Speech Commands, or all 35.
        name @ ("speech-mfcc" | "speech-raw") => {
            let all_words = record.task.chance < 0.05;
            let task = match (name, all_words) {
                ("speech-mfcc", false) => "SC10-MFCC",
                ("speech-raw", false) => "SC10-raw",
                ("speech-raw", true) => "SC35",
                _ => return None,
            };
            let clips = if all_words { 105_829 } else { 34_975 };
            Some(Counterpart {
                task,
                full_data: train + validation + test == clips,
                same_difficulty: is_regular(&record.task.config),
            })
        }
        "character-trajectories" => Some(Counterpart {
            task: "CharTraj",
            full_data: train + validation + test == 2_858,
            same_difficulty: is_regular(&record.task.config),
        }),
        _ => None,
    }
}

fn cifar([train, validation, test]: [usize; 3]) -> bool {
    train + validation == 50_000 && test == 10_000
}

/// Whether no observation is dropped and the rate is that of the files.
fn is_regular(config: &serde_json::Value) -> bool {
    let is = |name: &str, value: f64| config.get(name).is_none_or(|v| v.is_null() || v.as_f64() == Some(value));
    is("drop", 0.0) && is("drop_rate", 0.0) && is("resample", 1.0)
}

/// The published models that a baseline corresponds to, the nearest first, and whether it has the published size.
pub(crate) fn models(record: &CellRecord) -> (Vec<&'static str>, bool) {
    let config = &record.baseline.config;
    let size = |name: &str| config.get(name).and_then(|v| v.as_u64());
    let word = |name: &str| config.get(name).and_then(|v| v.as_str());
    let sequence = record.task.shape.len() == 2;
    match record.baseline.name.as_str() {
        "lstm" => (vec!["LSTM"], true),
        "gru" => (vec!["GRU"], true),
        "tcn" => (vec!["TCN"], true),
        "resnet18" => (vec!["ResNet-18"], true),
        "resnet44" => (vec!["ResNet-44"], true),
        "ckcnn" => match size("hidden") {
            Some(100) => (vec!["CKCNN-Big", "CKCNN-2-Big"], true),
            hidden => (vec!["CKCNN", "CKCNN-2", "CKConv"], hidden.is_none_or(|hidden| hidden == 30)),
        },
        "flexnet" if sequence => match size("blocks") {
            None | Some(2) => (vec!["FlexTCN-2", "FlexTCN-6"], true),
            Some(4) => (vec!["FlexTCN-4"], true),
            blocks => (vec!["FlexTCN-6"], blocks == Some(6)),
        },
        "flexnet" => match size("blocks") {
            Some(3) => (vec!["FlexNet-3"], true),
            Some(5) => (vec!["FlexNet-5"], true),
            blocks => (vec!["FlexNet-7", "FlexNet-6"], blocks.is_none_or(|blocks| blocks == 7)),
        },
        "s4" if word("variant") != Some("diag") => match word("init") {
            Some("fout") => (vec!["S4-FouT"], true),
            _ => (vec!["S4-LegS", "S4"], true),
        },
        "s4" | "s4d" => match word("init") {
            Some("inv") => (vec!["S4D-Inv"], true),
            Some("legs") => (vec!["S4D-LegS"], true),
            _ => (vec!["S4D-Lin"], true),
        },
        "ccnn" => match (size("blocks"), size("hidden")) {
            (Some(6), Some(380)) => (vec!["CCNN-6,380"], true),
            (Some(4), Some(140)) => (vec!["CCNN-4,140"], true),
            _ => (vec!["CCNN-4,140"], false),
        },
        _ => (Vec::new(), false),
    }
}

/// The published value beside `record`, and whether a published network of that size was meant: ours has a parameter
/// count within a third of the printed one.
pub(crate) fn beside(record: &CellRecord, table: &[Published]) -> Option<(Published, bool)> {
    let task = counterpart(record)?.task;
    let (models, same_model) = models(record);
    let found = models.into_iter().find_map(|model| table.iter().find(|p| p.task == task && p.model == model))?;
    let same_size = match (record.baseline.parameters, found.parameters) {
        (Some(ours), Some(theirs)) => (ours as f64 / theirs as f64 - 1.0).abs() <= 1.0 / 3.0,
        _ => true,
    };
    Some((found.clone(), same_model && same_size))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;

    fn record(
        task: &str,
        baseline: &str,
        parameters: u64,
        shape: &[usize],
        splits: [usize; 3],
        config: Value,
    ) -> CellRecord {
        let parts: Vec<&str> = baseline.split('-').collect();
        let size = |text: &&str| text.parse::<u64>().unwrap();
        serde_json::from_value(json!({
            "schema": 1, "id": "made-up", "hash": "", "experiment": "made-up", "training": {}, "seed": 0, "device": "cpu",
            "task": {
                "name": task, "label": task, "version": "1", "data": task, "config": config, "shape": shape,
                "metric": "accuracy", "higher_is_better": true, "chance": 0.5, "splits": splits
            },
            "baseline": {
                "name": parts.first(), "label": baseline, "parameters": parameters,
                "config": {"blocks": parts.get(1).map(size), "hidden": parts.get(2).map(size)}
            },
        }))
        .unwrap()
    }

    #[test]
    fn the_built_in_table_is_readable() {
        let table = all().unwrap();
        let lstm = table.iter().find(|p| p.task == "sMNIST" && p.model == "LSTM").unwrap();
        assert_eq!((lstm.accuracy, lstm.parameters), (87.2, Some(70_000)));
        let ccnn = table.iter().find(|p| p.task == "2DPathfinder" && p.model == "CCNN-6,380").unwrap();
        assert_eq!(ccnn.accuracy, 96.0);
        assert!(table.iter().all(|p| (0.0..=100.0).contains(&p.accuracy) && !p.source.is_empty()));
    }

    #[test]
    fn only_the_published_protocol_compares() {
        let table = all().unwrap();
        let full = record("smnist", "ccnn-4-140", 200_000, &[1, 784], [55_000, 5_000, 10_000], json!({}));
        let (found, same_size) = beside(&full, &table).unwrap();
        assert_eq!((found.accuracy, same_size), (99.72, true));
        assert!(counterpart(&full).unwrap().full_data);
        let small = record("smnist", "ccnn-2-30", 30_000, &[1, 784], [1_000, 100, 100], json!({}));
        assert!(!beside(&small, &table).unwrap().1 && !counterpart(&small).unwrap().full_data);
        // The label alone does not make the size.
        let other = record("smnist", "ccnn-4-140", 500_000, &[1, 784], [55_000, 5_000, 10_000], json!({}));
        assert!(!beside(&other, &table).unwrap().1);
    }

    #[test]
    fn the_form_and_the_difficulty_decide_the_published_task() {
        let splits = [160_000, 20_000, 20_000];
        let hard = json!({"difficulty": "hard", "contour_length": 14, "distractor_length": 4});
        let flat = record("pathfinder", "ccnn-4-140", 200_000, &[1, 1024], splits, hard.clone());
        let plane = record("pathfinder", "ccnn-4-140", 200_000, &[1, 32, 32], splits, hard);
        let of = |r: &CellRecord| counterpart(r).unwrap();
        assert_eq!(of(&flat), Counterpart { task: "Pathfinder", full_data: true, same_difficulty: true });
        assert_eq!(of(&plane).task, "2DPathfinder");
        let easy = record("pathfinder", "ccnn-4-140", 200_000, &[1, 1024], splits, json!({"difficulty": "easy"}));
        assert!(!of(&easy).same_difficulty);
        let short = json!({"difficulty": "hard", "contour_length": 9});
        assert!(!of(&record("pathfinder", "ccnn-4-140", 200_000, &[1, 1024], splits, short)).same_difficulty);
        assert_eq!(counterpart(&record("pathfinder", "ccnn-4-140", 1, &[1, 64, 64], splits, json!({}))), None);
    }
    #[test]
    fn every_published_task_of_a_recipe_has_its_counterpart() {
        let cifar = [45_000, 5_000, 10_000];
        for (task, shape, splits, name) in [
            ("image", &[1, 1024][..], cifar, "Image"),
            ("image", &[1, 32, 32], cifar, "2DImage"),
            ("retrieval", &[1, 4000], [147_086, 18_090, 17_437], "Retrieval"),
            ("scifar10", &[3, 1024], cifar, "sCIFAR10"),
            ("npcifar", &[96, 1000], cifar, "npCIFAR"),
            ("cifar10", &[3, 32, 32], cifar, "CIFAR10"),
            ("cifar100", &[3, 32, 32], cifar, "CIFAR100"),
            ("stl10", &[3, 256, 256], [4_500, 500, 8_000], "STL10"),
            ("speech-mfcc", &[20, 161], [24_482, 5_246, 5_247], "SC10-MFCC"),
            ("speech-raw", &[1, 16_000], [24_482, 5_246, 5_247], "SC10-raw"),
            ("character-trajectories", &[3, 182], [2_000, 429, 429], "CharTraj"),
        ] {
            let found = counterpart(&record(task, "ccnn-4-140", 200_000, shape, splits, json!({ "drop": 0 }))).unwrap();
            assert_eq!(found, Counterpart { task: name, full_data: true, same_difficulty: true });
            assert!(all().unwrap().iter().any(|p| p.task == name), "{name}");
            let few = counterpart(&record(task, "ccnn-4-140", 200_000, shape, [20, 32, 32], json!({}))).unwrap();
            assert!(!few.full_data, "{name}");
        }
        let dropped =
            record("speech-raw", "ccnn-4-140", 1, &[2, 16_000], [24_482, 5_246, 5_247], json!({ "drop": 30 }));
        assert!(!counterpart(&dropped).unwrap().same_difficulty);
        let mut words = record("speech-raw", "ccnn-4-140", 1, &[1, 16_000], [84_843, 9_981, 11_005], json!({}));
        words.task.chance = 1.0 / 35.0;
        assert_eq!(counterpart(&words).unwrap(), Counterpart { task: "SC35", full_data: true, same_difficulty: true });
        let mut text = record("text", "ccnn-4-140", 1, &[1, 4096], [25_000, 25_000, 25_000], json!({}));
        text.task.version = "lra-text@char-4096-scalar-left-1".into();
        assert_eq!(counterpart(&text).unwrap(), Counterpart { task: "Text", full_data: true, same_difficulty: true });
        text.task.version = "lra-text@byte-1000-embed-left-1".into();
        assert!(!counterpart(&text).unwrap().same_difficulty);
    }

    #[test]
    fn the_kind_of_state_matrix_decides_the_published_model() {
        let of = |name: &str, config: Value| {
            let mut record = record("scifar10", "ccnn-4-140", 1, &[3, 1024], [45_000, 5_000, 10_000], json!({}));
            (record.baseline.name, record.baseline.config) = (name.into(), config);
            models(&record).0[0]
        };
        assert_eq!(of("s4", json!({ "variant": "dplr", "init": "legs" })), "S4-LegS");
        assert_eq!(of("s4", json!({ "variant": "dplr", "init": "fout" })), "S4-FouT");
        assert_eq!(of("s4", json!({ "variant": "diag", "init": "legs" })), "S4D-LegS");
        assert_eq!(of("s4d", json!({ "init": "lin" })), "S4D-Lin");
        assert_eq!(of("flexnet", json!({ "blocks": 6 })), "FlexTCN-6");
        assert_eq!(of("ckcnn", json!({ "hidden": 100 })), "CKCNN-Big");
    }
}
