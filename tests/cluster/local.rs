//! `bench submit --engine local`: the contract of a cluster on one machine without a scheduler.

use std::path::Path;
use std::process::Command;

use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

use super::SMALL;
use super::support::{Bench, metrics, wait_until};

const SUBMIT: [&str; 4] = ["submit", "small.yaml", "--engine", "local"];

/// Runs in the background that do not outlive a test that fails.
struct Background<'a>(&'a Bench);

impl Drop for Background<'_> {
    fn drop(&mut self) {
        let _ = self.0.process(&["cancel", "runs/small"]).output();
    }
}

fn bench(text: &str) -> Bench {
    let bench = Bench::new();
    bench.file("small.yaml", text);
    bench
}

fn submit(bench: &Bench, more: &[&str]) -> Value {
    bench.json(&[&SUBMIT[..], more].concat())
}

fn log(bench: &Bench, number: &str) -> String {
    std::fs::read_to_string(bench.path(&format!("runs/small/submissions/{number}/logs/local.txt"))).unwrap_or_default()
}

/// What waits and runs.
fn queue(bench: &Bench) -> serde_json::Map<String, Value> {
    bench.json(&["status", "runs/small"])["queue"].as_object().unwrap().clone()
}

fn process_of(submitted: &Value) -> u32 {
    submitted["submission"]["arrays"][0]["job"].as_str().unwrap().parse().unwrap()
}

#[test]
fn runs_end_in_the_background_as_they_do_in_the_foreground() {
    let [background, foreground] = [bench(SMALL), bench(SMALL)];
    let _end = Background(&background);
    // One fails, which the end says.
    background
        .command(&[&SUBMIT[..], &["--jobs", "2", "--wait"]].concat())
        .assert()
        .code(1)
        .stdout(contains("8 runs, 2 at a time"))
        .stderr(contains("not done"));
    foreground.command(&["run", "small.yaml"]).assert().code(1);
    for id in ["add.gru.s0", "add.gru.s1", "add.rnn.s0", "longer.gru.s0", "longer.gru.s1"] {
        let [a, b] = [&background, &foreground].map(|bench| metrics(&bench.path(&format!("runs/small/{id}"))));
        assert!(!a.is_empty() && a == b, "{id}: {}", log(&background, "0001"));
    }
    assert!(background.path("runs/small/report/index.html").is_file());
    assert!(log(&background, "0001").contains("of memory for runs"), "{}", log(&background, "0001"));
    // What is left goes into a submission of its own; what is done does not.
    let again = submit(&background, &["--wait", "--only", "baseline=gru"]);
    assert_eq!(again, serde_json::json!({"schema": 1, "done": 4, "queued": 0}));
}

#[test]
fn the_process_outlives_its_terminal_and_is_seen_and_ended() {
    let endless = SMALL.replace("epochs: 3", "epochs: 1000000, schedule: constant, max_time: 10m");
    let bench = bench(&endless);
    let _end = Background(&bench);
    let submitted = submit(&bench, &["--jobs", "2", "--only", "task=add,baseline=gru"]);
    let process = process_of(&submitted);
    // A session of its own: what ends the terminal of `bench submit` does not reach it.
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap();
    assert_eq!(session, process.to_string());
    wait_until("both train", || queue(&bench).values().filter(|run| run["state"] == "RUNNING").count() == 2);
    bench.command(&["status", "runs/small"]).assert().success().stdout(contains("in the queue: 2 running"));
    bench
        .command(&[&SUBMIT[..], &["--only", "task=add,baseline=gru"]].concat())
        .assert()
        .success()
        .stdout(contains("2 runs are in the queue already"));
    let ended = contains("ended:").and(contains(process.to_string()));
    bench.command(&["cancel", "runs/small"]).assert().success().stdout(ended);
    wait_until("it has left", || !Path::new(&format!("/proc/{process}/cwd")).exists());
    assert!(queue(&bench).is_empty());
    for cell in ["runs/small/add.gru.s0", "runs/small/add.gru.s1"] {
        assert!(bench.has_state(cell, "interrupted"), "{}", log(&bench, "0001"));
    }
    bench.command(&["cancel", "runs/small"]).assert().success().stdout(contains("no job is left"));
}

