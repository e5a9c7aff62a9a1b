//! `bench run --dry-run`: what would run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use datasets::{InputSpec, Library, Split};
use indicatif::HumanBytes;
use reports::format::{duration, grouped};
use reports::text_table;
use serde::Serialize;

use super::budget::Budget;
use super::line::Line;
use crate::experiment::{Missing, Plan, Run, Scale};
use crate::measure::estimate::{Estimate, kind};

/// The dry run of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct DryRun {
    /// Version of this format.
    pub schema: u32,
    pub experiment: String,
    /// How much of the recipe is run.
    pub scale: Scale,
    /// The folder that `bench run` would write.
    pub folder: String,
    /// What happens to runs without data.
    pub missing: Missing,
    /// Of a search: what it may spend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Budget>,
    /// Runs in the order of the plan.
    pub cells: Vec<Line>,
}

/// Describe every run; `estimate` measures one pair of task and baseline, or declines, and `unfit` says why a run cannot
/// begin with its initial weights.
pub fn describe(
    plan: &Plan,
    out: &Path,
    library: &Library,
    estimate: &dyn Fn(&Run) -> Option<Estimate>,
    unfit: &dyn Fn(&Run) -> Option<String>,
) -> DryRun {
    let mut estimates: HashMap<String, Option<Estimate>> = HashMap::new();
    let mut missing: HashMap<String, Option<String>> = HashMap::new();
    let mut weights: HashMap<String, Option<String>> = HashMap::new();
    let mut cells = Vec::new();
    for run in &plan.runs {
        let spec = run.spec();
        let (input, vocabulary) = match &spec.input {
            InputSpec::Values { channels, shape } => ([&[*channels], shape.as_slice()].concat(), None),
            InputSpec::Tokens { vocabulary, length } => (vec![*length], Some(*vocabulary)),
        };
        let steps_per_epoch = run.training.steps_in_epoch(spec.splits.get(Split::Train));
        let steps = run.training.total_steps(steps_per_epoch as u64) as usize;
        // Seeds share a measurement.
        let key = kind(run);
        let measured = match &run.not_applicable {
            Some(_) => None,
            None => *estimates.entry(key.clone()).or_insert_with(|| estimate(run)),
        };
        let duration = measured.map(|m| m.duration(run));
        let by_clock = measured.map(|m| {
            let slower = m.clock_seconds_per_step / m.seconds_per_step.max(f64::MIN_POSITIVE);
            let seconds_per_evaluated = m.seconds_per_evaluated * slower;
            Estimate { seconds_per_step: m.clock_seconds_per_step, seconds_per_evaluated, ..m }.duration(run)
        });
        let missing_data = missing
            .entry(format!("{} {}", run.task.name, run.task.config))
            .or_insert_with(|| run.task.task.check(library).err().map(|error| error.to_string()));
        // Weights, gradients and the two moments of Adam in float32: what training needs whatever the batch.
        let least_memory = run.parameters.map(|parameters| 4 * 4 * parameters);
        cells.push(Line {
            id: run.id.clone(),
            task: run.task.label.clone(),
            baseline: run.baseline.label.clone(),
            seed: run.seed,
            sources: run.sources.clone(),
            tuning: run.tuning.clone(),
            parameters: run.parameters,
            input,
            vocabulary,
            epochs: run.training.epochs,
            steps_per_epoch,
            steps,
            seconds: duration.map(|d| d.seconds),
            seconds_by_clock: by_clock.map(|d| d.seconds),
            evaluation_seconds: duration.map(|d| d.evaluation_seconds),
            epochs_within_limit: duration.and_then(|d| d.epochs_within_limit),
            evaluations: [run.evaluate.len(), run.evaluate.iter().filter(|a| a.not_applicable.is_some()).count()],
            memory_bytes: measured.and_then(|m| m.peak_bytes).or(least_memory),
            memory_measured: measured.is_some(),
            not_applicable: run.not_applicable.clone(),
            missing_data: missing_data.clone(),
            initial_weights: weights.entry(key).or_insert_with(|| unfit(run)).clone(),
        });
    }
    DryRun {
        schema: 1,
        experiment: plan.name.clone(),
        scale: plan.scale,
        folder: out.join(&plan.name).display().to_string(),
        missing: plan.missing,
        search: Budget::of(plan, &cells),
        cells,
    }
}

/// Time by the clock, relative to that of a machine with nothing else to do, from which on the output mentions the difference.
const LOADED: f64 = 1.3;

