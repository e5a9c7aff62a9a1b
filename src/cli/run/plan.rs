//! `bench run`

use datasets::Library;

use super::dry_run;
use crate::cli::{Global, RunArgs, WorkerArgs};
use crate::exit::{Exit, Stop, print, print_json};
use crate::experiment::{Cell, Plan, diagnostic::with_suggestion, load};
use crate::registry::Registry;
use crate::run;

/// Run an experiment, or describe what would run.
pub fn execute(args: &RunArgs, global: &Global, registry: &Registry) -> Result<Exit, Stop> {
    let mut plan = load(&args.experiment.file, &args.experiment.overrides(), registry)?;
    if let Some(id) = &args.cell {
        keep_cell(&mut plan, id)?;
    }
    let library = global.library()?;
    if args.dry_run {
        return dry_run(&plan, args, &library, global);
    }
    let options = run::Options {
        out: args.out.clone(),
        device: args.device,
        library,
        jobs: args.jobs.into(),
        single_cell: args.cell.is_some(),
        max_time: args.max_time,
        fresh: args.fresh,
        quiet: global.quiet,
        json: global.json,
    };
    run::execute(&plan, &options)
}

/// Train cells as `bench run` orders.
pub fn work(args: &WorkerArgs, global: &Global, registry: &Registry) -> Result<Exit, Stop> {
    let library = global.library()?;
    run::worker::serve(args.folder.clone(), args.device, &library, registry)
}

fn dry_run(plan: &Plan, args: &RunArgs, library: &Library, global: &Global) -> Result<Exit, Stop> {
    let device = args.device.open()?;
    for cell in &plan.cells {
        args.device.check(&device, cell.training.precision)?;
    }
    let estimate = |cell: &Cell| {
        if args.no_time {
            return None;
        }
        if !global.quiet {
            tracing::info!("timing {} on {}", cell.baseline.label, cell.task.label);
        }
        run::estimate::measure(cell, &device)
            .inspect_err(|error| tracing::warn!("{}: no estimate: {error}", cell.id))
            .ok()
    };
    let out = args.out.join(&plan.name);
    let unfit = |cell: &Cell| run::unfit_weights(cell, &out, args.fresh, &device);
    let described = dry_run::describe(plan, &args.out, library, &estimate, &unfit);
    if global.json {
        print_json(&described)?;
    } else {
        print(&described.text())?;
    }
    Ok(Exit::Done)
}

/// Leave one cell in the plan.
fn keep_cell(plan: &mut Plan, id: &str) -> Result<(), Stop> {
    if plan.cells.iter().any(|cell| cell.id == id) {
        plan.cells.retain(|cell| cell.id == id);
        return Ok(());
    }
    let message = format!("experiment `{}` has no cell `{id}`", plan.name);
    let message = with_suggestion(message, id, plan.cells.iter().map(|cell| cell.id.as_str()));
    Err(Stop::usage(format!("{message}\n  = `bench run … --dry-run` lists the cells")))
}
