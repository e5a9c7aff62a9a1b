//! `bench diagnose`

use crate::cli::{DiagnoseArgs, Global};
use crate::diagnose;
use crate::exit::{Exit, Stop, print, print_json};
use crate::experiment::{Overrides, load};
use crate::registry::Registry;

/// Measure variances and logits at initialisation, and write the report.
pub fn execute(args: &DiagnoseArgs, global: &Global, registry: &Registry) -> Result<Exit, Stop> {
    let overrides = Overrides { set: args.set.clone(), only: args.only.clone(), seeds: None };
    let plan = load(&args.file, &overrides, registry)?;
    let device = args.device.open()?;
    let effort = diagnose::Effort { seeds: args.seeds, samples: args.batch_size.into() };
    let announce = |what: &str| {
        if !global.quiet {
            tracing::info!("{what}");
        }
    };
    let (lines, page) = diagnose::run(&plan, effort, &device, &args.out, announce).map_err(Stop::failed)?;
    if global.json {
        print_json(&lines)?;
    } else {
        print(&format!("{} measurements\nreport: {}", lines.len(), page.display()))?;
    }
    Ok(Exit::Done)
}
