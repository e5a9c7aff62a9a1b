//! What the tensors of a network show of its settings.
//!
//! Shapes and names show some settings; others act in training alone; of the rest a state dict says nothing.

use baselines::{InputSpec, OutputSpec, Parameter, registry::Entry};
use burn::tensor::Device;
use serde_json::{Value, json};

use crate::experiment::schema::SchemaPart;

/// What a state dict shows of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Names or shapes of tensors show it.
    Shapes,
    /// It makes no difference to a trained network: it is of training, of how weights start, or of another form of network.
    NoEffect,
    /// Nothing; the network computes something else under another value.
    Nothing,
}

/// Settings of training and of initial weights, of all baselines.
const NO_EFFECT: [&str; 19] = [
    "dropout",
    "dropout_kind",
    "dropout_in",
    "dropout_in_kind",
    "weight_penalty",
    "orthonormality",
    "orthogonality_weight",
    "learning_rates",
    "mask_learning_rate_factor",
    "kernel_dropout",
    "kernel_learning_rate_factor",
    "initialisation",
    "init",
    "mask_init",
    "dt_min",
    "dt_max",
    "r_min",
    "r_max",
    "max_phase",
];

/// What the tensors of a network of `entry` with `config` show of the setting `field`.
///
/// Networks with other values of it are built: where every one of them has other tensors, the tensors show the value.
pub(super) fn evidence(entry: &Entry, config: &Value, field: &str, input: &InputSpec, output: &OutputSpec) -> Evidence {
    let embedded = matches!(input, InputSpec::Tokens { .. });
    let idle = || (entry.unused)(config).contains(&field);
    if NO_EFFECT.contains(&field) || (field == "embedding" && !embedded) || idle() {
        return Evidence::NoEffect;
    }
    // Where the tensors lie makes no difference to their shapes.
    let device = Device::flex();
    let tensors = |config: &Value| -> Option<Vec<Parameter>> {
        Some((entry.build)(config, input, output, 0, &device).ok()?.parameters().to_vec())
    };
    let Some(own) = tensors(config) else { return Evidence::Nothing };
    let mut shows = false;
    for other in alternatives(entry, field, &config[field]) {
        let mut changed = config.clone();
        changed[field] = other;
        match tensors(&changed) {
            // Null stands for some value, which may be this one.
            Some(found) if found == own && !config[field].is_null() => return Evidence::Nothing,
            Some(found) => shows |= found != own,
            None => {}
        }
        // One other number is as good as another.
        if shows && config[field].is_number() {
            break;
        }
    }
    if shows { Evidence::Shapes } else { Evidence::Nothing }
}

