//! Archives that are whole, damaged, foreign and hostile.

#![allow(clippy::unwrap_used)]

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{MANIFEST, PackOptions, is_inside, pack, unpack};
use crate::error::ReportError;
use crate::runs::reading::{AddedSettings, load};

const STATUS: &str = r#"{"schema": 1, "state": "done", "attempts": 1, "seconds": 1.0, "epoch": 3}"#;

/// An experiment with these files.
fn experiment(files: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("lra");
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    (home, folder)
}

fn some() -> (TempDir, PathBuf) {
    experiment(&[
        ("experiment.yaml", "name: long\n"),
        ("a.b.s0/status.json", STATUS),
        ("a.b.s0/checkpoints/best.safetensors", "weights"),
        ("a.b.s0/.lease-of-old", "x"),
        ("a.b.s1/status.json", STATUS),
        ("plans/0.yaml", "name: long\n"),
        ("report/index.html", "page"),
        ("submissions/0001/submission.json", "{}"),
    ])
}

/// The names in an archive.
fn names(path: &Path) -> Vec<String> {
    let archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    archive.file_names().map(str::to_owned).collect()
}

fn packed(dir: &Path, options: PackOptions) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("a.zip");
    pack(dir, &out, options).unwrap();
    (home, out)
}

#[test]
fn an_archive_holds_the_records_and_nothing_of_the_place() {
    let (_home, folder) = some();
    let (_out, archive) = packed(&folder, PackOptions::default());
    let wanted = ["experiment.yaml", "a.b.s0/status.json", "a.b.s1/status.json", "plans/0.yaml"];
    let mut wanted: Vec<String> = wanted.iter().map(|name| format!("lra/{name}")).collect();
    wanted.sort();
    wanted.insert(0, MANIFEST.into());
    assert_eq!(names(&archive), wanted);
    let (_out, full) = packed(&folder, PackOptions { checkpoints: true, ..PackOptions::default() });
    assert!(names(&full).contains(&"lra/a.b.s0/checkpoints/best.safetensors".to_owned()));
    // Whoever reads it does not ask for them.
    assert!(!unpack(&full).unwrap().packed().join("a.b.s0/checkpoints").exists());
    // The same files at another time.
    let touched = std::fs::File::options().write(true).open(folder.join("experiment.yaml")).unwrap();
    touched.set_modified(std::time::UNIX_EPOCH).unwrap();
    let (_out, again) = packed(&folder, PackOptions::default());
    assert_eq!(std::fs::read(&archive).unwrap(), std::fs::read(again).unwrap());
}

#[test]
fn folders_of_every_level_are_read_as_they_were() {
    let (home, folder) = some();
    for dir in [home.path().to_owned(), folder.clone(), folder.join("a.b.s1")] {
        let (_out, archive) = packed(&dir, PackOptions::default());
        let added = AddedSettings::default();
        let [of_folder, of_archive] = [&dir, &archive].map(|path| load(std::slice::from_ref(path), &added).unwrap());
        let of = |runs: &crate::Runs| {
            let all = runs.all.iter();
            all.map(|run| (run.experiment.clone(), run.id.clone(), run.status.clone())).collect::<Vec<_>>()
        };
        assert!(!of_folder.all.is_empty());
        assert_eq!(of(&of_folder), of(&of_archive), "{dir:?}");
        assert!(of_archive.all.iter().all(|run| run.path.is_dir()), "it lasts as long as its runs");
        let unpacked = of_archive.all[0].path.clone();
        drop(of_archive);
        assert!(!unpacked.exists());
    }
}

#[test]
fn what_is_left_out_is_named_by_the_archive() {
    let (_home, folder) = some();
    std::fs::write(folder.join("a.b.s1/status.json"), "{").unwrap();
    let home = tempfile::tempdir().unwrap();
    let archive = home.path().join("a.zip");
    // A record that cannot be read does not tell whether its run is running.
    assert!(matches!(pack(&folder, &archive, PackOptions::default()), Err(ReportError::Parse { .. })));
    std::fs::remove_file(folder.join("a.b.s1/status.json")).unwrap();
    std::fs::write(folder.join("a.b.s1/cell.yaml"), "{").unwrap();
    pack(&folder, &archive, PackOptions::default()).unwrap();
    let runs = load(std::slice::from_ref(&archive), &AddedSettings::default()).unwrap();
    let text = runs.left_out[0].to_string();
    assert!(text.contains("a.zip/lra/a.b.s1") && !text.contains("bench-pack-"), "{text}");
}

