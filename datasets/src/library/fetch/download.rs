//! One file from one of several sources: resumed where that is safe, and looked at before it is taken.
//!
//! What an interrupted download leaves is `<file>.part`. Where a checksum is known, it may be continued from any source, since
//! the checksum decides in the end. Where none is known, it is continued only from the address that it began at, as long as
//! that still names the same version; `<file>.part.json` says which.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use crate::library::catalogue::data_set::{Archive, DataFile, Format, Size};
use crate::library::error::DataError;
use crate::library::fetch::http;
use crate::library::fetch::refusal::Refusal;
use crate::library::folders::temporary_in;
use crate::library::verify::checksum::Checksum;
use crate::library::verify::sums::Sums;
use crate::progress::Progress;

/// Further attempts at one source, as long as each brings new bytes.
const MOST_RESUMES: usize = 20;
/// Further attempts where each has to begin anew.
const MOST_RESTARTS: usize = 2;
const SCHEMA: u32 = 1;
/// Bytes that are looked at before anything is written.
const HEAD: usize = 1 << 10;

/// Refuses a file of so many bytes, if the source tells, of which so many are here, where there is no room for it.
pub(crate) type EnsureSpace<'a> = dyn Fn(Option<u64>, u64) -> Result<(), DataError> + 'a;

/// A file that is wanted.
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    /// Its size, where it is known.
    pub(crate) bytes: Option<u64>,
    /// Most bytes that are accepted.
    pub(crate) most: u64,
    pub(crate) checksum: Option<&'a Checksum>,
    pub(crate) format: Format,
    /// Asks for the space for the whole file, of the size that a source tells, if it does, of which so much is there.
    pub(crate) space: Option<&'a EnsureSpace<'a>>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn file(file: &'a DataFile) -> Self {
        Self {
            name: &file.name,
            bytes: Some(file.bytes),
            most: file.bytes,
            checksum: Some(&file.checksum),
            format: if file.name.ends_with(".gz") { Format::TarGz } else { Format::Plain },
            space: None,
        }
    }

    pub(crate) fn archive(archive: &'a Archive) -> Self {
        let (bytes, most) = match archive.size {
            Size::Exact(bytes) => (Some(bytes), bytes),
            Size::About(bytes) => (None, bytes.saturating_mul(2)),
        };
        let (checksum, format) = (archive.checksum.as_ref(), archive.format);
        Self { name: &archive.name, bytes, most, checksum, format, space: None }
    }

    /// Why `sums` are not those of the file.
    pub(crate) fn refuse(&self, sums: &Sums) -> Option<Refusal> {
        let expected = self.checksum?;
        let found = sums.checksum(Some(expected));
        (found != *expected).then(|| Refusal::Altered {
            bytes: sums.bytes,
            found: Box::new(found),
            expected_bytes: self.bytes,
            expected: Box::new(expected.clone()),
        })
    }

    /// Why a file that begins with `head` cannot be it: a page that asks for a password, or one that says that it is gone,
    /// often comes as if it were the file.
    fn refuse_head(&self, head: &[u8], content_type: Option<&str>) -> Option<Refusal> {
        let kind = content_type.map(str::to_ascii_lowercase).unwrap_or_default();
        let page = is_page(head) || kind.starts_with("text/html");
        let fits = match self.format {
            Format::TarGz => head.starts_with(b"\x1f\x8b"),
            Format::Zip => [b"PK\x03\x04", b"PK\x05\x06"].iter().any(|magic| head.starts_with(*magic)),
            Format::Plain => !page && !kind.starts_with("application/json") && (!self.is_table() || tabbed(head)),
        };
        if fits {
            return None;
        }
        let expected = match self.format {
            Format::TarGz => "a file packed by gzip",
            Format::Zip => "a zip archive",
            Format::Plain if self.is_table() => "a table with fields between tabs",
            Format::Plain => "the file",
        };
        Some(Refusal::Instead { page, content_type: content_type.map(str::to_owned), expected })
    }

    /// Whether it is a table of text of which no checksum is known.
    fn is_table(&self) -> bool {
        self.checksum.is_none() && self.name.ends_with(".tsv")
    }
}

/// Whether the first line has a tab; it may be longer than `head`, and then has one all the same.
fn tabbed(head: &[u8]) -> bool {
    head.split(|&byte| byte == b'\n').next().is_some_and(|line| line.contains(&b'\t'))
}

fn is_page(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    ["<!doctype", "<html", "<head", "<?xml", "<body", "<!--"].iter().any(|tag| text.starts_with(tag))
}

