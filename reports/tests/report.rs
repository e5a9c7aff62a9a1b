//! The report of run folders in every state they can be in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use reports::record::State;
use reports::{
    Field, Flag, Formats, Measured, ReportError, Table, Variance, compare, load, status, write, write_diagnostics,
};
use serde_json::json;
use tempfile::{TempDir, tempdir};

fn made_up() -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let home = support::experiment(dir.path());
    (dir, home)
}

fn measured() -> BTreeMap<String, Measured> {
    let measured = Measured {
        inputs: "made-up values".into(),
        samples: 3,
        pairs: false,
        logits_over: "samples × outputs".into(),
        variance: Variance::Population,
        dropout: false,
    };
    BTreeMap::from([("smnist".to_owned(), measured)])
}

fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path).into_iter().map(|(k, v)| (Path::new(path.file_name().unwrap()).join(k), v)));
        } else {
            files.insert(PathBuf::from(path.file_name().unwrap()), fs::read(&path).unwrap());
        }
    }
    files
}

/// Every element is closed, and nothing is left open: enough of XML for what plotters writes.
fn assert_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("an unclosed tag");
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<'), "a raw < inside {tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
            assert_eq!(tag.matches('"').count() % 2, 0, "an open attribute in {tag}");
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "open elements: {open:?}");
}

#[test]
fn the_markdown_report_shows_every_state() {
    let (_dir, home) = made_up();
    let out = home.join("report");
    let paths = write(std::slice::from_ref(&home), &out, "md".parse().unwrap()).unwrap();
    assert_eq!(paths.files, [out.join("report.md")]);
    insta::assert_snapshot!("report", fs::read_to_string(paths.markdown.unwrap()).unwrap());
}

#[test]
fn the_whole_report_is_written_and_reproducible() {
    let (dir, home) = made_up();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    let paths = write(std::slice::from_ref(&home), &first, Formats::ALL).unwrap();
    write(&[home], &second, Formats::ALL).unwrap();
    let files = tree(&first);
    assert_eq!(files, tree(&second), "the same input gives the same bytes");
    assert_eq!(files.len(), paths.files.len(), "nothing temporary is left");
    for name in ["dimensions-pathfinder32", "learning-curves-smnist", "accuracy-against-parameters", "loss-adding-200"]
    {
        for ending in ["svg", "png", "csv"] {
            assert!(files.contains_key(&PathBuf::from(format!("figures/{name}.{ending}"))), "{name}.{ending}");
        }
    }
    let (mut drawings, mut images) = (0, 0);
    for (path, bytes) in &files {
        match path.extension().and_then(|e| e.to_str()) {
            Some("svg") => {
                assert_well_formed(std::str::from_utf8(bytes).unwrap());
                drawings += 1;
            }
            Some("png") => {
                let mut reader = png::Decoder::new(bytes.as_slice()).read_info().unwrap();
                let mut pixels = vec![0; reader.output_buffer_size()];
                let info = reader.next_frame(&mut pixels).unwrap();
                assert!(info.width > 800 && info.height > 500);
                let white = pixels.iter().filter(|p| **p == 255).count() as f64 / pixels.len() as f64;
                assert!((0.5..0.999).contains(&white), "{path:?}: {white} of it is white");
                images += 1;
            }
            _ => {}
        }
    }
    assert_eq!(drawings, images);
    let page = String::from_utf8(files[Path::new("index.html")].clone()).unwrap();
    for text in
        ["Invented numbers", "failed", "pending", "Stopped by time", "d0d0cafe", "fake-host", "0123456789abcdef"]
    {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("<script") && !page.contains("http://") || page.matches("http://").count() == drawings);
    if let Some(keep) = std::env::var_os("BENCH_SAMPLE_REPORT") {
        let keep = PathBuf::from(keep);
        write(&[dir.path().join("made-up")], &keep.join("report"), Formats::ALL).unwrap();
        write_diagnostics(&support::diagnostics(), &measured(), &keep.join("diagnose")).unwrap();
    }
}

