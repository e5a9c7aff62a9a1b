//! Data that is here already: other people's archives and folders, in several parts, on several disks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use datasets::{
    DataError, Library,
    library::{
        Archive, ArchiveLayout, Checksum, Count, DataSet, Fetched, Format, MANIFEST, Members, Presence, Provenance,
        Size,
    },
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use support::{put, tar_gz, tree, zip};

/// The official data sets, in an empty data folder.
struct Place {
    folder: tempfile::TempDir,
    library: Library,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path().join("data"));
        Self { folder, library }
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        put(&path, bytes);
        path
    }

    fn import(&self, set: &str, path: &Path) -> Result<Vec<Fetched>, DataError> {
        self.library.import(set, path, &())
    }

    fn found(&self, set: &str, group: usize) -> u64 {
        let counted = self.library.count(set).unwrap()[group].found;
        assert_eq!(self.library.verify(set, &()).unwrap().groups[group].found, counted);
        counted
    }

    /// Where the content came from, and that nothing is wrong with it.
    fn source(&self, set: &str) -> String {
        let found = self.library.verify(set, &()).unwrap();
        assert!(found.problems.is_empty(), "{found:?}");
        found.provenance.to_string()
    }
}

/// Patients `first` to `first + 9`, as members of an archive.
fn patients(part: &str, first: usize) -> Vec<(String, Vec<u8>)> {
    (first..first + 10)
        .map(|index| (format!("training_set{part}/p{index:06}.psv"), format!("HR|x\n{index}|1\n").into_bytes()))
        .collect()
}

fn borrowed(members: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    members.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect()
}

#[test]
fn an_archive_that_macos_made_has_no_twins() {
    let place = Place::new();
    let mut members = vec![];
    for (name, bytes) in patients("A", 0) {
        members.push((format!("__MACOSX/{}", name.replace("/p", "/._p")), b"mac".to_vec()));
        members.push((name, bytes));
    }
    members.push(("training_setA/.DS_Store".to_owned(), b"mac".to_vec()));
    let path = place.file("training_setA.zip", zip(&borrowed(&members)));
    let fetched = place.import("physionet2019", &path).unwrap();
    assert!(matches!(&fetched[..], [Fetched::Unpacked { files: 10, members: 10, .. }]), "{fetched:?}");
    assert_eq!(place.found("physionet2019", 0), 10);
    assert_eq!(fs::read_dir(place.library.folder("physionet2019").join("training_setA")).unwrap().count(), 10);
}

#[test]
fn twins_in_a_folder_are_not_copied_and_twins_that_are_there_do_not_count() {
    let place = Place::new();
    for index in 0..4 {
        for prefix in ["", "._"] {
            place.file(&format!("fsdd/recordings/{prefix}{index}_theo_0.wav"), format!("{index}"));
        }
    }
    place.file("fsdd/recordings/Thumbs.db", "x");
    let fetched = place.import("fsdd", &place.folder.path().join("fsdd")).unwrap();
    assert!(matches!(&fetched[..], [Fetched::Copied { files: 4, .. }]), "{fetched:?}");
    let folder = place.library.folder("fsdd");
    assert_eq!(fs::read_dir(folder.join("recordings")).unwrap().count(), 4);
    let content = place.library.verify("fsdd", &()).unwrap().content;
    put(&folder.join("recordings/._0_theo_0.wav"), "mac");
    assert_eq!(place.found("fsdd", 0), 4);
    assert_eq!(place.library.verify("fsdd", &()).unwrap().content, content);
    place.source("fsdd");
}

#[test]
fn archives_imported_one_after_the_other_are_both_named() {
    let place = Place::new();
    for (part, first) in [("A", 0), ("B", 10)] {
        let path = place.file(&format!("training_set{part}.zip"), zip(&borrowed(&patients(part, first))));
        place.import("physionet2019", &path).unwrap();
        // A second time, nothing changes.
        place.import("physionet2019", &path).unwrap();
    }
    let source = place.source("physionet2019");
    assert_eq!(source.matches("training_setA.zip").count(), 1, "{source}");
    assert_eq!(source.matches("training_setB.zip").count(), 1, "{source}");
    let record = fs::read_to_string(place.library.folder("physionet2019").join("bench-source.json")).unwrap();
    for part in ["A", "B"] {
        let bytes = fs::read(place.folder.path().join(format!("training_set{part}.zip"))).unwrap();
        assert!(record.contains(&format!("{:x}", Sha256::digest(&bytes))), "{record}");
        assert!(record.contains(&format!("\"bytes\": {}", bytes.len())), "{record}");
    }
}

