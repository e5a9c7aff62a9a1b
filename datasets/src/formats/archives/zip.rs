//! zip archives.

use std::{
    collections::HashSet,
    io::{self, Read, Seek, SeekFrom},
};

use zip::ZipArchive;

use crate::formats::archives::archive::{ArchiveError, Limits, Receiver, Used, inside, shown};

/// Bits of a Unix mode that tell the kind of a file.
const KIND: u32 = 0o170_000;
const PLAIN: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

/// Reads a zip archive and hands every plain file to `receive`. Takes at most 1 024 times the memory of the list of
/// members, which is part of the archive, and 16 MiB, beyond what `receive` takes. Archives of the form for more than
/// 65 535 members or 4 GiB (ZIP64) are refused: no data set has such a one, and the number of members that they announce
/// would be believed.
///
/// # Errors
/// A damaged or encrypted archive, a member that leaves the folder, two members of one name, a link or device, or more than
/// `limits` allow.
pub fn read(mut archive: impl Read + Seek, limits: Limits, receive: &mut Receiver<'_>) -> Result<(), ArchiveError> {
    let damaged = |member: Option<String>, reason: String| ArchiveError::Damaged { member, reason };
    if ends_as_zip64(&mut archive).map_err(|error| damaged(None, error.to_string()))? {
        return Err(damaged(None, "it has the ZIP64 form, which no data set has".to_owned()));
    }
    let open = |archive| ZipArchive::new(archive).map_err(|error| damaged(None, error.to_string()));
    let archive = open(archive)?;
    // The list that is at hand has one of several members of a name, and other readers may take another one.
    let (start, members) = (archive.central_directory_start(), archive.len());
    let mut archive = archive.into_inner();
    if let Some(name) = named_twice(&mut archive, start, members).map_err(|error| damaged(None, error.to_string()))? {
        return Err(ArchiveError::Path { member: shown(&name), reason: "another member has the same name" });
    }
    let mut archive = open(archive)?;
    let mut used = Used::new(limits);
    let mut last: Option<String> = None;
    if archive.is_empty() {
        return Err(damaged(None, "there is no member in it".to_owned()));
    }
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| damaged(last.clone(), error.to_string()))?;
        let name = entry.name_raw().to_vec();
        last = Some(shown(&name));
        let path = inside(&name)?;
        // Skipped by the list of members, which is at the end: nothing of it is read.
        if used.litter(&name, &path, 0)? {
            continue;
        }
        used.member()?;
        let kind = match entry.unix_mode().map(|mode| mode & KIND) {
            None | Some(0 | PLAIN | FOLDER) => None,
            Some(LINK) => Some("a symbolic link"),
            Some(_) => Some("a device or pipe"),
        };
        if let Some(kind) = kind {
            return Err(ArchiveError::Kind { member: shown(&name), kind });
        }
        if entry.is_dir() {
            continue;
        }
        if path.as_os_str().is_empty() {
            return Err(ArchiveError::Path { member: shown(&name), reason: "it has no name" });
        }
        used.announced(&name, entry.size())?;
        used.file(&name, &path, &mut entry, receive)?;
    }
    Ok(())
}

/// A name that the list of members at `start` has twice; the last one where there are more than the `members` that are told
/// from each other by their names as text.
fn named_twice(archive: &mut (impl Read + Seek), start: u64, members: usize) -> io::Result<Option<Vec<u8>>> {
    const HEADER: usize = 46;
    archive.seek(SeekFrom::Start(start))?;
    let mut list = io::BufReader::new(archive);
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let mut last = None;
    loop {
        let mut header = [0; HEADER];
        match list.read_exact(&mut header) {
            // What is not whole has been refused already.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            outcome => outcome?,
        }
        if !header.starts_with(b"PK\x01\x02") {
            break;
        }
        let length = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let mut name = vec![0; usize::from(length(28))];
        match list.read_exact(&mut name) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            outcome => outcome?,
        }
        list.seek_relative(i64::from(length(30)) + i64::from(length(32)))?;
        if !seen.insert(name.clone()) {
            return Ok(Some(name));
        }
        last = Some(name);
    }
    Ok(last.filter(|_| seen.len() > members))
}

