//! The report of run folders in every state they can be in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use reports::{
    AddedSettings, Field, Flag, Formats, Measured, ReportError, ReportPaths, Runs, Table, UnknownFormat, Variance,
    write_diagnostics,
};
use serde_json::json;
use tempfile::{TempDir, tempdir};
use vocabulary::Scale;
use vocabulary::record::{SampleOutcome, State, StopReason};

/// What a made-up baseline gained.
fn added() -> AddedSettings {
    AddedSettings::default().with("flexnet", [("initialisation", json!("original"))])
}

fn write(dirs: &[PathBuf], out: &Path, formats: Formats) -> Result<ReportPaths, ReportError> {
    reports::write(dirs, out, formats, None, &added())
}

fn load(dirs: &[PathBuf]) -> Result<Runs, ReportError> {
    reports::load(dirs, &added())
}

fn compare(dirs: &[PathBuf], by: &Field) -> Result<Table, ReportError> {
    reports::compare(dirs, by, &added())
}

fn status(dir: &Path) -> Result<Table, ReportError> {
    reports::status(dir, &added())
}

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
    assert_eq!(page.matches("<script").count(), 1);
    let images = page.matches("<svg xmlns=\"http://www.w3.org/2000/svg\"").count();
    assert!(
        !page.contains("https://") && page.matches("http://").count() == images + 1,
        "the script names the name space"
    );
    if let Some(keep) = std::env::var_os("BENCH_SAMPLE_REPORT") {
        let keep = PathBuf::from(keep);
        write(&[dir.path().join("made-up")], &keep.join("report"), Formats::ALL).unwrap();
        write_diagnostics(&support::diagnostics(), &measured(), &[], "key", &keep.join("diagnose")).unwrap();
    }
}

/// Whether a spreadsheet would take a field of a CSV file for a formula.
fn is_formula(field: &str) -> bool {
    let numbers = field.split(' ').all(|word| word.parse::<f64>().is_ok());
    field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && !numbers
}

#[test]
fn hostile_names_are_text_in_every_format() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("=cmd|calc e");
    let name = "</script><img src=x onerror='harm()'>\"&\n=cmd|' /C calc'!A0";
    for (begin, baseline) in [("=cmd|' /C calc'!A0", "lstm-64"), ("@SUM(1+1)*cmd", "gru-64"), ("\t-2+3", "rnn-64")] {
        for seed in 0..3 {
            for task in ["smnist", "pathfinder32-1d"] {
                let mut cell = support::cell(task, baseline, 69_000, seed, 0.9 + 0.01 * seed as f64);
                cell.record.baseline.label = format!("{begin}{name}");
                cell.record.task.label = format!("={task} {name}");
                cell.record.experiment = format!("+{name}");
                cell.record.task.notes = vec![format!("@{name}")];
                cell.status.host = Some(format!("-{name}"));
                cell.status.message = Some(format!("\u{1b}[2J{name}"));
                let folder = cell.write(&home);
                support::outcomes(&folder, 3, name);
            }
        }
    }
    // Folders that are left out are named.
    let broken = home.join("=cmd|'!A0\u{1b}[31m<script>.x.s0");
    fs::create_dir_all(&broken).unwrap();
    fs::write(broken.join("cell.yaml"), "{").unwrap();
    fs::write(
        home.join("experiment.yaml"),
        json!({"schema": 1, "name": format!("={name}"), "description": name}).to_string(),
    )
    .unwrap();
    for table in [status(&home).unwrap(), compare(std::slice::from_ref(&home), &Field::Baseline).unwrap()] {
        let text = table.to_text();
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text}");
        let csv = table.csv().unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_slice());
        assert!(!reader.records().any(|row| row.unwrap().iter().any(is_formula)));
    }
    let paths = write(&[home], &dir.path().join("out"), Formats::ALL).unwrap();
    let page = fs::read_to_string(paths.index.as_ref().unwrap()).unwrap();
    for (mark, times) in [("<script", 1), ("</script", 1), ("<style", 1), ("<img src=x", 0), ("onerror='", 0)] {
        assert_eq!(page.matches(mark).count(), times, "{mark}");
    }
    for name in ["best", "samples", "across-tasks", "pairs-across-tasks", "worst-errors", "left-out"] {
        assert!(paths.files.iter().any(|path| path.ends_with(format!("tables/{name}.csv"))), "{name}");
    }
    // What the script reads is JSON within attributes that no name ends.
    let dots = page.match_indices("data-dots='").map(|(attribute, _)| {
        let value = page[attribute..].split('\'').nth(1).unwrap().replace("&quot;", "\"");
        serde_json::from_str::<serde_json::Value>(&value).unwrap()
    });
    assert!(dots.into_iter().any(|dots| dots[0][2].as_str().unwrap().contains("seeds: s0 90.00 %, s1 91.00 %")));
    for path in &paths.files {
        let text = fs::read_to_string(path).unwrap_or_default();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => assert_well_formed(&text),
            Some("csv") => {
                let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
                for row in reader.records() {
                    let row = row.unwrap();
                    assert!(!row.iter().any(is_formula), "{}: {row:?}", path.display());
                }
            }
            Some("tex") => assert!(!text.contains("=cmd|") && !text.contains("<script"), "{text}"),
            Some("md") => {
                assert!(!text.contains("<script") && !text.contains("<img") && !text.contains('\u{1b}'), "{text}")
            }
            _ => {}
        }
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
    assert_eq!((adding[4].text.as_str(), adding[10].text.as_str(), adding[12].text.as_str()), ("+0.0111", "0", "1"));
    assert_eq!(adding[14].text, "2", "one failed, one has no partner");
}

#[test]
fn tasks_are_compared_where_they_share_data() {
    let (_dir, home) = made_up();
    let table = compare(std::slice::from_ref(&home), &Field::Task).unwrap();
    insta::assert_snapshot!("compare-by-task", table.to_markdown());
    let error = compare(&[home], &"training.learning_rat".parse().unwrap()).unwrap_err();
    let ReportError::UnknownField { field, known } = &error else { panic!("{error}") };
    assert!(field == "training.learning_rat" && known.split(", ").any(|field| field == "training.learning_rate"));
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

/// Test values of the results table by grid text.
fn results(home: &Path) -> BTreeMap<String, (String, String)> {
    let out = tempdir().unwrap();
    write(&[home.to_owned()], out.path(), "csv".parse().unwrap()).unwrap();
    let csv = fs::read_to_string(out.path().join("tables/results.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let titles = reader.headers().unwrap().clone();
    let column = |name: &str| titles.iter().position(|title| title == name);
    let text = |row: &csv::StringRecord, name: &str| column(name).map_or(String::new(), |i| row[i].to_owned());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let found = rows.iter().map(|row| (text(row, "Grid"), (text(row, "n"), text(row, "Difference")))).collect();
    assert_eq!(BTreeMap::len(&found), rows.len(), "rows with the same name: {csv}");
    found
}

#[test]
fn only_runs_that_differ_in_their_seed_alone_are_pooled() {
    let dir = tempdir().unwrap();
    for (index, change) in [
        ("training.epochs=20", json!({"training": {"learning_rate": 0.01, "epochs": 20}})),
        ("task.permutation=mine.txt", json!({"task": {"config": {"permutation": "mine.txt"}}})),
        ("baseline.omega_0=10", json!({"baseline": {"config": {"omega_0": 10.0}}})),
        ("task.version=smnist@made-up-2", json!({"task": {"version": "smnist@made-up-2"}})),
        ("task.data_hash=0badf00d", json!({"task": {"data_hash": "0badf00d0badf00d"}})),
        ("device=cuda", json!({"device": "cuda:1"})),
    ]
    .into_iter()
    .enumerate()
    {
        let home = dir.path().join(format!("e{index}"));
        for seed in 0..4 {
            let mut cell = support::cell("smnist", "ccnn-4-140", 200_500, seed, 0.99);
            if seed == 3 {
                let mut record = serde_json::to_value(&cell.record).unwrap();
                merge(&mut record, &change.1);
                cell.record = serde_json::from_value(record).unwrap();
            }
            cell.write(&home);
        }
        let found = results(&home);
        let sizes: Vec<&str> = found.values().map(|(n, _)| n.as_str()).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(sizes.contains(&"3") && sizes.contains(&"1"), "{found:?}");
        assert!(found.contains_key(change.0), "{} in {found:?}", change.0);
    }
}

fn merge(into: &mut serde_json::Value, change: &serde_json::Value) {
    match (into, change) {
        (serde_json::Value::Object(into), serde_json::Value::Object(change)) => {
            for (key, value) in change {
                merge(into.entry(key.clone()).or_insert(json!(null)), value);
            }
        }
        (into, change) => *into = change.clone(),
    }
}

#[test]
fn a_run_that_has_not_begun_goes_with_its_seeds() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99).write(&home);
    let mut pending =
        support::cell("smnist", "ccnn-4-140", 200_500, 1, 0.0).state(State::Pending, None, None).epochs(0);
    pending.record.task.data_hash = None;
    pending.write(&home);
    assert_eq!(results(&home).len(), 1);
}

#[test]
fn an_extended_run_is_named_everywhere_and_pooled_with_no_other() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..3 {
        let mut cell = support::cell("smnist", "ccnn-4-140", 200_500, seed, 0.99).epochs(210);
        cell.record.training["epochs"] = json!(210);
        if seed == 0 {
            cell.record.extended_from = vec![10];
        }
        cell.write(&home);
    }
    let found = results(&home);
    let extended = "(210 epochs, extended from 10)";
    assert_eq!(found[extended], ("1".to_owned(), String::new()), "{found:?}");
    assert_eq!(found[""].0, "2");
    assert!(!found[""].1.is_empty(), "fresh runs have a difference: {found:?}");
    let paths = write(std::slice::from_ref(&home), &dir.path().join("out"), Formats::ALL).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    let tables = ["At a glance", "Results", "Every run"];
    for part in text.split("\n## ").filter(|part| tables.iter().any(|title| part.starts_with(title))) {
        assert!(part.contains("extended from 10"), "{part}");
    }
    assert!(text.contains(Flag::Extended.text()));
    for figure in ["learning-curves-smnist", "accuracy-against-parameters", "loss-smnist"] {
        let svg = fs::read_to_string(dir.path().join(format!("out/figures/{figure}.svg"))).unwrap();
        assert!(svg.contains("extended from 10"), "{figure}");
    }
    assert!(row(&status(&home).unwrap(), "smnist.ccnn-4-140.s0").iter().any(|text| text.contains("extended from 10")));
}

