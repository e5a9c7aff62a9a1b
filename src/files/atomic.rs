//! Files that readers see whole: the old content or the new one.

use std::io::{self, Write};
use std::path::Path;

use super::lease::Hold;

/// Write `content` beside `path`, sync it, and rename it into place.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_held(path, content, None)
}

/// The same, unless the folder is somebody else's by the time that everything is on the disk, which may take long.
pub(crate) fn replace_held(path: &Path, content: &[u8], hold: Option<&Hold>) -> io::Result<()> {
    let file = written_beside(path, content)?;
    hold.map_or(Ok(()), Hold::check).map_err(io::Error::other)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// As [`replace`], but a file that exists stays as it is.
pub(crate) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    match written_beside(path, content)?.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

fn written_beside(path: &Path, content: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tmp-");
    // Readable as any other file of the user, not for its owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_data()?;
    Ok(file)
}
