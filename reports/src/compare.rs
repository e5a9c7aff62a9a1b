//! `bench compare`: differences between runs that agree in everything but one field.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::ReportError;
use crate::format::{self, metric, metric_name};
use crate::load::{Cell, load, plain};
use crate::statistics::Summary;
use crate::table::{Entry, Flag, Table};

/// The field whose values are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Task labels, between tasks that read the same data set.
    Task,
    /// Baseline labels.
    Baseline,
    /// Experiment names.
    Experiment,
    /// Devices.
    Device,
    /// A grid field or a setting: `baseline.omega_0`, `training.learning_rate`, `task.size`.
    Setting(String),
}

impl FromStr for Field {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "task" => Self::Task,
            "baseline" => Self::Baseline,
            "experiment" => Self::Experiment,
            "device" => Self::Device,
            other => Self::Setting(other.to_owned()),
        })
    }
}

impl Field {
    /// As typed.
    pub fn name(&self) -> &str {
        match self {
            Self::Task => "task",
            Self::Baseline => "baseline",
            Self::Experiment => "experiment",
            Self::Device => "device",
            Self::Setting(name) => name,
        }
    }

    fn value(&self, cell: &Cell) -> Option<String> {
        let record = cell.record.as_ref()?;
        match self {
            Self::Task => Some(record.task.label.clone()),
            Self::Baseline => Some(record.baseline.label.clone()),
            Self::Experiment => Some(cell.experiment.clone()),
            Self::Device => Some(record.device.clone()),
            Self::Setting(name) => {
                if let Some(value) = record.grid.get(name) {
                    return Some(plain(value));
                }
                let (part, path) = name.split_once('.')?;
                let config = match part {
                    "task" => &record.task.config,
                    "baseline" => &record.baseline.config,
                    "training" => &record.training,
                    _ => return None,
                };
                config.pointer(&format!("/{}", path.replace('.', "/"))).map(plain)
            }
        }
    }

    /// What two paired cells share, the seed included; the first part names it in the table.
    fn rest(&self, cell: &Cell) -> Option<(String, u64)> {
        let record = cell.record.as_ref()?;
        let setting = if let Self::Setting(name) = self { name.as_str() } else { "" };
        // A label may contain the compared setting, so within a setting the registry name stands for it.
        let task = if setting.starts_with("task.") { &record.task.name } else { &record.task.label };
        let baseline = if setting.starts_with("baseline.") { &record.baseline.name } else { &record.baseline.label };
        let mut parts = Vec::new();
        if *self != Self::Experiment {
            parts.push(cell.experiment.clone());
        }
        if *self != Self::Task {
            parts.push(task.clone());
        }
        if *self != Self::Baseline {
            parts.push(baseline.clone());
        }
        parts.extend(record.grid.iter().filter(|(k, _)| *k != setting).map(|(k, v)| format!("{k}={}", plain(v))));
        Some((parts.join(" · "), record.seed))
    }
}

/// Compare the finished cells of `dirs`, paired over everything but `by`.
///
/// # Errors
/// A folder cannot be read; no cell has the field.
pub fn compare(dirs: &[PathBuf], by: &Field) -> Result<Table, ReportError> {
    let runs = load(dirs)?;
    let mut values: BTreeMap<String, BTreeMap<(String, u64), &Cell>> = BTreeMap::new();
    for cell in &runs.cells {
        if let (Some(value), Some(rest)) = (by.value(cell), by.rest(cell)) {
            values.entry(value).or_default().insert(rest, cell);
        }
    }
    if values.is_empty() {
        return Err(ReportError::UnknownField { field: by.name().to_owned(), known: known_fields(&runs.cells) });
    }
    let mut table = Table::new(
        "comparison",
        &format!("Comparison by {}", by.name()),
        "B − A over pairs of finished cells that agree in everything else, seeds included: mean ± standard deviation of \
         the differences (percentage points for accuracy). A win is a pair in which B is better. Tasks are compared \
         where they read the same data set.",
        &[
            "A",
            "B",
            "Within",
            "Metric",
            "B − A#",
            "n#",
            "B wins#",
            "Ties#",
            "A wins#",
            "Every seed",
            "Without partner#",
        ],
    );
    let names: Vec<&String> = values.keys().collect();
    for (index, a) in names.iter().enumerate() {
        for b in &names[index + 1..] {
            compare_pair(&mut table, by, (a, &values[*a]), (b, &values[*b]));
        }
    }
    Ok(table)
}