#[test]
fn a_cut_last_line_is_left_out_and_marked() {
    let dir = tempdir().unwrap();
    let cell = support::cell("smnist", "lstm-64", 69_000, 0, 0.9).state(State::Running, None, None);
    let folder = cell.write(&dir.path().join("e"));
    let file = folder.join("metrics.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 20]).unwrap();
    let runs = load(&[dir.path().join("e")]).unwrap();
    assert_eq!(runs.cells[0].cut_lines, 1);
    assert_eq!(runs.cells[0].lines.len(), cell.lines().len() - 1);
    let paths = write(&[dir.path().join("e")], &dir.path().join("out"), "md".parse().unwrap()).unwrap();
    assert!(fs::read_to_string(paths.markdown.unwrap()).unwrap().contains(Flag::CutLine.text()));
}

#[test]
fn damage_before_the_last_line_is_an_error_with_its_line() {
    let dir = tempdir().unwrap();
    let folder = support::cell("smnist", "lstm-64", 69_000, 0, 0.9).write(&dir.path().join("e"));
    let file = folder.join("metrics.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, whole.replacen("\"kind\"", "\"kin", 1)).unwrap();
    let error = load(&[dir.path().join("e")]).unwrap_err();
    assert!(matches!(&error, ReportError::Parse { path, line: 1, .. } if *path == file), "{error}");
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
}

#[test]
fn folders_of_experiments_are_found_and_repeats_are_refused() {
    let (dir, home) = made_up();
    let one = load(std::slice::from_ref(&home)).unwrap();
    assert_eq!(load(&[dir.path().to_owned()]).unwrap().cells.len(), one.cells.len());
    assert_eq!(load(&[home.clone(), dir.path().to_owned()]).unwrap().cells.len(), one.cells.len());
    let single = load(&[home.join("smnist.lstm-64.s0")]).unwrap();
    assert_eq!((single.cells.len(), single.experiments[0].name.as_str()), (1, "made-up"));
    let copy = tempdir().unwrap();
    let other = support::experiment(copy.path());
    let error = load(&[home, other]).unwrap_err();
    assert!(matches!(error, ReportError::Duplicate { .. }), "{error}");
    let empty = tempdir().unwrap();
    assert!(matches!(load(&[empty.path().to_owned()]).unwrap_err(), ReportError::NoRuns { .. }));
    assert!(matches!(load(&[empty.path().join("no")]).unwrap_err(), ReportError::Read { .. }));
}

fn row<'a>(table: &'a Table, needle: &str) -> Vec<&'a str> {
    let found = table.rows.iter().find(|r| r.iter().any(|e| e.text.contains(needle))).expect("a row");
    found.iter().map(|e| e.text.as_str()).collect()
}

#[test]
fn status_lists_every_cell() {
    let (_dir, home) = made_up();
    let table = status(&home).unwrap();
    assert_eq!(table.rows.len(), 22);
    assert_eq!(row(&table, "adding-200.gru-64.s0")[1], "pending");
    assert_eq!(row(&table, "smnist.lstm-64.s1")[1..3], ["interrupted", "3"]);
    assert!(table.to_text().lines().count() == 23);
}

#[test]
fn less_is_better_for_errors() {
    let (_dir, home) = made_up();
    let table = compare(&[home], &Field::Baseline).unwrap();
    let adding = table.rows.iter().find(|r| r[2].text.contains("adding-200") && r[5].text != "0").unwrap();
    // CCNN 0.0009 against LSTM 0.012: the difference is positive, and A (the smaller error) wins.
    assert_eq!((adding[0].text.as_str(), adding[1].text.as_str()), ("ccnn-4-64", "lstm-64"));
    assert_eq!((adding[4].text.as_str(), adding[6].text.as_str(), adding[8].text.as_str()), ("+0.0111", "0", "1"));
    assert_eq!(adding[10].text, "2", "one failed, one has no partner");
}

#[test]
fn tasks_are_compared_where_they_share_data() {
    let (_dir, home) = made_up();
    let table = compare(std::slice::from_ref(&home), &Field::Task).unwrap();
    insta::assert_snapshot!("compare-by-task", table.to_markdown());
    let error = compare(&[home], &"training.learning_rat".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("training.learning_rate"), "{error}");
}

#[test]
fn grid_values_make_rows_of_their_own() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..2 {
        for (omega, result) in [(10.0, 0.80), (30.0, 0.90)] {
            support::cell("smnist", "ccnn-4-64", 61_000, seed, result + 0.01 * seed as f64)
                .grid("baseline.omega_0", json!(omega))
                .write(&home);
        }
    }
    let paths = write(std::slice::from_ref(&home), &dir.path().join("out"), "md,csv".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    assert!(text.contains("baseline.omega_0=10.0") && text.contains("80.50 ± 0.71"), "{text}");
    let table = compare(&[home], &"baseline.omega_0".parse().unwrap()).unwrap();
    let texts: Vec<&str> = table.rows[0].iter().map(|e| e.text.as_str()).collect();
    assert_eq!(texts[..2], ["10.0", "30.0"]);
    assert_eq!(texts[4..9], ["+10.00 ± 0.00", "2", "2", "0", "0"]);
}

