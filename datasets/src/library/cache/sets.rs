//! Derived and generated sets on disk: made once, read by position.
//!
//! One set is one file, `<cache>/<name>-<hash of the key>/samples.bin` (see [`file`](super::file)), beside the list of the files
//! that it was made of, if it was made of files. It appears by an atomic rename under a lock that is shared between processes.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use serde::Serialize;

use crate::library::cache::file::{PAGE, SAMPLES, read_header, verify_file};
use crate::library::cache::key::CacheKey;
use crate::library::cache::lock::claim;
use crate::library::cache::sources::{LIST, Sources};
use crate::library::cache::store::{Opened, SampleStore, open, open_or_warn};
use crate::library::cache::writer::{CacheWriter, remove_leftovers, write_set};
use crate::library::data_folder::Library;
use crate::library::error::DataError;
use crate::progress::Progress;

impl Library {
    /// The set of `key`, which is generated: opened if it exists and is sound, otherwise made by `generate`, once, even when
    /// several processes ask for it. A damaged file is made again, with a warning. Where the cache cannot be written and no
    /// other folder was chosen for it, the set is made in the platform's cache directory, with a warning.
    ///
    /// `generate` pushes `key.total()` samples; see [`CacheWriter::generate`] for the parallel form.
    ///
    /// # Errors
    /// Those of `generate`; a full disk; a cache that cannot be written.
    pub fn cached(
        &self,
        key: &CacheKey,
        progress: &dyn Progress,
        generate: impl FnOnce(&mut CacheWriter<'_>) -> Result<(), DataError>,
    ) -> Result<SampleStore, DataError> {
        self.open_or_make(key, None, progress, generate)
    }

    /// The set of `key`, which is made of the files `sources`: as [`cached`](Self::cached), and made again when one of them
    /// has changed. What recognises the files enters the key as `files`.
    ///
    /// # Errors
    /// Those of [`cached`](Self::cached).
    pub(crate) fn cached_from(
        &self,
        sources: &Sources,
        key: &CacheKey,
        progress: &dyn Progress,
        generate: impl FnOnce(&mut CacheWriter<'_>) -> Result<(), DataError>,
    ) -> Result<SampleStore, DataError> {
        let key = key.made_of(sources);
        self.open_or_make(&key, Some(sources), progress, generate)
    }

    fn open_or_make(
        &self,
        key: &CacheKey,
        sources: Option<&Sources>,
        progress: &dyn Progress,
        generate: impl FnOnce(&mut CacheWriter<'_>) -> Result<(), DataError>,
    ) -> Result<SampleStore, DataError> {
        // A finished file came by a rename, so it can be read without the lock, also in a folder without write access.
        for folder in self.cache_folders() {
            if let Some(store) = open_or_warn(&folder.join(key.folder_name()).join(SAMPLES), key)? {
                return Ok(store);
            }
        }
        let (folder, _lock) = self.claim(key, progress)?;
        let path = folder.join(SAMPLES);
        if path.exists()
            && let Ok(Opened::Sound(store)) = open(&path, key)
        {
            return Ok(*store);
        }
        remove_leftovers(&folder);
        self.ensure_space(&path, key.payload_bytes() + PAGE as u64)?;
        if let Some(sources) = sources {
            sources.write(self.root(), &folder).map_err(DataError::io("write", folder.join(LIST)))?;
        }
        write_set(&folder, &path, key, progress, generate)?;
        match open(&path, key)? {
            Opened::Sound(store) => Ok(*store),
            Opened::Damaged(why) | Opened::Absent(why) => Err(DataError::Malformed {
                path,
                message: format!("{why} right after it was written; check the disk, then run the command again"),
            }),
        }
    }

    /// The folder of a set that is about to be made, and its lock.
    fn claim(&self, key: &CacheKey, progress: &dyn Progress) -> Result<(PathBuf, File), DataError> {
        let name = key.folder_name();
        let folder = self.cache_folder().join(&name);
        let error = match claim(&folder, &key.name, progress) {
            Ok(lock) => return Ok((folder, lock)),
            Err(error) => error,
        };
        let Some(spare) = self.spare_cache().filter(|_| error.is_read_only()) else { return Err(error) };
        let folder = spare.join(&name);
        let lock = claim(&folder, &key.name, progress)?;
        tracing::warn!(
            "the cache {} cannot be written, so {} is kept in {}; --cache DIR or BENCH_CACHE chooses another folder",
            self.cache_folder().display(),
            key.name,
            spare.display()
        );
        Ok((folder, lock))
    }

    /// Where the set of `key` lies, or would lie.
    pub fn cache_path(&self, key: &CacheKey) -> PathBuf {
        self.cache_folder().join(key.folder_name()).join(SAMPLES)
    }

    /// Every set in the cache, by file; one whose header cannot be read has no key.
    ///
    /// # Errors
    /// A cache folder that cannot be read.
    pub fn cached_sets(&self) -> Result<Vec<CachedSet>, DataError> {
        let mut sets = Vec::new();
        for folder in self.cache_folders() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(DataError::io("read", &folder)(error)),
            };
            sets.extend(entries.flatten().map(|entry| entry.path().join(SAMPLES)).filter_map(CachedSet::find));
        }
        sets.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(sets)
    }

    /// Reads a whole file of the cache again, sums included, and gives its content hash.
    ///
    /// # Errors
    /// [`DataError::Malformed`] saying what is damaged.
    pub fn verify_cached(&self, set: &CachedSet) -> Result<String, DataError> {
        verify_file(&set.path)
    }
}

/// A file of the cache.
#[derive(Debug, Clone, Serialize)]
pub struct CachedSet {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What it was made for.
    pub key: Option<CacheKey>,
    /// SHA-256 (hex) of its content, as its header says.
    pub content_hash: Option<String>,
}

impl CachedSet {
    /// The set in the file at `path`.
    pub(crate) fn find(path: PathBuf) -> Option<Self> {
        let mut file = File::open(&path).ok()?;
        let bytes = file.metadata().ok()?.len();
        let header = read_header(&mut file).ok().map(|(header, _)| header);
        let (key, content_hash) = header.map(|header| (header.key, header.content_sha256)).unzip();
        Some(Self { path, bytes, key, content_hash })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rand::Rng;
    use serde_json::json;

    use std::path::Path;

    use super::*;
    use crate::library::cache::lock::{LOCK, lock};
    use crate::library::cache::store::StoreSource;
    use crate::library::cache::writer::sample_stream;
    use vocabulary::{Split, SplitSizes};

    fn key() -> CacheKey {
        CacheKey {
            name: "numbers".to_owned(),
            version: 1,
            spec: json!({ "seed": 3 }),
            input_bytes: 40,
            label_bytes: 2,
            sizes: SplitSizes { train: 50, validation: 7, test: 9 },
        }
    }

    /// Wants `0` samples, then no more.
    struct Enough(AtomicUsize);

    impl Progress for Enough {
        fn begin(&self, _what: &str, _total: u64) {}
        fn advance(&self, done: u64) {
            let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(done as usize));
        }
        fn finish(&self) {}
        fn stopped(&self) -> bool {
            self.0.load(Ordering::SeqCst) == 0
        }
    }

