//! Which of our networks is which of the recorded ones.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::recorded::{NetworkRow, Program};

/// A network that was measured, as built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Task label.
    pub task: String,
    /// Baseline label.
    pub baseline: String,
    /// Varied conditions, without the mode.
    pub conditions: BTreeMap<String, String>,
    /// Registry name of the baseline, e.g. `ccnn`.
    pub name: String,
    /// Resolved settings, under these conditions.
    pub config: Value,
    /// Shape of an input, `[channels, positions…]`.
    pub shape: Vec<usize>,
    /// Trainable parameters.
    pub parameters: u64,
}

impl Network {
    /// Whether this is the network `row`, whatever the mode.
    pub(super) fn is(&self, row: &NetworkRow) -> bool {
        let wanted = wanted(row);
        // The program of FlexNet counts its norms also where it does without them.
        let uncounted = row.norm == "none" && row.program == Program::Flexconv;
        let as_large = self.parameters == row.parameters || uncounted;
        self.name == wanted.baseline && self.shape == row.shape() && as_large && {
            let settings = self.config.as_object();
            wanted.settings.iter().all(|(field, allowed)| {
                let found = settings.and_then(|settings| settings.get(*field)).unwrap_or(&Value::Null);
                allowed.iter().any(|value| is_same(found, value))
            })
        }
    }
}

/// Numbers are the same up to how they are written.
fn is_same(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs(),
        _ => found == wanted,
    }
}

