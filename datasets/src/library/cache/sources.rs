//! The files that a cached set was made of: whether they are still what they were.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::library::{error::DataError, folders::temporary_in};

/// Name of the list of files beside a cached set.
pub(crate) const LIST: &str = "sources.json.gz";
/// Version of that list.
const FORMAT: u32 = 1;
/// Longest list that is read.
const MOST_BYTES: u64 = 256 << 20;

/// What tells that a file has changed without reading it: size, time of change and, on Unix, the time of the last change
/// of its inode and the inode's number. A program may set the first time (`cp -p`, `rsync --times`), but not the second; the
/// number shows a file that took another's place. Links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileState {
    bytes: u64,
    modified: i128,
    status: i128,
    inode: u64,
}

impl FileState {
    /// From what the file system says.
    pub(crate) fn of(about: &fs::Metadata) -> Self {
        let modified = about.modified().ok().map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        });
        #[cfg(unix)]
        let (status, inode) = {
            use std::os::unix::fs::MetadataExt;
            (i128::from(about.ctime()) * 1_000_000_000 + i128::from(about.ctime_nsec()), about.ino())
        };
        #[cfg(not(unix))]
        let (status, inode) = (0, 0);
        Self { bytes: about.len(), modified, status, inode }
    }

    /// Size of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Every file that a set is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sources {
    folder: PathBuf,
    files: Vec<(String, FileState)>,
}

impl Sources {
    /// The files `names` below `folder`, with `/` between the parts of a name. Looks at every one of them, and reads none.
    pub(crate) fn read(folder: &Path, names: Vec<String>) -> Result<Self, DataError> {
        let look = |name: String| {
            let path = folder.join(&name);
            let about = fs::metadata(&path).map_err(DataError::io("read", &path))?;
            Ok((name, FileState::of(&about)))
        };
        let files = names.into_par_iter().map(look).collect::<Result<_, DataError>>()?;
        Ok(Self::known(folder, files))
    }

    /// Files whose states are known.
    pub(crate) fn known(folder: &Path, files: Vec<(String, FileState)>) -> Self {
        Self { folder: folder.to_path_buf(), files }
    }

    /// SHA-256 (hex) of names and states. It enters the key of a cached set, and never the hash of its content.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        for (name, FileState { bytes, modified, status, inode }) in &self.files {
            hasher.update(format!("{name}\0{bytes}\0{modified}\0{status}\0{inode}\n"));
        }
        format!("{:x}", hasher.finalize())
    }

    /// Writes the list into `folder`, for [`Listed::read`].
    pub(crate) fn write(&self, data: &Path, folder: &Path) -> io::Result<()> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let listed = Listed {
            format: FORMAT,
            data: absolute(data),
            folder: absolute(&self.folder),
            fingerprint: self.fingerprint(),
            names: self.files.iter().map(|(name, _)| name.clone()).collect(),
        };
        let part = temporary_in(folder, ".part")?;
        let mut encoder = GzEncoder::new(io::BufWriter::new(part.as_file()), Compression::fast());
        serde_json::to_writer(&mut encoder, &listed)?;
        encoder.finish()?.flush()?;
        part.persist(folder.join(LIST)).map_err(|error| error.error)?;
        Ok(())
    }
}

/// The list that lies beside a cached set.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    format: u32,
    /// The data folder.
    pub(crate) data: PathBuf,
    folder: PathBuf,
    pub(crate) fingerprint: String,
    names: Vec<String>,
}

/// What became of the files of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They are as they were.
    Unchanged,
    /// At least one is another now.
    Changed,
    /// At least one is not there.
    Gone,
}

impl Listed {
    /// The list at `path`; nothing where there is none, or one of another format.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let file = fs::File::open(path).ok()?;
        let mut text = Vec::new();
        GzDecoder::new(io::BufReader::new(file)).take(MOST_BYTES).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok().filter(|listed: &Self| listed.format == FORMAT)
    }

    /// Compares the files with what they were.
    pub(crate) fn fate(&self) -> Fate {
        match Sources::read(&self.folder, self.names.clone()) {
            Ok(sources) if sources.fingerprint() == self.fingerprint => Fate::Unchanged,
            Ok(_) => Fate::Changed,
            Err(DataError::Io { path, source, .. })
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
                    && !path.ancestors().any(|above| above.is_symlink() && !above.exists()) =>
            {
                Fate::Gone
            }
            // A folder that cannot be looked into, or a link to a disk that is away, says nothing about the files.
            Err(_) => Fate::Unchanged,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn print(folder: &Path, names: &[&str]) -> String {
        Sources::read(folder, names.iter().map(|&name| name.to_owned()).collect()).unwrap().fingerprint()
    }

    /// The same size, and the time of change set back to what it was.
    #[cfg(unix)]
    #[test]
    fn a_change_shows_whatever_the_size_and_the_time_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        let before = print(folder.path(), &["a"]);
        assert_eq!(before, print(folder.path(), &["a"]));
        let rewrite = |text: &str| {
            // Clocks of file systems have steps of some milliseconds: written until the step is over.
            let start = fs::metadata(&path).unwrap();
            loop {
                fs::write(&path, text).unwrap();
                if FileState::of(&fs::metadata(&path).unwrap()).status != FileState::of(&start).status {
                    break;
                }
            }
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        rewrite("two");
        assert_ne!(before, print(folder.path(), &["a"]));
        // Another file in its place, and a link that points elsewhere.
        fs::write(folder.path().join("b"), "six").unwrap();
        fs::File::options().write(true).open(folder.path().join("b")).unwrap().set_modified(time).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("a", &link).unwrap();
        let linked = print(folder.path(), &["link"]);
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("b", &link).unwrap();
        assert_ne!(linked, print(folder.path(), &["link"]));
        let before = print(folder.path(), &["a"]);
        fs::rename(folder.path().join("b"), &path).unwrap();
        assert_ne!(before, print(folder.path(), &["a"]));
    }

    #[test]
    fn a_list_tells_what_became_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        for name in ["a", "in/b"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let sources = Sources::read(folder.path(), vec!["a".to_owned(), "in/b".to_owned()]).unwrap();
        let path = folder.path().join(LIST);
        sources.write(folder.path(), folder.path()).unwrap();
        let listed = Listed::read(&path).unwrap();
        assert_eq!(listed.fate(), Fate::Unchanged);
        fs::write(folder.path().join("in/b"), "longer").unwrap();
        assert_eq!(listed.fate(), Fate::Changed);
        fs::remove_file(folder.path().join("in/b")).unwrap();
        assert_eq!(listed.fate(), Fate::Gone);
        fs::write(&path, "no list").unwrap();
        assert!(Listed::read(&path).is_none());
    }
}