    #[test]
    fn what_nobody_wants_any_longer_is_left_and_made_later() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let made = AtomicUsize::new(0);
        let stopped = library.cached(&key(), &Enough(AtomicUsize::new(5)), |writer| {
            writer.generate(&Enough(AtomicUsize::new(5)), |_, _, _| {
                made.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
        });
        assert!(matches!(stopped, Err(DataError::Stopped)), "{stopped:?}");
        assert!(made.load(Ordering::SeqCst) < key().total());
        // One at a time.
        let stopped = library.cached(&key(), &Enough(AtomicUsize::new(0)), |writer| writer.push(&[0; 40], &[0; 2]));
        assert!(matches!(stopped, Err(DataError::Stopped)), "{stopped:?}");
        // While another process holds the set.
        let held = lock(&library.cache_path(&key()).with_file_name(LOCK), "numbers").unwrap();
        let stopped = library.cached(&key(), &Enough(AtomicUsize::new(0)), fill);
        assert!(matches!(stopped, Err(DataError::Stopped)), "{stopped:?}");
        drop(held);
        assert_eq!(library.cached(&key(), &(), fill).unwrap().len(Split::Train), 50);
    }

    fn fill(writer: &mut CacheWriter<'_>) -> Result<(), DataError> {
        writer.generate(&(), |index, input, label| {
            let mut stream = sample_stream(3, index);
            stream.fill(input);
            label.copy_from_slice(&(index as u16).to_le_bytes());
            Ok(())
        })
    }

    fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn a_set_is_the_same_whatever_the_number_of_threads() {
        let hashes: Vec<String> = [1, 2, 5]
            .into_iter()
            .map(|threads| {
                let folder = tempfile::tempdir().unwrap();
                let library = Library::open(folder.path());
                let store = with_threads(threads, || library.cached(&key(), &(), fill)).unwrap();
                store.content_hash().to_owned()
            })
            .collect();
        assert!(hashes.iter().all(|hash| hash == &hashes[0]), "{hashes:?}");
    }

    #[test]
    fn samples_come_back_by_position() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let store = library.cached(&key(), &(), fill).unwrap();
        let mut seen = Vec::new();
        store
            .visit(Split::Test, &[8, 0], |slot, input, label| {
                seen.push((slot, input[0], u16::from_le_bytes([label[0], label[1]])));
            })
            .unwrap();
        let first = |index| sample_stream(3, index).random::<u32>() as u8;
        assert_eq!(seen, [(0, first(65), 65), (1, first(57), 57)]);
        let error = store.visit(Split::Validation, &[7], |_, _, _| ()).unwrap_err();
        assert!(matches!(error, DataError::Position { position: 7, .. }), "{error}");
    }

