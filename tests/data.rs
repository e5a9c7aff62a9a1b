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
    bench.refuses(&["data", "list", "minst"], 2, "data-unknown", &["`minst`", "`mnist`"]);
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
    let from = fixture().join("mnist").display().to_string();
    bench.refuses(&["data", "import", "mnist", "--from", &from], 1, "data-import", &["mnist"]);
    fs::create_dir_all(bench.path("data/tinyshakespeare")).unwrap();
    fs::write(bench.path("data/tinyshakespeare/input.txt"), "To be").unwrap();
    bench
        .command(&["data", "verify", "tinyshakespeare"])
        .assert()
        .code(1)
        .stdout(contains("input.txt").and(contains("bench data fetch tinyshakespeare")));
    bench.command(&["data", "verify", "cifar100"]).assert().code(1).stdout(contains("bench data fetch cifar100"));
    bench.refuses(&["data", "import", "nowhere"], 2, "usage", &["nowhere"]);
    bench.refuses(&["data", "import", "."], 2, "usage", &["."]);
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

#[test]
fn what_was_imported_before_a_set_that_failed_is_told_in_both_forms() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("from/listops")).unwrap();
    fs::write(bench.path("from/listops/train_d20s.tsv"), "1\t( 1 )\n").unwrap();
    let from = bench.path("from").display().to_string();
    let arguments = ["data", "import", "listops-original", "lra", from.as_str()];
    bench.command(&arguments).assert().failure().stdout(contains("1 files copied from"));
    let output = bench.command(&arguments).arg("--json").assert().failure().get_output().clone();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (answer["files"].as_array().unwrap().len(), answer["error"]["set"].as_str()),
        (1, Some("lra")),
        "{answer}"
    );
    assert_eq!(answer["error"]["kind"], "data-malformed", "{answer}");
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
    assert_eq!(sets(&bench.platform_cache.path().join("bench")), 1);
    // The second time it is there, and nothing is made.
    bench.command(&generate).assert().success().stderr(contains("cannot be written").not());
    // A place that was asked for is taken, or refused.
    bench.refuses(&[&generate[..], &["--cache", "/sys/kernel"]].concat(), 1, "data-io", &["--cache", "BENCH_CACHE"]);
    assert_eq!(sets(&bench.platform_cache.path().join("bench")), 1);
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

    // One recording changes; a fetch, a run and a report were killed; a download is left.
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
    write("runs/experiment/cell/cell.yaml");
    fs::File::options().write(true).open(&abandoned[2]).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let download = write("data/.cache/downloads/aclImdb_v1.tar.gz.part");
    let stays = [
        write("runs/experiment/cell/checkpoints/last.safetensors"),
        write("runs/experiment/cell/checkpoints/.tmp-mine"),
        write("runs/experiment/report/.bench-d4E5f6"),
    ];
    let dry = bench.json(&["data", "clean", "--dry-run"]);
    assert!(abandoned.iter().all(|path| path.exists()) && sets(&cache) == 3, "{dry}");
    // A run in progress keeps its own.
    let lease = bench.path("runs/experiment/cell/.lease");
    fs::write(&lease, "of whom it does not tell").unwrap();
    let locked = bench.json(&["data", "clean", "--dry-run"]);
    assert!(locked["kept"].to_string().contains(".tmp-a1B2c3"), "{locked}");
    fs::remove_file(&lease).unwrap();
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
    // The generated set is still there, and what may be in use.
    fs::write(&lease, "of whom it does not tell").unwrap();
    fs::write(&abandoned[1], "in use").unwrap();
    assert_eq!(bench.json(&["data", "clean"])["removed"], serde_json::json!([]));
    assert!(abandoned[1].exists());
    let names: Vec<String> =
        fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("adding")), "{names:?}");
    bench.refuses(&["data", "clean", "--runs", "nowhere"], 2, "usage", &["nowhere"]);
}

/// The film reviews in the folder that `BENCH_DATA` names are complete.
#[test]
#[ignore = "needs BENCH_DATA, a folder with aclImdb"]
fn real_data_are_intact() {
    let folder = std::env::var_os("BENCH_DATA").unwrap();
    let bench = Bench::new();
    let found = bench.json(&["data", "verify", "imdb", "--data", folder.to_str().unwrap()]);
    assert_eq!(found["checks"][0]["state"], "present");
}

