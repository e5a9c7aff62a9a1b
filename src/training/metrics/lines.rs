//! Lines of `metrics.jsonl` and `diagnostics.jsonl`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use baselines::{GeneratedKernel, LayerMeasure, Probe};
use datasets::{Split, TaskSpec};
use vocabulary::record::{DiagnosticLine, MetricKind, MetricLine};

use crate::training::gradients::LayerGradient;
use crate::training::{Progress, Score, step::Taken};

/// Makes the lines of one kind at one position, after `wall` seconds.
fn liner(kind: MetricKind, epoch: u64, step: u64, wall: f64) -> impl Fn(Option<Split>, &str, f64) -> MetricLine {
    move |split, name, value| MetricLine {
        kind,
        epoch,
        step,
        split,
        name: Cow::Owned(name.to_owned()),
        value: value.is_finite().then_some(value),
        partial: false,
        wall,
    }
}

/// Lines of one logged step.
pub(crate) fn step(progress: &Progress, taken: &Taken, wall: f64) -> Vec<MetricLine> {
    let line = liner(MetricKind::Step, progress.epoch + 1, progress.step, wall);
    let values = [
        ("loss", Some(progress.train.mean_loss())),
        ("penalty", taken.penalty),
        ("learning_rate", Some(taken.learning_rate)),
        ("gradient_norm", taken.gradient_norm),
    ];
    values.into_iter().filter_map(|(name, value)| Some(line(Some(Split::Train), name, value?))).collect()
}

/// What came of an epoch.
pub(crate) struct Scores<'a> {
    pub(crate) train: &'a Score,
    pub(crate) validation: &'a Score,
    /// Mean penalty of the training steps.
    pub(crate) penalty: Option<f64>,
}

/// Lines of epoch `epoch`, after `step` optimiser steps.
pub(crate) fn epoch(
    spec: &TaskSpec,
    step: u64,
    epoch: u64,
    partial: bool,
    scores: &Scores<'_>,
    wall: f64,
) -> Vec<MetricLine> {
    let line = liner(MetricKind::Epoch, epoch, step, wall);
    let mut lines = Vec::new();
    for (split, score) in [(Split::Train, scores.train), (Split::Validation, scores.validation)] {
        lines.push(line(Some(split), "loss", score.mean_loss()));
        lines.push(line(Some(split), spec.metric.name(), score.metric(spec.metric)));
    }
    lines.extend(scores.penalty.map(|penalty| line(Some(Split::Train), "penalty", penalty)));
    lines.push(line(None, "seconds", wall));
    lines.into_iter().map(|line| MetricLine { partial, ..line }).collect()
}

/// Lines at the end of a run.
pub(crate) fn conclusion(
    spec: &TaskSpec,
    progress: &Progress,
    test: &Score,
    parameters: usize,
    peak_bytes: Option<u64>,
    wall: f64,
) -> Vec<MetricLine> {
    let line = liner(MetricKind::Final, progress.epoch, progress.step, wall);
    let (metric, best) = (spec.metric.name(), progress.best);
    let mut lines = vec![
        line(Some(Split::Test), &format!("test_{metric}"), test.metric(spec.metric)),
        line(Some(Split::Test), "test_loss", test.mean_loss()),
    ];
    let speed = (progress.step_seconds > 0.0).then(|| progress.samples as f64 / progress.step_seconds);
    let others = [
        (format!("best_validation_{metric}"), best.map(|best| best.metric)),
        ("best_epoch".to_owned(), best.map(|best| best.epoch as f64)),
        ("parameters".to_owned(), Some(parameters as f64)),
        ("seconds".to_owned(), Some(wall)),
        ("samples_per_second".to_owned(), speed),
        ("peak_memory_bytes".to_owned(), peak_bytes.map(|bytes| bytes as f64)),
    ];
    lines.extend(others.into_iter().filter_map(|(name, value)| Some(line(None, &name, value?))));
    lines
}

/// What one look at a network shows.
pub(crate) struct Seen<'a> {
    pub(crate) probes: &'a [Probe],
    pub(crate) measures: &'a [LayerMeasure],
    pub(crate) kernels: &'a [GeneratedKernel],
}

/// Lines of one look at the activations and kernels, at what penalties judge, and at the kernels that layers generate.
pub(crate) fn diagnostics(labels: (&str, &str), seed: u64, step: u64, seen: &Seen<'_>) -> Vec<DiagnosticLine> {
    let line = diagnostic_liner(labels, seed, step);
    let probes = seen.probes.iter().enumerate().flat_map(|(order, probe)| {
        let statistics = [
            ("variance", Some(probe.variance)),
            ("mean", Some(probe.mean)),
            ("max_abs", Some(probe.max_abs)),
            ("target_variance", probe.target_variance),
        ];
        statistics.map(|(name, value)| Some((order, &probe.layer, format!("{}.{name}", probe.quantity), value?)))
    });
    let measures = seen.measures.iter().enumerate();
    let measures = measures.map(|(order, measure)| {
        let order = seen.probes.len() + order;
        Some((order, &measure.layer, measure.quantity.to_owned(), measure.value))
    });
    let kernels = seen.kernels.iter().enumerate().flat_map(|(order, kernel)| {
        let order = seen.probes.len() + seen.measures.len() + order;
        let quantities = [
            ("mask.width", kernel.mask_width),
            ("kernel.taps", Some(kernel.taps as f64)),
            ("kernel.above_nyquist", kernel.above_nyquist()),
        ];
        quantities.map(|(name, value)| Some((order, &kernel.layer, name.to_owned(), value?)))
    });
    let all = probes.chain(measures).chain(kernels).flatten();
    all.map(|(order, layer, quantity, value)| line(order, layer, quantity, Some(value))).collect()
}

/// Lines of the histograms that `probes` hold.
pub(crate) fn histograms(labels: (&str, &str), seed: u64, step: u64, probes: &[Probe]) -> Vec<DiagnosticLine> {
    let line = diagnostic_liner(labels, seed, step);
    let found = probes.iter().enumerate().filter(|(_, probe)| probe.histogram.is_some());
    let of = |(order, probe): (usize, &Probe)| DiagnosticLine {
        histogram: probe.histogram.clone(),
        ..line(order, &probe.layer, format!("{}.histogram", probe.quantity), None)
    };
    found.map(of).collect()
}

/// Lines of the gradients of a step, layer by layer.
pub(crate) fn gradients(labels: (&str, &str), seed: u64, step: u64, layers: &[LayerGradient]) -> Vec<DiagnosticLine> {
    let line = diagnostic_liner(labels, seed, step);
    let layers = layers.iter().enumerate();
    layers.map(|(order, of)| line(order, &of.layer, "gradient.norm".to_owned(), Some(of.norm))).collect()
}

/// Makes the diagnostics of one position: from order, layer, quantity and value.
fn diagnostic_liner(
    (baseline, task): (&str, &str),
    seed: u64,
    step: u64,
) -> impl Fn(usize, &str, String, Option<f64>) -> DiagnosticLine {
    move |order, layer, quantity, value| DiagnosticLine {
        baseline: baseline.into(),
        task: task.into(),
        conditions: BTreeMap::new(),
        seed,
        step,
        order: order as u32,
        layer: layer.to_owned(),
        quantity,
        value: value.filter(|value| value.is_finite()),
        histogram: None,
    }
}
