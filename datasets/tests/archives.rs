//! Archives from a server on the loopback interface to the data folder: resumed, checked, unpacked, or refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use datasets::formats::archives::archive::ArchiveError;
use datasets::{
    DataError, Library,
    library::{
        Archive, ArchiveLayout, Checksum, Count, DataSet, Fetched, Format, Members, Presence, Provenance, RECORD,
        Refusal, Size,
    },
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

fn packed(members: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    for (name, kind, contents) in members {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *contents).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn good() -> Vec<u8> {
    let noise: Vec<u8> = (0..40_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    packed(&[
        ("top/a/1.txt", EntryType::Regular, &noise),
        ("top/a/2.txt", EntryType::Regular, b"two"),
        ("top/readme", EntryType::Regular, b"me"),
    ])
}

struct Place {
    folder: tempfile::TempDir,
    library: Library,
}

impl Place {
    fn new(sources: Vec<String>, size: Size, checksum: Option<Checksum>, unpacked: u64) -> Self {
        let set = DataSet {
            name: "texts".to_owned(),
            folder: "Texts_v1".to_owned(),
            archives: vec![Archive {
                name: "texts.tar.gz".to_owned(),
                format: Format::TarGz,
                sources,
                size,
                checksum,
                unpacked,
                most_members: 10,
                into: String::new(),
                layout: ArchiveLayout::Strip(1),
                only: None,
            }],
            members: vec![Members {
                what: "texts".to_owned(),
                pattern: "a/*.txt".to_owned(),
                files: 2,
                count: Count::Files,
                total: 2,
                needed: true,
            }],
            ..DataSet::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let library = Library::with_catalogue(folder.path().join("data"), vec![set]);
        Self { folder, library }
    }

    /// For an archive with a known sum.
    fn checked(sources: Vec<String>, archive: &[u8]) -> Self {
        let sum = Checksum::Sha256(format!("{:x}", Sha256::digest(archive)));
        Self::new(sources, Size::Exact(archive.len() as u64), Some(sum), 60_000)
    }

    fn set(&self) -> PathBuf {
        self.library.folder("texts")
    }

    /// Nothing of an attempt that failed is left in the set's folder or beside it.
    fn untouched(&self) {
        assert!(fs::read_dir(self.set()).map_or(0, Iterator::count) == 0);
        assert!(!self.folder.path().join("evil").exists() && !self.library.root().join("evil").exists());
        assert!(!self.library.cache_folder().join("unpacking-texts").exists());
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// Serves `body` under every name, at most `cut` bytes at a time, and keeps the ranges that were asked for.
fn serve(body: Vec<u8>, cut: usize) -> (String, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/texts.tar.gz", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(vec![]));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut start = 0;
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let line = line.unwrap().to_lowercase();
                if let Some(range) = line.strip_prefix("range: bytes=") {
                    start = range.trim_end_matches('-').parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            log.lock().unwrap().push(start);
            let status = match start {
                0 => "200 OK".to_owned(),
                _ => format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{}", body.len() - 1, body.len()),
            };
            let rest = &body[start..];
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len());
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&rest[..cut.min(rest.len())]);
        }
    });
    (address, asked)
}

#[test]
fn an_archive_is_fetched_in_pieces_unpacked_and_then_left_alone() {
    let (address, asked) = serve(good(), 20_000);
    let place = Place::checked(vec![address], &good());
    let fetched = place.library.fetch("texts", &[], &()).unwrap();
    assert!(matches!(&fetched[..], [Fetched::Unpacked { files: 3, checked: Some(_), .. }]), "{fetched:?}");
    assert_eq!(asked.lock().unwrap()[..2], [0, 20_000], "the second request goes on where the first ended");
    assert_eq!(fs::read(place.set().join("a/2.txt")).unwrap(), b"two");
    assert!(fs::read_dir(place.library.cache_folder().join("downloads")).unwrap().next().is_none());
    let found = place.library.verify("texts", &()).unwrap();
    assert!(found.problems.is_empty() && matches!(found.provenance, Provenance::Official { .. }), "{found:?}");
    assert!(matches!(place.library.fetch("texts", &[], &()).unwrap()[..], [Fetched::Present { .. }]));
    // A change after that is noticed, and what is missing makes the set incomplete.
    fs::write(place.set().join("a/2.txt"), "owt").unwrap();
    let found = place.library.verify("texts", &()).unwrap();
    assert!(found.problems[0].to_string().contains("bench data fetch texts"), "{found:?}");
    fs::remove_file(place.set().join("a/2.txt")).unwrap();
    assert_eq!(place.library.presence("texts").unwrap(), Presence::Partial);
}

#[test]
fn without_an_official_sum_the_first_download_is_recorded() {
    let (address, _) = serve(good(), usize::MAX);
    let place = Place::new(vec![address], Size::About(50_000), None, 60_000);
    let fetched = place.library.fetch("texts", &[], &()).unwrap();
    assert!(matches!(&fetched[..], [Fetched::Unpacked { checked: None, .. }]));
    let record = fs::read_to_string(place.set().join(RECORD)).unwrap();
    assert!(record.contains(&format!("{:x}", Sha256::digest(good()))), "{record}");
    let found = place.library.verify("texts", &()).unwrap();
    assert!(found.provenance.to_string().contains("not checked"), "{found:?}");
}

#[test]
fn a_wrong_sum_and_a_file_that_is_too_long_are_refused() {
    let (address, _) = serve(packed(&[("top/a/1.txt", EntryType::Regular, b"other")]), usize::MAX);
    let place = Place::checked(vec![address.clone()], &good());
    let error = place.library.fetch("texts", &[], &()).unwrap_err();
    assert!(matches!(error, DataError::Download { .. }), "{error}");
    place.untouched();
    let place = Place::new(vec![address], Size::About(20), None, 60_000);
    let error = place.library.fetch("texts", &[], &()).unwrap_err();
    let DataError::Download { reasons, .. } = &error else { panic!("{error}") };
    assert!(matches!(reasons[0].why, Refusal::TooLarge { most: 40, .. }), "{error}");
    place.untouched();
}

#[test]
fn hostile_archives_leave_nothing_behind() {
    let zeros = vec![0; 200_000];
    let many: Vec<(&str, EntryType, &[u8])> = vec![("top/d", EntryType::Directory, b""); 11];
    type Expected = fn(&ArchiveError) -> bool;
    let cases: [(&str, Vec<u8>, Expected); 6] = [
        (
            "path",
            packed(&[("top/a/1.txt", EntryType::Regular, b"1"), ("../evil", EntryType::Regular, b"2")]),
            |error| matches!(error, ArchiveError::Path { .. }),
        ),
        ("root", packed(&[("/evil", EntryType::Regular, b"2")]), |error| matches!(error, ArchiveError::Path { .. })),
        ("link", packed(&[("top/a", EntryType::Symlink, b"")]), |error| matches!(error, ArchiveError::Kind { .. })),
        ("bomb", packed(&[("top/a/1.txt", EntryType::Regular, &zeros)]), |error| {
            matches!(error, ArchiveError::File { most: 120_000, .. })
        }),
        ("members", packed(&many), |error| matches!(error, ArchiveError::Members { most: 10 })),
        ("cut", good()[..15_000].to_vec(), |error| matches!(error, ArchiveError::Damaged { .. })),
    ];
    for (what, archive, expected) in cases {
        let (address, _) = serve(archive.clone(), usize::MAX);
        let place = Place::checked(vec![address], &archive);
        let error = place.library.fetch("texts", &[], &()).unwrap_err();
        let DataError::Unpack { path, reason, remedy } = error else { panic!("{what}: {error}") };
        assert!(expected(&reason), "{what}: {reason}");
        assert!(
            path.ends_with("texts.tar.gz.part") && remedy.contains("bench data fetch"),
            "{}: {remedy}",
            path.display()
        );
        place.untouched();
    }
}

#[test]
fn too_little_space_is_noticed_before_the_download_and_before_unpacking() {
    let place = Place::new(vec!["http://127.0.0.1:9/none".to_owned()], Size::About(50_000), None, 1 << 60);
    let error = place.library.fetch("texts", &[], &()).unwrap_err();
    assert!(matches!(error, DataError::NoSpace { .. }), "{error}");
    let path = place.file("texts.tar.gz", &good());
    let error = place.library.import("texts", &path, &()).unwrap_err();
    assert!(matches!(error, DataError::NoSpace { .. }), "{error}");
    place.untouched();
}

#[test]
fn archives_and_folders_on_this_machine_are_imported() {
    let place = Place::checked(vec![], &good());
    let archive = place.file("texts.tar.gz", &good());
    assert_eq!(place.library.recognise(&archive), ["texts"]);
    place.library.import("texts", &archive, &()).unwrap();
    assert_eq!(place.library.presence("texts").unwrap(), Presence::Present);
    let from = place.set();
    let other = Place::checked(vec![], &good());
    assert_eq!(other.library.recognise(&from), ["texts"]);
    for path in [from.clone(), place.library.root().to_path_buf()] {
        let copied = other.library.import("texts", &path, &()).unwrap();
        assert!(matches!(&copied[..], [Fetched::Copied { files: 2, .. }]), "{copied:?}");
    }
    let (one, two) = (place.library.verify("texts", &()).unwrap(), other.library.verify("texts", &()).unwrap());
    assert_eq!((one.content, one.provenance), (two.content, two.provenance));
    let mut wrong = good();
    wrong[50] ^= 1;
    let error = other.library.import("texts", &place.file("texts.tar.gz", &wrong), &()).unwrap_err();
    assert!(matches!(error, DataError::Checksum { .. }), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = other.library.import("texts", empty.path(), &()).unwrap_err();
    assert!(matches!(&error, DataError::Malformed { path, .. } if path == empty.path()), "{error}");
    assert!(other.library.import("texts", Path::new("/nowhere/at/all"), &()).is_err());
}
