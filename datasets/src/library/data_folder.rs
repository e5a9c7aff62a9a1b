//! The data folder: where it is, and where its cache is.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::library::catalogue::data_set::DataSet;
use crate::library::catalogue::official::official;
use crate::library::error::DataError;

/// Environment variable that names the data folder.
pub const DATA_VARIABLE: &str = "BENCH_DATA";

/// Environment variable that names the folder of derived and generated sets.
pub const CACHE_VARIABLE: &str = "BENCH_CACHE";

/// The data folder.
#[derive(Debug, Clone)]
pub struct Library {
    root: PathBuf,
    cache: Option<PathBuf>,
    /// See [`Library::spare_cache`].
    spare: Option<PathBuf>,
    catalogue: Arc<[DataSet]>,
}

impl Library {
    /// The data folder at `root`, which need not exist yet.
    pub fn open(root: impl Into<PathBuf>) -> Self {
        Self::with_catalogue(root, official())
    }

    /// The data folder at `root` with other data sets than the official ones.
    pub fn with_catalogue(root: impl Into<PathBuf>, catalogue: Vec<DataSet>) -> Self {
        Self { root: root.into(), cache: None, spare: None, catalogue: catalogue.into() }
    }

    /// The data folder: `argument`, else `BENCH_DATA`, else `bench` in the platform's data directory. `BENCH_CACHE` names the
    /// folder of the cache, if it is set.
    ///
    /// # Errors
    /// [`DataError::NoHome`] when none of the three says where.
    pub fn locate(argument: Option<PathBuf>) -> Result<Self, DataError> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        argument
            .or_else(|| variable(DATA_VARIABLE))
            .or_else(|| dirs::data_dir().map(|folder| folder.join("bench")))
            .map(|root| {
                let spare = dirs::cache_dir().map(|folder| folder.join("bench"));
                Self { spare, ..Self::open(root).with_cache(variable(CACHE_VARIABLE)) }
            })
            .ok_or(DataError::NoHome)
    }

    /// With the cache in the folder `cache`, if one is given.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<PathBuf>) -> Self {
        self.cache = cache.or(self.cache);
        self
    }

    /// The folder of the cache, if it is not the one below the data folder.
    pub fn chosen_cache(&self) -> Option<&Path> {
        self.cache.as_deref()
    }

    /// Data sets with official files.
    pub fn catalogue(&self) -> &[DataSet] {
        &self.catalogue
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that was chosen for the cache, else `<data>/.cache`.
    pub fn cache_folder(&self) -> PathBuf {
        self.cache.clone().unwrap_or_else(|| self.root.join(".cache"))
    }

    /// The folder that takes the place of `<data>/.cache` where that cannot be written: `bench` in the platform's cache
    /// directory. None where a folder was chosen, and of a library that was opened at a place that its caller chose.
    pub(crate) fn spare_cache(&self) -> Option<&Path> {
        self.spare.as_deref().filter(|_| self.cache.is_none())
    }

    /// Where sets may lie: the cache, and what takes its place.
    pub(crate) fn cache_folders(&self) -> Vec<PathBuf> {
        let spare = self.spare_cache().filter(|folder| folder.is_dir()).map(Path::to_owned);
        [self.cache_folder()].into_iter().chain(spare).collect()
    }

    /// Refuses to begin writing `needed` bytes to `path` when the disk has less than that (and a reserve) free.
    pub(crate) fn ensure_space(&self, path: &Path, needed: u64) -> Result<(), DataError> {
        const RESERVE: u64 = 16 << 20;
        let existing = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(&self.root);
        match fs4::available_space(existing) {
            Ok(available) if available < needed.saturating_add(RESERVE) => {
                Err(DataError::NoSpace { path: path.to_path_buf(), needed, available })
            }
            // A file system that does not say is written to; a full disk then shows in the write itself.
            _ => Ok(()),
        }
    }
}