#[test]
fn a_run_by_several_builds_and_devices_says_so() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let mut cell = support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99)
        .attempt("cuda:0", Some("Fake GPU 1"), Some("aaaaaaaa1"))
        .attempt("cuda:1", Some("Fake GPU 2"), None);
    cell.record.device = "cuda".to_owned();
    cell.write(&home);
    // One device twice, one build twice: nothing to say.
    support::cell("smnist", "lstm-64", 69_000, 0, 0.9)
        .attempt("cuda:0", Some("Fake GPU 1"), Some("aaaaaaaa1"))
        .attempt("cuda:1", Some("Fake GPU 1"), Some("aaaaaaaa1"))
        .write(&home);
    let paths = write(&[home], &dir.path().join("out"), "md,csv".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    assert!(text.contains(Flag::SeveralBuilds.text()) && text.contains(Flag::SeveralDevices.text()), "{text}");
    let results = fs::read_to_string(dir.path().join("out/tables/results.csv")).unwrap();
    assert_eq!(results.matches(Flag::SeveralBuilds.text()).count(), 1, "{results}");
    assert_eq!(results.matches(Flag::SeveralDevices.text()).count(), 1, "{results}");
    assert!(text.contains("## Attempts") && text.contains("| aaaaaaaa, unknown"), "{text}");
    assert!(text.contains("cuda: Fake GPU 1, Fake GPU 2"), "{text}");
}

#[test]
fn the_best_is_marked_among_rows_that_compare() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..3 {
        for (baseline, result) in [("ccnn-4-140", 0.90), ("lstm-64", 0.80)] {
            let result = result + 0.001 * seed as f64;
            support::cell("smnist", baseline, 200_500, seed, result).write(&home);
            for (word, gain) in [(Scale::Smoke, 0.05), (Scale::Laptop, 0.02)] {
                let mut cell = support::cell("smnist", baseline, 200_500, seed, result + gain);
                cell.record.scale = word;
                cell.id(&format!("smnist.{baseline}.{word}.s{seed}")).write(&home);
            }
            // Alone in its protocol: no best among one.
            let mut other = support::cell("smnist", "gru-1", 200_500, seed, 0.99 + 0.001 * seed as f64);
            other.record.task.config = json!({"permutation": "mine.txt"});
            other.write(&home);
        }
    }
    let paths = write(&[home], &dir.path().join("out"), "md".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    let best: Vec<&str> = text.split("**").skip(1).step_by(2).collect();
    // In the table at a glance, and in that of the results.
    let glance = ["90.10 ± 0.10 (n = 3)", "92.10 ± 0.10 (n = 3)", "95.10 ± 0.10 (n = 3)"];
    let results = ["90.10 ± 0.10", "92.10 ± 0.10", "95.10 ± 0.10"];
    assert_eq!(best, [glance, results].concat(), "{text}");
}

/// The rows of a table of the report, by the names of their columns.
fn table_of(home: &Path, name: &str) -> Vec<BTreeMap<String, String>> {
    let out = tempdir().unwrap();
    write(&[home.to_owned()], out.path(), "csv".parse().unwrap()).unwrap();
    let csv = fs::read_to_string(out.path().join(format!("tables/{name}.csv"))).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let titles = reader.headers().unwrap().clone();
    let row = |row: csv::StringRecord| titles.iter().map(str::to_owned).zip(row.iter().map(str::to_owned)).collect();
    reader.records().map(|record| row(record.unwrap())).collect()
}

#[test]
fn a_difference_stands_only_beside_the_published_training_and_network() {
    let whole = || support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99).epochs(210);
    let with = |change: &dyn Fn(&mut support::Fake)| {
        let dir = tempdir().unwrap();
        let mut cell = whole();
        change(&mut cell);
        cell.write(&dir.path().join("e"));
        let row = table_of(&dir.path().join("e"), "results").remove(0);
        (row["Difference"].clone(), row["remarks"].clone())
    };
    assert!(with(&|_| {}).0.starts_with("-0.7"));
    let recipe = json!({"batch_size": 100, "early_stopping": 200, "steps_per_epoch": null});
    assert!(with(&|cell| cell.record.training = recipe.clone()).0.starts_with("-0.7"));
    let none = |flag: Flag, change: &dyn Fn(&mut support::Fake)| {
        let (difference, remarks) = with(change);
        assert!(difference.is_empty() && remarks.contains(flag.text()), "{flag:?}: {difference} {remarks}");
    };
    none(Flag::StoppedBySteps, &|cell| cell.status.reason = Some(StopReason::MaxSteps));
    none(Flag::StoppedByTime, &|cell| cell.status.reason = Some(StopReason::MaxTime));
    none(Flag::OtherTraining, &|cell| cell.status.epoch = 209);
    none(Flag::OtherTraining, &|cell| cell.record.training["steps_per_epoch"] = json!(1));
    none(Flag::OtherTraining, &|cell| cell.record.training["batch_size"] = json!(1000));
    none(Flag::OtherTraining, &|cell| {
        cell.record.training["batch_size"] = json!(100);
        cell.record.training["accumulate_grad_steps"] = json!(2);
    });
    none(Flag::OtherTraining, &|cell| {
        (cell.status.epoch, cell.status.reason) = (4, Some(StopReason::EarlyStopping));
        cell.record.training["early_stopping"] = json!(2);
    });
    none(Flag::OtherNetwork, &|cell| cell.record.baseline.config["mask"] = json!("none"));
    none(Flag::ReducedData, &|cell| cell.record.task.splits = [1_000, 59_000, 10_000]);
}

/// Two papers print 95.27 and 95.30 of the same network.
#[test]
fn the_difference_to_several_published_values_is_the_distance_to_their_range() {
    let row = |result: f64, epochs: u64| {
        let dir = tempdir().unwrap();
        let mut cell = support::cell("smnist", "ckcnn-2-30", 100_000, 0, result).epochs(epochs);
        let task = &mut cell.record.task;
        (task.name, task.label) = ("speech-mfcc".to_owned(), "speech-mfcc".to_owned());
        (task.shape, task.splits, task.config) = (vec![20, 161], [24_482, 5_246, 5_247], json!({}));
        cell.write(&dir.path().join("e"));
        table_of(&dir.path().join("e"), "results").remove(0)
    };
    for (result, difference) in [(0.9500, -0.27), (0.9528, 0.0), (0.9600, 0.70)] {
        let row = row(result, 200);
        assert_eq!(row["Published (paper)"], "95.27–95.30");
        assert!((row["Difference"].parse::<f64>().unwrap() - difference).abs() < 1e-9, "{row:?}");
        let source = &row["Source of the published value"];
        assert_eq!(source, "95.27: arXiv 2110.08059 Table 2; 95.30: arXiv 2206.03398v2 Table 2");
    }
    assert_eq!(row(0.9528, 199)["Difference"], "", "a shorter training does not compare");
}

#[test]
fn published_values_chosen_on_test_samples_are_named() {
    let named = |label: &str, parameters: u64| {
        let dir = tempdir().unwrap();
        support::cell("smnist", label, parameters, 0, 0.99).write(&dir.path().join("e"));
        let paths = write(&[dir.path().join("e")], &dir.path().join("out"), "md".parse().unwrap()).unwrap();
        fs::read_to_string(paths.markdown.unwrap()).unwrap().contains("epoch chosen on the test samples")
    };
    assert!(named("ckcnn-2-30", 98_000) && !named("ccnn-4-140", 200_500));
}

