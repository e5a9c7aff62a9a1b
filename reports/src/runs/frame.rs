//! The metrics of all runs as polars data frames, and their aggregation over seeds.
//!
//! Only this module and `parquet` know polars, which is slow to compile.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;
use vocabulary::record::{MetricKind, MetricLine, StopReason};
use vocabulary::{Metric, Split};

use super::group::GroupKey;
use super::run::{Run, Runs};
use crate::error::ReportError;
use crate::format::inert;
use crate::statistics::Summary;

/// One row per run, per epoch line, per step line and per final line.
#[derive(Debug, Clone)]
pub(crate) struct Frames {
    /// `run, experiment, cell, task, baseline, grid, seed, state, reason, metric, parameters, epoch, seconds, device`; `run` is
    /// the place among all runs, since two folders may hold runs of the same name.
    pub runs: DataFrame,
    /// `run, experiment, cell, task, baseline, grid, seed, epoch, step, split, name, value, wall`
    pub epochs: DataFrame,
    /// As `epochs`.
    pub steps: DataFrame,
    /// As `epochs`.
    pub finals: DataFrame,
}

/// One abscissa of a curve, over seeds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CurvePoint {
    /// Epoch (epoch lines) or step (step lines).
    pub at: u64,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The values, in order of seed.
    pub values: Vec<f64>,
    /// Seconds of training, in order of seed.
    pub wall: Vec<f64>,
}

/// Values of one group, `(seed, value)` in order of seed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BySeed(pub Vec<(u64, f64)>);

impl BySeed {
    /// Description of the values; none if there are none.
    pub(crate) fn summary(&self) -> Option<Summary> {
        Summary::of(&self.0.iter().map(|(_, value)| *value).collect::<Vec<_>>())
    }
}

/// The curve of every group that has one.
pub(crate) type Curves = BTreeMap<GroupKey, Vec<CurvePoint>>;

/// Values of every group that has some.
pub(crate) type ByGroup = BTreeMap<GroupKey, BySeed>;

const KEYS: [&str; 4] = ["experiment", "task", "baseline", "grid"];

fn failed(error: PolarsError) -> ReportError {
    ReportError::Frame(error.to_string())
}

impl Frames {
    /// Put all runs into frames.
    ///
    /// # Errors
    /// A polars operation fails.
    pub(crate) fn new(runs: &Runs) -> Result<Self, ReportError> {
        Ok(Self {
            runs: runs_frame(&runs.all).map_err(failed)?,
            epochs: lines_frame(&runs.all, MetricKind::Epoch).map_err(failed)?,
            steps: lines_frame(&runs.all, MetricKind::Step).map_err(failed)?,
            finals: lines_frame(&runs.all, MetricKind::Final).map_err(failed)?,
        })
    }

    /// The test metric of every group.
    ///
    /// # Errors
    /// A polars operation fails.
    pub(crate) fn test_values(&self, runs: &Runs) -> Result<ByGroup, ReportError> {
        self.of_metric(runs, "test_")
    }

    /// The best validation metric of every group.
    ///
    /// # Errors
    /// A polars operation fails.
    pub(crate) fn best_validation(&self, runs: &Runs) -> Result<ByGroup, ReportError> {
        self.of_metric(runs, "best_validation_")
    }

    fn of_metric(&self, runs: &Runs, prefix: &str) -> Result<ByGroup, ReportError> {
        let metrics: BTreeSet<Metric> = runs.all.iter().map(Run::metric).collect();
        let mut values = BTreeMap::new();
        for name in metrics {
            values.extend(self.finals(&format!("{prefix}{name}"))?);
        }
        Ok(values)
    }

    /// The values of the final line `name`, per group. Runs whose state is not `done` do not count.
    ///
    /// # Errors
    /// A polars operation fails.
    fn finals(&self, name: &str) -> Result<ByGroup, ReportError> {
        let done = self.runs.clone().lazy().filter(col("state").eq(lit("done"))).select([col("run")]);
        let on = [col("run")];
        let frame = self
            .finals
            .clone()
            .lazy()
            .filter(col("name").eq(lit(name)).and(col("value").is_not_null()))
            .join(done, on.clone(), on, JoinArgs::new(JoinType::Inner))
            .sort(["seed"], SortMultipleOptions::default().with_maintain_order(true))
            .group_by_stable(KEYS.map(col))
            .agg([col("seed"), col("value")])
            .collect()
            .map_err(failed)?;
        let read = || -> PolarsResult<ByGroup> {
            let mut groups = BTreeMap::new();
            let (keys, seeds, values) = (keys(&frame)?, u64_lists(&frame, "seed")?, f64_lists(&frame, "value")?);
            for ((key, seeds), values) in keys.into_iter().zip(seeds).zip(values) {
                groups.insert(key, BySeed(seeds.into_iter().zip(values).collect()));
            }
            Ok(groups)
        };
        read().map_err(failed)
    }