    #[test]
    fn one_of_many_threads_generates() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let count = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let made = library.cached(&key(), &(), |writer| {
                        count.fetch_add(1, Ordering::SeqCst);
                        for index in 0..66u8 {
                            writer.push(&[index; 40], &[index; 2])?;
                        }
                        Ok(())
                    });
                    assert_eq!(made.unwrap().len(Split::Train), 50);
                });
            }
        });
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn every_damaged_byte_is_noticed_and_the_set_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let sound = library.cached(&key(), &(), fill).unwrap();
        let hash = sound.content_hash().to_owned();
        let path = library.cache_path(&key());
        let original = fs::read(&path).unwrap();
        for at in [0, 9, 13, 17, 30, PAGE, PAGE + 41, original.len() - 6] {
            let mut bytes = original.clone();
            bytes[at] ^= 0x20;
            fs::write(&path, &bytes).unwrap();
            assert!(verify_file(&path).is_err(), "byte {at} was not noticed");
            assert_eq!(library.cached(&key(), &(), fill).unwrap().content_hash(), hash);
            assert_eq!(fs::read(&path).unwrap(), original, "byte {at}");
        }
        for cut in [0, 10, 100, PAGE, original.len() - 1] {
            fs::write(&path, &original[..cut]).unwrap();
            assert_eq!(library.cached(&key(), &(), fill).unwrap().content_hash(), hash);
        }
        let sets = library.cached_sets().unwrap();
        assert_eq!(sets.len(), 1);
        assert_eq!(sets[0].key.as_ref(), Some(&key()));
        assert_eq!(library.verify_cached(&sets[0]).unwrap(), hash);
    }

    #[test]
    fn a_sample_of_the_wrong_size_or_too_few_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let short = library.cached(&key(), &(), |writer| writer.push(&[0; 39], &[0; 2])).unwrap_err();
        assert!(short.to_string().contains("39 + 2 bytes"), "{short}");
        let few = library.cached(&key(), &(), |writer| writer.push(&[0; 40], &[0; 2])).unwrap_err();
        assert!(few.to_string().contains("1 samples of 66"), "{few}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let made = library.cached(&CacheKey { version: 2, ..key() }, &(), fill).unwrap();
            let plain = folder.path().join("plain");
            fs::write(&plain, "").unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(made.path()), mode(&plain), "the umask decides who may read");
        }
        let left: Vec<_> = fs::read_dir(library.cache_path(&key()).parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["lock"]);
    }

    #[test]
    fn a_file_read_by_position_checks_each_record() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let mut store = library.cached(&key(), &(), fill).unwrap();
        let file = File::options().read(true).write(true).open(store.path()).unwrap();
        let second = store.start + key().record_bytes() as u64;
        #[cfg(unix)]
        {
            std::os::unix::fs::FileExt::write_all_at(&file, &[1, 2, 3, 4], second).unwrap();
            store.source = StoreSource::File(file);
            let expected = sample_stream(3, 0).random::<u32>() as u8;
            store.visit(Split::Train, &[0], |_, input, _| assert_eq!(input[0], expected)).unwrap();
            let error = store.visit(Split::Train, &[1], |_, _, _| ()).unwrap_err();
            assert!(matches!(&error, DataError::Malformed { path, .. } if *path == store.path()), "{error}");
        }
    }
}