fn removed(path: &Path) -> Result<(), DataError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DataError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// A complete download.
pub(crate) struct Downloaded {
    pub(crate) resumed_from: u64,
    pub(crate) sums: Sums,
}

/// Where the bytes of a `.part` came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Origin {
    schema: u32,
    source: String,
    /// What the source calls this version: an entity tag, or the time of its last change.
    etag: Option<String>,
    modified: Option<String>,
    /// Size of the whole file.
    total: Option<u64>,
}

impl Origin {
    /// What tells this version for certain from any other.
    fn validator(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/")).or(self.modified.as_deref())
    }

    /// Whether `other` may be the same version; without a common mark it is not known to be.
    fn same_version(&self, other: &Self) -> bool {
        let agree = |one: &Option<String>, other: &Option<String>| match (one, other) {
            (Some(one), Some(other)) => Some(one == other),
            _ => None,
        };
        let marks = [agree(&self.etag, &other.etag), agree(&self.modified, &other.modified)];
        let total = self.total.is_none() || other.total.is_none() || self.total == other.total;
        total && marks.contains(&Some(true)) && !marks.contains(&Some(false))
    }
}

/// A download that is under way.
pub(crate) struct Part {
    path: PathBuf,
    about: PathBuf,
    /// Where bytes wait from the beginning of the file, while there are more of it already.
    aside: PathBuf,
}

