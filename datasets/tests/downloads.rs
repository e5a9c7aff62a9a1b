//! Downloads of files without a known checksum: never two versions in one, and never a page instead of the file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{fs, path::PathBuf};

use datasets::{
    DataError, Library,
    library::{
        Archive, ArchiveLayout, Checksum, Count, DataFile, DataSet, Fetched, Format, Members, Presence, Provenance,
        RECORD, Refusal, Size,
    },
};
use sha2::{Digest, Sha256};
use support::{Reply, Request, put, serve, tar_gz, tree};

/// Why the sources did not give what was wanted.
fn refusals(error: &DataError) -> Vec<Refusal> {
    let DataError::Download { reasons, .. } = error else { panic!("{error}") };
    reasons.iter().map(|refused| refused.why.clone()).collect()
}

fn members(pattern: &str, needed: bool) -> Members {
    Members { what: "texts".to_owned(), pattern: pattern.to_owned(), files: 1, count: Count::Files, total: 1, needed }
}

fn archive(name: &str, format: Format, sources: Vec<String>) -> Archive {
    Archive {
        name: name.to_owned(),
        format,
        sources,
        size: Size::About(100_000),
        checksum: None,
        unpacked: 100_000,
        most_members: 10,
        into: String::new(),
        layout: ArchiveLayout::Strip(if format == Format::Plain { 0 } else { 1 }),
        only: None,
    }
}

struct Place {
    _folder: tempfile::TempDir,
    library: Library,
}

impl Place {
    /// One file of text.
    fn plain() -> Self {
        Self::of(vec![archive("text.tsv", Format::Plain, vec![])], vec![members("text.tsv", true)])
    }

    /// One archive with one needed file.
    fn packed() -> Self {
        Self::of(vec![archive("texts.tar.gz", Format::TarGz, vec![])], vec![members("a/*.txt", true)])
    }

    fn of(archives: Vec<Archive>, members: Vec<Members>) -> Self {
        let set =
            DataSet { name: "texts".to_owned(), folder: "Texts".to_owned(), archives, members, ..DataSet::default() };
        let folder = tempfile::tempdir().unwrap();
        let library = Library::with_catalogue(folder.path().join("data"), vec![set]);
        Self { _folder: folder, library }
    }

    fn fetch(&self, mirrors: &[&str]) -> Result<Vec<Fetched>, DataError> {
        let mirrors: Vec<String> = mirrors.iter().map(|&mirror| mirror.to_owned()).collect();
        self.library.fetch("texts", &mirrors, &())
    }

    fn text(&self) -> Vec<u8> {
        fs::read(self.library.folder("texts").join("text.tsv")).unwrap()
    }

    fn downloads(&self) -> PathBuf {
        self.library.cache_folder().join("downloads")
    }

    fn source(&self) -> String {
        match self.library.verify("texts", &()).unwrap().provenance {
            Provenance::Recorded { source } => source,
            other => panic!("{other:?}"),
        }
    }
}

fn lines(word: &str) -> Vec<u8> {
    (0..4_000).flat_map(|line| format!("{line}\t( {word} )\n").into_bytes()).collect()
}

/// A server of `body` that knows ranges and says which version it has; the first answers break off.
fn versioned(body: Vec<u8>, etag: &'static str, mut cuts: Vec<usize>) -> impl FnMut(&Request) -> Reply + Send {
    move |request| {
        if !request.path.ends_with("/text.tsv") || request.path.contains("texts/") {
            return Reply::missing();
        }
        let mark = format!("ETag: {etag}\r\n");
        let same = request.if_range.as_deref().is_none_or(|asked| asked == etag);
        let reply = match request.range.filter(|&start| same && (start as usize) < body.len()) {
            Some(start) => {
                let range = format!("Content-Range: bytes {start}-{}/{}\r\n{mark}", body.len() - 1, body.len());
                Reply::new("206 Partial Content", &range, &body[start as usize..])
            }
            None => Reply::new("200 OK", &mark, &body),
        };
        reply.cut(if cuts.is_empty() { usize::MAX } else { cuts.remove(0) })
    }
}

