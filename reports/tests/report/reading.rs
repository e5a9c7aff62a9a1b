//! Runs that are damaged, copied, or of another version.

use std::fs;

use reports::{Field, Flag, Formats, ReportError, UnknownFormat};
use tempfile::tempdir;
use vocabulary::record::State;

use super::{compare, load, made_up, row, status, support, write};

#[test]
fn a_cut_last_line_is_left_out_and_marked() {
    let dir = tempdir().unwrap();
    let cell = support::cell("smnist", "lstm-64", 69_000, 0, 0.9).state(State::Running, None, None);
    let folder = cell.write(&dir.path().join("e"));
    let file = folder.join("metrics.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 20]).unwrap();
    let runs = load(&[dir.path().join("e")]).unwrap();
    assert_eq!(runs.all[0].cut_lines, 1);
    assert_eq!(runs.all[0].lines.len(), cell.lines().len() - 1);
    let paths = write(&[dir.path().join("e")], &dir.path().join("out"), "md".parse().unwrap()).unwrap();
    assert!(fs::read_to_string(paths.markdown.unwrap()).unwrap().contains(Flag::CutLine.text()));
}

#[test]
fn damage_before_the_last_line_is_named_with_its_line_and_left_out() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    support::cell("smnist", "lstm-64", 69_000, 1, 0.8).write(&home);
    let folder = support::cell("smnist", "lstm-64", 69_000, 0, 0.9).write(&home);
    let file = folder.join("metrics.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, whole.replacen("\"kind\"", "\"kin", 1)).unwrap();
    let runs = load(std::slice::from_ref(&home)).unwrap();
    assert_eq!((runs.all.len(), runs.left_out.len()), (1, 1));
    assert_eq!(runs.left_out[0].path, folder);
    assert!(runs.left_out[0].reason.contains(&format!("{}:1:", file.display())), "{}", runs.left_out[0]);
    // Nothing else is there: that is an error.
    let error = load(&[folder]).unwrap_err();
    assert!(matches!(&error, ReportError::Parse { path, line: 1, .. } if *path == file), "{error}");
}

#[test]
fn one_damaged_run_does_not_keep_the_others_from_their_report() {
    let damages: [(&str, Vec<u8>); 9] = [
        ("cell.yaml", b"schema: 1\nid: [".to_vec()),
        ("cell.yaml", Vec::new()),
        ("cell.yaml", vec![0xff, 0x00, 0xfe]),
        ("cell.yaml", vec![b'#'; 20 << 20]),
        ("status.json", b"{\"schema\": 1, \"sta".to_vec()),
        ("status.json", Vec::new()),
        ("status.json", b"{\"somebody\": \"else\"}".to_vec()),
        ("metrics.jsonl", vec![0; 3 << 20]),
        ("metrics.jsonl", b"{\"kind\n{}\n{}\n".to_vec()),
    ];
    for (file, bytes) in damages {
        let dir = tempdir().unwrap();
        let home = dir.path().join("e");
        for seed in 0..3 {
            support::cell("smnist", "lstm-64", 69_000, seed, 0.8 + 0.01 * seed as f64).write(&home);
        }
        let bad = home.join("smnist.lstm-64.s1");
        fs::write(bad.join(file), &bytes).unwrap();
        let out = dir.path().join("out");
        let paths = write(std::slice::from_ref(&home), &out, "md,csv,html".parse().unwrap()).unwrap();
        assert_eq!(paths.left_out.len(), 1, "{file}: {:?}", paths.left_out);
        assert!(paths.left_out[0].contains("smnist.lstm-64.s1") && paths.left_out[0].contains(file));
        let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
        assert!(text.contains("81.00 ± 1.41 (n = 2)"), "{file}: {text}");
        assert!(text.contains("## Left out") && text.contains("| smnist.lstm-64.s1 |"), "{file}: {text}");
        let page = fs::read_to_string(paths.index.unwrap()).unwrap();
        assert!(page.contains("Left out") && page.contains("smnist.lstm-64.s1"));
        let table = status(&home).unwrap();
        assert_eq!(row(&table, "smnist.lstm-64.s1")[1], "left out");
        assert_eq!(compare(&[home], &Field::Baseline).unwrap().notes.len(), 1);
    }
}

