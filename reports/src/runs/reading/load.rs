//! Reading run folders, finished or not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde_yaml::Value;
use vocabulary::record::{RunRecord, Status};

use super::added::AddedSettings;
use super::discover::{canonical, discover, folders, is_run, name_of};
use super::read::{read_json, read_lines_with, read_yaml};
use crate::error::ReportError;
use crate::runs::archive::unpack;
use crate::runs::run::{Experiment, LeftOut, Run, Runs, seed_of};
use crate::runs::{holder, variant};

/// Read run folders. Each of `dirs` is an experiment folder, a folder of experiments, a single run, or an archive of one of them. A
/// damaged run is left out and named in [`Runs::left_out`]. Records that lack one of the settings `added` are completed.
///
/// # Errors
/// An unreadable folder, a folder without runs or with nothing but damaged ones, one run given twice.
pub fn load(dirs: &[PathBuf], added: &AddedSettings) -> Result<Runs, ReportError> {
    load_lines(dirs, added, |_| true)
}

/// The same, without the lines of single steps that no figure draws: of a long training, those are most.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_for_report(dirs: &[PathBuf], added: &AddedSettings) -> Result<Runs, ReportError> {
    load_lines(dirs, added, |line| !has(line, STEP) || DRAWN.iter().any(|name| has(line, name)))
}

/// The same, of the lines of metrics those alone that tell where a run stands.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_for_status(dirs: &[PathBuf], added: &AddedSettings) -> Result<Runs, ReportError> {
    load_lines(dirs, added, |line| !has(line, STEP) && !has(line, TRAIN))
}

const TRAIN: &[u8] = b"\"split\":\"train\"";

/// How a line of a single step is told from others, in the form that is written. One in another form is read.
const STEP: &[u8] = b"\"kind\":\"step\"";
/// The lines of steps that figures draw.
const DRAWN: [&[u8]; 2] = [b"\"name\":\"loss\"", b"\"name\":\"penalty\""];

