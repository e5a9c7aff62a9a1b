//! tar archives, plain or packed by gzip.
//!
//! Members and their extensions are walked here, since a reader of archives from elsewhere has to know every extension that
//! changes a member's name, size or meaning. Sources: POSIX.1-2017, `pax`, "pax Interchange Format"; the GNU tar manual,
//! "Basic Tar Format" and "Storing Sparse Files".

use std::io::{self, BufRead, Read};

use tar::{EntryType, Header};

use crate::formats::archives::archive::{ArchiveError, Limits, Receiver, Used, inside, shown};
use crate::formats::archives::gz::Members;

const BLOCK: usize = 512;
/// Kind of the header that names the archive (`tar --label`).
const LABEL: u8 = b'V';
const HOLES: &str = "a file with holes (unpack the archive with tar, and import the folder)";
/// Bytes that the headers of one member (long names and attributes included) may have.
const HEADER_BYTES: u64 = 1 << 20;
/// Bytes that may follow the last member; archivers fill up to a multiple of 10 KiB, some of more.
const TRAILING_BYTES: u64 = 16 << 20;

/// Reads a tar archive and hands every plain file to `receive`. Takes at most 8 MiB of memory beyond what `receive` takes.
///
/// Names and sizes of PAX and GNU extensions are followed. Two blocks of zeros, or the end of the file, end the archive;
/// zeros behind that are padding, and of anything else a warning tells that it was not read.
///
/// # Errors
/// A damaged archive, a member that leaves the folder, a link, a device or a file with holes (in the forms of GNU tar, star
/// and Solaris), or more than `limits` allow.
pub fn read(mut archive: impl Read, limits: Limits, receive: &mut Receiver<'_>) -> Result<(), ArchiveError> {
    let mut used = Used::new(limits);
    let mut last: Option<String> = None;
    let damaged = |member: &Option<String>, reason: String| ArchiveError::Damaged { member: member.clone(), reason };
    let failed = |member: &Option<String>, error: io::Error| damaged(member, error.to_string());
    let mut extensions = Extensions::default();
    let mut allowance = HEADER_BYTES;
    loop {
        let block = block(&mut archive).map_err(|error| failed(&last, error))?;
        let Some(block) = block.filter(|block| block.iter().any(|&byte| byte != 0)) else {
            if extensions.begun {
                return Err(damaged(&last, "the archive ends behind the extensions of a member".to_owned()));
            }
            break;
        };
        let header = checked(&block).map_err(|reason| damaged(&last, reason))?;
        let kind = header.entry_type();
        let stored = header.entry_size().map_err(|error| failed(&last, error))?;
        if kind.as_byte() == LABEL {
            used.member()?;
            if stored > HEADER_BYTES {
                return Err(damaged(&last, "the label of the archive has content".to_owned()));
            }
            content(&mut archive, stored).map_err(|error| failed(&last, error))?;
            continue;
        }
        if let Some(extension) = Extension::of(kind) {
            allowance = allowance
                .checked_sub(stored.saturating_add(BLOCK as u64))
                .ok_or_else(|| damaged(&last, "headers are longer than any archiver writes them".to_owned()))?;
            let content = content(&mut archive, stored).map_err(|error| failed(&last, error))?;
            if extension == Extension::Global {
                used.member()?;
                check_global(&content).map_err(|reason| damaged(&last, reason))?;
            } else {
                extensions = extensions.take(extension, content).map_err(|reason| damaged(&last, reason))?;
            }
            continue;
        }
        let Extensions { name, size, sparse, .. } = std::mem::take(&mut extensions);
        allowance = HEADER_BYTES;
        let name = name.unwrap_or_else(|| header.path_bytes().into_owned());
        let size = size.unwrap_or(stored);
        last = Some(shown(&name));
        let path = inside(&name)?;
        if used.litter(&name, &path, size)? {
            let mut whole = Whole { inner: &mut archive, left: size };
            io::copy(&mut whole, &mut io::sink()).map_err(|error| failed(&last, error))?;
            skip_padding(&mut archive, size).map_err(|error| failed(&last, error))?;
            continue;
        }
        used.member()?;
        // Old archives mark a folder by its name alone.
        let folder = kind.is_dir() || kind == EntryType::Regular && name.ends_with(b"/");
        if let Some(kind) = refused_kind(kind, sparse) {
            return Err(ArchiveError::Kind { member: shown(&name), kind });
        }
        let mut whole = Whole { inner: &mut archive, left: size };
        if folder {
            if size > HEADER_BYTES {
                return Err(damaged(&last, "a folder has content".to_owned()));
            }
            io::copy(&mut whole, &mut io::sink()).map_err(|error| failed(&last, error))?;
        } else {
            if path.as_os_str().is_empty() {
                return Err(ArchiveError::Path { member: shown(&name), reason: "it has no name" });
            }
            used.announced(&name, size)?;
            used.file(&name, &path, &mut whole, receive)?;
        }
        skip_padding(&mut archive, size).map_err(|error| failed(&last, error))?;
    }
    read_to_end(&mut archive, last.as_deref()).map_err(|error| failed(&last, error))?;
    if last.is_none() {
        return Err(damaged(&None, "there is no member in it".to_owned()));
    }
    Ok(())
}