impl Part {
    /// That of the file `path`.
    pub(crate) fn of(path: &Path) -> Self {
        let with = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self { path: with(".part"), about: with(".part.json"), aside: with(".part.new") }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |found| found.len())
    }

    /// Removes it with all that is known of it.
    pub(crate) fn remove(&self) -> Result<(), DataError> {
        [&self.about, &self.path, &self.aside].into_iter().try_for_each(|path| removed(path))
    }

    /// Where its bytes came from, if that is known.
    fn origin(&self) -> Option<Origin> {
        let origin: Origin = serde_json::from_slice(&fs::read(&self.about).ok()?).ok()?;
        (origin.schema == SCHEMA).then_some(origin)
    }

    fn remember(&self, origin: &Origin) -> Result<(), DataError> {
        let failed = |error| DataError::io("write", &self.about)(error);
        let text = serde_json::to_vec(origin).map_err(|error| failed(error.into()))?;
        let folder = self.about.parent().unwrap_or(&self.about);
        let mut file = temporary_in(folder, ".json").map_err(failed)?;
        file.write_all(&text).map_err(failed)?;
        file.persist(&self.about).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// How many of its bytes can be kept for `wanted` from `source`, and how the source calls the version they are of.
    fn kept(&self, source: &str, wanted: &Wanted<'_>) -> (u64, Option<Origin>) {
        let length = self.length().min(wanted.most);
        if wanted.checksum.is_some() {
            return (length, None);
        }
        match self.origin().filter(|origin| origin.source == source && origin.validator().is_some()) {
            // The last byte is asked for again, so that the source says whether the version is still the same.
            Some(origin) => (length.min(origin.total.map_or(length, |total| total.saturating_sub(1))), Some(origin)),
            None => (0, None),
        }
    }

    /// The whole of `wanted`, with the right checksum if one is known. The outer error is ours (the disk), the inner one the
    /// source's.
    pub(crate) fn download(
        &self,
        source: &str,
        wanted: &Wanted<'_>,
        progress: &dyn Progress,
    ) -> Result<Result<Downloaded, Refusal>, DataError> {
        let mut resumed_from = None;
        let mut restarts = 0;
        for _ in 0..=MOST_RESUMES {
            let (start, origin) = self.kept(source, wanted);
            progress.begin(wanted.name, wanted.bytes.unwrap_or(0));
            let outcome = self.transfer(source, wanted, start, origin.as_ref(), progress);
            progress.finish();
            match outcome? {
                Err(failure) => {
                    // A connection that broke after it brought something is worth another try.
                    let (next, _) = self.kept(source, wanted);
                    let more = failure.brought > 0 && next < wanted.most;
                    if more && next <= start {
                        restarts += 1;
                    }
                    if more && restarts <= MOST_RESTARTS {
                        tracing::info!("{source}: {}; going on after {next} bytes", failure.reason);
                        continue;
                    }
                    return Ok(Err(failure.reason));
                }
                Ok(began) => {
                    let resumed_from = *resumed_from.get_or_insert(began);
                    let sums = Sums::of(&self.path, wanted.checksum, &())?;
                    let Some(reason) = wanted.refuse(&sums) else {
                        File::open(&self.path)
                            .and_then(|file| file.sync_all())
                            .map_err(DataError::io("write", &self.path))?;
                        return Ok(Ok(Downloaded { resumed_from, sums }));
                    };
                    self.remove()?;
                    if began == 0 {
                        return Ok(Err(reason));
                    }
                    // What an earlier attempt left may have come from another file: once more from the beginning.
                    tracing::warn!("{}: what an earlier download left does not fit; starting again", wanted.name);
                }
            }
        }
        Ok(Err(Refusal::BrokeTooOften))
    }

    /// Brings what is missing after the first `start` bytes, and says after how many it began.
    fn transfer(
        &self,
        source: &str,
        wanted: &Wanted<'_>,
        start: u64,
        origin: Option<&Origin>,
        progress: &dyn Progress,
    ) -> Result<Result<u64, Failure>, DataError> {
        let failed = |error| DataError::io("write", &self.path)(error);
        let refused = |reason| Ok(Err(Failure { reason, brought: 0 }));
        if wanted.bytes == Some(start) {
            // All there, or more than that: what is too much is cut off, and the checksum decides.
            let target = File::options().write(true).open(&self.path).map_err(failed)?;
            target.set_len(start).map_err(failed)?;
            return Ok(Ok(start));
        }
        // The source comes first: where it does not answer, or with something else, nothing is changed.
        let mut opened = match Opened::open(source, start, origin) {
            Ok(opened) => opened,
            Err(reason) => return refused(reason),
        };
        let head = match opened.head(wanted, start) {
            Ok(head) => head,
            Err(reason) => return refused(reason),
        };
        let Opened { reader, begins, origin: version, .. } = opened;
        let bytes = wanted.bytes.or(version.total);
        if let Some(space) = wanted.space {
            space(version.total, begins)?;
        }
        let end = bytes.unwrap_or(wanted.most);
        // What an earlier attempt left may be worth more than this answer, which may be no such file.
        let aside = wanted.checksum.is_some() && begins < start && has_space(&self.path, bytes.unwrap_or(wanted.most));
        let place = if aside { &self.aside } else { &self.path };
        let mut target = File::options().create(true).truncate(false).write(true).open(place).map_err(failed)?;
        target.set_len(begins).map_err(failed)?;
        if wanted.checksum.is_none() {
            self.remember(&version)?;
        }
        target.seek(SeekFrom::Start(begins)).map_err(failed)?;
        progress.advance(begins);
        let mut at = begins;
        let of = |at: u64| bytes.map_or_else(|| at.to_string(), |bytes| format!("{at} of {bytes}"));
        let broke = |reason, at: u64| Ok(Err(Failure { reason, brought: at.saturating_sub(begins) }));
        let mut reader = head.as_slice().chain(reader);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.keep_longer(aside, start, at)?;
                    return broke(Refusal::Broke { after: Some(of(at)), error: error.to_string() }, at);
                }
            };
            if at + count as u64 > end {
                if aside {
                    removed(&self.aside)?;
                } else {
                    self.remove()?;
                }
                return refused(Refusal::Longer(end));
            }
            target.write_all(&buffer[..count]).map_err(failed)?;
            at += count as u64;
            progress.advance(count as u64);
        }
        target.flush().map_err(failed)?;
        drop(target);
        let longer = self.keep_longer(aside, start, at)?;
        if let Some(of) = bytes.filter(|&bytes| at < bytes) {
            return broke(Refusal::Ended { at, of }, at);
        }
        if !longer {
            return refused(Refusal::Shorter { found: at, held: start });
        }
        Ok(Ok(begins))
    }

    /// Puts the `at` bytes that wait `aside` in the place of the `start` that were there, if they are as many; says so.
    fn keep_longer(&self, aside: bool, start: u64, at: u64) -> Result<bool, DataError> {
        if aside && at < start {
            removed(&self.aside)?;
            return Ok(false);
        }
        if aside {
            fs::rename(&self.aside, &self.path).map_err(DataError::io("write", &self.path))?;
        }
        Ok(true)
    }
}

/// Whether the disk of `path` has `bytes` free.
fn has_space(path: &Path, bytes: u64) -> bool {
    fs4::available_space(path.parent().unwrap_or(path)).is_ok_and(|available| available > bytes)
}

/// A transfer that did not bring everything.
struct Failure {
    reason: Refusal,
    /// How many bytes it brought.
    brought: u64,
}

