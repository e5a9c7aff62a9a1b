//! The built-in table of published test accuracies.

use serde::Deserialize;

use crate::error::ReportError;

const TABLE: &str = include_str!("../../data/published.csv");

/// One published value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Published {
    /// Task as the papers call it, e.g. `sMNIST`.
    pub task: String,
    /// Model as the paper calls it.
    pub model: String,
    /// Parameters as printed there (rounded).
    pub parameters: Option<u64>,
    /// Test accuracy, percent.
    pub accuracy: f64,
    /// Paper and table.
    pub source: String,
}

/// All published values.
///
/// # Errors
/// The table built into the program is damaged.
pub(crate) fn all() -> Result<Vec<Published>, ReportError> {
    csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(TABLE.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|e| ReportError::Published(e.to_string()))
}
