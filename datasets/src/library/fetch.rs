//! Downloads: resumed, checked, and put in place by a rename.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use super::{
    Library,
    cache::lock,
    catalogue::{Archive, DataFile, Format, MANIFEST, Presence, Size},
    checksum::{Checksum, Sums},
    error::DataError,
    record::{RECORD, Record, Source},
    verify::Provenance,
};
use crate::task::Progress;

/// Environment variable with a mirror that replaces the official sources, like `--mirror`.
pub const MIRROR_VARIABLE: &str = "BENCH_MIRROR";

/// Further attempts at one source, as long as each brings new bytes.
const MOST_RESUMES: usize = 20;

/// What became of one file or archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Fetched {
    /// It was there with the right checksum, or complete.
    Present {
        /// The file, or the folder of an archive.
        file: PathBuf,
    },
    /// It came over the network or from a folder.
    Downloaded {
        /// The file.
        file: PathBuf,
        /// Where from.
        source: String,
        /// Bytes that an earlier attempt had left.
        resumed_from: u64,
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
}

/// A file that is wanted from the network.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    /// Its size, where it is known.
    pub(super) bytes: Option<u64>,
    /// Most bytes that are accepted.
    pub(super) most: u64,
    pub(super) checksum: Option<&'a Checksum>,
}

impl<'a> Wanted<'a> {
    fn file(file: &'a DataFile) -> Self {
        Self { name: &file.name, bytes: Some(file.bytes), most: file.bytes, checksum: Some(&file.checksum) }
    }

    fn archive(archive: &'a Archive) -> Self {
        let (bytes, most) = match archive.size {
            Size::Exact(bytes) => (Some(bytes), bytes),
            Size::About(bytes) => (None, bytes.saturating_mul(2)),
        };
        Self { name: &archive.name, bytes, most, checksum: archive.checksum.as_ref() }
    }

    /// Why `sums` are not those of the file.
    pub(super) fn refuse(&self, sums: &Sums) -> Option<String> {
        let expected = self.checksum?;
        let found = sums.checksum(Some(expected));
        let size = self.bytes.map(|bytes| format!("{bytes} bytes and ")).unwrap_or_default();
        (found != *expected)
            .then(|| format!("the file there has {} bytes and {found}, expected {size}{expected}", sums.bytes))
    }
}

/// A complete download.
struct Downloaded {
    source: String,
    resumed_from: u64,
    sums: Sums,
}

impl Library {
    /// Fetches what is missing of `set`: files that are not there with the right checksum, and archives, which are
    /// unpacked, unless the set is complete already. The space on the disk is checked before a download and before an
    /// archive is unpacked.
    ///
    /// Sources are `mirrors` if there are any, else `BENCH_MIRROR`, else the official ones. A mirror is a folder on this
    /// machine, or an `https://`, `http://` or `file://` address; a file is looked for as `<mirror>/<file>` and
    /// `<mirror>/<set>/<file>`. An interrupted download goes on where it stopped.
    ///
    /// # Errors
    /// [`DataError::Download`] with one reason per source; [`DataError::Unpack`]; a full disk; a data folder that cannot be
    /// written; a folder whose manifest says that it is not the official data.
    pub fn fetch(&self, set: &str, mirrors: &[String], progress: &dyn Progress) -> Result<Vec<Fetched>, DataError> {
        let (data, note) = self.data_set(set)?;
        let folder = self.folder(set);
        fs::create_dir_all(&folder).map_err(DataError::io("create", &folder))?;
        let _lock = self.lock_set(set)?;
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
        let mut fetched = vec![];
        for file in &data.files {
            let path = folder.join(&file.name);
            if path.is_file() && Wanted::file(file).refuse(&Sums::of(&path, Some(&file.checksum), &())?).is_none() {
                fetched.push(Fetched::Present { file: path });
                continue;
            }
            let official = data.mirrors.iter().map(|mirror| join(mirror, &file.name)).collect();
            let wanted = Wanted::file(file);
            let done = self.download_file(&wanted, &path, &sources(&file.name, official), file.bytes, progress)?;
            fetched.push(Fetched::Downloaded { file: path, source: done.source, resumed_from: done.resumed_from });
        }
        if data.archives.is_empty() {
            return Ok(fetched);
        }
        if let Some(note) = note {
            return Err(DataError::Malformed {
                path: folder.join(MANIFEST),
                message: format!(
                    "it says that this folder is not the official data ({note}); move the folder away, then fetch again"
                ),
            });
        }
        if self.presence(set)? == Presence::Present {
            let found = self.verify(set, progress)?;
            if found.problems.is_empty() && !matches!(found.provenance, Provenance::Reconstructed { .. }) {
                fetched.push(Fetched::Present { file: folder });
                return Ok(fetched);
            }
            tracing::warn!("{}: {}; fetching it again", folder.display(), found.provenance);
        }
        let mut records = vec![];
        for archive in &data.archives {
            let (outcome, source) =
                self.fetch_archive(set, archive, &sources(&archive.name, archive.sources.clone()), progress)?;
            fetched.push(outcome);
            records.push(source);
        }
        self.record(set, records, progress)?;
        Ok(fetched)
    }

