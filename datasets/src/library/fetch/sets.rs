//! Downloads of whole data sets: what is missing, from the first source that has it.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::library::catalogue::data_set::{Archive, DataFile, DataSet, Format, Presence};
use crate::library::catalogue::manifest::MANIFEST;
use crate::library::data_folder::Library;
use crate::library::error::{DataError, joined};
use crate::library::fetch::download::{Downloaded, Part, Wanted, is_http};
use crate::library::fetch::refusal::{Refusal, Refused};
use crate::library::folders;
use crate::library::verify::checksum::Checksum;
use crate::library::verify::provenance::Provenance;
use crate::library::verify::record::RecordedSource;
use crate::library::verify::sums::Sums;
use crate::progress::Progress;

/// Environment variable with a mirror that replaces the official sources, like `--mirror`.
pub const MIRROR_VARIABLE: &str = "BENCH_MIRROR";

/// What became of one file or archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Fetched {
    /// It was there.
    Present {
        /// The file, or the folder of an archive.
        file: PathBuf,
        /// What was found about it; [`Provenance::Unknown`] where nothing was compared.
        provenance: Provenance,
    },
    /// It came over the network or from a folder, and has the checksum that is known of it.
    Downloaded {
        /// The file.
        file: PathBuf,
        /// Where from.
        source: String,
        /// Bytes that an earlier attempt had left.
        resumed_from: u64,
        /// Whether that checksum is the official one, or that of a manifest.
        provenance: Provenance,
    },
    /// It came over the network or from this machine, and was unpacked.
    Unpacked {
        /// The folder its files are in now.
        folder: PathBuf,
        /// Where from.
        source: String,
        /// Bytes that an earlier attempt had left.
        resumed_from: u64,
        /// Number of files.
        files: u64,
        /// How many of those are members of the data set.
        members: u64,
        /// SHA-256 (hex) of the archive.
        sha256: String,
        /// The official checksum that it has; none where no official one is known.
        checked: Option<Checksum>,
    },
    /// A folder on this machine was copied.
    Copied {
        /// The folder its files are in now.
        folder: PathBuf,
        /// Where from.
        source: PathBuf,
        /// Number of files.
        files: u64,
    },
    /// It could not be had, and is not needed.
    Skipped {
        /// The archive.
        archive: String,
        /// Why it could not be had.
        reason: String,
    },
}

impl Library {
    /// Fetches what is missing of `set`: files that are not there with the right checksum, and archives, which are
    /// unpacked, unless the set is complete already; then nothing is written, and a folder without write access will do. The
    /// space on the disk is checked before a download and before an archive is unpacked.
    ///
    /// Sources are `mirrors` if there are any, else `BENCH_MIRROR`, else the official ones. A mirror is a folder on this
    /// machine, or an `https://`, `http://` or `file://` address; a file is looked for as `<mirror>/<file>` and
    /// `<mirror>/<set>/<file>`. An interrupted download goes on where it stopped, if it is certain that it is still the same
    /// file. A source that gives something else than the file is passed over, and nothing of that is kept. An archive that
    /// cannot be had and is not needed is [`Fetched::Skipped`].
    ///
    /// # Errors
    /// [`DataError::Download`] with one reason per source; [`DataError::Unpack`]; a full disk; a data folder that cannot be
    /// written; a folder whose manifest says that it is not the official data.
    pub fn fetch(&self, set: &str, mirrors: &[String], progress: &dyn Progress) -> Result<Vec<Fetched>, DataError> {
        let (data, note) = self.data_set(set)?;
        if let (Some(note), true) = (&note, data.files.is_empty()) {
            return Err(self.reconstructed(set, note));
        }
        let before = self.presence(set)?;
        if let Some(present) = self.whole(&data, note.as_deref(), progress)? {
            return Ok(present);
        }
        folders::create(&self.folder(set))?;
        let _lock = self.lock_set(set)?;
        // Another process may have brought it meanwhile.
        if before != Presence::Present
            && let Some(present) = self.whole(&data, note.as_deref(), progress)?
        {
            return Ok(present);
        }
        let given: Vec<String> = if mirrors.is_empty() {
            std::env::var(MIRROR_VARIABLE).into_iter().filter(|mirror| !mirror.is_empty()).collect()
        } else {
            mirrors.to_vec()
        };
        let sources = |name: &str, official: Vec<String>| -> Vec<String> {
            if given.is_empty() {
                return official;
            }
            given.iter().flat_map(|mirror| [join(mirror, name), join(&join(mirror, set), name)]).collect()
        };
        if data.archives.is_empty() {
            return self.fetch_files(&data, note.as_deref(), &given, &sources, progress);
        }
        self.fetch_archives(&data, before == Presence::Present, &sources, progress)
    }

