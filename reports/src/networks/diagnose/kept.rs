//! What was measured at initialisation, kept for the reports of an experiment.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use vocabulary::record::DiagnosticLine;

use super::figures::figures;
use super::measured::{Measured, measured_words};
use super::reference::{self, Network};
use super::table::table;
use crate::error::ReportError;
use crate::figures::plot::Figure;
use crate::files::ReportPaths;
use crate::runs::{read_diagnostics, read_json};
use crate::tables::Table;

/// The folder, in that of an experiment, of what was measured at initialisation.
pub const DIAGNOSED: &str = "diagnose";
/// The measurements, a [`DiagnosticLine`] per line.
const LINES: &str = "diagnostics.jsonl";
/// What they were measured on; written last, so that measurements that were cut off have none.
const MEASURED: &str = "measured.json";

/// The record of measurements.
#[derive(Serialize, Deserialize)]
struct Record {
    schema: u32,
    /// What decided the measurements, see [`holds_diagnostics`].
    key: String,
    /// By task.
    measured: BTreeMap<String, Measured>,
    /// What was measured. Older files do not say.
    #[serde(default)]
    networks: Vec<Network>,
}

/// What a report shows of the measurements at initialisation.
pub(crate) struct Section {
    pub(crate) tables: Vec<Table>,
    pub(crate) figures: Vec<Figure>,
}

/// Whether `folder` holds the whole of the measurements that were written under `key`.
pub fn holds_diagnostics(folder: &Path, key: &str) -> bool {
    read_json::<Record>(&folder.join(MEASURED)).is_ok_and(|record| record.key == key) && folder.join(LINES).is_file()
}

/// Keep `lines` in `out`.
pub(super) fn keep(
    lines: &[DiagnosticLine],
    measured: &BTreeMap<String, Measured>,
    networks: &[Network],
    key: &str,
    out: &Path,
    paths: &mut ReportPaths,
) -> Result<(), ReportError> {
    let page = |error: serde_json::Error| ReportError::Page(error.to_string());
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line).map_err(page)?;
        text.push(b'\n');
    }
    paths.put(out.join(LINES), &text)?;
    let record = Record { schema: 1, key: key.to_owned(), measured: measured.clone(), networks: networks.to_vec() };
    paths.put(out.join(MEASURED), &serde_json::to_vec_pretty(&record).map_err(page)?)?;
    Ok(())
}

/// Tables and figures of what was measured at initialisation for the experiment in the folder `home`; none where nothing was.
///
/// # Errors
/// The measurements are damaged.
pub(crate) fn at_initialisation(home: &Path) -> Result<Option<Section>, ReportError> {
    let folder = home.join(DIAGNOSED);
    if !folder.join(MEASURED).is_file() {
        return Ok(None);
    }
    let record: Record = read_json(&folder.join(MEASURED))?;
    let (lines, _) = read_diagnostics(&folder.join(LINES))?;
    let words = measured_words(&record.measured);
    let mut table = table(&lines);
    table.title = "Scale at initialisation, on noise".to_owned();
    table.caption = format!("Measured on {words}. {}", table.caption);
    // Those of the runs are of their samples.
    let on_noise = |figure: Figure| Figure { title: format!("{}, on noise", figure.title), ..figure };
    let tables = std::iter::once(table).chain(reference::tables(&lines, &record.networks)?).collect();
    Ok(Some(Section { tables, figures: figures(&lines, &words).into_iter().map(on_noise).collect() }))
}
