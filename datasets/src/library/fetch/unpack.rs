//! Archives are unpacked into a folder of their own, looked at, and put in place by renames.

use std::{
    collections::{BTreeSet, HashSet},
    fs::{self, File},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use wildmatch::WildMatch;

use crate::formats::archives::archive::{ArchiveError, Limits, Member};
use crate::formats::archives::{tar, zip};
use crate::library::catalogue::data_set::{Archive, ArchiveLayout, DataSet, Format};
use crate::library::data_folder::Library;
use crate::library::error::DataError;
use crate::library::folders;
use crate::library::verify::members::find;
use crate::progress::Progress;

/// Names at the top of an archive that a message shows.
const MOST_SHOWN: usize = 4;

/// Files that wait beside the data folder until they are put in place.
pub(crate) struct Staged {
    staging: StagingFolder,
    /// Number of files.
    pub(crate) files: u64,
    /// Those that are members of the data set, as the catalogue names them.
    pub(crate) members: Vec<String>,
}

impl Staged {
    /// Puts everything in place; a file that was there under the same name is replaced.
    pub(crate) fn settle(self, target: &Path) -> Result<(), DataError> {
        folders::settle(self.staging.path(), target)
    }
}

impl Library {
    /// Unpacks the archive at `path` without touching the folder of `set`, whose lock the caller holds.
    ///
    /// # Errors
    /// [`DataError::Unpack`]; [`DataError::Malformed`] where nothing of the set is in it; too little space; a folder that
    /// cannot be written. Nothing is left behind.
    pub(crate) fn stage(
        &self,
        set: &DataSet,
        archive: &Archive,
        path: &Path,
        progress: &dyn Progress,
    ) -> Result<Staged, DataError> {
        let bytes = fs::metadata(path).map_err(DataError::io("read", path))?.len();
        let staging = self.staging(set, archive.unpacked_from(bytes))?;
        let inner = staging.path().join(&archive.into);
        folders::create(&inner)?;
        let mut tops = BTreeSet::new();
        let files = match archive.format {
            Format::Plain => {
                let place = inner.join(&archive.name);
                let mut file = File::open(path).map_err(DataError::io("read", path))?;
                write(staging.path(), &place, &mut file).map_err(DataError::io("write", place))?;
                1
            }
            Format::TarGz | Format::Zip => self.unpack_into(&inner, set, archive, path, &mut tops, progress)?,
        };
        staging.undisturbed(files)?;
        let members = members_in(staging.path(), set)?;
        if members.is_empty() {
            return Err(self.nothing_in(set, path, &tops));
        }
        if let Some(twice) = twice_but_for_case(&members) {
            let reason = "another member has the same name but for upper and lower case";
            return Err(self.unpack_error(set, path, ArchiveError::Path { member: twice, reason }));
        }
        Ok(Staged { staging, files, members })
    }

    /// An empty folder for `bytes` bytes that will go to the folder of `set`; removed in the end. It lies in the cache if files
    /// can be renamed from there, else in the set's folder, so that the space is asked of the disk that needs it.
    pub(crate) fn staging(&self, set: &DataSet, bytes: u64) -> Result<StagingFolder, DataError> {
        let folder = self.folder(&set.name);
        let (cache, inside) = (self.cache_folder().join(format!("unpacking-{}", set.name)), folder.join(".unpacking"));
        // What a process that was killed left; nobody else is unpacking this set.
        for left in [&cache, &inside] {
            match fs::remove_dir_all(left) {
                Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    return Err(DataError::io("remove", left)(error));
                }
                _ => {}
            }
        }
        folders::create(&self.cache_folder())?;
        if fs::symlink_metadata(&folder).is_ok() {
            folders::create(&folder)?;
        }
        let existing = if folder.is_dir() { folder.as_path() } else { self.root() };
        let path = if folders::renames_reach(&self.cache_folder(), existing) { cache } else { inside };
        self.ensure_space(&path, bytes)?;
        folders::create(&path)?;
        Ok(StagingFolder(path))
    }

    fn unpack_into(
        &self,
        staging: &Path,
        set: &DataSet,
        archive: &Archive,
        path: &Path,
        tops: &mut BTreeSet<String>,
        progress: &dyn Progress,
    ) -> Result<u64, DataError> {
        let file = File::open(path).map_err(DataError::io("read", path))?;
        let bytes = file.metadata().map_err(DataError::io("read", path))?.len();
        let wanted = archive.only.as_deref().map(WildMatch::new);
        let mut files = 0;
        // The receiver can only fail as the operating system does; where it happened is kept beside that.
        let mut failed_at: Option<PathBuf> = None;
        let mut receive = |member: Member<'_>| -> io::Result<()> {
            if tops.len() < MOST_SHOWN {
                tops.extend(member.path.iter().next().map(|top| top.to_string_lossy().into_owned()));
            }
            let Some(inner) = placed(member.path, archive.layout) else { return Ok(()) };
            let name = inner.to_string_lossy().replace('\\', "/");
            if wanted.as_ref().is_some_and(|wanted| !wanted.matches(&name)) {
                return Ok(());
            }
            let place = staging.join(&inner);
            let outcome = write(staging, &place, member.contents);
            if outcome.is_err() {
                failed_at = Some(place);
            }
            files += 1;
            outcome
        };
        progress.begin(&format!("unpacking {}", archive.name), bytes);
        let limits = set.limits(archive);
        let reader = Watched { inner: file, progress };
        let outcome = match archive.format {
            Format::Zip => zip::read(BufReader::new(reader), limits, &mut receive),
            _ => tar::read_gz(BufReader::new(reader), limits, &mut receive),
        };
        progress.finish();
        match outcome {
            Ok(()) => Ok(files),
            Err(ArchiveError::Receiver(error)) => {
                let place = failed_at.unwrap_or_else(|| staging.to_path_buf());
                use io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory};
                if matches!(error.kind(), AlreadyExists | IsADirectory | NotADirectory) {
                    let member = place.strip_prefix(staging).unwrap_or(&place).display().to_string();
                    let reason = "another member has the same name";
                    return Err(self.unpack_error(set, path, ArchiveError::Path { member, reason }));
                }
                Err(DataError::io("write", place)(error))
            }
            Err(reason) => Err(self.unpack_error(set, path, reason)),
        }
    }

    fn unpack_error(&self, set: &DataSet, path: &Path, reason: ArchiveError) -> DataError {
        DataError::Unpack {
            path: path.to_path_buf(),
            reason: Box::new(reason),
            remedy: format!("remove it and fetch it again with `{}`", self.fetch_command(&set.name)),
        }
    }

    /// The error for an archive with `tops` at its top and nothing of `set` in it.
    fn nothing_in(&self, set: &DataSet, path: &Path, tops: &BTreeSet<String>) -> DataError {
        let shown: Vec<&str> = tops.iter().map(String::as_str).collect();
        let has = if shown.is_empty() { String::new() } else { format!(" (it has {})", shown.join(", ")) };
        let other = tops.iter().find_map(|top| set.lookalike(top)).map(|what| format!("; this is {what}"));
        let patterns: Vec<&str> = set.members.iter().take(3).map(|members| members.pattern.as_str()).collect();
        DataError::Malformed {
            path: path.to_path_buf(),
            message: format!(
                "nothing of {} is in this archive{has}, where {} are expected{}; fetch the right one with `{}`",
                set.name,
                patterns.join(", "),
                other.unwrap_or_default(),
                self.fetch_command(&set.name)
            ),
        }
    }
}

