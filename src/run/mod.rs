//! Execution of a plan: checks before anything starts, then the cells in processes of their own, then the report.

mod aftermath;
mod cell;
mod crew;
mod display;
pub mod estimate;
pub(crate) mod folder;
mod identity;
mod initial;
mod inputs;
mod interrupt;
pub(crate) mod memory;
mod protocol;
mod provenance;
mod results;
mod telling;
pub(crate) mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use baselines::device::DeviceChoice;
use burn::tensor::Device;
use datasets::{Library, Split};
use serde::Serialize;
use vocabulary::record::{State, Status, StopReason};

use self::cell::Outcome;
use self::crew::Crew;
use self::display::Display;
use self::folder::FolderError;
use self::inputs::Inputs;
use self::interrupt::Interrupt;
use self::protocol::Setup;
use crate::exit::{self, Exit, Stop};
use crate::experiment::{Cell, Missing, Plan, Scale};
use crate::terminal::{self, Level};

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
}

/// Result of a command, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Summary {
    experiment: String,
    scale: Scale,
    folder: PathBuf,
    report: Option<PathBuf>,
    /// Why there is none, where that is not as it should be.
    report_error: Option<String>,
    cells: Vec<CellSummary>,
}

#[derive(Debug, Serialize)]
struct CellSummary {
    id: String,
    /// As its folder says.
    state: String,
    /// What came of it in this command: `done`, `failed`, `skipped`, `locked` or `interrupted`.
    outcome: &'static str,
    reason: Option<StopReason>,
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
    check_data(plan, &cells, &out, options)?;
    if !options.fresh {
        check_unchanged(&cells, &out, plan, &device_name, &options.library)?;
    }
    let mut checked = BTreeSet::new();
    for cell in &cells {
        // Seeds and grids share files and networks.
        let key = (&cell.training.initial_weights, &cell.task.label, cell.baseline.config.to_string());
        let failed = |error| Stop::usage(format!("{}: {error}", cell.id));
        if !checked.contains(&key) && initial::check(cell, &out, options.fresh, &device).map_err(failed)? {
            checked.insert(key);
        }
    }
    std::fs::create_dir_all(&out).map_err(|error| Stop::failed(format!("cannot create {}: {error}", out.display())))?;
    let resolved = serde_yaml::to_string(&plan.resolved).map_err(Stop::failed)?;
    let plan_file = folder::keep_plan(&out, &resolved).map_err(Stop::failed)?;

    for cell in &cells {
        let mut record = identity::record(cell, &plan.name, &device_name, None).map_err(Stop::failed)?;
        record.plan = Some(plan_file.clone());
        folder::enlist(&out.join(&cell.id), &record).map_err(Stop::failed)?;
    }

    let inputs = Inputs::of(&cells, &out);
    // A limit beyond the clock is none.
    let deadline = options.max_time.and_then(|limit| Instant::now().checked_add(limit));
    let mut interrupt = Interrupt::install(deadline).map_err(Stop::failed)?;
    terminal::never_wait();
    let display = Display::new(&plan.name, cells.len(), crew::workers(options.jobs, cells.len()), options.quiet);
    let setup = Setup {
        experiment: plan.name.clone(),
        missing: plan.missing,
        plan: Some(plan_file),
        fresh: options.fresh,
        process: std::process::id(),
    };
    let crew = Crew { setup, inputs: &inputs, folder: &out, options, display: &display };
    let work = crew.run(&cells, &mut interrupt);
    display.finish();
    interrupt.let_go();
    if work.left_at_once {
        return Err(Stop::new(Exit::Interrupted, "left at once, without a report; run again to go on"));
    }
    conclude(plan, options, &cells, &work.outcomes, out)
}

/// Why `cell` of the experiment in `out` cannot begin with its initial weights, where that can be said before it starts.
pub(crate) fn unfit_weights(cell: &Cell, out: &Path, fresh: bool, device: &Device) -> Option<String> {
    initial::problem(cell, out, fresh, device)
}

