//! Lines of `metrics.jsonl` and `diagnostics.jsonl`.

use std::collections::BTreeMap;

use baselines::Probe;
use datasets::TaskSpec;
use reports::record::{DiagnosticLine, MetricKind, MetricLine};

use super::objective::Score;
use super::progress::Progress;

/// Lines of one logged step.
pub(super) fn step(progress: &Progress, learning_rate: f64, gradient_norm: Option<f64>, wall: f64) -> Vec<MetricLine> {
    let line = |name: &str, value: f64| MetricLine {
        kind: MetricKind::Step,
        epoch: progress.epoch + 1,
        step: progress.step,
        split: Some("train".into()),
        name: name.into(),
        value: value.is_finite().then_some(value),
        wall,
    };
    let mut lines = vec![line("loss", progress.train.mean_loss()), line("learning_rate", learning_rate)];
    lines.extend(gradient_norm.map(|norm| line("gradient_norm", norm)));
    lines
}

/// Lines of one epoch.
pub(super) fn epoch(
    spec: &TaskSpec,
    progress: &Progress,
    train: &Score,
    validation: &Score,
    wall: f64,
) -> Vec<MetricLine> {
    let line = |split: Option<&str>, name: &str, value: f64| MetricLine {
        kind: MetricKind::Epoch,
        epoch: progress.epoch,
        step: progress.step,
        split: split.map(Into::into),
        name: name.into(),
        value: value.is_finite().then_some(value),
        wall,
    };
    let mut lines = Vec::new();
    for (split, score) in [("train", train), ("validation", validation)] {
        lines.push(line(Some(split), "loss", score.mean_loss()));
        lines.push(line(Some(split), spec.metric.name(), score.metric(spec.metric)));
    }
    lines.push(line(None, "seconds", wall));
    lines
}

/// Lines at the end of a cell.
pub(super) fn conclusion(
    spec: &TaskSpec,
    progress: &Progress,
    test: &Score,
    parameters: usize,
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
    if let Some(bytes) = crate::run::memory::peak_bytes() {
        values.push(("peak_memory_bytes".to_owned(), bytes as f64));
    }
    values
        .into_iter()
        .map(|(name, value)| MetricLine {
            kind: MetricKind::Final,
            epoch: progress.epoch,
            step: progress.step,
            split: name.starts_with("test_").then(|| "test".to_owned()),
            name,
            value: value.is_finite().then_some(value),
            wall,
        })
        .collect()
}

/// Lines of one look at the activations and kernels.
pub(super) fn diagnostics(labels: (&str, &str), seed: u64, step: u64, probes: &[Probe]) -> Vec<DiagnosticLine> {
    probes
        .iter()
        .enumerate()
        .flat_map(|(order, probe)| {
            let line = move |statistic: &str, value: f64| DiagnosticLine {
                baseline: labels.0.into(),
                task: labels.1.into(),
                conditions: BTreeMap::new(),
                seed,
                step,
                order: order as u32,
                layer: probe.layer.clone(),
                quantity: format!("{}.{statistic}", probe.quantity),
                value: value.is_finite().then_some(value),
            };
            [line("variance", probe.variance), line("mean", probe.mean), line("max_abs", probe.max_abs)]
        })
        .collect()
}