/// A source that has been opened.
struct Opened {
    reader: Box<dyn Read>,
    /// The position in the file it begins at: the one asked for where the source can do that, else 0.
    begins: u64,
    origin: Origin,
    content_type: Option<String>,
    /// How the server has packed the file for the way, although it was asked not to.
    encoding: Option<String>,
}

impl Opened {
    /// The first bytes of the file, if the answer begins with them. The error says why the answer cannot be the file that is
    /// wanted, of which `start` bytes are there.
    fn head(&mut self, wanted: &Wanted<'_>, start: u64) -> Result<Vec<u8>, Refusal> {
        if let Some(reason) = self.refusal(wanted, start) {
            return Err(reason);
        }
        let mut head = vec![];
        if self.begins == 0 {
            let outcome = self.reader.by_ref().take(HEAD as u64).read_to_end(&mut head);
            outcome.map_err(|error| Refusal::Broke { after: None, error: error.to_string() })?;
            if let Some(reason) = wanted.refuse_head(&head, self.content_type.as_deref()) {
                return Err(reason);
            }
        }
        Ok(head)
    }

    /// Why the answer cannot be the file that is wanted, of which `start` bytes are there.
    fn refusal(&self, wanted: &Wanted<'_>, start: u64) -> Option<Refusal> {
        // Of a packed file, servers often say so of the file itself.
        if let (Some(encoding), Format::Plain) = (&self.encoding, wanted.format) {
            return Some(Refusal::Encoded(encoding.clone()));
        }
        let total = self.origin.total;
        if let Some(found) = total.filter(|&bytes| bytes > wanted.most) {
            return Some(Refusal::TooLarge { found, most: wanted.most });
        }
        // What an earlier attempt left is worth more than this.
        let other =
            total.filter(|_| self.begins < start).zip(wanted.bytes).filter(|(total, expected)| total != expected);
        other.map(|(found, expected)| Refusal::Size { found, expected })
    }

    /// Opens `source` after `start` bytes, if it still has the version `origin` (where one is given), else at its beginning.
    fn open(source: &str, start: u64, origin: Option<&Origin>) -> Result<Self, Refusal> {
        if is_http(source) { Self::over_http(source, start, origin) } else { Self::from_disk(source, start, origin) }
    }

