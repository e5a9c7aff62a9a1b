//! What is made of run folders and of networks without training: `report`, `compare` and `diagnose`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use support::Bench;

/// Four runs of a few steps: two baselines, two seeds.
const PAIRS: &str = "\
name: pairs
seeds: [0, 1]
tasks: [{name: adding, label: add, length: 12, train_samples: 40, validation_samples: 8, test_samples: 8}]
baselines: [{name: gru, label: gru, hidden: 4}, {name: rnn, label: rnn, hidden: 4}]
training: {epochs: 1, batch_size: 20}
";

fn trained() -> Bench {
    let bench = Bench::new();
    bench.file("pairs.yaml", PAIRS);
    bench.command(&["run", "pairs.yaml", "--quiet"]).assert().success();
    bench
}

#[test]
fn a_report_is_written_again_from_run_folders_alone() {
    let bench = trained();
    let first = std::fs::read_to_string(bench.path("runs/pairs/report/report.md")).unwrap();
    std::fs::remove_file(bench.path("pairs.yaml")).unwrap();
    std::fs::remove_dir_all(bench.path("runs/pairs/report")).unwrap();
    let written = bench.json(&["report", "runs/pairs"]);
    assert_eq!(std::fs::read_to_string(bench.path("runs/pairs/report/report.md")).unwrap(), first);
    for file in written["files"].as_array().unwrap() {
        assert!(bench.path(file.as_str().unwrap()).is_file(), "{file}");
    }
    let written = bench.json(&["report", "runs/pairs", "--out", "elsewhere", "--format", "md,csv"]);
    let files = written["files"].as_array().unwrap().iter().map(|file| bench.path(file.as_str().unwrap()));
    let mut names: Vec<String> =
        files.map(|file| file.extension().unwrap_or_default().to_string_lossy().into_owned()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names, ["csv", "md"]);
    bench.command(&["report", "runs/pairs", "--against", "gru"]).assert().success();
    let against = std::fs::read_to_string(bench.path("runs/pairs/report/tables/against.csv")).unwrap();
    assert!(against.contains("add,rnn,gru,mean squared error,2,"), "{against}");
    bench.refuses(&["report", "runs/pairs", "--against", "lstm"], 2, "report-unknown-baseline", &["lstm", "gru, rnn"]);
}

#[test]
fn runs_are_paired_by_a_field() {
    let bench = trained();
    let table = bench.json(&["compare", "runs/pairs", "--by", "baseline"]);
    assert_eq!(table["schema"], 1);
    let rows = table["rows"].as_array().unwrap();
    assert!(!rows.is_empty(), "{table}");
    bench
        .command(&["compare", "runs/pairs", "--by", "baseline"])
        .assert()
        .success()
        .stdout(contains("gru").and(contains("rnn")));
    bench.refuses(&["compare", "runs/pairs"], 2, "usage", &["--by"]);
}

#[test]
fn networks_are_diagnosed_at_initialisation_without_data() {
    let bench = Bench::new();
    let norms = PAIRS.replace("{name: gru, label: gru, hidden: 4}, {name: rnn, label: rnn, hidden: 4}", {
        "{name: ckcnn, label: ckcnn, blocks: 1, hidden: 4, kernel_hidden: 4}"
    });
    bench.file("pairs.yaml", norms);
    let diagnose = ["diagnose", "pairs.yaml", "--seeds", "2", "--batch-size", "3"];
    let lines = bench.json(&diagnose);
    let lines = lines.as_array().unwrap();
    let field = |line: &Value, name: &str| line[name].clone();
    assert!(lines.iter().all(|line| field(line, "baseline") == "ckcnn" && line["measured"]["samples"] == 3));
    for condition in [json!({"mode": "eval"}), json!({"mode": "train"})] {
        let wanted = condition["mode"].as_str().unwrap();
        assert!(lines.iter().any(|line| line["conditions"]["mode"] == wanted && line["value"].is_number()), "{wanted}");
    }
    // The same numbers again, and a page with them.
    assert_eq!(bench.json(&diagnose).as_array().unwrap(), lines);
    bench.command(&diagnose).assert().success().stdout(contains(format!("{} measurements", lines.len())));
    assert!(bench.path("runs/pairs/diagnose").is_dir());
    bench.refuses(&["diagnose", "pairs.yaml", "--seeds", "0"], 2, "usage", &["--seeds"]);
    let misspelt = ["diagnose", "pairs.yaml", "--set", "baseline.hiden=4"];
    bench.refuses(&misspelt, 2, "experiment-unknown-name", &["`hiden`", "`hidden`"]);
}

