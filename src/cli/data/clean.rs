//! `bench data clean`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use datasets::library::{Cleaned, Kept, Reason, is_temporary};
use indicatif::HumanBytes;
use reports::holder;
use serde_json::json;

use super::{CliError, DataContext, Exit, failure};
use crate::files::Patience;
use crate::files::lease::{Held, Wanted};

/// Beginnings of the names of files that are renamed when they are complete: of runs and of reports.
const TEMPORARY: [&str; 2] = [".tmp-", ".bench-"];
/// Beginnings of the names of files on the way to a lease, or on its way out.
const OF_LEASES: [&str; 2] = [".tmp-lease-", ".tmp-claim-"];
/// A temporary file where no lease tells whether it is in use is taken for abandoned after this time. Writing one takes
/// milliseconds.
const ABANDONED_AFTER: Duration = Duration::from_secs(60 * 60);
/// Run folders hold experiments, those runs, those checkpoints.
const DEEPEST: usize = 6;

pub(super) fn clean(context: &DataContext<'_>, runs: &[PathBuf], downloads: bool, dry: bool) -> Result<Exit, CliError> {
    let library = &context.library;
    let given = !runs.is_empty();
    let runs = if given { runs.to_vec() } else { vec![PathBuf::from("runs")] };
    if let Some(absent) = runs.iter().find(|folder| given && !folder.is_dir()) {
        return Err(CliError::usage(format!("{}: there is no such folder", absent.display())));
    }
    // Nothing has been fetched or generated where there is no data folder.
    let mut cleaned =
        if library.root().is_dir() { library.clean(downloads, dry).map_err(failure)? } else { Cleaned::default() };
    for folder in runs.iter().filter(|folder| folder.is_dir()) {
        runs_below(folder, None, DEEPEST, dry, &mut cleaned);
    }
    let failed = cleaned.kept.iter().any(|kept| kept.failed);
    let total: u64 = cleaned.removed.iter().map(|one| one.bytes).sum();
    let json = || {
        json!({
            "schema": 1, "folder": library.root(), "cache": library.cache_folder(), "dry_run": dry, "bytes": total,
            "removed": cleaned.removed, "kept": cleaned.kept,
        })
    };
    context.global.print(json, || text(&cleaned, total, dry))?;
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn text(cleaned: &Cleaned, total: u64, dry: bool) -> String {
    let verb = if dry { "would remove" } else { "removed" };
    let mut lines: Vec<String> = cleaned
        .removed
        .iter()
        .map(|one| format!("{verb} {} ({}): {}", one.path.display(), HumanBytes(one.bytes), one.reason))
        .collect();
    lines.extend(cleaned.kept.iter().map(|kept| {
        let state = if kept.failed { "FAILED" } else { "kept" };
        format!("{state} {}: {}", kept.path.display(), kept.why)
    }));
    lines.push(match cleaned.removed.len() {
        0 => "nothing to remove".to_owned(),
        count => format!("{verb} {count} files and folders, {}", HumanBytes(total)),
    });
    lines.join("\n")
}

/// Removes temporary files below `folder` that no process is writing. `run` is the folder of the run that it belongs to.
fn runs_below(folder: &Path, run: Option<&Path>, depth: usize, dry: bool, cleaned: &mut Cleaned) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let run = if folder.join("cell.yaml").is_file() { Some(folder) } else { run };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (Ok(kind), path) = (entry.file_type(), entry.path()) else { continue };
        if kind.is_dir() && depth > 0 {
            runs_below(&path, run, depth - 1, dry, cleaned);
        }
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        // Files on the way to a lease are written without one.
        let (of_lease, lasting) = (
            OF_LEASES.iter().any(|begin| name.starts_with(begin)),
            !TEMPORARY.iter().any(|begin| is_temporary(name, begin, &[""])),
        );
        if !kind.is_file() || (lasting && !of_lease) {
            continue;
        }
        match in_use(&path, run.filter(|_| !of_lease), dry) {
            // The run is held until the file is gone.
            Ok(_held) => cleaned.remove(&path, Reason::Abandoned, dry),
            Err(()) => cleaned.kept.push(Kept::in_use(path)),
        }
    }
}

/// The lease of the run, if there is one and something is to be removed; an error where a process may still be writing the file.
fn in_use(path: &Path, run: Option<&Path>, dry: bool) -> Result<Option<Held>, ()> {
    if let Some(run) = run {
        if dry {
            return if holder::of(run).is_nobody() { Ok(None) } else { Err(()) };
        }
        let wanted = Wanted::new(std::process::id()).map_err(drop)?;
        return wanted.acquire(run, Patience::None).map(Some).map_err(drop);
    }
    let modified = fs::metadata(path).and_then(|about| about.modified()).map_err(drop)?;
    let age = SystemTime::now().duration_since(modified).unwrap_or_default();
    if age >= ABANDONED_AFTER { Ok(None) } else { Err(()) }
}
