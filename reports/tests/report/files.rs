//! What is written, and that it is inert and the same every time.

use std::fs;
use std::path::{Path, PathBuf};

use reports::{Field, Formats, write_diagnostics};
use serde_json::json;
use tempfile::tempdir;

use super::{assert_well_formed, compare, made_up, measured, row, status, support, tree, write};

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
    // What the script reads stands within attributes that no name ends: of every dot a row, its place and what it is.
    let dots: Vec<&str> =
        page.match_indices("data-dots=\"").filter_map(|(attribute, _)| page[attribute..].split('"').nth(1)).collect();
    let row = |row: &str| row.splitn(3, ' ').take(2).all(|place| place.parse::<i32>().is_ok());
    assert!(dots.iter().flat_map(|dots| dots.lines()).all(row), "{dots:?}");
    assert!(dots.iter().any(|dots| dots.contains("seeds: s0 90.00 %, s1 91.00 %")));
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
fn status_lists_every_cell() {
    let (_dir, home) = made_up();
    let table = status(&home).unwrap();
    assert_eq!(table.rows.len(), 22);
    assert_eq!(row(&table, "adding-200.gru-64.s0")[1], "pending");
    assert_eq!(row(&table, "smnist.lstm-64.s1")[1..3], ["interrupted", "3"]);
    assert!(table.to_text().lines().count() == 23);
}
