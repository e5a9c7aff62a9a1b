//! Published test accuracies, and which of them stands beside a row of ours.

use serde::Deserialize;

use crate::error::ReportError;
use crate::load::Cell;
use crate::record::CellRecord;
use vocabulary::record::StopReason;

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

/// The published task that one of ours corresponds to, and in what ours is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counterpart {
    /// Name in [`Published::task`].
    pub task: &'static str,
    /// Whether our splits have the published sizes, and the samples are the official ones.
    pub full_data: bool,
    /// Whether everything that makes the task as hard as it is has its published value.
    pub same_difficulty: bool,
    /// Whether every other setting of the task has a value under which the result was published, too.
    pub same_protocol: bool,
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

/// A published task, as the record of a cell that repeats it has to be.
struct Protocol {
    /// Name in [`Published::task`].
    task: &'static str,
    /// Registry name of ours.
    ours: &'static str,
    /// Positions of the input; empty where they do not decide.
    positions: &'static [usize],
    /// Whether this is the task, where others have the same name and positions.
    applies: fn(&CellRecord) -> bool,
    /// Whether the splits, train, validation and test, have the published sizes.
    sizes: fn([usize; 3]) -> bool,
    /// Settings that make the task as hard as it is, with the values under which it was published.
    difficulty: &'static [Setting],
    /// All other settings, with their values; without any, all values are the same task in another notation.
    others: &'static [Setting],
}