/// SIGUSR1 saves, and the runs go on to the numbers that they would have had.
#[test]
fn a_warning_starts_the_runs_again_as_often_as_it_may() {
    let long = SMALL.replace("epochs: 3", "epochs: 150");
    let [warned, whole] = [bench(&long), bench(&long)];
    let _end = Background(&warned);
    let cell = "runs/small/add.gru.s0";
    let submitted = submit(&warned, &["--max-requeues", "1", "--only", "task=add,baseline=gru", "--seeds", "0"]);
    let attempts = |number: u64| {
        let status = std::fs::read(warned.path(cell).join("status.json")).unwrap_or_default();
        serde_json::from_slice::<Value>(&status).is_ok_and(|status| status["attempts"] == number)
    };
    let journal = warned.path(cell).join("metrics.jsonl");
    wait_until("it trains", || attempts(1) && std::fs::metadata(&journal).is_ok_and(|file| file.len() > 2_000));
    let process = process_of(&submitted).to_string();
    assert!(Command::new("kill").args(["-s", "USR1", &process]).status().unwrap().success());
    wait_until("it is done", || warned.has_state(cell, "done"));
    assert!(attempts(2), "{}", log(&warned, "0001"));
    assert!(log(&warned, "0001").contains("started again (1 of 1)"), "{}", log(&warned, "0001"));
    whole.command(&["run", "small.yaml", "--cell", "add.gru.s0"]).assert().success();
    let [a, b] = [&warned, &whole].map(|bench| metrics(&bench.path(cell)));
    assert_eq!(a, b);
}

#[test]
fn what_one_machine_does_not_have_is_refused() {
    let bench = bench(SMALL);
    for (option, value) in [
        ("--partition", "gpu"),
        ("--account", "me"),
        ("--time", "1:00:00"),
        ("--parallel", "2"),
        ("--submit-with", "sh"),
    ] {
        let arguments = [&SUBMIT[..], &[option, value]].concat();
        bench.refuses(&arguments, 2, "usage", &[option]);
    }
    bench.refuses(&["submit", "small.yaml", "--jobs", "2", "--dry-run"], 2, "usage", &["--jobs", "local"]);
    bench.refuses(&[&SUBMIT[..], &["--gpus", "2", "--jobs", "3"]].concat(), 2, "usage", &["--jobs", "--gpus"]);
    bench.refuses(&["run", "small.yaml", "--gpus", "1", "--device", "cpu"], 2, "usage", &["--gpus", "cuda"]);
    bench.refuses(&["run", "small.yaml", "--cells", "none.txt"], 2, "usage", &["none.txt"]);
    bench.file("list.txt", "add.gru.s0\nadd.gru.s9\n");
    bench.refuses(&["run", "small.yaml", "--cells", "list.txt"], 2, "usage", &["add.gru.s9"]);
    let dry = bench.json(&[&SUBMIT[..], &["--dry-run", "--mem", "2G", "--jobs", "3"]].concat());
    let script = dry["scripts"][0].as_str().unwrap();
    for part in ["keep", "--max-requeues 100", "--jobs 3", "--memory 2G", "--cells"] {
        assert!(script.contains(part), "{script}");
    }
    assert!(!bench.path("runs").exists());
}

/// Three runs that fit one at a time, though three may train at the same time.
#[test]
fn no_more_runs_train_at_a_time_than_fit_into_memory() {
    let text = SMALL.replace(", training: {initial_task: add}", "").replace("epochs: 3", "epochs: 80");
    let bench = bench(&text);
    let arguments = ["run", "small.yaml", "--jobs", "3", "--only", "baseline=gru,task=add", "--seeds", "0,1,2"];
    let times = |bench: &Bench| {
        let of = |seed: u32| {
            let log = std::fs::read_to_string(bench.path(&format!("runs/small/add.gru.s{seed}/status.json"))).unwrap();
            let status: Value = serde_json::from_str(&log).unwrap();
            [status["started"].as_str().unwrap().to_owned(), status["updated"].as_str().unwrap().to_owned()]
        };
        let mut times: Vec<[String; 2]> = (0..3).map(of).collect();
        times.sort();
        times
    };
    // RFC 3339 sorts as time does; in the first case each begins when the one before has ended.
    for (memory, one_by_one) in [("1M", true), ("1T", false)] {
        let with_memory = [&arguments[..], &["--fresh", "--memory", memory]].concat();
        bench.command(&with_memory).assert().success().stderr(contains("of memory for runs"));
        let times = times(&bench);
        assert_eq!(times.windows(2).all(|pair| pair[0][1] <= pair[1][0]), one_by_one, "{memory}: {times:?}");
    }
    for wrong in ["much", "0", "1X"] {
        let arguments = [&arguments[..], &["--memory", wrong]].concat();
        bench.command(&arguments).assert().code(2).stderr(contains("--memory"));
    }
}