/// Members of `set` below `folder`, as the catalogue names them.
pub(crate) fn members_in(folder: &Path, set: &DataSet) -> Result<Vec<String>, DataError> {
    let mut names = vec![];
    for members in &set.members {
        names.extend(find(folder, set, members)?.into_iter().map(|found| found.name));
    }
    Ok(names)
}

/// A name that stands there twice on systems that do not tell `a` from `A`.
fn twice_but_for_case(names: &[String]) -> Option<String> {
    let mut seen = HashSet::new();
    names.iter().find(|name| !seen.insert(name.to_lowercase())).cloned()
}

/// The first name in the archive at `path`, where it can be read.
pub(crate) fn first_name(archive: &Archive, path: &Path) -> Option<String> {
    let file = BufReader::new(File::open(path).ok()?);
    let mut first = None;
    let mut receive = |member: Member<'_>| -> io::Result<()> {
        first = member.path.iter().next().map(|top| top.to_string_lossy().into_owned());
        Err(io::Error::other("enough"))
    };
    let limits = Limits { bytes: u64::MAX, members: u64::MAX - 1, file: u64::MAX };
    // It ends with the error of the receiver, or because it is damaged: then there is no name.
    let _ = match archive.format {
        Format::TarGz => tar::read_gz(file, limits, &mut receive),
        Format::Zip => zip::read(file, limits, &mut receive),
        Format::Plain => Ok(()),
    };
    first
}

