//! An archive becomes run folders.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use tempfile::TempDir;
use zip::ZipArchive;

use super::{CHECKPOINTS, FORMAT, MANIFEST, Manifest, VERSION, is_inside};
use crate::error::ReportError;

/// Longest manifest, in bytes.
const LONGEST_MANIFEST: u64 = 1 << 20;
/// Text gets at most so many times longer, and an archive of a few files up to [`SMALL`], when it is unpacked.
const MOST_TIMES: u64 = 300;
pub(super) const SMALL: u64 = 1 << 30;

/// An archive, unpacked for as long as the value lives.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// The archive.
    archive: PathBuf,
    folder: TempDir,
    /// The folder that was packed.
    packed: PathBuf,
}

impl Unpacked {
    /// The folder that was packed.
    pub(crate) fn packed(&self) -> &Path {
        &self.packed
    }

    /// `path` by the name of the archive, where it lies in it.
    fn named(&self, path: &Path) -> Option<PathBuf> {
        Some(self.archive.join(path.strip_prefix(self.folder.path()).ok()?))
    }

    /// Name the archive in `text` rather than the folder that it is unpacked into.
    fn in_words(&self, text: &str) -> String {
        text.replace(&*self.folder.path().to_string_lossy(), &self.archive.to_string_lossy())
    }

    /// The same of a path and of what is said of it.
    pub(crate) fn rename(&self, path: &mut PathBuf, text: &mut String) {
        *path = self.named(path).unwrap_or_else(|| std::mem::take(path));
        *text = self.in_words(text);
    }

    /// The same of an error.
    pub(crate) fn rename_error(&self, mut error: ReportError) -> ReportError {
        use ReportError::{Duplicate, NewerSchema, NoRuns, Parse, Read};
        let rename = |path: &mut PathBuf| *path = self.named(path).unwrap_or_else(|| std::mem::take(path));
        match &mut error {
            Read { path, .. } | NoRuns { path } | NewerSchema { path, .. } | Parse { path, .. } => rename(path),
            Duplicate { first, second, .. } => [first, second].into_iter().for_each(rename),
            _ => {}
        }
        error
    }
}

/// Unpack the archive at `path`, without checkpoints, which nobody who reads run folders asks for.
///
/// # Errors
/// It is no archive of `bench pack`, of a newer version, cut off, or damaged; a name in it leads elsewhere; or there is no room.
pub(crate) fn unpack(path: &Path) -> Result<Unpacked, ReportError> {
    let wrong = |reason: String| ReportError::Archive { path: path.to_owned(), reason };
    let file = File::open(path).map_err(ReportError::read(path))?;
    let size = file.metadata().map_err(ReportError::read(path))?.len();
    let mut archive = ZipArchive::new(BufReader::new(file))
        .map_err(|error| wrong(format!("{error}; it is cut off, or was not written by `bench pack`")))?;
    let manifest: Manifest = manifest(&mut archive).map_err(wrong)?;
    if manifest.format != FORMAT {
        return Err(wrong(format!("`{MANIFEST}` in it has another format, `{}`", manifest.format)));
    }
    if manifest.version > VERSION {
        let version = manifest.version;
        return Err(wrong(format!("it has version {version}, and this program reads up to {VERSION}; update bench")));
    }
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    if let Some(name) = names.iter().chain([&manifest.folder]).find(|name| !is_inside(name)) {
        return Err(wrong(format!("`{name}` in it would be written elsewhere")));
    }
    let most = SMALL.max(size.saturating_mul(MOST_TIMES));
    if archive.decompressed_size().is_none_or(|length| length > u128::from(most)) {
        return Err(wrong(format!("it would unpack to more than {most} bytes, which no archive of its size does")));
    }
    let folder = tempfile::Builder::new().prefix("bench-pack-").tempdir().map_err(ReportError::write(path))?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| wrong(error.to_string()))?;
        let name = entry.name().to_owned();
        if name != MANIFEST && !name.split('/').any(|part| part == CHECKPOINTS) {
            let length = entry.size();
            let to = folder.path().join(&name);
            write(&mut entry, length, &to).map_err(|failure| match failure {
                Failure::Entry(reason) => wrong(format!("`{name}` in it cannot be read: {reason}")),
                Failure::File(source) => ReportError::Write { path: to, source },
            })?;
        }
    }
    let packed = folder.path().join(&manifest.folder);
    if !packed.is_dir() {
        return Err(wrong(format!("the folder `{}`, which it is said to be of, is not in it", manifest.folder)));
    }
    Ok(Unpacked { archive: path.to_owned(), folder, packed })
}

/// What the archive says of itself, or why it is none.
fn manifest<T: DeserializeOwned>(archive: &mut ZipArchive<impl io::Read + io::Seek>) -> Result<T, String> {
    let foreign = |why: String| format!("it was not written by `bench pack`: {why}");
    let entry = archive.by_name(MANIFEST).map_err(|_| foreign(format!("it has no `{MANIFEST}`")))?;
    let mut text = Vec::new();
    entry.take(LONGEST_MANIFEST).read_to_end(&mut text).map_err(|error| format!("`{MANIFEST}` in it: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| foreign(format!("`{MANIFEST}` in it: {error}")))
}

/// Which side of a copy failed.
enum Failure {
    Entry(String),
    File(io::Error),
}

/// Write an entry of `length` bytes to a new file at `to`. What is longer than it said, or shorter, is damaged.
fn write(entry: &mut impl Read, length: u64, to: &Path) -> Result<(), Failure> {
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).map_err(Failure::File)?;
    let mut file = File::create_new(to).map_err(Failure::File)?;
    let mut part = vec![0; 64 << 10];
    let mut written = 0_u64;
    loop {
        // The last read compares the checksum.
        let read = match entry.read(&mut part) {
            Ok(0) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| Failure::Entry(error.to_string()))?,
        };
        written += read as u64;
        if written > length {
            break;
        }
        file.write_all(&part[..read]).map_err(Failure::File)?;
    }
    if written == length { Ok(()) } else { Err(Failure::Entry(format!("it does not have the {length} bytes it says"))) }
}