#[test]
fn notes_on_the_samples_stand_with_the_task() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let mut cell = support::cell("smnist", "lstm-64", 69_000, 0, 0.8);
    cell.record.task.notes = vec!["reconstructed: from JPEG".to_owned()];
    cell.write(&home);
    let paths = write(&[home], &dir.path().join("out"), "md,csv".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    assert!(text.contains("| Notes |") && text.contains("| reconstructed: from JPEG |"), "{text}");
}

#[test]
fn an_extended_run_counts_once_with_its_last_values() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let before = support::cell("smnist", "lstm-64", 69_000, 0, 0.8);
    let after = support::cell("smnist", "lstm-64", 69_000, 0, 0.9).epochs(12);
    let folder = after.write(&home);
    let lines: Vec<String> =
        before.lines().into_iter().chain(after.lines()).map(|l| serde_json::to_string(&l).unwrap() + "\n").collect();
    fs::write(folder.join("metrics.jsonl"), lines.concat()).unwrap();
    let paths = write(&[home], &dir.path().join("out"), "csv".parse().unwrap()).unwrap();
    let csv = fs::read_to_string(paths.files.iter().find(|p| p.ends_with("tables/results.csv")).unwrap()).unwrap();
    let row = csv.lines().nth(1).unwrap();
    assert!(row.contains(",90,1,") && row.contains("0:90"), "{row}");
}

#[test]
fn unknown_formats_are_refused() {
    assert!("html,pdf".parse::<Formats>().unwrap_err().to_string().contains("`pdf`"));
    assert_eq!(
        "png, html".parse::<Formats>().unwrap(),
        Formats { html: true, md: false, csv: false, svg: false, png: true }
    );
}

