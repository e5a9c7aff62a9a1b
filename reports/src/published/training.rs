//! How long published networks were trained.

use vocabulary::record::StopReason;

use crate::runs::Run;

/// How published networks were trained, by the recipes of `experiments/`, which name their sources.
struct TrainingLength {
    /// Names in [`Published::task`](super::Published::task).
    tasks: &'static [&'static str],
    /// Beginnings of names in [`Published::model`](super::Published::model).
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

const fn length(
    models: &'static [&'static str],
    tasks: &'static [&'static str],
    epochs: u64,
    batch: u64,
) -> TrainingLength {
    TrainingLength { tasks, models, epochs, batch }
}

/// Of several recipes the shortest one, and the largest of their batches.
const LENGTHS: &[TrainingLength] = &[
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

/// Whether `run`, which has finished, was trained for as long as the published `model` on the published `task`: as many
/// epochs over the whole training split, in batches that are not larger.
pub(crate) fn full_training(run: &Run, task: &str, model: &str) -> bool {
    let recipe = LENGTHS.iter().find(|length| {
        length.tasks.contains(&task) && length.models.iter().any(|beginning| model.starts_with(beginning))
    });
    let (Some(recipe), Some(record)) = (recipe, &run.record) else { return false };
    let setting = |name: &str| record.training.get(name).and_then(serde_json::Value::as_u64);
    let patient = run.status.reason == Some(StopReason::EarlyStopping)
        && setting("early_stopping").is_some_and(|patience| patience >= PATIENCE);
    let batch = setting("batch_size").map(|size| size * setting("accumulate_grad_steps").unwrap_or(1).max(1));
    let steps = batch.map(|batch| record.task.splits[0] as u64 / batch.max(1));
    let whole = setting("steps_per_epoch").is_none_or(|limit| steps.is_some_and(|steps| limit >= steps));
    (patient || run.status.epoch >= recipe.epochs) && batch.is_none_or(|batch| batch <= recipe.batch) && whole
}
