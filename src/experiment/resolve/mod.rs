//! From the file as written to a plan: `--set`, merging, expansion, checks.

mod chosen;
mod evaluate;
mod expand;
mod overrides;
mod registered;
mod run_id;
mod settings;
mod stages;
mod trials;
mod written_out;

pub use self::chosen::{Choice, chosen};
use self::registered::{Labels, Registered};
use super::raw::{Only, RawExperiment, Setting};
use super::{Diagnostic, Plan, Scale};
use crate::registry::Registry;

/// Resolve `raw` under the name `fallback_name` unless it has one.
///
/// # Errors
/// The first thing that does not hold, with its place.
pub fn resolve(
    mut raw: RawExperiment,
    settings: &[Setting],
    only: &Only,
    fallback_name: &str,
    registry: &Registry,
) -> Result<Plan, Diagnostic> {
    let registered = Registered::of(&raw, registry)?;
    let labels = Labels::of(&raw, &registered);
    for setting in settings {
        overrides::apply(&mut raw, setting, &registered)?;
    }
    overrides::note_changes(&mut raw, settings);
    if raw.scale != Scale::Paper && !raw.seeds_given {
        // A budget is for one run of each pair.
        raw.seeds.truncate(1);
    }
    overrides::check_axes(&raw, &registered)?;
    evaluate::check(&raw, &registered)?;
    let drafts = expand::expand(&mut raw, &registered, &labels)?;
    let drafts = overrides::select(drafts, only)?;
    let runs = expand::finish(&drafts, raw.scale)?;
    let name = raw.name.as_ref().map_or(fallback_name, |(name, _)| name).to_owned();
    Ok(Plan {
        resolved: written_out::experiment(&raw, &name, &registered),
        name,
        description: raw.description,
        scale: raw.scale,
        missing: raw.missing,
        diagnosis: raw.diagnosis,
        search: raw.search.map(|search| search.search),
        runs,
    })
}
