//! What was seen of the network of a run, in its folder.

use std::path::Path;

use vocabulary::record::{Inspection, inspection::Stage};

use crate::error::ReportError;
use crate::files::write_atomically;
use crate::runs::read_json;

/// Write what was seen at this `stage` into the folder of the run.
///
/// # Errors
/// The file cannot be written.
pub fn write_inspection(folder: &Path, stage: Stage, inspection: &Inspection) -> Result<(), ReportError> {
    let text = serde_json::to_vec(inspection).map_err(|error| ReportError::Page(error.to_string()))?;
    write_atomically(&folder.join(stage.file()), &text)
}

/// What was seen at this `stage` of the run in `folder`; none where there is no such file: nobody has looked yet, or the run is
/// older.
///
/// # Errors
/// The file is damaged, or of a newer program.
pub(super) fn read_inspection(folder: &Path, stage: Stage) -> Result<Option<Inspection>, ReportError> {
    let path = folder.join(stage.file());
    if path.is_file() { read_json(&path).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_seen_comes_back_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_inspection(folder.path(), Stage::Initial).unwrap(), None);
        let seen = Inspection { schema: 1, shape: vec![7], layers: Vec::new(), field: None, answer: None };
        write_inspection(folder.path(), Stage::Trained, &seen).unwrap();
        assert_eq!(read_inspection(folder.path(), Stage::Trained).unwrap(), Some(seen));
        assert_eq!(read_inspection(folder.path(), Stage::Initial).unwrap(), None);
        let path = folder.path().join(Stage::Trained.file());
        std::fs::write(&path, "{\"schema\": 1, \"shape\"").unwrap();
        assert!(matches!(read_inspection(folder.path(), Stage::Trained), Err(ReportError::Parse { .. })));
        std::fs::write(&path, "{\"schema\": 99}").unwrap();
        assert!(matches!(read_inspection(folder.path(), Stage::Trained), Err(ReportError::NewerSchema { .. })));
    }
}