/// Refuses attributes of the whole archive that change members: a name or size for all of them makes no sense, and the holes
/// of one are not those of another.
fn check_global(content: &[u8]) -> Result<(), String> {
    if Extensions::default().pax(content)?.changes_members() {
        return Err("attributes of the whole archive name a member, its size or its holes".to_owned());
    }
    Ok(())
}

/// What a member is that is neither a plain file nor a folder.
fn refused_kind(kind: EntryType, sparse: bool) -> Option<&'static str> {
    match kind {
        EntryType::Regular | EntryType::Continuous if !sparse => None,
        EntryType::Directory => None,
        EntryType::Link => Some("a hard link"),
        EntryType::Symlink => Some("a symbolic link"),
        EntryType::Char | EntryType::Block => Some("a device"),
        EntryType::Fifo => Some("a pipe"),
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Some(HOLES),
        _ => Some("of an unknown kind"),
    }
}

/// Reads on behind the member `last`, so that a packed archive that was cut off, or whose sum is wrong, is noticed. Warns
/// where there is something other than padding.
fn read_to_end(archive: &mut impl Read, last: Option<&str>) -> io::Result<()> {
    let mut behind = Behind::default();
    io::copy(archive, &mut behind)?;
    if behind.not_zero > 0 {
        tracing::warn!(
            "{} bytes behind the end of the archive (after member `{}`) are not zeros, and were not read",
            behind.not_zero,
            last.unwrap_or_default()
        );
    }
    Ok(())
}

/// Reads a tar archive that is packed by gzip; see [`read`] and [`Members`].
///
/// # Errors
/// Those of [`read`].
pub fn read_gz(mut archive: impl BufRead, limits: Limits, receive: &mut Receiver<'_>) -> Result<(), ArchiveError> {
    let damaged = |reason: String| ArchiveError::Damaged { member: None, reason };
    let head = archive.fill_buf().map_err(|error| damaged(error.to_string()))?;
    if let Some(other) = other_than_gz(head) {
        return Err(damaged(format!("it is {other}, and an archive packed by gzip is expected")));
    }
    read(Members::new(archive), limits, receive)
}

