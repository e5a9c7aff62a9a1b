//! Removes what nobody needs any more: sets whose files have changed, and what processes left that were killed.
//!
//! Original files are never touched, nor is anything whose name this program does not give, nor what a running process
//! holds a lock on.

use std::{
    collections::HashMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::library::cache::file::SAMPLES;
use crate::library::cache::lock::LOCK;
use crate::library::cache::sets::CachedSet;
use crate::library::cache::sources::{Fate, LIST, Listed};
use crate::library::data_folder::Library;
use crate::library::error::DataError;
use crate::library::locks::{Taken, take};

/// Why something is not needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A file that the set was made of is not there any more.
    SourceGone,
    /// A file that the set was made of has changed since.
    SourceChanged,
    /// A set that this version of the program does not read.
    Outdated,
    /// What a process left that was killed.
    Abandoned,
    /// A download that was not put in place.
    Download,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SourceGone => "made of files that are gone",
            Self::SourceChanged => "made of files that have changed since",
            Self::Outdated => "made by another version of the program, or damaged",
            Self::Abandoned => "left by a process that was killed",
            Self::Download => "a download that was not put in place",
        })
    }
}

/// A file or folder that is not needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Where it is, or was.
    pub path: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
    /// Why it is not needed.
    pub reason: Reason,
}

/// A file or folder that stays although it is not needed, or that may not be needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Where it is.
    pub path: PathBuf,
    /// Why it stays.
    pub why: String,
    /// Whether it should have been removed, and could not be.
    pub failed: bool,
}

impl Kept {
    /// Something that a running process holds.
    pub fn in_use(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), why: "in use by a running process".to_owned(), failed: false }
    }
}

/// What [`Library::clean`] did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// What is not needed.
    pub removed: Vec<Leftover>,
    /// What stays.
    pub kept: Vec<Kept>,
}

impl Cleaned {
    /// Removes `path`, a file or a folder, unless `dry`, and notes what became of it.
    pub fn remove(&mut self, path: &Path, reason: Reason, dry: bool) {
        let bytes = size(path);
        let outcome = match dry {
            true => Ok(()),
            false if path.is_dir() && !path.is_symlink() => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        self.note(path, bytes, reason, outcome);
    }

    fn note(&mut self, path: &Path, bytes: u64, reason: Reason, outcome: io::Result<()>) {
        let path = path.to_path_buf();
        match outcome {
            Ok(()) => self.removed.push(Leftover { path, bytes, reason }),
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                self.kept.push(Kept { path, why: format!("it cannot be removed: {error}"), failed: true });
            }
        }
    }
}

/// Bytes of a file, or of all files of a folder.
fn size(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => {
            fs::read_dir(path).map_or(0, |entries| entries.flatten().map(|entry| size(&entry.path())).sum())
        }
        Ok(about) => about.len(),
        Err(_) => 0,
    }
}

