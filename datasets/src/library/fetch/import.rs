//! Data that is already on this machine: a folder with the files, or an archive.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use crate::library::catalogue::data_set::{Archive, Count, DataFile, DataSet};
use crate::library::catalogue::manifest::MANIFEST;
use crate::library::data_folder::Library;
use crate::library::error::DataError;
use crate::library::fetch::download::Wanted;
use crate::library::fetch::sets::Fetched;
use crate::library::fetch::unpack::{first_name, write};
use crate::library::folders;
use crate::library::verify::members::{Counter, MemberFile, find};
use crate::library::verify::provenance::Provenance;
use crate::library::verify::record::{Record, RecordedSource};
use crate::library::verify::sums::Sums;
use crate::progress::Progress;

impl Library {
    /// Which data sets `path` holds: an archive is known by its name, a folder by what lies in it.
    pub fn recognise(&self, path: &Path) -> Vec<String> {
        let name = name_of(path);
        let holds = |set: &&DataSet| {
            if path.is_file() {
                return set.archives.iter().any(|archive| called(&name, &archive.name));
            }
            if set.archives.is_empty() {
                let whole = |folder: &PathBuf| set.files.iter().all(|file| folder.join(&file.name).is_file());
                let named = |folder: &PathBuf| set.files.len() == 1 || folder.ends_with(&set.folder);
                return places(set, path).iter().any(|folder| named(folder) && whole(folder));
            }
            set.archives.iter().any(|archive| path.join(&archive.name).is_file()) || {
                let inner = self.inner(set, path);
                // Names such as `*.tsv` fit everywhere, so that the folder's own name has to fit as well.
                inner.is_ok_and(|inner| inner.is_some_and(|(folder, _)| folder.ends_with(&set.folder)))
            }
        };
        self.catalogue().iter().filter(holds).map(|set| set.name.clone()).collect()
    }

    /// Takes `set` from `path`: one of its archives, a folder with its archives or files, or its unpacked folder (also
    /// within a folder of that name). What is there is copied, with the same checks as a download. What lay in the set's
    /// folder stays, with its origins.
    ///
    /// # Errors
    /// [`DataError::Malformed`] where nothing of the set is there, or where its folder has a manifest;
    /// [`DataError::Import`]; those of [`Library::fetch`].
    pub fn import(&self, set: &str, path: &Path, progress: &dyn Progress) -> Result<Vec<Fetched>, DataError> {
        let data = self.entry(set)?.clone();
        if !path.is_file() && !path.is_dir() {
            return Err(DataError::io("read", path)(std::io::ErrorKind::NotFound.into()));
        }
        if data.archives.is_empty() {
            return self.import_files(&data, path, progress);
        }
        if path.is_file() {
            let name = name_of(path);
            if let Some(what) = data.lookalike(&name) {
                return Err(self.other_version(&data, path, what));
            }
            let archive = match &data.archives[..] {
                [only] => only,
                several => several
                    .iter()
                    .find(|archive| called(&name, &archive.name))
                    .ok_or_else(|| self.nothing(&data, path))?,
            };
            return self.import_archives(&data, &[(archive, path.to_path_buf())], progress);
        }
        if let Some((inner, found)) = self.inner(&data, path)? {
            return self.import_folder(&data, &inner, &found, progress);
        }
        let mut archives: Vec<(&Archive, PathBuf)> = vec![];
        for archive in &data.archives {
            let place = path.join(&archive.name);
            // Of several archives with the same files, the first is the one that `fetch` would take.
            let taken =
                data.choice(archive).is_some_and(|group| archives.iter().any(|(other, _)| group.contains(&other.name)));
            if place.is_file() && !taken {
                archives.push((archive, place));
            }
        }
        if archives.is_empty() {
            return Err(self.nothing(&data, path));
        }
        self.import_archives(&data, &archives, progress)
    }

    /// The error for a place with nothing of `set`, which says what is there instead if that is known.
    fn nothing(&self, set: &DataSet, path: &Path) -> DataError {
        let below = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut there: Vec<PathBuf> = [path.to_path_buf()].into_iter().chain(below).collect();
        there.sort();
        let other = there.iter().find_map(|path| set.lookalike(&name_of(path)).map(|what| (path, what)));
        if let Some((path, what)) = other {
            return self.other_version(set, path, what);
        }
        let command = self.fetch_command(&set.name);
        DataError::Malformed {
            path: path.to_path_buf(),
            message: format!("nothing of {} is there; give {}, or fetch it with `{command}`", set.name, expected(set)),
        }
    }