/// The commands of `FINDINGS.md`, as far as they train: the others need checkpoints or data.
#[test]
fn the_commands_of_the_findings_make_plans() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(home.join("reports/FINDINGS.md")).unwrap();
    let text = text.replace('\n', " ");
    let commands: Vec<&str> =
        text.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("bench run ")).collect();
    assert!(commands.len() >= 5, "{commands:?}");
    let bench = Bench::new();
    for command in commands {
        let words = command.split_whitespace().map(|word| word.trim_matches('\''));
        let arguments: Vec<String> = words
            .map(|word| if word.ends_with(".yaml") { home.join(word).display().to_string() } else { word.to_owned() })
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        bench
            .command(&[&["run"], arguments.as_slice(), &["--dry-run", "--no-time"]].concat())
            .assert()
            .success()
            .stdout(contains("to make"));
    }
}

/// Every file below `folder`, with its content.
fn contents(folder: &Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut all = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = std::path::PathBuf::from(entry.file_name());
        if entry.path().is_dir() {
            all.extend(contents(&entry.path()).into_iter().map(|(below, bytes)| (name.join(below), bytes)));
        } else {
            all.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

#[test]
fn an_archive_gives_the_report_that_its_folder_gives() {
    let bench = Bench::new();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kept/runs/kept");
    let kept = kept.to_str().unwrap();
    let packed = bench.json(&["pack", kept]);
    assert_eq!((&packed["archive"], &packed["runs"]), (&json!("kept.zip"), &json!(6)), "{packed}");
    assert!(packed["archive_bytes"].as_u64().unwrap() < packed["bytes"].as_u64().unwrap(), "{packed}");
    bench.command(&["report", kept, "--out", "of-folder"]).assert().success();
    bench.command(&["report", "kept.zip", "--out", "of-archive"]).assert().success();
    let [a, b] = ["of-folder", "of-archive"].map(|folder| contents(&bench.path(folder)));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(b[name] == *bytes, "{} differs", name.display());
    }
    for arguments in [&["status"][..], &["compare", "--by", "baseline"]] {
        let of = |dir| bench.json(&[arguments, &[dir]].concat());
        assert_eq!(of(kept), of("kept.zip"), "{arguments:?}");
    }
    bench.command(&["report", "kept.zip"]).assert().success().stdout(contains("kept-report/index.html"));
    bench.command(&["status", "kept.zip", "--watch"]).assert().success();
}

#[test]
fn what_is_no_archive_and_what_still_runs_is_named() {
    let bench = trained();
    bench.command(&["pack", "runs/pairs", "--out", "a.zip", "--checkpoints"]).assert().success();
    let whole = std::fs::read(bench.path("a.zip")).unwrap();
    bench.file("a.zip", &whole[..whole.len() - 30]);
    bench.file("text.zip", "no archive");
    for name in ["a.zip", "text.zip"] {
        bench.refuses(&["report", name], 2, "report-archive", &[name]);
        bench.refuses(&["status", name], 2, "report-archive", &[name]);
        bench.refuses(&["compare", name, "--by", "task"], 2, "report-archive", &[name]);
    }
    bench.file("runs/pairs/add.gru.s0/.lease", "of somebody");
    bench.refuses(&["pack", "runs/pairs"], 2, "report-still-running", &["add.gru.s0", "--skip-running"]);
    assert!(!bench.path("pairs.zip").exists());
    bench.command(&["pack", "runs/pairs", "--skip-running"]).assert().success().stdout(contains("left out"));
    let rows = bench.json(&["status", "pairs.zip"]);
    assert_eq!(rows["rows"].as_array().unwrap().len(), 3, "{rows}");
    bench.refuses(&["pack", "nowhere"], 2, "usage", &["nowhere"]);
    bench.command(&["pack", "runs/pairs", "--skip-running", "--out", "no/such/a.zip"]).assert().code(1);
}
