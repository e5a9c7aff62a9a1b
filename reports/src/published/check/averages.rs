//! Averages that tables print, against the values of their rows.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::finding::{ARENA, Finding, RowName};
use crate::published::errata::Kind;
use crate::published::values::{Published, half_unit, parse, place, printed};

const TABLE: &str = include_str!("../../../data/averages.csv");

/// An average as a table prints it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Average {
    model: String,
    average: String,
    over: Over,
    paper: String,
    table: String,
}

/// What an average is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Over {
    /// All tasks.
    Six,
    /// All tasks, with 50 for a Path-X that failed.
    #[serde(rename = "six-with-50")]
    SixWith50,
    /// All but Path-X.
    Five,
    /// Those that the model was trained on.
    ItsOwn,
}

impl Average {
    pub(super) fn new(model: &str, paper: &str, average: &str, over: Over) -> Self {
        let [model, average, paper, table] = [model, average, paper, ""].map(str::to_owned);
        Self { model, average, over, paper, table }
    }

    fn row(&self) -> RowName {
        RowName { model: self.model.clone(), place: place(&self.paper, &self.table) }
    }
}

pub(super) fn all() -> Result<Vec<Average>, String> {
    parse(TABLE)
}

/// Averages that are not those of their rows, by more than rounding makes of them.
pub(super) fn wrong(values: &[Published], averages: &[Average]) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for average in averages {
        let row = average.row();
        let of_row = values.iter().filter(|value| RowName::of(value) == row);
        let (mean, rounding) = mean(average.over, of_row).map_err(|error| format!("{average:?}: {error}"))?;
        let (number, decimals) = printed(&average.average)?;
        if (number - mean).abs() > rounding + half_unit(decimals) + 1e-9 {
            let numbers = [average.average.clone(), format!("{mean:.2}, the average of its values")];
            findings.push(Finding { kind: Kind::Average, row, other: RowName::default(), numbers });
        }
    }
    Ok(findings)
}

/// The mean over the tasks that it is said to be over, and how far rounded values may move it.
fn mean<'v>(over: Over, row: impl Iterator<Item = &'v Published>) -> Result<(f64, f64), String> {
    let row: BTreeMap<&str, &Published> = row.map(|value| (value.task.as_str(), value)).collect();
    let known: Vec<&Published> = ARENA.iter().filter_map(|task| row.get(task).copied()).collect();
    let without_path_x = known.len() == 5 && !row.contains_key("Path-X");
    let fits = match over {
        Over::Six => known.len() == 6,
        Over::SixWith50 | Over::Five => without_path_x,
        Over::ItsOwn => (1..5).contains(&known.len()),
    };
    if !fits {
        return Err(format!("the row has {} tasks", known.len()));
    }
    let (failed, tasks) = if over == Over::SixWith50 { (50.0, 6.0) } else { (0.0, known.len() as f64) };
    let sum: f64 = known.iter().map(|value| value.accuracy).sum();
    let rounding: f64 = known.iter().map(|value| half_unit(value.decimals)).sum();
    Ok(((sum + failed) / tasks, rounding / tasks))
}

/// Tables whose averages are over different tasks.
pub(super) fn mixed(averages: &[Average]) -> Vec<Finding> {
    let mut tables: BTreeMap<String, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for average in averages {
        let over = match average.over {
            Over::Six | Over::SixWith50 => "six tasks",
            Over::Five => "five tasks",
            Over::ItsOwn => "their own tasks",
        };
        tables.entry(average.row().place).or_default().entry(over).or_default().insert(&average.model);
    }
    let found = tables.into_iter().filter(|(_, kinds)| kinds.len() > 1).map(|(place, kinds)| {
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, models)| models.len());
        let text = |(over, models): &(&str, BTreeSet<&str>)| {
            format!("{}: over {over}", models.iter().copied().collect::<Vec<_>>().join(", "))
        };
        let (first, others) = (text(&kinds[0]), kinds[1..].iter().map(text).collect::<Vec<_>>().join("; "));
        let row = RowName { model: String::new(), place };
        Finding { kind: Kind::MixedAverages, row, other: RowName::default(), numbers: [first, others] }
    });
    found.collect()
}
