//! Released data of the Long Range Arena that comes as one file per split, with one record per line.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use vocabulary::{Split, SplitSizes};

use crate::formats::FormatError;
use crate::formats::tables::tsv::{Row, Rows, TsvError};
use crate::library::{DataError, Library, SampleStore, Sources};
use crate::progress::Progress;
use crate::samples::Stored;
use crate::splits::{SplitFiles, cut_note};
use crate::task::Batch;
use crate::text::{TokenLayout, batch};

/// Name of the data set.
const SET: &str = "lra";

/// Names of the files of one task.
pub(super) struct LraFiles {
    /// Folders in which they may lie, below the data folder.
    pub(super) folders: [&'static str; 3],
    /// The files of training, validation and test.
    pub(super) names: [&'static str; 3],
    /// What a line is, in the plural.
    pub(super) records: &'static str,
}

impl LraFiles {
    /// Where the files lie.
    pub(super) fn folder(&self, library: &Library) -> Result<PathBuf, DataError> {
        library.locate_files(SET, &self.folders, &self.names)
    }

    /// The files that are there.
    pub(super) fn find(&'static self, library: &Library) -> Result<FoundFiles, DataError> {
        let folder = self.folder(library)?;
        let sources = Sources::read(&folder, self.names.map(str::to_owned).to_vec())?;
        Ok(FoundFiles { files: self, folder, sources })
    }
}

/// The files of one task in the data folder.
pub(super) struct FoundFiles {
    files: &'static LraFiles,
    pub(super) folder: PathBuf,
    pub(super) sources: Sources,
}

impl FoundFiles {
    /// The file of `split`.
    pub(super) fn path(&self, split: Split) -> PathBuf {
        self.folder.join(self.files.names[split as usize])
    }

    /// The classes of all records of all files, read from each by `classes` and kept in the cache under `name`.
    ///
    /// # Errors
    /// A file with fewer records than its split needs; those of `classes`.
    pub(super) fn scan(
        &self,
        library: &Library,
        name: &str,
        sizes: SplitSizes,
        progress: &dyn Progress,
        classes: impl Fn(&Path) -> Result<Vec<u8>, DataError>,
    ) -> Result<SplitFiles, DataError> {
        let files = SplitFiles::scan(library, name, &self.sources, progress, || {
            let read = |split| classes(&self.path(split));
            Ok([read(Split::Train)?, read(Split::Validation)?, read(Split::Test)?])
        })?;
        for split in Split::ALL {
            let (found, needed) = (files.sizes().get(split), sizes.get(split));
            if found < needed {
                return Err(DataError::Malformed {
                    path: self.path(split),
                    message: format!(
                        "holds {found} {} and the {} split needs {needed}; lower train_samples, validation_samples or \
                         test_samples, or fetch the data again",
                        self.files.records,
                        split.name()
                    ),
                });
            }
        }
        Ok(files)
    }

    /// The samples of a store that holds the chosen records of every file in their order.
    pub(super) fn dataset(
        &self,
        library: &Library,
        store: SampleStore,
        layout: TokenLayout,
        files: &SplitFiles,
        sizes: SplitSizes,
        description: Vec<(String, String)>,
    ) -> Result<Stored<impl ReadBatch + use<>>, DataError> {
        let reconstruction = library.reconstruction(SET, &self.folder)?;
        let reconstruction = reconstruction.map(|note| format!("not the released files: {note}"));
        let notes = reconstruction.into_iter().chain(cut_note(sizes, files.sizes())).collect();
        let indices = files.indices(sizes);
        let processing = format!("{} {}", layout.hashed(), indices.digest());
        let read = move |store: &SampleStore, split: Split, places: &[usize]| batch(store, split, places, &layout);
        Ok(Stored::new(store, &processing, read).ordered(SET, indices).with_notes(notes, description))
    }
}

/// Makes a batch of the stored samples at places of a split.
pub(super) trait ReadBatch: Fn(&SampleStore, Split, &[usize]) -> Result<Batch, DataError> + Send + Sync {}

impl<F: Fn(&SampleStore, Split, &[usize]) -> Result<Batch, DataError> + Send + Sync> ReadBatch for F {}

/// The rows of the file at `path`.
pub(super) fn open_rows(path: &Path, columns: usize) -> Result<Rows<BufReader<File>>, DataError> {
    let file = File::open(path).map_err(DataError::io("read", path))?;
    Ok(Rows::new(BufReader::with_capacity(1 << 20, file), columns))
}

/// The next row of the file at `path`.
pub(super) fn next_row<'a>(rows: &'a mut Rows<BufReader<File>>, path: &Path) -> Result<Option<Row<'a>>, DataError> {
    rows.next_row().map_err(|error| match error {
        TsvError::Io(error) => DataError::io("read", path)(error),
        TsvError::Format(error) => malformed_row(path, &error),
    })
}

/// The error for a row of the file at `path`.
pub(super) fn malformed_row(path: &Path, error: &FormatError) -> DataError {
    DataError::Malformed { path: path.to_path_buf(), message: error.to_string() }
}
