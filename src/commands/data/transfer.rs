//! `bench data fetch` and `bench data import`.

use std::path::{Path, PathBuf};

use datasets::Library;
use datasets::library::Fetched;
use serde_json::json;

use super::{Bar, set_of, stop};
use crate::cli::Global;
use crate::commands::table::grouped;
use crate::exit::{Exit, Stop, print, print_json};

pub(super) fn fetch(
    library: &Library,
    names: &[String],
    mirrors: &[String],
    bar: &Bar,
    global: &Global,
) -> Result<Exit, Stop> {
    // Names are checked first, so that a misspelt one starts nothing.
    let sets = names.iter().map(|name| set_of(library, name)).collect::<Result<Vec<_>, _>>()?;
    let mut fetched = Vec::new();
    for set in &sets {
        fetched.extend(library.fetch(set, mirrors, bar).map_err(stop)?);
    }
    told(library, &fetched, global)
}

pub(super) fn import(
    library: &Library,
    names: &[String],
    from: Option<&Path>,
    bar: &Bar,
    global: &Global,
) -> Result<Exit, Stop> {
    let (names, path) = match (from, names) {
        (Some(path), names) => (names, path.to_path_buf()),
        (None, [names @ .., path]) => (names, PathBuf::from(path)),
        (None, []) => return Err(Stop::usage("say what to import: bench data import [NAME]... PATH")),
    };
    if !path.exists() {
        return Err(Stop::usage(format!("{}: there is no such file or folder", path.display())));
    }
    let sets = if names.is_empty() {
        let set = library.recognise(&path).ok_or_else(|| {
            Stop::usage(format!(
                "{}: this is no archive or folder of a known data set; name the data set: bench data import NAME PATH",
                path.display()
            ))
        })?;
        vec![set]
    } else {
        names.iter().map(|name| set_of(library, name)).collect::<Result<Vec<_>, _>>()?
    };
    let mut fetched = Vec::new();
    for set in &sets {
        fetched.extend(library.import(set, &path, bar).map_err(stop)?);
    }
    told(library, &fetched, global)
}

fn told(library: &Library, fetched: &[Fetched], global: &Global) -> Result<Exit, Stop> {
    if global.json {
        print_json(&json!({ "schema": 2, "folder": library.root(), "files": fetched }))?;
        return Ok(Exit::Done);
    }
    let lines: Vec<String> = fetched.iter().map(line).collect();
    print(&lines.join("\n"))?;
    Ok(Exit::Done)
}

fn line(fetched: &Fetched) -> String {
    match fetched {
        Fetched::Present { file } => format!("{}: already here, checksum right", file.display()),
        Fetched::Downloaded { file, source, .. } => format!("{}: from {source}, checksum right", file.display()),
        Fetched::Unpacked { folder, source, files, sha256, checked, .. } => {
            let checked = match checked {
                Some(_) => "official checksum right".to_owned(),
                None => format!("NOT checked, since no official checksum is known (SHA-256 {sha256}, now recorded)"),
            };
            format!("{}: {} files from {source}, {checked}", folder.display(), grouped(*files))
        }
        Fetched::Copied { folder, source, files } => {
            format!("{}: {} files copied from {}", folder.display(), grouped(*files), source.display())
        }
    }
}