/// A proxy that answers every request with 404 and keeps what it was asked.
fn proxy() -> (String, std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(|line| line.unwrap_or_default());
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            log.lock().unwrap().push(head.join("\n"));
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (address, asked)
}

#[test]
fn each_scheme_has_its_proxy_and_plain_addresses_are_asked_of_it_plainly() {
    let bench = Bench::new();
    let fetch = |mirror: &str, variables: &[(&str, &str)]| {
        let mut process = bench.process(&["data", "fetch", "tinyshakespeare", "--mirror", mirror]);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            process.env_remove(name).env_remove(name.to_lowercase());
        }
        let output = process.envs(variables.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let (plain, plain_asked) = proxy();
    let (secure, secure_asked) = proxy();
    for (http, https) in [("HTTP_PROXY", "HTTPS_PROXY"), ("http_proxy", "https_proxy")] {
        let both = [(http, plain.as_str()), (https, secure.as_str())];
        let (before, before_secure) = (plain_asked.lock().unwrap().len(), secure_asked.lock().unwrap().len());
        fetch("http://data.invalid/set", &both);
        let head = plain_asked.lock().unwrap()[before].clone();
        assert!(head.starts_with("GET http://data.invalid/set/input.txt HTTP/1.1\n"), "{head}");
        assert!(head.lines().any(|line| line.eq_ignore_ascii_case("host: data.invalid")), "{head}");
        assert_eq!(secure_asked.lock().unwrap().len(), before_secure);
        let error = fetch("https://data.invalid/set", &both);
        assert!(secure_asked.lock().unwrap()[before_secure].starts_with("CONNECT data.invalid:443 "));
        assert!(error.contains(secure.trim_start_matches("http://")), "the proxy is named: {error}");
        assert!(plain_asked.lock().unwrap()[before..].iter().all(|head| head.starts_with("GET ")));
    }
    // The other scheme's proxy is not asked, and neither is one for a host that is left out.
    let before = plain_asked.lock().unwrap().len();
    let (server, server_asked) = proxy();
    fetch(&server, &[("HTTPS_PROXY", &plain)]);
    fetch(&server, &[("HTTP_PROXY", &plain), ("NO_PROXY", "localhost,127.0.0.1")]);
    fetch(&server, &[("http_proxy", &plain), ("no_proxy", "127.0.0.0/8")]);
    assert_eq!(plain_asked.lock().unwrap().len(), before);
    assert!(server_asked.lock().unwrap().iter().all(|head| head.starts_with("GET /")));
    // A proxy that is not there is named.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = fetch("http://data.invalid/set", &[("HTTP_PROXY", &format!("http://{closed}"))]);
    assert!(error.contains(&closed.to_string()) && error.contains("proxy"), "{error}");
}

#[test]
fn every_set_of_a_folder_is_imported_and_what_is_lacking_is_said() {
    let bench = Bench::new();
    for (name, text) in [
        ("from/fsdd/recordings/0_theo_0.wav", "wave"),
        ("from/fsdd/recordings/._0_theo_0.wav", "mac"),
        ("from/physionet2019/training_setA/p000001.psv", "HR\n1\n"),
    ] {
        fs::create_dir_all(bench.path(name).parent().unwrap()).unwrap();
        fs::write(bench.path(name), text).unwrap();
    }
    let from = bench.path("from").display().to_string();
    bench
        .command(&["data", "import", &from])
        .assert()
        .success()
        .stdout(contains("fsdd is incomplete: 1 of 3 000 clips").and(contains("physionet2019 is incomplete")));
    let list = bench.json(&["data", "list", "fsdd", "physionet2019"]);
    assert!(list["data"].as_array().unwrap().iter().all(|set| set["state"] == "partial"), "{list}");
    // A damaged file is not called right because it lies where it belongs.
    let folder = bench.path("data/fsdd");
    fs::write(folder.join("recordings/0_theo_0.wav"), "eaves").unwrap();
    bench
        .command(&["data", "import", "fsdd", folder.to_str().unwrap()])
        .assert()
        .success()
        .stdout(contains("already here (not checked)").and(contains("checksum right").not()));
}

/// The mirror of a set, two zipped patients, and one whose archive is no zip.
#[test]
fn a_set_is_fetched_from_a_folder_and_what_is_no_archive_is_not_taken() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("mirror")).unwrap();
    for part in ["A", "B"] {
        let file = fs::File::create(bench.path("mirror").join(format!("training_set{part}.zip"))).unwrap();
        let mut archive = zip::ZipWriter::new(file);
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        archive.start_file(format!("p{part}00001.psv"), stored).unwrap();
        std::io::Write::write_all(&mut archive, b"HR|SepsisLabel\n80|0\n").unwrap();
        archive.finish().unwrap();
    }
    let fetch = ["data", "fetch", "physionet2019", "--mirror", "mirror"];
    let fetched = bench.json(&fetch);
    assert_eq!(fetched["files"].as_array().unwrap().len(), 2, "{fetched}");
    assert_eq!(fetched["incomplete"][0]["name"], "physionet2019");
    assert!(bench.path("data/physionet2019/training_setA/pA00001.psv").is_file());
    assert!(bench.path("data/physionet2019/bench-source.json").is_file());
    let other = Bench::new();
    fs::create_dir_all(other.path("mirror")).unwrap();
    other.file("mirror/training_setA.zip", "please log in");
    other.refuses(&fetch, 1, "data-download", &["training_setA"]);
    assert!(!other.path("data/physionet2019/training_setA").exists());
    // Nothing to fetch, and nothing by that name.
    other.refuses(&["data", "fetch", "listops"], 2, "usage", &["`bench data generate listops`"]);
    other.refuses(&["data", "fetch", "physionet"], 2, "data-unknown", &["`physionet`", "`physionet2019`"]);
    other.refuses(&["data", "fetch"], 2, "usage", &["NAME"]);
}