#[test]
fn published_values_are_drawn_beside_their_own_task_alone() {
    let drawn = |change: &dyn Fn(&mut support::Fake)| {
        let dir = tempdir().unwrap();
        let home = dir.path().join("e");
        let mut cell = support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99);
        change(&mut cell);
        cell.write(&home);
        write(&[home], &dir.path().join("out"), Formats::ALL).unwrap();
        fs::read_to_string(dir.path().join("out/figures/accuracy-against-parameters.csv")).unwrap()
    };
    assert!(drawn(&|_| {}).contains("published, sMNIST"));
    for change in [
        (&|cell: &mut support::Fake| cell.record.task.splits = [8_000, 500, 1_000]) as &dyn Fn(&mut support::Fake),
        &|cell| cell.record.task.config["permutation"] = json!("mine.txt"),
        &|cell| cell.record.scale = Scale::Laptop,
        &|cell| cell.status.reason = Some(StopReason::MaxTime),
        &|cell| cell.status.reason = Some(StopReason::MaxSteps),
    ] {
        let csv = drawn(change);
        assert!(!csv.contains("published"), "{csv}");
    }
    // Beside a run that compares, the others say in what they do not.
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99).write(&home);
    support::cell("smnist", "lstm-64", 69_000, 0, 0.3).state(State::Done, Some(StopReason::MaxTime), None).write(&home);
    write(&[home], &dir.path().join("out"), Formats::ALL).unwrap();
    let csv = fs::read_to_string(dir.path().join("out/figures/accuracy-against-parameters.csv")).unwrap();
    assert!(csv.contains("published, sMNIST") && csv.contains("stopped by a limit"), "{csv}");
}

#[test]
fn remarks_on_the_tasks_of_the_arena_are_those_on_its_average() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("lra");
    for (index, (task, label, shape, result)) in ARENA.into_iter().enumerate() {
        let mut cell = arena_cell(task, label, shape, result);
        cell.record.task.splits = [100, 100, 100];
        if index == 5 {
            cell.status.reason = Some(StopReason::MaxTime);
        }
        cell.write(&home);
    }
    let paths = write(std::slice::from_ref(&home), &home.join("report"), "md".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    let part = text.split("\n## ").find(|part| part.starts_with("Long Range Arena")).unwrap();
    let row = part.lines().find(|line| line.starts_with("| s4 |")).unwrap();
    let letters = |flag: Flag| {
        let line = text.lines().find(|line| line.contains(flag.text())).unwrap();
        line.split("<sup>").nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    for average in [8, 9].map(|column| row.split('|').nth(column).unwrap()) {
        for flag in [Flag::ReducedData, Flag::StoppedByTime, Flag::FewSeeds] {
            assert!(average.split("<sup>").nth(1).unwrap().contains(&letters(flag)), "{flag:?}: {row}");
        }
    }
}

#[test]
fn a_task_of_the_arena_at_another_difficulty_was_run_all_the_same() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("lra");
    for (index, (task, label, shape, result)) in ARENA.into_iter().enumerate() {
        let mut cell = arena_cell(task, label, shape, result);
        if index == 0 {
            cell.record.task.config = json!({"max_length": 120});
        }
        cell.write(&home);
    }
    let (_, row) = arena_row(&home, "s4");
    assert_eq!((row[1].as_str(), row[7].as_str()), ("another difficulty", ""), "{row:?}");
}

#[test]
fn tables_hold_one_unit_and_a_seed_without_a_value_is_told() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (seed, result) in [(0, f64::NAN), (1, 0.01), (2, 0.02), (3, 0.03)] {
        support::cell("adding-200", "lstm-64", 17_409, seed, result).write(&home);
        support::cell("adding-200", "gru-64", 17_409, seed, 0.5).write(&home);
    }
    support::cell("smnist", "lstm-64", 69_000, 0, 0.9).write(&home);
    let results = table_of(&home, "results");
    let row = results.iter().find(|row| row["Task"] == "adding-200" && row["Baseline"] == "lstm-64").unwrap();
    assert!(row["n"] == "3" && row["remarks"].contains(Flag::NoValue.text()), "{row:?}");
    let summary = table_of(&home, "summary");
    let row = summary.iter().find(|row| row["Baseline"] == "lstm-64").unwrap();
    assert_eq!(row["smnist (accuracy, % ↑)"], "90");
    assert!(row["remarks"].contains(Flag::NoValue.text()));
    let paths = write(&[home], &dir.path().join("out"), "md".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    assert!(!text.contains("**0.02"), "a mean that lacks a seed is not the best: {text}");
}

#[test]
fn an_interval_over_seeds_needs_three_that_differ() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let cells = [
        ("three", vec![0.70, 0.71, 0.72]),
        ("two", vec![0.70, 0.71]),
        ("one", vec![0.70]),
        ("equal", vec![0.7; 3]),
        ("holed", vec![0.70, f64::NAN, 0.72]),
        ("infinite", vec![0.70, 0.71, f64::INFINITY]),
    ];
    for (baseline, values) in &cells {
        for (seed, value) in values.iter().enumerate() {
            support::cell("smnist", baseline, 10_000, seed as u64, *value).write(&home);
        }
    }
    let rows = table_of(&home, "results");
    let shown: BTreeMap<&str, &str> = rows.iter().map(|r| (&*r["Baseline"], &*r["95 % interval"])).collect();
    assert_eq!(shown.len(), cells.len());
    let ends: Vec<f64> = shown["three"].split(' ').map(|end| end.parse().unwrap()).collect();
    // 71 ± 4.3027 · 1 / √3, from a table of t.
    assert!((ends[0] - 68.5159).abs() < 1e-3 && (ends[1] - 73.4841).abs() < 1e-3, "{ends:?}");
    for baseline in ["two", "one", "equal", "holed", "infinite"] {
        assert_eq!(shown[baseline], "", "{baseline}");
    }
}

#[test]
fn unlike_devices_are_told_since_times_are_averaged() {
    let dir = tempdir().unwrap();
    let (unlike, alike) = (dir.path().join("unlike"), dir.path().join("alike"));
    for (seed, name) in [(0, "Fake GPU 1"), (1, "Fake GPU 2")] {
        let cell = |name| {
            let cell = support::cell("smnist", "lstm-64", 69_000, seed, 0.9);
            cell.attempt(&format!("cuda:{seed}"), name, Some("aaaaaaaa1"))
        };
        cell(Some(name)).write(&unlike);
        cell(None).write(&alike);
    }
    assert!(table_of(&unlike, "results")[0]["remarks"].contains(Flag::MixedDevices.text()));
    assert!(!table_of(&alike, "results")[0]["remarks"].contains(Flag::MixedDevices.text()));
}

#[test]
fn the_best_is_marked_among_the_same_samples_and_in_every_row_that_has_it() {
    // How often a value is bold in Markdown, HTML and LaTeX, in the table at a glance and in that of the results.
    let marked = |seeds: u64, cells: &[(&str, f64, Option<&str>)]| {
        let dir = tempdir().unwrap();
        let home = dir.path().join("e");
        for (seed, (baseline, result, hash)) in (0..seeds).flat_map(|seed| cells.iter().map(move |cell| (seed, cell))) {
            let mut cell = support::cell("smnist", baseline, 69_000, seed, result + 0.001 * seed as f64);
            if let Some(hash) = hash {
                cell.record.task.data_hash = Some((*hash).to_owned());
            }
            cell.write(&home);
        }
        let out = dir.path().join("out");
        let paths = write(&[home], &out, "md,html,tex".parse().unwrap()).unwrap();
        let [text, page] = [paths.markdown, paths.index].map(|path| fs::read_to_string(path.unwrap()).unwrap());
        let latex = |name: &str| fs::read_to_string(out.join(format!("tables/{name}.tex"))).unwrap();
        let bold = [latex("summary"), latex("results")].map(|table| table.matches("\\textbf").count());
        let (text, page) = (text.matches("**").count() / 2, page.matches(" best\"").count());
        assert!(text == page && bold == [text / 2; 2], "{text} {page} {bold:?}");
        text / 2
    };
    assert_eq!(marked(3, &[("lstm-64", 0.9, None), ("gru-64", 0.8, None)]), 1);
    assert_eq!(marked(3, &[("lstm-64", 0.9, None), ("gru-64", 0.9, None), ("rnn-64", 0.8, None)]), 2);
    assert_eq!(marked(3, &[("lstm-64", 0.9, None), ("gru-64", 0.8, Some("0badf00d"))]), 0);
    // Two seeds are not tested.
    assert_eq!(marked(2, &[("lstm-64", 0.9, None), ("gru-64", 0.8, None)]), 0);
}

