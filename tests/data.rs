//! `bench data` from outside: lists, imports and verifies.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use predicates::prelude::*;
use predicates::str::contains;
use support::Bench;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/tests/fixtures/data")
}

#[test]
fn every_data_set_is_listed_with_licence_and_tasks() {
    let bench = Bench::new();
    let list = bench.json(&["data", "list"]);
    let find = |name: &str| list["data"].as_array().unwrap().iter().find(|set| set["name"] == name).unwrap().clone();
    for (name, task) in [
        ("imdb", "text"),
        ("lra", "retrieval"),
        ("cifar10", "image"),
        ("cifar100", "cifar100"),
        ("stl10", "stl10"),
        ("fashion-mnist", "fashion"),
        ("speech-commands", "speech-raw"),
        ("fsdd", "fsdd"),
        ("character-trajectories", "character-trajectories"),
        ("physionet2019", "physionet2019"),
        ("tinyshakespeare", "char-lm"),
    ] {
        let set = find(name);
        assert_eq!(set["state"], "absent");
        assert!(set["tasks"].as_array().unwrap().contains(&task.into()), "{set}");
        assert!(!set["licence"].as_str().unwrap().is_empty() && set["bytes"].as_u64().unwrap() > 0);
    }
    bench.command(&["data", "list", "minst"]).assert().code(2).stderr(contains("did you mean `mnist`?"));
}

#[test]
fn a_folder_is_imported_verified_and_found_incomplete_or_damaged() {
    let bench = Bench::new();
    let shakespeare = bench.path("from/listops");
    fs::create_dir_all(&shakespeare).unwrap();
    fs::write(shakespeare.join("train_d20s.tsv"), "1\t( 1 )\n2\t( 2 )\n").unwrap();
    let from = shakespeare.display().to_string();
    bench
        .command(&["data", "import", "listops-original", &from])
        .assert()
        .success()
        .stdout(contains("1 files copied from"));
    bench
        .command(&["data", "verify"])
        .assert()
        .success()
        .stdout(contains("2 of 100 000 expressions").and(contains("1 intact (1 of them incomplete), 0 wrong")));
    // The form with --from, and files whose sums are not the official ones.
    bench.command(&["data", "import", "mnist", "--from", fixture().join("mnist").to_str().unwrap()]).assert().code(1);
    fs::create_dir_all(bench.path("data/tinyshakespeare")).unwrap();
    fs::write(bench.path("data/tinyshakespeare/input.txt"), "To be").unwrap();
    bench
        .command(&["data", "verify", "tinyshakespeare"])
        .assert()
        .code(1)
        .stdout(contains("input.txt: expected SHA-256").and(contains("bench data fetch tinyshakespeare")));
    bench.command(&["data", "verify", "cifar100"]).assert().code(1).stdout(contains("bench data fetch cifar100"));
    bench.command(&["data", "import", "nowhere"]).assert().code(2).stderr(contains("no such file or folder"));
    bench
        .command(&["data", "import", "."])
        .assert()
        .code(2)
        .stderr(contains("no archive or folder of a known data set"));
}

#[test]
fn a_folder_with_a_manifest_is_reconstructed_and_its_splits_are_compared() {
    let bench = Bench::new();
    let data = fixture().display().to_string();
    bench
        .command(&["data", "verify", "--data", &data])
        .assert()
        .success()
        .stdout(contains("mnist: incomplete, reconstructed: the first 32 training").and(contains("32 of 60 000")));
    let arguments = ["data", "verify", "--duplicates", "smnist", "--data", &data, "--set", "train_samples=24", "--set"];
    let sizes = ["validation_samples=8", "--set", "test_samples=16"];
    let found = bench.json(&[&arguments[..], &sizes].concat());
    assert_eq!(found["duplicates"][0]["found"]["samples"], serde_json::json!([24, 8, 16]));
    assert_eq!(found["duplicates"][0]["found"]["across"][1]["samples"], 0);
}

/// Where `BENCH_DATA` names a folder with the film reviews, all of them are there.
#[test]
fn real_data_are_intact() {
    let folder = std::env::var_os("BENCH_DATA").filter(|folder| Path::new(folder).join("aclImdb").is_dir());
    let Some(folder) = folder else {
        eprintln!("skipped: BENCH_DATA names no folder with aclImdb");
        return;
    };
    let bench = Bench::new();
    let found = bench.json(&["data", "verify", "imdb", "--data", folder.to_str().unwrap()]);
    assert_eq!(found["checks"][0]["state"], "present");
}
