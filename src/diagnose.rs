//! `bench diagnose`: variances per layer and scale of the logits at initialisation, under varied conditions.
//!
//! Inputs are N(0, 1) (tokens are uniform), as in the recorded statistics of the reference programs, so no data are needed.
//! Dropout is switched off. Every pair of task and baseline is measured with each value of the settings that decide the
//! scale, where the baseline has them: `initialisation` of the kernel networks (corrected, original, off), `norm`
//! as configured and off; each in training mode (batch statistics) and in evaluation mode (initial running statistics).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baselines::{Forward, Init, Probe, registry};
use burn::tensor::Device;
use datasets::{Batch, InputSpec, Inputs, Targets, TaskSpec};
use rand::Rng;
use reports::record::DiagnosticLine;
use serde_json::Value;

use crate::experiment::{Cell, Plan, fit};
use crate::train::batches;
use crate::train::seeds::Seeds;

/// Samples per measured batch; the reference statistics used 2 to 4.
const SAMPLES: usize = 4;

/// One combination of conditions.
struct Variant {
    conditions: BTreeMap<String, String>,
    config: Value,
}

/// Measure every pair of task and baseline of `plan` over seeds `0..seeds`, and write the report into `<out>/<name>/diagnose`.
///
/// # Errors
/// A model that cannot be built, or files that cannot be written; in words.
pub fn run(
    plan: &Plan,
    seeds: u64,
    device: &Device,
    out: &Path,
    mut announce: impl FnMut(&str),
) -> Result<(Vec<DiagnosticLine>, PathBuf), String> {
    let mut lines = Vec::new();
    let mut seen = Vec::new();
    for cell in plan.cells.iter().filter(|cell| cell.not_applicable.is_none()) {
        // Seeds and training settings of the experiment do not matter here.
        let key = (&cell.task.config, &cell.task.label, &cell.baseline.config, &cell.baseline.label);
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        for variant in variants(&cell.baseline.config) {
            let shown: Vec<_> = variant.conditions.iter().map(|(key, value)| format!("{key} {value}")).collect();
            announce(&format!("{} on {}: {}", cell.baseline.label, cell.task.label, shown.join(", ")));
            for seed in 0..seeds {
                measure(cell, &variant, seed, device, &mut lines)?;
            }
        }
    }
    let folder = out.join(&plan.name).join("diagnose");
    let written = reports::write_diagnostics(&lines, &folder).map_err(|error| error.to_string())?;
    let page = written.index.unwrap_or(folder);
    Ok((lines, page))
}

/// All combinations of the settings that decide the scale at initialisation.
fn variants(config: &Value) -> Vec<Variant> {
    let mut base = config.clone();
    if let Some(dropout) = base.get_mut("dropout") {
        *dropout = Value::from(0.0);
    }
    let mut variants = vec![Variant { conditions: BTreeMap::new(), config: base }];
    for field in ["initialisation", "norm"] {
        let Some(configured) = config.get(field) else { continue };
        let values = match field {
            "initialisation" => ["corrected", "original", "off"].map(|way| (way.to_owned(), Value::from(way))).to_vec(),
            _ if configured.as_str() == Some("none") => vec![("none".to_owned(), configured.clone())],
            _ => vec![
                (configured.as_str().unwrap_or("on").to_owned(), configured.clone()),
                ("none".to_owned(), Value::from("none")),
            ],
        };
        let mut varied = Vec::new();
        for variant in &variants {
            for (word, value) in values.clone() {
                let mut conditions = variant.conditions.clone();
                conditions.insert(field.to_owned(), word);
                let mut config = variant.config.clone();
                config[field] = value;
                varied.push(Variant { conditions, config });
            }
        }
        variants = varied;
    }
    variants
}

/// Both modes of one network.
fn measure(
    cell: &Cell,
    variant: &Variant,
    seed: u64,
    device: &Device,
    lines: &mut Vec<DiagnosticLine>,
) -> Result<(), String> {
    let spec = cell.task.task.spec();
    let entry = registry::find(&cell.baseline.name).ok_or_else(|| format!("no baseline `{}`", cell.baseline.name))?;
    let seeds = Seeds::derive(seed);
    let model =
        (entry.build)(&variant.config, &fit::input(&spec.input), &fit::output(&spec.target), seeds.init, device)
            .map_err(|error| format!("{}: {error}", cell.baseline.label))?
            .evaluator();
    let batch = noise(spec, seeds.order);
    // Evaluation first: a training pass moves the running statistics.
    for mode in ["eval", "train"] {
        let mut probes = Vec::new();
        let ctx = if mode == "train" { Forward::training(seeds.dropout, 0) } else { Forward::evaluation() };
        model
            .forward(batches::place(&batch, &spec.input, device), &mut ctx.with_probes(&mut probes))
            .map_err(|error| format!("{}: {error}", cell.baseline.label))?;
        let mut conditions = variant.conditions.clone();
        conditions.insert("mode".into(), mode.into());
        lines.extend(probes.iter().enumerate().flat_map(|(order, probe)| {
            records(probe).into_iter().map({
                let conditions = conditions.clone();
                move |(quantity, value)| DiagnosticLine {
                    baseline: cell.baseline.label.clone(),
                    task: cell.task.label.clone(),
                    conditions: conditions.clone(),
                    seed,
                    step: 0,
                    order: order as u32,
                    layer: probe.layer.clone(),
                    quantity,
                    value: value.is_finite().then_some(value),
                }
            })
        }));
    }
    Ok(())
}

/// The quantities of one probe.
fn records(probe: &Probe) -> Vec<(String, f64)> {
    let mut records = vec![
        (format!("{}.variance", probe.quantity), probe.variance),
        (format!("{}.max_abs", probe.quantity), probe.max_abs),
    ];
    if probe.quantity == "logits" {
        records.push(("logits.std".into(), probe.variance.sqrt()));
    }
    records
}

/// A batch of N(0, 1) values, or of uniform tokens.
fn noise(spec: &TaskSpec, seed: u64) -> Batch {
    let mut source = Init::new(seed, &Device::flex());
    let inputs = match &spec.input {
        InputSpec::Values { channels, shape } => {
            let elements = SAMPLES * channels * shape.iter().product::<usize>();
            Inputs::Values((0..elements).map(|_| source.standard_normal() as f32).collect())
        }
        InputSpec::Tokens { vocabulary, length } => {
            let vocabulary = (*vocabulary).max(1) as i32;
            Inputs::Tokens((0..SAMPLES * length).map(|_| source.rng().random_range(0..vocabulary)).collect())
        }
    };
    Batch { size: SAMPLES, inputs, targets: Targets::Labels(vec![0; SAMPLES]), lengths: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn variants_are_all_combinations_of_the_settings_a_baseline_has() {
        let all = variants(&json!({"initialisation": "off", "norm": "batch", "dropout": 0.1, "hidden": 8}));
        assert_eq!(all.len(), 6);
        assert!(all.iter().all(|variant| variant.config["dropout"] == json!(0.0) && variant.config["hidden"] == 8));
        assert_eq!(
            all[5].conditions,
            BTreeMap::from([("initialisation".into(), "off".into()), ("norm".into(), "none".into())])
        );
        assert_eq!(all[5].config["norm"], "none");
        assert_eq!(variants(&json!({"hidden": 8})).len(), 1);
        assert_eq!(variants(&json!({"norm": "none"})).len(), 1);
    }
}