#[test]
fn one_label_of_two_metrics_is_two_columns() {
    let dir = tempdir().unwrap();
    for (experiment, task, result) in [("one", "smnist", 0.9), ("two", "adding-200", 0.5)] {
        let mut cell = support::cell(task, "lstm-64", 69_000, 0, result);
        cell.record.experiment = experiment.to_owned();
        cell.record.task.label = "x".to_owned();
        cell.id("x.lstm-64.s0").write(&dir.path().join(experiment));
    }
    let out = dir.path().join("out");
    write(&["one", "two"].map(|name| dir.path().join(name)), &out, Formats::ALL).unwrap();
    let csv = fs::read_to_string(out.join("tables/summary.csv")).unwrap();
    assert!(csv.contains("x (accuracy, % ↑)") && csv.contains("x (mean squared error ↓)"), "{csv}");
    for metric in ["accuracy", "mean-squared-error"] {
        assert!(out.join(format!("figures/learning-curves-x-{metric}.svg")).is_file(), "{metric}");
    }
}

#[test]
fn forms_of_other_samples_share_no_figure() {
    let figures = |train: usize| {
        let dir = tempdir().unwrap();
        let home = dir.path().join("e");
        support::cell("pathfinder32-2d", "ccnn-4-64", 61_000, 0, 0.9).write(&home);
        let mut flat = support::cell("pathfinder32-1d", "ccnn-4-64", 61_000, 0, 0.8);
        flat.record.task.splits[0] = train;
        flat.write(&home);
        let paths = write(&[home], &dir.path().join("out"), Formats::ALL).unwrap();
        paths.files.iter().any(|path| path.ends_with("figures/dimensions-pathfinder32.svg"))
    };
    assert!(figures(2_000) && !figures(100));
}

#[test]
fn a_setting_that_came_later_does_not_part_seeds() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..3 {
        let mut cell = support::cell("smnist", "flexnet-6", 375_000, seed, 0.9);
        if seed > 0 {
            cell.record.baseline.config["initialisation"] = json!("original");
        }
        cell.write(&home);
    }
    let mut other = support::cell("smnist", "flexnet-6", 375_000, 3, 0.9);
    other.record.baseline.config["initialisation"] = json!("corrected");
    other.write(&home);
    let found = results(&home);
    assert_eq!((found["baseline.initialisation=original"].0.as_str(), found.len()), ("3", 2), "{found:?}");
}

#[test]
fn random_weights_are_not_pooled_with_given_ones() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..4 {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, seed, 0.9);
        if seed > 0 {
            cell.record.training["initial_weights"] = json!("best.safetensors");
            // The last one has not begun, and will begin with what is there then.
            cell.record.initial_weights = (seed < 3).then(|| "beef".to_owned());
        }
        cell.write(&home);
    }
    let found = results(&home);
    assert_eq!((found["initial_weights=none"].0.as_str(), found["initial_weights=beef"].0.as_str()), ("1", "3"));
}

#[test]
fn where_a_file_lay_does_not_part_seeds_that_read_the_same_from_it() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (seed, place, hash) in [(0, "a/mine.txt", "one"), (1, "b/mine.txt", "one"), (2, "b/mine.txt", "two")] {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, seed, 0.9);
        cell.record.task.config = json!({"permutation": place});
        cell.record.task.data_hash = Some(hash.to_owned());
        cell.write(&home);
    }
    let sizes: Vec<String> = results(&home).into_values().map(|(n, _)| n).collect();
    assert_eq!(sizes.iter().filter(|n| *n == "2").count(), 1, "{sizes:?}");
    assert_eq!(sizes.len(), 2);
}

#[test]
fn the_seconds_of_a_cell_are_those_of_its_last_line() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let cell = support::cell("smnist", "lstm-64", 69_000, 0, 0.9).state(State::Done, Some(StopReason::MaxTime), None);
    let folder = cell.write(&home);
    let lines = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let longer = lines.replace("\"name\":\"seconds\",\"value\":60.0", "\"name\":\"seconds\",\"value\":146.1");
    assert_ne!(lines, longer);
    fs::write(folder.join("metrics.jsonl"), longer).unwrap();
    assert_eq!(table_of(&home, "results")[0]["Seconds"], "146.1");
    assert!(row(&status(&home).unwrap(), "smnist.lstm-64.s0").contains(&"146.1"));
}

#[test]
fn runs_that_read_other_samples_are_no_pair_unless_what_is_compared_explains_it() {
    let dir = tempdir().unwrap();
    for (folder, rate, hash, baseline) in [
        ("e", 0.01, "one", "lstm-64"),
        ("f", 0.02, "two", "lstm-64"),
        ("g", 0.01, "two", "lstm-64"),
        ("h", 0.01, "two", "gru-64"),
    ] {
        let mut cell = support::cell("smnist", baseline, 69_000, 0, 0.9);
        cell.record.experiment = folder.to_owned();
        cell.record.task.config = json!({"permutation": "perm.txt"});
        cell.record.task.data_hash = Some(hash.to_owned());
        cell.record.training["learning_rate"] = json!(rate);
        cell.write(&dir.path().join(folder));
    }
    let of = |folders: [&str; 2], by: &str| {
        let table = compare(&folders.map(|folder| dir.path().join(folder)), &by.parse().unwrap()).unwrap();
        table.to_markdown()
    };
    for (folders, by) in [(["e", "f"], "training.learning_rate"), (["e", "g"], "experiment"), (["e", "h"], "baseline")]
    {
        let text = of(folders, by);
        assert!(text.contains("read other samples") && !text.contains("| 1 | 0 | 1 | 0 |"), "{by}: {text}");
    }
    let same = of(["f", "g"], "experiment");
    assert!(same.contains("training.learning_rate") && same.contains("| 1 | 0 | 1 | 0 |"), "{same}");
    // Another order of the pixels is another task, and stands there.
    let mut cell = support::cell("smnist", "lstm-64", 69_000, 0, 0.8);
    cell.record.task.data_hash = Some("three".to_owned());
    cell.record.experiment = "i".to_owned();
    cell.write(&dir.path().join("i"));
    let text = of(["e", "i"], "experiment");
    assert!(text.contains("task.permutation: perm.txt → none") && !text.contains("read other"), "{text}");
}

#[test]
fn texts_of_the_same_name_are_two_data_sets() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (label, file) in [("a", "one/own.txt"), ("b", "two/own.txt"), ("c", "two/own.txt")] {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, 0, 0.9);
        (cell.record.task.label, cell.record.task.config) = (label.to_owned(), json!({"file": file, "length": label}));
        (cell.record.task.data, cell.record.task.data_hash) = ("own".to_owned(), Some(label.to_owned()));
        cell.id(&format!("{label}.lstm-64.s0")).write(&home);
    }
    assert_eq!(paired(&compared(&home, "task")), [["b", "c", "1", "0.00"]]);
}

#[test]
fn a_scale_brings_what_it_makes_of_schedules_that_count_epochs() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (baseline, setting, whole, cut) in
        [("lstm-64", "decay_factor", 0.97, 0.7), ("gru-64", "plateau_patience", 20.0, 2.0)]
    {
        for (scale, value) in [(Scale::Paper, whole), (Scale::Laptop, cut)] {
            let mut cell = support::cell("smnist", baseline, 69_000, 0, 0.9);
            cell.record.scale = scale;
            cell.record.training[setting] = json!(value);
            cell.id(&format!("smnist.{baseline}.{scale}.s0")).write(&home);
        }
    }
    let rows = compared(&home, "scale");
    assert_eq!(paired(&rows).len(), 2, "{rows:?}");
}

#[test]
fn a_comparison_says_what_decides_its_values() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..3 {
        support::cell("smnist", "lstm-64", 69_000, seed, 0.9).write(&home);
        let mut cut =
            support::cell("smnist", "gru-64", 69_000, seed, 0.8).state(State::Done, Some(StopReason::MaxTime), None);
        cut.status.git = Some("fedcba9876543210-dirty".to_owned());
        cut.write(&home);
    }
    let rows = compared(&home, "baseline");
    assert_eq!(rows[0]["Remarks"], "stopped by time, mixed versions", "{rows:?}");
    let table = compare(&[home], &Field::Baseline).unwrap();
    let raw = table.rows[0].last().unwrap().raw.clone().unwrap();
    assert!(raw.contains(Flag::StoppedByTime.text()) && raw.contains(Flag::MixedVersions.text()), "{raw}");
}

#[test]
fn numbers_are_compared_by_value_and_random_weights_with_given_ones() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (seed, value) in [(0, json!(1)), (1, json!(1.0)), (0, json!(2)), (1, json!(2))] {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, seed, 0.9);
        cell.record.training["weight_decay"] = value.clone();
        cell.id(&format!("smnist.lstm-64.w{value}.s{seed}").replace('.', "_").replace("_s", ".s")).write(&home);
    }
    let rows = compared(&home, "training.weight_decay");
    assert_eq!(paired(&rows), [["1", "2", "2", "0.00 ± 0.00"]], "{rows:?}");

    let home = dir.path().join("f");
    support::cell("smnist", "lstm-64", 69_000, 0, 0.8).write(&home);
    let mut given = support::cell("smnist", "lstm-64", 69_000, 0, 0.9);
    given.record.initial_weights = Some("beef".to_owned());
    given.id("smnist.lstm-64-given.s0").write(&home);
    let rows = compared(&home, "initial_weights");
    assert_eq!(paired(&rows), [["beef", "none", "1", "−10.00"]], "{rows:?}");
}

