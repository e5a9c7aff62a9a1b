//! Where published tables contradict each other or themselves, and the values that remain.

use std::sync::LazyLock;

use serde::Deserialize;

use super::values::{Published, as_printed, parse};
use crate::error::ReportError;

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

/// The published values that ours may stand beside: all but those that an erratum replaces.
///
/// # Errors
/// The tables built into the program are damaged.
pub(crate) fn all() -> Result<&'static [Published], ReportError> {
    static USED: LazyLock<Result<Vec<Published>, String>> = LazyLock::new(|| {
        let (mut values, errata) = (as_printed()?, errata()?);
        values.retain(|value| !errata.iter().any(|erratum| erratum.replaces(value)));
        Ok(values)
    });
    USED.as_deref().map_err(|message| ReportError::Published(message.clone()))
}