#[test]
fn a_broken_download_goes_on_at_the_same_version() {
    let (address, asked) = serve(versioned(lines("a"), "\"1\"", vec![20_000, 10_000]));
    let place = Place::plain();
    let fetched = place.fetch(&[&address]).unwrap();
    assert!(matches!(&fetched[..], [Fetched::Unpacked { files: 1, members: 1, .. }]), "{fetched:?}");
    assert_eq!(place.text(), lines("a"));
    let asked = asked.lock().unwrap();
    let ranges: Vec<_> = asked.iter().map(|request| (request.range, request.if_range.as_deref())).collect();
    assert_eq!(ranges, [(None, None), (Some(20_000), Some("\"1\"")), (Some(30_000), Some("\"1\""))]);
    assert_eq!(fs::read_dir(place.downloads()).unwrap().count(), 0);
}

#[test]
fn another_mirror_begins_anew() {
    let mut first = versioned(lines("a"), "\"1\"", vec![20_000]);
    let mut gone = false;
    let (one, _) = serve(move |request| {
        let reply = if gone { Reply::missing() } else { first(request) };
        gone |= reply.head.contains("200 OK");
        reply
    });
    let (two, asked) = serve(versioned(lines("b"), "\"1\"", vec![]));
    let place = Place::plain();
    place.fetch(&[&one, &two]).unwrap();
    assert_eq!(place.text(), lines("b"));
    assert_eq!(asked.lock().unwrap()[0].range, None);
    assert_eq!(place.source(), format!("{two}/text.tsv"));
}

#[test]
fn a_version_that_changes_between_two_tries_begins_anew() {
    // The server heeds If-Range; it does not; it does not even say which version it has.
    for (heeds, says) in [(true, true), (false, true), (false, false)] {
        let mut tries = 0;
        let (address, _) = serve(move |request| {
            if request.path != "/text.tsv" {
                return Reply::missing();
            }
            tries += 1;
            let (body, etag) = if tries == 1 { (lines("a"), "\"1\"") } else { (lines("b"), "\"2\"") };
            let mark = if says { format!("ETag: {etag}\r\n") } else { String::new() };
            match request.range.filter(|_| !heeds) {
                Some(start) => {
                    let range = format!("Content-Range: bytes {start}-{}/{}\r\n{mark}", body.len() - 1, body.len());
                    Reply::new("206 Partial Content", &range, &body[start as usize..])
                }
                None => Reply::new("200 OK", &mark, &body).cut(if tries == 1 { 20_000 } else { usize::MAX }),
            }
        });
        let place = Place::plain();
        place.fetch(&[&address]).unwrap();
        assert!(place.text() == lines("b"), "{heeds} {says}");
    }
}

#[test]
fn answers_to_a_range_that_do_not_fit_begin_anew() {
    let answers: [fn(&[u8], usize) -> Reply; 5] = [
        |body, start| Reply::new("206 Partial Content", "ETag: \"1\"\r\n", &body[start..]),
        |body, start| {
            let range = format!("Content-Range: bytes 0-{}/{}\r\nETag: \"1\"\r\n", body.len() - 1, body.len());
            Reply::new("206 Partial Content", &range, &body[start..])
        },
        |body, start| {
            let range = format!("Content-Range: bytes {start}-{}/{}\r\nETag: \"1\"\r\n", body.len(), body.len() + 1);
            Reply::new("206 Partial Content", &range, &body[start..])
        },
        |body, _| Reply::new("416 Range Not Satisfiable", &format!("Content-Range: bytes */{}\r\n", body.len()), b""),
        |body, _| Reply::new("200 OK", "ETag: \"1\"\r\n", body),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let mut first = true;
        let (address, _) = serve(move |request| {
            if request.path != "/text.tsv" {
                return Reply::missing();
            }
            let body = lines("a");
            match request.range {
                Some(start) => answer(&body, start as usize),
                None => {
                    let cut = if std::mem::take(&mut first) { 20_000 } else { usize::MAX };
                    Reply::new("200 OK", "ETag: \"1\"\r\n", &body).cut(cut)
                }
            }
        });
        let place = Place::plain();
        place.fetch(&[&address]).unwrap();
        assert!(place.text() == lines("a"), "{number}");
    }
}