/// Other values of a setting of `entry`.
fn alternatives(entry: &Entry, field: &str, value: &Value) -> Vec<Value> {
    let schema = (entry.schema)();
    let mut others: Vec<Value> = match value {
        Value::Bool(value) => vec![json!(!value)],
        Value::Number(number) => match number.as_u64() {
            // One more of something may not be allowed, as with numbers that have to be even, or multiples of another.
            Some(number) => vec![
                json!(number + 1),
                json!(number + 2),
                json!(number.saturating_sub(1).max(1)),
                json!(number.saturating_mul(2)),
            ],
            None => number.as_f64().map(|number| json!(number * 2.0)).into_iter().collect(),
        },
        Value::Null => vec![json!(1), json!(2), json!([2.0])],
        Value::Array(values) => {
            let doubled = |value: &Value| value.as_f64().map(|value| json!(value * 2.0));
            vec![values.iter().filter_map(doubled).collect()]
        }
        Value::String(_) => vec![json!(true), json!(false), json!(3)],
        Value::Object(_) => vec![],
    };
    others.extend(SchemaPart::of(&schema).get(field).constants().filter(|constant| constant.is_string()).cloned());
    others.retain(|other| other != value);
    others
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use baselines::registry;

    use super::*;

    /// Settings that a state dict does not show, by baseline, and axes of positions. A new setting has to be put here, or to
    /// show in the tensors, or to be one of those that make no difference.
    const NOT_SHOWN: [(&str, usize, &[&str]); 20] = [
        (
            "ccnn",
            1,
            &["kernel_network", "omega_0", "kernel_size", "mask_threshold", "nonlinearity", "causal", "faithful"],
        ),
        ("ckcnn", 1, &["omega_0", "norm", "faithful"]),
        ("cnn", 2, &[]),
        ("flexnet", 1, &["input_scale", "kernel_size", "mask_threshold", "sampling_rate_norm", "faithful"]),
        ("gru", 1, &["readout"]),
        ("local", 1, &["nonlinearity", "causal", "readout"]),
        ("longconv", 1, &["kernel_size", "lam", "smoothing", "smoothing_window", "nonlinearity", "causal"]),
        ("lru", 1, &["conventions", "prenorm", "readout"]),
        ("lstm", 1, &["readout"]),
        ("mingru", 1, &["readout"]),
        ("minlstm", 1, &["readout"]),
        ("resnet18", 2, &[]),
        ("resnet44", 2, &[]),
        ("rnn", 1, &["readout"]),
        ("s4", 1, &["disc", "l_max", "prenorm", "norm"]),
        ("s4d", 1, &["disc", "prenorm", "norm"]),
        ("stn", 2, &[]),
        ("tcn", 1, &[]),
        ("transformer", 1, &["n_heads", "positions", "attention", "window", "causal", "norm"]),
        ("vgg", 2, &["activation", "orthogonality", "orthogonality_linear"]),
    ];

    #[test]
    fn what_tensors_show_of_every_baseline() {
        let mut without_effect = BTreeSet::new();
        let mut wrong = Vec::new();
        for entry in registry::entries() {
            // What is not in the table is listed by `bench eval` all the same.
            let Some((_, rank, wanted)) = NOT_SHOWN.iter().find(|(name, ..)| *name == entry.info.name) else {
                continue;
            };
            let input = InputSpec::Values { channels: 3, shape: vec![32; *rank] };
            let output = OutputSpec::Classes(10);
            let small = match entry.info.name {
                "ccnn" | "longconv" | "local" => json!({"hidden": 8}),
                "resnet18" | "resnet44" | "vgg" | "cnn" | "stn" => json!({"width": 4}),
                _ => json!({}),
            };
            let config = (entry.resolve)(&small).unwrap();
            let mut not_shown = Vec::new();
            for field in config.as_object().unwrap().keys() {
                match evidence(&entry, &config, field, &input, &output) {
                    Evidence::Nothing => not_shown.push(field.as_str()),
                    Evidence::NoEffect => {
                        without_effect.insert(field.clone());
                    }
                    Evidence::Shapes => {}
                }
            }
            not_shown.sort_unstable();
            let mut wanted = wanted.to_vec();
            wanted.sort_unstable();
            if not_shown != wanted {
                wrong.push(format!("{}: {not_shown:?}, not {wanted:?}", entry.info.name));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        // A name in the list that no baseline has is a slip.
        let unknown: Vec<&&str> = NO_EFFECT.iter().filter(|name| !without_effect.contains(**name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn settings_of_residual_blocks_count_where_there_are_such_blocks() {
        let entry = registry::find("gru").unwrap();
        let input = InputSpec::Values { channels: 1, shape: vec![8] };
        let of = |block: &str, field: &str| {
            let config = (entry.resolve)(&json!({"hidden": 4, "block": block, "norm": "layer"})).unwrap();
            evidence(&entry, &config, field, &input, &OutputSpec::Classes(2))
        };
        assert_eq!((of("none", "prenorm"), of("none", "norm")), (Evidence::NoEffect, Evidence::NoEffect));
        assert_eq!((of("none", "block"), of("residual", "block")), (Evidence::Shapes, Evidence::Shapes));
        // A last normalisation shows the one, and no tensor tells layer from group normalisation.
        assert_eq!(of("residual", "prenorm"), Evidence::Shapes);
        assert_eq!(of("residual", "norm"), Evidence::Nothing);
    }

    #[test]
    fn embeddings_show_where_there_are_tokens() {
        let entry = registry::find("rnn").unwrap();
        let config = (entry.resolve)(&json!({})).unwrap();
        let tokens = InputSpec::Tokens { vocabulary: 5, length: 8 };
        let values = InputSpec::Values { channels: 1, shape: vec![8] };
        let output = OutputSpec::Classes(2);
        assert_eq!(evidence(&entry, &config, "embedding", &tokens, &output), Evidence::Shapes);
        assert_eq!(evidence(&entry, &config, "embedding", &values, &output), Evidence::NoEffect);
    }
}
