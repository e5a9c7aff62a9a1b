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
    catalogue::{DataFile, sum_of},
    error::DataError,
};
use crate::task::Progress;

/// Environment variable with a mirror that replaces the official sources, like `--mirror`.
pub const MIRROR_VARIABLE: &str = "BENCH_MIRROR";

/// Further attempts at one source, as long as each brings new bytes.
const MOST_RESUMES: usize = 20;

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Fetched {
    /// It was there with the right checksum.
    Present {
        /// The file.
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
}

impl Library {
    /// Fetches every file of `set` that is not there with the right checksum.
    ///
    /// Sources are `mirrors` if there are any, else `BENCH_MIRROR`, else the official ones. A mirror is a folder on this
    /// machine, or an `https://`, `http://` or `file://` address; a file is looked for as `<mirror>/<file>` and
    /// `<mirror>/<set>/<file>`. An interrupted download goes on where it stopped.
    ///
    /// # Errors
    /// [`DataError::Download`] with one reason per source; a full disk; a data folder that cannot be written.
    pub fn fetch(&self, set: &str, mirrors: &[String], progress: &dyn Progress) -> Result<Vec<Fetched>, DataError> {
        let (data, _) = self.data_set(set)?;
        let folder = self.folder(set);
        fs::create_dir_all(&folder).map_err(DataError::io("create", &folder))?;
        let locks = self.cache_folder();
        fs::create_dir_all(&locks).map_err(DataError::io("create", &locks))?;
        let _lock = lock(&locks.join(format!("fetch-{set}.lock")), set)?;
        let given: Vec<String> = if mirrors.is_empty() {
            std::env::var(MIRROR_VARIABLE).into_iter().filter(|mirror| !mirror.is_empty()).collect()
        } else {
            mirrors.to_vec()
        };
        data.files
            .iter()
            .map(|file| {
                let path = folder.join(&file.name);
                if path.is_file() && sum_of(&path, &())?.1 == file.sha256 {
                    return Ok(Fetched::Present { file: path });
                }
                let sources: Vec<String> = if given.is_empty() {
                    data.mirrors.iter().map(|mirror| join(mirror, &file.name)).collect()
                } else {
                    given
                        .iter()
                        .flat_map(|mirror| [join(mirror, &file.name), join(&join(mirror, set), &file.name)])
                        .collect()
                };
                self.fetch_file(file, &path, &sources, progress)
            })
            .collect()
    }

    fn fetch_file(
        &self,
        file: &DataFile,
        path: &Path,
        sources: &[String],
        progress: &dyn Progress,
    ) -> Result<Fetched, DataError> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let resumed_from = length_of(&part);
        self.ensure_space(path, file.bytes.saturating_sub(resumed_from))?;
        let mut reasons = Vec::new();
        for source in sources {
            match download(source, &part, file, progress)? {
                Ok(()) => {
                    File::open(&part).and_then(|file| file.sync_all()).map_err(DataError::io("write", &part))?;
                    fs::rename(&part, path).map_err(DataError::io("write", path))?;
                    return Ok(Fetched::Downloaded { file: path.to_path_buf(), source: source.clone(), resumed_from });
                }
                Err(reason) => {
                    tracing::warn!("{source}: {reason}");
                    reasons.push(format!("{source}: {reason}"));
                }
            }
        }
        Err(DataError::Download {
            what: file.name.clone(),
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

/// The whole of `file` in `part`, with the right checksum. The outer error is ours (the disk), the inner one the
/// source's.
fn download(
    source: &str,
    part: &Path,
    file: &DataFile,
    progress: &dyn Progress,
) -> Result<Result<(), String>, DataError> {
    for _ in 0..=MOST_RESUMES {
        let before = length_of(part).min(file.bytes);
        progress.begin(&file.name, file.bytes);
        progress.advance(before);
        let outcome = transfer(source, part, file, before, progress);
        progress.finish();
        if let Err(reason) = outcome? {
            // A connection that broke after it brought something is worth another try.
            if length_of(part) > before && length_of(part) < file.bytes {
                tracing::info!("{source}: {reason}; going on after {} bytes", length_of(part));
                continue;
            }
            return Ok(Err(reason));
        }
        let (bytes, found) = sum_of(part, &())?;
        if found == file.sha256 {
            return Ok(Ok(()));
        }
        fs::remove_file(part).map_err(DataError::io("remove", part))?;
        if before == 0 {
            return Ok(Err(format!(
                "the file there has {bytes} bytes and SHA-256 {found}, expected {} bytes and {}",
                file.bytes, file.sha256
            )));
        }
        // What an earlier attempt left may have come from another file: once more from the beginning.
        tracing::warn!("{}: what an earlier download left does not fit; starting again", file.name);
    }
    Ok(Err("the connection broke too often".to_owned()))
}

/// Appends to `part` what is missing after its first `start` bytes.
fn transfer(
    source: &str,
    part: &Path,
    file: &DataFile,
    start: u64,
    progress: &dyn Progress,
) -> Result<Result<(), String>, DataError> {
    let failed = |error| DataError::io("write", part)(error);
    if start == file.bytes {
        // All there, or more than that: what is too much is cut off, and the checksum decides.
        let target = File::options().write(true).open(part).map_err(failed)?;
        target.set_len(file.bytes).map_err(failed)?;
        return Ok(Ok(()));
    }
    // The source comes first: where it does not answer, nothing is left behind.
    let (mut reader, mut at) = match open_source(source, start) {
        Ok(opened) => opened,
        Err(reason) => return Ok(Err(reason)),
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
            Err(error) => return Ok(Err(format!("the connection broke after {at} of {} bytes: {error}", file.bytes))),
        };
        if at + count as u64 > file.bytes {
            return Ok(Err(format!("the file there is longer than {} bytes", file.bytes)));
        }
        target.write_all(&room[..count]).map_err(failed)?;
        at += count as u64;
        progress.advance(count as u64);
    }
    target.flush().map_err(failed)?;
    if at < file.bytes {
        return Ok(Err(format!("it ended after {at} of {} bytes", file.bytes)));
    }
    Ok(Ok(()))
}

/// A reader, and the position in the file it begins at: `start` where the source can do that, else 0.
fn open_source(source: &str, start: u64) -> Result<(Box<dyn Read>, u64), String> {
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
    Ok((Box::new(file), start))
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

fn open_http(source: &str, start: u64) -> Result<(Box<dyn Read>, u64), String> {
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
    Ok((Box::new(response.into_body().into_reader()), begins))
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
    use crate::library::DataSet;

    fn content() -> Vec<u8> {
        (0..300_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    fn set(mirrors: Vec<String>) -> DataSet {
        let content = content();
        DataSet {
            name: "numbers".to_owned(),
            summary: String::new(),
            origin: String::new(),
            licence: String::new(),
            citation: String::new(),
            mirrors,
            files: vec![DataFile {
                name: "numbers.bin".to_owned(),
                bytes: content.len() as u64,
                sha256: format!("{:x}", Sha256::digest(&content)),
            }],
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
        place.library.verify("numbers", &()).unwrap();
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
        let error = place.library.verify("numbers", &()).unwrap_err().to_string();
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
