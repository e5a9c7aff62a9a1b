//! Folders and files that may lie on several disks: a set's folder, or the cache, is often a link or a mount.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use crate::library::error::DataError;

/// A new file in `folder` that is renamed when it is complete; readable for whom the umask allows it, as an ordinary file
/// is, since data folders are shared.
pub(crate) fn temporary_in(folder: &Path, suffix: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-").suffix(suffix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Creates the folder `path` and what is missing above it.
///
/// # Errors
/// [`DataError::DanglingLink`] where `path` or a folder above it is a link to nowhere; those of the operating system.
pub(crate) fn create(path: &Path) -> Result<(), DataError> {
    fs::create_dir_all(path).map_err(|error| {
        let dangling = path.ancestors().find(|part| !part.exists() && part.is_symlink());
        match dangling.map(|link| (link, fs::read_link(link))) {
            Some((link, Ok(target))) => DataError::DanglingLink { path: link.to_path_buf(), target },
            _ => DataError::io("create", path)(error),
        }
    })
}

/// Whether a file can be renamed from the one folder to the other. Two mounts of one disk cannot, so that it has to be tried.
pub(crate) fn renames_reach(from: &Path, to: &Path) -> bool {
    let Ok(probe) = temporary_in(from, ".probe") else { return true };
    let Some(name) = probe.path().file_name() else { return true };
    let place = to.join(name);
    match fs::rename(probe.path(), &place) {
        Ok(()) => {
            // The name is one that no data set has; what cannot be removed now does no harm.
            let _ = fs::remove_file(place);
            true
        }
        Err(error) => error.kind() != io::ErrorKind::CrossesDevices,
    }
}

/// Moves the file `from` to `to`: renamed where both lie on one disk, else copied beside `to` and renamed there, so that `to`
/// is never half there.
pub(crate) fn move_file(from: &Path, to: &Path) -> Result<(), DataError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy_over(from, to),
        outcome => outcome.map_err(DataError::io("write", to)),
    }
}

fn copy_over(from: &Path, to: &Path) -> Result<(), DataError> {
    let failed = |error| DataError::io("write", to)(error);
    let mut source = File::open(from).map_err(DataError::io("read", from))?;
    let mut part = temporary_in(to.parent().unwrap_or(to), ".part").map_err(failed)?;
    io::copy(&mut source, &mut part).map_err(failed)?;
    part.as_file().sync_all().map_err(failed)?;
    part.persist(to).map_err(|error| failed(error.error))?;
    fs::remove_file(from).map_err(DataError::io("remove", from))
}

/// Moves everything in `room` to `target`: the whole folder at once where nothing is there yet, else file by file.
pub(crate) fn settle(room: &Path, target: &Path) -> Result<(), DataError> {
    if let Some(above) = target.parent() {
        create(above)?;
    }
    // An empty folder gives way to another.
    let gone = fs::remove_dir(target).is_ok()
        || fs::symlink_metadata(target).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if gone {
        match fs::rename(room, target) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
            outcome => return outcome.map_err(DataError::io("write", target)),
        }
    }
    create(target)?;
    for entry in fs::read_dir(room).map_err(DataError::io("read", room))? {
        let entry = entry.map_err(DataError::io("read", room))?;
        let place = target.join(entry.file_name());
        let kind = entry.file_type().map_err(DataError::io("read", entry.path()))?;
        if kind.is_dir() {
            settle(&entry.path(), &place)?;
        } else {
            move_file(&entry.path(), &place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_settled_folder_keeps_what_it_had() {
        let folder = tempfile::tempdir().unwrap();
        let (room, target) = (folder.path().join("room"), folder.path().join("above/target"));
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

    #[cfg(unix)]
    #[test]
    fn a_link_to_nowhere_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("set");
        std::os::unix::fs::symlink(folder.path().join("gone"), &link).unwrap();
        for path in [link.clone(), link.join("below")] {
            let error = create(&path).unwrap_err();
            assert!(
                matches!(&error, DataError::DanglingLink { path, target } if *path == link && target.ends_with("gone")),
                "{error}"
            );
        }
        file(&folder.path().join("room/1"), "new");
        assert!(settle(&folder.path().join("room"), &link).is_err());
        assert!(folder.path().join("room/1").is_file(), "what could not be moved is still there");
    }

    /// Where /dev/shm is another disk than the folder for temporary files, as it is on most Linux machines.
    #[test]
    fn files_are_moved_to_another_disk() {
        let here = tempfile::tempdir().unwrap();
        let other = match tempfile::tempdir_in("/dev/shm") {
            Ok(other) if !renames_reach(here.path(), other.path()) => other,
            _ => {
                eprintln!("SKIPPED: /dev/shm is no other disk than {}", here.path().display());
                return;
            }
        };
        assert!(renames_reach(here.path(), here.path()));
        assert_eq!(fs::read_dir(here.path()).unwrap().count() + fs::read_dir(other.path()).unwrap().count(), 0);
        let room = here.path().join("room");
        for (name, target) in [("a", other.path().join("set")), ("a", other.path().join("set"))] {
            file(&room.join(name).join("1"), "one");
            file(&room.join("2"), "two");
            settle(&room, &target).unwrap();
            assert_eq!(fs::read_to_string(target.join("a/1")).unwrap(), "one");
            assert_eq!(fs::read_to_string(target.join("2")).unwrap(), "two");
            assert_eq!(fs::read_dir(&target).unwrap().count(), 2, "no part is left");
        }
    }
}
