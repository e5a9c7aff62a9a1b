//! Reading run folders, finished or not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_yaml::Value;

use crate::error::ReportError;
use crate::holder;
use crate::record::{CellRecord, DiagnosticLine, MetricKind, MetricLine, PAPER, SCHEMA, State, Status};

/// Everything read from the given folders, in order of name.
#[derive(Debug, Clone)]
pub struct Runs {
    /// The experiments.
    pub experiments: Vec<Experiment>,
    /// Their cells.
    pub cells: Vec<Cell>,
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

    /// Values of the grid fields, `field=value field=value`, and `scale=…` where that is not `paper`; empty without both.
    pub fn grid(&self) -> String {
        match &self.record {
            Some(r) => {
                let scale = (r.scale != PAPER).then(|| format!("scale={}", r.scale));
                let values = r.grid.iter().map(|(k, v)| format!("{k}={}", plain(v)));
                values.chain(scale).collect::<Vec<_>>().join(" ")
            }
            None => {
                let parts: Vec<&str> = self.id.split('.').skip(2).collect();
                parts.split_last().map(|(_, grid)| grid.join(".")).unwrap_or_default()
            }
        }
    }

    /// Name of the task's metric, `accuracy` where it is not known.
    pub fn metric(&self) -> &str {
        self.record.as_ref().map_or("accuracy", |r| &r.task.metric)
    }

    /// Whether more of the metric is better.
    pub fn higher_is_better(&self) -> bool {
        self.record.as_ref().is_none_or(|r| r.task.higher_is_better)
    }

    /// The last value of a `final` line.
    pub fn final_value(&self, name: &str) -> Option<f64> {
        self.lines.iter().rev().find(|l| l.kind == MetricKind::Final && l.name == name).and_then(|l| l.value)
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
                .filter(|l| l.kind == MetricKind::Epoch && l.name == self.metric())
                .filter(|l| l.split.as_deref() == Some("validation"))
                .filter_map(|l| l.value)
                .reduce(better)
        })
    }
}

/// Read run folders. Each of `dirs` is an experiment folder, a folder of experiments, or a single cell.
///
/// # Errors
/// An unreadable or damaged file, a schema newer than [`SCHEMA`], a folder without runs, one cell given twice.
pub fn load(dirs: &[PathBuf]) -> Result<Runs, ReportError> {
    let mut cells: BTreeMap<(String, String), Cell> = BTreeMap::new();
    let mut experiments: BTreeMap<String, Experiment> = BTreeMap::new();
    for dir in dirs {
        let found = discover(dir)?;
        if found.is_empty() {
            return Err(ReportError::NoRuns { path: dir.clone() });
        }
        for path in found {
            let (experiment, of_it) = read_experiment(&path, dir)?;
            for cell in of_it {
                let key = (cell.experiment.clone(), cell.id.clone());
                if let Some(first) = cells.get(&key) {
                    if same(&first.path, &cell.path) {
                        continue;
                    }
                    return Err(ReportError::Duplicate {
                        experiment: key.0,
                        cell: key.1,
                        first: first.path.clone(),
                        second: cell.path,
                    });
                }
                cells.insert(key, cell);
            }
            experiments.entry(experiment.name.clone()).or_insert(experiment);
        }
    }
    Ok(Runs { experiments: experiments.into_values().collect(), cells: cells.into_values().collect() })
}

/// Read `diagnostics.jsonl`: its lines, and the number of lines cut off by a crash (0 or 1).
///
/// # Errors
/// The file is unreadable or damaged before its last line.
pub fn read_diagnostics(path: &Path) -> Result<(Vec<DiagnosticLine>, usize), ReportError> {
    read_lines(path)
}

fn same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// Experiment folders (or a single cell folder) at or below `dir`.
fn discover(dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let children = folders(dir)?;
    if is_cell(dir) || is_experiment(dir, &children) {
        return Ok(vec![dir.to_owned()]);
    }
    let mut found = Vec::new();
    for child in children {
        let below = folders(&child)?;
        if is_experiment(&child, &below) {
            found.push(child);
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

fn read_experiment(path: &Path, given: &Path) -> Result<(Experiment, Vec<Cell>), ReportError> {
    let single = is_cell(path);
    let full = given.canonicalize().unwrap_or_else(|_| given.to_owned());
    let home = if single { full.parent().unwrap_or(path).to_owned() } else { path.to_owned() };
    let file = home.join("experiment.yaml");
    let described = if file.is_file() { Some(read_yaml::<Value>(&file)?) } else { None };
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
            cells.push(read_cell(&dir, &experiment.name)?);
        }
    }
    if described.is_none()
        && let Some(record) = cells.iter().find_map(|c| c.record.as_ref())
    {
        experiment.name.clone_from(&record.experiment);
    }
    for cell in &mut cells {
        cell.experiment.clone_from(&experiment.name);
    }
    Ok((experiment, cells))
}

fn read_cell(dir: &Path, experiment: &str) -> Result<Cell, ReportError> {
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
    })
}

fn check_schema(path: &Path, found: Option<u64>) -> Result<(), ReportError> {
    match found {
        Some(found) if found > u64::from(SCHEMA) => Err(ReportError::NewerSchema { path: path.to_owned(), found }),
        _ => Ok(()),
    }
}

fn read_yaml<T: DeserializeOwned>(path: &Path) -> Result<T, ReportError> {
    let text = fs::read_to_string(path).map_err(ReportError::read(path))?;
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
    let text = fs::read_to_string(path).map_err(ReportError::read(path))?;
    let parse =
        |e: serde_json::Error| ReportError::Parse { path: path.to_owned(), line: e.line(), message: e.to_string() };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(parse)?;
    check_schema(path, value.get("schema").and_then(serde_json::Value::as_u64))?;
    serde_json::from_str(&text).map_err(parse)
}

/// Lines of a JSON-lines file. A process killed while it wrote leaves its last line cut: that one is dropped and counted.
fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<(Vec<T>, usize), ReportError> {
    let bytes = fs::read(path).map_err(ReportError::read(path))?;
    let rows: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    let last = rows.iter().rposition(|row| !row.iter().all(u8::is_ascii_whitespace));
    let mut lines = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        if row.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice(row) {
            Ok(line) => lines.push(line),
            Err(_) if Some(index) == last => return Ok((lines, 1)),
            Err(e) => {
                return Err(ReportError::Parse { path: path.to_owned(), line: index + 1, message: e.to_string() });
            }
        }
    }
    Ok((lines, 0))
}

/// A JSON value as it would be typed.
pub(crate) fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}
