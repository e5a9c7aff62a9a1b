//! Archives are unpacked into a folder of their own and put in place by renames.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use wildmatch::WildMatch;

use super::{
    Library,
    catalogue::{Archive, Format, Layout},
    error::DataError,
};
use crate::{
    formats::{
        archive::{ArchiveError, Member},
        tar, zip,
    },
    task::Progress,
};

impl Library {
    /// Unpacks the archive at `path` into the folder of `set`, and says how many files it had. Until everything is
    /// unpacked the folder is not touched; a file that was there under the same name is replaced. The caller holds the lock
    /// of the set.
    ///
    /// # Errors
    /// [`DataError::Unpack`]; too little space; a folder that cannot be written.
    pub(super) fn unpack(
        &self,
        set: &str,
        archive: &Archive,
        path: &Path,
        progress: &dyn Progress,
    ) -> Result<u64, DataError> {
        let target = self.folder(set).join(&archive.into);
        let room = self.room(set)?;
        self.ensure_space(&target, archive.unpacked)?;
        let files = match archive.format {
            Format::Plain => {
                fs::copy(path, room.path().join(&archive.name)).map_err(DataError::io("write", room.path()))?;
                1
            }
            Format::TarGz | Format::Zip => self.unpack_into(room.path(), set, archive, path, progress)?,
        };
        settle(room.path(), &target)?;
        Ok(files)
    }

    /// An empty folder on the disk of the data folder, which is removed in the end.
    pub(super) fn room(&self, set: &str) -> Result<Room, DataError> {
        let path = self.cache_folder().join(format!("unpacking-{set}"));
        // What a process that was killed left; nobody else is unpacking this set.
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(DataError::io("remove", &path)(error)),
            _ => {}
        }
        fs::create_dir_all(&path).map_err(DataError::io("create", &path))?;
        Ok(Room(path))
    }

    fn unpack_into(
        &self,
        room: &Path,
        set: &str,
        archive: &Archive,
        path: &Path,
        progress: &dyn Progress,
    ) -> Result<u64, DataError> {
        let file = File::open(path).map_err(DataError::io("read", path))?;
        let bytes = file.metadata().map_err(DataError::io("read", path))?.len();
        let wanted = archive.only.as_deref().map(WildMatch::new);
        let mut files = 0;
        // The receiver can only fail as the operating system does; where it happened is kept beside that.
        let mut failed_at: Option<PathBuf> = None;
        let mut receive = |member: Member<'_>| -> io::Result<()> {
            let Some(inner) = placed(member.path, archive.layout) else { return Ok(()) };
            let name = inner.to_string_lossy().replace('\\', "/");
            if wanted.as_ref().is_some_and(|wanted| !wanted.matches(&name)) {
                return Ok(());
            }
            let place = room.join(&inner);
            let outcome = write(&place, member.contents);
            if outcome.is_err() {
                failed_at = Some(place);
            }
            files += 1;
            outcome
        };
        progress.begin(&format!("unpacking {}", archive.name), bytes);
        let limits = archive.limits();
        let reader = Watched { inner: file, progress };
        let outcome = match archive.format {
            Format::Zip => zip::read(BufReader::new(reader), limits, &mut receive),
            _ => tar::read_gz(BufReader::new(reader), limits, &mut receive),
        };
        progress.finish();
        match outcome {
            Ok(()) if files == 0 => Err(DataError::Malformed {
                path: path.to_path_buf(),
                message: format!(
                    "no file of {set} is in this archive; fetch the right one with `{}`",
                    self.fetch_command(set)
                ),
            }),
            Ok(()) => Ok(files),
            Err(ArchiveError::Receiver(error)) => {
                Err(DataError::io("write", failed_at.unwrap_or_else(|| room.to_path_buf()))(error))
            }
            Err(reason) => Err(DataError::Unpack {
                path: path.to_path_buf(),
                reason: Box::new(reason),
                remedy: format!("remove it and fetch it again with `{}`", self.fetch_command(set)),
            }),
        }
    }
}

/// A folder that is removed with everything in it.
pub(super) struct Room(PathBuf);

impl Room {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Usually it has been renamed; what cannot be removed now is removed by the next attempt.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where a member goes; nothing for what lies above the stripped folders.
fn placed(path: &Path, layout: Layout) -> Option<PathBuf> {
    match layout {
        Layout::Flat => path.file_name().map(PathBuf::from),
        Layout::Strip(count) => {
            let rest: PathBuf = path.components().skip(count).collect();
            (!rest.as_os_str().is_empty()).then_some(rest)
        }
    }
}

/// Writes a file that is not there yet.
pub(super) fn write(place: &Path, contents: &mut dyn Read) -> io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create_new(place).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => io::Error::new(error.kind(), "two members have this name"),
        _ => error,
    })?;
    io::copy(contents, &mut file).map(drop)
}

/// Moves everything in `room` to `target`: the whole folder at once where nothing is there yet, else file by file.
pub(super) fn settle(room: &Path, target: &Path) -> Result<(), DataError> {
    if let Some(above) = target.parent() {
        fs::create_dir_all(above).map_err(DataError::io("create", above))?;
    }
    // An empty folder gives way to another.
    if fs::remove_dir(target).is_ok() || !target.exists() {
        return fs::rename(room, target).map_err(DataError::io("write", target));
    }
    let entries = fs::read_dir(room).map_err(DataError::io("read", room))?;
    for entry in entries {
        let entry = entry.map_err(DataError::io("read", room))?;
        let place = target.join(entry.file_name());
        let kind = entry.file_type().map_err(DataError::io("read", entry.path()))?;
        if kind.is_dir() {
            settle(&entry.path(), &place)?;
        } else {
            fs::rename(entry.path(), &place).map_err(DataError::io("write", &place))?;
        }
    }
    Ok(())
}

/// A file that reports how far it has been read.
struct Watched<'a> {
    inner: File,
    progress: &'a dyn Progress,
}

impl Read for Watched<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(room)?;
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
    fn leading_folders_are_left_out() {
        let path = Path::new("top/a/b.txt");
        assert_eq!(placed(path, Layout::Strip(0)).unwrap(), path);
        assert_eq!(placed(path, Layout::Strip(1)).unwrap(), Path::new("a/b.txt"));
        assert_eq!(placed(Path::new("top"), Layout::Strip(1)), None);
        assert_eq!(placed(path, Layout::Flat).unwrap(), Path::new("b.txt"));
    }

    #[test]
    fn a_settled_folder_keeps_what_it_had() {
        let folder = tempfile::tempdir().unwrap();
        let (room, target) = (folder.path().join("room"), folder.path().join("above/target"));
        let file = |path: &Path, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file(&room.join("a/1"), "new");
        settle(&room, &target).unwrap();
        assert_eq!(fs::read_to_string(target.join("a/1")).unwrap(), "new");
        file(&room.join("a/1"), "newer");
        file(&room.join("b/2"), "new");
        file(&target.join("a/mine"), "kept");
        settle(&room, &target).unwrap();
        for (name, text) in [("a/1", "newer"), ("b/2", "new"), ("a/mine", "kept")] {
            assert_eq!(fs::read_to_string(target.join(name)).unwrap(), text);
        }
    }
}