    /// What is there, if it is all of `set` and nothing is wrong with it. Writes nothing.
    fn whole(
        &self,
        set: &DataSet,
        note: Option<&str>,
        progress: &dyn Progress,
    ) -> Result<Option<Vec<Fetched>>, DataError> {
        if self.presence(&set.name)? != Presence::Present {
            return Ok(None);
        }
        let folder = self.folder(&set.name);
        if set.archives.is_empty() {
            let mut present = vec![];
            for file in &set.files {
                let path = folder.join(&file.name);
                if Wanted::file(file).refuse(&Sums::of(&path, Some(&file.checksum), &())?).is_some() {
                    return Ok(None);
                }
                present.push(Fetched::Present { file: path, provenance: of_file(note) });
            }
            return Ok(Some(present));
        }
        let found = self.verify(&set.name, progress)?;
        if found.problems.is_empty() && !matches!(found.provenance, Provenance::Reconstructed { .. }) {
            return Ok(Some(vec![Fetched::Present { file: folder, provenance: found.provenance }]));
        }
        let problem = found.problems.first().map_or_else(|| found.provenance.to_string(), ToString::to_string);
        tracing::warn!("{}: {problem}; fetching it again", folder.display());
        Ok(None)
    }

    /// The error for a folder whose manifest says `note`.
    pub(crate) fn reconstructed(&self, set: &str, note: &str) -> DataError {
        DataError::Malformed {
            path: self.folder(set).join(MANIFEST),
            message: format!(
                "it says that this folder is not the official data ({note}); move the folder away, then run the command again"
            ),
        }
    }

    fn fetch_files(
        &self,
        set: &DataSet,
        note: Option<&str>,
        given: &[String],
        sources: &dyn Fn(&str, Vec<String>) -> Vec<String>,
        progress: &dyn Progress,
    ) -> Result<Vec<Fetched>, DataError> {
        let folder = self.folder(&set.name);
        let official = self.entry(&set.name)?;
        let mut fetched = vec![];
        for file in &set.files {
            let path = folder.join(&file.name);
            if path.is_file() && Wanted::file(file).refuse(&Sums::of(&path, Some(&file.checksum), &())?).is_none() {
                fetched.push(Fetched::Present { file: path, provenance: of_file(note) });
                continue;
            }
            // The official sources have none of the files that a manifest names.
            if let Some(note) = note
                && given.is_empty()
                && !official.files.contains(file)
            {
                return Err(self.reconstructed(&set.name, note));
            }
            let addresses = set.mirrors.iter().map(|mirror| join(mirror, &file.name)).collect();
            let addresses = sources(&file.name, addresses);
            let (source, done) = self.download_file(set, file, &path, &addresses, progress)?;
            let Downloaded { resumed_from, .. } = done;
            fetched.push(Fetched::Downloaded { file: path, source, resumed_from, provenance: of_file(note) });
        }
        Ok(fetched)
    }

