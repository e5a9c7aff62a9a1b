//! From tasks, baselines, grid and seeds to runs, first without their networks; then every network is tried once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use super::evaluate::{self, Of};
use super::registered::{Labels, Registered};
use super::run_id;
use super::settings::{SettingsSource, TaskCache, resolve_baseline, resolve_training};
use super::stages;
use super::trials::{self, Searched, Values};
use crate::experiment::raw::{Field, GridAxis, RawExperiment, Target};
use crate::experiment::search::Trial;
use crate::experiment::{
    Asked, Diagnostic, Node, Position, Run, RunBaseline, RunTask, Scale, Training, fit, fit::Fit, scale,
};

/// Runs that one experiment may expand to.
const MAX_RUNS: usize = 100_000;

/// A run before its network was tried.
pub(super) struct RunDraft {
    pub(super) id: String,
    pub(super) seed: u64,
    /// Id of the run with whose weights it begins.
    pub(super) after: Option<String>,
    pub(super) point: Arc<GridPoint>,
}

/// A pair of task and baseline at one point of the grid: runs but for their seed.
#[derive(Clone)]
pub(super) struct GridPoint {
    pub(super) task: RunTask,
    pub(super) baseline: RunBaseline,
    pub(super) training: Training,
    pub(super) grid: BTreeMap<String, Value>,
    pub(super) trial: Option<Trial>,
    pub(super) sources: Vec<String>,
    pub(super) tuning: Option<String>,
    pub(super) evaluate: Vec<Asked>,
    /// The merged settings of the baseline, for places of errors.
    pub(super) settings: Node,
    /// Where `training.initial_task` stands, if it does.
    pub(super) initial_task_at: Option<Position>,
    pub(super) pair: Pair,
}

/// A task and a baseline of the file.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    /// Index of the task.
    task: usize,
    /// Index of the baseline.
    baseline: usize,
    /// Label and name of the task, as patterns in the file know them.
    pub(super) task_words: [String; 2],
    /// The same of the baseline.
    pub(super) baseline_words: [String; 2],
}

/// The settings of a pair, from everywhere in the file.
struct Merged {
    /// By [`Target`].
    trees: [Node; 3],
    /// Where they come from.
    sources: Vec<String>,
    /// How they were tuned, by the most particular that says so.
    tuning: Option<String>,
    /// What is evaluated.
    evaluate: Node,
}

/// Every run of `raw`, in the order of the file. Rules that were included and match no pair leave `raw`.
///
/// # Errors
/// Settings that do not hold, patterns that match nothing, two runs of one name, or too many runs.
pub(super) fn expand(
    raw: &mut RawExperiment,
    registered: &Registered,
    labels: &Labels,
) -> Result<Vec<RunDraft>, Diagnostic> {
    let Expansion { settings_met, mut drafts, .. } = expansion(raw, registered, labels)?;
    check_ids(&drafts, raw)?;
    stages::link(&mut drafts, &labels.tasks)?;
    // An included rule is for whatever includes it.
    let mut met = settings_met.into_iter();
    raw.pair_settings.retain(|_| met.next().unwrap_or(true));
    Ok(drafts)
}

fn expansion<'a>(
    raw: &'a RawExperiment,
    registered: &'a Registered,
    labels: &Labels,
) -> Result<Expansion<'a>, Diagnostic> {
    check_number(raw, registered)?;
    let mut expansion = Expansion {
        raw,
        registered,
        tasks: TaskCache::default(),
        excludes_met: vec![false; raw.exclude.len()],
        settings_met: vec![false; raw.pair_settings.len()],
        drafts: Vec::new(),
    };
    for task in 0..raw.tasks.len() {
        for baseline in 0..raw.baselines.len() {
            let task_words = [labels.tasks[task].clone(), raw.tasks[task].name.clone()];
            let baseline_words = [labels.baselines[baseline].clone(), raw.baselines[baseline].name.clone()];
            expansion.add(&Pair { task, baseline, task_words, baseline_words })?;
        }
    }
    expansion.check_patterns(labels)?;
    if expansion.drafts.is_empty() {
        let at = raw.exclude.first().map_or(raw.at, |pattern| pattern.at);
        return Err(Diagnostic::at(at, "`exclude` leaves no pair of task and baseline"));
    }
    Ok(expansion)
}

