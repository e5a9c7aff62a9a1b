//! What was read: experiments, and runs with their records.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use vocabulary::record::{MetricKind, MetricLine, RunRecord, State, Status, StopReason};
use vocabulary::{Metric, Scale, Split};

use super::archive::Unpacked;
use super::settings::plain;

/// Everything read from the given folders, in order of name.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// The experiments.
    pub experiments: Vec<Experiment>,
    /// Their runs.
    pub all: Vec<Run>,
    /// What could not be read and is left out of every number.
    pub left_out: Vec<LeftOut>,
    /// The archives among what was read, which stay unpacked as long as their runs are there.
    pub(super) archives: Vec<Arc<Unpacked>>,
}

impl Runs {
    /// Name archives in what is left out, rather than the folders that they are unpacked into.
    pub(crate) fn name_archives(&mut self) {
        for archive in &self.archives {
            self.left_out.iter_mut().for_each(|LeftOut { path, reason, .. }| archive.rename(path, reason));
        }
    }

    /// Whether tables need a column of experiments.
    pub(crate) fn has_several_experiments(&self) -> bool {
        self.experiments.len() > 1
    }

    /// The records of those runs that have one.
    pub(crate) fn records(&self) -> impl Iterator<Item = &RunRecord> {
        self.all.iter().filter_map(|run| run.record.as_ref())
    }
}

/// A folder or a file that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The folder of the run or of the experiment.
    pub path: PathBuf,
    /// Experiment name.
    pub experiment: String,
    /// Why, with the file.
    pub reason: String,
}

impl LeftOut {
    /// Name of the folder.
    pub(crate) fn folder(&self) -> String {
        self.path.file_name().map_or_else(|| self.path.display().to_string(), |n| n.to_string_lossy().into())
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "left out: {}: {}", self.path.display(), self.reason)
    }
}

/// An experiment as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experiment {
    /// Name (of the folder where no file says it).
    pub name: String,
    /// Description from `experiment.yaml`.
    pub description: Option<String>,
    /// Folder.
    pub path: PathBuf,
}

/// One training run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Folder.
    pub path: PathBuf,
    /// Folder name.
    pub id: String,
    /// Experiment name.
    pub experiment: String,
    /// `cell.yaml`; absent where the run has not begun.
    pub record: Option<RunRecord>,
    /// `status.json`; pending where there is none.
    pub status: Status,
    /// The machine that it runs on now, where that is known.
    pub host: Option<String>,
    /// Readable lines of `metrics.jsonl`.
    pub lines: Vec<MetricLine>,
    /// Lines cut off by a crash (0 or 1).
    pub cut_lines: usize,
    /// Settings in which it differs from other runs of the same labels and grid values, `field=value field=value`; empty
    /// where there are none such.
    pub variant: String,
}

impl Run {
    /// Label of the task, from the folder name where there is no record.
    pub fn task(&self) -> &str {
        match &self.record {
            Some(r) => &r.task.label,
            None => self.id.split('.').next().unwrap_or(&self.id),
        }
    }

    /// Label of the baseline, from the folder name where there is no record.
    pub fn baseline(&self) -> &str {
        match &self.record {
            Some(r) => &r.baseline.label,
            None => self.id.split('.').nth(1).unwrap_or("?"),
        }
    }

    /// Seed, from the folder name where there is no record.
    pub fn seed(&self) -> Option<u64> {
        match &self.record {
            Some(r) => Some(r.seed),
            None => seed_of(&self.id),
        }
    }

    /// Values of the grid fields, `field=value field=value`, `scale=…` where that is not `paper`, how the run was extended,
    /// and what else tells it from runs of the same labels; empty without all of these.
    pub fn grid(&self) -> String {
        [self.plain_grid(), self.variant.clone()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The same without what only tells it from other runs of the same labels.
    pub(crate) fn plain_grid(&self) -> String {
        match &self.record {
            Some(r) => {
                let scale = (r.scale != Scale::Paper).then(|| format!("scale={}", r.scale));
                let extension = r.extension().map(|text| format!("({text})"));
                let values = r.grid.iter().map(|(k, v)| format!("{k}={}", plain(v)));
                values.chain(scale).chain(extension).collect::<Vec<_>>().join(" ")
            }
            None => {
                let parts: Vec<&str> = self.id.split('.').skip(2).collect();
                parts.split_last().map(|(_, grid)| grid.join(".")).unwrap_or_default()
            }
        }
    }

    /// Metric of the task; accuracy where it is not known.
    pub fn metric(&self) -> Metric {
        self.record.as_ref().map_or(Metric::Accuracy, |r| r.task.metric)
    }

    /// Whether more of the metric is better.
    pub fn higher_is_better(&self) -> bool {
        self.metric().higher_is_better()
    }

    /// Whether it is a trial of a search that does not go on.
    pub(crate) fn is_pruned(&self) -> bool {
        self.status.reason == Some(StopReason::Pruned)
    }

    /// The last value of a `final` line.
    pub fn final_value(&self, name: &str) -> Option<f64> {
        self.lines.iter().rev().find(|l| l.kind == MetricKind::Final && l.name == name).and_then(|l| l.value)
    }

    /// Leave out the lines of single steps, from which no other method tells.
    pub(crate) fn drop_steps(&mut self) {
        self.lines.retain(|line| line.kind != MetricKind::Step);
        self.lines.shrink_to_fit();
    }

    /// Leave of the metrics the final lines and the best of the validation, from which all other methods tell.
    pub(crate) fn keep_results(&mut self) {
        let best = self.best_validation();
        let metric = self.metric();
        let is_best = |line: &MetricLine| {
            line.kind == MetricKind::Epoch
                && line.split == Some(Split::Validation)
                && line.name == metric.name()
                && line.value == best
        };
        self.lines.retain(|line| line.kind == MetricKind::Final || is_best(line));
        self.lines.shrink_to_fit();
    }

    /// Seconds of training, validation included, and of a finished run the test.
    pub fn seconds(&self) -> f64 {
        // The status of a run that an older program ended within an epoch leaves out what came after its last step.
        let finished = (self.status.state == State::Done).then(|| self.final_value("seconds")).flatten();
        finished.unwrap_or(self.status.seconds)
    }

    /// The test metric of a finished run.
    pub fn test_value(&self) -> Option<f64> {
        (self.status.state == State::Done).then(|| self.final_value(&format!("test_{}", self.metric()))).flatten()
    }

    /// The best value of the validation metric so far.
    pub fn best_validation(&self) -> Option<f64> {
        let better = if self.higher_is_better() { f64::max } else { f64::min };
        self.final_value(&format!("best_validation_{}", self.metric())).or_else(|| {
            self.lines
                .iter()
                .filter(|l| l.kind == MetricKind::Epoch && l.name == self.metric().name())
                .filter(|l| l.split == Some(Split::Validation))
                .filter_map(|l| l.value)
                .reduce(better)
        })
    }
}

/// The seed that ends the name of a run folder, as in `smnist.lstm.s3`.
pub(super) fn seed_of(id: &str) -> Option<u64> {
    id.rsplit('.').next()?.strip_prefix('s')?.parse().ok()
}
