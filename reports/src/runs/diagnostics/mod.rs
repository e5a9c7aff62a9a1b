//! What is drawn of the `diagnostics.jsonl` of runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use rayon::prelude::*;
use vocabulary::record::DiagnosticLine;

use super::group::SeedGroup;
use super::read::read_lines_with;
use super::run::{Run, Runs};
use crate::error::ReportError;

/// The diagnostics of all runs, by their folders.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    of: BTreeMap<PathBuf, RunDiagnostics>,
    damaged: BTreeMap<PathBuf, String>,
}

/// The diagnostics of one run. Values that overflowed are infinite.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct RunDiagnostics {
    /// Layer and variance of its output at initialisation, in order of the forward pass.
    pub(crate) activations: Vec<(String, f64)>,
    /// Layer and variance of its sampled kernel at initialisation.
    pub(crate) kernels: Vec<(String, f64)>,
    /// Scale of the logits by optimiser step.
    pub(crate) logits: BTreeMap<u64, LogitScale>,
    /// ‖I − WᵀW‖ (Frobenius norm over all layers) by optimiser step; steps with a value that overflowed are left out.
    pub(crate) orthonormality: BTreeMap<u64, f64>,
}

/// How large logits are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct LogitScale {
    /// Standard deviation, of the population.
    pub(crate) std: f64,
    /// Largest absolute value.
    pub(crate) max_abs: f64,
}

impl Diagnostics {
    /// Read those of all runs. A damaged file is remembered, see [`damaged`](Self::damaged).
    pub(crate) fn read(runs: &Runs) -> Self {
        let mut all = Self::default();
        let found: Vec<_> = runs.all.par_iter().map(read).collect();
        for (run, found) in runs.all.iter().zip(found) {
            match found {
                Ok(found) => drop(all.of.insert(run.path.clone(), found)),
                Err(error) => drop(all.damaged.insert(run.path.clone(), error.to_string())),
            }
        }
        all
    }

    /// Those of the seeds of `group`, with the seed.
    pub(crate) fn of<'s>(&'s self, group: &'s SeedGroup<'_>) -> impl Iterator<Item = (u64, &'s RunDiagnostics)> {
        let runs = group.runs.iter();
        runs.filter_map(|run| Some((run.seed().unwrap_or_default(), self.of.get(&run.path)?)))
    }

    /// A sentence for every run of `group` whose file is damaged.
    pub(crate) fn damaged(&self, group: &SeedGroup<'_>) -> String {
        let damaged = group.runs.iter().filter_map(|run| Some((run, self.damaged.get(&run.path)?)));
        damaged.map(|(run, error)| format!(" {} is left out: {error}.", run.id)).collect()
    }
}

/// Read what is drawn of the diagnostics of `run`; nothing where it has none.
///
/// # Errors
/// The file is damaged.
fn read(run: &Run) -> Result<RunDiagnostics, ReportError> {
    let path = run.path.join("diagnostics.jsonl");
    if !path.is_file() {
        return Ok(RunDiagnostics::default());
    }
    let (lines, _) = read_lines_with::<DiagnosticLine>(&path, is_drawn)?;
    let mut found = RunDiagnostics::default();
    let mut layers: BTreeMap<(&str, u32), (&str, f64)> = BTreeMap::new();
    let mut squares: BTreeMap<u64, BTreeMap<&str, Option<f64>>> = BTreeMap::new();
    // Where a step stands twice, the later lines hold.
    for line in &lines {
        let value = line.value.unwrap_or(f64::INFINITY);
        match line.quantity.as_str() {
            "logits.variance" => found.logits.entry(line.step).or_default().std = value.sqrt(),
            "logits.max_abs" => found.logits.entry(line.step).or_default().max_abs = value,
            "orthonormality" => drop(squares.entry(line.step).or_default().insert(&line.layer, line.value)),
            kind @ ("activation.variance" | "kernel.variance") if line.step == 0 => {
                layers.insert((kind, line.order), (&line.layer, value));
            }
            _ => {}
        }
    }
    for ((kind, _), (layer, value)) in layers {
        let list = if kind == "kernel.variance" { &mut found.kernels } else { &mut found.activations };
        list.push((layer.to_owned(), value));
    }
    let sum = |layers: BTreeMap<&str, Option<f64>>| layers.into_values().sum::<Option<f64>>();
    found.orthonormality = squares.into_iter().filter_map(|(step, of)| Some((step, sum(of)?.sqrt()))).collect();
    Ok(found)
}

/// Whether a line may be one that [`read`] looks at. Most are not, and reading them as JSON takes longest.
fn is_drawn(line: &[u8]) -> bool {
    static QUANTITY: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"quantity\":"));
    static START: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"step\":0,"));
    let Some(at) = QUANTITY.find(line) else { return true };
    let quantity = line[at + QUANTITY.needle().len()..].trim_ascii_start();
    let is = |word: &str| quantity.strip_prefix(b"\"").is_some_and(|rest| rest.starts_with(word.as_bytes()));
    let varies = || is("activation.variance") || is("kernel.variance");
    // Lines with spaces are none of ours, but may be as good.
    is("logits.") || is("orthonormality") || varies() && (START.find(line).is_some() || line.contains(&b' '))
}