/// A baseline of ours, and what its settings have to be; others do not matter at initialisation.
struct Wanted {
    baseline: &'static str,
    settings: Vec<(&'static str, Vec<Value>)>,
}

fn wanted(row: &NetworkRow) -> Wanted {
    let one = |value: Value| vec![value];
    let common = [
        ("norm", one(json!(row.norm))),
        ("initialisation", one(json!(row.initialisation))),
        ("kernel_hidden", one(json!(row.kernel_hidden))),
    ];
    let images = row.shape().len() > 2;
    // What a setting that is left out means, beside the number itself.
    let or_default = |value: u64, default: u64| {
        let left_out = (value == default).then_some(Value::Null);
        std::iter::once(json!(value)).chain(left_out).collect::<Vec<_>>()
    };
    let (baseline, own) = match row.program {
        Program::Ccnn => ("ccnn", ccnn(row)),
        Program::Ckconv => {
            let sizes = [("blocks", one(json!(row.blocks))), ("hidden", one(json!(row.channels)))];
            ("ckcnn", sizes.into_iter().chain([("omega_0", one(json!(row.frequency)))]).collect())
        }
        Program::Flexconv => (
            "flexnet",
            vec![
                ("blocks", or_default(row.blocks, if images { 7 } else { 2 })),
                ("hidden", or_default(row.channels, if images { 24 } else { 30 })),
                ("width_factors", one(Value::Null)),
                ("input_scale", one(json!(row.frequency))),
                ("mask_init", one(json!(row.mask))),
                ("mask_threshold", one(json!(0.1))),
                ("kernel_layers", one(json!(3))),
                ("kernel_size", one(Value::Null)),
            ],
        ),
    };
    Wanted { baseline, settings: common.into_iter().chain(own).collect() }
}

/// The settings of a network of the CCNN program: its residual networks of two convolutions have ReLUs.
fn ccnn(row: &NetworkRow) -> Vec<(&'static str, Vec<Value>)> {
    let nonlinearity = if row.block == "s4" { "gelu" } else { "relu" };
    let mut settings = vec![
        ("blocks", json!(row.blocks)),
        ("hidden", json!(row.channels)),
        ("block", json!(row.block)),
        ("nonlinearity", json!(nonlinearity)),
        ("separable", json!(row.is_separable())),
        ("kernel_network", json!(row.kernel_network)),
        ("kernel_layers", json!(3)),
        ("omega_0", json!(row.frequency)),
        ("kernel_size", json!("auto")),
        ("causal", json!("auto")),
        ("mask", json!(if row.mask.is_some() { "gaussian" } else { "none" })),
    ];
    settings.extend(row.mask.map(|width| ("mask_init", json!(width))));
    settings.extend(row.mask.map(|_| ("mask_threshold", json!(0.1))));
    if row.block == "s4" {
        settings.push(("prenorm", json!(true)));
    }
    settings.into_iter().map(|(field, value)| (field, vec![value])).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::recorded::recorded;
    use super::*;

    fn network(name: &str, shape: &[usize], parameters: u64, config: Value) -> Network {
        Network {
            task: "t".into(),
            baseline: "b".into(),
            conditions: BTreeMap::new(),
            name: name.into(),
            config,
            shape: shape.to_vec(),
            parameters,
        }
    }

    fn matching(network: &Network) -> Vec<String> {
        recorded().unwrap().into_iter().filter(|r| network.is(&r.row)).map(|r| r.name).collect()
    }

    fn ccnn_config() -> Value {
        json!({"blocks": 4, "hidden": 140, "block": "s4", "prenorm": true, "kernel_network": "magnet", "kernel_hidden": 32,
            "kernel_layers": 3, "omega_0": 2976.49, "kernel_size": "auto", "mask": "gaussian", "mask_init": 0.075,
            "mask_threshold": 0.1, "initialisation": "corrected", "separable": true, "nonlinearity": "gelu", "causal": "auto",
            "norm": "batch", "dropout": 0.1})
    }

    #[test]
    fn networks_are_found_by_their_settings() {
        let found = matching(&network("ccnn", &[1, 784], 198_769, ccnn_config()));
        assert_eq!(found, ["CCNN-4,140 1D BN-train chang=True", "CCNN-4,140 1D BN-eval chang=True"]);
        let ckcnn = json!({"blocks": 4, "hidden": 30, "kernel_hidden": 32, "omega_0": 31.091_957_394_638_97,
            "initialisation": "off", "norm": "none"});
        assert_eq!(matching(&network("ckcnn", &[1, 784], 225_302, ckcnn)), ["CKCNN 4x30 L784 norm=False"]);
        let flexnet = json!({"blocks": null, "hidden": null, "width_factors": null, "kernel_hidden": 32, "kernel_layers": 3,
            "input_scale": 25.6, "kernel_size": null, "mask_init": 0.75, "mask_threshold": 0.1, "initialisation": "original",
            "norm": "batch"});
        let found = matching(&network("flexnet", &[3, 32, 32], 671_650, flexnet.clone()));
        assert_eq!(found, ["FlexNet-7 2D 32x32 maskinit.75 BN-train", "FlexNet-7 2D 32x32 maskinit.75 BN-eval"]);
        assert_eq!(matching(&network("flexnet", &[1, 784], 105_548, flexnet)).len(), 2);
    }

    #[test]
    fn other_networks_are_not() {
        for (field, value) in [
            ("hidden", json!(141)),
            ("nonlinearity", json!("relu")),
            ("mask_init", json!(0.1)),
            ("kernel_hidden", json!(16)),
            ("initialisation", json!("original")),
            ("prenorm", json!(false)),
            ("mask", json!("none")),
        ] {
            let mut config = ccnn_config();
            config[field] = value;
            assert!(matching(&network("ccnn", &[1, 784], 198_769, config)).is_empty(), "{field}");
        }
        assert!(matching(&network("ccnn", &[1, 784], 198_770, ccnn_config())).is_empty());
        assert!(matching(&network("ccnn", &[3, 784], 198_769, ccnn_config())).is_empty());
        assert!(matching(&network("ckcnn", &[1, 784], 198_769, ccnn_config())).is_empty());
        assert!(matching(&network("ccnn", &[1, 784], 198_769, Value::Null)).is_empty());
    }
}