#[test]
fn runs_that_are_running_are_refused_or_left_out() {
    let (_home, folder) = some();
    // Of whom it does not tell is somebody's.
    std::fs::write(folder.join("a.b.s1/.lease"), "").unwrap();
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("a.zip");
    let refused = pack(&folder, &out, PackOptions::default());
    assert!(matches!(&refused, Err(ReportError::StillRunning { runs, .. }) if runs == &["a.b.s1"]), "{refused:?}");
    assert!(!out.exists());
    let packed = pack(&folder, &out, PackOptions { skip_running: true, ..PackOptions::default() }).unwrap();
    assert_eq!((packed.runs, packed.running), (1, vec!["a.b.s1".to_owned()]));
    assert!(!names(&out).iter().any(|name| name.contains("a.b.s1")));
    // Nothing is left beside it.
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
}

/// An archive of these entries, at a path.
fn made_of(entries: &[(&str, &[u8])]) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.zip");
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    std::fs::write(&path, archive.finish().unwrap().into_inner()).unwrap();
    (home, path)
}

fn reason(path: &Path) -> String {
    match unpack(path) {
        Err(ReportError::Archive { path: named, reason }) => {
            assert_eq!(named, path);
            reason
        }
        other => unreachable!("{other:?}"),
    }
}

const GOOD: &[u8] = br#"{"format": "bench-pack", "version": 1, "folder": "lra", "runs": 1, "checkpoints": false}"#;

#[test]
fn what_is_cut_off_damaged_or_foreign_is_named() {
    let (_home, folder) = some();
    let (_out, archive) = packed(&folder, PackOptions::default());
    let whole = std::fs::read(&archive).unwrap();
    for length in [0, 10, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&archive, &whole[..length]).unwrap();
        reason(&archive);
    }
    // A bit of the first record turns.
    let mut damaged = whole.clone();
    let at = whole.windows(19).position(|window| window == b"lra/experiment.yaml").unwrap() + 20;
    damaged[at] ^= 0x40;
    std::fs::write(&archive, &damaged).unwrap();
    assert!(reason(&archive).contains("experiment.yaml"));
    let (_home, text) = made_of(&[("lra/status.json", b"{}")]);
    assert!(reason(&text).contains("not written by `bench pack`"));
    let (_home, other) = made_of(&[(MANIFEST, b"[]")]);
    assert!(reason(&other).contains(MANIFEST));
    let foreign = String::from_utf8_lossy(GOOD).replace("bench-pack", "tar");
    assert!(reason(&made_of(&[(MANIFEST, foreign.as_bytes())]).1).contains("tar"));
    let newer = String::from_utf8_lossy(GOOD).replace("\"version\": 1", "\"version\": 2");
    assert!(reason(&made_of(&[(MANIFEST, newer.as_bytes())]).1).contains("version 2"));
    assert!(reason(&made_of(&[(MANIFEST, GOOD)]).1).contains("`lra`"));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["../x", "/x", "lra/../../x", "lra//x", "./x", "lra/.", "lra\\..\\x", "", "a/\0"] {
        assert!(!is_inside(name), "{name:?}");
        if name.is_empty() || name.contains('\0') {
            continue;
        }
        let (home, path) = made_of(&[(MANIFEST, GOOD), ("lra/status.json", b"{}"), (name, b"evil")]);
        assert!(reason(&path).contains("elsewhere"), "{name}");
        assert!(!home.path().parent().unwrap().join("x").exists() && !Path::new("/x").exists());
        let folder = String::from_utf8_lossy(GOOD).replace("\"lra\"", &serde_json::to_string(name).unwrap());
        assert!(reason(&made_of(&[(MANIFEST, folder.as_bytes())]).1).contains("elsewhere"), "{name}");
    }
    assert!(is_inside("lra/a.b.s0/status.json") && is_inside("..a"));
}

#[test]
fn an_archive_that_grows_without_measure_is_refused() {
    // Deflation makes a thousandth of zeros.
    let zeros = vec![0; (super::unpack::SMALL >> 6) as usize];
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.zip");
    let mut archive = ZipWriter::new(std::io::BufWriter::new(std::fs::File::create(&path).unwrap()));
    archive.start_file(MANIFEST, SimpleFileOptions::default()).unwrap();
    archive.write_all(GOOD).unwrap();
    for part in 0..65 {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        archive.start_file(format!("lra/{part}"), options).unwrap();
        archive.write_all(&zeros).unwrap();
    }
    archive.finish().unwrap().flush().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() < 4 << 20);
    assert!(reason(&path).contains("more than"));
}