/// A setting and the values that it may have, as one types them.
type Setting = (&'static str, &'static [&'static str]);

const ANY: &[&str] = &[];
const NO: &[&str] = &["false"];
const YES: &[&str] = &["true"];
/// Sizes of splits are looked at by themselves.
const SIZES: [&str; 3] = ["train_samples", "validation_samples", "test_samples"];

fn every(_: &CellRecord) -> bool {
    true
}

fn all_words(record: &CellRecord) -> bool {
    record.task.chance < 0.05
}

fn ten_words(record: &CellRecord) -> bool {
    !all_words(record)
}

/// Whether all of the `most` samples for training are used, of which at most a tenth is held out for validation.
fn held_out([train, validation, _]: [usize; 3], most: usize) -> bool {
    train + validation == most && train >= 9 * validation
}

fn mnist(splits: [usize; 3]) -> bool {
    held_out(splits, 60_000) && splits[2] == 10_000
}

fn cifar(splits: [usize; 3]) -> bool {
    held_out(splits, 50_000) && splits[2] == 10_000
}

fn images(splits: [usize; 3]) -> bool {
    splits == [160_000, 20_000, 20_000]
}

const PATHFINDER_32: &[Setting] = &[
    ("resolution", &["32"]),
    ("difficulty", &["hard"]),
    ("contour_length", &["14"]),
    ("distractor_length", &["4"]),
    ("distractors", &["5"]),
    ("paddle_length", &["2"]),
    ("thickness", &["0.5"]),
    ("margin", &["[1]"]),
    ("antialias", &["2"]),
    ("marker_radius", &["1.5"]),
    ("seed_distance", &["7"]),
    ("continuity", &["1"]),
    ("padding", &["1"]),
    ("snake_contrast", &["[2]"]),
    ("paddle_contrast", &["[0.75]"]),
];
const PATHFINDER_128: &[Setting] = &[
    ("resolution", &["128"]),
    ("difficulty", &["hard"]),
    ("contour_length", &["14"]),
    ("distractor_length", &["4"]),
    ("distractors", &["8"]),
    ("paddle_length", &["5"]),
    ("thickness", &["1.5"]),
    ("margin", &["[2,3]"]),
    ("antialias", &["2"]),
    ("marker_radius", &["3"]),
    ("seed_distance", &["20"]),
    ("continuity", &["1.8"]),
    ("padding", &["1"]),
    ("snake_contrast", &["[0.9]"]),
    ("paddle_contrast", &["[1]"]),
];
/// The generator draws what the released files hold; another seed draws other images.
const DRAWN: &[Setting] = &[("source", ANY), ("parts", &["split"]), ("form", ANY), ("centre", NO), ("seed", &["0"])];
const GREY: &[Setting] = &[("form", ANY), ("pixels", &["normalised"]), ("augment", NO)];
const COLOUR: &[Setting] = &[("form", &["2d"]), ("normalisation", &["standard"]), ("augment", YES)];
const SPEECH: &[Setting] = &[("scale", ANY), ("normalisation", &["per-channel", "per-step"])];

/// Every published task that we have, with the settings of `experiments/`, which name their sources.
const PROTOCOLS: &[Protocol] = &[
    Protocol {
        task: "sMNIST",
        ours: "smnist",
        positions: &[784],
        applies: every,
        sizes: mnist,
        difficulty: &[],
        others: &[("permutation", &["null"])],
    },
    Protocol {
        task: "pMNIST",
        ours: "pmnist",
        positions: &[784],
        applies: every,
        sizes: mnist,
        difficulty: &[],
        others: &[("variant", &["random"]), ("permutation", &["null"])],
    },
    Protocol {
        task: "ListOps",
        ours: "listops",
        positions: &[],
        applies: every,
        sizes: |splits| splits == [96_000, 2_000, 2_000],
        difficulty: &[
            ("min_length", &["500"]),
            ("max_length", &["2000"]),
            ("max_depth", &["10"]),
            ("max_args", &["10"]),
            ("length", &["null", "2000", "2048"]),
        ],
        others: &[("source", ANY), ("end_token", ANY), ("padding", ANY), ("tokens", ANY), ("seed", &["0"])],
    },
    Protocol {
        task: "Pathfinder",
        ours: "pathfinder",
        positions: &[1024],
        applies: every,
        sizes: images,
        difficulty: PATHFINDER_32,
        others: DRAWN,
    },
    Protocol {
        task: "2DPathfinder",
        ours: "pathfinder",
        positions: &[32, 32],
        applies: every,
        sizes: images,
        difficulty: PATHFINDER_32,
        others: DRAWN,
    },
    Protocol {
        task: "Path-X",
        ours: "pathfinder",
        positions: &[16384],
        applies: every,
        sizes: images,
        difficulty: PATHFINDER_128,
        others: DRAWN,
    },
    Protocol {
        task: "Path-X",
        ours: "pathx",
        positions: &[16384],
        applies: every,
        sizes: images,
        difficulty: &[],
        others: &[("source", ANY), ("centre", NO), ("seed", &["0"])],
    },
    Protocol {
        task: "Image",
        ours: "image",
        positions: &[1024],
        applies: every,
        sizes: cifar,
        difficulty: &[],
        others: GREY,
    },
    Protocol {
        task: "2DImage",
        ours: "image",
        positions: &[32, 32],
        applies: every,
        sizes: cifar,
        difficulty: &[],
        others: GREY,
    },
    // Characters up to 4 096, and the epoch chosen on the test texts, as in the recipes of S4 and CCNN.
    Protocol {
        task: "Text",
        ours: "text",
        positions: &[],
        applies: every,
        sizes: |splits| splits == [25_000, 25_000, 25_000],
        difficulty: &[("level", &["char"]), ("length", &["4096"])],
        others: &[
            ("validation", &["test"]),
            ("min_frequency", &["15"]),
            ("end_token", YES),
            ("tokens", ANY),
            ("padding", ANY),
            ("vocabulary", ANY),
        ],
    },
    Protocol {
        task: "Retrieval",
        ours: "retrieval",
        positions: &[],
        applies: every,
        sizes: |splits| splits == [147_086, 18_090, 17_437],
        difficulty: &[("level", &["char"]), ("length", &["4000"])],
        others: &[("end_token", YES), ("tokens", ANY), ("padding", ANY), ("vocabulary", ANY)],
    },
    Protocol {
        task: "sCIFAR10",
        ours: "scifar10",
        positions: &[1024],
        applies: every,
        sizes: cifar,
        difficulty: &[],
        others: &[("normalisation", &["standard"]), ("augment", NO)],
    },
    Protocol {
        task: "npCIFAR",
        ours: "npcifar",
        positions: &[1000],
        applies: every,
        sizes: cifar,
        difficulty: &[("length", &["1000"])],
        others: &[("normalisation", &["standard"]), ("seed", &["0"])],
    },
    Protocol {
        task: "CIFAR10",
        ours: "cifar10",
        positions: &[32, 32],
        applies: every,
        sizes: cifar,
        difficulty: &[],
        others: COLOUR,
    },
    Protocol {
        task: "CIFAR100",
        ours: "cifar100",
        positions: &[32, 32],
        applies: every,
        sizes: cifar,
        difficulty: &[],
        others: COLOUR,
    },
    Protocol {
        task: "STL10",
        ours: "stl10",
        positions: &[256, 256],
        applies: every,
        sizes: |splits| held_out(splits, 5_000) && splits[2] == 8_000,
        difficulty: &[("size", &["256"])],
        others: &[("normalisation", &["standard"]), ("augment", YES), ("degrees", &["15"])],
    },
    Protocol {
        task: "SC10-MFCC",
        ours: "speech-mfcc",
        positions: &[161],
        applies: ten_words,
        sizes: |splits| splits == [24_482, 5_246, 5_247],
        difficulty: &[("words", &["ten"]), ("split", &["stratified"]), ("drop", &["0"])],
        others: SPEECH,
    },
    Protocol {
        task: "SC10-raw",
        ours: "speech-raw",
        positions: &[16_000],
        applies: ten_words,
        sizes: |splits| splits == [24_482, 5_246, 5_247],
        difficulty: &[("words", &["ten"]), ("split", &["stratified"]), ("drop", &["0"])],
        others: SPEECH,
    },
    Protocol {
        task: "SC35",
        ours: "speech-raw",
        positions: &[16_000],
        applies: all_words,
        sizes: |splits| splits == [84_843, 9_981, 11_005],
        difficulty: &[("words", &["all"]), ("split", &["official"]), ("drop", &["0"])],
        others: SPEECH,
    },
    Protocol {
        task: "CharTraj",
        ours: "character-trajectories",
        positions: &[182],
        applies: every,
        sizes: |splits| splits == [2_000, 429, 429],
        difficulty: &[("drop", &["0"])],
        others: &[("source", &["uea"]), ("normalisation", &["per-channel", "per-step"])],
    },
];

/// Settings that one of the published models had for itself: task, beginning of the model's name, settings.
const MODELS_OWN: &[(&str, &str, &[Setting])] =
    &[("sCIFAR10", "CCNN-4,140", &[("augment", YES)]), ("sCIFAR10", "CKCNN", &[("normalisation", &["imagenet"])])];

/// The published task that `record` corresponds to, if there is one, for the published network `model`.
pub(crate) fn counterpart(record: &CellRecord, model: Option<&str>) -> Option<Counterpart> {
    let task = &record.task;
    let positions = task.shape.get(1..).unwrap_or_default();
    let protocol = PROTOCOLS.iter().find(|protocol| {
        protocol.ours == task.name
            && (protocol.positions.is_empty() || protocol.positions == positions)
            && (protocol.applies)(record)
    })?;
    let own = |name: &str| {
        let entry = MODELS_OWN
            .iter()
            .find(|(of, prefix, _)| *of == protocol.task && model.is_some_and(|model| model.starts_with(prefix)))?;
        entry.2.iter().find(|(setting, _)| *setting == name).map(|(_, values)| *values)
    };
    // A setting that the record does not name has its published value: older records do not have it.
    let (mut same_difficulty, mut same_protocol) = (true, true);
    for (name, value) in task.config.as_object().into_iter().flatten() {
        let listed = |settings: &[Setting]| settings.iter().find(|(known, _)| known == name).map(|(_, values)| *values);
        if let Some(values) = listed(protocol.difficulty) {
            same_difficulty &= is_one_of(value, values);
        } else if let Some(values) = own(name).or_else(|| listed(protocol.others)) {
            same_protocol &= values.is_empty() || is_one_of(value, values);
        } else if !SIZES.contains(&name.as_str()) {
            // A setting that nothing is known about.
            same_protocol &= value.is_null();
        }
    }
    let full_data = (protocol.sizes)(task.splits) && !task.notes.iter().any(|note| is_another_set(note));
    Some(Counterpart { task: protocol.task, full_data, same_difficulty, same_protocol })
}

/// Whether `note` says that a data set is not the official one, or not all of it: such notes begin so.
pub(crate) fn is_another_set(note: &str) -> bool {
    note.starts_with("reconstructed") || note.starts_with("not ")
}

/// How published networks were trained, by the recipes of `experiments/`, which name their sources.
struct Length {
    /// Names in [`Published::task`].
    tasks: &'static [&'static str],
    /// Beginnings of names in [`Published::model`].
    models: &'static [&'static str],
    /// Epochs over the whole training split.
    epochs: u64,
    /// Samples of an optimiser step.
    batch: u64,
}

