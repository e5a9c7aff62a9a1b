//! tar archives, plain or packed by gzip.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::archive::{ArchiveError, Limits, Receiver, Used, inside, shown};

/// Bytes that the headers of one member (long names and attributes included) may have.
const HEADER_BYTES: u64 = 1 << 20;
/// Bytes that may follow the last member; archivers fill up to a multiple of 10 KiB, some of more.
const TRAILING_BYTES: u64 = 16 << 20;

/// Reads a tar archive and hands every plain file to `receive`. Takes at most 8 MiB of memory beyond what `receive` takes.
///
/// # Errors
/// A damaged archive, a member that leaves the folder, a link or device, or more than `limits` allow.
pub fn read(archive: impl Read, limits: Limits, receive: &mut Receiver<'_>) -> Result<(), ArchiveError> {
    let allowance = Rc::new(Cell::new(0));
    let mut archive = Archive::new(Allowed { inner: archive, left: Rc::clone(&allowance) });
    let mut used = Used::new(limits);
    let mut last: Option<String> = None;
    let damaged = |member: &Option<String>, error: &io::Error| ArchiveError::Damaged {
        member: member.clone(),
        reason: error.to_string(),
    };
    let mut entries = archive.entries().map_err(|error| damaged(&None, &error))?;
    loop {
        // Every member has been read to its end, so what is read now are headers alone.
        allowance.set(HEADER_BYTES);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|error| damaged(&last, &error))?;
        let name = entry.path_bytes().into_owned();
        last = Some(shown(&name));
        used.member()?;
        let path = inside(&name)?;
        let kind = match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => None,
            EntryType::Directory => continue,
            EntryType::XGlobalHeader => {
                // Attributes of the whole archive, such as the commit that GitHub writes there.
                allowance.set(HEADER_BYTES);
                io::copy(&mut entry, &mut io::sink()).map_err(|error| damaged(&last, &error))?;
                continue;
            }
            EntryType::Link => Some("a hard link"),
            EntryType::Symlink => Some("a symbolic link"),
            EntryType::Char | EntryType::Block => Some("a device"),
            EntryType::Fifo => Some("a pipe"),
            EntryType::GNUSparse => Some("a file with holes"),
            _ => Some("of an unknown kind"),
        };
        if let Some(kind) = kind {
            return Err(ArchiveError::Kind { member: shown(&name), kind });
        }
        if path.as_os_str().is_empty() {
            return Err(ArchiveError::Path { member: shown(&name), reason: "it has no name" });
        }
        let size = entry.size();
        used.announced(&name, size)?;
        allowance.set(u64::MAX);
        let mut whole = Whole { inner: &mut entry, left: size };
        used.file(&name, &path, &mut whole, receive)?;
    }
    // To the end, so that a packed archive that was cut off, or whose sum is wrong, is noticed.
    allowance.set(TRAILING_BYTES);
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| damaged(&last, &error))?;
    if last.is_none() {
        return Err(ArchiveError::Damaged { member: None, reason: "there is no member in it".to_owned() });
    }
    Ok(())
}

/// Reads a tar archive that is packed by gzip; see [`read`].
///
/// # Errors
/// Those of [`read`].
pub fn read_gz(archive: impl Read, limits: Limits, receive: &mut Receiver<'_>) -> Result<(), ArchiveError> {
    read(MultiGzDecoder::new(archive), limits, receive)
}

/// A reader that refuses to give more than is left.
struct Allowed<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Allowed<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !room.is_empty() {
            // The end may come exactly here.
            let mut one = [0];
            return match self.inner.read(&mut one)? {
                0 => Ok(0),
                _ => Err(io::Error::other("headers or filling are longer than any archiver writes them")),
            };
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(room.len());
        let count = self.inner.read(&mut room[..most])?;
        self.left.set(left - count as u64);
        Ok(count)
    }
}

/// A member that has to be as long as its header says.
struct Whole<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(room)?;
        if count == 0 && self.left > 0 && !room.is_empty() {
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

    fn refused(members: &[(&str, EntryType, &[u8])]) -> String {
        listed(&archive(members), LIMITS).unwrap_err().to_string()
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
            assert!(refused(&[(name, EntryType::Regular, b"1")]).contains("no path within the folder"), "{name}");
            assert!(refused(&[(name, EntryType::Directory, b"")]).contains("no path within the folder"), "{name}");
        }
        for (kind, word) in [
            (EntryType::Symlink, "symbolic link"),
            (EntryType::Link, "hard link"),
            (EntryType::Char, "device"),
            (EntryType::Block, "device"),
            (EntryType::Fifo, "pipe"),
            (EntryType::GNUSparse, "holes"),
        ] {
            let message = refused(&[("good", EntryType::Regular, b"1"), ("bad", kind, b"")]);
            assert!(message.contains("`bad`") && message.contains(word), "{message}");
        }
    }

    #[test]
    fn bounds_hold_for_files_members_and_everything() {
        let large = vec![0; 6_001];
        assert!(refused(&[("a", EntryType::Regular, &large)]).contains("`a` has more than 6000 bytes"));
        let half = vec![0; 5_500];
        let both = refused(&[("a", EntryType::Regular, &half), ("b", EntryType::Regular, &half)]);
        assert!(both.contains("more than 10000 bytes"), "{both}");
        let many: Vec<(&str, EntryType, &[u8])> = vec![("d", EntryType::Directory, b""); 11];
        assert!(refused(&many).contains("more than 10 members"));
        // A name of 2 MiB: what precedes a member has a bound, too.
        let mut builder = Builder::new(Vec::new());
        let name = vec![b'n'; 2 << 20];
        builder.append(&header(b"././@LongLink", EntryType::GNULongName, name.len() as u64), &name[..]).unwrap();
        builder.append(&header(b"x", EntryType::Regular, 0), &b""[..]).unwrap();
        let message = listed(&builder.into_inner().unwrap(), LIMITS).unwrap_err().to_string();
        assert!(message.contains("longer than any archiver"), "{message}");
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