/// Texts of all rows of a comparison, by column.
fn compared(home: &Path, by: &str) -> Vec<BTreeMap<String, String>> {
    let table = compare(&[home.to_owned()], &by.parse().unwrap()).unwrap();
    let titles: Vec<String> = table.columns.iter().map(|c| c.title.clone()).collect();
    table.rows.iter().map(|row| titles.iter().cloned().zip(row.iter().map(|e| e.text.clone())).collect()).collect()
}

fn paired(rows: &[BTreeMap<String, String>]) -> Vec<[&str; 4]> {
    let found = rows.iter().filter(|row| row["n"] != "0");
    found.map(|row| ["A", "B", "n", "B − A"].map(|title| row[title].as_str())).collect()
}

#[test]
fn scales_in_one_folder_are_compared_each_with_itself() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (baseline, result) in [("ccnn-4-140", 0.90), ("lstm-64", 0.80)] {
        support::cell("smnist", baseline, 200_500, 0, result).write(&home);
        let mut smoke = support::cell("smnist", baseline, 200_500, 0, 0.2);
        smoke.record.scale = Scale::Smoke;
        smoke.record.training["epochs"] = json!(1);
        smoke.id(&format!("smnist.{baseline}.smoke.s0")).write(&home);
    }
    let rows = compared(&home, "baseline");
    assert_eq!(
        paired(&rows),
        [["ccnn-4-140", "lstm-64", "1", "−10.00"], ["ccnn-4-140", "lstm-64", "1", "0.00"]],
        "{rows:?}"
    );
    assert!(rows.iter().any(|row| row["Within"].contains("scale=smoke")));
    let rows = compared(&home, "scale");
    assert_eq!(paired(&rows), [["paper", "smoke", "1", "−70.00"], ["paper", "smoke", "1", "−60.00"]], "{rows:?}");
    assert!(rows.iter().all(|row| row["Also differ"] == "training.epochs: 10 → 1"), "{rows:?}");
}

#[test]
fn forms_and_difficulties_do_not_replace_each_other() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (form, gain) in [("1d", 0.0), ("2d", 0.05)] {
        for (difficulty, result) in [("easy", 0.9), ("hard", 0.7)] {
            let mut cell = support::cell(&format!("pathfinder32-{form}"), "ccnn-4-64", 61_000, 0, result + gain);
            let task = &mut cell.record.task;
            task.config = json!({"difficulty": difficulty, "form": form});
            task.data = format!("pathfinder32-{difficulty}");
            task.data_hash = Some(format!("{difficulty}-{form}"));
            task.label = format!("pathfinder32-{difficulty}-{form}");
            let id = format!("{}.ccnn-4-64.s0", task.label);
            cell.id(&id).write(&home);
        }
    }
    let rows = compared(&home, "task.difficulty");
    assert_eq!(paired(&rows), [["easy", "hard", "1", "−20.00"], ["easy", "hard", "1", "−20.00"]], "{rows:?}");
    assert!(rows.iter().all(|row| row["Also differ"].contains("task.data: pathfinder32-easy → pathfinder32-hard")));
    let rows = compared(&home, "task");
    let pair = |difficulty: &str| [1, 2].map(|rank| format!("pathfinder32-{difficulty}-{rank}d"));
    let (easy, hard) = (pair("easy"), pair("hard"));
    let expected =
        [[&easy[0], &easy[1], "1", "+5.00"], [&hard[0], &hard[1], "1", "+5.00"]].map(|row| row.map(str::to_owned));
    let found: Vec<[String; 4]> = paired(&rows).into_iter().map(|row| row.map(str::to_owned)).collect();
    assert_eq!(found, expected, "{rows:?}");
}

#[test]
fn devices_are_compared_within_and_between_folders() {
    let dir = tempdir().unwrap();
    for (folder, name, device, result) in
        [("a/e", "e", "cpu", 0.80), ("b/e", "e", "cuda:1", 0.81), ("c/f", "f", "cuda", 0.83)]
    {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, 0, result);
        cell.record.device = device.to_owned();
        cell.record.experiment = name.to_owned();
        cell.write(&dir.path().join(folder));
    }
    let of = |folders: &[&str]| {
        let dirs: Vec<PathBuf> = folders.iter().map(|folder| dir.path().join(folder)).collect();
        compare(&dirs, &Field::Device)
    };
    for (folders, difference) in [(["a/e", "b/e"], "+1.00"), (["a/e", "c/f"], "+3.00")] {
        let table = of(&folders).unwrap();
        let texts: Vec<&str> = table.rows[0].iter().map(|e| e.text.as_str()).collect();
        assert_eq!((table.rows.len(), &texts[..2], texts[4], texts[5]), (1, &["cpu", "cuda"][..], difference, "1"));
    }
    // Two runs of one device: both are named.
    let error = of(&["a/e", "b/e", "c/f"]).unwrap_err();
    let named = |path: &Path, folder: &str| path.starts_with(dir.path().join(folder));
    assert!(
        matches!(&error, ReportError::Repeated { first, second, .. } if named(first, "b/e") && named(second, "c/f")),
        "{error}"
    );
}

#[test]
fn settings_of_a_baseline_may_come_with_it_and_are_named() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let mut first = support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.90);
    first.record.training = json!({"learning_rate": 0.01, "grad_clip": null});
    first.write(&home);
    let mut second = support::cell("smnist", "lstm-64", 69_000, 0, 0.80);
    second.record.training = json!({"learning_rate": 0.001, "grad_clip": 1.0});
    second.write(&home);
    let rows = compared(&home, "baseline");
    assert_eq!(paired(&rows), [["ccnn-4-140", "lstm-64", "1", "−10.00"]]);
    assert_eq!(rows[0]["Also differ"], "training.grad_clip: none → 1, training.learning_rate: 0.01 → 0.001");
    // A second network with other settings: none of both is dropped, and neither is taken for the partner.
    let mut third = support::cell("smnist", "lstm-64", 69_000, 0, 0.70);
    third.record.training = json!({"learning_rate": 0.1, "grad_clip": 1.0});
    third.id("smnist.lstm-64-fast.s0").write(&home);
    let rows = compared(&home, "baseline");
    assert_eq!(paired(&rows), <[[&str; 4]; 0]>::default(), "{rows:?}");
    let reasons: String = rows.iter().map(|row| row["Not paired"].clone()).collect();
    for id in ["smnist.ccnn-4-140.s0", "smnist.lstm-64.s0", "smnist.lstm-64-fast.s0"] {
        assert!(reasons.contains(id), "{id}: {reasons}");
    }
    let rows = compared(&home, "training.learning_rate");
    assert_eq!(paired(&rows), [["0.001", "0.1", "1", "−10.00"]], "{rows:?}");
}

#[test]
fn what_is_not_paired_is_named_with_the_reason() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let with = |rate: f64, seed, result| {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, seed, result);
        cell.record.training["learning_rate"] = json!(rate);
        let id = format!("smnist.lstm-64.r{rate}.s{seed}");
        cell.id(&id)
    };
    with(0.1, 0, 0.8).write(&home);
    with(0.2, 0, 0.9).write(&home);
    with(0.1, 1, 0.8).write(&home);
    with(0.2, 1, 0.0).state(State::Failed, Some(StopReason::Nan), None).write(&home);
    with(0.1, 2, 0.8).write(&home);
    let mut other = with(0.2, 3, 0.8);
    other.record.training["epochs"] = json!(99);
    other.write(&home);
    fs::create_dir_all(home.join("smnist.gru.s0")).unwrap();
    let rows = compared(&home, "training.learning_rate");
    assert_eq!(paired(&rows), [["0.1", "0.2", "1", "+10.00"]], "{rows:?}");
    let reasons: String = rows.iter().map(|row| row["Not paired"].clone() + "\n").collect();
    for text in
        ["r0.2.s1 is failed (nan)", "no partner with seed 2", "training.epochs: 99 → 10", "smnist.gru.s0: it has no"]
    {
        assert!(reasons.contains(text), "{text}: {reasons}");
    }
    for field in ["seed", "hash", "id", "sources"] {
        let error = compare(std::slice::from_ref(&home), &field.parse().unwrap()).unwrap_err();
        assert!(matches!(error, ReportError::NotComparable { .. }), "{error}");
    }
}

#[test]
fn a_task_of_the_arena_that_is_there_twice_enters_no_average() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("lra");
    for (task, label, shape, result) in ARENA {
        arena_cell(task, label, shape, result).write(&home);
    }
    arena_cell("pathx", "path-x", &[1, 16384], 0.5).write(&home);
    let (text, row) = arena_row(&home, "s4");
    assert_eq!((row[6].as_str(), row[7].as_str()), ("", ""), "{row:?}");
    assert!(text.contains("path-x: 50.00; pathx: 70.00") && text.contains(Flag::SeveralTasks.text()), "{text}");
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
    assert_eq!("html,pdf".parse::<Formats>(), Err(UnknownFormat { name: "pdf".to_owned() }));
    assert_eq!(
        "png, html".parse::<Formats>().unwrap(),
        Formats { html: true, md: false, csv: false, tex: false, svg: false, png: true }
    );
}

