//! `bench submit`, `bench status` and `bench cancel`, on a Slurm of one node where that is installed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod kubernetes;
mod leases;
mod local;
mod slurm;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use predicates::prelude::*;
use predicates::str::contains;
use slurm::Slurm;
use support::{Bench, metrics, wait_until};

const SMALL: &str = "\
name: small
seeds: [0, 1]
tasks:
  - {name: adding, label: add, length: 24, train_samples: 200, validation_samples: 32, test_samples: 32}
  - {name: adding, label: longer, length: 32, train_samples: 200, validation_samples: 32, test_samples: 32, training: {initial_task: add}}
baselines: [{name: gru, label: gru, hidden: 8}, {name: rnn, label: rnn, hidden: 8}, {name: resnet18, label: wild, width: 2}]
exclude: [{task: longer, baseline: [rnn, wild]}]
cells:
  - when: {baseline: wild}
    training: {learning_rate: 1.0e+30}
training: {epochs: 3, batch_size: 20, learning_rate: 0.01}
";

#[test]
fn a_dry_run_prints_scripts_and_writes_nothing() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL);
    let options = ["--partition", "gpu", "--time", "4:00:00", "--parallel", "3", "--cpus", "2"];
    let submit = [&["submit", "small.yaml", "--dry-run"], options.as_slice()].concat();
    bench
        .command(&[submit.as_slice(), &["--", "--constraint=a100"]].concat())
        .assert()
        .success()
        // Six runs of the first stage, and two that begin with their weights.
        .stdout(contains("#SBATCH --array=0-5%3").and(contains("#SBATCH --array=0-1%3")))
        .stdout(contains("#SBATCH --partition=gpu").and(contains("#SBATCH --constraint=a100")))
        .stdout(contains("--threads 2").and(contains("--report-only")));
    assert_eq!(bench.names(), ["small.yaml"]);
    let described = bench.json(&submit);
    assert_eq!(described["submission"]["arrays"][1]["runs"][0], "longer.gru.s0", "{described}");
    assert_eq!(described["scripts"].as_array().unwrap().len(), 3);
    let halved = "search: {trials: 4, halving: {factor: 2, epochs: 1}, ranges: {training.learning_rate: {low: 0.001, high: 0.1, scale: log}}}";
    bench.file("halved.yaml", SMALL.replace(", training: {initial_task: add}", "").replace("seeds: [0, 1]", halved));
    bench.refuses(&["submit", "halved.yaml", "--dry-run"], 2, "usage", &["`halving`", "--jobs"]);
    std::fs::remove_file(bench.path("halved.yaml")).unwrap();
    bench.refuses(&[submit.as_slice(), &["--account", "a\nb"]].concat(), 2, "submit-control", &["an option"]);
    bench.refuses(&[submit.as_slice(), &["--template", "no.sh"]].concat(), 2, "submit-template", &["no.sh"]);
}

/// What an earlier call has given to Slurm is asked for where Slurm is; a look at the scripts does without.
#[test]
fn a_dry_run_without_a_scheduler_says_what_it_does_not_know() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL);
    std::fs::create_dir_all(bench.path("runs/small/submissions/0001")).unwrap();
    let earlier = r#"{"schema": 1, "engine": "slurm", "submitted": "", "arrays": [{"job": "1", "runs": ["add.gru.s0"]}], "report": null}"#;
    bench.file("runs/small/submissions/0001/submission.json", earlier);
    let without = |arguments: &[&str]| {
        let mut process = bench.process(arguments);
        process.env("PATH", "/no/such/folder");
        assert_cmd::Command::from_std(process)
    };
    without(&["submit", "small.yaml", "--dry-run"]).assert().success().stderr(contains("squeue"));
    without(&["submit", "small.yaml"]).assert().code(1).stderr(contains("squeue"));
    assert!(!bench.path("runs/small/submissions/0002").exists());
}

#[test]
fn another_scheduler_gets_a_script_of_ones_own() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace(", training: {initial_task: add}", ""));
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cluster/pbs.sh");
    let submit = ["submit", "small.yaml", "--engine", "template", "--template", template.to_str().unwrap()];
    bench.command(&submit).assert().success().stdout(contains("an array of 8 runs"));
    let script = std::fs::read_to_string(bench.path("runs/small/submissions/0001/array-0.sh")).unwrap();
    assert!(script.contains("\n#PBS -J 0-7\n"), "{script}");
    // A task of the script trains its run.
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).env("PBS_ARRAY_INDEX", "1").current_dir(bench.folder.path());
    assert!(shell.status().unwrap().success());
    assert!(bench.has_state("runs/small/add.gru.s1", "done"));
    // What is done is left out, and the next submission has a number of its own.
    let again = bench.json(&[submit.as_slice(), &["--submit-with", "echo"]].concat());
    assert_eq!(again["done"], 1);
    let job = again["submission"]["arrays"][0]["job"].as_str().unwrap();
    assert!(job.ends_with("submissions/0002/array-0.sh"), "{again}");
    bench.refuses(&["cancel", "runs/small"], 2, "usage", &["was not submitted to Slurm", job]);
    let missing = [submit.as_slice(), &["--submit-with", "no-such-program"]].concat();
    bench.refuses(&missing, 1, "submit-no-scheduler", &["no-such-program", "--dry-run"]);
}