#[test]
fn folders_and_archives_imported_one_after_the_other_are_healthy() {
    let place = Place::new();
    for (name, bytes) in patients("A", 0) {
        place.file(&format!("one/{name}"), bytes);
    }
    for (name, bytes) in patients("B", 10) {
        place.file(&format!("two/{name}"), bytes);
    }
    let at = |name: &str| place.folder.path().join(name);
    place.import("physionet2019", &at("one")).unwrap();
    place.import("physionet2019", &at("two")).unwrap();
    assert_eq!((place.found("physionet2019", 0), place.found("physionet2019", 1)), (10, 10));
    let source = place.source("physionet2019");
    assert!(source.contains("one") && source.contains("two"), "{source}");
    // An archive on top: all three are named, since files of each may be there.
    let archive = place.file("training_setA.zip", zip(&borrowed(&patients("A", 5))));
    place.import("physionet2019", &archive).unwrap();
    assert_eq!(place.found("physionet2019", 0), 15);
    let source = place.source("physionet2019");
    assert!(source.contains("one") && source.contains("two") && source.contains("training_setA.zip"), "{source}");
    // A folder with its record, taken into an empty place, brings its origins along.
    let other = Place::new();
    other.import("physionet2019", &place.library.folder("physionet2019")).unwrap();
    assert_eq!(other.source("physionet2019"), source);
}