    fn other_version(&self, set: &DataSet, path: &Path, what: &str) -> DataError {
        DataError::Malformed {
            path: path.to_path_buf(),
            message: format!(
                "this is {what}, which this program does not read; give {}, or fetch it with `{}`",
                expected(set),
                self.fetch_command(&set.name)
            ),
        }
    }

    /// Refuses to put official files beside a manifest that says that they are none.
    fn without_manifest(&self, set: &DataSet) -> Result<(), DataError> {
        match self.data_set(&set.name)? {
            (_, Some(note)) => Err(self.reconstructed(&set.name, &note)),
            _ => Ok(()),
        }
    }

    /// The folder with members of `set`, at `path` or in it, and the members.
    fn inner(&self, set: &DataSet, path: &Path) -> Result<Option<(PathBuf, Vec<MemberFile>)>, DataError> {
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

    /// Takes files that are kept as they are: one of them, or those of a folder, all of which have to be right.
    fn import_files(&self, set: &DataSet, path: &Path, progress: &dyn Progress) -> Result<Vec<Fetched>, DataError> {
        let target = self.folder(&set.name);
        let wrong = |reasons: Vec<String>| DataError::Import {
            set: set.name.clone(),
            path: path.to_path_buf(),
            reasons: reasons.join("; "),
            remedy: format!("give the original files, or fetch them with `{}`", self.fetch_command(&set.name)),
        };
        let taken: Vec<(&DataFile, PathBuf)> = if path.is_file() {
            let name = name_of(path);
            let Some(file) = set.files.iter().find(|file| called(&name, &file.name)) else {
                let twin = set.files.iter().find(|file| unpacked_names(&file.name).contains(&name));
                return Err(match twin {
                    Some(file) => wrong(vec![format!("{name} is unpacked, and the official file is {}", file.name)]),
                    None => self.nothing(set, path),
                });
            };
            vec![(file, path.to_path_buf())]
        } else {
            let places = places(set, path);
            let there = |folder: &&PathBuf| {
                set.files.iter().any(|file| {
                    folder.join(&file.name).is_file()
                        || unpacked_names(&file.name).iter().any(|name| folder.join(name).is_file())
                })
            };
            let folder = places.iter().find(there).ok_or_else(|| self.nothing(set, path))?;
            set.files.iter().map(|file| (file, folder.join(&file.name))).collect()
        };
        let own = taken.iter().all(|(file, path)| same_file(path, &target.join(&file.name)));
        if own {
            return Ok(vec![Fetched::Present { file: target, provenance: Provenance::Unknown }]);
        }
        self.without_manifest(set)?;
        let _lock = self.lock_set(&set.name)?;
        let mut reasons = vec![];
        let mut bytes = 0;
        for (file, path) in &taken {
            if let Some(reason) = unfit(set, file, path, progress)? {
                reasons.push(reason);
            }
            bytes += file.bytes;
        }
        if !reasons.is_empty() {
            return Err(wrong(reasons));
        }
        let staging = self.staging(set, bytes)?;
        let official = Provenance::Official { by: "it has its official checksum".to_owned() };
        let mut fetched = vec![];
        for (file, path) in taken {
            let place = staging.path().join(&file.name);
            let mut source = File::open(&path).map_err(DataError::io("read", &path))?;
            write(staging.path(), &place, &mut source).map_err(DataError::io("write", &place))?;
            fetched.push(Fetched::Downloaded {
                file: target.join(&file.name),
                source: path.display().to_string(),
                resumed_from: 0,
                provenance: official.clone(),
            });
        }
        staging.undisturbed(fetched.len() as u64)?;
        folders::settle(staging.path(), &target)?;
        Ok(fetched)
    }

    fn import_archives(
        &self,
        set: &DataSet,
        archives: &[(&Archive, PathBuf)],
        progress: &dyn Progress,
    ) -> Result<Vec<Fetched>, DataError> {
        self.without_manifest(set)?;
        let _lock = self.lock_set(&set.name)?;
        let standing = self.standing(set, progress)?;
        let mut fetched = vec![];
        let mut came = vec![];
        let mut brought = HashSet::new();
        let mut outcome = Ok(());
        for (archive, path) in archives {
            match self.import_archive(set, archive, path, progress) {
                Ok((one, source, members)) => {
                    fetched.push(one);
                    came.push(source);
                    brought.extend(members);
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        // Whatever happened afterwards, what came is written down.
        if !came.is_empty() {
            self.record(set, progress, |_| standing.joined(came, &brought))?;
        }
        outcome.map(|()| fetched)
    }

    fn import_archive(
        &self,
        set: &DataSet,
        archive: &Archive,
        path: &Path,
        progress: &dyn Progress,
    ) -> Result<(Fetched, RecordedSource, Vec<String>), DataError> {
        let length = fs::metadata(path).map_err(DataError::io("read", path))?.len();
        progress.begin(&format!("checking {}", archive.name), length);
        let sums = Sums::of(path, archive.checksum.as_ref(), progress);
        progress.finish();
        let sums = sums?;
        if let Some(expected) = &archive.checksum {
            let found = sums.checksum(Some(expected));
            if found != *expected {
                if let Some(what) = first_name(archive, path).and_then(|name| set.lookalike(&name)) {
                    return Err(self.other_version(set, path, what));
                }
                return Err(DataError::Checksum {
                    path: path.to_path_buf(),
                    expected: Box::new(expected.clone()),
                    expected_bytes: archive.size.bytes(),
                    found: Box::new(found),
                    found_bytes: sums.bytes,
                    remedy: format!("fetch it with `{}`", self.fetch_command(&set.name)),
                });
            }
        }
        let staged = self.stage(set, archive, path, progress)?;
        let folder = self.folder(&set.name);
        let source = path.display().to_string();
        let checked = archive.checksum.clone();
        let members = staged.members.clone();
        let outcome = Fetched::Unpacked {
            folder: folder.join(&archive.into),
            source: source.clone(),
            resumed_from: 0,
            files: staged.files,
            members: members.len() as u64,
            sha256: sums.sha256.clone(),
            checked: checked.clone(),
        };
        staged.settle(&folder)?;
        Ok((
            outcome,
            RecordedSource { from: source, bytes: Some(sums.bytes), sha256: Some(sums.sha256), checked },
            members,
        ))
    }

    fn import_folder(
        &self,
        set: &DataSet,
        from: &Path,
        found: &[MemberFile],
        progress: &dyn Progress,
    ) -> Result<Vec<Fetched>, DataError> {
        let target = self.folder(&set.name);
        if same_file(from, &target) {
            return Ok(vec![Fetched::Present { file: target, provenance: Provenance::Unknown }]);
        }
        self.without_manifest(set)?;
        let _lock = self.lock_set(&set.name)?;
        let mut bytes = 0;
        for file in found {
            bytes += fs::metadata(&file.path).map_err(DataError::io("read", &file.path))?.len();
        }
        let record = Record::read(from)?;
        let standing = self.standing(set, progress)?;
        let staging = self.staging(set, bytes)?;
        // A manifest says what the files are, and belongs to them.
        let manifest = Some(from.join(MANIFEST)).filter(|path| path.is_file());
        progress.begin(&format!("copying {}", set.name), found.len() as u64);
        let outcome = found.iter().map(|file| &file.path).chain(&manifest).try_for_each(|path| {
            let inner = path.strip_prefix(from).unwrap_or(path);
            let mut source = File::open(path).map_err(DataError::io("read", path))?;
            progress.advance(1);
            let place = staging.path().join(inner);
            write(staging.path(), &place, &mut source).map_err(DataError::io("write", place))
        });
        progress.finish();
        outcome?;
        staging.undisturbed(found.len() as u64 + u64::from(manifest.is_some()))?;
        folders::settle(staging.path(), &target)?;
        let brought: HashSet<String> = found.iter().map(|file| file.name.clone()).collect();
        self.record(set, progress, |content| {
            // A record that came along holds if its content did, too.
            let theirs = record.filter(|record| !standing.keeps(&brought) && record.content_sha256 == content);
            let source = RecordedSource { from: from.display().to_string(), bytes: None, sha256: None, checked: None };
            theirs.map_or_else(|| standing.joined(vec![source], &brought), |record| record.sources)
        })?;
        let count = found.len() as u64;
        Ok(vec![Fetched::Copied { folder: target, source: from.to_path_buf(), files: count }])
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a file called `name` is the one called `official`, perhaps numbered by a browser: `a (1).zip` is `a.zip`.
fn called(name: &str, official: &str) -> bool {
    let numbered = || {
        let (stem, rest) = name.split_once(" (")?;
        let (number, ending) = rest.split_once(')')?;
        (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| format!("{stem}{ending}"))
    };
    name == official || numbered().is_some_and(|name| name == official)
}

/// Folders at `path` in which the files of `set` may lie.
fn places(set: &DataSet, path: &Path) -> Vec<PathBuf> {
    let tops = [path.to_path_buf(), path.join(&set.folder), path.join(&set.name)];
    tops.iter().flat_map(|top| [top.clone(), top.join("raw")]).collect()
}

/// Names under which a packed file is often unpacked: `x-ubyte`, and `x.idx3-ubyte` for `x-idx3-ubyte`.
fn unpacked_names(name: &str) -> Vec<String> {
    let Some(plain) = name.strip_suffix(".gz") else { return vec![] };
    vec![plain.to_owned(), plain.replace("-idx", ".idx")]
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Why `path` is not `file` of `set`; nothing where it is.
fn unfit(set: &DataSet, file: &DataFile, path: &Path, progress: &dyn Progress) -> Result<Option<String>, DataError> {
    let folder = path.parent().unwrap_or(path);
    if !path.is_file() {
        let twin = unpacked_names(&file.name).into_iter().find(|name| folder.join(name).is_file());
        return Ok(Some(match twin {
            Some(twin) => format!("{twin} is unpacked, and the official file is {}", file.name),
            None => format!("{} is missing", file.name),
        }));
    }
    let length = fs::metadata(path).map_err(DataError::io("read", path))?.len();
    progress.begin(&format!("checking {}", file.name), length);
    let sums = Sums::of(path, Some(&file.checksum), progress);
    progress.finish();
    let Some(reason) = Wanted::file(file).refuse(&sums?) else { return Ok(None) };
    let idx = set.members.iter().any(|members| members.pattern == file.name && members.count == Count::Idx);
    if !idx {
        return Ok(Some(format!("{}: {reason}", path.display())));
    }
    // What it is instead helps more than two sums.
    let mut bytes = vec![];
    let most = file.bytes.saturating_mul(16);
    let source = File::open(path).map_err(DataError::io("read", path))?;
    source.take(most).read_to_end(&mut bytes).map_err(DataError::io("read", path))?;
    let unpacked = bytes.starts_with(&[0, 0, 8]);
    let mut counter = Counter::new(Count::Idx);
    let whole = set.members.iter().find(|members| members.pattern == file.name).map(|members| members.total);
    let repacked = counter.update(&bytes).and_then(|()| counter.finish()).ok() == whole;
    Ok(Some(if unpacked {
        format!("{} is unpacked, although its name says that it is packed by gzip", path.display())
    } else if repacked {
        format!("{} was packed anew, so that it cannot be told whether its content is the official one", path.display())
    } else {
        format!("{}: {reason}", path.display())
    }))
}

/// What may be given for `set`, in words.
fn expected(set: &DataSet) -> String {
    if set.archives.is_empty() {
        let files: Vec<&str> = set.files.iter().map(|file| file.name.as_str()).collect();
        return format!(
            "{}, or the folder that holds {}",
            files.join(", "),
            if files.len() == 1 { "it" } else { "them" }
        );
    }
    let archives: Vec<&str> = set.archives.iter().map(|archive| archive.name.as_str()).collect();
    format!("the archive {} or the folder {}", archives.join(" or "), set.folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_may_have_numbered_a_file() {
        for name in ["a.tar.gz", "a (1).tar.gz", "a (12).tar.gz"] {
            assert!(called(name, "a.tar.gz"), "{name}");
        }
        for name in ["a (x).tar.gz", "a ().tar.gz", "a(1).tar.gz", "b.tar.gz", "a.tar (1)"] {
            assert!(!called(name, "a.tar.gz"), "{name}");
        }
    }

    #[test]
    fn unpacked_files_are_known_by_two_names() {
        assert_eq!(unpacked_names("t10k-labels-idx1-ubyte.gz"), ["t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"]);
        assert!(unpacked_names("input.txt").is_empty());
    }
}
