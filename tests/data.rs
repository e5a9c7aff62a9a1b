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

/// Ten words of one's own in a data folder, as the set `fsdd` has them: what is derived from them enters the cache.
fn recordings(bench: &Bench) -> PathBuf {
    let folder = bench.path("data/fsdd/recordings");
    fs::create_dir_all(&folder).unwrap();
    for (place, speaker) in ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"].iter().enumerate() {
        let samples = [1 + place as u8, 0].repeat(400);
        let mut bytes =
            b"RIFF\x44\x03\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x20\x03\0\0"
                .to_vec();
        bytes.extend(samples);
        fs::write(folder.join(format!("1_{speaker}_0.wav")), bytes).unwrap();
    }
    folder
}

fn sets(cache: &Path) -> usize {
    let names = fs::read_dir(cache).map(|entries| entries.flatten().filter(|entry| entry.path().is_dir()).count());
    names.unwrap_or(0)
}

#[test]
fn the_cache_goes_where_it_is_told() {
    let bench = Bench::new();
    recordings(&bench);
    let generate = ["data", "generate", "fsdd"];
    let (by_option, by_variable) = (bench.path("by-option"), bench.path("by-variable"));
    bench.command(&generate).arg("--cache").arg(&by_option).assert().success();
    bench.command(&generate).env("BENCH_CACHE", &by_variable).assert().success();
    assert_eq!((sets(&by_option), sets(&by_variable), sets(&bench.path("data/.cache"))), (1, 1, 0));
    let list = bench.command(&["data", "verify", "--json"]).env("BENCH_CACHE", &by_variable).assert().success();
    let list: serde_json::Value = serde_json::from_slice(&list.get_output().stdout).unwrap();
    let files: Vec<&str> =
        list["checks"].as_array().unwrap().iter().filter_map(|check| check["file"].as_str()).collect();
    assert!(files.len() == 1 && files[0].starts_with(by_variable.to_str().unwrap()), "{list}");
}

/// `/sys` takes no folders, whoever asks.
#[cfg(target_os = "linux")]
#[test]
fn a_data_folder_that_cannot_be_written_has_its_cache_elsewhere_and_says_so() {
    let bench = Bench::new();
    recordings(&bench);
    std::os::unix::fs::symlink("/sys/kernel", bench.path("data/.cache")).unwrap();
    let generate = ["data", "generate", "fsdd"];
    bench.command(&generate).assert().success().stderr(contains("cannot be written").and(contains("BENCH_CACHE")));
    assert_eq!(sets(&bench.path("platform-cache/bench")), 1);
    // The second time it is there, and nothing is made.
    bench.command(&generate).assert().success().stderr(contains("cannot be written").not());
    // A place that was asked for is taken, or refused.
    bench
        .command(&generate)
        .args(["--cache", "/sys/kernel"])
        .assert()
        .code(1)
        .stderr(contains("--cache or BENCH_CACHE"));
    assert_eq!(sets(&bench.path("platform-cache/bench")), 1);
}

#[test]
fn what_nobody_needs_is_cleaned_away_and_nothing_else() {
    let bench = Bench::new();
    let folder = recordings(&bench);
    let cache = bench.path("data/.cache");
    bench.command(&["data", "generate", "fsdd"]).assert().success();
    let small = ["--set", "train_samples=4", "--set", "validation_samples=2", "--set", "test_samples=2"];
    bench.command(&["data", "generate", "adding"]).args(small).assert().success();
    assert_eq!(sets(&cache), 2);
    let nothing = bench.json(&["data", "clean"]);
    assert_eq!((nothing["removed"].as_array().unwrap().len(), nothing["bytes"].as_u64()), (0, Some(0)), "{nothing}");

    // One recording changes; a fetch, a cell and a report were killed; a download is left.
    let changed = folder.join("1_theo_0.wav");
    let mut bytes = fs::read(&changed).unwrap();
    bytes[50] = 9;
    fs::write(&changed, &bytes).unwrap();
    let write = |path: &str| {
        let path = bench.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "left").unwrap();
        path
    };
    let abandoned = [
        write("data/fsdd/.new-a1B2c3"),
        write("runs/experiment/cell/checkpoints/.tmp-a1B2c3"),
        write("runs/experiment/report/.bench-a1B2c3"),
    ];
    write("runs/experiment/cell/.lock");
    fs::File::options().write(true).open(&abandoned[2]).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let download = write("data/.cache/downloads/aclImdb_v1.tar.gz.part");
    let stays = [
        write("runs/experiment/cell/checkpoints/last.safetensors"),
        write("runs/experiment/cell/checkpoints/.tmp-mine"),
        write("runs/experiment/report/.bench-d4E5f6"),
    ];
    let dry = bench.json(&["data", "clean", "--dry-run"]);
    assert!(abandoned.iter().all(|path| path.exists()) && sets(&cache) == 3, "{dry}");
    // A cell that runs keeps its own.
    let lock = fs::File::open(bench.path("runs/experiment/cell/.lock")).unwrap();
    lock.lock().unwrap();
    let locked = bench.json(&["data", "clean", "--dry-run"]);
    assert!(locked["kept"].to_string().contains(".tmp-a1B2c3"), "{locked}");
    drop(lock);
    let cleaned = bench.json(&["data", "clean"]);
    assert_eq!((&cleaned["removed"], &cleaned["bytes"]), (&dry["removed"], &dry["bytes"]));
    let removed = cleaned["removed"].as_array().unwrap();
    assert_eq!(removed.len(), 4, "{cleaned}");
    let reasons = removed.iter().filter(|one| one["reason"] == "source-changed").count();
    assert!(reasons == 1 && cleaned["bytes"].as_u64().unwrap() > 6 * 8_000, "{cleaned}");
    assert!(abandoned.iter().all(|path| !path.exists()) && stays.iter().all(|path| path.exists()), "{cleaned}");
    assert_eq!(fs::read(&changed).unwrap(), bytes);
    assert_eq!(
        cleaned["kept"].as_array().unwrap().len(),
        1,
        "a young file beside a report may be being written: {cleaned}"
    );
    bench.command(&["data", "clean", "--downloads"]).assert().success().stdout(contains("aclImdb_v1.tar.gz.part"));
    assert!(!download.exists());
    // The generated set is still there.
    assert_eq!(bench.json(&["data", "clean"])["removed"], serde_json::json!([]));
    let names: Vec<String> =
        fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("adding")), "{names:?}");
    bench.command(&["data", "clean", "--runs", "nowhere"]).assert().code(2).stderr(contains("no such folder"));
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