    fn from_disk(source: &str, start: u64, origin: Option<&Origin>) -> Result<Self, Refusal> {
        let path = match source.strip_prefix("file://") {
            Some(rest) => {
                PathBuf::from(decode(rest.strip_prefix("localhost").unwrap_or(rest)).map_err(Refusal::Address)?)
            }
            None if source.contains("://") => {
                return Err(Refusal::Address("only https://, http://, file:// and folders can be read".to_owned()));
            }
            None => PathBuf::from(source),
        };
        let unreadable = |error: io::Error| Refusal::Unreadable(error.to_string());
        let mut file = File::open(&path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() {
            return Err(Refusal::Unreadable("this is not a file".to_owned()));
        }
        let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let version = Origin {
            schema: SCHEMA,
            source: source.to_owned(),
            etag: None,
            modified: modified.map(|time| format!("{}.{:09}", time.as_secs(), time.subsec_nanos())),
            total: Some(about.len()),
        };
        let same = about.len() >= start && origin.is_none_or(|origin| origin.same_version(&version));
        let begins = if same { start } else { 0 };
        file.seek(SeekFrom::Start(begins)).map_err(unreadable)?;
        Ok(Self { reader: Box::new(file), begins, origin: version, content_type: None, encoding: None })
    }

    fn over_http(source: &str, start: u64, origin: Option<&Origin>) -> Result<Self, Refusal> {
        let mut headers = vec![];
        if start > 0 {
            headers.push(("Range", format!("bytes={start}-")));
            headers.extend(origin.and_then(Origin::validator).map(|version| ("If-Range", version.to_owned())));
        }
        let answer = http::get(source, &headers).map_err(Refusal::NoAnswer)?;
        let value = |name: &str| answer.header(name).map(str::to_owned);
        let length = answer.header("Content-Length").and_then(|length| length.parse::<u64>().ok());
        let mut version = Origin {
            schema: SCHEMA,
            source: source.to_owned(),
            etag: value("ETag"),
            modified: value("Last-Modified"),
            total: None,
        };
        let content_type = value("Content-Type");
        let encoding = value("Content-Encoding").filter(|encoding| !encoding.eq_ignore_ascii_case("identity"));
        let begins = match answer.status {
            200 => {
                version.total = length;
                0
            }
            206 => {
                let range = answer.header("Content-Range").and_then(content_range);
                let (begins, total) = match range {
                    Some((begins, total)) => (Some(begins), total),
                    None => (None, None),
                };
                version.total = total.or(length.map(|length| start.saturating_add(length)));
                if begins != Some(start) || origin.is_some_and(|origin| !origin.same_version(&version)) {
                    if start == 0 {
                        return Err(Refusal::OtherPart);
                    }
                    tracing::info!("{source}: the server sent another part, or another version; starting again");
                    return Self::over_http(source, 0, None);
                }
                start
            }
            416 if start > 0 => return Self::over_http(source, 0, None),
            status => return Err(Refusal::Status { status, said: answer.said }),
        };
        Ok(Self { reader: Box::new(answer.body), begins, origin: version, content_type, encoding })
    }
}

/// Whether a source is asked over the network.
pub(crate) fn is_http(source: &str) -> bool {
    let scheme = source.split("://").next().unwrap_or_default();
    source.contains("://") && ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// First position and size of the whole, of `bytes 20-99/100`.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (begins, _) = range.split_once('-')?;
    Some((begins.trim().parse().ok()?, total.trim().parse().ok()))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn percent_signs_are_decoded() {
        assert_eq!(decode("/a%20b%C3%A9"), Ok("/a bé".to_owned()));
        assert!(decode("/a%2").is_err() && decode("/a%zz").is_err() && decode("%FF").is_err());
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 20-99/100"), Some((20, Some(100))));
        assert_eq!(content_range("bytes 20-99/*"), Some((20, None)));
        for wrong in ["bytes */100", "20-99/100", "bytes x-99/100", ""] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn versions_are_the_same_only_where_a_mark_says_so() {
        let origin = |etag: Option<&str>, modified: Option<&str>, total| Origin {
            schema: SCHEMA,
            source: "s".to_owned(),
            etag: etag.map(str::to_owned),
            modified: modified.map(str::to_owned),
            total,
        };
        let first = origin(Some("\"1\""), Some("Monday"), Some(5));
        assert!(first.same_version(&first));
        assert!(first.same_version(&origin(None, Some("Monday"), None)));
        for other in [
            origin(Some("\"2\""), Some("Monday"), Some(5)),
            origin(Some("\"1\""), Some("Tuesday"), Some(5)),
            origin(Some("\"1\""), Some("Monday"), Some(6)),
            origin(None, None, Some(5)),
        ] {
            assert!(!first.same_version(&other), "{other:?}");
        }
        assert_eq!(origin(Some("W/\"1\""), None, None).validator(), None);
        assert_eq!(origin(Some("W/\"1\""), Some("Monday"), None).validator(), Some("Monday"));
    }

    #[test]
    fn pages_are_told_from_archives() {
        let named =
            |name: &'static str, format| Wanted { name, bytes: None, most: 10, checksum: None, format, space: None };
        let wanted = |format| named("x.tsv", format);
        let page = b"\n<!DOCTYPE html><html>";
        for format in [Format::TarGz, Format::Zip, Format::Plain] {
            assert!(wanted(format).refuse_head(page, None).is_some());
        }
        assert_eq!(wanted(Format::TarGz).refuse_head(b"\x1f\x8b\x08", Some("text/html")), None);
        assert_eq!(wanted(Format::Zip).refuse_head(b"PK\x03\x04", None), None);
        assert_eq!(wanted(Format::Plain).refuse_head(b"1\t( 1 )\n", Some("text/plain")), None);
        assert!(wanted(Format::Plain).refuse_head(b"Please sign in", Some("text/html; charset=utf-8")).is_some());
        assert!(wanted(Format::TarGz).refuse_head(b"", None).is_some());
        for (head, kind) in [
            (&b"{\"error\":\t\"quota exceeded\"}"[..], Some("application/json")),
            (b"{\"error\": \"quota exceeded\"}", None),
            (b"Access denied\n1\t2\n", Some("text/plain")),
            (b"", None),
        ] {
            assert!(wanted(Format::Plain).refuse_head(head, kind).is_some(), "{kind:?}");
        }
        assert_eq!(named("input.txt", Format::Plain).refuse_head(b"First Citizen:\n", Some("text/plain")), None);
        assert!(named("input.txt", Format::Plain).refuse_head(b"{}", Some("application/json")).is_some());
    }
}
