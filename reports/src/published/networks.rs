//! Which published networks a baseline of ours is.

use vocabulary::record::RunRecord;

use super::setting::{AllowedSettings, allows};

/// Settings that make the published networks of a baseline, whatever the task, with their values. What a recipe tunes for a
/// task (frequencies, widths of masks, dropout, penalties) is not among them.
const NETWORKS: &[(&str, AllowedSettings)] = &[
    (
        "ccnn",
        "block=s4 prenorm=true kernel_network=magnet kernel_hidden=32|64 kernel_layers=3 mask=gaussian mask_threshold=0.1 \
         initialisation=corrected separable=true nonlinearity=gelu causal=auto norm=batch",
    ),
    (
        "flexnet",
        "width_factors=null kernel_hidden=32 kernel_layers=3 mask_threshold=0.1 initialisation=original norm=batch",
    ),
    ("ckcnn", "kernel_hidden=32 initialisation=off norm=group"),
    ("lstm", PLAIN),
    ("gru", PLAIN),
    ("s4", "channels=1"),
    ("lru", "n_layers=6 norm=batch"),
    ("resnet18", "width=64 blocks=2"),
];
/// One layer without a block around it, read out at its last step.
const PLAIN: AllowedSettings = "layers=1 block=none readout=last orthonormality=0";

/// Names that one published network has in several papers.
const NAMES: &[&[&str]] =
    &[&["CKCNN", "CKCNN-2", "CKConv"], &["CKCNN-Big", "CKCNN-2-Big"], &["FlexNet-7", "FlexNet-6"]];

/// The names that `model` has in other papers.
pub(super) fn other_names(model: &str) -> impl Iterator<Item = &'static str> {
    let names = NAMES.iter().find(|names| names.contains(&model)).copied().unwrap_or_default();
    names.iter().copied().filter(move |name| *name != model)
}

/// Whether every setting that makes the published networks of its baseline has their value in `record`. One that the record
/// does not name has: older records do not have it.
pub(super) fn same_network(record: &RunRecord) -> bool {
    let baseline = &record.baseline;
    let Some((_, published)) = NETWORKS.iter().find(|(name, _)| *name == baseline.name) else { return true };
    let settings = baseline.config.as_object().into_iter().flatten();
    settings.filter_map(|(name, value)| allows(published, name, value)).all(|allowed| allowed)
}

/// The published models that a baseline corresponds to, the nearest first, and whether it has the published size.
pub(crate) fn models(record: &RunRecord) -> (Vec<&'static str>, bool) {
    let config = &record.baseline.config;
    let size = |name: &str| config.get(name).and_then(|v| v.as_u64());
    let word = |name: &str| config.get(name).and_then(|v| v.as_str());
    let sequence = record.task.shape.len() == 2;
    match record.baseline.name.as_str() {
        "lstm" => (vec!["LSTM"], true),
        "gru" => (vec!["GRU"], true),
        "lru" => (vec!["LRU"], true),
        "tcn" => (vec!["TCN"], true),
        // The papers differ in sizes from task to task, and most do not say them.
        "transformer" => match (word("positions"), word("attention")) {
            (Some("rotary"), Some("full")) => (vec!["Transformer + RoPE"], false),
            (Some("sinusoidal"), Some("full")) => (vec!["Transformer"], false),
            _ => (Vec::new(), false),
        },
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
