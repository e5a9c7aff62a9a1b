//! The matrix of the recipes: every one of sixteen networks on every one of thirteen tasks is a run, or says why it cannot be.

use std::collections::BTreeMap;
use std::path::Path;

use super::overrides;
use crate::experiment::{Plan, Run, load};
use crate::registry::Registry;

/// The networks, as their labels begin or are, in the files that hold them.
const NETWORKS: [(&str, &[&str]); 16] = [
    ("CCNN-4,140", &["ccnn-4-140"]),
    ("CCNN-6,380", &["ccnn-6-380"]),
    ("FlexNet, FlexTCN", &["flexnet", "flextcn-6"]),
    ("CKCNN", &["ckcnn-2-30"]),
    ("LSTM", &["lstm"]),
    ("GRU", &["gru"]),
    ("RNN", &["rnn"]),
    ("S4", &["s4"]),
    ("S4D", &["s4d"]),
    ("LRU", &["lru"]),
    ("TCN", &["tcn"]),
    ("ResNet-18", &["resnet18"]),
    ("CNN", &["cnn"]),
    ("CNN with orthogonality loss", &["cnn-orthogonal"]),
    ("Householder CNN", &["cnn-householder"]),
    ("LSTM with orthonormality loss", &["lstm-orthonormal"]),
];

const TASKS: [(&str, &[&str]); 3] = [
    ("lra", &["listops", "text", "retrieval", "image-1d", "image-2d", "pathfinder32", "pathfinder32-2d", "pathx"]),
    ("images", &["smnist", "pmnist", "scifar10"]),
    ("speech", &["speech-mfcc", "speech-raw"]),
];

/// Networks for sequences alone, on the pictures.
const SEQUENCES_ALONE: [&str; 9] =
    ["CKCNN", "LSTM", "GRU", "RNN", "S4", "S4D", "LRU", "TCN", "LSTM with orthonormality loss"];

fn recipe(file: &str) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments").join(file).with_extension("yaml");
    load(&path, &overrides(&["seeds=[0]"]), &Registry::standard()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_pair_of_the_matrix_is_a_run_or_says_why_not() {
    for (file, tasks) in TASKS {
        let plan = recipe(file);
        let runs: BTreeMap<(&str, &str), &Run> =
            plan.runs.iter().map(|run| ((run.task.label.as_str(), run.baseline.label.as_str()), run)).collect();
        for &task in tasks {
            for (network, labels) in NETWORKS {
                let found = labels.iter().find_map(|label| runs.get(&(task, *label)));
                let run = found.unwrap_or_else(|| panic!("{file}: no {network} on {task}"));
                let picture = task.ends_with("-2d");
                let applies = !(picture && SEQUENCES_ALONE.contains(&network));
                assert_eq!(run.not_applicable.is_none(), applies, "{}: {:?}", run.id, run.not_applicable);
                assert_eq!(run.parameters.is_some(), applies, "{}", run.id);
                assert!(run.not_applicable.as_ref().is_none_or(|reason| reason.contains("images (2D)")), "{:?}", run);
                // Where the settings come from, and what was tuned.
                assert!(!run.sources.is_empty(), "{} has no source", run.id);
                assert!(run.tuning.as_ref().is_some_and(|tuning| tuning.starts_with("none")), "{}", run.id);
            }
        }
    }
}

/// What has no recipe is trained as everything of its family, with the batches and epochs of its task.
#[test]
fn defaults_are_those_of_the_family() {
    for (file, _) in TASKS {
        for run in &recipe(file).runs {
            let name = run.baseline.label.as_str();
            let training = &run.training;
            let found = (training.learning_rate, training.weight_decay, training.warmup_epochs);
            match name {
                "tcn" | "cnn" | "lru" => assert_eq!(found, (0.001, 0.05, 5.0), "{}", run.id),
                "resnet18" => assert_eq!(found, (0.001, 0.05, 5.0), "{}", run.id),
                "gru" | "rnn" | "lstm-orthonormal" => {
                    assert_eq!((training.learning_rate, training.grad_clip), (0.001, Some(1.0)), "{}", run.id);
                }
                "cnn-orthogonal" | "cnn-householder" => {
                    assert_eq!((training.learning_rate, training.epochs), (0.0003, 50), "{}", run.id);
                }
                _ => {}
            }
        }
    }
}

/// A TCN that does not see the beginning could not know it.
#[test]
fn the_receptive_field_of_the_tcn_is_that_of_its_task() {
    for (file, tasks) in TASKS {
        for run in recipe(file).runs.iter().filter(|run| run.baseline.label == "tcn") {
            let levels = run.baseline.config["levels"].as_u64().unwrap();
            let sees = 1 + 2 * 6 * ((1 << levels) - 1);
            let length: usize = run.spec().input.shape().iter().product();
            let matters = tasks.contains(&run.task.label.as_str()) && run.not_applicable.is_none();
            assert!(!matters || sees >= length as u64, "{}: {sees} of {length}", run.id);
        }
    }
}