    /// Curves of `name` on `split` over whole epochs, per group.
    ///
    /// # Errors
    /// A polars operation fails.
    pub(crate) fn epoch_curves(&self, split: Split, name: &str) -> Result<Curves, ReportError> {
        curves(&self.epochs, "epoch", split, name).map_err(failed)
    }

    /// Curves of `name` on `split` over optimiser steps, per group.
    ///
    /// # Errors
    /// A polars operation fails.
    pub(crate) fn step_curves(&self, split: Split, name: &str) -> Result<Curves, ReportError> {
        curves(&self.steps, "step", split, name).map_err(failed)
    }

    /// The frame of that name (`cells`, `epochs`, `finals`) as CSV, without `run`.
    ///
    /// # Errors
    /// A polars operation fails.
    pub(crate) fn csv(frame: &DataFrame) -> Result<Vec<u8>, ReportError> {
        let mut bytes = Vec::new();
        let mut shown = frame.drop("run").and_then(inert_texts).map_err(failed)?;
        CsvWriter::new(&mut bytes).include_header(true).finish(&mut shown).map_err(failed)?;
        Ok(bytes)
    }
}

/// The frame with texts that no spreadsheet takes for formulas.
fn inert_texts(mut frame: DataFrame) -> PolarsResult<DataFrame> {
    let harmful = |column: &Column| {
        let texts = column.str().ok()?;
        let differs = texts.iter().flatten().any(|text| matches!(inert(text), Cow::Owned(_)));
        differs.then(|| texts.iter().map(|text| text.map(|text| inert(text).into_owned())).collect::<Vec<_>>())
    };
    let changed: Vec<Column> = frame
        .columns()
        .iter()
        .filter_map(|column| Some(Column::new(column.name().clone(), harmful(column)?)))
        .collect();
    for column in changed {
        frame.with_column(column)?;
    }
    Ok(frame)
}

fn runs_frame(runs: &[Run]) -> PolarsResult<DataFrame> {
    let text = |f: &dyn Fn(&Run) -> String| runs.iter().map(f).collect::<Vec<String>>();
    df!(
        "run" => (0..runs.len() as u64).collect::<Vec<u64>>(),
        "experiment" => text(&|c| c.experiment.clone()),
        "cell" => text(&|c| c.id.clone()),
        "task" => text(&|c| c.task().to_owned()),
        "baseline" => text(&|c| c.baseline().to_owned()),
        "grid" => text(&Run::grid),
        "seed" => runs.iter().map(Run::seed).collect::<Vec<Option<u64>>>(),
        "state" => text(&|c| c.status.state.name().to_owned()),
        "reason" => runs.iter().map(|c| c.status.reason.map(StopReason::name)).collect::<Vec<Option<&str>>>(),
        "metric" => text(&|c| c.metric().name().to_owned()),
        "parameters" => runs.iter().map(|c| c.record.as_ref()?.baseline.parameters).collect::<Vec<Option<u64>>>(),
        "epoch" => runs.iter().map(|c| c.status.epoch).collect::<Vec<u64>>(),
        "seconds" => runs.iter().map(Run::seconds).collect::<Vec<f64>>(),
        "device" => runs.iter().map(|c| Some(c.record.as_ref()?.device.clone())).collect::<Vec<Option<String>>>(),
    )
}