#[test]
fn files_that_were_there_before_are_not_called_official() {
    let archive = tar_gz(&[("top/a/1.txt", b"official")]);
    let sum = Checksum::Sha256(format!("{:x}", Sha256::digest(&archive)));
    let set = DataSet {
        name: "texts".to_owned(),
        folder: "Texts".to_owned(),
        archives: vec![Archive {
            name: "texts.tar.gz".to_owned(),
            format: Format::TarGz,
            sources: vec![],
            size: Size::Exact(archive.len() as u64),
            checksum: Some(sum),
            unpacked: 10_000,
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
    let path = folder.path().join("texts.tar.gz");
    fs::write(&path, &archive).unwrap();
    let provenance = || library.verify("texts", &()).unwrap().provenance;
    library.import("texts", &path, &()).unwrap();
    assert!(matches!(provenance(), Provenance::Official { .. }));
    // Another file comes from nowhere; then the official archive is unpacked over everything.
    put(&library.folder("texts").join("a/2.txt"), "mine");
    library.import("texts", &path, &()).unwrap();
    let found = provenance();
    assert!(matches!(&found, Provenance::Recorded { source } if source.contains("before")), "{found}");
    assert!(found.to_string().contains("official checksum right"), "{found}");
    // A record that claims a checksum that no archive of the set has is not believed.
    let record = library.folder("texts").join("bench-source.json");
    fs::remove_file(library.folder("texts").join("a/2.txt")).unwrap();
    library.import("texts", &path, &()).unwrap();
    assert!(matches!(provenance(), Provenance::Official { .. }));
    let text = fs::read_to_string(&record).unwrap();
    let hex = format!("{:x}", Sha256::digest(&archive));
    let place = text.rfind(&hex).unwrap();
    let forged = format!("{}{}{}", &text[..place], "0".repeat(64), &text[place + 64..]);
    fs::write(&record, forged).unwrap();
    assert!(!matches!(provenance(), Provenance::Official { .. }));
}

#[test]
fn archives_with_nothing_of_the_set_leave_nothing() {
    let place = Place::new();
    let cases: [(&str, &str, Vec<u8>); 4] = [
        ("lra", "lra_release.gz", tar_gz(&[("listops-1000/basic_train.tsv", b"Source\tTarget\n")])),
        ("lra", "fsdd.tar.gz", tar_gz(&[("fsdd-1/recordings/0_theo_0.wav", b"x")])),
        ("fsdd", "other.tar.gz", tar_gz(&[("x/recordings/README", b"x")])),
        (
            "character-trajectories",
            "CharacterTrajectories.zip",
            zip(&[("CharacterTrajectories_eq_TRAIN.ts", b"@data\n")]),
        ),
    ];
    for (set, name, bytes) in cases {
        let path = place.file(name, bytes);
        let error = place.import(set, &path).unwrap_err();
        assert!(matches!(&error, DataError::Malformed { path: named, .. } if *named == path), "{error}");
        assert_eq!(tree(&place.library.folder(set)), [""; 0]);
        assert_eq!(place.library.presence(set).unwrap(), Presence::Absent);
        assert!(!place.library.cache_folder().join(format!("unpacking-{set}")).exists());
    }
}

#[test]
fn two_members_with_one_name_are_refused() {
    let place = Place::new();
    for names in
        [["x/recordings/0_theo_0.wav", "x/recordings/0_Theo_0.wav"], ["x/recordings/0.wav", "x/recordings/0.wav"]]
    {
        let path = place.file("fsdd.tar.gz", tar_gz(&[(names[0], b"1"), (names[1], b"2")]));
        let error = place.import("fsdd", &path).unwrap_err();
        assert!(matches!(error, DataError::Unpack { .. }), "{error}");
        assert_eq!(tree(&place.library.folder("fsdd")), [""; 0]);
    }
}

#[test]
fn a_part_of_a_set_needs_a_part_of_the_room() {
    let place = Place::new();
    let lines = b"Source\tTarget\n( 1 )\t1\n";
    let path = place.file("lra_release.gz", tar_gz(&[("r/lra_release/listops-1000/basic_train.tsv", lines)]));
    let available = fs4::available_space(place.folder.path()).unwrap();
    place.import("lra", &path).unwrap();
    assert_eq!(place.found("lra", 0), 1);
    assert!(available > 0);
}

#[test]
fn a_folder_with_a_manifest_takes_no_other_files() {
    let place = Place::new();
    put(&place.library.folder("fsdd").join(MANIFEST), r#"{"schema":1,"reconstructed":"from MP3","files":{}}"#);
    let archive = place.file("fsdd.tar.gz", tar_gz(&[("x/recordings/0_theo_0.wav", b"1")]));
    place.file("fsdd/recordings/1_theo_0.wav", "1");
    for path in [archive, place.folder.path().join("fsdd")] {
        let error = place.import("fsdd", &path).unwrap_err();
        assert!(matches!(&error, DataError::Malformed { path, .. } if path.ends_with(MANIFEST)), "{error}");
        assert_eq!(tree(&place.library.folder("fsdd")).len(), 1);
    }
}

#[test]
fn a_folder_with_several_sets_is_recognised_as_all_of_them() {
    let place = Place::new();
    place.file("fsdd/recordings/1_theo_0.wav", "1");
    place.file("physionet2019/training_setA/p000001.psv", "HR\n1\n");
    place.file("training_setB.zip", zip(&borrowed(&patients("B", 10))));
    place.file("aclImdb/train/pos/0_9.txt", "good");
    assert_eq!(place.library.recognise(place.folder.path()), ["imdb", "fsdd", "physionet2019"]);
    assert_eq!(place.library.recognise(&place.folder.path().join("training_setB.zip")), ["physionet2019"]);
    assert!(place.library.recognise(&place.folder.path().join("fsdd/recordings")).is_empty());
}

#[test]
fn what_is_there_instead_of_the_right_files_is_said() {
    let place = Place::new();
    let gz = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    // Ten thousand labels, as in the test part.
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0x27, 0x10];
    labels.extend([3; 10_000]);
    let said = |set: &str, path: &Path| {
        let error = place.import(set, path).unwrap_err();
        assert!(!error.to_string().contains("  ") && !error.to_string().contains("try again later"), "{error}");
        assert_eq!(tree(&place.library.folder(set)), [""; 0]);
        match error {
            DataError::Malformed { message: reason, .. } | DataError::Import { reasons: reason, .. } => reason,
            other => panic!("{other}"),
        }
    };
    let unpacked = place.file("raw/t10k-labels-idx1-ubyte", &labels);
    for path in [unpacked.clone(), unpacked.parent().unwrap().to_path_buf()] {
        let text = said("mnist", &path);
        assert!(text.contains("t10k-labels-idx1-ubyte"), "{text}");
    }
    let text = said("mnist", &place.file("again/t10k-labels-idx1-ubyte.gz", gz(&labels)));
    assert!(text.contains("packed anew"), "{text}");
    let text = said("mnist", &place.file("plain/t10k-labels-idx1-ubyte.gz", &labels));
    assert!(text.contains("is unpacked, although its name"), "{text}");
    let text = said("mnist", &place.file("some/FILE.gz", gz(b"x")));
    assert!(text.contains("train-images-idx3-ubyte.gz"), "{text}");
    let python = tar_gz(&[("cifar-10-batches-py/data_batch_1", b"pickle")]);
    for name in ["cifar-10-python.tar.gz", "renamed.tar.gz", "cifar-10-binary.tar.gz"] {
        let text = said("cifar10", &place.file(name, &python));
        assert!(text.contains("version of CIFAR") && text.contains("for Python"), "{name}: {text}");
    }
    place.file("got/cifar-10-batches-py/data_batch_1", "pickle");
    for path in ["got", "got/cifar-10-batches-py"] {
        let text = said("cifar10", &place.folder.path().join(path));
        assert!(text.contains("for Python"), "{text}");
    }
}

#[test]
fn what_lies_in_the_data_folder_already_is_not_called_checked() {
    let place = Place::new();
    let folder = place.library.folder("fsdd");
    put(&folder.join("recordings/1_theo_0.wav"), "damaged");
    let fetched = place.import("fsdd", &folder).unwrap();
    assert!(matches!(&fetched[..], [Fetched::Present { provenance: Provenance::Unknown, .. }]), "{fetched:?}");
}

/// Where /dev/shm is another disk than the folder for temporary files, as it is on most Linux machines.
#[cfg(unix)]
#[test]
fn sets_and_caches_may_lie_on_other_disks() {
    use std::os::unix::fs::{MetadataExt, symlink};
    let disk = |path: &Path| fs::metadata(path).map(|about| about.dev()).ok();
    let far = tempfile::tempdir_in("/dev/shm").ok();
    let place = Place::new();
    let Some(far) = far.filter(|far| disk(far.path()) != disk(place.folder.path())) else {
        eprintln!("SKIPPED: /dev/shm is no other disk than {}", place.folder.path().display());
        return;
    };
    let archive = |place: &Place| place.file("training_setA.zip", zip(&borrowed(&patients("A", 0))));
    let root = |place: &Place| {
        fs::create_dir_all(place.library.root()).unwrap();
        place.library.root().to_path_buf()
    };
    // The folder of the set.
    fs::create_dir(far.path().join("set")).unwrap();
    symlink(far.path().join("set"), root(&place).join("physionet2019")).unwrap();
    place.import("physionet2019", &archive(&place)).unwrap();
    for (name, bytes) in patients("B", 10) {
        place.file(&format!("two/{name}"), bytes);
    }
    place.import("physionet2019", &place.folder.path().join("two")).unwrap();
    assert_eq!((place.found("physionet2019", 0), place.found("physionet2019", 1)), (10, 10));
    assert_eq!(fs::read_dir(far.path().join("set/training_setA")).unwrap().count(), 10);
    assert!(!far.path().join("set/.unpacking").exists());
    // A part of it.
    let place = Place::new();
    fs::create_dir(far.path().join("part")).unwrap();
    fs::create_dir_all(root(&place).join("physionet2019")).unwrap();
    symlink(far.path().join("part"), root(&place).join("physionet2019/training_setA")).unwrap();
    place.import("physionet2019", &archive(&place)).unwrap();
    assert_eq!(fs::read_dir(far.path().join("part")).unwrap().count(), 10);
    // The cache.
    let place = Place::new();
    fs::create_dir(far.path().join("cache")).unwrap();
    symlink(far.path().join("cache"), root(&place).join(".cache")).unwrap();
    let mirror = archive(&place).parent().unwrap().display().to_string();
    let outcome = place.library.fetch("physionet2019", &[mirror], &());
    assert!(matches!(outcome, Err(DataError::Download { .. })), "set B is nowhere: {outcome:?}");
    assert_eq!(place.found("physionet2019", 0), 10);
    // A disk that is not mounted.
    let place = Place::new();
    symlink(far.path().join("gone"), root(&place).join("physionet2019")).unwrap();
    let error = place.import("physionet2019", &archive(&place)).unwrap_err();
    assert!(matches!(error, DataError::DanglingLink { .. }), "{error}");
    let error = place.library.fetch("physionet2019", &["/nowhere".to_owned()], &()).unwrap_err();
    assert!(matches!(error, DataError::DanglingLink { .. }), "{error}");
}