#[test]
fn diagnostics_are_tabulated_drawn_and_stored() {
    let dir = tempdir().unwrap();
    let lines = support::diagnostics();
    let paths = write_diagnostics(&lines, &measured(), &[], "key", dir.path()).unwrap();
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

/// A run of Long Range Arena: task, published name of its data, shape.
fn arena_cell(task: &str, label: &str, shape: &[usize], result: f64) -> support::Fake {
    let mut cell = support::cell("smnist", "s4-6-256", 1_000_000, 0, result);
    cell.record.id = format!("{label}.s4.s0");
    cell.record.task.name = task.to_owned();
    cell.record.task.label = label.to_owned();
    cell.record.task.shape = shape.to_vec();
    cell.record.task.version = "lra@char-4096".to_owned();
    cell.record.task.config = json!({});
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
        .state(
            State::Skipped,
            Some(StopReason::MissingData),
            Some("aan is missing; fetch it with `bench data fetch aan`"),
        )
        .epochs(0)
        .write(&home);
    fs::remove_file(home.join("retrieval.s4.s0/metrics.jsonl")).unwrap();
    let (text, row) = arena_row(&home, "s4");
    assert_eq!((row[3].as_str(), row[7].as_str(), row[8].as_str()), ("missing", "", ""));
    assert!(text.contains("– (5 of 6)") && text.contains("fetch it with `bench data fetch aan`"), "{text}");
    assert!(text.contains(Flag::MissingData.text()) && text.contains(Flag::Incomplete.text()), "{text}");
    let (_, published) = arena_row(&home, "S4-LegS, published");
    assert_eq!(published[1], "59.6");
    assert!((published[7].parse::<f64>().unwrap() - 516.52 / 6.0).abs() < 1e-9, "{published:?}");
}

/// Its pictures are in colour, which is another task, and a table that prints its row shifted is not used.
#[test]
fn the_published_row_of_a_model_has_its_own_tasks_alone() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("lra");
    for (task, label, shape, result) in ARENA {
        let mut cell = arena_cell(task, label, shape, result);
        (cell.record.baseline.name, cell.record.baseline.label) = ("lru".to_owned(), "lru".to_owned());
        cell.write(&home);
    }
    let (text, published) = arena_row(&home, "LRU, published");
    assert_eq!(published[1..8], ["60.2", "89.4", "89.9", "", "95.1", "94.2", ""]);
    assert!(text.contains("– (5 of 6)"), "{text}");
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
    support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99).epochs(210).write(&home);
    let mut smoke = support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.1);
    smoke.record.id = "smnist.ccnn-4-140.smoke.s0".to_owned();
    smoke.record.scale = Scale::Smoke;
    smoke.write(&home);
    let out = dir.path().join("out");
    let paths = write(&[home], &out, "md,csv".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    let tables = text.matches("\n## ").count()
        - ["## Figures", "## Notes", "## Provenance"].iter().filter(|h| text.contains(*h)).count();
    assert_eq!(text.matches("Scale smoke: 5 steps").count(), tables + 1, "and what the numbers say: {text}");
    assert!(text.contains("No claim is made on smnist, where only one baseline"), "{text}");
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

/// Lines of `diagnostics.jsonl`: squared distances per layer at two steps.
fn orthonormality_lines(first: [f64; 2], second: [f64; 2]) -> String {
    let mut lines = String::new();
    for (step, values) in [(0, first), (5, second)] {
        for (order, value) in values.into_iter().enumerate() {
            let line = serde_json::json!({
                "baseline": "b", "task": "t", "seed": 0, "step": step, "order": order, "layer": format!("layers.{order}"),
                "quantity": "orthonormality", "value": value,
            });
            lines.push_str(&format!("{line}\n"));
        }
        lines.push_str("{\"baseline\":\"b\",\"task\":\"t\",\"seed\":0,\"step\":0,\"order\":9,\"layer\":\"head\",");
        lines.push_str("\"quantity\":\"logits.variance\",\"value\":1.0}\n");
    }
    lines
}

/// The scale of activations, kernels and logits is drawn for every run that recorded it: a panel per task, medians over seeds.
#[test]
fn the_scale_of_networks_is_drawn() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let line = |step: u64, order: u32, layer: &str, quantity: &str, value: Option<f64>| {
        let line = serde_json::json!({
            "baseline": "b", "task": "t", "seed": 0, "step": step, "order": order, "layer": layer, "quantity": quantity,
            "value": value,
        });
        format!("{line}\n")
    };
    for (task, seed, factor) in [("smnist", 0, 1.0), ("smnist", 1, 4.0), ("adding-200", 0, 16.0)] {
        let folder = support::cell(task, "ccnn-4-140", 100, seed, 0.9).write(&home);
        let text = [
            line(0, 0, "conv1", "kernel.variance", Some(0.25)),
            line(0, 1, "conv1", "activation.variance", Some(factor)),
            line(0, 2, "blocks.0", "activation.variance", None),
            line(0, 3, "head", "logits.variance", Some(factor)),
            line(0, 3, "head", "logits.max_abs", Some(9.0)),
            line(8, 1, "conv1", "activation.variance", Some(77.0)),
            line(8, 3, "head", "logits.variance", Some(100.0)),
        ];
        fs::write(folder.join("diagnostics.jsonl"), text.concat()).unwrap();
    }
    let out = dir.path().join("out");
    write(std::slice::from_ref(&home), &out, Formats::ALL).unwrap();
    let values = |name: &str| -> Vec<[String; 5]> {
        let mut rows = csv::Reader::from_path(out.join(format!("figures/{name}.csv"))).unwrap();
        let rows = rows.records().map(|row| row.unwrap());
        rows.map(|row| [0, 5, 6, 9, 10].map(|column| row[column].to_owned())).collect()
    };
    let row = |row: [&str; 5]| row.map(str::to_owned);
    let expected = [
        row(["adding-200", "1", "16", "1", "conv1"]),
        row(["adding-200", "2", "inf", "1", "blocks.0"]),
        row(["smnist", "1", "2.5", "2", "conv1"]),
        row(["smnist", "2", "inf", "2", "blocks.0"]),
    ];
    assert_eq!(values("initialisation-activations"), expected);
    assert_eq!(values("initialisation-kernels").len(), 2);
    let logits = values("training-logits-std");
    assert_eq!(logits[2..], [row(["smnist", "1", "1.5", "2", ""]), row(["smnist", "9", "10", "2", ""])]);
    assert_eq!(values("training-logits-max-abs")[0][2], "9");
    let table = fs::read_to_string(out.join("tables/scale.csv")).unwrap();
    assert!(table.contains("adding-200,ccnn-4-140,1,4,9.0") && table.contains(",inf,8,10.0"), "{table}");
    assert!(table.contains("smnist,ccnn-4-140,2,1.414"), "{table}");
}

/// Gradients and kernels are drawn per layer, and logits as histograms; a line of a newer form is left out.
#[test]
fn layers_and_histograms_are_drawn() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let line = |step: u64, order: u32, layer: &str, quantity: &str, value: serde_json::Value| {
        let line = json!({"baseline": "b", "task": "t", "seed": 0, "step": step, "order": order, "layer": layer,
            "quantity": quantity, "value": value});
        format!("{line}\n")
    };
    let histogram = |step: u64, version: u32, to: f64| {
        let line = json!({"baseline": "b", "task": "t", "seed": 0, "step": step, "order": 0, "layer": "head",
            "quantity": "logits.histogram", "value": null,
            "histogram": {"version": version, "from": 0.0, "to": to, "counts": [1, 3], "not_finite": 0}});
        format!("{line}\n")
    };
    for (seed, factor) in [(0, 1.0), (1, 4.0)] {
        let folder = support::cell("smnist", "ccnn-4-140", 100, seed, 0.9).write(&home);
        let mut text = vec![
            line(0, 0, "conv1", "kernel.variance", json!(0.5)),
            line(0, 0, "conv1", "kernel.target_variance", json!(0.25)),
            line(0, 1, "head", "logits.variance", json!(1.0)),
            histogram(0, 1, 2.0),
            histogram(8, 1, 4.0),
            histogram(16, 2, 9.0),
        ];
        for step in [1, 8] {
            for (order, layer) in ["conv1", "norm1", "head"].into_iter().enumerate() {
                let norm = factor * 10f64.powi(order as i32) * step as f64;
                text.push(line(step, order as u32, layer, "gradient.norm", json!(norm)));
            }
            text.push(line(step, 4, "conv1", "mask.width", json!(0.1 * step as f64)));
        }
        fs::write(folder.join("diagnostics.jsonl"), text.concat()).unwrap();
    }
    let out = dir.path().join("out");
    write(std::slice::from_ref(&home), &out, Formats::ALL).unwrap();
    let values = |name: &str| -> Vec<Vec<String>> {
        let mut rows = csv::Reader::from_path(out.join(format!("figures/{name}.csv"))).unwrap();
        rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    };
    let (steps, layers) = (values("training-gradients"), values("layers-gradients"));
    // The middle of three layers, then the median over the seeds; the band is over both.
    assert_eq!(
        steps.iter().map(|row| row[5..9].to_vec()).collect::<Vec<_>>(),
        [["2", "25", "1", "400"], ["9", "200", "8", "3200"]]
    );
    assert_eq!(layers.len(), 6, "{layers:?}");
    assert!(layers[3][6] == "20" && layers[3][10] == "conv1, step 8", "{layers:?}");
    assert_eq!(values("training-mask-width").len(), 2);
    assert!(!out.join("figures/training-kernel-size.csv").exists());
    let kernels = values("initialisation-kernels");
    assert!(kernels[1][1].ends_with("target") && kernels[1][6] == "0.25", "{kernels:?}");
    let shares = values("logit-histograms");
    let titles: std::collections::BTreeSet<&str> = shares.iter().map(|row| row[0].as_str()).collect();
    // The last histogram is of a form that is not known: the one before it was the last.
    let expected = ["smnist: after the first epoch", "smnist: at initialisation", "smnist: at the end"];
    assert_eq!(titles.into_iter().collect::<Vec<_>>(), expected);
    let table = fs::read_to_string(out.join("tables/scale.csv")).unwrap();
    assert!(table.contains(",2,2,0.01"), "{table}");
}

