//! Reading run folders, finished or not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_yaml::Value;

use crate::error::ReportError;
use crate::group;
use crate::holder;
use vocabulary::{Metric, Scale, Split};

use crate::record::{CellRecord, DiagnosticLine, MetricKind, MetricLine, SCHEMA, State, Status};

/// Longest `cell.yaml`, `status.json` or `experiment.yaml` that is read, in bytes: a thousand times the usual one.
const LONGEST_RECORD: u64 = 16 << 20;
/// Longest line of `metrics.jsonl` or `diagnostics.jsonl` that is read, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Everything read from the given folders, in order of name.
#[derive(Debug, Clone)]
pub struct Runs {
    /// The experiments.
    pub experiments: Vec<Experiment>,
    /// Their cells.
    pub cells: Vec<Cell>,
    /// What could not be read and is left out of every number.
    pub left_out: Vec<LeftOut>,
}

/// A folder or a file that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The folder of the cell or of the experiment.
    pub path: PathBuf,
    /// Experiment name.
    pub experiment: String,
    /// Why, with the file.
    pub reason: String,
}

/// What is known of an experiment as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experiment {
    /// Name (of the folder where no file says it).
    pub name: String,
    /// Description from `experiment.yaml`.
    pub description: Option<String>,
    /// Folder.
    pub path: PathBuf,
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "left out: {}: {}", self.path.display(), self.reason)
    }
}

/// One cell: one training run.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Folder.
    pub path: PathBuf,
    /// Folder name.
    pub id: String,
    /// Experiment name.
    pub experiment: String,
    /// `cell.yaml`; absent where the cell has not begun.
    pub record: Option<CellRecord>,
    /// `status.json`; pending where there is none.
    pub status: Status,
    /// Readable lines of `metrics.jsonl`.
    pub lines: Vec<MetricLine>,
    /// Lines cut off by a crash (0 or 1).
    pub cut_lines: usize,
    /// Settings in which it differs from other cells of the same labels and grid values, `field=value field=value`; empty
    /// where there are none such.
    pub variant: String,
}

impl Cell {
    /// Label of the task, from the folder name where there is no record.
    pub fn task(&self) -> &str {
        match &self.record {
            Some(r) => &r.task.label,
            None => self.id.split('.').next().unwrap_or(&self.id),
        }
    }

    /// Label of the baseline, from the folder name where there is no record.
    pub fn baseline(&self) -> &str {
        match &self.record {
            Some(r) => &r.baseline.label,
            None => self.id.split('.').nth(1).unwrap_or("?"),
        }
    }

    /// Seed, from the folder name where there is no record.
    pub fn seed(&self) -> Option<u64> {
        match &self.record {
            Some(r) => Some(r.seed),
            None => seed_of(&self.id),
        }
    }

