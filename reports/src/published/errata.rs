//! Where published tables contradict each other or themselves.

use serde::Deserialize;

use super::values::{Published, parse};

const TABLE: &str = include_str!("../../data/errata.csv");

/// A contradiction between published tables, or within one; `reports/ERRATA.md` shows all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Erratum {
    /// What is the matter.
    pub kind: Kind,
    /// The model whose row it is; empty where it is the table's.
    pub model: String,
    /// Paper and table.
    pub place: String,
    /// The model of the row that contradicts it; empty where no row does.
    pub other_model: String,
    /// Its paper and table.
    pub other_place: String,
    /// What is used of the two.
    pub used: Used,
    /// Why.
    pub why: String,
}

/// What is the matter with a published row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// Its average is not that of its values.
    Average,
    /// Averages of one column are over different tasks.
    MixedAverages,
    /// Its values are those of the other row, some columns further.
    Shifted,
    /// Its values are those of another model in the same table.
    Duplicated,
    /// Its value is that of another task.
    OtherTask,
    /// The other row has other values of the same model.
    Disagreeing,
}

/// Which of two contradicting rows the project uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Used {
    /// Both: a range, or both as printed.
    Both,
    /// The other row alone.
    Other,
    /// The values alone: averages are computed from them.
    Values,
}

impl Erratum {
    /// Whether `value` is not to be used.
    pub(super) fn replaces(&self, value: &Published) -> bool {
        self.used == Used::Other && self.model == value.model && self.place == value.place
    }
}

/// All contradictions that are known.
pub(super) fn errata() -> Result<Vec<Erratum>, String> {
    parse(TABLE)
}