/// What a file is that begins with `head`, if it is something that is known and not packed by gzip.
fn other_than_gz(head: &[u8]) -> Option<&'static str> {
    const MAGIC: usize = 257;
    let begins: [(&[u8], &str); 5] = [
        (b"\xfd7zXZ\0", "packed by xz"),
        (b"BZh", "packed by bzip2"),
        (b"\x28\xb5\x2f\xfd", "packed by zstd"),
        (b"PK\x03\x04", "a zip archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    ];
    let text = || String::from_utf8_lossy(&head[..head.len().min(64)]).trim_start().to_ascii_lowercase();
    match begins.iter().find(|(magic, _)| head.starts_with(magic)) {
        Some((_, what)) => Some(what),
        None if head.get(MAGIC..).is_some_and(|rest| rest.starts_with(b"ustar")) => {
            Some("a tar archive that is not packed")
        }
        None if ["<!doctype", "<html"].iter().any(|tag| text().starts_with(tag)) => Some("a web page"),
        None => None,
    }
}

/// The next block; nothing at the end.
fn block(archive: &mut impl Read) -> io::Result<Option<[u8; BLOCK]>> {
    let mut block = [0; BLOCK];
    let mut filled = 0;
    while filled < BLOCK {
        match archive.read(&mut block[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends within a header")),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(block))
}

/// A header whose sum is right.
fn checked(block: &[u8; BLOCK]) -> Result<&Header, String> {
    let header = Header::from_byte_slice(block);
    let said = header.cksum().map_err(|error| error.to_string())?;
    let sum = |byte: &dyn Fn(u8) -> i64| -> i64 {
        let field = 148..156;
        block.iter().enumerate().map(|(at, &value)| if field.contains(&at) { 32 } else { byte(value) }).sum()
    };
    // Some old archivers added signed bytes.
    let right = [sum(&i64::from), sum(&|byte| i64::from(byte as i8))].contains(&i64::from(said));
    if right { Ok(header) } else { Err("the sum of a header is wrong".to_owned()) }
}

/// The content of an extension, whose size has been checked.
fn content(archive: &mut impl Read, size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    archive.take(size).read_to_end(&mut content)?;
    if (content.len() as u64) < size {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends within a header"));
    }
    skip_padding(archive, size)?;
    Ok(content)
}

/// Passes over what fills the last block of `size` bytes.
fn skip_padding(archive: &mut impl Read, size: u64) -> io::Result<()> {
    let block = BLOCK as u64;
    let mut padding = Whole { inner: archive, left: (block - size % block) % block };
    io::copy(&mut padding, &mut io::sink()).map(drop)
}

/// A header that says something about the members behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extension {
    /// Records of one member; also by its old letter.
    Pax,
    /// Records of all members.
    Global,
    /// GNU's long name, and its long target of a link.
    LongName,
    LongLink,
}

impl Extension {
    fn of(kind: EntryType) -> Option<Self> {
        match kind {
            EntryType::XHeader => Some(Self::Pax),
            EntryType::XGlobalHeader => Some(Self::Global),
            EntryType::GNULongName => Some(Self::LongName),
            EntryType::GNULongLink => Some(Self::LongLink),
            other if other.as_byte() == b'X' => Some(Self::Pax),
            _ => None,
        }
    }
}

/// What the extensions before a member say about it.
#[derive(Debug, Default)]
struct Extensions {
    begun: bool,
    name: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl Extensions {
    fn take(mut self, extension: Extension, content: Vec<u8>) -> Result<Self, String> {
        self.begun = true;
        match extension {
            Extension::Pax => self.pax(&content),
            Extension::LongName => {
                let end = content.iter().position(|&byte| byte == 0).unwrap_or(content.len());
                // A name of PAX records goes before it.
                self.name.get_or_insert_with(|| content[..end].to_vec());
                Ok(self)
            }
            Extension::LongLink | Extension::Global => Ok(self),
        }
    }

    fn changes_members(&self) -> bool {
        self.name.is_some() || self.size.is_some() || self.sparse
    }

    /// Takes records `LENGTH KEY=VALUE` in, each followed by a line feed. Values may have any bytes; of equal keys the last
    /// counts, and an empty value takes an earlier one back.
    fn pax(mut self, mut records: &[u8]) -> Result<Self, String> {
        let malformed = || "a PAX record is malformed".to_owned();
        let (mut name, mut real_name) = (None, None);
        // Some archivers fill up with zeros.
        while records.first().is_some_and(|&byte| byte != 0) {
            let digits = records.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let length = std::str::from_utf8(&records[..digits]).ok().and_then(|text| text.parse::<usize>().ok());
            let length =
                length.filter(|&length| length > digits + 1 && length <= records.len()).ok_or_else(malformed)?;
            let (record, rest) = records.split_at(length);
            records = rest;
            let record = record[digits..].strip_prefix(b" ").and_then(|record| record.strip_suffix(b"\n"));
            let record = record.ok_or_else(malformed)?;
            let equals = record.iter().position(|&byte| byte == b'=').ok_or_else(malformed)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => name = Some(value),
                b"GNU.sparse.name" => real_name = Some(value),
                b"size" if value.is_empty() => self.size = None,
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    self.size = Some(size.ok_or_else(|| "the size in a PAX record is no number".to_owned())?);
                }
                _ => {}
            }
            // GNU's, Solaris' and star's ways to say that holes are left out.
            self.sparse |= key.starts_with(b"GNU.sparse.")
                || matches!(key, b"SUN.holesdata" | b"SCHILY.realsize" | b"SCHILY.offset")
                || key == b"SCHILY.filetype" && value == b"sparse";
        }
        // The name of a file with holes is in a record of its own.
        if let Some(name) = real_name.or(name) {
            self.name = (!name.is_empty()).then(|| name.to_vec());
        }
        Ok(self)
    }
}

/// What stands behind the end of the archive.
#[derive(Default)]
struct Behind {
    bytes: u64,
    not_zero: u64,
}

impl io::Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len() as u64;
        if self.bytes > TRAILING_BYTES {
            return Err(io::Error::other("the filling at the end is longer than any archiver writes it"));
        }
        self.not_zero += bytes.iter().filter(|&&byte| byte != 0).count() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As many bytes as a header says, which have to be there.
struct Whole<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.inner.read(&mut buffer[..most])?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends within this member"));
        }
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use tar::{Builder, Header};

    use super::*;

    const LIMITS: Limits = Limits { bytes: 10_000, members: 10, file: 6_000 };

    fn header(name: &[u8], kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        if kind == EntryType::GNUSparse {
            header.as_gnu_mut().unwrap().realsize = *b"00000000000\0";
        }
        header.set_cksum();
        header
    }

    fn archive(members: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, contents) in members {
            builder.append(&header(name.as_bytes(), *kind, contents.len() as u64), *contents).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn listed(bytes: &[u8], limits: Limits) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
        let mut found = vec![];
        read(bytes, limits, &mut |member| {
            let mut contents = vec![];
            member.contents.read_to_end(&mut contents)?;
            found.push((member.path.display().to_string(), contents));
            Ok(())
        })?;
        Ok(found)
    }

    fn refused(members: &[(&str, EntryType, &[u8])]) -> ArchiveError {
        listed(&archive(members), LIMITS).unwrap_err()
    }

    #[test]
    fn files_are_handed_on_with_their_paths() {
        let mut builder = Builder::new(Vec::new());
        let long = format!("{}/{}", "folder".repeat(20), "name".repeat(30));
        let mut plain = header(b"x", EntryType::Regular, 3);
        builder.append_data(&mut plain, &long, &b"abc"[..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        assert_eq!(listed(&bytes, LIMITS).unwrap(), [(long, b"abc".to_vec())]);
        let bytes = archive(&[
            ("./d/", EntryType::Directory, b""),
            ("./d/a", EntryType::Regular, b"12"),
            ("b", EntryType::Regular, b""),
        ]);
        assert_eq!(listed(&bytes, LIMITS).unwrap(), [("d/a".to_owned(), b"12".to_vec()), ("b".to_owned(), vec![])]);
    }

    #[test]
    fn nothing_leaves_the_folder_and_only_files_come_in() {
        for name in ["../x", "a/../../x", "/x", "a\\..\\x"] {
            for kind in [EntryType::Regular, EntryType::Directory] {
                let error = refused(&[(name, kind, b"")]);
                assert!(matches!(&error, ArchiveError::Path { member, .. } if member.contains("x")), "{error}");
            }
        }
        for (kind, word) in [
            (EntryType::Symlink, "symbolic link"),
            (EntryType::Link, "hard link"),
            (EntryType::Char, "device"),
            (EntryType::Block, "device"),
            (EntryType::Fifo, "pipe"),
            (EntryType::GNUSparse, "holes"),
        ] {
            let error = refused(&[("good", EntryType::Regular, b"1"), ("bad", kind, b"")]);
            let right = matches!(&error, ArchiveError::Kind { member, kind } if member == "bad" && kind.contains(word));
            assert!(right, "{error}");
        }
    }

    #[test]
    fn litter_of_operating_systems_is_skipped_within_bounds() {
        let bytes = archive(&[
            ("./._a", EntryType::Regular, &[7; 600]),
            ("./a", EntryType::Regular, b"1"),
            ("__MACOSX/link", EntryType::Symlink, b""),
            ("d/._b", EntryType::Regular, b"x"),
            ("d/b", EntryType::Regular, b"2"),
        ]);
        assert_eq!(
            listed(&bytes, LIMITS).unwrap(),
            [("a".to_owned(), b"1".to_vec()), ("d/b".to_owned(), b"2".to_vec())]
        );
        let large = refused(&[("._a", EntryType::Regular, &vec![0; 6_001])]);
        assert!(matches!(large, ArchiveError::File { most: 6_000, .. }), "{large}");
        let many = refused(&vec![("._a", EntryType::Regular, &b""[..]); 12]);
        assert!(matches!(many, ArchiveError::Members { most: 10 }), "{many}");
        assert!(matches!(listed(&bytes[..1_000], LIMITS), Err(ArchiveError::Damaged { .. })));
    }

    #[test]
    fn twins_of_files_from_the_network_are_litter_and_a_label_is_no_member() {
        let bytes = archive(&[
            ("label", EntryType::new(LABEL), b""),
            ("d/a", EntryType::Regular, b"1"),
            ("d/a:Zone.Identifier", EntryType::Regular, b"[ZoneTransfer]"),
        ]);
        assert_eq!(listed(&bytes, LIMITS).unwrap(), [("d/a".to_owned(), b"1".to_vec())]);
        let colon = [("d:x/a:Zone.Identifier", EntryType::Regular, &b""[..])];
        assert!(matches!(refused(&colon), ArchiveError::Path { .. }));
        let label = refused(&[("l", EntryType::new(LABEL), &vec![0; 1_100_000])]);
        assert!(matches!(label, ArchiveError::Damaged { .. }), "{label}");
        let many = refused(&vec![("l", EntryType::new(LABEL), &b""[..]); 11]);
        assert!(matches!(many, ArchiveError::Members { most: 10 }), "{many}");
    }

    #[test]
    fn what_is_not_packed_by_gzip_is_named() {
        let tar = archive(&[("a", EntryType::Regular, b"1")]);
        for (bytes, what) in [
            (&tar[..], "a tar archive that is not packed"),
            (b"\xfd7zXZ\0more", "packed by xz"),
            (b"BZh91AY", "packed by bzip2"),
            (b"PK\x03\x04more", "a zip archive"),
            (b"\n<!DOCTYPE html><html>", "a web page"),
        ] {
            assert_eq!(other_than_gz(bytes), Some(what));
        }
        assert_eq!(other_than_gz(b"something else"), None);
        for bytes in [&tar[..], b"something else"] {
            let read = read_gz(io::BufReader::new(bytes), LIMITS, &mut |_| Ok(()));
            assert!(matches!(read, Err(ArchiveError::Damaged { .. })), "{read:?}");
        }
    }

    #[test]
    fn bounds_hold_for_files_members_and_everything() {
        let large = vec![0; 6_001];
        let one = refused(&[("a", EntryType::Regular, &large)]);
        assert!(matches!(&one, ArchiveError::File { member, most: 6_000 } if member == "a"), "{one}");
        let half = vec![0; 5_500];
        let both = refused(&[("a", EntryType::Regular, &half), ("b", EntryType::Regular, &half)]);
        assert!(matches!(both, ArchiveError::Bytes { most: 10_000 }), "{both}");
        let many: Vec<(&str, EntryType, &[u8])> = vec![("d", EntryType::Directory, b""); 11];
        assert!(matches!(refused(&many), ArchiveError::Members { most: 10 }));
        // A name of 2 MiB: what precedes a member has a bound, too.
        let mut builder = Builder::new(Vec::new());
        let name = vec![b'n'; 2 << 20];
        builder.append(&header(b"././@LongLink", EntryType::GNULongName, name.len() as u64), &name[..]).unwrap();
        builder.append(&header(b"x", EntryType::Regular, 0), &b""[..]).unwrap();
        let error = listed(&builder.into_inner().unwrap(), LIMITS).unwrap_err();
        assert!(matches!(error, ArchiveError::Damaged { .. }), "{error}");
    }

    /// Records of the form of PAX.
    fn records(records: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![];
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let digits = (1..).find(|digits| (rest + digits).to_string().len() == *digits).unwrap();
            bytes.extend(format!("{} {key}=", rest + digits).as_bytes());
            bytes.extend(*value);
            bytes.push(b'\n');
        }
        bytes
    }

    fn extended(kind: EntryType, extension: &[u8], name: &str, announced: u64, contents: &[u8]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        builder.append(&header(b"extension", kind, extension.len() as u64), extension).unwrap();
        let mut bytes = builder.into_inner().unwrap();
        bytes.truncate(bytes.len() - 1024);
        bytes.extend(header(name.as_bytes(), EntryType::Regular, announced).as_bytes());
        bytes.extend(contents);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes.extend(archive(&[("next", EntryType::Regular, b"1")]));
        bytes
    }

    #[test]
    fn pax_records_name_and_measure_a_member() {
        type Records<'a> = &'a [(&'a str, &'a [u8])];
        let cases: [(Records<'_>, &str, u64); 6] = [
            (&[("path", b"d/long"), ("size", b"3")], "d/long", 3),
            // The size of a large file stands in the record alone.
            (&[("size", b"3"), ("comment", b"x")], "short", 0),
            // An attribute with any bytes, before what counts.
            (
                &[("SCHILY.xattr.com.apple.provenance", b"\x01\n5 a=\n\0"), ("path", b"d/long"), ("size", b"3")],
                "d/long",
                0,
            ),
            (&[("path", b"first"), ("path", b"last")], "last", 3),
            (&[("path", b"first"), ("path", b""), ("size", b"9"), ("size", b"")], "short", 3),
            (&[("hdrcharset", b"ISO-IR 10646 2000 UTF-8"), ("path", "é".as_bytes())], "é", 3),
        ];
        for (pax, name, announced) in cases {
            let bytes = extended(EntryType::XHeader, &records(pax), "short", announced, b"abc");
            let expected = [(name.to_owned(), b"abc".to_vec()), ("next".to_owned(), b"1".to_vec())];
            assert_eq!(listed(&bytes, LIMITS).unwrap(), expected, "{pax:?}");
        }
        let refused = |pax: &[u8]| listed(&extended(EntryType::XHeader, pax, "short", 3, b"abc"), LIMITS).unwrap_err();
        for path in [b"../x", &b"/x"[..]] {
            assert!(matches!(refused(&records(&[("path", path)])), ArchiveError::Path { .. }));
        }
        assert!(matches!(refused(&records(&[("size", b"7000")])), ArchiveError::File { most: 6_000, .. }));
        for malformed in [
            &records(&[("size", b"-3")])[..],
            &records(&[("size", b"99999999999999999999999")]),
            b"12 path=d/long\n",
            b"x path=d\n",
            b"9 path=d/",
            b"0 ",
        ] {
            assert!(matches!(refused(malformed), ArchiveError::Damaged { .. }));
        }
    }

    #[test]
    fn holes_are_refused_in_every_form() {
        let forms: [&[(&str, &[u8])]; 6] = [
            &[
                ("GNU.sparse.size", b"9"),
                ("GNU.sparse.numblocks", b"1"),
                ("GNU.sparse.offset", b"6"),
                ("GNU.sparse.numbytes", b"3"),
            ],
            &[
                ("GNU.sparse.size", b"9"),
                ("GNU.sparse.name", b"real"),
                ("GNU.sparse.map", b"6,3"),
                ("path", b"GNUSparseFile.1/real"),
            ],
            &[
                ("GNU.sparse.major", b"1"),
                ("GNU.sparse.minor", b"0"),
                ("GNU.sparse.name", b"real"),
                ("GNU.sparse.realsize", b"9"),
            ],
            &[("SUN.holesdata", b"0 3 9")],
            &[("SCHILY.realsize", b"9")],
            &[("SCHILY.filetype", b"sparse")],
        ];
        for (form, name) in forms.into_iter().zip(["short", "real", "real", "short", "short", "short"]) {
            let error = listed(&extended(EntryType::XHeader, &records(form), "short", 3, b"abc"), LIMITS).unwrap_err();
            let holes =
                matches!(&error, ArchiveError::Kind { member, kind } if member == name && kind.contains("holes"));
            assert!(holes, "{error}");
            let global = listed(&extended(EntryType::XGlobalHeader, &records(form), "short", 3, b"abc"), LIMITS);
            assert!(matches!(global, Err(ArchiveError::Damaged { .. })), "{global:?}");
        }
        for records in [records(&[("path", b"x")]), records(&[("size", b"1")])] {
            let bytes = extended(EntryType::XGlobalHeader, &records, "short", 3, b"abc");
            assert!(matches!(listed(&bytes, LIMITS), Err(ArchiveError::Damaged { .. })));
        }
        let bytes = extended(EntryType::XGlobalHeader, &records(&[("comment", b"a commit")]), "short", 3, b"abc");
        assert_eq!(listed(&bytes, LIMITS).unwrap().len(), 2);
    }

    /// Written by GNU tar 1.34 with holes in each of its PAX forms; see the folder's README.
    #[test]
    fn holes_of_gnu_tar_are_refused() {
        for bytes in [
            &include_bytes!("../../../tests/fixtures/formats/tar/sparse-0.0.tar.gz")[..],
            include_bytes!("../../../tests/fixtures/formats/tar/sparse-0.1.tar.gz"),
            include_bytes!("../../../tests/fixtures/formats/tar/sparse-1.0.tar.gz"),
        ] {
            let limits = Limits { bytes: 1 << 20, members: 10, file: 1 << 20 };
            let mut names = vec![];
            let error = read_gz(bytes, limits, &mut |member| {
                names.push(member.path.display().to_string());
                Ok(())
            });
            let error = error.unwrap_err();
            assert!(matches!(&error, ArchiveError::Kind { member, .. } if member == "top/holes.tsv"), "{error}");
            assert_eq!(names, ["top/plain.tsv"]);
        }
    }

    #[test]
    fn padding_behind_the_archive_is_read_and_a_folder_may_be_known_by_its_name() {
        let bytes = archive(&[("d/", EntryType::Regular, b""), ("d/a", EntryType::Regular, b"12")]);
        let expected = [("d/a".to_owned(), b"12".to_vec())];
        for padding in [&[][..], &[0; 512], &[0; 20_000], b"anything"] {
            assert_eq!(listed(&[&bytes, padding].concat(), LIMITS).unwrap(), expected);
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&bytes).unwrap();
            let packed = [&encoder.finish().unwrap(), padding].concat();
            let outcome = read_gz(&packed[..], LIMITS, &mut |_| Ok(()));
            assert_eq!(outcome.is_ok(), padding != b"anything");
        }
        // Without the blocks of zeros at its end, as some archivers leave it.
        assert_eq!(listed(&bytes[..bytes.len() - 1024], LIMITS).unwrap(), expected);
    }

    #[test]
    fn cuts_are_noticed() {
        let bytes = archive(&[("a", EntryType::Regular, &[1; 700]), ("b", EntryType::Regular, &[2; 700])]);
        for cut in [0, 100, 511, 600, 1_000, 1_211, 1_600, 2_300] {
            let error = listed(&bytes[..cut], LIMITS).unwrap_err();
            assert!(matches!(error, ArchiveError::Damaged { .. }), "{cut}: {error}");
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&bytes).unwrap();
        let packed = encoder.finish().unwrap();
        let unpack = |bytes: &[u8]| read_gz(bytes, LIMITS, &mut |_| Ok(()));
        unpack(&packed).unwrap();
        for cut in 0..packed.len() {
            assert!(matches!(unpack(&packed[..cut]), Err(ArchiveError::Damaged { .. })), "{cut}");
        }
    }

    #[test]
    fn an_error_of_the_receiver_is_its_own() {
        let bytes = archive(&[("a", EntryType::Regular, b"1")]);
        let error = read(&bytes[..], LIMITS, &mut |_| Err(io::Error::other("full"))).unwrap_err();
        assert!(matches!(&error, ArchiveError::Receiver(inner) if inner.to_string() == "full"), "{error}");
    }
}
