//! `bench diagnose`: variances per layer and scale of the logits at initialisation, under varied conditions.
//!
//! Inputs are N(0, 1) (tokens are uniform), as in the recorded statistics of the reference programs, so no data are needed.
//! All dropout is switched off, that of inputs included. Every pair of task and baseline is measured with each value of the
//! settings that decide the scale, where the baseline has them: `initialisation` of the kernel networks (corrected,
//! original, off), `norm` as configured and off; each in training mode (batch statistics) and in evaluation mode (initial
//! running statistics). What was measured is said by [`Measured`] in the report and with every line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baselines::{Forward, Init, Probe};
use burn::tensor::Device;
use datasets::{Batch, InputSpec, Inputs, OutputSpec, Targets, TaskSpec};
use rand::Rng;
use reports::{Measured, Network, Variance};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use vocabulary::record::DiagnosticLine;

use crate::experiment::{Diagnosis, Plan, Run, Vary};
use crate::training::{Seeds, to_device};

/// Version of what is measured of a network: what was measured under another one is measured again.
const MEASUREMENT: u32 = 2;

/// One combination of conditions.
struct Variant {
    conditions: BTreeMap<String, String>,
    config: Value,
}

/// One measurement, with what it was measured on.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// The measurement.
    #[serde(flatten)]
    line: DiagnosticLine,
    /// On what.
    measured: Option<Measured>,
}

/// Measure every pair of task and baseline of `plan` as `diagnosis` says, and write the report into `<out>/<name>/diagnose`.
///
/// # Errors
/// A model that cannot be built, or files that cannot be written; in words.
pub(crate) fn run(
    plan: &Plan,
    diagnosis: &Diagnosis,
    device: &Device,
    out: &Path,
    mut on_start: impl FnMut(&str),
) -> Result<(Vec<Line>, PathBuf), String> {
    let (mut lines, mut networks) = (Vec::new(), Vec::new());
    let mut measured = BTreeMap::new();
    for run in pairs(plan) {
        measured.insert(run.task.label.clone(), measured_on(run.spec(), diagnosis.samples as usize));
        for variant in variants(&run.baseline.config, &diagnosis.vary) {
            let shown: Vec<_> = variant.conditions.iter().map(|(key, value)| format!("{key} {value}")).collect();
            on_start(&format!("{} on {}: {}", run.baseline.label, run.task.label, shown.join(", ")));
            for seed in 0..diagnosis.seeds {
                let parameters = measure(run, &variant, (seed, diagnosis.samples as usize), device, &mut lines)?;
                if seed == 0 {
                    networks.push(network(run, &variant, parameters));
                }
            }
        }
    }
    let folder = folder(plan, out);
    let key = key(plan, diagnosis, device).map_err(|error| error.to_string())?;
    let written =
        reports::write_diagnostics(&lines, &measured, &networks, &key, &folder).map_err(|error| error.to_string())?;
    let page = written.index.unwrap_or(folder);
    let lines = lines.into_iter().map(|line| Line { measured: measured.get(&line.task).cloned(), line });
    Ok((lines.collect(), page))
}

/// Whether what `diagnosis` asks for stands in `out` already, measured of the same networks on a device of the same kind.
pub(crate) fn is_done(plan: &Plan, diagnosis: &Diagnosis, device: &Device, out: &Path) -> bool {
    key(plan, diagnosis, device).is_ok_and(|key| reports::holds_diagnostics(&folder(plan, out), &key))
}

fn folder(plan: &Plan, out: &Path) -> PathBuf {
    out.join(&plan.name).join(reports::DIAGNOSED)
}

/// SHA-256 (hex) of all that decides what is measured.
fn key(plan: &Plan, diagnosis: &Diagnosis, device: &Device) -> Result<String, serde_json::Error> {
    let networks =
        pairs(plan).map(|run| (&run.task.label, &run.task.config, &run.baseline.label, &run.baseline.config));
    let all = (MEASUREMENT, diagnosis, format!("{device:?}"), networks.collect::<Vec<_>>());
    Ok(format!("{:x}", Sha256::digest(serde_json::to_vec(&all)?)))
}

/// One run of every pair of task and baseline: seeds and training settings do not matter here.
fn pairs(plan: &Plan) -> impl Iterator<Item = &Run> {
    let mut seen = Vec::new();
    plan.runs.iter().filter(move |run| {
        let key = (&run.task.config, &run.task.label, &run.baseline.config, &run.baseline.label);
        let fresh = run.not_applicable.is_none() && !seen.contains(&key);
        seen.push(key);
        fresh
    })
}

/// What is measured on a task.
fn measured_on(spec: &TaskSpec, samples: usize) -> Measured {
    let inputs = match &spec.input {
        InputSpec::Values { .. } => "independent N(0, 1) values".to_owned(),
        InputSpec::Tokens { vocabulary, .. } => format!("independent uniform ids of {vocabulary} tokens"),
    };
    let over = match &spec.target {
        OutputSpec::PerStep(_) => "samples × outputs × steps",
        OutputSpec::Pair(_) => "pairs × outputs",
        _ => "samples × outputs",
    };
    Measured {
        inputs,
        samples,
        pairs: matches!(spec.target, OutputSpec::Pair(_)),
        logits_over: over.to_owned(),
        variance: Variance::Population,
        dropout: false,
    }
}