const CCNN: &[&str] = &["CCNN"];
const FLEX: &[&str] = &["FlexTCN"];
const CK: &[&str] = &["CKCNN", "CKConv"];
const S4: &[&str] = &["S4"];
const RECURRENT: &[&str] = &["LSTM", "GRU"];
const RESNET: &[&str] = &["ResNet"];

const fn length(models: &'static [&'static str], tasks: &'static [&'static str], epochs: u64, batch: u64) -> Length {
    Length { tasks, models, epochs, batch }
}

/// Of several recipes the shortest one, and the largest of their batches.
const LENGTHS: &[Length] = &[
    length(CCNN, &["sMNIST", "pMNIST", "Pathfinder", "2DPathfinder"], 210, 100),
    length(CCNN, &["sCIFAR10", "CIFAR100", "Image", "2DImage"], 210, 50),
    length(CCNN, &["CIFAR10", "STL10"], 210, 64),
    length(CCNN, &["ListOps", "Text"], 60, 50),
    length(CCNN, &["SC10-MFCC"], 110, 100),
    length(CCNN, &["SC10-raw"], 160, 40),
    length(FLEX, &["sMNIST", "pMNIST", "sCIFAR10"], 200, 64),
    length(FLEX, &["npCIFAR", "SC10-MFCC", "SC10-raw", "CharTraj"], 300, 32),
    length(&["FlexNet"], &["CIFAR10"], 350, 64),
    length(CK, &["sMNIST", "pMNIST", "sCIFAR10", "npCIFAR", "SC10-MFCC"], 200, 64),
    length(CK, &["SC10-raw"], 300, 32),
    length(CK, &["CharTraj"], 200, 32),
    length(S4, &["sMNIST", "pMNIST", "sCIFAR10", "npCIFAR", "Image"], 200, 50),
    length(S4, &["ListOps"], 40, 32),
    length(S4, &["Text"], 32, 16),
    length(S4, &["Retrieval"], 20, 64),
    length(S4, &["Pathfinder"], 200, 64),
    length(S4, &["Path-X"], 50, 16),
    length(S4, &["SC10-MFCC"], 50, 100),
    length(S4, &["SC10-raw"], 150, 20),
    length(S4, &["SC35"], 40, 16),
    // Ours, where those of the papers were not found.
    length(
        RECURRENT,
        &["sMNIST", "pMNIST", "sCIFAR10", "npCIFAR", "SC10-MFCC", "SC10-raw", "SC35", "CharTraj"],
        100,
        64,
    ),
    length(RECURRENT, &["ListOps", "Text", "Image", "Path-X"], 100, 32),
    length(RECURRENT, &["Retrieval", "Pathfinder"], 100, 256),
    length(RESNET, &["CIFAR10", "CIFAR100"], 200, 128),
    length(RESNET, &["STL10"], 200, 32),
];
/// Least patience of early stopping in those recipes.
const PATIENCE: u64 = 100;