/// A folder that is removed with everything in it.
pub(crate) struct StagingFolder(PathBuf);

impl StagingFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Refuses a folder that has not the `files` that were written into it: somebody else was at it, in spite of all locks.
    pub(crate) fn undisturbed(&self, files: u64) -> Result<(), DataError> {
        let there = self.files()?;
        if there == files {
            return Ok(());
        }
        let message = format!("{there} files are there, and {files} were written; run the command again");
        Err(DataError::io("use", &self.0)(io::Error::other(message)))
    }

    fn files(&self) -> Result<u64, DataError> {
        let mut folders = vec![self.0.clone()];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(DataError::io("read", &folder))? {
                let entry = entry.map_err(DataError::io("read", &folder))?;
                match entry.file_type().map_err(DataError::io("read", entry.path()))? {
                    kind if kind.is_dir() => folders.push(entry.path()),
                    _ => files += 1,
                }
            }
        }
        Ok(files)
    }
}

impl Drop for StagingFolder {
    fn drop(&mut self) {
        // Usually it has been renamed; what cannot be removed now is removed by the next attempt.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where a member goes; nothing for what lies above the stripped folders.
fn placed(path: &Path, layout: ArchiveLayout) -> Option<PathBuf> {
    match layout {
        ArchiveLayout::Flat => path.file_name().map(PathBuf::from),
        ArchiveLayout::Strip(count) => {
            let rest: PathBuf = path.components().skip(count).collect();
            (!rest.as_os_str().is_empty()).then_some(rest)
        }
    }
}

/// Writes a file below `staging` that is not there yet. `staging` itself has to be there: if it is gone, so is what was in it.
pub(crate) fn write(staging: &Path, place: &Path, contents: &mut dyn Read) -> io::Result<()> {
    let mut file = match File::create_new(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut folder = staging.to_path_buf();
            let inner = place.parent().and_then(|above| above.strip_prefix(staging).ok());
            for part in inner.into_iter().flat_map(Path::components) {
                folder.push(part);
                match fs::create_dir(&folder) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
                    outcome => outcome?,
                }
            }
            File::create_new(place)?
        }
        opened => opened?,
    };
    io::copy(contents, &mut file).map(drop)
}

/// A file that reports how far it has been read.
struct Watched<'a> {
    inner: File,
    progress: &'a dyn Progress,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.progress.advance(count as u64);
        Ok(count)
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_staging_folder_that_is_taken_away_is_not_made_again_and_its_files_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let staging = StagingFolder(folder.path().join("staging"));
        let put = |name: &str| write(staging.path(), &staging.path().join(name), &mut &b"text"[..]);
        assert_eq!(put("a").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(put("a/b/c").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!staging.path().exists());
        fs::create_dir(staging.path()).unwrap();
        for name in ["a/b/c", "a/b/d", "e"] {
            put(name).unwrap();
        }
        staging.undisturbed(3).unwrap();
        fs::remove_file(staging.path().join("a/b/d")).unwrap();
        assert!(matches!(staging.undisturbed(3), Err(DataError::Io { action: "use", .. })));
        for (name, kind) in [("e", io::ErrorKind::AlreadyExists), ("e/f", io::ErrorKind::NotADirectory)] {
            assert_eq!(put(name).unwrap_err().kind(), kind, "{name}");
        }
        assert!(put("a").is_err() && put("a/b/c/d").is_err());
    }

    #[test]
    fn leading_folders_are_left_out() {
        let path = Path::new("top/a/b.txt");
        assert_eq!(placed(path, ArchiveLayout::Strip(0)).unwrap(), path);
        assert_eq!(placed(path, ArchiveLayout::Strip(1)).unwrap(), Path::new("a/b.txt"));
        assert_eq!(placed(Path::new("top"), ArchiveLayout::Strip(1)), None);
        assert_eq!(placed(path, ArchiveLayout::Flat).unwrap(), Path::new("b.txt"));
    }

    #[test]
    fn names_that_collide_where_case_does_not_count_are_found() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(twice_but_for_case(&names(&["a/1", "b/1", "A/2"])), None);
        assert_eq!(twice_but_for_case(&names(&["a/1", "b", "A/1"])).unwrap(), "A/1");
    }
}