/// All combinations of the values of the settings in `vary` that a baseline has.
fn variants(config: &Value, vary: &[Vary]) -> Vec<Variant> {
    let mut variants = vec![Variant { conditions: BTreeMap::new(), config: config.clone() }];
    for setting in vary {
        let Some((field, values)) = values(config, *setting) else { continue };
        let with = |variant: &Variant, (word, value): &(String, Value)| {
            let (mut conditions, mut config) = (variant.conditions.clone(), variant.config.clone());
            conditions.insert(<&str>::from(setting).to_owned(), word.clone());
            config[field] = value.clone();
            Variant { conditions, config }
        };
        variants = variants
            .iter()
            .flat_map(|variant| values.iter().map(|value| with(variant, value)).collect::<Vec<_>>())
            .collect();
    }
    variants
}

/// The field of `config` that `setting` is, and its values, each with a word for it; none where the baseline has no such field.
fn values(config: &Value, setting: Vary) -> Option<(&'static str, Vec<(String, Value)>)> {
    let named = |word: &str| (word.to_owned(), Value::from(word));
    match setting {
        Vary::Initialisation => {
            config.get("initialisation")?;
            Some(("initialisation", ["corrected", "original", "off"].map(named).to_vec()))
        }
        Vary::Norm => {
            let configured = config.get("norm")?;
            let own = (configured.as_str().unwrap_or("on").to_owned(), configured.clone());
            let without = (own.0 != "none").then(|| named("none"));
            Some(("norm", [own].into_iter().chain(without).collect()))
        }
        Vary::Depth => {
            let (field, depth) =
                ["blocks", "layers"].into_iter().find_map(|field| Some((field, config.get(field)?.as_u64()?)))?;
            let mut depths = vec![depth.div_ceil(2), depth, 2 * depth];
            depths.dedup();
            Some((field, depths.into_iter().map(|n| (format!("{n} {field}"), Value::from(n))).collect()))
        }
    }
}

/// What `variant` of the baseline of `run` is, for who compares it with other programs.
fn network(run: &Run, variant: &Variant, parameters: usize) -> Network {
    Network {
        task: run.task.label.clone(),
        baseline: run.baseline.label.clone(),
        conditions: variant.conditions.clone(),
        name: run.baseline.entry.info.name.to_owned(),
        config: variant.config.clone(),
        shape: run.spec().input.dims(),
        parameters: parameters as u64,
    }
}

/// Both modes of one network; returns the number of its parameters.
fn measure(
    run: &Run,
    variant: &Variant,
    (seed, samples): (u64, usize),
    device: &Device,
    lines: &mut Vec<DiagnosticLine>,
) -> Result<usize, String> {
    let spec = run.spec();
    let seeds = Seeds::derive(seed);
    let model = (run.baseline.entry.build)(&variant.config, &spec.input, &spec.target, seeds.init, device)
        .map_err(|error| format!("{}: {error}", run.baseline.label))?
        .evaluator();
    let batch = noise(spec, samples, seeds.order);
    // Evaluation first: a training pass moves the running statistics.
    for mode in ["eval", "train"] {
        let mut probes = Vec::new();
        let ctx = if mode == "train" { Forward::training(seeds.dropout, 0) } else { Forward::evaluation() };
        let ctx = ctx.without_dropout();
        let placed = to_device(batch.inputs.clone(), batch.lengths.clone(), &spec.input, device);
        model
            .forward(placed, &mut ctx.with_probes(&mut probes))
            .map_err(|error| format!("{}: {error}", run.baseline.label))?;
        let mut conditions = variant.conditions.clone();
        conditions.insert("mode".into(), mode.into());
        for (order, probe) in probes.iter().enumerate() {
            lines.extend(records(probe).into_iter().map(|(quantity, value)| DiagnosticLine {
                baseline: run.baseline.label.clone(),
                task: run.task.label.clone(),
                conditions: conditions.clone(),
                seed,
                step: 0,
                order: order as u32,
                layer: probe.layer.clone(),
                quantity,
                value: value.is_finite().then_some(value),
                histogram: None,
            }));
        }
    }
    Ok(baselines::network::count_parameters(model.as_ref()))
}

/// The quantities of one probe.
fn records(probe: &Probe) -> Vec<(String, f64)> {
    let mut records = vec![
        (format!("{}.variance", probe.quantity), probe.variance),
        (format!("{}.max_abs", probe.quantity), probe.max_abs),
    ];
    records.extend(probe.target_variance.map(|target| (format!("{}.target_variance", probe.quantity), target)));
    if probe.quantity == "logits" {
        records.push(("logits.std".into(), probe.variance.sqrt()));
    }
    records
}