    /// Keeps other processes from fetching or importing `set` at the same time.
    pub(super) fn lock_set(&self, set: &str) -> Result<File, DataError> {
        let locks = self.cache_folder();
        fs::create_dir_all(&locks).map_err(DataError::io("create", &locks))?;
        lock(&locks.join(format!("fetch-{set}.lock")), set)
    }

    /// Writes down where the content of `set` came from.
    pub(super) fn record(&self, set: &str, sources: Vec<Source>, progress: &dyn Progress) -> Result<(), DataError> {
        let folder = self.folder(set);
        // An older record is about other content.
        match fs::remove_file(folder.join(RECORD)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(DataError::io("remove", folder.join(RECORD))(error));
            }
            _ => {}
        }
        let found = self.verify(set, progress)?;
        Record::new(set, sources, found.content).write(&folder)
    }

    fn fetch_archive(
        &self,
        set: &str,
        archive: &Archive,
        sources: &[String],
        progress: &dyn Progress,
    ) -> Result<(Fetched, Source), DataError> {
        let folder = self.folder(set).join(&archive.into);
        let downloads = self.cache_folder().join("downloads");
        fs::create_dir_all(&downloads).map_err(DataError::io("create", &downloads))?;
        let path = downloads.join(&archive.name);
        let wanted = Wanted::archive(archive);
        // A process that was killed while it unpacked left the whole download.
        let left = match path.is_file() {
            true => Some(Sums::of(&path, wanted.checksum, &())?).filter(|sums| wanted.refuse(sums).is_none()),
            false => None,
        };
        let done = match left {
            Some(sums) => {
                Downloaded { source: sources.first().cloned().unwrap_or_default(), resumed_from: sums.bytes, sums }
            }
            None => {
                let needed = archive.size.bytes().saturating_add(match archive.format {
                    Format::Plain => 0,
                    _ => archive.unpacked,
                });
                self.download_file(&wanted, &path, sources, needed, progress)?
            }
        };
        let checked = archive.checksum.clone();
        if checked.is_none() {
            tracing::warn!(
                "{}: no official checksum is known, so it was not checked against one; SHA-256 {}",
                archive.name,
                done.sums.sha256
            );
        }
        let files = self.unpack(set, archive, &path, progress)?;
        fs::remove_file(&path).map_err(DataError::io("remove", &path))?;
        let Downloaded { source, resumed_from, sums } = done;
        let record = Source {
            from: source.clone(),
            bytes: Some(sums.bytes),
            sha256: Some(sums.sha256.clone()),
            checked: checked.clone(),
        };
        Ok((Fetched::Unpacked { folder, source, resumed_from, files, sha256: sums.sha256, checked }, record))
    }

    /// Downloads `wanted` to `path`, with `needed` bytes free on the disk at the beginning.
    fn download_file(
        &self,
        wanted: &Wanted<'_>,
        path: &Path,
        sources: &[String],
        needed: u64,
        progress: &dyn Progress,
    ) -> Result<Downloaded, DataError> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let resumed_from = length_of(&part);
        self.ensure_space(path, needed.saturating_sub(resumed_from))?;
        let mut reasons = Vec::new();
        for source in sources {
            match download(source, &part, wanted, progress)? {
                Ok(sums) => {
                    File::open(&part).and_then(|file| file.sync_all()).map_err(DataError::io("write", &part))?;
                    fs::rename(&part, path).map_err(DataError::io("write", path))?;
                    return Ok(Downloaded { source: source.clone(), resumed_from, sums });
                }
                Err(reason) => {
                    tracing::warn!("{source}: {reason}");
                    reasons.push(format!("{source}: {reason}"));
                }
            }
        }
        Err(DataError::Download {
            what: wanted.name.to_owned(),
            reasons: reasons.join("; "),
            folder: path.parent().unwrap_or(path).to_path_buf(),
        })
    }
}