/// SIGUSR1 saves and ends with a code of its own; the run then goes on to the same numbers.
#[test]
fn a_warning_saves_the_run_and_asks_to_be_started_again() {
    let [warned, whole] = [Bench::new(), Bench::new()];
    let long = SMALL.replace("epochs: 3", "epochs: 40");
    let cell = ["run", "small.yaml", "--quiet", "--cell", "add.gru.s0"];
    for bench in [&warned, &whole] {
        bench.file("small.yaml", &long);
    }
    let mut process = warned.process(&cell).spawn().unwrap();
    let journal = warned.path("runs/small/add.gru.s0/metrics.jsonl");
    wait_until("it trains", || std::fs::metadata(&journal).is_ok_and(|file| file.len() > 2_000));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.id() as i32), nix::sys::signal::Signal::SIGUSR1).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(75));
    assert!(warned.has_state("runs/small/add.gru.s0", "interrupted"));
    for bench in [&warned, &whole] {
        bench.command(&cell).assert().success();
    }
    let [a, b] = [&warned, &whole].map(|bench| metrics(&bench.path("runs/small/add.gru.s0")));
    assert_eq!(a, b);
}

#[test]
fn a_report_alone_trains_nothing() {
    let bench = Bench::new();
    let picture =
        "  - {name: pathfinder, label: picture, form: 2d, train_samples: 8, validation_samples: 4, test_samples: 4}\n";
    bench.file("small.yaml", SMALL.replace("baselines:", &format!("{picture}baselines:")));
    bench.command(&["run", "small.yaml", "--cell", "add.rnn.s0"]).assert().success();
    bench.command(&["run", "small.yaml", "--report-only"]).assert().success().stdout(contains("report:"));
    let runs = std::fs::read_to_string(bench.path("runs/small/report/tables/cells.csv")).unwrap();
    assert!(runs.contains("add.rnn.s0") && !bench.path("runs/small/add.gru.s0").exists(), "{runs}");
    // A recurrence has nothing to do with pictures, and the report says so.
    assert!(bench.has_state("runs/small/picture.rnn.s0", "skipped"), "{runs}");
    assert!(runs.contains("picture.gru.s1,n/a") || runs.contains("picture.gru.s1,skipped"), "{runs}");
}