    /// Downloads a file that is kept as it is.
    fn download_file(
        &self,
        set: &DataSet,
        file: &DataFile,
        path: &Path,
        sources: &[String],
        progress: &dyn Progress,
    ) -> Result<(String, Downloaded), DataError> {
        let (part, wanted) = (Part::of(path), Wanted::file(file));
        self.ensure_space(path, file.bytes.saturating_sub(part.length()))?;
        let mut reasons = vec![];
        for source in sources {
            match part.download(source, &wanted, progress)? {
                Ok(done) => {
                    fs::rename(part.path(), path).map_err(DataError::io("write", path))?;
                    return Ok((source.clone(), done));
                }
                Err(why) => failed(source, why, &mut reasons),
            }
        }
        Err(self.not_had(set, wanted.name, sources, reasons, path.parent().unwrap_or(path)))
    }

    fn fetch_archives(
        &self,
        set: &DataSet,
        repairing: bool,
        sources: &dyn Fn(&str, Vec<String>) -> Vec<String>,
        progress: &dyn Progress,
    ) -> Result<Vec<Fetched>, DataError> {
        let standing = self.standing(set, progress)?;
        let mut fetched = vec![];
        let mut came = vec![];
        let mut brought = HashSet::new();
        let mut missed: Vec<(&Archive, DataError)> = vec![];
        let mut chosen: Vec<&[String]> = vec![];
        let mut stopped = None;
        for archive in &set.archives {
            let choice = set.choice(archive);
            if choice.is_some_and(|choice| chosen.contains(&choice)) {
                continue;
            }
            let addresses = sources(&archive.name, archive.sources.clone());
            match self.fetch_archive(set, archive, &addresses, progress) {
                Ok((outcome, source, members)) => {
                    fetched.push(outcome);
                    came.push(source);
                    brought.extend(members);
                    chosen.extend(choice);
                }
                // Another archive may be smaller, and this one may not be needed.
                Err(error @ (DataError::Download { .. } | DataError::NoSpace { .. })) => missed.push((archive, error)),
                Err(error) => {
                    stopped = Some(error);
                    break;
                }
            }
        }
        // Whatever happened afterwards, what came is written down.
        if !came.is_empty() {
            self.record(set, progress, |_| standing.joined(came, &brought))?;
        }
        if let Some(error) = stopped {
            return Err(error);
        }
        let whole = !fetched.is_empty() && !repairing && self.presence(&set.name)? == Presence::Present;
        for (archive, error) in missed {
            let other = set.choice(archive).is_some_and(|choice| chosen.contains(&choice));
            if !other && !whole {
                return Err(error);
            }
            let reason = match error {
                DataError::Download { reasons, .. } => joined(&reasons),
                error => error.to_string(),
            };
            let instead = if other { "another version was taken instead" } else { "no task needs it" };
            tracing::warn!("{} could not be had, and {instead}: {reason}", archive.name);
            fetched.push(Fetched::Skipped { archive: archive.name.clone(), reason: format!("{instead}: {reason}") });
        }
        Ok(fetched)
    }

