//! Files that one process alone creates or removes, also where several machines share them.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use reports::holder::read_lease;

/// Create the file at `path` with `content`; whether it was this call that did. Others see it whole or not at all.
///
/// `own` is a word that no other call uses. The content is written under a name of its own, which then gets a second name, `path`.
/// That a name is given once holds on every file system that has links, NFS among them; `O_EXCL` does not on old ones, and a file
/// that is created by it is seen empty at first. The answer to the call is not believed but the number of links looked at, since
/// NFS repeats a request whose answer was lost, and then answers that the name exists.
pub(super) fn create(path: &Path, own: &str, content: &[u8]) -> io::Result<bool> {
    let unique = beside(path, own);
    let mut file = OpenOptions::new().write(true).create_new(true).open(&unique)?;
    let linked = file.write_all(content).and_then(|()| file.sync_data()).and_then(|()| {
        let linked = fs::hard_link(&unique, path);
        match links(&unique)? {
            Some(2) => Ok(Ok(())),
            _ => Ok(linked),
        }
    });
    let removed = fs::remove_file(&unique);
    match linked? {
        Ok(()) => removed.map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // A file system without links: a stick, an emulation. Those are of one machine.
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            match OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(mut file) => file.write_all(content).and_then(|()| file.sync_data()).map(|()| true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Remove the file at `path` if its content is `seen`; whether it was this call that did.
///
/// It is given a name of its own first, which one call alone succeeds in. If what then stands there is something else, because
/// its writer has written once more, it gets its old name back.
pub(super) fn remove(path: &Path, own: &str, seen: &[u8]) -> io::Result<bool> {
    if read_lease(path)?.as_deref() != Some(seen) {
        return Ok(false);
    }
    let aside = beside(path, own);
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        renamed => renamed?,
    }
    let is_same = read_lease(&aside)?.as_deref() == Some(seen);
    if !is_same {
        match fs::hard_link(&aside, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    fs::remove_file(&aside)?;
    Ok(is_same)
}

/// A name of its own in the same folder. `bench data clean` takes such a file for abandoned, when it is.
fn beside(path: &Path, own: &str) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new("."));
    folder.join(format!(".tmp-lease-{own}"))
}

/// The names of a file, where the system counts them.
fn links(path: &Path) -> io::Result<Option<u64>> {
    #[cfg(unix)]
    return fs::metadata(path).map(|about| Some(std::os::unix::fs::MetadataExt::nlink(&about)));
    #[cfg(not(unix))]
    return fs::metadata(path).map(|_| None);
}