/// Whether `cell`, which has finished, was trained for as long as the published `model` on the published `task`: as many
/// epochs over the whole training split, in batches that are not larger.
pub(crate) fn full_training(cell: &Cell, task: &str, model: &str) -> bool {
    let recipe = LENGTHS.iter().find(|length| {
        length.tasks.contains(&task) && length.models.iter().any(|beginning| model.starts_with(beginning))
    });
    let (Some(recipe), Some(record)) = (recipe, &cell.record) else { return false };
    let setting = |name: &str| record.training.get(name).and_then(serde_json::Value::as_u64);
    let patient = cell.status.reason == Some(StopReason::EarlyStopping)
        && setting("early_stopping").is_some_and(|patience| patience >= PATIENCE);
    let batch = setting("batch_size").map(|size| size * setting("accumulate_grad_steps").unwrap_or(1).max(1));
    let steps = batch.map(|batch| record.task.splits[0] as u64 / batch.max(1));
    let whole = setting("steps_per_epoch").is_none_or(|limit| steps.is_some_and(|steps| limit >= steps));
    (patient || cell.status.epoch >= recipe.epochs) && batch.is_none_or(|batch| batch <= recipe.batch) && whole
}

/// Settings that make the published networks of a baseline, whatever the task, with their values. What a recipe tunes for a
/// task (frequencies, widths of masks, dropout, penalties) is not among them.
const NETWORKS: &[(&str, &[Setting])] = &[
    (
        "ccnn",
        &[
            ("block", &["s4"]),
            ("prenorm", YES),
            ("kernel_network", &["magnet"]),
            ("kernel_hidden", &["32", "64"]),
            ("kernel_layers", &["3"]),
            ("mask", &["gaussian"]),
            ("mask_threshold", &["0.1"]),
            ("initialisation", &["corrected"]),
            ("separable", YES),
            ("nonlinearity", &["gelu"]),
            ("causal", &["auto"]),
            ("norm", &["batch"]),
        ],
    ),
    (
        "flexnet",
        &[
            ("width_factors", &["null"]),
            ("kernel_hidden", &["32"]),
            ("kernel_layers", &["3"]),
            ("mask_threshold", &["0.1"]),
            ("initialisation", &["original"]),
            ("norm", &["batch"]),
        ],
    ),
    ("ckcnn", &[("kernel_hidden", &["32"]), ("initialisation", &["off"]), ("norm", &["group"])]),
    ("lstm", PLAIN),
    ("gru", PLAIN),
    ("s4", &[("channels", &["1"])]),
    ("resnet18", &[("width", &["64"]), ("blocks", &["2"])]),
];
/// One layer, read out at its last step.
const PLAIN: &[Setting] = &[("layers", &["1"]), ("readout", &["last"]), ("orthonormality", &["0"])];