struct Expansion<'a> {
    raw: &'a RawExperiment,
    registered: &'a Registered,
    tasks: TaskCache,
    /// Which patterns of `exclude` some pair has met.
    excludes_met: Vec<bool>,
    /// Which patterns of settings some pair has met.
    settings_met: Vec<bool>,
    drafts: Vec<RunDraft>,
}

impl<'a> Expansion<'a> {
    /// Add the runs of `pair`, unless it is excluded.
    fn add(&mut self, pair: &Pair) -> Result<(), Diagnostic> {
        let mut excluded = false;
        for (pattern, met) in self.raw.exclude.iter().zip(&mut self.excludes_met) {
            let meets = pattern.is_met(&pair.task_words, &pair.baseline_words);
            *met |= meets;
            excluded |= meets;
        }
        if excluded {
            return Ok(());
        }
        let Merged { trees, sources, tuning, evaluate } = self.merge(pair);
        let choices = self.choices(pair);
        let trials = choices.len();
        let label = self.label(pair, &trees);
        for (values, number) in choices.into_iter().zip(1..) {
            let mut trees = trees.clone();
            let mut grid = BTreeMap::new();
            for (field, at, value) in values {
                trees[field.target as usize].set(&field.path, at, &value);
                grid.insert(field.text(), value.to_settings());
            }
            let merged = Merged { trees, sources: sources.clone(), tuning: tuning.clone(), evaluate: evaluate.clone() };
            let mut point = self.point(pair, merged, grid)?;
            if let Some(search) = &self.raw.search {
                if let Some(at) = point.initial_task_at {
                    return Err(trials::refuse_stage(at));
                }
                let labels = [&pair.task_words, &pair.baseline_words].map(|[label, _]| label.as_str());
                let epochs = point.training.epochs;
                let of = Searched { entries: [pair.task, pair.baseline], labels, trials, epochs };
                let said = point.tuning.take();
                let (trial, tuning) = trials::trial(search, self.raw.scale, &of, (number, &point.grid), said)?;
                (point.trial, point.tuning) = (Some(trial), Some(tuning));
                // One made of settings would tell trials apart that are to stand in one row.
                point.baseline.label.clone_from(&label);
            }
            let point = Arc::new(point);
            for &seed in &self.raw.seeds {
                let id = run_id::id(&point.task.label, &point.baseline.label, &point.grid, self.raw.scale, seed);
                self.drafts.push(RunDraft { id, seed, after: None, point: Arc::clone(&point) });
            }
        }
        Ok(())
    }