fn has(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

fn load_lines(dirs: &[PathBuf], added: &AddedSettings, wanted: fn(&[u8]) -> bool) -> Result<Runs, ReportError> {
    let mut archives = Vec::new();
    let mut folders = Vec::with_capacity(dirs.len());
    for dir in dirs {
        if dir.is_file() {
            let archive = Arc::new(unpack(dir)?);
            folders.push(archive.packed().to_owned());
            archives.push(archive);
        } else {
            folders.push(dir.clone());
        }
    }
    match load_folders(&folders, added, wanted) {
        Ok(mut runs) => {
            runs.archives = archives;
            runs.name_archives();
            Ok(runs)
        }
        Err(error) => Err(archives.iter().fold(error, |error, archive| archive.rename_error(error))),
    }
}

fn load_folders(dirs: &[PathBuf], added: &AddedSettings, wanted: fn(&[u8]) -> bool) -> Result<Runs, ReportError> {
    let mut runs = Runs::default();
    let mut experiments: BTreeMap<String, Experiment> = BTreeMap::new();
    let mut first_error = None;
    for dir in dirs {
        let found = discover(dir, &mut runs.left_out)?;
        if found.is_empty() {
            return Err(ReportError::NoRuns { path: dir.clone() });
        }
        for path in found {
            let experiment = read_experiment(&path, dir, wanted, &mut runs, &mut first_error)?;
            experiments.entry(experiment.name.clone()).or_insert(experiment);
        }
    }
    if let (true, Some(error)) = (runs.all.is_empty(), first_error) {
        return Err(error);
    }
    runs.experiments = experiments.into_values().collect();
    let records = runs.all.iter_mut().filter_map(|run| run.record.as_mut());
    records.for_each(|record| added.complete(&mut record.baseline));
    runs.all.sort_by(|a, b| (&a.experiment, &a.id, &a.path).cmp(&(&b.experiment, &b.id, &b.path)));
    variant::tell_apart(&mut runs.all);
    leave_out_repeats(&mut runs)?;
    Ok(runs)
}

/// One run in two folders would be counted as two seeds. A copy within an experiment is left out.
///
/// # Errors
/// The two folders belong to different experiment folders of the same name: nothing says which one is meant.
fn leave_out_repeats(runs: &mut Runs) -> Result<(), ReportError> {
    let own_name = |run: &Run| run.record.as_ref().is_none_or(|record| record.id == run.id);
    let mut seen: BTreeMap<(String, String, String, String, Option<u64>), usize> = BTreeMap::new();
    let mut copies: BTreeMap<usize, usize> = BTreeMap::new();
    for (index, run) in runs.all.iter().enumerate() {
        let folder = if run.record.is_none() { run.id.as_str() } else { "" };
        let key = (
            run.experiment.clone(),
            format!("{}\n{folder}", run.task()),
            run.baseline().to_owned(),
            run.grid(),
            run.seed(),
        );
        let Some(&first) = seen.get(&key) else {
            seen.insert(key, index);
            continue;
        };
        let other = &runs.all[first];
        if other.path.parent() != run.path.parent() {
            return Err(ReportError::Duplicate {
                experiment: run.experiment.clone(),
                run: run.id.clone(),
                first: other.path.clone(),
                second: run.path.clone(),
            });
        }
        if own_name(run) && !own_name(other) {
            copies.insert(first, index);
            seen.insert(key, index);
        } else {
            copies.insert(index, first);
        }
    }
    for (copy, original) in &copies {
        let (run, original) = (&runs.all[*copy], &runs.all[*original]);
        let reason = format!("the same run as {}: a copy would count as another seed", original.path.display());
        runs.left_out.push(LeftOut { path: run.path.clone(), experiment: run.experiment.clone(), reason });
    }
    let mut index = 0;
    runs.all.retain(|_| {
        index += 1;
        !copies.contains_key(&(index - 1))
    });
    Ok(())
}

/// Read an experiment, or the one run at `path`, into `runs`; `first_error` keeps the first thing that could not be read.
fn read_experiment(
    path: &Path,
    given: &Path,
    wanted: fn(&[u8]) -> bool,
    runs: &mut Runs,
    first_error: &mut Option<ReportError>,
) -> Result<Experiment, ReportError> {
    let single = is_run(path);
    let full = canonical(given);
    let home = if single { full.parent().unwrap_or(path).to_owned() } else { path.to_owned() };
    let mut damaged = Vec::new();
    let file = home.join("experiment.yaml");
    let described = if file.is_file() {
        match read_yaml::<Value>(&file) {
            Ok(described) => Some(described),
            Err(error) => {
                damaged.push((home.clone(), format!("name and description are not known: {error}")));
                first_error.get_or_insert(error);
                None
            }
        }
    } else {
        None
    };
    let text = |key: &str| described.as_ref().and_then(|v| v.get(key)).and_then(Value::as_str).map(str::to_owned);
    let mut experiment = Experiment {
        name: text("name").unwrap_or_else(|| name_of(&home)),
        description: text("description").filter(|d| !d.trim().is_empty()),
        path: home,
    };

    let mut found = Vec::new();
    let mut candidates = if single { vec![path.to_owned()] } else { folders(path)? };
    // A folder named like a run counts as one before its first file is written.
    candidates.retain(|dir| is_run(dir) || seed_of(&name_of(dir)).is_some());
    let read: Vec<_> = candidates.par_iter().map(|dir| read_run(dir, &experiment.name, wanted)).collect();
    for (dir, read) in candidates.into_iter().zip(read) {
        match read {
            Ok(run) => found.push(run),
            Err(error) => {
                damaged.push((dir, error.to_string()));
                first_error.get_or_insert(error);
            }
        }
    }
    if described.is_none()
        && let Some(record) = found.iter().find_map(|run| run.record.as_ref())
    {
        experiment.name.clone_from(&record.experiment);
    }
    let known: BTreeSet<PathBuf> = runs.all.iter().map(|run| canonical(&run.path)).collect();
    for mut run in found {
        run.experiment.clone_from(&experiment.name);
        // The same folder given twice, or once by itself and once with its experiment.
        if !known.contains(&canonical(&run.path)) {
            runs.all.push(run);
        }
    }
    for (path, reason) in damaged {
        let entry = LeftOut { path, experiment: experiment.name.clone(), reason };
        if !runs.left_out.contains(&entry) {
            runs.left_out.push(entry);
        }
    }
    Ok(experiment)
}

fn read_run(dir: &Path, experiment: &str, wanted: fn(&[u8]) -> bool) -> Result<Run, ReportError> {
    // A folder that cannot be listed would seem to be one that has not begun.
    fs::read_dir(dir).map_err(ReportError::read(dir))?;
    let file = dir.join("cell.yaml");
    let record = if file.is_file() { Some(read_yaml::<RunRecord>(&file)?) } else { None };
    let file = dir.join("status.json");
    let status = if file.is_file() { read_json::<Status>(&file)? } else { Status::pending() };
    let (status, host) = holder::settle(dir, status);
    let file = dir.join("metrics.jsonl");
    let (lines, cut_lines) = if file.is_file() { read_lines_with(&file, wanted)? } else { (Vec::new(), 0) };
    Ok(Run {
        path: dir.to_owned(),
        id: name_of(dir),
        experiment: experiment.to_owned(),
        record,
        status,
        host,
        lines,
        cut_lines,
        variant: String::new(),
    })
}