/// Report, summary and exit code.
fn conclude(plan: &Plan, options: &Options, cells: &[&Cell], outcomes: &[Outcome], out: PathBuf) -> Result<Exit, Stop> {
    let written = match options.single_cell {
        true => Ok(None),
        false => reports::write(std::slice::from_ref(&out), &out.join("report"), reports::Formats::ALL).map(|paths| {
            // Damage elsewhere is not this command's failure, but whoever reads of its cells must know.
            for line in &paths.left_out {
                terminal::say(Level::Warning, line);
            }
            paths.index
        }),
    };
    let report = written.as_ref().ok().cloned().flatten();
    let not_written = written.err().map(|error| format!("the report is not written: {error}"));
    let interrupted = outcomes.contains(&Outcome::Interrupted);
    let failed = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed { .. } | Outcome::Locked(_)));
    // What came of the cells first: it is not to be lost with the report.
    let said = say_outcomes(plan, options, cells, outcomes, &out, report, not_written.as_deref());
    // Results stand in their files, whoever could read of them here. But a program that asked for JSON has nothing.
    let unsaid = options.json && said.is_err();
    for problem in said.err().map(|stop| stop.message).into_iter().chain(not_written.clone()) {
        terminal::say(Level::Error, &format!("error: {problem}"));
    }
    Ok(match () {
        () if interrupted => Exit::Interrupted,
        () if failed || unsaid || not_written.is_some() => Exit::Failed,
        () => Exit::Done,
    })
}

/// Print what came of every cell.
fn say_outcomes(
    plan: &Plan,
    options: &Options,
    cells: &[&Cell],
    outcomes: &[Outcome],
    out: &Path,
    report: Option<PathBuf>,
    report_error: Option<&str>,
) -> Result<(), Stop> {
    if options.json {
        let summaries = cells.iter().zip(outcomes).map(|(cell, outcome)| {
            let status = folder::read_status(&out.join(&cell.id)).ok().flatten().unwrap_or_else(Status::pending);
            CellSummary {
                id: cell.id.clone(),
                state: status.state.name().to_owned(),
                outcome: outcome.name(),
                reason: match outcome {
                    Outcome::Failed { reason, .. } => Some(*reason),
                    _ => status.reason,
                },
                message: match outcome {
                    Outcome::Failed { message, .. } | Outcome::Locked(message) => Some(message.clone()),
                    _ => status.message,
                },
                seconds: status.seconds,
            }
        });
        let summary = Summary {
            experiment: plan.name.clone(),
            scale: plan.scale,
            folder: out.to_owned(),
            report,
            report_error: report_error.map(str::to_owned),
            cells: summaries.collect(),
        };
        exit::print_json(&summary)
    } else {
        let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
        let parts = [
            (count(|o| *o == Outcome::Done), State::Done.name()),
            (count(|o| matches!(o, Outcome::Failed { .. })), State::Failed.name()),
            (count(|o| *o == Outcome::Skipped), State::Skipped.name()),
            (count(|o| matches!(o, Outcome::Locked(_))), "locked by another process"),
            (count(|o| *o == Outcome::Interrupted), State::Interrupted.name()),
        ];
        let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        let mut text = format!("{}: {} cells: {}", plan.name, cells.len(), parts.join(", "));
        for (cell, outcome) in cells.iter().zip(outcomes) {
            if let Outcome::Failed { message, .. } | Outcome::Locked(message) = outcome {
                text.push_str(&format!("\n  {}: {message}", cell.id));
            }
        }
        for (message, ids) in missing_data(cells, out) {
            text.push_str(&format!("\n  {message}\n    skipped: {}", ids.join(", ")));
        }
        if let Some(scale) = plan.scale.caveat() {
            text.push_str(&format!("\n{scale}"));
        }
        if let Some(report) = report {
            text.push_str(&format!("\nreport: {}", report.display()));
        }
        exit::print(&text)
    }
}

