//! What trained networks made of every sample of the test split, as Parquet.

use std::fs::File;
use std::path::Path;

use polars::prelude::*;
use vocabulary::record::{SampleAttribute, SampleOutcome};

use crate::error::ReportError;
use crate::files::write_atomically;

/// The file in the folder of a run.
const FILE: &str = "outcomes.parquet";
/// The key of its version, and the version that is written. 2 added columns of attributes; a file without a version has none.
const VERSION: (&str, u64) = ("bench.schema", 2);
/// What the name of a column of attributes begins with.
const ATTRIBUTE: &str = "sample.";

/// The file of one run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TestOutcomes {
    /// One per sample, in order.
    pub(crate) samples: Vec<SampleOutcome>,
    /// What the task knows of them.
    pub(crate) attributes: Vec<SampleAttribute>,
}

/// Write `outcomes`, in order of the samples, as `outcomes.parquet` into the folder of their run: one row per sample,
/// `label, prediction, loss`, and a column `sample.NAME` per attribute that the task knows of its samples; 12 bytes and 4 per
/// attribute before compression.
///
/// # Errors
/// An attribute has another number of values than there are outcomes, the file cannot be written.
pub fn write_outcomes(
    folder: &Path,
    outcomes: &[SampleOutcome],
    attributes: &[SampleAttribute],
) -> Result<(), ReportError> {
    let encoded = encode(outcomes, attributes).map_err(|error| ReportError::Frame(error.to_string()))?;
    write_atomically(&folder.join(FILE), &encoded)
}

/// The outcomes of the run in `folder`; none where there is no such file: the task has no labels, or the run is older.
///
/// # Errors
/// The file is damaged, newer than this program, or none of ours.
pub(super) fn read_outcomes(folder: &Path) -> Result<Option<TestOutcomes>, ReportError> {
    let path = folder.join(FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let file = File::open(&path).map_err(ReportError::read(&path))?;
    let damaged = |error: PolarsError| ReportError::Parse { path: path.clone(), line: 0, message: error.to_string() };
    let mut reader = ParquetReader::new(file);
    match version(&mut reader).map_err(damaged)? {
        Some(found) if found > VERSION.1 => Err(ReportError::NewerSchema { path: path.clone(), found }),
        _ => decode(reader).map(Some).map_err(damaged),
    }
}

fn encode(outcomes: &[SampleOutcome], attributes: &[SampleAttribute]) -> PolarsResult<Vec<u8>> {
    let mut frame = df!(
        "label" => outcomes.iter().map(|outcome| outcome.label).collect::<Vec<i32>>(),
        "prediction" => outcomes.iter().map(|outcome| outcome.prediction).collect::<Vec<i32>>(),
        "loss" => outcomes.iter().map(|outcome| outcome.loss).collect::<Vec<f32>>(),
    )?;
    for attribute in attributes {
        polars_ensure!(
            attribute.values.len() == outcomes.len(),
            ComputeError: "{} values of `{}` for {} samples", attribute.values.len(), attribute.name, outcomes.len()
        );
        frame.with_column(Column::new(format!("{ATTRIBUTE}{}", attribute.name).into(), attribute.values.as_slice()))?;
    }
    let version = vec![(VERSION.0.to_owned(), VERSION.1.to_string())];
    let mut bytes = Vec::new();
    let writer = ParquetWriter::new(&mut bytes);
    writer.with_key_value_metadata(Some(KeyValueMetadata::from_static(version))).finish(&mut frame)?;
    Ok(bytes)
}

/// The version of a file, where it says one.
fn version(reader: &mut ParquetReader<File>) -> PolarsResult<Option<u64>> {
    let metadata = reader.get_metadata()?;
    let pairs = metadata.key_value_metadata().iter().flatten();
    Ok(pairs.filter(|pair| pair.key == VERSION.0).find_map(|pair| pair.value.as_ref()?.parse().ok()))
}

fn decode(reader: ParquetReader<File>) -> PolarsResult<TestOutcomes> {
    let frame = reader.finish()?;
    let missing = || polars_err!(ComputeError: "a value is missing");
    let (labels, predictions) = (frame.column("label")?.i32()?, frame.column("prediction")?.i32()?);
    let rows = labels.iter().zip(predictions.iter()).zip(frame.column("loss")?.f32()?.iter());
    let whole = rows
        .map(|((label, prediction), loss)| Some(SampleOutcome { label: label?, prediction: prediction?, loss: loss? }));
    let samples = whole.collect::<Option<Vec<_>>>().ok_or_else(missing)?;
    let mut attributes = Vec::new();
    for column in frame.columns() {
        let Some(name) = column.name().strip_prefix(ATTRIBUTE) else { continue };
        let values = column.i32()?.iter().collect::<Option<Vec<i32>>>().ok_or_else(missing)?;
        attributes.push(SampleAttribute { name: name.to_owned(), values });
    }
    Ok(TestOutcomes { samples, attributes })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn some() -> [SampleOutcome; 3] {
        let of = |label, prediction, loss| SampleOutcome { label, prediction, loss };
        [of(3, 3, 0.25), of(0, -2, f32::INFINITY), of(1, 0, 1e-8)]
    }

    #[test]
    fn outcomes_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_outcomes(folder.path()).unwrap(), None);
        let attributes = [SampleAttribute { name: "length, tokens".to_owned(), values: vec![7, 1, 1 << 20] }];
        for attributes in [&attributes[..], &[]] {
            write_outcomes(folder.path(), &some(), attributes).unwrap();
            let found = read_outcomes(folder.path()).unwrap().unwrap();
            assert_eq!((found.samples.as_slice(), found.attributes.as_slice()), (&some()[..], attributes));
        }
        assert!(matches!(write_outcomes(folder.path(), &some()[1..], &attributes), Err(ReportError::Frame(_))));
        std::fs::write(folder.path().join(FILE), "PAR1 and no more").unwrap();
        assert!(matches!(read_outcomes(folder.path()), Err(ReportError::Parse { .. })));
    }

    /// Files without attributes and without a version, as older programs may leave them, are read; newer ones are refused.
    #[test]
    fn the_version_decides_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let write = |version: Option<&str>| {
            let mut frame = df!("label" => [1i32], "prediction" => [0i32], "loss" => [0.5f32]).unwrap();
            let pairs = version.map(|v| KeyValueMetadata::from_static(vec![(VERSION.0.to_owned(), v.to_owned())]));
            let file = File::create(folder.path().join(FILE)).unwrap();
            ParquetWriter::new(file).with_key_value_metadata(pairs).finish(&mut frame).unwrap();
            read_outcomes(folder.path())
        };
        for version in [None, Some("1"), Some("2")] {
            let found = write(version).unwrap().unwrap();
            assert_eq!((found.samples.len(), found.attributes.len()), (1, 0), "{version:?}");
        }
        assert!(matches!(write(Some("3")), Err(ReportError::NewerSchema { found: 3, .. })));
    }
}