#[test]
fn a_part_of_unknown_origin_is_not_continued() {
    let (address, asked) = serve(versioned(lines("a"), "\"1\"", vec![]));
    let place = Place::plain();
    put(&place.downloads().join("text.tsv.part"), &lines("b")[..20_000]);
    // What an earlier program left as if it were whole.
    put(&place.downloads().join("text.tsv"), &lines("b")[..20_000]);
    place.fetch(&[&address]).unwrap();
    assert_eq!(place.text(), lines("a"));
    assert_eq!(asked.lock().unwrap()[0].range, None);
}

#[test]
fn an_interrupted_download_is_continued_by_the_next_command() {
    let mut answer = versioned(lines("a"), "\"1\"", vec![20_000]);
    let mut tries = 0;
    let (address, asked) = serve(move |request| {
        tries += usize::from(request.path == "/text.tsv");
        // The first command gives up, since the server is gone after its first answer.
        if tries == 2 { Reply::missing() } else { answer(request) }
    });
    let place = Place::plain();
    let error = place.fetch(&[&address]).unwrap_err();
    assert!(matches!(&error, DataError::Download { remedy, .. } if remedy.contains("text.tsv.part")), "{error}");
    let part = place.downloads().join("text.tsv.part");
    assert_eq!(fs::metadata(&part).unwrap().len(), 20_000);
    let fetched = place.fetch(&[&address]).unwrap();
    assert!(matches!(&fetched[..], [Fetched::Unpacked { resumed_from: 20_000, .. }]), "{fetched:?}");
    assert_eq!(place.text(), lines("a"));
    assert_eq!(asked.lock().unwrap().last().unwrap().range, Some(20_000));
}

#[test]
fn a_file_of_another_mirror_folder_is_not_mixed_in() {
    let place = Place::plain();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(&one.path().join("other.tsv"), "x");
    put(&two.path().join("text.tsv"), lines("b"));
    put(&place.downloads().join("text.tsv.part"), &lines("a")[..20_000]);
    place.fetch(&[one.path().to_str().unwrap(), two.path().to_str().unwrap()]).unwrap();
    assert_eq!(place.text(), lines("b"));
}