    /// The values of every point of the grid, or of every trial, of `pair`.
    fn choices(&self, pair: &Pair) -> Vec<Values<'a>> {
        let (raw, registered) = (self.raw, self.registered);
        if let Some(search) = &raw.search {
            return trials::values(search, |field| registered.has(field, index_of(field, pair.task, pair.baseline)));
        }
        let axes: Vec<&GridAxis> = applicable(raw, registered, pair.task, pair.baseline).collect();
        let named = |values: Vec<&Node>| {
            axes.iter().zip(values).map(|(axis, value)| (&axis.field, value.at, value.clone())).collect()
        };
        product(&axes).into_iter().map(named).collect()
    }

    /// What the baseline of `pair` is called with the settings of `trees`; as the file has it, where they do not hold alone.
    fn label(&self, pair: &Pair, trees: &[Node; 3]) -> String {
        let kind = &self.registered.baselines[pair.baseline];
        let resolved = resolve_baseline(&self.raw.baselines[pair.baseline], &trees[Target::Baseline as usize], kind);
        resolved.map_or_else(|_| pair.baseline_words[0].clone(), |baseline| baseline.label)
    }

    /// The settings of `pair` before the grid.
    fn merge(&mut self, pair: &Pair) -> Merged {
        let raw = self.raw;
        let (task, baseline) = (&raw.tasks[pair.task], &raw.baselines[pair.baseline]);
        let mut trees = [raw.training.clone(), task.settings.clone(), baseline.settings.clone()];
        trees[Target::Training as usize].merge(&task.training);
        trees[Target::Training as usize].merge(&baseline.training);
        let mut evaluate = raw.evaluate.clone();
        let mut tuning = baseline.tuning.as_ref().or(raw.tuning.as_ref());
        let mut sources: Vec<String> = raw.source.iter().chain(&baseline.source).cloned().collect();
        for (particular, met) in raw.pair_settings.iter().zip(&mut self.settings_met) {
            if particular.when.is_met(&pair.task_words, &pair.baseline_words) {
                *met = true;
                for (tree, (_, over)) in trees.iter_mut().zip(&particular.settings) {
                    tree.merge(over);
                }
                sources.extend(particular.source.clone().filter(|source| !sources.contains(source)));
                evaluate.merge(&particular.evaluate);
                tuning = particular.tuning.as_ref().or(tuning);
            }
        }
        Merged { trees, sources, tuning: tuning.cloned(), evaluate }
    }

    /// The point of the grid with the settings of `merged`.
    fn point(&mut self, pair: &Pair, merged: Merged, grid: BTreeMap<String, Value>) -> Result<GridPoint, Diagnostic> {
        let Merged { trees: [training, task_settings, settings], sources, tuning, evaluate } = merged;
        let initial_task_at = training.get("initial_task").map(|node| node.at);
        let training = resolve_training(&training)?;
        let kind = &self.registered.tasks[pair.task];
        let entry = &self.raw.tasks[pair.task];
        let (task, samples) = self.tasks.resolve(entry, &task_settings, kind, self.raw.scale)?;
        let of = Of { index: pair.task, entry, settings: &task_settings, task: &task };
        let evaluate = evaluate::asked(&evaluate, &of, self.registered)?;
        let training = scale::training(self.raw.scale, &training, samples, task.task.spec());
        let kind = &self.registered.baselines[pair.baseline];
        let baseline = resolve_baseline(&self.raw.baselines[pair.baseline], &settings, kind)?;
        let (pair, trial) = (pair.clone(), None);
        Ok(GridPoint {
            task,
            baseline,
            training,
            grid,
            trial,
            sources,
            tuning,
            evaluate,
            settings,
            initial_task_at,
            pair,
        })
    }

    /// Refuse patterns of the file itself that no pair has met.
    fn check_patterns(&self, labels: &Labels) -> Result<(), Diagnostic> {
        let settings = self.raw.pair_settings.iter().map(|particular| &particular.when).zip(&self.settings_met);
        let mut all = self.raw.exclude.iter().zip(&self.excludes_met).chain(settings);
        match all.find(|(pattern, met)| !**met && pattern.at.source == self.raw.at.source) {
            None => Ok(()),
            Some((pattern, _)) => Err(Diagnostic::at(pattern.at, "this rule matches no pair of task and baseline")
                .accepted("tasks", &labels.tasks)
                .accepted("baselines", &labels.baselines)),
        }
    }
}

/// The axes that vary something in a pair.
fn applicable<'a>(
    raw: &'a RawExperiment,
    registered: &'a Registered,
    task: usize,
    baseline: usize,
) -> impl Iterator<Item = &'a GridAxis> {
    raw.grid.iter().filter(move |axis| registered.has(&axis.field, index_of(&axis.field, task, baseline)))
}

/// Index among the entries of its target of that which has `field` in a pair.
fn index_of(field: &Field, task: usize, baseline: usize) -> usize {
    match field.target {
        Target::Training => 0,
        Target::Task => task,
        Target::Baseline => baseline,
    }
}

/// Refuse more than [`MAX_RUNS`] runs, before any is made.
fn check_number(raw: &RawExperiment, registered: &Registered) -> Result<(), Diagnostic> {
    let mut runs = 0_usize;
    let trials = raw.search.as_ref().map_or(1, |search| search.search.trials);
    for task in 0..raw.tasks.len() {
        for baseline in 0..raw.baselines.len() {
            let points = applicable(raw, registered, task, baseline)
                .fold(raw.seeds.len().saturating_mul(trials), |points, axis| points.saturating_mul(axis.values.len()));
            runs = runs.saturating_add(points);
        }
    }
    if runs <= MAX_RUNS {
        return Ok(());
    }
    let at = raw.grid.iter().max_by_key(|axis| axis.values.len()).map(|axis| axis.at);
    let at = at.or(raw.search.as_ref().map(|search| search.at)).unwrap_or(raw.at);
    let count = if runs == usize::MAX { "more runs than can be counted".into() } else { format!("{runs} runs") };
    Err(Diagnostic::at(at, format!("the experiment expands to {count}; at most {MAX_RUNS} are accepted"))
        .note("give the grid fewer values or the search fewer trials, or split the experiment into several files"))
}

