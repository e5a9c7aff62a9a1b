//! Lines of `metrics.jsonl` and `diagnostics.jsonl`.

use std::collections::BTreeMap;

use baselines::{LayerMeasure, Probe};
use datasets::{Split, TaskSpec};
use vocabulary::record::{DiagnosticLine, MetricKind, MetricLine};

use super::Taken;
use super::objective::Score;
use super::progress::Progress;

/// Lines of one logged step.
pub(super) fn step(progress: &Progress, taken: &Taken, wall: f64) -> Vec<MetricLine> {
    let line = |name: &str, value: f64| MetricLine {
        kind: MetricKind::Step,
        epoch: progress.epoch + 1,
        step: progress.step,
        split: Some(Split::Train),
        name: name.into(),
        value: value.is_finite().then_some(value),
        partial: false,
        wall,
    };
    let mut lines = vec![line("loss", progress.train.mean_loss())];
    lines.extend(taken.penalty.map(|penalty| line("penalty", penalty)));
    lines.push(line("learning_rate", taken.learning_rate));
    lines.extend(taken.gradient_norm.map(|norm| line("gradient_norm", norm)));
    lines
}

/// What came of an epoch.
pub(super) struct Scores<'a> {
    pub(super) train: &'a Score,
    pub(super) validation: &'a Score,
    /// Mean penalty of the training steps.
    pub(super) penalty: Option<f64>,
}

/// Lines of epoch `epoch`, after `step` optimiser steps.
pub(super) fn epoch(
    spec: &TaskSpec,
    step: u64,
    epoch: u64,
    partial: bool,
    scores: &Scores<'_>,
    wall: f64,
) -> Vec<MetricLine> {
    let line = |split: Option<Split>, name: &str, value: f64| MetricLine {
        kind: MetricKind::Epoch,
        epoch,
        step,
        split,
        name: name.into(),
        value: value.is_finite().then_some(value),
        partial,
        wall,
    };
    let mut lines = Vec::new();
    for (split, score) in [(Split::Train, scores.train), (Split::Validation, scores.validation)] {
        lines.push(line(Some(split), "loss", score.mean_loss()));
        lines.push(line(Some(split), spec.metric.name(), score.metric(spec.metric)));
    }
    lines.extend(scores.penalty.map(|penalty| line(Some(Split::Train), "penalty", penalty)));
    lines.push(line(None, "seconds", wall));
    lines
}

/// Lines at the end of a cell.
pub(super) fn conclusion(
    spec: &TaskSpec,
    progress: &Progress,
    test: &Score,
    parameters: usize,
    peak_bytes: Option<u64>,
    wall: f64,
) -> Vec<MetricLine> {
    let metric = spec.metric.name();
    let mut values = vec![
        (format!("test_{metric}"), test.metric(spec.metric)),
        ("test_loss".to_owned(), test.mean_loss()),
        ("parameters".to_owned(), parameters as f64),
        ("seconds".to_owned(), wall),
    ];
    if let Some(best) = progress.best {
        values.insert(2, (format!("best_validation_{metric}"), best.metric));
        values.insert(3, ("best_epoch".to_owned(), best.epoch as f64));
    }
    if progress.step_seconds > 0.0 {
        values.push(("samples_per_second".to_owned(), progress.samples as f64 / progress.step_seconds));
    }
    if let Some(bytes) = peak_bytes {
        values.push(("peak_memory_bytes".to_owned(), bytes as f64));
    }
    values
        .into_iter()
        .map(|(name, value)| MetricLine {
            kind: MetricKind::Final,
            epoch: progress.epoch,
            step: progress.step,
            split: name.starts_with("test_").then_some(Split::Test),
            name,
            value: value.is_finite().then_some(value),
            partial: false,
            wall,
        })
        .collect()
}

/// What one look at a network shows.
pub(super) struct Seen<'a> {
    pub(super) probes: &'a [Probe],
    pub(super) measures: &'a [LayerMeasure],
}

/// Lines of one look at the activations and kernels, and at what penalties judge.
pub(super) fn diagnostics(labels: (&str, &str), seed: u64, step: u64, seen: &Seen<'_>) -> Vec<DiagnosticLine> {
    let line = move |order: usize, layer: &str, quantity: String, value: f64| DiagnosticLine {
        baseline: labels.0.into(),
        task: labels.1.into(),
        conditions: BTreeMap::new(),
        seed,
        step,
        order: order as u32,
        layer: layer.to_owned(),
        quantity,
        value: value.is_finite().then_some(value),
    };
    let probes = seen.probes.iter().enumerate().flat_map(|(order, probe)| {
        let statistics = [("variance", probe.variance), ("mean", probe.mean), ("max_abs", probe.max_abs)];
        statistics.map(|(name, value)| line(order, &probe.layer, format!("{}.{name}", probe.quantity), value))
    });
    let measures = seen.measures.iter().enumerate();
    let measures = measures.map(|(order, measure)| {
        let order = seen.probes.len() + order;
        line(order, &measure.layer, measure.quantity.to_owned(), measure.value)
    });
    probes.chain(measures).collect()
}