fn lines_frame(runs: &[Run], kind: MetricKind) -> PolarsResult<DataFrame> {
    let mut rows: Vec<(&Run, &MetricLine)> = Vec::new();
    let mut numbers: Vec<u64> = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        // Where a line stands twice (an extended run writes its final lines again), the later one holds.
        let mut latest: BTreeMap<(u64, u64, Option<&str>, &str), &MetricLine> = BTreeMap::new();
        for line in run.lines.iter().filter(|l| l.kind == kind) {
            let (epoch, step) = match kind {
                MetricKind::Step => (line.epoch, line.step),
                MetricKind::Epoch => (line.epoch, 0),
                MetricKind::Final => (0, 0),
            };
            latest.insert((epoch, step, line.split.map(Split::name), &line.name), line);
        }
        numbers.extend(std::iter::repeat_n(number as u64, latest.len()));
        rows.extend(latest.into_values().map(|line| (run, line)));
    }
    // Millions of lines share the texts of thousands of runs.
    let grids: Vec<String> = runs.iter().map(Run::grid).collect();
    df!(
        "run" => numbers.as_slice(),
        "experiment" => rows.iter().map(|(c, _)| c.experiment.as_str()).collect::<Vec<&str>>(),
        "cell" => rows.iter().map(|(c, _)| c.id.as_str()).collect::<Vec<&str>>(),
        "task" => rows.iter().map(|(c, _)| c.task()).collect::<Vec<&str>>(),
        "baseline" => rows.iter().map(|(c, _)| c.baseline()).collect::<Vec<&str>>(),
        "grid" => numbers.iter().map(|run| grids[*run as usize].as_str()).collect::<Vec<&str>>(),
        "seed" => rows.iter().map(|(c, _)| c.seed().unwrap_or_default()).collect::<Vec<u64>>(),
        "epoch" => rows.iter().map(|(_, l)| l.epoch).collect::<Vec<u64>>(),
        "step" => rows.iter().map(|(_, l)| l.step).collect::<Vec<u64>>(),
        "split" => rows.iter().map(|(_, l)| l.split.map(Split::name)).collect::<Vec<Option<&str>>>(),
        "name" => rows.iter().map(|(_, l)| l.name.as_str()).collect::<Vec<&str>>(),
        "value" => rows.iter().map(|(_, l)| l.value).collect::<Vec<Option<f64>>>(),
        "partial" => rows.iter().map(|(_, l)| l.partial).collect::<Vec<bool>>(),
        "wall" => rows.iter().map(|(_, l)| l.wall).collect::<Vec<f64>>(),
    )
}

fn curves(frame: &DataFrame, axis: &str, split: Split, name: &str) -> PolarsResult<Curves> {
    let frame = frame
        .clone()
        .lazy()
        .filter(
            col("name")
                .eq(lit(name))
                .and(col("split").eq(lit(split.name())))
                .and(col("value").is_not_null())
                .and(col("partial").not()),
        )
        .sort([axis, "seed"], SortMultipleOptions::default().with_maintain_order(true))
        .group_by_stable(KEYS.map(col).into_iter().chain([col(axis)]).collect::<Vec<_>>())
        .agg([col("seed"), col("value"), col("wall")])
        .collect()?;
    let at = frame.column(axis)?.u64()?.into_no_null_iter().collect::<Vec<_>>();
    let (seeds, values, wall) = (u64_lists(&frame, "seed")?, f64_lists(&frame, "value")?, f64_lists(&frame, "wall")?);
    let mut found = Curves::new();
    for ((((key, at), seeds), values), wall) in keys(&frame)?.into_iter().zip(at).zip(seeds).zip(values).zip(wall) {
        found.entry(key).or_default().push(CurvePoint { at, seeds, values, wall });
    }
    Ok(found)
}

fn keys(frame: &DataFrame) -> PolarsResult<Vec<GroupKey>> {
    let column = |name: &str| -> PolarsResult<Vec<String>> {
        Ok(frame.column(name)?.str()?.iter().map(|v| v.unwrap_or_default().to_owned()).collect())
    };
    let (experiment, task, baseline, grid) =
        (column("experiment")?, column("task")?, column("baseline")?, column("grid")?);
    let rows = experiment.into_iter().zip(task).zip(baseline).zip(grid);
    Ok(rows.map(|(((experiment, task), baseline), grid)| GroupKey { experiment, task, baseline, grid }).collect())
}

fn f64_lists(frame: &DataFrame, name: &str) -> PolarsResult<Vec<Vec<f64>>> {
    lists(frame, name, |series| Ok(series.f64()?.iter().flatten().collect()))
}

fn u64_lists(frame: &DataFrame, name: &str) -> PolarsResult<Vec<Vec<u64>>> {
    lists(frame, name, |series| Ok(series.u64()?.iter().flatten().collect()))
}

fn lists<T>(frame: &DataFrame, name: &str, read: impl Fn(Series) -> PolarsResult<Vec<T>>) -> PolarsResult<Vec<Vec<T>>> {
    let lists = frame.column(name)?.list()?;
    (0..lists.len()).map(|row| lists.get_as_series(row).map_or_else(|| Ok(Vec::new()), &read)).collect()
}