/// A batch of N(0, 1) values, or of uniform tokens; two rows per sample where samples are pairs.
fn noise(spec: &TaskSpec, samples: usize, seed: u64) -> Batch {
    let mut source = Init::new(seed, &Device::flex());
    let rows = if matches!(spec.target, OutputSpec::Pair(_)) { 2 * samples } else { samples };
    let inputs = match &spec.input {
        InputSpec::Values { channels, shape } => {
            let elements = rows * channels * shape.iter().product::<usize>();
            Inputs::Values((0..elements).map(|_| source.standard_normal() as f32).collect())
        }
        InputSpec::Tokens { vocabulary, length } => {
            let vocabulary = (*vocabulary).max(1) as i32;
            Inputs::Tokens((0..rows * length).map(|_| source.rng().random_range(0..vocabulary)).collect())
        }
    };
    Batch { size: samples, inputs, targets: Targets::Labels(vec![0; samples]), lengths: None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::experiment::Overrides;
    use serde_json::json;

    #[test]
    fn variants_are_all_combinations_of_the_settings_a_baseline_has() {
        let usual = Diagnosis::default().vary;
        let all = variants(&json!({"initialisation": "off", "norm": "batch", "dropout": 0.1, "hidden": 8}), &usual);
        assert_eq!(all.len(), 6);
        assert!(all.iter().all(|variant| variant.config["hidden"] == 8));
        assert_eq!(
            all[5].conditions,
            BTreeMap::from([("initialisation".into(), "off".into()), ("norm".into(), "none".into())])
        );
        assert_eq!(all[5].config["norm"], "none");
        assert_eq!(variants(&json!({"hidden": 8}), &usual).len(), 1);
        assert_eq!(variants(&json!({"norm": "none"}), &usual).len(), 1);
        let depths = |config| {
            variants(&config, &[Vary::Depth]).into_iter().map(|of| of.config["blocks"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(depths(json!({"blocks": 5, "norm": "batch"})), [3, 5, 10]);
        assert_eq!(depths(json!({"blocks": 1})), [1, 2]);
        assert_eq!(variants(&json!({"layers": 2}), &[Vary::Depth])[2].conditions["depth"], "4 layers");
    }

    /// Lines of `baseline` on short sequences, three samples.
    fn lines(task: &str, baseline: &str) -> Vec<Line> {
        let text = format!("version: 1\nname: d\ntasks: [{task}]\nbaselines: [{baseline}]\n");
        let plan =
            crate::experiment::load_text("d.yaml", text, &Overrides::default(), &crate::registry::Registry::standard())
                .unwrap();
        let out = tempfile::tempdir().unwrap();
        let diagnosis = Diagnosis { seeds: 2, samples: 3, ..Diagnosis::default() };
        run(&plan, &diagnosis, &Device::flex(), out.path(), |_| {}).unwrap().0
    }

    /// Without batch normalisation, nothing is left that differs between the modes.
    #[test]
    fn nothing_is_dropped_in_either_mode() {
        let dropping =
            "{name: ckcnn, blocks: 1, hidden: 4, kernel_hidden: 4, norm: none, dropout: 0.5, dropout_in: 0.5}";
        let all = lines("{name: adding, length: 20}", dropping);
        let of = |mode: &str| -> Vec<(&str, u64, &str, Option<f64>)> {
            let lines = all.iter().map(|l| &l.line).filter(|l| l.conditions["mode"] == mode);
            lines.map(|l| (l.layer.as_str(), l.seed, l.quantity.as_str(), l.value)).collect()
        };
        assert!(of("train").len() > 20 && of("train") == of("eval"));
    }

    #[test]
    fn every_line_says_what_it_was_measured_on() {
        let gru = "{name: gru, hidden: 4}";
        for (task, over, rows) in [
            ("{name: adding, length: 20}", "samples × outputs", 3),
            ("{name: copy, delay: 5}", "samples × outputs × steps", 3),
        ] {
            let lines = lines(task, gru);
            let line = serde_json::to_value(&lines[0]).unwrap();
            assert_eq!(line["measured"]["samples"], rows, "{task}");
            assert_eq!(line["measured"]["logits_over"], over, "{task}");
            assert_eq!(
                (&line["measured"]["variance"], &line["measured"]["dropout"]),
                (&json!("population"), &json!(false))
            );
            assert_eq!(line["baseline"], "gru-1-4", "{task}");
            assert!(line["value"].is_number() && line["layer"].is_string(), "{line}");
        }
    }

    /// Two rows per pair, whatever their number.
    #[test]
    fn pairs_have_two_rows() {
        let pairs = TaskSpec {
            name: "pairs".into(),
            version: "pairs@test-1".into(),
            data: "pairs".into(),
            input: InputSpec::Tokens { vocabulary: 5, length: 7 },
            target: OutputSpec::Pair(2),
            metric: datasets::Metric::Accuracy,
            chance: 0.5,
            splits: datasets::SplitSizes { train: 1, validation: 1, test: 1 },
        };
        let batch = noise(&pairs, 3, 0);
        assert!(matches!(&batch.inputs, Inputs::Tokens(tokens) if tokens.len() == 6 * 7));
        assert_eq!(
            (measured_on(&pairs, 3).pairs, measured_on(&pairs, 3).logits_over.as_str()),
            (true, "pairs × outputs")
        );
    }
}