    /// The archive, from the first source that has it, with the members that it brought. A source whose archive is damaged, or
    /// has nothing of the set, is as good as none.
    fn fetch_archive(
        &self,
        set: &DataSet,
        archive: &Archive,
        sources: &[String],
        progress: &dyn Progress,
    ) -> Result<(Fetched, RecordedSource, Vec<String>), DataError> {
        let folder = self.folder(&set.name);
        let downloads = self.cache_folder().join("downloads");
        folders::create(&downloads)?;
        let (part, wanted) = (Part::of(&downloads.join(&archive.name)), Wanted::archive(archive));
        // What is here, or on a server, may be a small part of the set, or a short file in its place.
        let space = |whole: Option<u64>, there: u64| -> Result<(), DataError> {
            let whole = whole.unwrap_or(archive.size.bytes());
            let unpacked = if archive.format == Format::Plain { 0 } else { archive.unpacked_from(whole) };
            let missing = whole.saturating_sub(there);
            if one_disk(&downloads, &folder) {
                return self.ensure_space(part.path(), missing.saturating_add(unpacked));
            }
            self.ensure_space(part.path(), missing)?;
            self.ensure_space(&folder, unpacked)
        };
        let wanted = Wanted { space: Some(&space), ..wanted };
        let mut reasons = vec![];
        for source in sources {
            let done = match part.download(source, &wanted, progress)? {
                Ok(done) => done,
                Err(why) => {
                    failed(source, why, &mut reasons);
                    continue;
                }
            };
            let staged = match self.stage(set, archive, part.path(), progress) {
                Ok(staged) => staged,
                Err(error @ (DataError::Unpack { .. } | DataError::Malformed { .. })) => {
                    part.remove()?;
                    if archive.checksum.is_some() {
                        // No other source has another archive.
                        return Err(error);
                    }
                    let reason = match error {
                        DataError::Unpack { reason, .. } => reason.to_string(),
                        DataError::Malformed { message, .. } => message,
                        error => error.to_string(),
                    };
                    failed(source, Refusal::Content(reason), &mut reasons);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Downloaded { resumed_from, sums } = done;
            let checked = archive.checksum.clone();
            if checked.is_none() {
                tracing::warn!(
                    "{}: no official checksum is known, so it was not checked against one; SHA-256 {}",
                    archive.name,
                    sums.sha256
                );
            }
            let members = staged.members.clone();
            let outcome = Fetched::Unpacked {
                folder: folder.join(&archive.into),
                source: source.clone(),
                resumed_from,
                files: staged.files,
                members: members.len() as u64,
                sha256: sums.sha256.clone(),
                checked: checked.clone(),
            };
            staged.settle(&folder)?;
            part.remove()?;
            let record =
                RecordedSource { from: source.clone(), bytes: Some(sums.bytes), sha256: Some(sums.sha256), checked };
            return Ok((outcome, record, members));
        }
        // Where the size is unknown, the usual one says whether another attempt makes sense.
        space(None, part.length())?;
        Err(self.not_had(set, wanted.name, sources, reasons, &downloads))
    }

    /// The error for a file that no source has.
    fn not_had(&self, set: &DataSet, what: &str, sources: &[String], reasons: Vec<Refused>, place: &Path) -> DataError {
        let remedy = if sources.iter().any(|source| is_http(source)) {
            let import = format!("bench data import {} PATH", set.name);
            format!("try again later, give a source with --mirror URL, or take a file that is here with `{import}`")
        } else {
            format!("put the right file there, or fetch it from the network with `{}`", self.fetch_command(&set.name))
        };
        let remedy = match Part::of(&place.join(what)) {
            part if part.length() > 0 => {
                format!("{remedy}; {} holds what has come so far", part.path().display())
            }
            _ => remedy,
        };
        DataError::Download { what: what.to_owned(), reasons, remedy }
    }
}

/// What is known of a file that has the checksum of the catalogue, or of a manifest that says `note`.
fn of_file(note: Option<&str>) -> Provenance {
    match note {
        Some(note) => Provenance::Reconstructed { why: note.to_owned() },
        None => Provenance::Official { by: "it has its official checksum".to_owned() },
    }
}

fn failed(source: &str, why: Refusal, reasons: &mut Vec<Refused>) {
    let refused = Refused { from: source.to_owned(), why };
    tracing::warn!("{refused}");
    reasons.push(refused);
}

/// Whether both folders are on one disk, as far as is known.
fn one_disk(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let disk = |path: &Path| fs::metadata(path).ok().map(|about| about.dev());
        disk(one) == disk(other)
    }
    #[cfg(not(unix))]
    {
        let _ = (one, other);
        true
    }
}

pub(crate) fn join(base: &str, name: &str) -> String {
    format!("{}/{name}", base.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::{
        io::{BufRead, BufReader, Write},
        net::{TcpListener, TcpStream},
        sync::{Arc, Mutex},
    };

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::library::catalogue::data_set::{Count, Members};

    fn content() -> Vec<u8> {
        (0..300_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    fn set(mirrors: Vec<String>) -> DataSet {
        let content = content();
        DataSet {
            name: "numbers".to_owned(),
            folder: "numbers".to_owned(),
            mirrors,
            files: vec![DataFile {
                name: "numbers.bin".to_owned(),
                bytes: content.len() as u64,
                checksum: Checksum::Sha256(format!("{:x}", Sha256::digest(&content))),
            }],
            members: vec![Members {
                what: "bytes".to_owned(),
                pattern: "numbers.bin".to_owned(),
                files: 1,
                count: Count::Bytes,
                total: content.len() as u64,
                needed: true,
            }],
            ..DataSet::default()
        }
    }

    struct Place {
        folder: tempfile::TempDir,
        library: Library,
    }

    impl Place {
        fn new(mirrors: Vec<String>) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let library = Library::with_catalogue(folder.path().join("data"), vec![set(mirrors)]);
            fs::create_dir_all(library.folder("numbers")).unwrap();
            Self { folder, library }
        }

        fn part(&self) -> PathBuf {
            self.library.folder("numbers").join("numbers.bin.part")
        }

        fn fetched(&self) -> Vec<u8> {
            fs::read(self.library.folder("numbers").join("numbers.bin")).unwrap()
        }

        fn mirror(&self, name: &str, bytes: &[u8]) -> String {
            let mirror = self.folder.path().join(name);
            fs::create_dir_all(&mirror).unwrap();
            fs::write(mirror.join("numbers.bin"), bytes).unwrap();
            format!("file://{}", mirror.display().to_string().replace(' ', "%20"))
        }
    }

    #[test]
    fn a_file_address_is_copied_resumed_and_then_left_alone() {
        let place = Place::new(vec![]);
        let mirror = place.mirror("a mirror", &content());
        fs::write(place.part(), &content()[..1000]).unwrap();
        let fetched = place.library.fetch("numbers", std::slice::from_ref(&mirror), &()).unwrap();
        assert!(matches!(&fetched[0], Fetched::Downloaded { resumed_from: 1000, .. }), "{fetched:?}");
        assert_eq!(place.fetched(), content());
        assert!(!place.part().exists());
        let again = place.library.fetch("numbers", &[mirror], &()).unwrap();
        assert!(matches!(again[0], Fetched::Present { .. }));
        let found = place.library.verify("numbers", &()).unwrap();
        assert!(found.problems.is_empty() && matches!(found.provenance, Provenance::Official { .. }), "{found:?}");
    }

    #[test]
    fn an_altered_source_is_refused_with_both_sums_and_leaves_nothing() {
        let place = Place::new(vec![]);
        let mut bytes = content();
        bytes[77] ^= 1;
        let mirror = place.mirror("altered", &bytes);
        let error = place.library.fetch("numbers", &[mirror], &()).unwrap_err();
        let DataError::Download { reasons, .. } = error else { panic!("{error}") };
        let [Refused { why: Refusal::Altered { found, expected, .. }, .. }, ..] = &reasons[..] else {
            panic!("{reasons:?}")
        };
        for (sum, content) in [(found, &bytes), (expected, &content())] {
            assert_eq!(sum.hex(), format!("{:x}", Sha256::digest(content)));
        }
        assert!(!place.part().exists() && !place.library.folder("numbers").join("numbers.bin").exists());
    }

    #[test]
    fn a_part_of_another_file_is_thrown_away() {
        let place = Place::new(vec![]);
        let mirror = place.mirror("mirror", &content());
        for left in [vec![1; 5000], vec![2; 300_000], vec![3; 400_000]] {
            fs::write(place.part(), left).unwrap();
            place.library.fetch("numbers", std::slice::from_ref(&mirror), &()).unwrap();
            assert_eq!(place.fetched(), content());
            fs::remove_file(place.library.folder("numbers").join("numbers.bin")).unwrap();
        }
    }

    #[test]
    fn a_damaged_file_is_replaced_and_every_reason_is_named() {
        let place = Place::new(vec![]);
        let good = place.mirror("good", &content());
        let short = place.mirror("short", &content()[..10]);
        fs::write(place.library.folder("numbers").join("numbers.bin"), b"damaged").unwrap();
        let found = place.library.verify("numbers", &()).unwrap();
        assert!(
            matches!(&found.problems[0], DataError::Checksum { remedy, .. } if remedy.contains("bench data fetch numbers")),
            "{found:?}"
        );
        let error = place.library.fetch("numbers", &[short.clone(), "ftp://x".to_owned()], &()).unwrap_err();
        let DataError::Download { reasons, .. } = error else { panic!("{error}") };
        let refused = |from: &str, why: fn(&Refusal) -> bool| {
            reasons.iter().any(|refused| refused.from.starts_with(from) && why(&refused.why))
        };
        assert!(refused(&short, |why| matches!(why, Refusal::Ended { at: 10, .. })), "{reasons:?}");
        assert!(refused("ftp://x", |why| matches!(why, Refusal::Address(_))), "{reasons:?}");
        place.library.fetch("numbers", &[short, good], &()).unwrap();
        assert_eq!(place.fetched(), content());
    }

    /// A server on the loopback interface that answers `requests` requests; `cut` bytes are sent of each body.
    fn serve(requests: usize, cut: usize, ranges: bool) -> (String, Arc<Mutex<Vec<Option<u64>>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().take(requests) {
                let stream = stream.unwrap();
                log.lock().unwrap().push(answer(stream, cut, ranges));
            }
        });
        (address, seen)
    }

    fn answer(mut stream: TcpStream, cut: usize, ranges: bool) -> Option<u64> {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut asked = None;
        let mut first = String::new();
        reader.read_line(&mut first).unwrap();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
                asked = Some(range.trim().trim_end_matches('-').parse::<u64>().unwrap());
            }
        }
        let content = content();
        let start = if ranges { asked.unwrap_or(0) as usize } else { 0 };
        let status = if !first.starts_with("GET /numbers.bin ") {
            stream.write_all(b"HTTP/1.1 404 Not MemberFile\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            return asked;
        } else if start > 0 {
            format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{}", content.len() - 1, content.len())
        } else {
            "200 OK".to_owned()
        };
        let body = &content[start..];
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.write_all(&body[..cut.min(body.len())]);
        asked
    }

