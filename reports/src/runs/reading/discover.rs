//! Which folders hold experiments and runs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ReportError;
use crate::runs::run::LeftOut;

/// `path` without links and dots, where the system can tell.
pub(super) fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Experiment folders (or a single run folder) at or below `dir`.
pub(in crate::runs) fn discover(dir: &Path, left_out: &mut Vec<LeftOut>) -> Result<Vec<PathBuf>, ReportError> {
    let children = folders(dir)?;
    if is_run(dir) || is_experiment(dir, &children) {
        return Ok(vec![dir.to_owned()]);
    }
    let mut found = Vec::new();
    for child in children {
        match folders(&child) {
            Ok(below) if is_experiment(&child, &below) => found.push(child),
            Ok(_) => {}
            Err(error) => {
                left_out.push(LeftOut { experiment: name_of(&child), path: child, reason: error.to_string() });
            }
        }
    }
    Ok(found)
}

pub(in crate::runs) fn is_run(dir: &Path) -> bool {
    ["cell.yaml", "status.json", "metrics.jsonl"].iter().any(|file| dir.join(file).is_file())
}

fn is_experiment(dir: &Path, children: &[PathBuf]) -> bool {
    dir.join("experiment.yaml").is_file() || children.iter().any(|c| is_run(c))
}

/// The folders in `dir`, in order of name.
pub(in crate::runs) fn folders(dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(ReportError::read(dir))? {
        let path = entry.map_err(ReportError::read(dir))?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Name of the folder at `path`.
pub(in crate::runs) fn name_of(path: &Path) -> String {
    let full = canonical(path);
    full.file_name().map_or_else(|| "runs".to_owned(), |n| n.to_string_lossy().into_owned())
}