/// Every row as a paired difference to one baseline; what is not paired is said.
#[test]
fn rows_are_given_against_an_anchor() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (label, values) in
        [("ccnn-4-140", &[0.9, 0.8, 0.7][..]), ("gru-64", &[0.85, 0.78, 0.64, 0.5]), ("rnn-64", &[0.4])]
    {
        for (seed, value) in values.iter().enumerate() {
            support::cell("smnist", label, 100, seed as u64, *value).write(&home);
        }
    }
    support::cell("adding-200", "gru-64", 100, 0, 0.01).write(&home);
    let out = dir.path().join("out");
    let write =
        |anchor| reports::write(std::slice::from_ref(&home), &out, "csv".parse().unwrap(), Some(anchor), &added());
    assert!(matches!(write("ccnn"), Err(ReportError::UnknownBaseline { known, .. }) if known.contains("gru-64")));
    write("ccnn-4-140").unwrap();
    let mut rows = csv::Reader::from_path(out.join("tables/against.csv")).unwrap();
    let rows: Vec<Vec<String>> = rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    let [adding, gru, rnn] = rows.as_slice() else { panic!("{rows:?}") };
    assert!(adding[..2] == ["adding-200", "gru-64"] && adding[10].contains("no runs"), "{adding:?}");
    // Differences of −5, −2 and −6 points; three pairs have eight signs.
    let number = |text: &str| text.parse::<f64>().unwrap();
    assert!(gru[4] == "3" && (number(&gru[5]) + 13.0 / 3.0).abs() < 1e-9 && gru[10] == "s3", "{gru:?}");
    assert_eq!((number(&gru[7]), number(&gru[8]), number(&gru[9])), (0.25, 0.25, 0.25));
    // A pair alone has no interval and no test, and does not count for the correction.
    assert!(rnn[4] == "1" && rnn[6..10].iter().all(String::is_empty) && rnn[10] == "s1, s2", "{rnn:?}");
}

/// Two networks that were tested on the same samples are compared sample by sample.
#[test]
fn networks_are_compared_on_the_same_samples() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let outcomes = |right: &dyn Fn(usize) -> bool| -> Vec<SampleOutcome> {
        (0..40).map(|i| SampleOutcome { label: 1, prediction: i32::from(right(i)), loss: 0.5 }).collect()
    };
    let run = |label: &str, result: f64, seed: u64, right: &dyn Fn(usize) -> bool| {
        let folder = support::cell("smnist", label, 100, seed, result).write(&home);
        reports::write_outcomes(&folder, &outcomes(right), &[]).unwrap();
        folder
    };
    run("ccnn-4-140", 0.9, 0, &|i| i >= 4);
    run("ccnn-4-140", 0.9, 1, &|_| true);
    run("gru-64", 0.7, 0, &|i| i % 10 >= 3);
    run("rnn-64", 0.5, 1, &|i| i % 2 == 0);
    let damaged = run("tcn-64", 0.4, 0, &|_| true);
    fs::write(damaged.join("outcomes.parquet"), "torn").unwrap();
    let out = dir.path().join("out");
    write(std::slice::from_ref(&home), &out, Formats::ALL).unwrap();
    let mut rows = csv::Reader::from_path(out.join("tables/samples.csv")).unwrap();
    let rows: Vec<Vec<String>> = rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    // Wrong are 0 to 3 against 0, 1, 2, 10, 11, 12, …: alone right on 9 and on 1 sample.
    assert_eq!(rows[0][..5], ["smnist", "ccnn-4-140", "gru-64", "0", "40"]);
    assert_eq!((rows[0][8].as_str(), rows[0][9].as_str()), ("9", "1"));
    // Two-sided mid-p of 1 of 10: 2 · 11/1024 − 10/1024; Holm doubles the smaller of the two p values.
    let p = |row: &[String], column: usize| row[column].parse::<f64>().unwrap();
    assert!((p(&rows[0], 12) - 12.0 / 1024.0).abs() < 1e-12 && (p(&rows[0], 13) - 12.0 / 1024.0).abs() < 1e-12);
    // The lowest seed that both have.
    assert_eq!(rows[1][2..4], ["rnn-64", "1"]);
    assert!((p(&rows[1], 12) - 0.5_f64.powi(20)).abs() < 1e-12 && (p(&rows[1], 13) - 0.5_f64.powi(19)).abs() < 1e-12);
    let report = fs::read_to_string(out.join("report.md")).unwrap();
    assert!(report.contains("smnist.tcn-64.s0 is left out: "), "{report}");
}

/// How far weights are from orthonormal is drawn for networks that have a setting for it, in use or not.
#[test]
fn distances_from_orthonormal_weights_are_drawn() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let write_cell = |label: &str, config: serde_json::Value, lines: &str| {
        let mut cell = support::cell("smnist", label, 100, 0, 0.9);
        cell.record.baseline.config = config;
        let folder = cell.write(&home);
        fs::write(folder.join("diagnostics.jsonl"), lines).unwrap();
    };
    write_cell("plain-1", serde_json::json!({"orthonormality": 0.0}), &orthonormality_lines([9.0, 16.0], [36.0, 64.0]));
    write_cell("other-1", serde_json::json!({"hidden": 1}), &orthonormality_lines([1.0, 0.0], [1.0, 0.0]));
    let figure = |out: &str| {
        write(std::slice::from_ref(&home), &dir.path().join(out), Formats::ALL).unwrap();
        fs::read_to_string(dir.path().join(out).join("figures/orthonormality-smnist.csv"))
    };
    // Nobody asked for it.
    assert!(figure("none").is_err());
    write_cell("held-1", serde_json::json!({"orthonormality": 0.01}), &orthonormality_lines([9.0, 16.0], [0.0, 1.0]));
    let (drawn, report) = (figure("some").unwrap(), fs::read_to_string(dir.path().join("some/report.md")).unwrap());
    let ends = |label: &str, step: &str, value: &str| {
        drawn.lines().any(|line| line.contains(label) && line.contains(&format!(",{step},{value},")))
    };
    assert!(ends("plain-1", "0", "5") && ends("plain-1", "5", "10"), "{drawn}");
    assert!(ends("held-1", "0", "5") && ends("held-1", "5", "1"), "{drawn}");
    assert!(!drawn.contains("other-1") && report.contains("‖I − WᵀW‖"), "{drawn}");

    // What judges units of length 1 is drawn beside it, and not for those that have no such loss.
    let scaled = orthonormality_lines([4.0, 5.0], [9.0, 16.0]).replace("orthonormality", "orthogonality");
    write_cell("vgg-1", serde_json::json!({"orthogonality": "loss", "orthogonality_weight": 2.0}), &scaled);
    let drawn = figure("scaled").unwrap();
    let rows = drawn.lines().filter(|line| line.starts_with("units scaled to length 1")).collect::<Vec<_>>();
    assert!(rows.len() == 2 && rows[0].contains(",0,3,") && rows[1].contains(",5,5,"), "{drawn}");

    // Reflections have no penalty; damaged diagnostics are named, and cost no other figure.
    write_cell("held-1", serde_json::json!({"orthogonality": "householder"}), "{\n{}\n");
    let drawn = figure("damaged").unwrap();
    assert!(drawn.contains("plain-1") && !drawn.contains("held-1"), "{drawn}");
    assert!(fs::read_to_string(dir.path().join("damaged/report.md")).unwrap().contains("held-1.s0 is left out: "));
}