fn join(base: &str, name: &str) -> String {
    format!("{}/{name}", base.trim_end_matches('/'))
}

fn length_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// The whole of `wanted` in `part`, with the right checksum. The outer error is ours (the disk), the inner one the
/// source's.
fn download(
    source: &str,
    part: &Path,
    wanted: &Wanted<'_>,
    progress: &dyn Progress,
) -> Result<Result<Sums, String>, DataError> {
    for _ in 0..=MOST_RESUMES {
        let before = length_of(part).min(wanted.most);
        progress.begin(wanted.name, wanted.bytes.unwrap_or(0));
        progress.advance(before);
        let outcome = transfer(source, part, wanted, before, progress);
        progress.finish();
        if let Err(reason) = outcome? {
            // A connection that broke after it brought something is worth another try.
            if length_of(part) > before && length_of(part) < wanted.most {
                tracing::info!("{source}: {reason}; going on after {} bytes", length_of(part));
                continue;
            }
            return Ok(Err(reason));
        }
        let sums = Sums::of(part, wanted.checksum, &())?;
        let Some(reason) = wanted.refuse(&sums) else { return Ok(Ok(sums)) };
        fs::remove_file(part).map_err(DataError::io("remove", part))?;
        if before == 0 {
            return Ok(Err(reason));
        }
        // What an earlier attempt left may have come from another file: once more from the beginning.
        tracing::warn!("{}: what an earlier download left does not fit; starting again", wanted.name);
    }
    Ok(Err("the connection broke too often".to_owned()))
}

/// Appends to `part` what is missing after its first `start` bytes.
fn transfer(
    source: &str,
    part: &Path,
    wanted: &Wanted<'_>,
    start: u64,
    progress: &dyn Progress,
) -> Result<Result<(), String>, DataError> {
    let failed = |error| DataError::io("write", part)(error);
    if wanted.bytes == Some(start) {
        // All there, or more than that: what is too much is cut off, and the checksum decides.
        let target = File::options().write(true).open(part).map_err(failed)?;
        target.set_len(start).map_err(failed)?;
        return Ok(Ok(()));
    }
    // The source comes first: where it does not answer, nothing is left behind.
    let opened = match open_source(source, start) {
        Ok(opened) => opened,
        Err(reason) => return Ok(Err(reason)),
    };
    let Opened { mut reader, begins: mut at, total } = opened;
    let bytes = wanted.bytes.or(total);
    if let Some(bytes) = bytes.filter(|&bytes| bytes > wanted.most) {
        return Ok(Err(format!("the file there has {bytes} bytes, and at most {} are expected", wanted.most)));
    }
    let end = bytes.unwrap_or(wanted.most);
    let of = || {
        bytes
            .map(|bytes| format!("{at} of {bytes}", at = length_of(part)))
            .unwrap_or_else(|| length_of(part).to_string())
    };
    let mut target = File::options().create(true).truncate(false).write(true).open(part).map_err(failed)?;
    target.set_len(at).map_err(failed)?;
    target.seek(SeekFrom::Start(at)).map_err(failed)?;
    let mut room = vec![0; 1 << 16];
    loop {
        let count = match reader.read(&mut room) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Err(format!("the connection broke after {} bytes: {error}", of()))),
        };
        if at + count as u64 > end {
            return Ok(Err(format!("the file there is longer than {end} bytes")));
        }
        target.write_all(&room[..count]).map_err(failed)?;
        at += count as u64;
        progress.advance(count as u64);
    }
    target.flush().map_err(failed)?;
    if bytes.is_some_and(|bytes| at < bytes) {
        return Ok(Err(format!("it ended after {} bytes", of())));
    }
    Ok(Ok(()))
}

