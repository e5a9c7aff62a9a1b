//! Writing files so that none is ever half there.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::error::ReportError;

/// Write `bytes` to a temporary file beside `path`, then put it in place; folders are made as needed.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let failed = || ReportError::write(path);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed())?;
    let mut file = tempfile::Builder::new().prefix(".bench-").tempfile_in(folder).map_err(failed())?;
    file.write_all(bytes).map_err(failed())?;
    open_to_others(file.as_file()).map_err(failed())?;
    file.persist(path).map_err(|e| e.error).map_err(failed())?;
    Ok(())
}

/// Temporary files are private; a report is meant to be read (and served) by others.
#[cfg(unix)]
fn open_to_others(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn open_to_others(_file: &fs::File) -> std::io::Result<()> {
    Ok(())
}
