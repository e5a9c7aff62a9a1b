//! The metrics of all runs as polars data frames, and their aggregation over seeds.
//!
//! Only this module and `parquet` know polars, which is slow to compile.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;
use rayon::prelude::*;
use vocabulary::record::{MetricKind, MetricLine, StopReason};
use vocabulary::{Metric, Split};

use super::group::GroupKey;
use super::run::{Run, Runs};
use crate::error::ReportError;
use crate::format::inert;
use crate::statistics::Summary;

/// One row per run, per epoch line, per step line and per final line.
///
/// Millions of lines share the texts of thousands of runs: of each, a line holds a number.
#[derive(Debug, Clone)]
pub(crate) struct Frames {
    /// `run, group, experiment, cell, task, baseline, grid, seed, state, …`; `run` is the place among all runs, since two folders may
    /// hold runs of the same name.
    runs: DataFrame,
    /// The groups, by their numbers in the column `group`.
    groups: Vec<GroupKey>,
    epochs: Lines,
    steps: Lines,
    finals: Lines,
}

/// The lines of one kind, by run.
#[derive(Debug, Clone)]
struct Lines {
    /// `run, epoch, step, split, name, value, partial, wall`; `split` is the place in [`Split::ALL`], `name` that in `names`.
    frame: DataFrame,
    names: Vec<String>,
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

/// Seed, value and seconds of the runs behind a point.
type Seeds = Vec<(u64, f64, f64)>;

impl CurvePoint {
    /// The point at `at` of seeds with their values and seconds.
    fn new(at: u64, mut of: Seeds) -> Self {
        of.sort_by_key(|(seed, ..)| *seed);
        Self {
            at,
            seeds: of.iter().map(|(seed, ..)| *seed).collect(),
            values: of.iter().map(|(_, value, _)| *value).collect(),
            wall: of.iter().map(|(.., wall)| *wall).collect(),
        }
    }
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

/// What lines share of their runs.
const RUN: [&str; 7] = ["run", "experiment", "cell", "task", "baseline", "grid", "seed"];
/// Most lines of a table that are put together at once.
const CHUNK: usize = 50_000;

fn failed(error: PolarsError) -> ReportError {
    ReportError::Frame(error.to_string())
}

impl Frames {
    /// Put all runs into frames, and take from them the lines that no other reader needs: of each run stay the final ones and
    /// the best of its validation.
    ///
    /// # Errors
    /// A polars operation fails.
    pub(crate) fn of(runs: &mut Runs) -> Result<Self, ReportError> {
        let groups: BTreeSet<GroupKey> = runs.all.iter().map(GroupKey::of).collect();
        let of_runs = runs_frame(&runs.all, &groups).map_err(failed)?;
        let lines = |runs: &Runs, kind| Lines::of(&runs.all, kind).map_err(failed);
        let steps = lines(runs, MetricKind::Step)?;
        // Here are most lines, and the frame of the next ones needs as much memory again.
        runs.all.iter_mut().for_each(Run::drop_steps);
        let frames = Self {
            runs: of_runs,
            groups: groups.into_iter().collect(),
            epochs: lines(runs, MetricKind::Epoch)?,
            steps,
            finals: lines(runs, MetricKind::Final)?,
        };
        runs.all.iter_mut().for_each(Run::keep_results);
        Ok(frames)
    }