/// An array of six runs, two at a time: one fails, one is warned and started again, one is put back by force; then two runs
/// that begin with weights of the first ones, and the report.
#[test]
#[ignore = "needs Slurm"]
fn an_array_ends_as_a_local_run_does_on_slurm() {
    assert!(slurm::is_installed(), "install slurmctld, slurmd, slurm-client and munge");
    let slurm = Slurm::start();
    let [bench, local] = [Bench::new(), Bench::new()];
    for bench in [&bench, &local] {
        bench.file("small.yaml", SMALL.replace("epochs: 3", "epochs: 60"));
    }
    let on_slurm = |arguments: &[&str]| slurm.command(&bench, arguments);
    on_slurm(&["submit", "small.yaml", "--parallel", "2", "--cpus", "1", "--mem", "1G"]).assert().success();
    // What is in the queue is not submitted again.
    on_slurm(&["submit", "small.yaml"]).assert().success().stdout(contains("8 runs are in the queue already"));
    let interrupted = |id: &str| bench.has_state(&format!("runs/small/{id}"), "interrupted");
    let trains = |id: &str| {
        let journal = bench.path(&format!("runs/small/{id}/metrics.jsonl"));
        std::fs::metadata(journal).is_ok_and(|file| file.len() > 2_000)
    };
    let record = std::fs::read_to_string(bench.path("runs/small/submissions/0001/submission.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let array = record["arrays"][0]["job"].as_str().unwrap().to_owned();
    // The warning of the time's end, as Slurm sends it: to the shell of the task alone.
    wait_until("the first run trains", || trains("add.gru.s0"));
    slurm.answer("scancel", &["--batch", "--signal=USR1", &format!("{array}_0")]);
    wait_until("it is saved", || interrupted("add.gru.s0"));
    // As preemption does it: asked to end, and put back.
    wait_until("another run trains", || trains("add.gru.s1"));
    slurm.answer("scontrol", &["requeue", &format!("{array}_1")]);
    on_slurm(&["status", "runs/small"]).assert().success().stdout(contains("in the queue:"));
    slurm.finish(Duration::from_secs(300), || logs(&bench));
    local.command(&["run", "small.yaml"]).assert().code(1);
    let all = ["add.gru.s0", "add.gru.s1", "add.rnn.s0", "add.rnn.s1", "longer.gru.s0", "longer.gru.s1"];
    assert_same(&bench, &local, &all);
    assert!(bench.has_state("runs/small/add.wild.s0", "failed"));
    let log = std::fs::read_to_string(bench.path("runs/small/add.gru.s0/log.txt")).unwrap();
    assert!(log.contains("attempt 2"), "{log}");
    let report = std::fs::read_to_string(bench.path("runs/small/report/report.md"))
        .unwrap_or_else(|_| panic!("{}", logs(&bench)));
    assert!(report.contains("longer") && report.contains("failed"), "{report}");
    on_slurm(&["status", "runs/small"]).assert().success().stdout(contains("in the queue: nothing"));

    // A second submission has what is left, and can be ended.
    let again = ["submit", "small.yaml", "--set", "training.epochs=100000", "--only", "baseline=rnn"];
    on_slurm(&again).assert().success();
    on_slurm(&["cancel", "runs/small"]).assert().success().stdout(contains("ended:"));
    wait_until("nothing is left", || slurm.answer("squeue", &["-h"]).is_empty());
    on_slurm(&["cancel", "runs/small"]).assert().success().stdout(contains("no job is left"));
}

/// The same by Slurm's own hand: a limit of time that ends a run's job again and again, and a job of another partition that takes
/// the place of one.
#[test]
#[ignore = "needs Slurm, and some minutes"]
fn an_array_ends_as_a_local_run_does_under_limits_and_preemption() {
    assert!(slurm::is_installed(), "install slurmctld, slurmd, slurm-client and munge");
    let slurm = Slurm::start();
    let [bench, local] = [Bench::new(), Bench::new()];
    for bench in [&bench, &local] {
        let text = SMALL.replace("epochs: 3", "epochs: 60");
        // Longer than the minute between the start of a job of three and the warning of its end.
        let gru = "{name: gru, label: gru, hidden: 256, training: {epochs: 2400, learning_rate: 0.001}}";
        bench.file("small.yaml", text.replace("{name: gru, label: gru, hidden: 8}", gru));
    }
    let on_slurm = |arguments: &[&str]| slurm.command(&bench, arguments);
    let submit =
        ["submit", "small.yaml", "--parallel", "2", "--cpus", "1", "--mem", "1G", "--time", "3", "--only", "task=add"];
    on_slurm(&submit).assert().success();
    let attempts = |id: &str| match std::fs::read_to_string(bench.path(&format!("runs/small/{id}/log.txt"))) {
        Ok(log) => log.matches("attempt ").count(),
        Err(_) => 0,
    };
    wait_until("two runs train", || ["add.gru.s0", "add.gru.s1"].iter().all(|id| attempts(id) == 1));
    let urgent = ["-p", "urgent", "-n", "1", "-c", "1", "-o", "/dev/null", "--wrap", "sleep 5"];
    let urgent = slurm.answer("sbatch", &[&["--parsable", "--mem", "100M"], &urgent[..]].concat());
    let begun = Instant::now();
    slurm.finish(Duration::from_secs(2400), || logs(&bench));
    assert!(!urgent.is_empty());
    local.command(&["run", "small.yaml", "--only", "task=add", "--jobs", "2"]).assert().code(1);
    assert_same(&bench, &local, &["add.gru.s0", "add.gru.s1", "add.rnn.s0", "add.rnn.s1"]);
    assert!(bench.has_state("runs/small/add.wild.s0", "failed"));
    let attempts = [attempts("add.gru.s0"), attempts("add.gru.s1")];
    println!("attempts: {attempts:?}, after {:.0} s", begun.elapsed().as_secs_f64());
    // Each was warned of its limit once at least, and one of them has lost its place to the urgent job besides.
    assert!(attempts.iter().all(|count| *count >= 2) && attempts.iter().sum::<usize>() >= 5, "{attempts:?}");
    assert!(bench.path("runs/small/report/report.md").is_file(), "{}", logs(&bench));
}

/// The runs that jobs have trained have the metrics of those of one `bench run`.
fn assert_same(jobs: &Bench, local: &Bench, runs: &[&str]) {
    for id in runs {
        let [a, b] = [jobs, local].map(|bench| metrics(&bench.path(&format!("runs/small/{id}"))));
        assert!(!a.is_empty(), "{id}: {}", logs(jobs));
        assert_eq!(a, b, "{id}");
    }
}

/// What the jobs have printed.
fn logs(bench: &Bench) -> String {
    let folder = bench.path("runs/small/submissions/0001/logs");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| format!("{}:\n{}\n", path.display(), std::fs::read_to_string(&path).unwrap_or_default())).collect()
}