fn good() -> Vec<u8> {
    let noise: Vec<u8> = (0..40_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    tar_gz(&[("top/a/1.txt", &noise)])
}

#[test]
fn pages_cut_files_and_other_archives_are_passed_over_and_forgotten() {
    let page = b"<!DOCTYPE html><html>Please sign in</html>".to_vec();
    let cases: [(&str, Vec<u8>); 6] = [
        ("text/html", page.clone()),
        ("application/gzip", page),
        ("application/gzip", good()[..15_000].to_vec()),
        ("application/gzip", tar_gz(&[("top/b/1.dat", b"other")])),
        ("application/gzip", b"".to_vec()),
        ("application/zip", support::zip(&[("top/a/1.txt", b"zip")])),
    ];
    for (kind, body) in cases {
        let (bad, bad_asked) =
            serve(move |_| Reply::new("200 OK", &format!("Content-Type: {kind}\r\nETag: \"1\"\r\n"), &body));
        let (right, _) = serve(|request| match request.path.as_str() {
            "/texts.tar.gz" => Reply::new("200 OK", "", &good()),
            _ => Reply::missing(),
        });
        // Alone, the bad source fails, every time anew, and nothing of it is kept.
        let place = Place::packed();
        for _ in 0..2 {
            let before = bad_asked.lock().unwrap().len();
            let error = place.fetch(&[&bad]).unwrap_err();
            assert!(matches!(error, DataError::Download { .. }), "{kind}: {error}");
            assert!(bad_asked.lock().unwrap().len() > before, "the server is asked again");
            assert_eq!(tree(&place.downloads()), [""; 0], "{kind}");
            assert_eq!(tree(&place.library.folder("texts")), [""; 0], "{kind}");
        }
        let fetched = place.fetch(&[&bad, &right]).unwrap();
        assert!(matches!(&fetched[..], [Fetched::Unpacked { .. }]), "{kind}: {fetched:?}");
        assert_eq!(place.library.presence("texts").unwrap(), Presence::Present);
        assert_eq!(place.source(), format!("{right}/texts.tar.gz"));
    }
}

#[test]
fn an_archive_that_no_task_needs_may_be_missing() {
    let (address, _) = serve(|request| match request.path.as_str() {
        "/texts.tar.gz" => Reply::new("200 OK", "", &good()),
        _ => Reply::missing(),
    });
    let archives = |first, second| vec![archive(first, Format::TarGz, vec![]), archive(second, Format::TarGz, vec![])];
    for (first, second) in [("texts.tar.gz", "more.tar.gz"), ("more.tar.gz", "texts.tar.gz")] {
        let place = Place::of(archives(first, second), vec![members("a/*.txt", true), members("b/*.txt", false)]);
        let fetched = place.fetch(&[&address]).unwrap();
        let skipped = |one: &Fetched| matches!(one, Fetched::Skipped { archive, .. } if archive == "more.tar.gz");
        assert!(fetched.len() == 2 && fetched.iter().any(skipped), "{fetched:?}");
        assert_eq!(place.source(), format!("{address}/texts.tar.gz"));
        // Now nothing is missing any more.
        assert!(matches!(&place.fetch(&[&address]).unwrap()[..], [Fetched::Present { .. }]));
    }
    // Where a needed one is missing, what came is written down all the same.
    let needed = vec![members("a/*.txt", true), members("b/*.txt", true)];
    let place = Place::of(archives("texts.tar.gz", "more.tar.gz"), needed);
    assert!(matches!(place.fetch(&[&address]).unwrap_err(), DataError::Download { .. }));
    assert!(place.library.folder("texts").join(RECORD).is_file());
    assert_eq!(place.source(), format!("{address}/texts.tar.gz"));
}

#[cfg(unix)]
#[test]
fn a_complete_set_is_fetched_from_a_folder_that_cannot_be_written() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::packed();
    put(&place.library.folder("texts").join("a/1.txt"), "x");
    let root = place.library.root();
    let mode = |mode| fs::set_permissions(root, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    let fetched = place.fetch(&["/nowhere"]);
    mode(0o755);
    let fetched = fetched.unwrap();
    assert!(matches!(&fetched[..], [Fetched::Present { provenance: Provenance::Unknown, .. }]), "{fetched:?}");
    assert!(!place.library.cache_folder().exists(), "nothing is written");
}

#[test]
fn two_commands_at_once_download_once() {
    let (address, asked) = serve(|request| match request.path.as_str() {
        "/texts.tar.gz" => Reply::new("200 OK", "", &good()),
        _ => Reply::missing(),
    });
    let place = Place::packed();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| place.fetch(&[&address]).unwrap());
        }
    });
    assert_eq!(asked.lock().unwrap().len(), 1);
    assert_eq!(place.library.presence("texts").unwrap(), Presence::Present);
}

