//! Locks that keep two processes from bringing the same set at the same time.
//!
//! Two processes may share the data folder and have caches of their own, or share a cache and have data folders of their own.
//! So there is a lock beside the data and one in the cache, and who brings a set holds both.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::library::{cache::lock::lock, data_folder::Library, error::DataError, folders};

/// What is locked as long as this lives.
pub(crate) struct SetLock {
    _files: Vec<File>,
}

impl Library {
    /// Keeps other processes from fetching or importing `set` at the same time, whatever their caches are.
    pub(crate) fn lock_set(&self, set: &str) -> Result<SetLock, DataError> {
        let mut files = vec![];
        match folders::create(self.root()) {
            Err(error) if !error.is_read_only() => return Err(error),
            _ => {}
        }
        for path in self.locks_beside(set) {
            match lock(&path, set) {
                Ok(file) => {
                    files.push(file);
                    break;
                }
                // Where nothing can be written there, the next place, and in the end the lock of the cache has to do.
                Err(error) if error.is_read_only() || not_there(&error) => {}
                Err(error) => return Err(error),
            }
        }
        folders::create(&self.cache_folder())?;
        files.push(lock(&self.lock_in(&self.cache_folder(), set), set)?);
        Ok(SetLock { _files: files })
    }

    /// The same without waiting and without making files: nothing where another process is bringing `set`.
    pub(crate) fn try_lock_set(&self, set: &str) -> Result<Option<SetLock>, DataError> {
        let mut files = vec![];
        let in_cache = self.lock_in(&self.cache_folder(), set);
        for path in self.locks_beside(set).into_iter().chain([in_cache]) {
            match take(&path)? {
                Taken::Ours(file) => files.push(file),
                Taken::Absent => {}
                Taken::Held => return Ok(None),
            }
        }
        Ok(Some(SetLock { _files: files }))
    }

    /// The lock of `set` in the folder `cache`.
    pub(crate) fn lock_in(&self, cache: &Path, set: &str) -> PathBuf {
        cache.join(format!("fetch-{set}.lock"))
    }

    /// Where the lock beside the data may be, best first: it does not lie in the set's folder as long as it need not, since
    /// an empty folder gives way to the one that is put in its place.
    fn locks_beside(&self, set: &str) -> Vec<PathBuf> {
        let inside = self.folder(set).canonicalize().map(|folder| folder.join(".fetch.lock"));
        [self.root().join(format!(".fetch-{set}.lock"))].into_iter().chain(inside).collect()
    }
}

fn not_there(error: &DataError) -> bool {
    matches!(error, DataError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

/// A lock that nobody else has.
pub(crate) enum Taken {
    /// It is ours, as long as the file is open.
    Ours(File),
    /// There is nothing to lock.
    Absent,
    /// Another process has it.
    Held,
}

/// Takes the exclusive lock on the file at `path`, if there is such a file.
pub(crate) fn take(path: &Path) -> Result<Taken, DataError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Taken::Absent),
        Err(error) => return Err(DataError::io("read", path)(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(Taken::Ours(file)),
        Err(TryLockError::WouldBlock) => Ok(Taken::Held),
        Err(TryLockError::Error(error)) => Err(DataError::io("lock", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    #[test]
    fn one_set_is_brought_by_one_process_whatever_its_cache() {
        let folder = tempfile::tempdir().unwrap();
        let of = |cache: &str| Library::open(folder.path().join("data")).with_cache(Some(folder.path().join(cache)));
        let (one, other) = (of("one"), of("other"));
        let held = one.lock_set("fsdd").unwrap();
        assert!(other.try_lock_set("fsdd").unwrap().is_none());
        assert!(other.try_lock_set("mnist").unwrap().is_some());
        // And of two data folders with one cache.
        let neighbour = Library::open(folder.path().join("elsewhere")).with_cache(Some(folder.path().join("one")));
        assert!(neighbour.try_lock_set("fsdd").unwrap().is_none());
        drop(held);
        assert!(other.try_lock_set("fsdd").unwrap().is_some() && neighbour.try_lock_set("fsdd").unwrap().is_some());
    }

    /// `/sys` takes no files, whoever asks.
    #[cfg(target_os = "linux")]
    #[test]
    fn where_the_data_folder_takes_no_file_the_lock_is_in_the_folder_of_the_set() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open("/sys/kernel").with_cache(Some(folder.path().join("cache")));
        drop(library.lock_set("fsdd").unwrap());
        assert!(folder.path().join("cache/fetch-fsdd.lock").is_file());
        let library = Library::open(folder.path().join("data")).with_cache(Some(folder.path().join("cache")));
        fs::create_dir_all(library.folder("fsdd")).unwrap();
        let [beside, inside] = &library.locks_beside("fsdd")[..] else { unreachable!("two places") };
        assert!(beside.starts_with(library.root()) && inside.ends_with("fsdd/.fetch.lock"));
        let held = lock(inside, "fsdd").unwrap();
        assert!(library.try_lock_set("fsdd").unwrap().is_none());
        drop(held);
    }
}