#[test]
fn a_damaged_description_leaves_the_runs_as_they_are() {
    let (_dir, home) = made_up();
    fs::write(home.join("experiment.yaml"), "name: [").unwrap();
    let runs = load(std::slice::from_ref(&home)).unwrap();
    assert_eq!((runs.experiments[0].name.as_str(), runs.left_out.len()), ("made-up", 1));
    assert_eq!(runs.all.len(), 22);
}

#[test]
fn a_copied_folder_is_not_another_seed() {
    let (_dir, home) = made_up();
    let original = home.join("smnist.ccnn-4-140.s0");
    let copy = home.join("copy-of-smnist.ccnn-4-140.s0");
    fs::create_dir(&copy).unwrap();
    for file in ["cell.yaml", "status.json", "metrics.jsonl"] {
        fs::copy(original.join(file), copy.join(file)).unwrap();
    }
    let runs = load(&[home]).unwrap();
    assert_eq!(runs.left_out.iter().map(|entry| &entry.path).collect::<Vec<_>>(), [&copy]);
    assert_eq!(runs.all.len(), 22);
}

#[test]
fn a_newer_schema_is_refused() {
    let dir = tempdir().unwrap();
    let mut cell = support::cell("smnist", "lstm-64", 69_000, 0, 0.9);
    cell.status.schema = 2;
    cell.write(&dir.path().join("e"));
    let error = load(&[dir.path().join("e")]).unwrap_err();
    assert!(matches!(error, ReportError::NewerSchema { found: 2, .. }), "{error}");
    cell.status.schema = 1;
    let folder = cell.write(&dir.path().join("e"));
    // A newer record may have fields and shapes we cannot parse: the version decides first.
    fs::write(folder.join("cell.yaml"), "schema: 7\nshape_of_things: to come\n").unwrap();
    let error = load(&[dir.path().join("e")]).unwrap_err();
    assert!(matches!(error, ReportError::NewerSchema { found: 7, .. }), "{error}");
    // Beside others it is left out, by name.
    support::cell("smnist", "lstm-64", 69_000, 1, 0.9).write(&dir.path().join("e"));
    let runs = load(&[dir.path().join("e")]).unwrap();
    assert!(runs.left_out[0].reason.contains("schema 7 is newer"), "{}", runs.left_out[0]);
}

#[test]
fn folders_of_experiments_are_found_and_repeats_are_refused() {
    let (dir, home) = made_up();
    let one = load(std::slice::from_ref(&home)).unwrap();
    assert_eq!(load(&[dir.path().to_owned()]).unwrap().all.len(), one.all.len());
    assert_eq!(load(&[home.clone(), dir.path().to_owned()]).unwrap().all.len(), one.all.len());
    let single = load(&[home.join("smnist.lstm-64.s0")]).unwrap();
    assert_eq!((single.all.len(), single.experiments[0].name.as_str()), (1, "made-up"));
    let copy = tempdir().unwrap();
    let other = support::experiment(copy.path());
    let error = load(&[home, other]).unwrap_err();
    assert!(matches!(error, ReportError::Duplicate { .. }), "{error}");
    let empty = tempdir().unwrap();
    assert!(matches!(load(&[empty.path().to_owned()]).unwrap_err(), ReportError::NoRuns { .. }));
    assert!(matches!(load(&[empty.path().join("no")]).unwrap_err(), ReportError::Read { .. }));
}

#[test]
fn unknown_formats_are_refused() {
    assert_eq!("html,pdf".parse::<Formats>(), Err(UnknownFormat { name: "pdf".to_owned() }));
    assert_eq!(
        "png, html".parse::<Formats>().unwrap(),
        Formats { html: true, md: false, csv: false, tex: false, svg: false, png: true }
    );
}