/// A source that has been opened.
struct Opened {
    reader: Box<dyn Read>,
    /// The position in the file it begins at: the one asked for where the source can do that, else 0.
    begins: u64,
    /// Size of the whole file, where the source says it.
    total: Option<u64>,
}

fn open_source(source: &str, start: u64) -> Result<Opened, String> {
    if source.starts_with("http://") || source.starts_with("https://") {
        return open_http(source, start);
    }
    let path = match source.strip_prefix("file://") {
        Some(rest) => PathBuf::from(decode(rest.strip_prefix("localhost").unwrap_or(rest))?),
        None if source.contains("://") => {
            return Err("only https://, http://, file:// and folders can be read".to_owned());
        }
        None => PathBuf::from(source),
    };
    let mut file = File::open(&path).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| error.to_string())?;
    if !length.is_file() {
        return Err("this is not a file".to_owned());
    }
    let start = if length.len() >= start { start } else { 0 };
    file.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
    Ok(Opened { reader: Box::new(file), begins: start, total: Some(length.len()) })
}

/// Turns `%20` and its like into bytes.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let byte = tail
                .get(..2)
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                .ok_or_else(|| "a `%` in the address is not followed by two hexadecimal digits".to_owned())?;
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).map_err(|_| "the address is not UTF-8".to_owned())
}

fn open_http(source: &str, start: u64) -> Result<Opened, String> {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .build(),
    );
    let mut request = agent.get(source).header("Accept-Encoding", "identity");
    if start > 0 {
        request = request.header("Range", format!("bytes={start}-"));
    }
    let response = request.call().map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let begins = match status {
        200 => 0,
        206 => {
            let range = response.headers().get("Content-Range").and_then(|value| value.to_str().ok());
            let begins = range
                .and_then(|range| range.strip_prefix("bytes "))
                .and_then(|range| range.split_once('-'))
                .and_then(|(begins, _)| begins.trim().parse::<u64>().ok());
            match begins {
                Some(begins) if begins == start => begins,
                _ => return Err("the server sent another part of the file than was asked for".to_owned()),
            }
        }
        416 if start > 0 => return open_http(source, 0),
        _ => return Err(format!("the server answered {}", response.status())),
    };
    let length = response.headers().get("Content-Length").and_then(|value| value.to_str().ok());
    let total = length.and_then(|length| length.trim().parse::<u64>().ok()).map(|length| begins.saturating_add(length));
    Ok(Opened { reader: Box::new(response.into_body().into_reader()), begins, total })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::{
        io::{BufRead, BufReader},
        net::{TcpListener, TcpStream},
        sync::{Arc, Mutex},
    };

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::library::{Count, DataSet, Members};

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
        assert!(matches!(error, DataError::Download { .. }));
        let text = error.to_string();
        assert!(text.contains(&format!("{:x}", Sha256::digest(&bytes))), "{text}");
        assert!(text.contains(&format!("{:x}", Sha256::digest(content()))), "{text}");
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
        let error = place.library.verify("numbers", &()).unwrap().problems[0].to_string();
        assert!(error.contains("expected SHA-256") && error.contains("bench data fetch numbers"), "{error}");
        let error =
            place.library.fetch("numbers", &[short.clone(), "ftp://x".to_owned()], &()).unwrap_err().to_string();
        assert!(error.contains("ended after 10 of 300000 bytes") && error.contains("only https://"), "{error}");
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
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
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
        assert_eq!(length_of(&place.part()), 50_000);
        let (address, seen) = serve(1, usize::MAX, true);
        place.library.fetch("numbers", &[address], &()).unwrap();
        assert_eq!(place.fetched(), content());
        assert_eq!(*seen.lock().unwrap(), [Some(50_000)]);
    }

    #[test]
    fn a_missing_page_is_named() {
        let (address, _) = serve(2, usize::MAX, true);
        let place = Place::new(vec![]);
        let error = place.library.fetch("numbers", &[format!("{address}/elsewhere")], &()).unwrap_err().to_string();
        assert!(error.contains("404"), "{error}");
    }

    #[test]
    fn percent_signs_are_decoded() {
        assert_eq!(decode("/a%20b%C3%A9"), Ok("/a bé".to_owned()));
        assert!(decode("/a%2").is_err() && decode("/a%zz").is_err() && decode("%FF").is_err());
    }
}
