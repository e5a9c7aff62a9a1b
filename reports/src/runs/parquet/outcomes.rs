//! What trained networks made of every sample of the test split, as Parquet.

use std::fs::File;
use std::path::Path;

use polars::prelude::*;
use vocabulary::record::SampleOutcome;

use crate::error::ReportError;
use crate::files::write_atomically;

/// The file in the folder of a run.
const FILE: &str = "outcomes.parquet";

/// Write `outcomes`, in order of the samples, as `outcomes.parquet` into the folder of their run: one row per sample,
/// `label, prediction, loss`, 12 bytes before compression.
///
/// # Errors
/// A polars operation fails, the file cannot be written.
pub fn write_outcomes(folder: &Path, outcomes: &[SampleOutcome]) -> Result<(), ReportError> {
    let encoded = encode(outcomes).map_err(|error| ReportError::Frame(error.to_string()))?;
    write_atomically(&folder.join(FILE), &encoded)
}

/// The outcomes of the run in `folder`; none where there is no such file: the task has no labels, or the run is older.
///
/// # Errors
/// The file is damaged, or none of ours.
pub(crate) fn read_outcomes(folder: &Path) -> Result<Option<Vec<SampleOutcome>>, ReportError> {
    let path = folder.join(FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let file = File::open(&path).map_err(ReportError::read(&path))?;
    let damaged = |error: PolarsError| ReportError::Parse { path: path.clone(), line: 0, message: error.to_string() };
    decode(file).map(Some).map_err(damaged)
}

fn encode(outcomes: &[SampleOutcome]) -> PolarsResult<Vec<u8>> {
    let mut frame = df!(
        "label" => outcomes.iter().map(|outcome| outcome.label).collect::<Vec<i32>>(),
        "prediction" => outcomes.iter().map(|outcome| outcome.prediction).collect::<Vec<i32>>(),
        "loss" => outcomes.iter().map(|outcome| outcome.loss).collect::<Vec<f32>>(),
    )?;
    let version = vec![("bench.schema".to_owned(), "1".to_owned())];
    let mut bytes = Vec::new();
    let writer = ParquetWriter::new(&mut bytes);
    writer.with_key_value_metadata(Some(KeyValueMetadata::from_static(version))).finish(&mut frame)?;
    Ok(bytes)
}

fn decode(file: File) -> PolarsResult<Vec<SampleOutcome>> {
    let frame = ParquetReader::new(file).finish()?;
    let (labels, predictions) = (frame.column("label")?.i32()?, frame.column("prediction")?.i32()?);
    let rows = labels.iter().zip(predictions.iter()).zip(frame.column("loss")?.f32()?.iter());
    let whole = rows
        .map(|((label, prediction), loss)| Some(SampleOutcome { label: label?, prediction: prediction?, loss: loss? }));
    whole.collect::<Option<Vec<_>>>().ok_or_else(|| polars_err!(ComputeError: "a value is missing"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn outcomes_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_outcomes(folder.path()).unwrap(), None);
        let of = |label, prediction, loss| SampleOutcome { label, prediction, loss };
        let outcomes = [of(3, 3, 0.25), of(0, -2, f32::INFINITY), of(1, 0, 1e-8)];
        write_outcomes(folder.path(), &outcomes).unwrap();
        assert_eq!(read_outcomes(folder.path()).unwrap().unwrap(), outcomes);
        std::fs::write(folder.path().join(FILE), "PAR1 and no more").unwrap();
        assert!(matches!(read_outcomes(folder.path()), Err(ReportError::Parse { .. })));
    }
}
