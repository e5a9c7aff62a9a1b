//! `bench data fetch` and `bench data import`.

use std::path::{Path, PathBuf};

use datasets::library::{Fetched, Presence, Provenance};
use datasets::{DataError, Library};
use reports::format::grouped;
use serde_json::json;

use super::list::missing;
use super::names::{DataContext, failure, set_of};
use super::progress::Bar;
use crate::cli::exit::{CliError, Exit, print_json};
use crate::cli::options::Global;

pub(super) fn fetch(
    context: &DataContext<'_>,
    names: &[String],
    mirrors: &[String],
    bar: &Bar,
    global: &Global,
) -> Result<Exit, CliError> {
    let library = context.library;
    // Names are checked first, so that a misspelt one starts nothing.
    let sets = names.iter().map(|name| set_of(context, name)).collect::<Result<Vec<_>, _>>()?;
    each(library, &sets, global, |set| library.fetch(set, mirrors, bar))
}

pub(super) fn import(
    context: &DataContext<'_>,
    names: &[String],
    from: Option<&Path>,
    bar: &Bar,
    global: &Global,
) -> Result<Exit, CliError> {
    let library = context.library;
    let (names, path) = match (from, names) {
        (Some(path), names) => (names, path.to_path_buf()),
        (None, [names @ .., path]) => (names, PathBuf::from(path)),
        (None, []) => return Err(CliError::usage("say what to import: bench data import [NAME]... PATH")),
    };
    if !path.exists() {
        return Err(CliError::usage(format!("{}: there is no such file or folder", path.display())));
    }
    let sets = if names.is_empty() {
        let sets = library.recognise(&path);
        if sets.is_empty() {
            return Err(CliError::usage(format!(
                "{}: this is no archive or folder of a known data set; name the data set: bench data import NAME PATH",
                path.display()
            )));
        }
        sets
    } else {
        names.iter().map(|name| set_of(context, name)).collect::<Result<Vec<_>, _>>()?
    };
    each(library, &sets, global, |set| library.import(set, &path, bar))
}

/// Does `work` for one set after the other, and prints what was done, also where a later one fails.
fn each(
    library: &Library,
    sets: &[String],
    global: &Global,
    mut work: impl FnMut(&str) -> Result<Vec<Fetched>, DataError>,
) -> Result<Exit, CliError> {
    let mut fetched = Vec::new();
    for set in sets {
        match work(set) {
            Ok(more) => fetched.extend(more),
            Err(error) => {
                if global.json {
                    let failed = json!({ "set": set, "kind": <&str>::from(&error), "message": error.to_string() });
                    let value = json!({
                        "schema": 2, "folder": library.root(), "files": fetched, "incomplete": [], "error": failed,
                    });
                    print_json(&value)?;
                } else if !fetched.is_empty() {
                    print_fetched(library, &[], &fetched, global)?;
                }
                return Err(failure(error));
            }
        }
    }
    print_fetched(library, sets, &fetched, global)
}

/// Prints what was done, and what `sets` still lack.
fn print_fetched(library: &Library, sets: &[String], fetched: &[Fetched], global: &Global) -> Result<Exit, CliError> {
    let mut lacking = Vec::new();
    for set in sets {
        if library.presence(set).map_err(failure)? == Presence::Partial {
            let entry = library.entry(set).map_err(failure)?;
            let missing = missing(library, entry, &library.count(set).map_err(failure)?);
            lacking.push(json!({ "name": set, "missing": missing }));
        }
    }
    let json = || json!({ "schema": 2, "folder": library.root(), "files": fetched, "incomplete": lacking });
    let text = || {
        let mut lines: Vec<String> = fetched.iter().map(line).collect();
        for set in &lacking {
            let missing = set["missing"].as_array().into_iter().flatten().filter_map(|what| what.as_str());
            let missing: Vec<&str> = missing.collect();
            lines.push(format!("{} is incomplete: {}", set["name"].as_str().unwrap_or_default(), missing.join(", ")));
        }
        lines.join("\n")
    };
    global.print(json, text)
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
