//! Execution of a plan: checks before anything starts, then cell after cell (or several as child processes), then the
//! report.

mod cell;
mod children;
mod display;
pub mod estimate;
pub(crate) mod folder;
mod identity;
mod interrupt;
pub(crate) mod memory;
mod provenance;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use baselines::device::DeviceChoice;
use datasets::Library;
use reports::record::{State, Status};
use serde::Serialize;

use self::cell::{Bench, Outcome};
use self::display::Display;
use self::interrupt::Interrupt;
use crate::exit::{self, Exit, Stop};
use crate::experiment::{Cell, Missing, Plan, Scale};

/// How a plan is executed.
pub struct Options {
    /// Folder of all experiments.
    pub out: PathBuf,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Data folder.
    pub library: Library,
    /// Cells that run at the same time.
    pub jobs: usize,
    /// The plan is one cell of a larger one: no report is written.
    pub single_cell: bool,
    /// Bound of the whole command.
    pub max_time: Option<Duration>,
    /// Discard earlier results.
    pub fresh: bool,
    /// No progress.
    pub quiet: bool,
    /// Machine-readable result on standard output.
    pub json: bool,
    /// Arguments that make this program expand the same plan again, for child processes.
    pub plan_arguments: Vec<String>,
}

/// Result of a command, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Summary {
    experiment: String,
    scale: Scale,
    folder: PathBuf,
    report: Option<PathBuf>,
    cells: Vec<CellSummary>,
}

#[derive(Debug, Serialize)]
struct CellSummary {
    id: String,
    state: String,
    reason: Option<String>,
    message: Option<String>,
    seconds: f64,
}

/// Execute `plan`.
///
/// # Errors
/// Whatever forbids a start: a missing device or one that cannot compute in a cell's precision, missing data, a changed cell, an unwritable folder. Failures of single
/// cells are not errors; they decide the exit code.
pub fn execute(plan: &Plan, options: &Options) -> Result<Exit, Stop> {
    let cells: Vec<&Cell> = plan.cells.iter().collect();
    let device = options.device.open()?;
    for cell in &cells {
        options.device.check(&device, cell.training.precision)?;
    }
    let device_name = options.device.settled().to_string();
    let out = options.out.join(&plan.name);
    check_data(plan, &cells, &options.library)?;
    if !options.fresh {
        check_unchanged(&cells, &out, plan, &device_name)?;
    }
    std::fs::create_dir_all(&out).map_err(|error| Stop::failed(format!("cannot create {}: {error}", out.display())))?;
    let resolved = serde_yaml::to_string(&plan.resolved).map_err(Stop::failed)?;
    folder::write(&out.join("experiment.yaml"), resolved.as_bytes()).map_err(Stop::failed)?;

    for cell in &cells {
        let record = identity::record(cell, &plan.name, &device_name, None).map_err(Stop::failed)?;
        folder::enlist(&out.join(&cell.id), &record).map_err(Stop::failed)?;
    }

    let deadline = options.max_time.map(|limit| Instant::now() + limit);
    let interrupt = Interrupt::install(deadline).map_err(Stop::failed)?;
    let display = Display::new(&plan.name, cells.len(), options.quiet);
    let mut bench = Bench {
        experiment: &plan.name,
        missing: plan.missing,
        out: out.clone(),
        library: &options.library,
        device,
        device_name,
        fresh: options.fresh,
        interrupt,
        display,
        prepared: HashMap::new(),
    };
    let outcomes = if options.jobs > 1 && cells.len() > 1 {
        children::run(&bench, &cells, options)?
    } else {
        let mut outcomes = Vec::new();
        for cell in &cells {
            if bench.interrupt.requested() {
                outcomes.push(Outcome::Interrupted);
            } else {
                outcomes.push(cell::run(&mut bench, cell));
            }
        }
        outcomes
    };
    bench.display.finish();
    conclude(plan, options, &cells, &outcomes, out)
}

