//! Data that is already on this machine: a folder with the files, or an archive.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{
    Library,
    catalogue::{Archive, DataSet},
    checksum::Sums,
    error::DataError,
    fetch::Fetched,
    members::{Found, find},
    record::Source,
    unpack::{settle, write},
};
use crate::task::Progress;

impl Library {
    /// Which data set `path` holds: an archive by its name, a folder by what lies in it.
    pub fn recognise(&self, path: &Path) -> Option<String> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let holds = |set: &&DataSet| {
            if path.is_file() {
                return set.archives.iter().any(|archive| archive.name == name);
            }
            let files = !set.files.is_empty() && set.files.iter().all(|file| path.join(&file.name).is_file());
            let unpacked = || {
                set.archives.iter().any(|archive| path.join(&archive.name).is_file()) || {
                    let inner = self.inner(set, path);
                    // Names such as `*.tsv` fit everywhere, so that the folder's own name has to fit as well.
                    inner.is_ok_and(|inner| inner.is_some_and(|(folder, _)| folder.ends_with(&set.folder)))
                }
            };
            if set.archives.is_empty() { files && (name == set.folder || set.files.len() == 1) } else { unpacked() }
        };
        self.catalogue().iter().find(holds).map(|set| set.name.clone())
    }

    /// Takes `set` from `path`: one of its archives, a folder with its archives or files, or its unpacked folder (also
    /// within a folder of that name). What is there is copied, with the same checks as a download.
    ///
    /// # Errors
    /// [`DataError::Missing`] where nothing of the set is there; those of [`Library::fetch`].
    pub fn import(&self, set: &str, path: &Path, progress: &dyn Progress) -> Result<Vec<Fetched>, DataError> {
        let data = self.entry(set)?.clone();
        let nothing = || DataError::Malformed {
            path: path.to_path_buf(),
            message: format!(
                "nothing of {set} is there; give {}, or fetch it with `{}`",
                expected(&data),
                self.fetch_command(set)
            ),
        };
        if path.is_file() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let archive = match &data.archives[..] {
                [only] => only,
                several => several.iter().find(|archive| archive.name == name).ok_or_else(nothing)?,
            };
            return self.import_archives(&data, &[(archive, path.to_path_buf())], progress);
        }
        if !path.is_dir() {
            return Err(DataError::io("read", path)(std::io::ErrorKind::NotFound.into()));
        }
        if data.archives.is_empty() {
            return self.fetch(set, &[path.display().to_string()], progress);
        }
        if let Some((inner, found)) = self.inner(&data, path)? {
            return self.import_folder(&data, &inner, &found, progress);
        }
        let archives: Vec<(&Archive, PathBuf)> = data
            .archives
            .iter()
            .map(|archive| (archive, path.join(&archive.name)))
            .filter(|(_, path)| path.is_file())
            .collect();
        if archives.is_empty() {
            return Err(nothing());
        }
        self.import_archives(&data, &archives, progress)
    }

    /// The folder with members of `set`, at `path` or in it, and the members.
    fn inner(&self, set: &DataSet, path: &Path) -> Result<Option<(PathBuf, Vec<Found>)>, DataError> {
        for folder in [path.to_path_buf(), path.join(&set.folder), path.join(&set.name)] {
            let mut found = vec![];
            for members in &set.members {
                found.extend(find(&folder, set, members)?);
            }
            if !found.is_empty() {
                return Ok(Some((folder, found)));
            }
        }
        Ok(None)
    }

    fn import_archives(
        &self,
        set: &DataSet,
        archives: &[(&Archive, PathBuf)],
        progress: &dyn Progress,
    ) -> Result<Vec<Fetched>, DataError> {
        let _lock = self.lock_set(&set.name)?;
        let mut fetched = vec![];
        let mut records = vec![];
        for (archive, path) in archives {
            let length = fs::metadata(path).map_err(DataError::io("read", path))?.len();
            progress.begin(&format!("checking {}", archive.name), length);
            let sums = Sums::of(path, archive.checksum.as_ref(), progress);
            progress.finish();
            let sums = sums?;
            if let Some(expected) = &archive.checksum {
                let found = sums.checksum(Some(expected));
                if found != *expected {
                    return Err(DataError::Checksum {
                        path: path.clone(),
                        expected: Box::new(expected.clone()),
                        expected_bytes: archive.size.bytes(),
                        found: Box::new(found),
                        found_bytes: sums.bytes,
                        remedy: format!("fetch it with `{}`", self.fetch_command(&set.name)),
                    });
                }
            }
            let files = self.unpack(&set.name, archive, path, progress)?;
            let checked = archive.checksum.clone();
            records.push(Source {
                from: path.display().to_string(),
                bytes: Some(sums.bytes),
                sha256: Some(sums.sha256.clone()),
                checked: checked.clone(),
            });
            fetched.push(Fetched::Unpacked {
                folder: self.folder(&set.name).join(&archive.into),
                source: path.display().to_string(),
                resumed_from: 0,
                files,
                sha256: sums.sha256,
                checked,
            });
        }
        self.record(&set.name, records, progress)?;
        Ok(fetched)
    }

    fn import_folder(
        &self,
        set: &DataSet,
        from: &Path,
        found: &[Found],
        progress: &dyn Progress,
    ) -> Result<Vec<Fetched>, DataError> {
        let _lock = self.lock_set(&set.name)?;
        let target = self.folder(&set.name);
        if let (Ok(from), Ok(target)) = (from.canonicalize(), target.canonicalize())
            && from == target
        {
            return Ok(vec![Fetched::Present { file: target }]);
        }
        let mut bytes = 0;
        for file in found {
            bytes += fs::metadata(&file.path).map_err(DataError::io("read", &file.path))?.len();
        }
        self.ensure_space(&target, bytes)?;
        let room = self.room(&set.name)?;
        progress.begin(&format!("copying {}", set.name), found.len() as u64);
        let mut files = found.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
        // A manifest says what the files are, and belongs to them; so does the record of an earlier download.
        files.extend(
            [super::MANIFEST, super::RECORD].map(|name| from.join(name)).into_iter().filter(|path| path.is_file()),
        );
        let outcome = files.iter().try_for_each(|path| {
            let inner = path.strip_prefix(from).unwrap_or(path);
            let mut source = File::open(path).map_err(DataError::io("read", path))?;
            progress.advance(1);
            write(&room.path().join(inner), &mut source).map_err(DataError::io("copy", path))
        });
        progress.finish();
        outcome?;
        settle(room.path(), &target)?;
        if !target.join(super::RECORD).is_file() {
            let source = Source { from: from.display().to_string(), bytes: None, sha256: None, checked: None };
            self.record(&set.name, vec![source], progress)?;
        }
        let count = found.len() as u64;
        Ok(vec![Fetched::Copied { folder: target, source: from.to_path_buf(), files: count }])
    }
}

/// What may be given for `set`, in words.
fn expected(set: &DataSet) -> String {
    let archives: Vec<&str> = set.archives.iter().map(|archive| archive.name.as_str()).collect();
    format!("the archive {} or the folder {}", archives.join(" or "), set.folder)
}