    /// Let go of the lines of single steps, once they are drawn: pictures need memory, too.
    pub(crate) fn drop_steps(&mut self) {
        self.steps.frame = self.steps.frame.clear();
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
        let done = self.runs.clone().lazy().filter(col("state").eq(lit("done")));
        let Some(lines) = self.finals.named(name) else { return Ok(ByGroup::new()) };
        let frame = lines
            .filter(col("value").is_not_null())
            .join(done, [col("run")], [col("run")], JoinArgs::new(JoinType::Inner))
            .group_by_stable([col("group")])
            .agg([col("seed"), col("value")])
            .collect()
            .map_err(failed)?;
        let read = || -> PolarsResult<ByGroup> {
            let mut groups = BTreeMap::new();
            let (keys, seeds, values) = (self.keys(&frame)?, u64_lists(&frame, "seed")?, f64_lists(&frame, "value")?);
            for ((key, seeds), values) in keys.into_iter().zip(seeds).zip(values) {
                let mut of: Vec<(u64, f64)> = seeds.into_iter().zip(values).collect();
                of.sort_by_key(|(seed, _)| *seed);
                groups.insert(key, BySeed(of));
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
        self.curves(&self.epochs, "epoch", split, name).map_err(failed)
    }

    /// Curves of `name` on `split` over optimiser steps, per group.
    ///
    /// # Errors
    /// A polars operation fails.
    pub(crate) fn step_curves(&self, split: Split, name: &str) -> Result<Curves, ReportError> {
        self.curves(&self.steps, "step", split, name).map_err(failed)
    }

    /// All epoch lines as CSV, in parts: `experiment, cell, task, baseline, grid, seed, epoch, step, split, name, value, partial,
    /// wall`. Each part fails if a polars operation does.
    pub(crate) fn epochs_csv(&self) -> impl Iterator<Item = Result<Vec<u8>, ReportError>> {
        self.csv(&self.epochs)
    }

    /// The same of the final lines.
    pub(crate) fn finals_csv(&self) -> impl Iterator<Item = Result<Vec<u8>, ReportError>> {
        self.csv(&self.finals)
    }

    fn csv<'a>(&'a self, lines: &'a Lines) -> impl Iterator<Item = Result<Vec<u8>, ReportError>> + 'a {
        // The heading stands there without lines, too.
        let parts = lines.frame.height().div_ceil(CHUNK).max(1);
        (0..parts).map(move |part| self.csv_part(lines, part).map_err(failed))
    }

    fn csv_part(&self, lines: &Lines, part: usize) -> PolarsResult<Vec<u8>> {
        let mut rows = lines.frame.slice((part * CHUNK) as i64, CHUNK);
        let split = texts(&rows, "split", |place| Split::ALL.get(place as usize).map(|split| split.name()))?;
        let name = texts(&rows, "name", |place| lines.names.get(place as usize).map(String::as_str))?;
        rows.with_column(split)?.with_column(name)?;
        let own = ["epoch", "step", "split", "name", "value", "partial", "wall"];
        let columns: Vec<Expr> = RUN.iter().skip(1).chain(&own).map(|name| col(*name)).collect();
        let mut shown = inert_texts(self.with_runs(rows.lazy()).select(columns).collect()?)?;
        let mut bytes = Vec::new();
        CsvWriter::new(&mut bytes).include_header(part == 0).finish(&mut shown)?;
        Ok(bytes)
    }

    /// `lines`, in their order, with the texts of their runs.
    fn with_runs(&self, lines: LazyFrame) -> LazyFrame {
        let on = [col("run")];
        let join = JoinArgs { maintain_order: MaintainOrderJoin::Left, ..JoinArgs::new(JoinType::Left) };
        lines.join(self.runs.clone().lazy().select(RUN.map(col)), on.clone(), on, join)
    }

    fn curves(&self, lines: &Lines, axis: &str, split: Split, name: &str) -> PolarsResult<Curves> {
        let place = Split::ALL.iter().position(|known| *known == split).unwrap_or(Split::ALL.len());
        let Some(lines) = lines.named(name) else { return Ok(Curves::new()) };
        let lines =
            lines.filter(col("split").eq(lit(place as u32)).and(col("value").is_not_null()).and(col("partial").not()));
        let runs = self.runs.clone().lazy().select([col("run"), col("group"), col("seed")]);
        let on = [col("run")];
        let join = JoinArgs { maintain_order: MaintainOrderJoin::Left, ..JoinArgs::new(JoinType::Inner) };
        let frame = lines.join(runs, on.clone(), on, join).collect()?;
        let at = frame.column(axis)?.u64()?.into_no_null_iter();
        let seeds = frame.column("seed")?.u64()?.into_no_null_iter();
        let values = frame.column("value")?.f64()?.into_no_null_iter();
        let wall = frame.column("wall")?.f64()?.into_no_null_iter();
        let groups = frame.column("group")?.u32()?.into_no_null_iter();
        // The points of a group are hundreds of a few seeds each, in the order of their runs: a list each would be slow to read.
        let mut found: BTreeMap<u32, BTreeMap<u64, Seeds>> = BTreeMap::new();
        for ((((group, at), seed), value), wall) in groups.zip(at).zip(seeds).zip(values).zip(wall) {
            found.entry(group).or_default().entry(at).or_default().push((seed, value, wall));
        }
        let named = |(group, points): (u32, BTreeMap<_, _>)| {
            let key = self.groups.get(group as usize)?.clone();
            Some((key, points.into_iter().map(|(at, of)| CurvePoint::new(at, of)).collect()))
        };
        Ok(found.into_iter().filter_map(named).collect())
    }

    /// The groups of the rows of `frame`.
    fn keys(&self, frame: &DataFrame) -> PolarsResult<Vec<GroupKey>> {
        let numbers = frame.column("group")?.u32()?.into_no_null_iter();
        Ok(numbers.filter_map(|number| self.groups.get(number as usize).cloned()).collect())
    }
}

impl Lines {
    fn of(runs: &[Run], kind: MetricKind) -> PolarsResult<Self> {
        let of_runs: Vec<Vec<&MetricLine>> = runs.par_iter().map(|run| latest(run, kind)).collect();
        let numbered = of_runs.iter().zip(0..).flat_map(|(lines, run)| lines.iter().map(move |line| (run, *line)));
        let rows: Vec<(u32, &MetricLine)> = numbered.collect();
        drop(of_runs);
        let names: BTreeSet<&str> = rows.iter().map(|(_, line)| &*line.name).collect();
        let places: BTreeMap<&str, u32> = names.iter().copied().zip(0..).collect();
        let split =
            |line: &MetricLine| Split::ALL.iter().position(|known| Some(*known) == line.split).map(|at| at as u32);
        let frame = df!(
            "run" => rows.iter().map(|(run, _)| *run).collect::<Vec<u32>>(),
            "epoch" => rows.iter().map(|(_, l)| l.epoch).collect::<Vec<u64>>(),
            "step" => rows.iter().map(|(_, l)| l.step).collect::<Vec<u64>>(),
            "split" => rows.iter().map(|(_, l)| split(l)).collect::<Vec<Option<u32>>>(),
            "name" => rows.iter().map(|(_, l)| places[&*l.name]).collect::<Vec<u32>>(),
            "value" => rows.iter().map(|(_, l)| l.value).collect::<Vec<Option<f64>>>(),
            "partial" => rows.iter().map(|(_, l)| l.partial).collect::<Vec<bool>>(),
            "wall" => rows.iter().map(|(_, l)| l.wall).collect::<Vec<f64>>(),
        )?;
        Ok(Self { frame, names: names.into_iter().map(str::to_owned).collect() })
    }

    /// The lines called `name`; none where no line is.
    fn named(&self, name: &str) -> Option<LazyFrame> {
        let place = self.names.iter().position(|known| known == name)?;
        Some(self.frame.clone().lazy().filter(col("name").eq(lit(place as u32))))
    }
}

/// The lines of `kind` in order of epoch, step, split and name. Where one stands twice (an extended run writes its final lines
/// again), the later one holds.
fn latest(run: &Run, kind: MetricKind) -> Vec<&MetricLine> {
    let key = |line: &MetricLine| {
        let (epoch, step) = match kind {
            MetricKind::Step => (line.epoch, line.step),
            MetricKind::Epoch => (line.epoch, 0),
            MetricKind::Final => (0, 0),
        };
        (epoch, step, line.split.map(Split::name))
    };
    let order = |a: &MetricLine, b: &MetricLine| key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name));
    let mut lines: Vec<&MetricLine> = run.lines.iter().filter(|line| line.kind == kind).collect();
    // Stable: the later of two stays behind the earlier.
    lines.sort_by(|a, b| order(a, b));
    let mut kept: Vec<&MetricLine> = Vec::with_capacity(lines.len());
    for line in lines {
        match kept.last_mut() {
            Some(last) if order(last, line).is_eq() => *last = line,
            _ => kept.push(line),
        }
    }
    kept
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

fn runs_frame(runs: &[Run], groups: &BTreeSet<GroupKey>) -> PolarsResult<DataFrame> {
    let numbers: BTreeMap<&GroupKey, u32> = groups.iter().zip(0..).collect();
    let text = |f: &dyn Fn(&Run) -> String| runs.iter().map(f).collect::<Vec<String>>();
    df!(
        "run" => (0..runs.len() as u32).collect::<Vec<u32>>(),
        "group" => runs.iter().map(|c| numbers[&GroupKey::of(c)]).collect::<Vec<u32>>(),
        "experiment" => text(&|c| c.experiment.clone()),
        "cell" => text(&|c| c.id.clone()),
        "task" => text(&|c| c.task().to_owned()),
        "baseline" => text(&|c| c.baseline().to_owned()),
        "grid" => text(&Run::grid),
        "seed" => runs.iter().map(|c| c.seed().unwrap_or_default()).collect::<Vec<u64>>(),
        "state" => text(&|c| c.status.state.name().to_owned()),
        "reason" => runs.iter().map(|c| c.status.reason.map(StopReason::name)).collect::<Vec<Option<&str>>>(),
        "metric" => text(&|c| c.metric().name().to_owned()),
        "parameters" => runs.iter().map(|c| c.record.as_ref()?.baseline.parameters).collect::<Vec<Option<u64>>>(),
        "epoch" => runs.iter().map(|c| c.status.epoch).collect::<Vec<u64>>(),
        "seconds" => runs.iter().map(Run::seconds).collect::<Vec<f64>>(),
        "device" => runs.iter().map(|c| Some(c.record.as_ref()?.device.clone())).collect::<Vec<Option<String>>>(),
    )
}

/// The column called `name` of places, as the texts that `of` gives for them.
fn texts<'t>(frame: &DataFrame, name: &str, of: impl Fn(u32) -> Option<&'t str>) -> PolarsResult<Column> {
    let texts = frame.column(name)?.u32()?.iter().map(|place| place.and_then(&of)).collect::<Vec<_>>();
    Ok(Column::new(name.into(), texts))
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
