#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use vocabulary::record::RunRecord;

use super::beside::beside;
use super::counterpart::{Counterpart, counterpart};
use super::errata::all;
use super::networks::models;
use super::values::{Published, parse};

fn record(
    task: &str,
    baseline: &str,
    parameters: u64,
    shape: &[usize],
    splits: [usize; 3],
    config: Value,
) -> RunRecord {
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
    assert!(table.iter().all(|p| (0.0..=100.0).contains(&p.accuracy) && !p.source().is_empty()));
}

#[test]
fn a_damaged_line_says_what_is_wrong() {
    let table = |line: &str| {
        let head = "task,model,variant,parameters,accuracy,seeds,selection,read,paper,table";
        parse::<Published>(&format!("# a remark\n{head}\n{line}\n")).map(|values| values[0].source())
    };
    let whole = "Image,MEGA,grey rerun,1000,90.4,5,best-on-test one-chosen-seed,second-hand,a paper,Table 2";
    assert_eq!(table(whole), Ok("a paper Table 2 (second-hand, 5 seeds)".to_owned()));
    for (good, bad) in
        [("90.4", "nan"), ("grey", "gray"), ("best-on", "best-in"), ("second-hand", "third-hand"), ("1000", "1K")]
    {
        let error = table(&whole.replace(good, bad)).unwrap_err();
        assert!(error.contains("line"), "{bad}: {error}");
    }
}

#[test]
fn only_the_published_protocol_compares() {
    let table = all().unwrap();
    let full = record("smnist", "ccnn-4-140", 200_000, &[1, 784], [55_000, 5_000, 10_000], json!({}));
    let found = beside(&full, table).unwrap();
    assert_eq!((found.range.single(), found.same_size, found.same_network), (Some(99.72), true, true));
    assert_eq!(found.counterpart, exactly("sMNIST"));
    let small = record("smnist", "ccnn-2-30", 30_000, &[1, 784], [1_000, 100, 100], json!({}));
    let small = beside(&small, table).unwrap();
    assert!(!small.same_size && !small.counterpart.full_data);
    // The label alone does not make the size.
    let other = record("smnist", "ccnn-4-140", 500_000, &[1, 784], [55_000, 5_000, 10_000], json!({}));
    assert!(!beside(&other, table).unwrap().same_size);
}

#[test]
fn the_form_and_the_difficulty_decide_the_published_task() {
    let splits = [160_000, 20_000, 20_000];
    let hard = json!({"difficulty": "hard", "contour_length": 14, "distractor_length": 4});
    let flat = record("pathfinder", "ccnn-4-140", 200_000, &[1, 1024], splits, hard.clone());
    let plane = record("pathfinder", "ccnn-4-140", 200_000, &[1, 32, 32], splits, hard);
    let of = |r: &RunRecord| counterpart(r, None).unwrap();
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
        beside(&record, table).unwrap().same_network
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
        ("gru", json!({"block": "residual"})),
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
        beside(&record("scifar10", baseline, parameters, &[3, 1024], CIFAR, config), table).unwrap().counterpart
    };
    assert!(of("ccnn-4-140", 200_000, json!({"augment": true})).same_protocol);
    assert!(!of("ccnn-4-140", 200_000, json!({"augment": false})).same_protocol);
    assert!(of("ccnn-6-380", 2_000_000, json!({"augment": false})).same_protocol);
    assert!(of("ckcnn-2-30", 98_000, json!({"normalisation": "imagenet"})).same_protocol);
}

#[test]
fn settings_decide_the_published_model() {
    let of = |name: &str, config: Value| {
        let mut record = record("scifar10", "ccnn-4-140", 1, &[3, 1024], [45_000, 5_000, 10_000], json!({}));
        (record.baseline.name, record.baseline.config) = (name.into(), config);
        models(&record).0.first().copied().unwrap_or("none")
    };
    assert_eq!(of("s4", json!({ "variant": "dplr", "init": "legs" })), "S4-LegS");
    assert_eq!(of("s4", json!({ "variant": "dplr", "init": "fout" })), "S4-FouT");
    assert_eq!(of("s4", json!({ "variant": "diag", "init": "legs" })), "S4D-LegS");
    assert_eq!(of("s4d", json!({ "init": "lin" })), "S4D-Lin");
    assert_eq!(of("flexnet", json!({ "blocks": 6 })), "FlexTCN-6");
    assert_eq!(of("ckcnn", json!({ "hidden": 100 })), "CKCNN-Big");
    assert_eq!(of("transformer", json!({ "positions": "rotary", "attention": "full" })), "Transformer + RoPE");
    assert_eq!(of("transformer", json!({ "positions": "sinusoidal", "attention": "full" })), "Transformer");
    assert_eq!(of("transformer", json!({ "positions": "rotary", "attention": "local" })), "none");
}