/// Cells skipped for want of data, by what is missing and the command that fetches it.
fn missing_data(cells: &[&Cell], out: &Path) -> BTreeMap<String, Vec<String>> {
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for cell in cells {
        let Some(status) = folder::read_status(&out.join(&cell.id)).ok().flatten() else { continue };
        if status.state == State::Skipped && status.reason == Some(StopReason::MissingData) {
            missing.entry(status.message.unwrap_or_default()).or_default().push(cell.id.clone());
        }
    }
    missing
}

/// Under `missing: error`, the data of every cell that is to be trained must be there before anything starts.
fn check_data(plan: &Plan, cells: &[&Cell], out: &Path, options: &Options) -> Result<(), Stop> {
    if plan.missing == Missing::Skip {
        return Ok(());
    }
    let finished = |cell: &Cell| {
        let folder = out.join(&cell.id);
        let status = folder::read_status(&folder).ok().flatten();
        let before = folder::read_cell(&folder).ok().flatten();
        !options.fresh && status.is_some_and(|status| cell::is_complete(&status, before.as_ref(), &cell.training))
    };
    let wanted = cells.iter().filter(|cell| cell.not_applicable.is_none() && !finished(cell));
    let checks = wanted.map(|cell| cell.task.task.check(&options.library));
    let missing: BTreeSet<String> = checks.filter_map(|check| check.err().map(|error| error.to_string())).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.into_iter().collect::<Vec<_>>().join("\n");
    Err(Stop::usage(format!("{list}\n(or write `missing: skip` in the experiment file to leave such cells out)")))
}

/// Hash and sizes of the samples of a cell, if they can be read.
fn samples_of(cell: &Cell, library: &Library) -> Option<(String, [usize; 3])> {
    let dataset = cell.task.task.prepare(library, &()).ok()?;
    Some((dataset.content_hash().to_owned(), Split::ALL.map(|split| dataset.len(split))))
}

/// A folder that holds another configuration of a cell is refused before anything starts. A file of samples that lies
/// elsewhere now is read, to see whether they are the same.
fn check_unchanged(cells: &[&Cell], out: &Path, plan: &Plan, device: &str, library: &Library) -> Result<(), Stop> {
    let mut changed = Vec::new();
    let mut read: BTreeMap<String, Option<(String, [usize; 3])>> = BTreeMap::new();
    for cell in cells {
        // One that cannot be read is that cell's failure, and the others run.
        let before = match folder::read_cell(&out.join(&cell.id)) {
            Ok(before) => before,
            Err(FolderError::Record { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(before) = before else { continue };
        let moved = before.task.data_hash.is_some() && identity::has_moved(cell, &before);
        let key = format!("{} {}", cell.task.name, cell.task.config);
        let elsewhere = moved.then(|| read.entry(key).or_insert_with(|| samples_of(cell, library)));
        let samples = match &elsewhere {
            Some(Some((hash, sizes))) => Some((hash.as_str(), *sizes)),
            // What cannot be read is not the same.
            Some(None) => Some(("unknown", before.task.splits)),
            None => before.task.data_hash.as_deref().map(|hash| (hash, before.task.splits)),
        };
        let mut now = identity::record(cell, &plan.name, device, samples).map_err(Stop::failed)?;
        identity::keep_what_samples_tell(&mut now, &before, cell);
        identity::go_on(&mut now, &before).map_err(Stop::failed)?;
        if samples.is_none() {
            // A cell that has not begun takes the weights that are there when it does.
            now.initial_weights.clone_from(&before.initial_weights);
        }
        let comparable = |record| identity::comparable(record).map_err(Stop::failed);
        let differences = folder::differences(&comparable(&before)?, &comparable(&now)?, &identity::not_hashed());
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
