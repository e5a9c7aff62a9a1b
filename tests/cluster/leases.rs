//! One folder of runs and several machines: processes that are told that they are on others.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use predicates::prelude::*;
use predicates::str::contains;

use super::support::{Bench, metrics, wait_until};

const LONG: &str = "\
name: small
tasks: [{name: adding, label: add, length: 24, train_samples: 200, validation_samples: 32, test_samples: 32}]
baselines: [{name: gru, label: gru, hidden: 8}]
training: {epochs: 60, batch_size: 20, learning_rate: 0.01, log_every: 1}
";
const CELL: &str = "runs/small/add.gru.s0";
const RUN: [&str; 4] = ["run", "small.yaml", "--cell", "add.gru.s0"];

/// A `bench run` and its worker, in a process group of their own that does not outlive the test.
struct Group(Child);

impl Group {
    fn signal(&self, name: &str) {
        let group = format!("-{}", self.0.id());
        assert!(Command::new("kill").args(["-s", name, "--", &group]).status().unwrap().success());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

fn bench(text: &str) -> Bench {
    let bench = Bench::new();
    bench.file("small.yaml", text);
    bench
}

/// `arguments` on a machine called `host`.
fn on(bench: &Bench, host: &str, arguments: &[&str], seconds: &str) -> Command {
    let mut command = bench.process(arguments);
    command.env("BENCH_HOST", host).env("BENCH_LEASE_SECONDS", seconds);
    command
}

/// The run on the machine `one`, in the middle of its training.
fn training(bench: &Bench, seconds: &str) -> Group {
    let mut command = on(bench, "one", &RUN, seconds);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let group = Group(command.spawn().unwrap());
    let journal = bench.path(CELL).join("metrics.jsonl");
    wait_until("it trains", || {
        bench.has_state(CELL, "running") && std::fs::metadata(&journal).is_ok_and(|file| file.len() > 4_000)
    });
    group
}

/// Every file below `folder`, with its content.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            all.extend(contents(&entry.path()).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            all.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

fn state(bench: &Bench, host: &str) -> String {
    let output = on(bench, host, &["status", "runs/small", "--json"], "60").output().unwrap().stdout;
    let table: serde_json::Value = serde_json::from_slice(&output).unwrap();
    table["rows"][0]["State"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_of_another_machine_is_respected_and_everybody_sees_whose_it_is() {
    let shared = bench(&LONG.replace("epochs: 60", "epochs: 1000000, schedule: constant, max_time: 10m"));
    let first = training(&shared, "20");
    assert_cmd::Command::from_std(on(&shared, "two", &RUN, "1"))
        .assert()
        .code(1)
        .stdout(contains("locked").and(contains("on one")).and(contains(first.0.id().to_string())));
    let status = on(&shared, "two", &["status", "runs/small"], "1").output().unwrap();
    assert!(String::from_utf8(status.stdout).unwrap().contains("running on one"));
    assert_eq!(state(&shared, "two"), "running");
}

#[test]
fn a_run_of_a_machine_that_is_gone_ends_on_another_one_as_if_nothing_had_been() {
    let [shared, whole] = [bench(LONG), bench(LONG)];
    let first = training(&shared, "5");
    first.signal("KILL");
    // For who is on the same machine, it is gone at once; elsewhere nobody can know that yet.
    wait_until("it is gone", || state(&shared, "one") == "interrupted");
    assert!(shared.path(CELL).join(".lease").is_file());
    assert_cmd::Command::from_std(on(&shared, "two", &RUN, "60"))
        .assert()
        .success()
        .stderr(contains("taken over: process").and(contains("said nothing for 5 s")));
    assert!(!shared.path(CELL).join(".lease").exists());
    let log = std::fs::read_to_string(shared.path(CELL).join("log.txt")).unwrap();
    assert!(log.contains("taken over") && log.contains("attempt 2 "), "{log}");
    whole.command(&RUN).assert().success();
    let [a, b] = [&shared, &whole].map(|bench| metrics(&bench.path(CELL)));
    assert_eq!(a, b);
    assert_eq!(shared.status(CELL)["epoch"], 60);
}

#[test]
fn a_run_of_this_machine_that_was_killed_is_gone_on_with_at_once() {
    let shared = bench(LONG);
    let first = training(&shared, "3600");
    first.signal("KILL");
    drop(first);
    assert_cmd::Command::from_std(on(&shared, "one", &RUN, "3600")).assert().success().stderr(contains("is gone"));
}

/// The machine was not gone, but very slow: what it comes back with is not written over what the other one has made.
#[test]
fn a_holder_that_was_stopped_for_too_long_writes_nothing_more() {
    let shared = bench(&LONG.replace("epochs: 60", "epochs: 40"));
    let mut first = training(&shared, "4");
    first.signal("STOP");
    assert_cmd::Command::from_std(on(&shared, "two", &RUN, "4")).assert().success().stderr(contains("taken over"));
    assert!(shared.has_state(CELL, "done"));
    let mut before = contents(&shared.path(CELL));
    // What it was writing when it was stopped is not finished; that goes.
    before.retain(|name, _| !name.contains(".tmp-"));
    first.signal("CONT");
    wait_until("it has left", || first.0.try_wait().unwrap().is_some());
    let mut said = String::new();
    std::io::Read::read_to_string(first.0.stdout.as_mut().unwrap(), &mut said).unwrap();
    assert_eq!(first.0.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("locked by another process"), "{said}");
    let after = contents(&shared.path(CELL));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, bytes) in before {
        assert!(after[&name] == bytes, "{name} has changed");
    }
}

#[test]
fn a_lease_that_says_nothing_is_waited_for_and_a_newer_one_is_refused() {
    let shared = bench(&LONG.replace("epochs: 60", "epochs: 1"));
    std::fs::create_dir_all(shared.path(CELL)).unwrap();
    let lease = shared.path(CELL).join(".lease");
    std::fs::write(&lease, r#"{"schema": 2}"#).unwrap();
    assert_cmd::Command::from_std(on(&shared, "two", &RUN, "1")).assert().code(1).stderr(contains("version 2"));
    assert_eq!(std::fs::read_to_string(&lease).unwrap(), r#"{"schema": 2}"#);
    std::fs::write(&lease, r#"{"schema": 1, "token": "cut o"#).unwrap();
    assert_cmd::Command::from_std(on(&shared, "two", &RUN, "1")).assert().success().stderr(contains("taken over"));
    for wrong in ["0", "soon", "-1", "1.5"] {
        let mut command = on(&shared, "two", &[&RUN[..], &["--fresh", "--log", "json"]].concat(), wrong);
        let refused = command.output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{wrong}");
        assert!(String::from_utf8(refused.stderr).unwrap().contains("lease-seconds"), "{wrong}");
    }
}

/// A folder of an older program, whose runs have no leases.
#[test]
fn runs_without_a_lease_are_read() {
    let shared = bench(&LONG.replace("epochs: 60", "epochs: 1"));
    shared.command(&RUN).assert().success();
    let path = shared.path(CELL).join("status.json");
    let status = std::fs::read_to_string(&path).unwrap();
    assert_eq!(state(&shared, "two"), "done");
    std::fs::write(&path, status.replace("\"done\"", "\"running\"")).unwrap();
    assert_eq!(state(&shared, "two"), "interrupted");
    std::fs::write(shared.path(CELL).join(".lock"), "process 1 on elsewhere").unwrap();
    shared.command(&RUN).assert().success();
}