/// Every combination of one value per axis, the last axis varying fastest.
fn product<'a>(axes: &[&'a GridAxis]) -> Vec<Vec<&'a Node>> {
    axes.iter().fold(vec![Vec::new()], |choices, axis| {
        choices
            .into_iter()
            .flat_map(|choice| axis.values.iter().map(move |value| choice.iter().copied().chain([value]).collect()))
            .collect()
    })
}

/// Refuse two runs of one folder.
fn check_ids(drafts: &[RunDraft], raw: &RawExperiment) -> Result<(), Diagnostic> {
    let mut seen: HashMap<String, &RunDraft> = HashMap::new();
    for draft in drafts {
        // Some file systems do not tell `A` from `a`.
        let Some(first) = seen.insert(draft.id.to_lowercase(), draft) else { continue };
        let (point, before) = (&draft.point, &first.point);
        let (kind, label, at, first_at) = if before.pair.task == point.pair.task {
            let [a, b] = [before, point].map(|point| &raw.baselines[point.pair.baseline]);
            ("baselines", &point.baseline.label, b.at, a.at)
        } else {
            let [a, b] = [before, point].map(|point| &raw.tasks[point.pair.task]);
            ("tasks", &point.task.label, b.at, a.at)
        };
        let message =
            format!("two {kind} have the label `{label}`, so that two runs would share the folder `{}`", draft.id);
        return Err(Diagnostic::at(at, message).first_at(first_at).note("give one of them a `label:` of its own"));
    }
    Ok(())
}

/// Try every distinct network once, and make the runs.
pub(super) fn finish(drafts: &[RunDraft], scale: Scale) -> Result<Vec<Run>, Diagnostic> {
    let key = |draft: &RunDraft| {
        let GridPoint { task, baseline, .. } = &*draft.point;
        let spec = task.task.spec();
        format!("{} {} {:?} {:?}", baseline.name, baseline.config, spec.input, spec.target)
    };
    let keys: Vec<String> = drafts.iter().map(key).collect();
    let mut first: HashMap<&str, &GridPoint> = HashMap::new();
    for (key, draft) in keys.iter().zip(drafts) {
        first.entry(key).or_insert(&draft.point);
    }
    let tried = |(key, GridPoint { task, baseline, .. }): (_, &GridPoint)| {
        (key, fit::check(&baseline.entry, &baseline.config, task.task.spec()))
    };
    let fits: HashMap<&str, Fit> = first.into_par_iter().map(tried).collect();
    let mut runs = Vec::with_capacity(drafts.len());
    for (key, RunDraft { id, seed, after, point }) in keys.iter().zip(drafts) {
        let (not_applicable, parameters) = match fits.get(key.as_str()) {
            Some(Fit::Fits { parameters }) => (None, Some(*parameters)),
            Some(Fit::NotApplicable(reason)) => (Some(reason.clone()), None),
            Some(Fit::Invalid(error)) => {
                let RunBaseline { name, entry, .. } = &point.baseline;
                let settings = SettingsSource::of_baseline(name, &point.settings, point.settings.at, entry);
                let error = settings.error(&error.field, &error.message);
                return Err(error.note(format!("on task `{}`", point.task.label)));
            }
            None => (None, None),
        };
        let (id, seed, after) = (id.clone(), *seed, after.clone());
        let GridPoint { task, baseline, training, grid, trial, sources, tuning, evaluate, .. } =
            GridPoint::clone(point);
        runs.push(Run {
            id,
            task,
            baseline,
            training,
            seed,
            scale,
            sources,
            tuning,
            grid,
            trial,
            after,
            evaluate,
            not_applicable,
            parameters,
        });
    }
    Ok(runs)
}
