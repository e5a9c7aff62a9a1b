//! `bench data fetch` and `bench data import`.

use std::path::Path;

use datasets::DataError;
use datasets::library::{Fetched, Presence, Provenance};
use reports::format::grouped;
use serde_json::json;

use super::list::missing;
use super::{CliError, DataContext, Exit, failure};
use crate::cli::print_json;

pub(super) fn fetch(context: &DataContext<'_>, names: &[String], mirrors: &[String]) -> Result<Exit, CliError> {
    // Names are checked first, so that a misspelt one starts nothing.
    let sets = context.sets_of(names)?;
    each(context, &sets, |set| context.library.fetch(set, mirrors, &context.bar))
}

pub(super) fn import(context: &DataContext<'_>, names: &[String], from: Option<&Path>) -> Result<Exit, CliError> {
    let (names, path) = match (from, names) {
        (Some(path), names) => (names, path),
        (None, [names @ .., path]) => (names, Path::new(path)),
        (None, []) => return Err(CliError::usage("say what to import: bench data import [NAME]... PATH")),
    };
    if !path.exists() {
        return Err(CliError::usage(format!("{}: there is no such file or folder", path.display())));
    }
    let sets = if names.is_empty() { context.library.recognise(path) } else { context.sets_of(names)? };
    if sets.is_empty() {
        return Err(CliError::usage(format!(
            "{}: this is no archive or folder of a known data set; name the data set: bench data import NAME PATH",
            path.display()
        )));
    }
    each(context, &sets, |set| context.library.import(set, path, &context.bar))
}

/// Does `work` for one set after the other, and prints what was done, also where a later one fails.
fn each(
    context: &DataContext<'_>,
    sets: &[String],
    mut work: impl FnMut(&str) -> Result<Vec<Fetched>, DataError>,
) -> Result<Exit, CliError> {
    let mut fetched = Vec::new();
    for set in sets {
        match work(set) {
            Ok(more) => fetched.extend(more),
            Err(error) => {
                if context.global.json {
                    let failed = json!({ "set": set, "kind": <&str>::from(&error), "message": error.to_string() });
                    print_json(&json!({
                        "schema": 2, "folder": context.library.root(), "files": fetched, "incomplete": [], "error": failed,
                    }))?;
                } else if !fetched.is_empty() {
                    print_fetched(context, &[], &fetched)?;
                }
                return Err(failure(error));
            }
        }
    }
    print_fetched(context, sets, &fetched)
}

/// Prints what was done, and what `sets` still lack.
fn print_fetched(context: &DataContext<'_>, sets: &[String], fetched: &[Fetched]) -> Result<Exit, CliError> {
    let library = &context.library;
    let mut lacking: Vec<(&String, Vec<String>)> = Vec::new();
    for set in sets {
        if library.presence(set).map_err(failure)? == Presence::Partial {
            let entry = library.entry(set).map_err(failure)?;
            lacking.push((set, missing(library, entry, &library.count(set).map_err(failure)?)));
        }
    }
    let json = || {
        let lacking = lacking.iter().map(|(set, missing)| json!({ "name": set, "missing": missing }));
        json!({ "schema": 2, "folder": library.root(), "files": fetched, "incomplete": lacking.collect::<Vec<_>>() })
    };
    let text = || {
        let lacking = lacking.iter().map(|(set, missing)| format!("{set} is incomplete: {}", missing.join(", ")));
        fetched.iter().map(line).chain(lacking).collect::<Vec<_>>().join("\n")
    };
    context.global.print(json, text)
}

fn line(fetched: &Fetched) -> String {
    match fetched {
        Fetched::Present { file, provenance } => {
            let found = match provenance {
                Provenance::Official { .. } => "official checksum right".to_owned(),
                Provenance::Recorded { source } => {
                    format!("unchanged since it came from {source}, which was not checked against an official checksum")
                }
                Provenance::Reconstructed { why } => format!("as its manifest says, which is not official: {why}"),
                Provenance::Unknown => return format!("{}: already here (not checked)", file.display()),
            };
            format!("{}: already here, {found}", file.display())
        }
        Fetched::Downloaded { file, source, provenance, .. } => {
            let whose = match provenance {
                Provenance::Official { .. } => "official checksum",
                _ => "checksum of the manifest",
            };
            format!("{}: from {source}, {whose} right", file.display())
        }
        Fetched::Unpacked { folder, source, files, members, sha256, checked, .. } => {
            let checked = match checked {
                Some(_) => "official checksum right".to_owned(),
                None => format!("NOT checked, since no official checksum is known (SHA-256 {sha256}, now recorded)"),
            };
            let rest = match files.saturating_sub(*members) {
                0 => String::new(),
                others => format!(" and {} others", grouped(others)),
            };
            format!("{}: {} files{rest} from {source}, {checked}", folder.display(), grouped(*members))
        }
        Fetched::Copied { folder, source, files } => {
            format!("{}: {} files copied from {}", folder.display(), grouped(*files), source.display())
        }
        Fetched::Skipped { archive, reason } => format!("{archive}: NOT fetched; {reason}"),
    }
}