#[test]
fn a_page_does_not_cost_what_has_come_already() {
    let body = lines("a");
    let set = DataSet {
        name: "texts".to_owned(),
        folder: "Texts".to_owned(),
        files: vec![DataFile {
            name: "text.tsv".to_owned(),
            bytes: body.len() as u64,
            checksum: Checksum::Sha256(format!("{:x}", Sha256::digest(&body))),
        }],
        members: vec![members("text.tsv", true)],
        ..DataSet::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let library = Library::with_catalogue(folder.path().join("data"), vec![set]);
    let (page, _) = serve(|_| Reply::new("200 OK", "", b"<html>Please sign in</html>"));
    let (right, asked) = serve(versioned(body.clone(), "\"1\"", vec![]));
    put(&library.folder("texts").join("text.tsv.part"), &body[..20_000]);
    library.fetch("texts", &[page, right], &()).unwrap();
    assert_eq!(fs::read(library.folder("texts").join("text.tsv")).unwrap(), body);
    assert_eq!(asked.lock().unwrap()[0].range, Some(20_000));
}

/// A set of one file of a known checksum, and 20 000 bytes of it that an earlier attempt has left.
fn half_there(body: &[u8]) -> (tempfile::TempDir, Library, PathBuf) {
    let set = DataSet {
        name: "texts".to_owned(),
        folder: "Texts".to_owned(),
        files: vec![DataFile {
            name: "text.tsv".to_owned(),
            bytes: body.len() as u64,
            checksum: Checksum::Sha256(format!("{:x}", Sha256::digest(body))),
        }],
        members: vec![members("text.tsv", true)],
        ..DataSet::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let library = Library::with_catalogue(folder.path().join("data"), vec![set]);
    let part = library.folder("texts").join("text.tsv.part");
    put(&part, &body[..20_000]);
    (folder, library, part)
}

/// An answer that does not tell its length, and ends with the connection.
fn endless(kind: &str, body: &[u8]) -> Reply {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n");
    Reply { head, body: body.to_vec(), sent: usize::MAX }
}

#[test]
fn an_answer_that_is_no_such_file_does_not_cost_what_has_come_already() {
    let body = lines("a");
    type Expected = fn(&Refusal) -> bool;
    let cases: [(&str, &[u8], Expected); 4] = [
        ("text/html", b"<html>Please sign in</html>", |why| matches!(why, Refusal::Instead { page: true, .. })),
        ("text/plain", b"Please sign in", |why| matches!(why, Refusal::Ended { at: 14, .. })),
        ("application/json", b"{}", |why| matches!(why, Refusal::Instead { page: false, .. })),
        ("text/plain", &body[..10_000], |why| matches!(why, Refusal::Ended { at: 10_000, .. })),
    ];
    for (kind, answer, expected) in cases {
        let (_folder, library, part) = half_there(&body);
        let answer = answer.to_vec();
        let (wrong, asked) = serve(move |_| endless(kind, &answer));
        let error = library.fetch("texts", &[wrong], &()).unwrap_err();
        assert!(refusals(&error).iter().any(expected), "{error}");
        // Two addresses, each of which is asked again at most twice.
        assert!(asked.lock().unwrap().len() <= 6, "{}", asked.lock().unwrap().len());
        assert_eq!(fs::read(&part).unwrap(), body[..20_000], "{kind}");
        assert_eq!(tree(&library.folder("texts")).len(), 1, "nothing else is left");
        let (right, asked) = serve(versioned(body.clone(), "\"1\"", vec![]));
        library.fetch("texts", &[right], &()).unwrap();
        assert_eq!(asked.lock().unwrap()[0].range, Some(20_000));
    }
}

#[test]
fn a_server_without_ranges_takes_the_place_of_what_is_there_when_it_has_brought_more() {
    let body = lines("a");
    let (_folder, library, part) = half_there(&body);
    let whole = body.clone();
    let (short, _) = serve(move |_| endless("text/plain", &whole[..30_000]));
    assert!(library.fetch("texts", &[short], &()).is_err());
    assert_eq!(fs::read(&part).unwrap(), body[..30_000]);
    let whole = body.clone();
    let (right, _) = serve(move |_| endless("text/plain", &whole));
    library.fetch("texts", &[right], &()).unwrap();
    assert_eq!(fs::read(library.folder("texts").join("text.tsv")).unwrap(), body);
    assert_eq!(tree(&library.folder("texts")).len(), 1);
}

#[test]
fn what_is_no_table_or_was_packed_for_the_way_is_refused() {
    let instead = |content_type: &str| Refusal::Instead {
        page: false,
        content_type: Some(content_type.to_owned()),
        expected: "a table with fields between tabs",
    };
    for (headers, body, expected) in [
        ("Content-Type: application/json\r\n", &b"{\"error\": \"quota exceeded\"}"[..], instead("application/json")),
        ("Content-Type: text/plain\r\n", b"Access denied", instead("text/plain")),
        ("Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", b"\x1f\x8b\t", Refusal::Encoded("gzip".to_owned())),
    ] {
        let place = Place::plain();
        let (wrong, _) = serve(move |_| Reply::new("200 OK", headers, body));
        let error = place.fetch(&[&wrong]).unwrap_err();
        assert!(refusals(&error).contains(&expected), "{error}");
        assert_eq!(tree(&place.library.folder("texts")), [""; 0]);
        let (right, _) = serve(versioned(lines("a"), "\"1\"", vec![]));
        place.fetch(&[&wrong, &right]).unwrap();
        assert_eq!(place.text(), lines("a"));
    }
}

#[test]
fn two_commands_with_caches_of_their_own_download_once() {
    let (address, asked) = serve(|request| match request.path.as_str() {
        "/texts.tar.gz" => Reply::new("200 OK", "", &good()),
        _ => Reply::missing(),
    });
    let place = Place::packed();
    let caches = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for number in 0..3 {
            let library = place.library.clone().with_cache(Some(caches.path().join(number.to_string())));
            let mirrors = [address.clone()];
            scope.spawn(move || library.fetch("texts", &mirrors, &()).unwrap());
        }
    });
    assert_eq!(asked.lock().unwrap().len(), 1);
    assert_eq!(place.library.presence("texts").unwrap(), Presence::Present);
}