#[test]
fn diagnostics_are_tabulated_drawn_and_stored() {
    let dir = tempdir().unwrap();
    let lines = support::diagnostics();
    let paths = write_diagnostics(&lines, &measured(), dir.path()).unwrap();
    insta::assert_snapshot!("diagnostics", fs::read_to_string(paths.markdown.unwrap()).unwrap());
    let files = tree(dir.path());
    for name in ["activation-variance", "kernel-variance", "logits-std", "logits-max-abs"] {
        let svg = String::from_utf8(files[&PathBuf::from(format!("figures/{name}.svg"))].clone()).unwrap();
        assert_well_formed(&svg);
    }
    let parquet = &files[Path::new("diagnostics.parquet")];
    assert_eq!((&parquet[..4], &parquet[parquet.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));

    let jsonl = dir.path().join("diagnostics.jsonl");
    let mut text: String = lines.iter().map(|l| serde_json::to_string(l).unwrap() + "\n").collect();
    text.push_str("{\"baseline\":\"cc");
    fs::write(&jsonl, text).unwrap();
    let converted = dir.path().join("converted.parquet");
    assert_eq!(reports::convert_diagnostics(&jsonl, &converted).unwrap(), (lines.len(), 1));
    assert_eq!(&fs::read(converted).unwrap(), parquet);
}

/// A cell of Long Range Arena: task, published name of its data, shape.
fn arena_cell(task: &str, label: &str, shape: &[usize], result: f64) -> support::Fake {
    let mut cell = support::cell("smnist", "s4-6-256", 1_000_000, 0, result);
    cell.record.id = format!("{label}.s4.s0");
    cell.record.task.name = task.to_owned();
    cell.record.task.label = label.to_owned();
    cell.record.task.shape = shape.to_vec();
    cell.record.task.version = "lra@char-4096".to_owned();
    cell.record.baseline.label = "s4".to_owned();
    cell
}

const ARENA: [(&str, &str, &[usize], f64); 6] = [
    ("listops", "listops", &[1, 2048], 0.55),
    ("text", "text", &[1, 4096], 0.80),
    ("retrieval", "retrieval", &[1, 4000], 0.85),
    ("image", "image-1d", &[1, 1024], 0.82),
    ("pathfinder", "pathfinder32", &[1, 1024], 0.90),
    ("pathfinder", "pathx", &[1, 16384], 0.70),
];

fn arena_row(home: &Path, row: &str) -> (String, Vec<String>) {
    let out = home.join("report");
    let paths = write(&[home.to_owned()], &out, "md,csv".parse().unwrap()).unwrap();
    let csv = fs::read_to_string(out.join("tables/long-range-arena.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let found = reader.records().map(Result::unwrap).find(|r| &r[0] == row).unwrap();
    (fs::read_to_string(paths.markdown.unwrap()).unwrap(), found.iter().map(str::to_owned).collect())
}

#[test]
fn the_average_of_the_arena_leaves_no_task_out() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("lra");
    for (task, label, shape, result) in ARENA {
        arena_cell(task, label, shape, result).write(&home);
    }
    let (_, row) = arena_row(&home, "s4");
    let number = |column: usize| row[column].parse::<f64>().unwrap();
    assert!((number(7) - 100.0 * 4.62 / 6.0).abs() < 1e-9, "{row:?}");
    // (0.55 − 0.1) / 0.9 = 0.5, then 0.6, 0.7, 0.8, 0.8, 0.4.
    assert!((number(8) - 100.0 * 3.8 / 6.0).abs() < 1e-9, "{row:?}");

    // Without the data of one task there is no average, and the command that fetches them is named.
    arena_cell("retrieval", "retrieval", &[1, 4000], 0.0)
        .state(State::Skipped, Some("missing_data"), Some("aan is missing; fetch it with `bench data fetch aan`"))
        .epochs(0)
        .write(&home);
    fs::remove_file(home.join("retrieval.s4.s0/metrics.jsonl")).unwrap();
    let (text, row) = arena_row(&home, "s4");
    assert_eq!((row[3].as_str(), row[7].as_str(), row[8].as_str()), ("missing", "", ""));
    assert!(text.contains("– (5 of 6)") && text.contains("fetch it with `bench data fetch aan`"), "{text}");
    assert!(text.contains(Flag::MissingData.text()) && text.contains(Flag::Incomplete.text()), "{text}");
    let (_, published) = arena_row(&home, "S4-LegS, published");
    assert_eq!(published[1], "59.6");
}

#[test]
fn one_task_of_the_arena_makes_no_table_of_it() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    arena_cell("listops", "listops", &[1, 2048], 0.5).write(&home);
    let paths = write(&[home], &dir.path().join("out"), "csv".parse().unwrap()).unwrap();
    assert!(!paths.files.iter().any(|path| path.ends_with("long-range-arena.csv")));
}

#[test]
fn another_scale_makes_rows_of_its_own_and_stands_on_every_table() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99).write(&home);
    let mut smoke = support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.1);
    smoke.record.id = "smnist.ccnn-4-140.smoke.s0".to_owned();
    smoke.record.scale = "smoke".to_owned();
    smoke.write(&home);
    let out = dir.path().join("out");
    let paths = write(&[home], &out, "md,csv".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    let tables = text.matches("\n## ").count()
        - ["## Figures", "## Notes", "## Provenance"].iter().filter(|h| text.contains(*h)).count();
    assert_eq!(text.matches("Scale smoke: 5 steps").count(), tables, "{text}");
    assert!(text.contains("- Scale: paper, smoke"), "{text}");
    let csv = fs::read_to_string(out.join("tables/results.csv")).unwrap();
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{csv}");
    let [paper, smoke] = [0, 1].map(|i| rows[i]);
    assert!(!paper.contains("scale=smoke") && paper.contains("-0.71"), "{csv}");
    assert!(smoke.contains("scale=smoke") && smoke.contains(Flag::OtherScale.text()), "{csv}");
}

#[test]
fn the_sources_of_settings_stand_in_the_report() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (label, sources) in [("ccnn-4-140", vec!["README, table 1"]), ("lstm-64", vec!["ours", "and theirs"])] {
        let mut cell = support::cell("smnist", label, 100_000, 0, 0.9);
        cell.record.sources = sources.into_iter().map(str::to_owned).collect();
        cell.write(&home);
    }
    let out = dir.path().join("out");
    let paths = write(&[home], &out, "md,csv".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    assert!(text.contains("| R1 | smnist × ccnn-4-140 | README, table 1 |"), "{text}");
    assert!(text.contains("| R2 | smnist × lstm-64 | ours; and theirs |"), "{text}");
    let results = fs::read_to_string(out.join("tables/results.csv")).unwrap();
    assert!(results.contains("ours; and theirs"), "{results}");
}