/// Report, summary and exit code.
fn conclude(plan: &Plan, options: &Options, cells: &[&Cell], outcomes: &[Outcome], out: PathBuf) -> Result<Exit, Stop> {
    let report = if options.single_cell {
        None
    } else {
        let paths = reports::write(std::slice::from_ref(&out), &out.join("report"), reports::Formats::ALL)
            .map_err(Stop::failed)?;
        paths.index
    };
    if options.json {
        let summaries = cells.iter().map(|cell| {
            let status = folder::read_status(&out.join(&cell.id)).ok().flatten().unwrap_or_else(Status::pending);
            CellSummary {
                id: cell.id.clone(),
                state: status.state.name().to_owned(),
                reason: status.reason,
                message: status.message,
                seconds: status.seconds,
            }
        });
        let summary = Summary {
            experiment: plan.name.clone(),
            scale: plan.scale,
            folder: out.clone(),
            report: report.clone(),
            cells: summaries.collect(),
        };
        exit::print_json(&summary)?;
    } else {
        let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
        let parts = [
            (count(|o| *o == Outcome::Done), State::Done.name()),
            (count(|o| matches!(o, Outcome::Failed(_))), State::Failed.name()),
            (count(|o| *o == Outcome::Skipped), State::Skipped.name()),
            (count(|o| matches!(o, Outcome::Locked(_))), "locked by another process"),
            (count(|o| *o == Outcome::Interrupted), State::Interrupted.name()),
        ];
        let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        let mut text = format!("{}: {} cells: {}", plan.name, cells.len(), parts.join(", "));
        for (cell, outcome) in cells.iter().zip(outcomes) {
            if let Outcome::Failed(message) | Outcome::Locked(message) = outcome {
                text.push_str(&format!("\n  {}: {message}", cell.id));
            }
        }
        for (message, ids) in missing_data(cells, &out) {
            text.push_str(&format!("\n  {message}\n    skipped: {}", ids.join(", ")));
        }
        if let Some(scale) = reports::record::describe_scale(plan.scale.name()) {
            text.push_str(&format!("\n{scale}"));
        }
        if let Some(report) = report {
            text.push_str(&format!("\nreport: {}", report.display()));
        }
        exit::print(&text)?;
    }
    Ok(if outcomes.contains(&Outcome::Interrupted) {
        Exit::Interrupted
    } else if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed(_) | Outcome::Locked(_))) {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// Cells skipped for want of data, by what is missing and the command that fetches it.
fn missing_data(cells: &[&Cell], out: &Path) -> BTreeMap<String, Vec<String>> {
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for cell in cells {
        let Some(status) = folder::read_status(&out.join(&cell.id)).ok().flatten() else { continue };
        if status.state == State::Skipped && status.reason.as_deref() == Some("missing_data") {
            missing.entry(status.message.unwrap_or_default()).or_default().push(cell.id.clone());
        }
    }
    missing
}

/// Under `missing: error`, every task's data must be there before anything starts.
fn check_data(plan: &Plan, cells: &[&Cell], library: &Library) -> Result<(), Stop> {
    if plan.missing == Missing::Skip {
        return Ok(());
    }
    let checks = cells.iter().filter(|cell| cell.not_applicable.is_none()).map(|cell| cell.task.task.check(library));
    let missing: BTreeSet<String> = checks.filter_map(|check| check.err().map(|error| error.to_string())).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.into_iter().collect::<Vec<_>>().join("\n");
    Err(Stop::usage(format!("{list}\n(or write `missing: skip` in the experiment file to leave such cells out)")))
}

/// A folder that holds another configuration of a cell is refused before anything starts.
fn check_unchanged(cells: &[&Cell], out: &Path, plan: &Plan, device: &str) -> Result<(), Stop> {
    let mut changed = Vec::new();
    for cell in cells {
        let Some(before) = folder::read_cell(&out.join(&cell.id))? else { continue };
        let hash = before.task.data_hash.as_deref();
        let mut now = identity::record(cell, &plan.name, device, hash).map_err(Stop::failed)?;
        identity::keep_initial_weights(&mut now, &before).map_err(Stop::failed)?;
        if hash.is_none() {
            // A cell that has not begun takes the weights that are there when it does.
            now.initial_weights.clone_from(&before.initial_weights);
        }
        let differences = folder::differences(&before, &now, &identity::FREE);
        if !differences.is_empty() {
            changed.push(format!("{}:\n    {}", cell.id, differences.join("\n    ")));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    Err(Stop::usage(format!(
        "{} cells of {} were run with other settings:\n  {}\nuse --fresh to discard those results, or another `name` or --out",
        changed.len(),
        out.display(),
        changed.join("\n  ")
    )))
}