/// The catalogue says that the archive unpacks to more than any disk has, and what is here is a small part of it.
#[test]
fn the_space_is_asked_for_what_is_there_and_not_for_the_whole_set() {
    let of = |unneeded: bool| {
        let huge = |name: &str| {
            let about = archive(name, Format::TarGz, vec![]);
            Archive { size: Size::About(1 << 55), unpacked: 1 << 56, ..about }
        };
        let mut archives = vec![huge("texts.tar.gz")];
        let mut all = vec![members("a/*.txt", true)];
        if unneeded {
            archives.insert(0, huge("more.tar.gz"));
            all.push(members("b/*.txt", false));
        }
        Place::of(archives, all)
    };
    let mirror = tempfile::tempdir().unwrap();
    put(&mirror.path().join("texts.tar.gz"), good());
    let local = mirror.path().to_str().unwrap();
    let (address, _) = serve(|request| match request.path.as_str() {
        "/texts.tar.gz" => Reply::new("200 OK", "", &good()),
        _ => Reply::missing(),
    });
    for source in [local, address.as_str()] {
        let place = of(false);
        place.fetch(&[source]).unwrap();
        assert_eq!(place.library.presence("texts").unwrap(), Presence::Present);
        // One that is not needed and for which there would be no space is left out.
        let place = of(true);
        let fetched = place.fetch(&[source]).unwrap();
        let skipped = |one: &Fetched| matches!(one, Fetched::Skipped { archive, .. } if archive == "more.tar.gz");
        assert!(fetched.len() == 2 && fetched.iter().any(skipped), "{fetched:?}");
    }
    assert!(matches!(of(false).fetch(&["/nowhere"]), Err(DataError::NoSpace { .. })));
}

#[test]
fn the_first_of_several_choices_is_taken_and_another_is_named() {
    let choice = |mirror: &str| {
        let archives =
            ["old.tar.gz", "texts.tar.gz"].map(|name| archive(name, Format::TarGz, vec![])).into_iter().collect();
        let set = DataSet {
            name: "texts".to_owned(),
            folder: "Texts".to_owned(),
            archives,
            members: vec![members("a/*.txt", true)],
            choices: vec![vec!["old.tar.gz".to_owned(), "texts.tar.gz".to_owned()]],
            ..DataSet::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let library = Library::with_catalogue(folder.path().join("data"), vec![set]);
        library.fetch("texts", &[mirror.to_owned()], &()).unwrap()
    };
    let (both, asked) = serve(|_| Reply::new("200 OK", "", &good()));
    assert!(matches!(&choice(&both)[..], [Fetched::Unpacked { .. }]));
    assert_eq!(asked.lock().unwrap().len(), 1);
    let (second, _) = serve(|request| match request.path.as_str() {
        "/texts.tar.gz" => Reply::new("200 OK", "", &good()),
        _ => Reply::missing(),
    });
    let fetched = choice(&second);
    assert!(
        matches!(&fetched[..], [Fetched::Unpacked { .. }, Fetched::Skipped { archive, .. }]
            if archive == "old.tar.gz"),
        "{fetched:?}"
    );
}