/// Settings that make a generated set of a few samples.
const SMALL: [&str; 6] = ["--set", "train_samples=8", "--set", "validation_samples=4", "--set", "test_samples=4"];

#[test]
fn generated_sets_are_described_and_made_once() {
    let bench = Bench::new();
    let generate = [&["data", "generate", "adding", "copy"], &SMALL[..]].concat();
    let made = bench.json(&generate);
    let [adding, copy] = made["tasks"].as_array().unwrap().as_slice() else { panic!("{made}") };
    for task in [adding, copy] {
        assert_eq!(task["splits"], serde_json::json!({"train": 8, "validation": 4, "test": 4}));
    }
    let sets = sets(&bench.path("data/.cache"));
    assert_eq!(bench.json(&generate), made);
    assert_eq!(self::sets(&bench.path("data/.cache")), sets);
    bench.refuses(&["data", "generate", "adding", "--set", "lenght=9"], 2, "usage", &["adding", "lenght"]);
    bench.refuses(&["data", "generate", "adding", "--set", "length"], 2, "usage", &["--set length", "KEY=VALUE"]);
    bench.refuses(&["data", "generate", "ading"], 2, "data-unknown", &["`ading`", "`adding`"]);
}

#[test]
fn samples_are_drawn_into_a_picture() {
    let bench = Bench::new();
    let show = [&["data", "show", "adding", "--count", "3", "--split", "test"], &SMALL[..]].concat();
    let shown = bench.json(&show);
    let picture = &shown["pictures"][0];
    assert_eq!((picture["labels"].as_array().unwrap().len(), &picture["split"]), (3, &"test".into()), "{shown}");
    let file = fs::read(bench.path(picture["file"].as_str().unwrap())).unwrap();
    assert!(file.starts_with(b"\x89PNG"));
    bench.command(&show).args(["--out", "here.png"]).assert().success().stdout(contains("here.png: 3 test samples"));
    assert_eq!(fs::read(bench.path("here.png")).unwrap(), file);
    let two = ["data", "show", "adding", "copy", "--out", "one.png"];
    bench.refuses(&two, 2, "usage", &["--out"]);
    bench.refuses(&["data", "show", "adding", "--split", "tests"], 2, "usage", &["tests", "validation"]);
}