impl DryRun {
    /// As a table, with sums and remarks below.
    pub fn text(&self) -> String {
        let heading = "run | parameters# | input | epochs × steps# | time# | memory# | ";
        let none = || "—".to_owned();
        let rows: Vec<Vec<String>> = self
            .cells
            .iter()
            .map(|line| {
                let shape = line.input.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
                let memory = match line.memory_bytes {
                    Some(n) if line.memory_measured => HumanBytes(n).to_string(),
                    Some(n) => format!("> {}", HumanBytes(n)),
                    None => none(),
                };
                let remark = match (&line.not_applicable, &line.missing_data) {
                    (Some(reason), _) => format!("n/a: {} {reason}", line.baseline),
                    (None, Some(_)) => "data missing".into(),
                    (None, None) => String::new(),
                };
                let limit =
                    line.epochs_within_limit.map(|epochs| format!("max_time ends it in epoch {}", epochs.ceil()));
                let weights = line.initial_weights.as_ref().map(|_| "initial weights unfit".to_owned());
                let remark = [remark].into_iter().filter(|text| !text.is_empty()).chain(weights).chain(limit);
                let remark: Vec<String> = remark.collect();
                vec![
                    line.id.clone(),
                    line.parameters.map_or_else(none, grouped),
                    line.vocabulary.map_or(shape.clone(), |v| format!("{shape} tokens of {v}")),
                    format!("{} × {}", line.epochs, line.steps_per_epoch),
                    line.seconds.map_or_else(none, duration),
                    memory,
                    remark.join("; "),
                ]
            })
            .collect();
        let mut lines = vec![text_table(heading, &rows), String::new()];
        lines.extend(self.scale.caveat().map(str::to_owned));
        let runs = self.cells.iter().filter(|line| line.not_applicable.is_none());
        let (count, steps) =
            runs.clone().fold((0, 0.0), |(n, steps), line| (n + 1, steps + line.steps as f64 * self.share(line)));
        let times: Option<f64> = runs.clone().map(|line| Some(line.seconds? * self.share(line))).sum();
        let time = match times {
            Some(total) if count > 0 => format!(", about {}", duration(total)),
            _ => String::new(),
        };
        let skipped = self.cells.len() - count;
        let not_applicable = if skipped > 0 { format!(", {skipped} not applicable") } else { String::new() };
        let s = if count == 1 { "" } else { "s" };
        lines.push(format!(
            "{count} run{s} to make{not_applicable}; {} optimiser steps{time}; folder {}",
            grouped(steps.round() as u64),
            self.folder
        ));
        if let Some(total) = times.filter(|_| count > 0) {
            lines.push(self.basis(total));
        }
        lines.extend(self.search.as_ref().map(Budget::text));
        lines.extend(self.evaluations());
        lines.extend(self.tuning());
        let unfit: BTreeSet<&String> = runs.clone().filter_map(|line| line.initial_weights.as_ref()).collect();
        lines.extend(unfit.into_iter().cloned());
        let missing: BTreeSet<&String> = runs.filter_map(|line| line.missing_data.as_ref()).collect();
        lines.extend(missing.into_iter().map(|message| format!("missing: {message}")));
        lines.join("\n")
    }

    /// What halving leaves of the steps and seconds of a trial, on average.
    fn share(&self, line: &Line) -> f64 {
        self.search.as_ref().map_or(1.0, |search| search.share(line))
    }

    /// How often the trained networks are judged beside the test, if at all.
    fn evaluations(&self) -> Option<String> {
        let runs = self.cells.iter().filter(|line| line.not_applicable.is_none());
        let [all, refused] = runs.fold([0, 0], |sum, line| [0, 1].map(|i| sum[i] + line.evaluations[i]));
        let s = if all == 1 { "" } else { "s" };
        let refused = if refused > 0 { format!(", {refused} of them n/a") } else { String::new() };
        (all > 0).then(|| {
            let count = grouped(all as u64);
            format!("{count} evaluation{s} of the trained networks beside their tests (`evaluate`){refused}; not in the times")
        })
    }

    /// How the settings were tuned, as far as the file says it: each way with the baselines that have it.
    fn tuning(&self) -> Vec<String> {
        let mut ways: BTreeMap<&String, BTreeSet<&str>> = BTreeMap::new();
        for line in self.cells.iter().filter(|line| line.not_applicable.is_none()) {
            if let Some(tuning) = &line.tuning {
                ways.entry(tuning).or_default().insert(&line.baseline);
            }
        }
        let all = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
        ways.into_iter().map(|(tuning, baselines)| format!("tuning of {}: {tuning}", all(baselines))).collect()
    }

    /// What the times and the memory are.
    fn basis(&self, total: f64) -> String {
        let sum = |seconds: fn(&Line) -> Option<f64>| -> f64 {
            self.cells.iter().filter_map(|line| Some(seconds(line)? * self.share(line))).sum()
        };
        let (by_clock, evaluation) = (sum(|line| line.seconds_by_clock), sum(|line| line.evaluation_seconds));
        let mut text = format!(
            "Times are extrapolated from the CPU time of a few steps on made-up samples, as on a machine with nothing else to \
             do, {:.0} % of them for evaluation; reading samples is not in them. Memory is the peak of the process without \
             the samples.",
            100.0 * evaluation / total.max(f64::MIN_POSITIVE)
        );
        if by_clock > LOADED * total {
            text.push_str(&format!(
                " Other work slows this machine down: by the clock it would take about {}.",
                duration(by_clock)
            ));
        }
        text
    }
}