/// Whether the end of a list of members (`PK 5 6`) stands somewhere behind what points to a ZIP64 one (`PK 6 7`, 20 bytes).
fn ends_as_zip64(archive: &mut (impl Read + Seek)) -> io::Result<bool> {
    const POINTER: usize = 20;
    archive.seek(SeekFrom::Start(0))?;
    let mut buffer = vec![0; 1 << 16];
    let mut kept = 0;
    loop {
        let count = archive.read(&mut buffer[kept..])?;
        if count == 0 {
            archive.seek(SeekFrom::Start(0))?;
            return Ok(false);
        }
        let filled = kept + count;
        let both = |place: &[u8]| place.starts_with(b"PK\x06\x07") && place[POINTER..].starts_with(b"PK\x05\x06");
        if buffer[..filled].windows(POINTER + 4).any(both) {
            return Ok(true);
        }
        kept = filled.min(POINTER + 3);
        buffer.copy_within(filled - kept..filled, 0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Cursor, Write};

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    const LIMITS: Limits = Limits { bytes: 100_000, members: 5, file: 60_000 };

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, contents) in members {
            let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            writer.start_file(*name, options).unwrap();
            writer.write_all(contents).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn listed(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
        let mut found = vec![];
        read(Cursor::new(bytes), LIMITS, &mut |member| {
            let mut contents = vec![];
            member.contents.read_to_end(&mut contents)?;
            found.push((member.path.display().to_string(), contents));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn files_are_handed_on_with_their_paths() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_directory("d/", SimpleFileOptions::default()).unwrap();
        writer.start_file("d/a.txt", SimpleFileOptions::default()).unwrap();
        writer.write_all(b"hello").unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        assert_eq!(listed(&bytes).unwrap(), [("d/a.txt".to_owned(), b"hello".to_vec())]);
    }

    #[test]
    fn nothing_leaves_the_folder_and_only_files_come_in() {
        // The writer refuses such names: they are put in afterwards, in the local header and in the list of members.
        for name in ["../x", "/e/x", "a\\xx"] {
            let mut bytes = archive(&[("good", b"1"), ("____", b"2")]);
            let places: Vec<usize> = (0..bytes.len() - 4).filter(|&at| bytes[at..].starts_with(b"____")).collect();
            assert_eq!(places.len(), 2);
            for at in places {
                bytes[at..at + 4].copy_from_slice(&name.as_bytes()[..4]);
            }
            let error = listed(&bytes).unwrap_err();
            assert!(matches!(error, ArchiveError::Path { .. }), "{name}: {error}");
        }
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        let error = listed(&writer.finish().unwrap().into_inner()).unwrap_err();
        let link = |kind: &str| kind == "a symbolic link";
        assert!(matches!(&error, ArchiveError::Kind { member, kind } if member == "link" && link(kind)), "{error}");
    }

    #[test]
    fn litter_of_operating_systems_is_skipped_and_not_counted() {
        let members: [(&str, &[u8]); 10] = [
            ("a", b"1"),
            ("__MACOSX/._a", b"x"),
            ("b/c", b"2"),
            ("__MACOSX/b/._c", b"x"),
            ("b/._d", b"x"),
            ("b/.DS_Store", b"x"),
            ("d", b"3"),
            ("e", b"4"),
            ("b/Thumbs.db", b"x"),
            ("f", b"5"),
        ];
        let names: Vec<String> = listed(&archive(&members)).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b/c", "d", "e", "f"]);
        let endless: Vec<String> = (0..8).map(|index| format!("__MACOSX/._{index}")).collect();
        let endless: Vec<(&str, &[u8])> = endless.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
        assert!(matches!(listed(&archive(&endless)), Err(ArchiveError::Members { .. })));
    }

    #[test]
    fn bounds_hold_for_what_is_read_too() {
        let error = listed(&archive(&[("a", &[0; 60_001])])).unwrap_err();
        assert!(matches!(&error, ArchiveError::File { member, most: 60_000 } if member == "a"), "{error}");
        let half = vec![0; 55_000];
        let error = listed(&archive(&[("a", &half), ("b", &half)])).unwrap_err();
        assert!(matches!(error, ArchiveError::Bytes { most: 100_000 }), "{error}");
        let many = [("a", &b""[..]), ("b", b""), ("c", b""), ("d", b""), ("e", b""), ("f", b"")];
        assert!(matches!(listed(&archive(&many)), Err(ArchiveError::Members { most: 5 })));
    }

    #[test]
    fn the_form_for_large_archives_is_refused_wherever_it_stands() {
        for before in [0, 65_500, 65_536, 200_000] {
            let mut bytes = vec![b'P'; before];
            bytes.extend(b"PK\x06\x07");
            bytes.extend([0; 16]);
            bytes.extend(b"PK\x05\x06");
            bytes.extend([0; 18]);
            let error = listed(&bytes).unwrap_err();
            assert!(matches!(error, ArchiveError::Damaged { member: None, .. }), "{before}: {error}");
        }
    }

    #[test]
    fn two_members_of_one_name_are_refused() {
        for name in ["a-file", "in/folder", "._litter"] {
            // The writer refuses the second name, too, so that it is put in afterwards.
            let other = "_".repeat(name.len());
            let mut bytes = archive(&[(name, b"1"), (&other, b"2"), ("good", b"3")]);
            assert_eq!(listed(&bytes).unwrap().len(), if name.starts_with('.') { 2 } else { 3 });
            let places: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(other.as_bytes())).collect();
            assert_eq!(places.len(), 2);
            for at in places {
                bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
            }
            // As it is, and behind a program that unpacks it.
            for bytes in [bytes.clone(), [&b"#!/bin/sh\n"[..], &bytes].concat()] {
                let error = listed(&bytes).unwrap_err();
                assert!(matches!(&error, ArchiveError::Path { member, .. } if member == name), "{error}");
            }
        }
        assert_eq!(listed(&archive(&[("a", b"1"), ("A", b"2"), ("b/a", b"3")])).unwrap().len(), 3);
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = archive(&[("a", b"some text that is stored")]);
        for cut in 0..bytes.len() {
            assert!(matches!(listed(&bytes[..cut]), Err(ArchiveError::Damaged { .. })), "{cut}");
        }
        let mut wrong = bytes.clone();
        let at = (0..bytes.len()).find(|&at| bytes[at..].starts_with(b"some text")).unwrap();
        wrong[at] ^= 1;
        let error = listed(&wrong).unwrap_err();
        assert!(matches!(&error, ArchiveError::Damaged { member: Some(member), .. } if member == "a"), "{error}");
    }
}