type Keyed<'a> = BTreeMap<(String, u64), &'a Cell>;

fn compare_pair(table: &mut Table, by: &Field, (a, of_a): (&str, &Keyed<'_>), (b, of_b): (&str, &Keyed<'_>)) {
    let data = |cells: &Keyed<'_>| cells.values().find_map(|c| Some(c.record.as_ref()?.task.data.clone()));
    if *by == Field::Task && data(of_a) != data(of_b) {
        return;
    }
    let within: BTreeSet<&String> = of_a.keys().chain(of_b.keys()).map(|(rest, _)| rest).collect();
    for rest in within {
        let seeds: BTreeSet<u64> =
            of_a.keys().chain(of_b.keys()).filter(|(r, _)| r == rest).map(|(_, seed)| *seed).collect();
        let (mut differences, mut alone) = (Vec::new(), 0);
        let (mut wins, mut ties, mut losses) = (0, 0, 0);
        let (mut name, mut higher) = ("accuracy", true);
        for seed in seeds {
            let key = (rest.clone(), seed);
            let pair = (of_a.get(&key), of_b.get(&key));
            let measured = (pair.0.and_then(|c| c.test_value()), pair.1.and_then(|c| c.test_value()));
            if let Some(cell) = pair.0.or(pair.1) {
                (name, higher) = (cell.metric(), cell.higher_is_better());
            }
            let (Some(x), Some(y)) = measured else {
                alone += 1;
                continue;
            };
            differences.push((seed, y - x));
            match (y - x).partial_cmp(&0.0) {
                Some(std::cmp::Ordering::Equal) | None => ties += 1,
                Some(order) if (order == std::cmp::Ordering::Greater) == higher => wins += 1,
                Some(_) => losses += 1,
            }
        }
        let all: Vec<f64> = differences.iter().map(|(_, d)| *d).collect();
        let signed = |d: f64| format::signed(&metric(d, name));
        let value = match Summary::of(&all) {
            Some(s) => {
                let spread = s.std.map(|std| format!(" ± {}", metric(std, name))).unwrap_or_default();
                let raw = if name == "accuracy" { 100.0 * s.mean } else { s.mean };
                let entry = Entry::number(format!("{}{spread}", signed(s.mean)), raw);
                if s.n < 3 { entry.flag(Flag::FewSeeds) } else { entry }
            }
            None => Entry::none(),
        };
        let seeds: Vec<String> = differences.iter().map(|(seed, d)| format!("s{seed} {}", signed(*d))).collect();
        table.rows.push(vec![
            Entry::text(a),
            Entry::text(b),
            Entry::text(rest),
            Entry::text(metric_name(name)),
            value,
            Entry::text(all.len().to_string()),
            Entry::text(wins.to_string()),
            Entry::text(ties.to_string()),
            Entry::text(losses.to_string()),
            Entry::text(seeds.join(", ")),
            Entry::text(alone.to_string()),
        ]);
    }
}

fn known_fields(cells: &[Cell]) -> String {
    let mut known: BTreeSet<String> = ["task", "baseline", "experiment", "device"].map(str::to_owned).into();
    for record in cells.iter().filter_map(|c| c.record.as_ref()) {
        known.extend(record.grid.keys().cloned());
        let parts =
            [("task", &record.task.config), ("baseline", &record.baseline.config), ("training", &record.training)];
        for (part, config) in parts {
            if let Some(map) = config.as_object() {
                known.extend(map.keys().map(|key| format!("{part}.{key}")));
            }
        }
    }
    known.into_iter().collect::<Vec<_>>().join(", ")
}