/// Whether every setting that makes the published networks of its baseline has their value in `record`. One that the record
/// does not name has: older records do not have it.
fn same_network(record: &CellRecord) -> bool {
    let baseline = &record.baseline;
    let mut of_it = NETWORKS.iter().filter(|(name, _)| *name == baseline.name).flat_map(|(_, settings)| *settings);
    of_it.all(|(name, values)| baseline.config.get(name).is_none_or(|value| is_one_of(value, values)))
}

/// Whether `value` is one of `texts`, numbers by value.
fn is_one_of(value: &serde_json::Value, texts: &[&str]) -> bool {
    texts.iter().any(|text| {
        let wanted = serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(*text));
        equal(value, &wanted)
    })
}

fn equal(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    match (a, b) {
        (serde_json::Value::Number(a), serde_json::Value::Number(b)) => a.as_f64() == b.as_f64(),
        (serde_json::Value::Array(a), serde_json::Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (a, b) => a == b,
    }
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

/// A published value beside one of ours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Beside {
    /// The value.
    pub published: Published,
    /// Whether a network of our size was meant: ours has a parameter count within a third of the printed one.
    pub same_size: bool,
    /// Whether ours is that network, its size and what a recipe tunes aside.
    pub same_network: bool,
    /// Whether ours is the same task.
    pub counterpart: Counterpart,
}

/// The published value beside `record`.
pub(crate) fn beside(record: &CellRecord, table: &[Published]) -> Option<Beside> {
    let task = counterpart(record, None)?.task;
    let (models, same_model) = models(record);
    let found = models.into_iter().find_map(|model| table.iter().find(|p| p.task == task && p.model == model))?;
    let same_size = match (record.baseline.parameters, found.parameters) {
        (Some(ours), Some(theirs)) => (ours as f64 / theirs as f64 - 1.0).abs() <= 1.0 / 3.0,
        _ => true,
    };
    let counterpart = counterpart(record, Some(&found.model))?;
    let same_size = same_model && same_size;
    Some(Beside { published: found.clone(), same_size, same_network: same_network(record), counterpart })
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
        let found = beside(&full, &table).unwrap();
        assert_eq!((found.published.accuracy, found.same_size, found.same_network), (99.72, true, true));
        assert_eq!(found.counterpart, exactly("sMNIST"));
        let small = record("smnist", "ccnn-2-30", 30_000, &[1, 784], [1_000, 100, 100], json!({}));
        let small = beside(&small, &table).unwrap();
        assert!(!small.same_size && !small.counterpart.full_data);
        // The label alone does not make the size.
        let other = record("smnist", "ccnn-4-140", 500_000, &[1, 784], [55_000, 5_000, 10_000], json!({}));
        assert!(!beside(&other, &table).unwrap().same_size);
    }

    #[test]
    fn the_form_and_the_difficulty_decide_the_published_task() {
        let splits = [160_000, 20_000, 20_000];
        let hard = json!({"difficulty": "hard", "contour_length": 14, "distractor_length": 4});
        let flat = record("pathfinder", "ccnn-4-140", 200_000, &[1, 1024], splits, hard.clone());
        let plane = record("pathfinder", "ccnn-4-140", 200_000, &[1, 32, 32], splits, hard);
        let of = |r: &CellRecord| counterpart(r, None).unwrap();
        assert_eq!(of(&flat), exactly("Pathfinder"));
        assert_eq!(of(&plane).task, "2DPathfinder");
        let easy = record("pathfinder", "ccnn-4-140", 200_000, &[1, 1024], splits, json!({"difficulty": "easy"}));
        assert!(!of(&easy).same_difficulty);
        let short = json!({"difficulty": "hard", "contour_length": 9});
        assert!(!of(&record("pathfinder", "ccnn-4-140", 200_000, &[1, 1024], splits, short)).same_difficulty);
        let other = record("pathfinder", "ccnn-4-140", 1, &[1, 64, 64], splits, json!({}));
        assert_eq!(counterpart(&other, None), None);
    }

    fn exactly(task: &'static str) -> Counterpart {
        Counterpart { task, full_data: true, same_difficulty: true, same_protocol: true }
    }

    #[test]
    fn what_is_held_out_is_a_small_part() {
        for (task, splits) in [
            ("smnist", [1_000, 59_000, 10_000]),
            ("smnist", [50_000, 10_000, 10_000]),
            ("scifar10", [40_000, 10_000, 10_000]),
            ("stl10", [2_500, 2_500, 8_000]),
        ] {
            let shape: &[usize] = match task {
                "smnist" => &[1, 784],
                "scifar10" => &[3, 1024],
                _ => &[3, 256, 256],
            };
            let found = counterpart(&record(task, "ccnn-4-140", 200_000, shape, splits, json!({})), None).unwrap();
            assert!(!found.full_data, "{task} {splits:?}");
        }
    }

    #[test]
    fn a_setting_that_makes_the_network_makes_another_one() {
        let table = all().unwrap();
        let of = |name: &str, config: Value| {
            let mut record = record("smnist", "ccnn-4-140", 70_000, &[1, 784], [55_000, 5_000, 10_000], json!({}));
            (record.baseline.name, record.baseline.config) = (name.into(), config);
            beside(&record, &table).unwrap().same_network
        };
        assert!(of("ccnn", json!({"blocks": 4, "hidden": 140, "kernel_layers": 3.0, "omega_0": 7.0, "norm": "batch"})));
        assert!(of("lstm", json!({"hidden": 128, "layers": 1, "readout": "last", "orthonormality": 0.0})));
        for (name, config) in [
            ("ccnn", json!({"mask": "none"})),
            ("ccnn", json!({"kernel_network": "siren"})),
            ("ccnn", json!({"norm": "none"})),
            ("ccnn", json!({"causal": false})),
            ("lstm", json!({"layers": 2})),
            ("gru", json!({"readout": "mean"})),
            ("ckcnn", json!({"hidden": 30, "norm": "batch"})),
            ("flexnet", json!({"initialisation": "corrected"})),
        ] {
            assert!(!of(name, config.clone()), "{name} {config}");
        }
    }

    const CIFAR: [usize; 3] = [45_000, 5_000, 10_000];
    const SC10: [usize; 3] = [24_482, 5_246, 5_247];
    const LRA_IMAGES: [usize; 3] = [160_000, 20_000, 20_000];
    const TEXTS: [usize; 3] = [25_000, 25_000, 25_000];

    #[test]
    fn every_published_task_of_a_recipe_has_its_counterpart() {
        let text = json!({
            "level": "char", "length": 4096, "min_frequency": 15, "end_token": true, "tokens": "scalar", "padding": "left",
            "validation": "test", "vocabulary": 135, "train_samples": 25_000
        });
        let listops = json!({"max_depth": 10, "min_length": 500, "length": 2048, "tokens": "embed", "seed": 0});
        for (task, shape, splits, config, name) in [
            ("smnist", &[1, 784][..], [55_000, 5_000, 10_000], json!({"permutation": null}), "sMNIST"),
            ("pmnist", &[1, 784], [55_000, 5_000, 10_000], json!({"variant": "random"}), "pMNIST"),
            ("listops", &[1, 2048], [96_000, 2_000, 2_000], listops, "ListOps"),
            ("text", &[1, 4096], TEXTS, text, "Text"),
            ("image", &[1, 1024], CIFAR, json!({"pixels": "normalised", "augment": false}), "Image"),
            ("image", &[1, 32, 32], CIFAR, json!({"form": "2d"}), "2DImage"),
            ("retrieval", &[1, 4000], [147_086, 18_090, 17_437], json!({"level": "char", "length": 4000}), "Retrieval"),
            ("pathfinder", &[1, 16384], LRA_IMAGES, json!({"margin": [2, 3], "contour_length": 14}), "Path-X"),
            ("pathx", &[1, 16384], LRA_IMAGES, json!({"source": "lra", "centre": false, "seed": 0}), "Path-X"),
            ("scifar10", &[3, 1024], CIFAR, json!({"augment": false}), "sCIFAR10"),
            ("npcifar", &[96, 1000], CIFAR, json!({"length": 1000}), "npCIFAR"),
            ("cifar10", &[3, 32, 32], CIFAR, json!({"form": "2d", "augment": true}), "CIFAR10"),
            ("cifar100", &[3, 32, 32], CIFAR, json!({}), "CIFAR100"),
            ("stl10", &[3, 256, 256], [4_500, 500, 8_000], json!({"degrees": 15.0}), "STL10"),
            ("speech-mfcc", &[20, 161], SC10, json!({"drop": 0, "split": "stratified"}), "SC10-MFCC"),
            ("speech-raw", &[1, 16_000], SC10, json!({"drop": 0}), "SC10-raw"),
            ("character-trajectories", &[3, 182], [2_000, 429, 429], json!({"source": "uea"}), "CharTraj"),
        ] {
            let found = counterpart(&record(task, "ccnn-4-140", 200_000, shape, splits, config), None).unwrap();
            assert_eq!(found, exactly(name));
            assert!(all().unwrap().iter().any(|p| p.task == name), "{name}");
            let few = counterpart(&record(task, "ccnn-4-140", 200_000, shape, [20, 32, 32], json!({})), None).unwrap();
            assert!(!few.full_data, "{name}");
        }
        let mut words = record("speech-raw", "ccnn-4-140", 1, &[1, 16_000], [84_843, 9_981, 11_005], json!({}));
        words.task.chance = 1.0 / 35.0;
        assert_eq!(counterpart(&words, None).unwrap(), exactly("SC35"));
    }

    #[test]
    fn any_setting_that_makes_another_task_is_seen() {
        for (task, shape, splits, config) in [
            ("smnist", &[1, 784][..], [55_000, 5_000, 10_000], json!({"permutation": "mine.txt"})),
            ("pmnist", &[1, 784], [55_000, 5_000, 10_000], json!({"variant": "bit-reversal"})),
            ("pmnist", &[1, 784], [55_000, 5_000, 10_000], json!({"variant": "random", "permutation": "mine.txt"})),
            ("listops", &[1, 2048], [96_000, 2_000, 2_000], json!({"max_args": 5})),
            ("listops", &[1, 512], [96_000, 2_000, 2_000], json!({"length": 512})),
            ("listops", &[1, 2048], [96_000, 2_000, 2_000], json!({"seed": 3})),
            ("text", &[1, 4096], TEXTS, json!({"level": "byte"})),
            ("text", &[1, 4096], TEXTS, json!({"validation": "held-out"})),
            ("text", &[1, 1000], TEXTS, json!({"length": 1000})),
            ("image", &[1, 1024], CIFAR, json!({"augment": true})),
            ("image", &[1, 1024], CIFAR, json!({"pixels": "unit"})),
            ("pathx", &[1, 16384], LRA_IMAGES, json!({"centre": true})),
            ("pathfinder", &[1, 1024], LRA_IMAGES, json!({"distractors": 1})),
            ("pathfinder", &[1, 1024], LRA_IMAGES, json!({"paddle_contrast": [1.0]})),
            ("scifar10", &[3, 1024], CIFAR, json!({"augment": true})),
            ("scifar10", &[3, 1024], CIFAR, json!({"normalisation": "unit"})),
            ("cifar10", &[3, 32, 32], CIFAR, json!({"augment": false})),
            ("speech-raw", &[2, 16_000], SC10, json!({"drop": 30})),
            ("speech-raw", &[1, 16_000], SC10, json!({"split": "official"})),
            ("speech-raw", &[1, 16_000], SC10, json!({"normalisation": "none"})),
            ("character-trajectories", &[3, 182], [2_000, 429, 429], json!({"drop": 50})),
            ("character-trajectories", &[3, 182], [2_000, 429, 429], json!({"source": "uci"})),
            ("character-trajectories", &[3, 182], [2_000, 429, 429], json!({"resample": 2})),
        ] {
            let found = counterpart(&record(task, "lstm-1-128", 1, shape, splits, config.clone()), None).unwrap();
            assert!(!(found.same_difficulty && found.same_protocol), "{task} {config}");
        }
        for (task, shape, splits) in [
            ("character-trajectories", &[3, 182][..], [1_858, 500, 500]),
            ("speech-raw", &[1, 16_000], [20_000, 9_728, 5_247]),
            ("text", &[1, 4096], [22_500, 2_500, 25_000]),
        ] {
            assert!(!counterpart(&record(task, "lstm-1-128", 1, shape, splits, json!({})), None).unwrap().full_data);
        }
        let mut noted = record("smnist", "lstm-1-128", 1, &[1, 784], [55_000, 5_000, 10_000], json!({}));
        noted.task.notes = vec!["reconstructed: from JPEG".into()];
        assert!(!counterpart(&noted, None).unwrap().full_data);
    }

    #[test]
    fn a_published_network_may_have_settings_of_its_own() {
        let table = all().unwrap();
        let of = |baseline: &str, parameters, config| {
            beside(&record("scifar10", baseline, parameters, &[3, 1024], CIFAR, config), &table).unwrap().counterpart
        };
        assert!(of("ccnn-4-140", 200_000, json!({"augment": true})).same_protocol);
        assert!(!of("ccnn-4-140", 200_000, json!({"augment": false})).same_protocol);
        assert!(of("ccnn-6-380", 2_000_000, json!({"augment": false})).same_protocol);
        assert!(of("ckcnn-2-30", 98_000, json!({"normalisation": "imagenet"})).same_protocol);
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