    #[test]
    fn a_broken_connection_goes_on_where_it_stopped() {
        let (address, seen) = serve(3, 120_000, true);
        let place = Place::new(vec![address]);
        place.library.fetch("numbers", &[], &()).unwrap();
        assert_eq!(place.fetched(), content());
        assert_eq!(*seen.lock().unwrap(), [None, Some(120_000), Some(240_000)]);
    }

    #[test]
    fn a_server_without_ranges_starts_from_the_beginning() {
        let (address, seen) = serve(1, usize::MAX, false);
        let place = Place::new(vec![address]);
        fs::write(place.part(), &content()[..2000]).unwrap();
        place.library.fetch("numbers", &[], &()).unwrap();
        assert_eq!(place.fetched(), content());
        assert_eq!(*seen.lock().unwrap(), [Some(2000)]);
    }

    #[test]
    fn an_interrupted_download_keeps_its_part_for_the_next_command() {
        let (address, _) = serve(1, 50_000, true);
        let place = Place::new(vec![address]);
        assert!(place.library.fetch("numbers", &[], &()).is_err());
        assert_eq!(fs::metadata(place.part()).unwrap().len(), 50_000);
        let (address, seen) = serve(1, usize::MAX, true);
        place.library.fetch("numbers", &[address], &()).unwrap();
        assert_eq!(place.fetched(), content());
        assert_eq!(*seen.lock().unwrap(), [Some(50_000)]);
    }

    #[test]
    fn a_missing_page_is_named() {
        let (address, _) = serve(2, usize::MAX, true);
        let place = Place::new(vec![]);
        let error = place.library.fetch("numbers", &[format!("{address}/elsewhere")], &()).unwrap_err();
        let DataError::Download { reasons, .. } = error else { panic!("{error}") };
        assert!(matches!(reasons[0].why, Refusal::Status { status: 404, .. }), "{reasons:?}");
    }
}