/// Whether `name` is `prefix`, six letters or digits, and one of `suffixes`: the name of a file that is renamed when it is
/// complete.
pub fn is_temporary(name: &str, prefix: &str, suffixes: &[&str]) -> bool {
    let random =
        name.strip_prefix(prefix).and_then(|rest| suffixes.iter().find_map(|suffix| rest.strip_suffix(suffix)));
    random.is_some_and(|random| random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn is_ours(name: &str) -> bool {
    is_temporary(name, ".new-", &[".part", ".probe", ""])
}

/// Whether a folder of the cache has the name of a set: `pathfinder32-hard-0123456789abcdef`.
fn is_set(name: &str) -> bool {
    let hash = name.rsplit_once('-').map(|(_, hash)| hash);
    hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Names and paths in a folder, sorted; none where there is no such folder. Links are left out.
fn listed(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(vec![]);
        }
        Err(error) => return Err(DataError::io("read", folder)(error)),
    };
    let mut found: Vec<(String, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
        .filter_map(|entry| Some((entry.file_name().to_str()?.to_owned(), entry.path())))
        .collect();
    found.sort();
    Ok(found)
}

impl Library {
    /// Removes sets of the cache that nobody needs, and what was left by processes that were killed. If `dry`, nothing is
    /// removed.
    ///
    /// A set is not needed if files that it was made of have changed or are gone, if this version does not read it, or if
    /// there is a newer one under the same name. With `downloads`, downloads that were not put in place go, too.
    ///
    /// # Errors
    /// A data folder that is not there; a folder that cannot be read, or a lock that cannot be asked for.
    pub fn clean(&self, downloads: bool, dry: bool) -> Result<Cleaned, DataError> {
        let root = self.root();
        // A disk that is not there now would make all its sets look useless.
        fs::read_dir(root).map_err(DataError::io("read", root))?;
        let mut cleaned = Cleaned::default();
        for folder in self.cache_folders() {
            let entries: Vec<(String, PathBuf)> =
                listed(&folder)?.into_iter().filter(|(_, path)| path.is_dir()).collect();
            let mut newest: HashMap<String, u32> = HashMap::new();
            for key in entries.iter().filter_map(|(_, path)| CachedSet::find(path.join(SAMPLES))?.key) {
                let version = newest.entry(key.name).or_default();
                *version = key.version.max(*version);
            }
            for (name, path) in entries {
                if is_set(&name) {
                    self.clean_set(&path, &newest, dry, &mut cleaned)?;
                } else if let Some(set) = name.strip_prefix("unpacking-") {
                    match take(&self.lock_in(&folder, set))? {
                        Taken::Held => cleaned.kept.push(Kept::in_use(path)),
                        _held => cleaned.remove(&path, Reason::Abandoned, dry),
                    }
                }
            }
        }
        for set in self.catalogue() {
            let files = set.files.iter().map(|file| &file.name);
            let loads = set.archives.iter().map(|archive| &archive.name).chain(files);
            // What was loaded, and where from.
            let ends = ["", ".part", ".part.json", ".part.new"];
            let loads: Vec<String> = loads.flat_map(|name| ends.map(|end| format!("{name}{end}"))).collect();
            let mut found = vec![];
            for (name, path) in listed(&self.folder(&set.name))? {
                // What was being unpacked where the cache is on another disk.
                if is_ours(&name) && path.is_file() || name == ".unpacking" && path.is_dir() {
                    found.push((path, Reason::Abandoned));
                } else if downloads && path.is_file() && name.contains(".part") && loads.contains(&name) {
                    found.push((path, Reason::Download));
                }
            }
            if downloads {
                let left = listed(&self.cache_folder().join("downloads"))?;
                let mine = left.into_iter().filter(|(name, path)| loads.contains(name) && path.is_file());
                found.extend(mine.map(|(_, path)| (path, Reason::Download)));
            }
            if found.is_empty() {
                continue;
            }
            // Whoever brings the set may have another cache.
            match self.try_lock_set(&set.name)? {
                None => cleaned.kept.extend(found.into_iter().map(|(path, _)| Kept::in_use(path))),
                Some(_held) => found.iter().for_each(|(path, reason)| cleaned.remove(path, *reason, dry)),
            }
        }
        cleaned.removed.sort_by(|a, b| a.path.cmp(&b.path));
        cleaned.removed.dedup();
        Ok(cleaned)
    }

    /// Cleans the folder of one set; `newest` has the versions of sets by name.
    fn clean_set(
        &self,
        folder: &Path,
        newest: &HashMap<String, u32>,
        dry: bool,
        cleaned: &mut Cleaned,
    ) -> Result<(), DataError> {
        // Who makes the set holds this.
        let _making = match take(&folder.join(LOCK))? {
            Taken::Held => {
                cleaned.kept.push(Kept::in_use(folder));
                return Ok(());
            }
            taken => taken,
        };
        for (_, path) in listed(folder)?.into_iter().filter(|(name, _)| is_ours(name)) {
            cleaned.remove(&path, Reason::Abandoned, dry);
        }
        let samples = folder.join(SAMPLES);
        let reason = match CachedSet::find(samples.clone()) {
            Some(set) => match self.use_of(&set, newest, folder) {
                Use::Needed => return Ok(()),
                Use::Elsewhere(data) => {
                    let why = format!("it belongs to the data folder {}", data.display());
                    cleaned.kept.push(Kept { path: folder.to_path_buf(), why, failed: false });
                    return Ok(());
                }
                Use::None(reason) => reason,
            },
            None => Reason::Abandoned,
        };
        // And who reads it, this.
        if let Taken::Held = take(&samples)? {
            cleaned.kept.push(Kept::in_use(folder));
            return Ok(());
        }
        let ours = [SAMPLES, LIST, LOCK].map(|name| folder.join(name));
        let bytes = ours.iter().map(|path| size(path)).sum();
        let outcome = match dry {
            true => Ok(()),
            // The folder goes if nothing else is in it.
            false => {
                ours.iter().try_for_each(|path| removed(fs::remove_file(path))).map(|()| drop(fs::remove_dir(folder)))
            }
        };
        cleaned.note(folder, bytes, reason, outcome);
        Ok(())
    }

    /// Whether a set of the cache can be of use to anybody.
    fn use_of(&self, set: &CachedSet, newest: &HashMap<String, u32>, folder: &Path) -> Use {
        let Some(key) = &set.key else { return Use::None(Reason::Outdated) };
        // A version is raised when its samples change; the program that made the newer set does not read the older.
        if newest.get(&key.name).is_some_and(|&version| version > key.version) {
            return Use::None(Reason::Outdated);
        }
        let Some(made_of) = key.spec.get("files") else { return Use::Needed };
        let Some(listed) = Listed::read(&folder.join(LIST)).filter(|listed| *made_of == *listed.fingerprint) else {
            return Use::None(Reason::Outdated);
        };
        if std::path::absolute(self.root()).is_ok_and(|root| root != listed.data) {
            return Use::Elsewhere(listed.data);
        }
        match listed.fate() {
            Fate::Unchanged => Use::Needed,
            Fate::Changed => Use::None(Reason::SourceChanged),
            Fate::Gone => Use::None(Reason::SourceGone),
        }
    }
}

/// Of what use a set is.
enum Use {
    Needed,
    /// To another data folder.
    Elsewhere(PathBuf),
    None(Reason),
}

/// A removal that fails since there is nothing is none.
fn removed(outcome: io::Result<()>) -> io::Result<()> {
    outcome.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use std::fs::File;

    use super::*;
    use crate::library::{CacheKey, SampleStore, cache::sources::Sources};
    use vocabulary::SplitSizes;

    fn key(name: &str) -> CacheKey {
        let sizes = SplitSizes { train: 1, validation: 0, test: 0 };
        CacheKey { name: name.to_owned(), version: 1, spec: json!({}), input_bytes: 4, label_bytes: 0, sizes }
    }

    /// A set that is made of the file `name`, and one that is made of nothing.
    fn made(library: &Library, name: &str) -> (SampleStore, SampleStore) {
        let path = library.root().join(name);
        if !path.exists() {
            fs::write(&path, name).unwrap();
        }
        let sources = Sources::read(library.root(), vec![name.to_owned()]).unwrap();
        let read = library.cached_from(&sources, &key(name), &(), |writer| writer.push(&[1; 4], &[])).unwrap();
        let generated = library.cached(&key("generated"), &(), |writer| writer.push(&[2; 4], &[])).unwrap();
        (read, generated)
    }

    fn reasons(cleaned: &Cleaned) -> Vec<(String, Reason)> {
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        cleaned.removed.iter().map(|one| (name(&one.path), one.reason)).collect()
    }

    #[test]
    fn sets_go_when_their_files_have_changed_or_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        for name in ["kept", "changed", "gone"] {
            drop(made(&library, name));
        }
        assert_eq!(library.clean(true, false).unwrap(), Cleaned::default(), "everything is needed");
        fs::write(folder.path().join("changed"), "longer than before").unwrap();
        fs::remove_file(folder.path().join("gone")).unwrap();
        let dry = library.clean(false, true).unwrap();
        assert_eq!(library.cached_sets().unwrap().len(), 4);
        let cleaned = library.clean(false, false).unwrap();
        assert_eq!(dry, cleaned);
        let [changed, gone] = &cleaned.removed[..] else { unreachable!("{cleaned:?}") };
        assert_eq!((changed.reason, gone.reason), (Reason::SourceChanged, Reason::SourceGone));
        assert!(changed.bytes > 4_096 && !changed.path.exists() && !gone.path.exists());
        let names: Vec<String> = library.cached_sets().unwrap().into_iter().map(|set| set.key.unwrap().name).collect();
        assert_eq!(names, ["generated", "kept"]);
        assert_eq!(fs::read_to_string(folder.path().join("changed")).unwrap(), "longer than before");
        assert_eq!(library.clean(false, false).unwrap(), Cleaned::default());
    }

    #[test]
    fn what_a_process_uses_stays() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let (read, _) = made(&library, "used");
        fs::write(folder.path().join("used"), "longer than before").unwrap();
        let set = read.path().parent().unwrap().to_path_buf();
        let cleaned = library.clean(false, false).unwrap();
        assert_eq!((cleaned.removed.len(), cleaned.kept.as_slice()), (0, &[Kept::in_use(&set)][..]));
        drop(read);
        // While the set is made again.
        let lock = File::open(set.join(LOCK)).unwrap();
        lock.lock().unwrap();
        assert_eq!(library.clean(false, false).unwrap().kept, [Kept::in_use(&set)]);
        drop(lock);
        assert_eq!(library.clean(false, false).unwrap().removed.len(), 1);
        assert!(!set.exists());
    }

    #[test]
    fn leftovers_of_killed_processes_go_and_files_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let (_, generated) = made(&library, "kept");
        let set = generated.path().parent().unwrap().to_path_buf();
        let cache = library.cache_folder();
        let write = |path: PathBuf| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "left").unwrap();
            path
        };
        let half = cache.join("half-0123456789abcdef");
        let gone = [
            write(set.join(".new-a1B2c3.part")),
            write(half.join(".new-a1B2c3.part")),
            write(library.folder("fsdd").join(".new-a1B2c3")),
            write(cache.join("unpacking-fsdd/inner/a.wav")),
            write(library.folder("mnist").join(".unpacking/inner/a")),
        ];
        let downloads = [
            write(cache.join("downloads/aclImdb_v1.tar.gz.part")),
            write(cache.join("downloads/aclImdb_v1.tar.gz.part.json")),
            write(library.folder("mnist").join("train-images-idx3-ubyte.gz.part")),
        ];
        let stay = [
            write(set.join("notes.txt")),
            write(cache.join("mine-0123456789abcdef/notes.txt")),
            write(cache.join("unknown/samples.bin")),
            write(library.folder("fsdd").join(".new-mine")),
            write(library.folder("fsdd").join("recordings/1_theo_0.wav")),
            write(cache.join("downloads/another.zip")),
        ];
        // What nobody reads any more: a damaged set, and one of files without a list of them.
        write(cache.join("damaged-0123456789abcdef/samples.bin"));
        let old = CacheKey { spec: json!({ "files": "0" }), ..key("old") };
        drop(library.cached(&old, &(), |writer| writer.push(&[3; 4], &[])).unwrap());
        let cleaned = library.clean(false, false).unwrap();
        assert!(gone.iter().all(|path| !path.exists()), "{cleaned:?}");
        assert!(downloads.iter().chain(&stay).all(|path| path.exists()), "{cleaned:?}");
        let outdated = reasons(&cleaned).into_iter().filter(|(_, reason)| *reason == Reason::Outdated).count();
        assert_eq!((outdated, half.exists(), cleaned.kept.len()), (2, false, 0), "{cleaned:?}");
        let cleaned = library.clean(true, false).unwrap();
        assert!(downloads.iter().all(|path| !path.exists()) && stay.iter().all(|path| path.exists()), "{cleaned:?}");
        assert!(library.cached_sets().unwrap().iter().any(|set| set.path == generated.path()));
    }

    #[test]
    fn what_a_process_with_another_cache_is_unpacking_stays() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path().join("data"));
        let other = library.clone().with_cache(Some(folder.path().join("cache")));
        let left = library.folder("fsdd").join(".unpacking/inner");
        fs::create_dir_all(&left).unwrap();
        let held = other.lock_set("fsdd").unwrap();
        for dry in [true, false] {
            let cleaned = library.clean(true, dry).unwrap();
            assert_eq!((cleaned.removed.len(), cleaned.kept.len(), left.is_dir()), (0, 1, true), "{cleaned:?}");
        }
        drop(held);
        assert_eq!(library.clean(true, false).unwrap().removed.len(), 1);
        assert!(!left.exists());
    }

    #[test]
    fn an_older_version_goes_when_there_is_a_newer_one() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        for (name, version) in [("a", 1), ("b", 1), ("b", 2)] {
            let key = CacheKey { version, ..key(name) };
            drop(library.cached(&key, &(), |writer| writer.push(&[0; 4], &[])).unwrap());
        }
        let cleaned = library.clean(false, false).unwrap();
        assert_eq!((cleaned.removed.len(), cleaned.removed[0].reason), (1, Reason::Outdated), "{cleaned:?}");
        let sets = library.cached_sets().unwrap().into_iter().filter_map(|set| set.key);
        let left: Vec<(String, u32)> = sets.map(|key| (key.name, key.version)).collect();
        assert_eq!(left, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    }

    #[test]
    fn sets_of_another_data_folder_stay_and_a_missing_one_is_an_error() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cache = tempfile::tempdir().unwrap();
        let library = Library::open(one.path()).with_cache(Some(cache.path().to_path_buf()));
        drop(made(&library, "file"));
        fs::remove_file(one.path().join("file")).unwrap();
        let neighbour = Library::open(other.path()).with_cache(Some(cache.path().to_path_buf()));
        let cleaned = neighbour.clean(false, false).unwrap();
        assert!(
            cleaned.removed.is_empty() && cleaned.kept[0].why.contains("belongs to the data folder"),
            "{cleaned:?}"
        );
        assert!(Library::open(other.path().join("absent")).clean(false, false).is_err());
        assert_eq!(reasons(&library.clean(false, false).unwrap()).len(), 1);
    }

    #[test]
    fn names_of_temporary_files_are_exact() {
        for (name, temporary) in
            [(".tmp-a1B2c3", true), (".tmp-a1B2c", false), (".tmp-a1B2c3.x", false), ("x.tmp-a1B2c3", false)]
        {
            assert_eq!(is_temporary(name, ".tmp-", &[""]), temporary, "{name}");
        }
        assert!(is_ours(".new-a1B2c3.part") && is_ours(".new-a1B2c3") && !is_ours(".new-a1-2c3"));
        assert!(
            is_set("pathfinder32-hard-0123456789abcdef") && !is_set("downloads") && !is_set("set-0123456789abcdeg")
        );
    }
}
