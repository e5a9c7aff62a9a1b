//! The numbers of a run over its steps.

use std::collections::BTreeMap;

use vocabulary::record::{MetricKind, MetricLine};

use crate::error::ReportError;
use crate::runs::{Run, read_diagnostics};

/// One number of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scalar {
    /// `step/…` within an epoch, `train/…` and `validation/…` of an epoch, `final/…` of the run, `diagnostics/<quantity>/<layer>`.
    pub(super) tag: String,
    /// Optimiser steps taken.
    pub(super) step: u64,
    /// Seconds of training since the run began.
    pub(super) seconds: f64,
    /// The value; NaN where none was finite.
    pub(super) value: f64,
}

/// All numbers of `run`, by step and in the order of its files; histograms are none.
///
/// # Errors
/// Its diagnostics are damaged.
pub(super) fn of(run: &Run) -> Result<Vec<Scalar>, ReportError> {
    let mut all: Vec<Scalar> = run.lines.iter().map(metric).collect();
    let times: BTreeMap<u64, f64> = run.lines.iter().map(|line| (line.step, line.wall)).collect();
    let path = run.path.join("diagnostics.jsonl");
    if path.is_file() {
        let (lines, _) = read_diagnostics(&path)?;
        all.extend(lines.into_iter().filter(|line| line.histogram.is_none()).map(|line| Scalar {
            tag: format!("diagnostics/{}/{}", line.quantity, line.layer),
            step: line.step,
            // They have no time of their own.
            seconds: times.range(..=line.step).next_back().map_or(0.0, |(_, seconds)| *seconds),
            value: line.value.unwrap_or(f64::NAN),
        }));
    }
    all.sort_by_key(|scalar| scalar.step);
    Ok(all)
}

fn metric(line: &MetricLine) -> Scalar {
    let group = match (line.kind, line.split) {
        (MetricKind::Step, _) => "step",
        (MetricKind::Epoch, Some(split)) => split.name(),
        (MetricKind::Epoch, None) => "epoch",
        (MetricKind::Final, _) => "final",
    };
    Scalar {
        tag: format!("{group}/{}", line.name),
        step: line.step,
        seconds: line.wall,
        value: line.value.unwrap_or(f64::NAN),
    }
}