    /// Values of the grid fields, `field=value field=value`, `scale=…` where that is not `paper`, how the run was extended,
    /// and what else tells it from runs of the same labels; empty without all of these.
    pub fn grid(&self) -> String {
        [self.plain_grid(), self.variant.clone()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The same without what only tells it from other runs of the same labels.
    pub(crate) fn plain_grid(&self) -> String {
        match &self.record {
            Some(r) => {
                let scale = (r.scale != Scale::Paper).then(|| format!("scale={}", r.scale));
                let extension = r.extension().map(|text| format!("({text})"));
                let values = r.grid.iter().map(|(k, v)| format!("{k}={}", plain(v)));
                values.chain(scale).chain(extension).collect::<Vec<_>>().join(" ")
            }
            None => {
                let parts: Vec<&str> = self.id.split('.').skip(2).collect();
                parts.split_last().map(|(_, grid)| grid.join(".")).unwrap_or_default()
            }
        }
    }

    /// What is reported for the task; accuracy where it is not known.
    pub fn metric(&self) -> Metric {
        self.record.as_ref().map_or(Metric::Accuracy, |r| r.task.metric)
    }

    /// Whether more of the metric is better.
    pub fn higher_is_better(&self) -> bool {
        self.metric().higher_is_better()
    }

    /// The last value of a `final` line.
    pub fn final_value(&self, name: &str) -> Option<f64> {
        self.lines.iter().rev().find(|l| l.kind == MetricKind::Final && l.name == name).and_then(|l| l.value)
    }

    /// Seconds of training, validation included, and of a finished cell the test.
    pub fn seconds(&self) -> f64 {
        // The status of a cell that an older program ended within an epoch leaves out what came after its last step.
        let finished = (self.status.state == State::Done).then(|| self.final_value("seconds")).flatten();
        finished.unwrap_or(self.status.seconds)
    }

    /// The test metric of a finished cell.
    pub fn test_value(&self) -> Option<f64> {
        (self.status.state == State::Done).then(|| self.final_value(&format!("test_{}", self.metric()))).flatten()
    }

    /// The best value of the validation metric so far.
    pub fn best_validation(&self) -> Option<f64> {
        let better = if self.higher_is_better() { f64::max } else { f64::min };
        self.final_value(&format!("best_validation_{}", self.metric())).or_else(|| {
            self.lines
                .iter()
                .filter(|l| l.kind == MetricKind::Epoch && l.name == self.metric().name())
                .filter(|l| l.split == Some(Split::Validation))
                .filter_map(|l| l.value)
                .reduce(better)
        })
    }
}

/// Read run folders. Each of `dirs` is an experiment folder, a folder of experiments, or a single cell. A damaged cell is
/// left out and named in [`Runs::left_out`].
///
/// # Errors
/// An unreadable folder, a folder without runs or with nothing but damaged ones, one run given twice.
pub fn load(dirs: &[PathBuf]) -> Result<Runs, ReportError> {
    let mut runs = Runs { experiments: Vec::new(), cells: Vec::new(), left_out: Vec::new() };
    let mut experiments: BTreeMap<String, Experiment> = BTreeMap::new();
    let mut first_error = None;
    for dir in dirs {
        let found = discover(dir, &mut runs.left_out)?;
        if found.is_empty() {
            return Err(ReportError::NoRuns { path: dir.clone() });
        }
        for path in found {
            let experiment = read_experiment(&path, dir, &mut runs, &mut first_error)?;
            experiments.entry(experiment.name.clone()).or_insert(experiment);
        }
    }
    if let (true, Some(error)) = (runs.cells.is_empty(), first_error) {
        return Err(error);
    }
    runs.experiments = experiments.into_values().collect();
    runs.cells.sort_by(|a, b| (&a.experiment, &a.id, &a.path).cmp(&(&b.experiment, &b.id, &b.path)));
    group::tell_apart(&mut runs.cells);
    leave_out_repeats(&mut runs)?;
    Ok(runs)
}

/// One run in two folders would be counted as two seeds. A copy within an experiment is left out.
///
/// # Errors
/// The two folders belong to different experiment folders of the same name: nothing says which one is meant.
fn leave_out_repeats(runs: &mut Runs) -> Result<(), ReportError> {
    let own_name = |cell: &Cell| cell.record.as_ref().is_none_or(|record| record.id == cell.id);
    let mut seen: BTreeMap<(String, String, String, String, Option<u64>), usize> = BTreeMap::new();
    let mut copies: BTreeMap<usize, usize> = BTreeMap::new();
    for (index, cell) in runs.cells.iter().enumerate() {
        let folder = if cell.record.is_none() { cell.id.as_str() } else { "" };
        let key = (
            cell.experiment.clone(),
            format!("{}\n{folder}", cell.task()),
            cell.baseline().to_owned(),
            cell.grid(),
            cell.seed(),
        );
        let Some(&first) = seen.get(&key) else {
            seen.insert(key, index);
            continue;
        };
        let other = &runs.cells[first];
        if other.path.parent() != cell.path.parent() {
            return Err(ReportError::Duplicate {
                experiment: cell.experiment.clone(),
                cell: cell.id.clone(),
                first: other.path.clone(),
                second: cell.path.clone(),
            });
        }
        if own_name(cell) && !own_name(other) {
            copies.insert(first, index);
            seen.insert(key, index);
        } else {
            copies.insert(index, first);
        }
    }
    for (copy, original) in &copies {
        let (cell, original) = (&runs.cells[*copy], &runs.cells[*original]);
        let reason = format!("the same run as {}: a copy would count as another seed", original.path.display());
        runs.left_out.push(LeftOut { path: cell.path.clone(), experiment: cell.experiment.clone(), reason });
    }
    let mut index = 0;
    runs.cells.retain(|_| {
        index += 1;
        !copies.contains_key(&(index - 1))
    });
    Ok(())
}

/// Read `diagnostics.jsonl`: its lines, and the number of lines cut off by a crash (0 or 1).
///
/// # Errors
/// The file is unreadable or damaged before its last line.
pub fn read_diagnostics(path: &Path) -> Result<(Vec<DiagnosticLine>, usize), ReportError> {
    read_lines(path)
}

fn settled(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Experiment folders (or a single cell folder) at or below `dir`.
fn discover(dir: &Path, left_out: &mut Vec<LeftOut>) -> Result<Vec<PathBuf>, ReportError> {
    let children = folders(dir)?;
    if is_cell(dir) || is_experiment(dir, &children) {
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

fn is_cell(dir: &Path) -> bool {
    ["cell.yaml", "status.json", "metrics.jsonl"].iter().any(|file| dir.join(file).is_file())
}

fn is_experiment(dir: &Path, children: &[PathBuf]) -> bool {
    dir.join("experiment.yaml").is_file() || children.iter().any(|c| is_cell(c))
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
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

fn seed_of(id: &str) -> Option<u64> {
    id.rsplit('.').next()?.strip_prefix('s')?.parse().ok()
}

fn name_of(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.file_name().map_or_else(|| "runs".to_owned(), |n| n.to_string_lossy().into_owned())
}

/// Read an experiment, or the one cell at `path`, into `runs`; `first_error` keeps the first thing that could not be read.
fn read_experiment(
    path: &Path,
    given: &Path,
    runs: &mut Runs,
    first_error: &mut Option<ReportError>,
) -> Result<Experiment, ReportError> {
    let single = is_cell(path);
    let full = given.canonicalize().unwrap_or_else(|_| given.to_owned());
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

    let mut cells = Vec::new();
    let candidates = if single { vec![path.to_owned()] } else { folders(path)? };
    for dir in candidates {
        // A folder named like a cell counts as one before its first file is written.
        if is_cell(&dir) || seed_of(&name_of(&dir)).is_some() {
            match read_cell(&dir, &experiment.name) {
                Ok(cell) => cells.push(cell),
                Err(error) => {
                    damaged.push((dir, error.to_string()));
                    first_error.get_or_insert(error);
                }
            }
        }
    }
    if described.is_none()
        && let Some(record) = cells.iter().find_map(|c| c.record.as_ref())
    {
        experiment.name.clone_from(&record.experiment);
    }
    let known: BTreeSet<PathBuf> = runs.cells.iter().map(|cell| settled(&cell.path)).collect();
    for mut cell in cells {
        cell.experiment.clone_from(&experiment.name);
        // The same folder given twice, or once by itself and once with its experiment.
        if !known.contains(&settled(&cell.path)) {
            runs.cells.push(cell);
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

fn read_cell(dir: &Path, experiment: &str) -> Result<Cell, ReportError> {
    // A folder that cannot be listed would seem to be one that has not begun.
    fs::read_dir(dir).map_err(ReportError::read(dir))?;
    let file = dir.join("cell.yaml");
    let record = if file.is_file() { Some(read_yaml::<CellRecord>(&file)?) } else { None };
    let file = dir.join("status.json");
    let status = if file.is_file() { read_json::<Status>(&file)? } else { Status::pending() };
    let status = holder::settle(dir, status);
    let file = dir.join("metrics.jsonl");
    let (lines, cut_lines) = if file.is_file() { read_lines(&file)? } else { (Vec::new(), 0) };
    Ok(Cell {
        path: dir.to_owned(),
        id: name_of(dir),
        experiment: experiment.to_owned(),
        record,
        status,
        lines,
        cut_lines,
        variant: String::new(),
    })
}

fn check_schema(path: &Path, found: Option<u64>) -> Result<(), ReportError> {
    match found {
        Some(found) if found > u64::from(SCHEMA) => Err(ReportError::NewerSchema { path: path.to_owned(), found }),
        _ => Ok(()),
    }
}

/// The text of a record, which no record of ours exceeds in length.
fn read_text(path: &Path) -> Result<String, ReportError> {
    let damaged = |message: String| ReportError::Parse { path: path.to_owned(), line: 0, message };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(ReportError::read(path))?;
    file.take(LONGEST_RECORD + 1).read_to_end(&mut bytes).map_err(ReportError::read(path))?;
    if bytes.len() as u64 > LONGEST_RECORD {
        return Err(damaged(format!("more than {LONGEST_RECORD} bytes, which no record has")));
    }
    if bytes.is_empty() {
        return Err(damaged("the file is empty".to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| damaged("not a text".to_owned()))
}

fn read_yaml<T: DeserializeOwned>(path: &Path) -> Result<T, ReportError> {
    let text = read_text(path)?;
    let parse = |e: serde_yaml::Error| ReportError::Parse {
        path: path.to_owned(),
        line: e.location().map_or(0, |l| l.line()),
        message: e.to_string(),
    };
    // The version first: a newer file may not fit our records at all.
    let value: Value = serde_yaml::from_str(&text).map_err(parse)?;
    check_schema(path, value.get("schema").and_then(Value::as_u64))?;
    serde_yaml::from_str(&text).map_err(parse)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ReportError> {
    let text = read_text(path)?;
    let parse =
        |e: serde_json::Error| ReportError::Parse { path: path.to_owned(), line: e.line(), message: e.to_string() };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(parse)?;
    check_schema(path, value.get("schema").and_then(serde_json::Value::as_u64))?;
    serde_json::from_str(&text).map_err(parse)
}

/// Lines of a JSON-lines file. A process killed while it wrote leaves its last line cut: that one is dropped and counted.
fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<(Vec<T>, usize), ReportError> {
    let mut file = BufReader::new(fs::File::open(path).map_err(ReportError::read(path))?);
    let (mut lines, mut row, mut number) = (Vec::new(), Vec::new(), 0);
    // What is wrong with a line counts once another one follows: the last one may be cut.
    let mut broken: Option<ReportError> = None;
    loop {
        row.clear();
        let read = (&mut file).take(LONGEST_LINE + 1).read_until(b'\n', &mut row).map_err(ReportError::read(path))?;
        if read == 0 {
            return Ok((lines, usize::from(broken.is_some())));
        }
        number += 1;
        if row.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if let Some(error) = broken {
            return Err(error);
        }
        let damaged = |message: String| ReportError::Parse { path: path.to_owned(), line: number, message };
        if row.len() as u64 > LONGEST_LINE {
            return Err(damaged(format!("more than {LONGEST_LINE} bytes in a line")));
        }
        match serde_json::from_slice(&row) {
            Ok(line) => {
                lines.push(line);
                broken = None;
            }
            Err(error) => broken = Some(damaged(error.to_string())),
        }
    }
}

/// A JSON value as it would be typed.
pub(crate) fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}