/// Scores over tasks stand in tables and in a figure, with what is left out, and apart from the error over test samples.
#[test]
fn baselines_are_compared_over_the_tasks_that_all_have() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (task, baseline, result) in [
        ("smnist", "ccnn-4-140", 0.95),
        ("smnist", "lstm-64", 0.90),
        ("pathfinder32-1d", "ccnn-4-140", 0.80),
        ("pathfinder32-1d", "lstm-64", 0.60),
        ("pathfinder32-2d", "ccnn-4-140", 0.85),
        ("pathfinder32-2d", "lstm-64", 0.70),
        ("adding-200", "ccnn-4-140", 0.01),
        ("adding-200", "lstm-64", 0.03),
        ("adding-200", "gru-64", 0.02),
    ] {
        for seed in 0..4 {
            support::cell(task, baseline, 10_000, seed, result * (1.0 + 0.001 * seed as f64)).write(&home);
        }
    }
    let rows = table_of(&home, "across-tasks");
    let names: Vec<[&str; 3]> =
        rows.iter().map(|row| ["Baseline", "Tasks", "Seeds"].map(|column| row[column].as_str())).collect();
    assert_eq!(names, [["ccnn-4-140", "4", "4"], ["lstm-64", "4", "4"]]);
    let number = |text: &str| text.parse::<f64>().unwrap();
    // Of the way from guessing: (0.95 − 0.1135) / 0.8865, 0.6, 0.7 and 1 − 0.01 / 0.1667, up to the spread of the seeds.
    let mean = 100.0 * (0.9436 + 0.6 + 0.7 + 0.94) / 4.0;
    assert!((number(&rows[0]["Mean"]) - mean).abs() < 0.3, "{rows:?}");
    let ends: Vec<f64> = rows[0]["95 % interval"].split(' ').map(number).collect();
    let middle = number(&rows[0]["Interquartile mean"]);
    assert!(ends[0] <= middle && middle <= ends[1] && ends[0] < ends[1], "{rows:?}");
    let pairs = table_of(&home, "pairs-across-tasks");
    let [pair] = pairs.as_slice() else { panic!("{pairs:?}") };
    assert_eq!([&*pair["A"], &*pair["B"], &*pair["A beats B"]], ["ccnn-4-140", "lstm-64", "1"]);
    assert!(number(&pair["A better"]) > 0.9 && number(&pair["B better"]) < 0.05, "{pair:?}");
    let out = dir.path().join("out");
    let report = write(std::slice::from_ref(&home), &out, "md,svg".parse().unwrap()).unwrap().markdown.unwrap();
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("gru-64 is left out: no value on pathfinder32-1d, pathfinder32-2d, smnist."), "{report}");
    assert!(report.contains("Four seeds a side cannot go below 1/70 one-sided, 1/35 two-sided."), "{report}");
    // All of the 16 runs of one, and 12 of the other, are more than half of the way there.
    let profile = values_of(&out, "performance-profile");
    let share =
        |label: &str| number(&profile.iter().find(|row| row["series"] == label && row["x"] == "0.5").unwrap()["y"]);
    assert_eq!((share("ccnn-4-140"), share("lstm-64")), (1.0, 0.5));
}

/// The plotted values of a figure, by the names of their columns.
fn values_of(out: &Path, figure: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(out.join(format!("figures/{figure}.csv"))).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

/// What became of single test samples is counted, drawn against what the task knows of them, and the worst of it shown.
#[test]
fn what_became_of_test_samples_is_shown() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..3 {
        for (baseline, result) in [("ccnn-4-140", 0.9), ("gru-64", 0.7)] {
            let folder = support::cell("smnist", baseline, 100, seed, result + 0.001 * seed as f64).write(&home);
            support::outcomes(&folder, 10, "a film, \"not\" <b>good</b>");
        }
    }
    let out = dir.path().join("out");
    write(std::slice::from_ref(&home), &out, Formats::ALL).unwrap();
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    // Counts of three seeds: 40 samples each.
    let confusion = values_of(&out, "confusion");
    for baseline in ["ccnn-4-140", "gru-64"] {
        let rows = confusion.iter().filter(|row| row["panel"] == format!("smnist: {baseline}, 3 seeds"));
        assert_eq!(rows.map(|row| row["n"].parse::<u64>().unwrap()).sum::<u64>(), 120, "{confusion:?}");
    }
    // Longer ones are wrong more often.
    let by = values_of(&out, "accuracy-by-attribute");
    let bins = |axis: &str| -> Vec<f64> {
        let rows = by.iter().filter(|row| row["x_axis"] == axis && row["series"] == "gru-64");
        rows.map(|row| row["y"].parse().unwrap()).collect()
    };
    let (length, depth) = (bins("length, steps"), bins("depth"));
    assert!(length.len() == 8 && depth.len() == 4 && depth[0] > depth[3], "{by:?}");
    let worst = table_of(&home, "worst-errors");
    assert!(
        worst.len() == 4 && worst.iter().all(|row| row["Baseline"] == "ccnn-4-140" && row["Seed"] == "0"),
        "{worst:?}"
    );
    assert!(worst[0]["Loss"].parse::<f64>().unwrap() > worst[1]["Loss"].parse().unwrap());
    assert!(worst[1]["Input"].contains("\"not\"") && worst[3]["Input"].contains("not kept"), "{worst:?}");
    let page = read("index.html");
    assert_eq!(page.matches("<img src=\"data:image/png;base64,").count(), 2);
    assert!(page.contains("&lt;b&gt;good") && !page.contains("<b>good"));
    // The other source of error, of 40 test samples: Wilson's interval around 90.1 %.
    let results = table_of(&home, "results");
    let row = results.iter().find(|row| row["Baseline"] == "ccnn-4-140").unwrap();
    assert_eq!(row["Test samples"], "40");
    let ends: Vec<f64> = row["95 % over test samples"].split(' ').map(|end| end.parse().unwrap()).collect();
    assert!((ends[0] - 77.1).abs() < 0.2 && (ends[1] - 96.1).abs() < 0.2, "{ends:?}");

    // Damage is named, and costs nothing else.
    fs::write(home.join("smnist.ccnn-4-140.s0/worst.json"), "{").unwrap();
    let worst = table_of(&home, "worst-errors");
    assert!(worst.iter().all(|row| row["Seed"] == "1"), "{worst:?}");
}

/// By scale or by device, pairs have an interval and an exact test, and every run that is in no pair is named.
#[test]
fn comparisons_by_scale_and_device_leave_nothing_out_silently() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let put = |scale: Scale, device: &str, seed: u64, result: f64| {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, seed, result);
        (cell.record.scale, cell.record.device) = (scale, device.to_owned());
        cell.id(&format!("smnist.lstm-64.{scale}.{device}.s{seed}")).write(&home)
    };
    for seed in 0..4 {
        put(Scale::Paper, "cpu", seed, 0.90 + 0.01 * seed as f64);
    }
    for seed in 0..3 {
        put(Scale::Laptop, "cpu", seed, 0.80 + 0.012 * seed as f64);
        put(Scale::Paper, "cuda", seed, 0.90 + 0.011 * seed as f64);
    }
    let torn = put(Scale::Laptop, "cuda", 0, 0.8);
    fs::write(torn.join("cell.yaml"), "{").unwrap();
    for (by, value, alone) in [
        (
            Field::Scale,
            [10.0, 9.8, 9.6],
            ["paper.cpu.s3", "paper.cuda.s0", "paper.cuda.s1", "paper.cuda.s2"].as_slice(),
        ),
        (Field::Device, [0.0, 0.1, 0.2], &["paper.cpu.s3", "laptop.cpu.s0", "laptop.cpu.s1", "laptop.cpu.s2"]),
    ] {
        let table = compare(std::slice::from_ref(&home), &by).unwrap();
        let column = |title: &str| table.columns.iter().position(|column| column.title == title).unwrap();
        let row = table.rows.iter().find(|row| row[column("n")].text == "3").unwrap();
        let text = |title: &str| row[column(title)].text.as_str();
        assert_eq!([text("Smallest p"), text("Ties")], ["0.25", if value[0] == 0.0 { "1" } else { "0" }], "{by:?}");
        let difference: f64 = row[column("B − A")].raw.as_deref().unwrap().parse().unwrap();
        assert!((difference - value.iter().sum::<f64>() / 3.0).abs() < 1e-9, "{by:?}: {difference}");
        assert!(text("95 % interval").contains(" to ") && !text("p").is_empty() && !text("p, Holm").is_empty());
        assert!(
            table.caption.contains("Three pairs cannot go below 1/8 one-sided, 1/4 two-sided."),
            "{}",
            table.caption
        );
        let whole = table.to_markdown();
        for run in alone {
            assert!(whole.contains(&format!("smnist.lstm-64.{run}")), "{by:?}, {run}: {whole}");
        }
        assert!(table.notes.iter().any(|note| note.contains("laptop.cuda.s0")), "{:?}", table.notes);
    }
}
