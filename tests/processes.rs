//! The binary among other processes: signals, terminals, pipes that close, processes that die, files that change meanwhile.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::ops::{Deref, DerefMut};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use nix::fcntl::OFlag;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use support::{Bench, wait_until};

/// Two runs of well below a second.
const TINY: &str = "\
name: tiny
tasks: [{name: adding, label: add, length: 24, train_samples: 400, validation_samples: 16, test_samples: 16}]
baselines: [{name: gru, label: gru, hidden: 8}, {name: rnn, label: rnn, hidden: 8}]
training: {epochs: 2, batch_size: 20}
";
const TINY_CELLS: [&str; 2] = ["runs/tiny/add.gru.s0", "runs/tiny/add.rnn.s0"];

/// Two runs that do not end by themselves, unless the test that started them is long gone.
fn endless() -> String {
    TINY.replace("epochs: 2", "epochs: 1000000, schedule: constant, max_time: 10m")
}

/// Two runs whose steps take long.
fn slow_steps() -> String {
    let longer = TINY.replace("length: 24", "length: 2000").replace("hidden: 8", "hidden: 96");
    longer.replace("epochs: 2, batch_size: 20", "epochs: 1000, batch_size: 20, log_every: 1, schedule: constant")
}

fn bench(text: &str) -> Bench {
    let bench = Bench::new();
    bench.file("x.yaml", text);
    bench
}

fn signal(process: u32, name: &str) {
    send(&process.to_string(), name);
}

fn send(target: &str, name: &str) {
    assert!(Command::new("kill").args(["-s", name, "--", target]).status().unwrap().success());
}

/// A process in the background, which does not outlive a test that fails.
struct Running(Option<Child>);

impl Running {
    fn spawn(command: &mut Command) -> Self {
        Self(Some(command.spawn().unwrap()))
    }

    /// Without output.
    fn quietly(command: &mut Command) -> Self {
        Self::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))
    }

    fn output(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }

    /// The exit code of a process that is to end soon.
    fn code(&mut self) -> Option<i32> {
        wait_until("the process has left", || self.try_wait().unwrap().is_some());
        self.wait().unwrap().code()
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        self.0.as_ref().unwrap()
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0
            && !matches!(child.try_wait(), Ok(Some(_)))
        {
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// Start in the background without output, and wait until the first of `cells` trains.
fn started(bench: &Bench, arguments: &[&str], cells: &[&str]) -> Running {
    let run = Running::quietly(&mut bench.process(arguments));
    wait_for_training(bench, cells);
    run
}

fn wait_for_training(bench: &Bench, cells: &[&str]) {
    for cell in cells {
        wait_until("the cell trains", || {
            bench.has_state(cell, "running")
                && std::fs::metadata(bench.path(cell).join("metrics.jsonl")).is_ok_and(|file| file.len() > 0)
        });
    }
}

/// Optimiser steps in a checkpoint.
fn steps_saved(bench: &Bench, cell: &str) -> u64 {
    let bytes = std::fs::read(bench.path(cell).join("checkpoints/last.safetensors")).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let progress = header["__metadata__"].as_object().unwrap().values().find_map(|value| {
        let value: Value = serde_json::from_str(value.as_str()?).ok()?;
        value["step"].as_u64().or_else(|| value["progress"]["step"].as_u64())
    });
    progress.expect("a checkpoint says its step")
}

/// The processes that train runs for `run`.
fn workers(run: &Child) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", run.id())).unwrap_or_default();
    children.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// A process with a terminal of its own, which it is in the foreground of.
struct OnTerminal {
    child: Running,
    master: File,
}

impl OnTerminal {
    fn start(bench: &Bench, arguments: &[&str], term: &str) -> Self {
        // Closed in every process that is started: the last copy of the master decides when the terminal is gone.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = nix::pty::posix_openpt(flags).unwrap();
        nix::pty::grantpt(&master).unwrap();
        nix::pty::unlockpt(&master).unwrap();
        let name = nix::pty::ptsname_r(&master).unwrap();
        let open = || File::options().read(true).write(true).custom_flags(nix::libc::O_NOCTTY).open(&name).unwrap();
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(env!("CARGO_BIN_EXE_bench")).args(arguments);
        command.current_dir(bench.folder.path()).env("BENCH_DATA", bench.path("data")).env("TERM", term);
        command.env_remove("NO_COLOR").env_remove("BENCH_LOG");
        let child = Running::spawn(command.stdin(open()).stdout(open()).stderr(open()));
        // Else the command holds the terminal open.
        drop(command);
        Self { child, master: File::from(OwnedFd::from(master)) }
    }

    /// What the terminal shows until the process ends.
    fn end(mut self) -> (ExitStatus, String) {
        let mut shown = Vec::new();
        let mut part = [0; 4096];
        // A terminal that nobody writes to any longer ends with an error.
        while let Ok(n @ 1..) = self.master.read(&mut part) {
            shown.extend_from_slice(&part[..n]);
        }
        (self.child.wait().unwrap(), String::from_utf8_lossy(&shown).into_owned())
    }
}

#[test]
fn nobody_who_reads_is_needed() {
    // Standard error is closed at once, then the disk behind it is full, then that behind standard output as well.
    let bench = bench(TINY);
    let mut run = Running::spawn(bench.process(&["run", "x.yaml"]).stdout(Stdio::null()).stderr(Stdio::piped()));
    drop(run.stderr.take());
    assert_eq!(run.wait().unwrap().code(), Some(0));
    for cell in TINY_CELLS {
        assert_eq!(bench.status(cell)["state"], "done");
    }
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let fresh = ["run", "x.yaml", "--fresh"];
    let run = bench.process(&fresh).stdout(Stdio::null()).stderr(full()).status().unwrap();
    assert_eq!(run.code(), Some(0));
    let run = bench.process(&fresh).stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(run.code(), Some(0));
    assert!(bench.path("runs/tiny/report/index.html").is_file());
    // Other commands have nothing but what they print.
    let list = bench.process(&["list", "tasks"]).stdout(full()).output().unwrap();
    assert_eq!(list.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&list.stderr).contains("standard output"));
}

#[test]
fn a_reader_that_has_gone_does_not_change_the_exit_code() {
    let failing =
        TINY.replace("hidden: 8}, {name: rnn", "hidden: 8, training: {initial_weights: none.pt}}, {name: rnn");
    let bench = bench(&failing);
    for (arguments, code) in [(&["run", "x.yaml"][..], 1), (&["list", "tasks"], 0), (&["run", "no.yaml"], 2)] {
        let mut run = Running::spawn(bench.process(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()));
        drop((run.stdout.take(), run.stderr.take()));
        assert_eq!(run.wait().unwrap().code(), Some(code), "{arguments:?}");
    }
    assert_eq!(bench.status(TINY_CELLS[1])["state"], "done");
}

#[test]
fn signals_that_were_ignored_at_the_start_stay_ignored() {
    for name in ["HUP", "INT"] {
        let bench = bench(&endless());
        let script = format!("trap '' {name}; exec \"$0\" run x.yaml --jobs 2");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_bench")]).current_dir(bench.folder.path());
        command.env("BENCH_DATA", bench.path("data")).process_group(0);
        let mut run = Running::quietly(&mut command);
        wait_for_training(&bench, &TINY_CELLS);
        send(&format!("-{}", run.id()), name);
        let epoch = bench.status(TINY_CELLS[0])["epoch"].as_u64().unwrap();
        wait_until("training has gone on", || bench.status(TINY_CELLS[0])["epoch"].as_u64().unwrap() > epoch + 5);
        signal(run.id(), "TERM");
        assert_eq!(run.wait().unwrap().code(), Some(130), "{name}");
    }
}

#[test]
fn signals_to_the_whole_group_are_one_request_and_every_run_saves() {
    for name in ["INT", "TERM", "HUP"] {
        let bench = bench(&slow_steps());
        let mut command = bench.process(&["run", "x.yaml", "--jobs", "2"]);
        let mut run = Running::spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0));
        wait_for_training(&bench, &TINY_CELLS);
        // As `timeout -s INT` does: to the process, and to its group.
        signal(run.id(), name);
        send(&format!("-{}", run.id()), name);
        let mut said = String::new();
        run.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(run.wait().unwrap().code(), Some(130), "{name}");
        assert_eq!(said.matches("saving a checkpoint").count(), 1, "{said}");
        for cell in TINY_CELLS {
            assert_eq!(bench.status(cell)["state"], "interrupted", "{name}");
            assert!(steps_saved(&bench, cell) > 0, "{name} {cell}");
        }
        assert!(bench.path("runs/tiny/report/index.html").is_file());
    }
}

#[test]
fn a_second_request_leaves_at_once() {
    let bench = bench(&endless());
    let mut command = bench.process(&["run", "x.yaml", "--log", "json"]);
    let mut run = Running::spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    let mut said = BufReader::new(run.stderr.take().unwrap()).lines();
    wait_for_training(&bench, &TINY_CELLS[..1]);
    // A worker that does not save, however long it is waited for.
    let worker = workers(&run)[0];
    signal(worker, "STOP");
    signal(run.id(), "INT");
    // The second request is one once the first was heard; sooner after it, they count as the same.
    assert!(said.any(|line| line.unwrap().contains("saving a checkpoint")));
    std::thread::sleep(Duration::from_millis(1200));
    signal(run.id(), "INT");
    let rest = std::thread::spawn(move || said.map(Result::unwrap).collect::<Vec<_>>());
    assert_eq!(run.code(), Some(130));
    assert!(rest.join().unwrap().iter().any(|line| line.contains("run-left-at-once")));
    let status = bench.status(TINY_CELLS[0]);
    assert_eq!((&status["state"], &status["reason"]), (&"interrupted".into(), &"interrupted".into()), "{status}");
}

/// A pipe that is full: somebody holds it open and does not read. What it returns keeps it so.
fn stalled() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    // Whatever room there is or comes; it ends when the last reader has gone.
    std::thread::spawn(move || while filler.write_all(&[b'.'; 512]).is_ok() {});
    (reader, writer)
}

#[test]
fn a_reader_that_has_stalled_stops_nothing() {
    for log in ["text", "json"] {
        let bench = bench(TINY);
        let (reader, writer) = stalled();
        // Both runs one after the other, and the end.
        let mut command = bench.process(&["run", "x.yaml", "--log", log]);
        let mut run = Running::spawn(command.stdout(Stdio::null()).stderr(writer.try_clone().unwrap()));
        assert_eq!(run.code(), Some(0));
        for cell in TINY_CELLS {
            assert_eq!(bench.status(cell)["state"], "done");
        }
        // A signal, and the deadline.
        bench.file("x.yaml", endless().replace("name: tiny", "name: long"));
        let cells = TINY_CELLS.map(|cell| cell.replace("tiny", "long"));
        for (limit, name) in [("10m", Some("TERM")), ("3s", None)] {
            let mut command = bench.process(&["run", "x.yaml", "--jobs", "2", "--log", log, "--max-time", limit]);
            let mut run = Running::spawn(command.stdout(Stdio::null()).stderr(writer.try_clone().unwrap()));
            if let Some(name) = name {
                wait_for_training(&bench, &cells.each_ref().map(String::as_str));
                signal(run.id(), name);
            }
            assert_eq!(run.code(), Some(130), "{limit}");
        }
        for cell in &cells {
            assert_eq!(bench.status(cell)["state"], "interrupted");
            assert!(steps_saved(&bench, cell) > 0);
        }
        drop(reader);
    }
}

/// One step, and a validation that takes far longer than any test waits.
const LONG_VALIDATION: &str = "\
name: tiny
tasks: [{name: adding, label: add, length: 100, train_samples: 20, validation_samples: 100000, test_samples: 16}]
baselines: [{name: gru, label: gru, hidden: 512}]
training: {epochs: 2, batch_size: 20, log_every: 1, max_time: 10m}
";

#[test]
fn an_evaluation_ends_with_a_signal_and_a_deadline() {
    for (limit, name) in [("10m", Some("INT")), ("8s", None)] {
        let bench = bench(LONG_VALIDATION);
        let mut run = Running::quietly(&mut bench.process(&["run", "x.yaml", "--max-time", limit]));
        if let Some(name) = name {
            wait_for_training(&bench, &TINY_CELLS[..1]);
            signal(run.id(), name);
        }
        assert_eq!(run.code(), Some(130), "{limit}");
        let status = bench.status(TINY_CELLS[0]);
        assert!(status["state"] == "interrupted" || (name.is_none() && status["state"] == "pending"), "{status}");
        if name.is_some() {
            assert_eq!(steps_saved(&bench, TINY_CELLS[0]), 1);
        }
        assert!(bench.path("runs/tiny/report/index.html").is_file());
    }
}

#[test]
fn a_worker_leaves_an_evaluation_when_the_run_was_killed() {
    let bench = bench(LONG_VALIDATION);
    let mut run = started(&bench, &["run", "x.yaml"], &TINY_CELLS[..1]);
    let worker = workers(&run)[0];
    run.kill().unwrap();
    run.wait().unwrap();
    wait_until("the worker has left", || !Path::new(&format!("/proc/{worker}/cwd")).exists());
    assert_eq!(bench.status(TINY_CELLS[0])["state"], "interrupted");
    assert_eq!(steps_saved(&bench, TINY_CELLS[0]), 1);
}

/// Files in the making below the cache.
fn parts(bench: &Bench) -> usize {
    let sets = std::fs::read_dir(bench.path("data/.cache")).into_iter().flatten().flatten();
    let files = sets.flat_map(|set| std::fs::read_dir(set.path()).into_iter().flatten().flatten());
    files.filter(|file| file.file_name().to_string_lossy().ends_with(".part")).count()
}

#[test]
fn samples_that_are_being_made_are_left_when_nobody_waits_for_them() {
    let text = TINY.replace(
        "{name: adding, label: add, length: 24, train_samples: 400, validation_samples: 16, test_samples: 16}",
        "{name: pathfinder, label: add, resolution: 32, train_samples: 300000}",
    );
    for name in ["INT", "KILL"] {
        let bench = bench(&text);
        let mut run = Running::quietly(&mut bench.process(&["run", "x.yaml"]));
        wait_until("samples are being made", || parts(&bench) > 0);
        let worker = workers(&run)[0];
        signal(run.id(), name);
        let code = run.code();
        wait_until("the worker has left", || !Path::new(&format!("/proc/{worker}/cwd")).exists());
        assert_eq!(parts(&bench), 0, "{name}");
        assert_eq!(bench.status(TINY_CELLS[0])["state"], "pending");
        if name == "INT" {
            assert_eq!(code, Some(130));
            assert!(bench.path("runs/tiny/report/index.html").is_file());
        }
    }
}

#[test]
fn files_that_change_meanwhile_fail_the_runs_that_come_later() {
    let bench = bench(TINY);
    bench.command(&["run", "x.yaml", "--cell", "add.rnn.s0"]).assert().success();
    let weights = std::fs::read(bench.path(TINY_CELLS[1]).join("checkpoints/best.safetensors")).unwrap();
    bench.file("w.safetensors", &weights);
    let text: String = (0..4000).map(|number| format!("{number} foxes\n")).collect();
    bench.file("t.txt", &text);
    let training = "seeds: [0, 1, 2]\ntraining: {epochs: 150, batch_size: 20, max_steps: 2000, schedule: constant}\n";
    bench.file("lm.yaml", format!(
        "tasks: [{{name: char-lm, label: add, file: t.txt, length: 20}}]\nbaselines: [{{name: rnn, label: rnn, hidden: 8}}]\n{training}"
    ));
    let rest: Vec<&str> =
        TINY.lines().filter(|line| !line.starts_with("training") && !line.starts_with("name")).collect();
    let rest = rest.join("\n").replace("{name: gru, label: gru, hidden: 8}, ", "");
    let training = training.replace("epochs: 150", "initial_weights: w.safetensors, epochs: 150");
    bench.file("weights.yaml", format!("{rest}\n{training}"));
    for (name, file) in [("lm", "t.txt"), ("weights", "w.safetensors")] {
        let cells = ["s0", "s1", "s2"].map(|seed| format!("runs/{name}/add.rnn.{seed}"));
        let mut run = started(&bench, &["run", &format!("{name}.yaml")], &[&cells[0]]);
        let mut changed = std::fs::read(bench.path(file)).unwrap();
        let last = changed.len() - 2;
        changed[last] ^= 1;
        bench.file(file, &changed);
        assert_eq!(run.wait().unwrap().code(), Some(1), "{name}");
        assert_eq!(bench.status(&cells[0])["state"], "done", "{name}");
        for cell in &cells[1..] {
            let status = bench.status(cell);
            assert_eq!(status["state"], "failed", "{name}: {status}");
            assert_eq!(status["kind"], "run-input", "{name}: {status}");
            assert!(status["message"].as_str().unwrap().contains(file), "{name}: {status}");
        }
    }
}

#[test]
fn ctrl_c_on_a_terminal_saves_every_run() {
    let bench = bench(&slow_steps());
    let mut run = OnTerminal::start(&bench, &["run", "x.yaml", "--jobs", "2"], "xterm");
    wait_for_training(&bench, &TINY_CELLS);
    run.master.write_all(b"\x03").unwrap();
    let (status, shown) = run.end();
    assert_eq!(status.code(), Some(130), "{shown}");
    for cell in TINY_CELLS {
        assert_eq!(bench.status(cell)["state"], "interrupted");
        assert!(steps_saved(&bench, cell) > 0);
    }
}

#[test]
fn a_closed_terminal_ends_a_run_with_checkpoint_and_report() {
    let bench = bench(&endless());
    let OnTerminal { mut child, master } = OnTerminal::start(&bench, &["run", "x.yaml"], "xterm");
    wait_for_training(&bench, &TINY_CELLS[..1]);
    drop(master);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(bench.status(TINY_CELLS[0])["state"], "interrupted");
    assert!(bench.path("runs/tiny/report/index.html").is_file());
}

#[test]
fn terminals_show_what_they_can() {
    let bench = bench(TINY);
    let (status, shown) = OnTerminal::start(&bench, &["list", "tasks"], "xterm").end();
    assert!(status.success() && shown.starts_with("task") && !shown.contains("tracing"), "{shown}");
    let (status, shown) = OnTerminal::start(&bench, &["run", "x.yaml"], "dumb").end();
    assert!(status.success() && shown.contains("add.gru.s0: epoch 2") && !shown.contains('\x1b'), "{shown}");
    let (status, shown) = OnTerminal::start(&bench, &["run", "x.yaml", "--fresh"], "xterm").end();
    assert!(status.success() && shown.contains('\x1b'), "{shown}");
    assert!(!shown.contains("tracing-subscriber"), "{shown}");
}

#[test]
fn every_line_of_a_json_log_is_json() {
    let bench = bench(TINY);
    bench.file("wrong.yaml", "tasks: [ading]\nbaselines: [lstm]\n");
    bench.file(
        "bad.yaml",
        TINY.replace("name: tiny", "name: bad").replace("hidden: 8}, ", "training: {initial_weights: no.pt}}, "),
    );
    let cases: [&[&str]; 8] = [
        &["run", "x.yaml"],
        &["run", "x.yaml", "--jobs", "2", "--fresh"],
        &["run", "x.yaml", "--max-time", "300ms", "--fresh"],
        &["run", "x.yaml", "--dry-run"],
        &["run", "wrong.yaml"],
        &["run", "bad.yaml"],
        &["run", "x.yaml", "--no-such-option"],
        &[
            "data",
            "generate",
            "listops",
            "--set",
            "train_samples=8",
            "--set",
            "validation_samples=4",
            "--set",
            "test_samples=4",
        ],
    ];
    for arguments in cases {
        let output = bench.command(arguments).args(["--log", "json"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.is_empty(), "{arguments:?}");
        for line in said.lines() {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{arguments:?}: {line}"));
            assert!(value["level"].is_string() && value["fields"]["message"].is_string(), "{line}");
        }
    }
}

#[test]
fn a_plan_is_that_of_the_start_whatever_becomes_of_the_file() {
    let bench = bench(&TINY.replace("epochs: 2", "epochs: 40").replace("name: tiny", "name: tiny\nseeds: [0, 1, 2]"));
    let mut run =
        started(&bench, &["run", "x.yaml", "--jobs", "2", "--set", "training.batch_size=10"], &TINY_CELLS[..1]);
    bench.file("x.yaml", TINY.replace("epochs: 2", "epochs: 3").replace("hidden: 8", "hidden: 4"));
    std::fs::remove_file(bench.path("x.yaml")).unwrap();
    assert!(run.wait().unwrap().success());
    for seed in 0..3 {
        for baseline in ["gru", "rnn"] {
            let status = bench.status(&format!("runs/tiny/add.{baseline}.s{seed}"));
            assert_eq!((status["state"].as_str(), status["epoch"].as_u64()), (Some("done"), Some(40)));
        }
    }
    let resolved = std::fs::read_to_string(bench.path("runs/tiny/experiment.yaml")).unwrap();
    assert!(resolved.contains("epochs: 40") && resolved.contains("batch_size: 10"), "{resolved}");
}

#[test]
fn any_file_that_can_be_read_once_will_do() {
    use std::os::unix::ffi::OsStringExt;
    for jobs in ["1", "2"] {
        let bench = bench(TINY);
        let options = ["run", "--quiet", "--jobs", jobs];
        bench.command(&options).arg("/dev/stdin").write_stdin(TINY).assert().success();
        let wanted = bench.file("-x.yaml", TINY.replace("name: tiny", "name: dash"));
        assert!(wanted.is_file());
        bench.command(&options).args(["--", "-x.yaml"]).assert().success();
        let name = std::ffi::OsString::from_vec(b"\xff.yaml".to_vec());
        std::fs::write(bench.folder.path().join(&name), TINY.replace("name: tiny", "name: odd")).unwrap();
        bench.command(&options).arg(&name).assert().success();
        let out = std::ffi::OsString::from_vec(b"out\xfe".to_vec());
        bench.command(&options).arg("--out").arg(&out).arg("x.yaml").assert().success();
        assert!(bench.folder.path().join(&out).join("tiny/add.gru.s0/checkpoints/best.safetensors").is_file());
        for name in ["dash", "odd"] {
            assert_eq!(bench.status(&format!("runs/{name}/add.rnn.s0"))["state"], "done");
        }
    }
}

#[test]
fn what_is_no_experiment_file_is_refused_without_reading_it_all() {
    let bench = bench(TINY);
    bench.refuses(&["run", "/dev/zero"], 2, "experiment-too-large", &["`/dev/zero`"]);
    bench.refuses(&["run", "/dev/null"], 2, "experiment-bad-setting", &["/dev/null:1:1:"]);
    bench.refuses(&["run", "."], 2, "experiment-unreadable", &["`.`"]);
    let huge = File::create(bench.path("huge.yaml")).unwrap();
    huge.set_len(1 << 40).unwrap();
    bench.refuses(&["run", "huge.yaml"], 2, "experiment-too-large", &["`huge.yaml`"]);
}

#[test]
fn a_locked_run_is_called_locked_with_jobs_too() {
    let bench = bench(&endless());
    let mut holder = started(&bench, &["run", "x.yaml", "--cell", "add.gru.s0"], &TINY_CELLS[..1]);
    let second = ["run", "x.yaml", "--jobs", "2", "--max-time", "2s", "--json"];
    let output = bench.command(&second).assert().code(130).get_output().stdout.clone();
    let summary: Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(summary["cells"][0]["outcome"], "locked");
    assert!(summary["cells"][0]["message"].as_str().unwrap().contains(&holder.id().to_string()), "{summary}");
    assert_eq!(summary["cells"][1]["outcome"], "interrupted");
    signal(holder.id(), "TERM");
    assert_eq!(holder.wait().unwrap().code(), Some(130));
}

#[test]
fn more_jobs_than_runs_are_no_trouble() {
    let bench = bench(TINY);
    bench.command(&["run", "x.yaml", "--jobs", "40"]).assert().success().stdout(contains("2 done"));
    bench.command(&["run", "x.yaml", "--jobs", "40"]).assert().success().stderr(contains("already done"));
}

#[test]
fn a_run_that_was_killed_does_not_count_as_running() {
    let bench = bench(&endless());
    let mut command = bench.process(&["run", "x.yaml", "--jobs", "2"]);
    let mut run = Running::quietly(command.process_group(0));
    wait_for_training(&bench, &TINY_CELLS);
    send(&format!("-{}", run.id()), "KILL");
    run.wait().unwrap();
    let states = || {
        let table = bench.json(&["status", "runs/tiny"]);
        table["rows"].as_array().unwrap().iter().map(|row| row["State"].clone()).collect::<Vec<_>>()
    };
    wait_until("the locks are free", || states() == ["interrupted", "interrupted"]);
    bench.command(&["status", "runs/tiny"]).assert().success().stdout(contains("killed"));
    bench.command(&["report", "runs/tiny"]).assert().success();
    let report = std::fs::read_to_string(bench.path("runs/tiny/report/report.md")).unwrap();
    assert!(report.contains("- Runs: 2: 2 interrupted\n"), "{report}");
}

#[test]
fn workers_do_not_outlive_the_run_and_what_they_did_is_kept() {
    let bench = bench(&endless());
    let mut run = started(&bench, &["run", "x.yaml", "--jobs", "2"], &TINY_CELLS);
    let workers = workers(&run);
    assert_eq!(workers.len(), 2);
    run.kill().unwrap();
    run.wait().unwrap();
    // The next one waits for them to leave.
    let next = bench.command(&["run", "x.yaml", "--jobs", "2", "--max-time", "3s"]).assert().code(130);
    next.stdout(contains("2 interrupted"));
    for worker in workers {
        wait_until("the worker has left", || !Path::new(&format!("/proc/{worker}/cwd")).exists());
    }
    for cell in TINY_CELLS {
        assert_eq!(bench.status(cell)["attempts"].as_u64().map(|attempts| attempts <= 2), Some(true));
    }
}

#[test]
fn a_worker_that_is_killed_takes_its_run_alone_along() {
    for (name, code, state) in [("KILL", 130, "interrupted"), ("ABRT", 1, "failed"), ("TERM", 130, "interrupted")] {
        let bench = bench(&TINY.replace("{name: gru", "{name: gru, training: {epochs: 100000, schedule: constant}"));
        let mut run = started(&bench, &["run", "x.yaml"], &TINY_CELLS[..1]);
        signal(workers(&run)[0], name);
        assert_eq!(run.wait().unwrap().code(), Some(code), "{name}");
        let status = bench.status(TINY_CELLS[0]);
        assert_eq!(status["state"], state, "{name}: {status}");
        assert_eq!(bench.status(TINY_CELLS[1])["state"], "done", "{name}");
    }
}

#[test]
fn a_run_without_memory_fails_alone_and_says_why() {
    let text = TINY.replace("length: 24", "length: 2000").replace("batch_size: 20", "batch_size: 200, max_steps: 1");
    let bench =
        bench(&text.replace("{name: gru, label: gru, hidden: 8}", "{name: ccnn, label: big, blocks: 8, hidden: 64}"));
    let mut command = Command::new("sh");
    // An ordinary process asks for 1.7 GB of addresses (the allocator reserves one), a step of `big` for several more.
    command.args(["-c", "ulimit -v 3000000; exec \"$0\" run x.yaml --threads 2", env!("CARGO_BIN_EXE_bench")]);
    command.current_dir(bench.folder.path()).env("BENCH_DATA", bench.path("data"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let status = bench.status("runs/tiny/add.big.s0");
    assert_eq!(
        (status["state"].as_str(), status["reason"].as_str()),
        (Some("failed"), Some("out_of_memory")),
        "{said}"
    );
    assert_eq!(bench.status(TINY_CELLS[1])["state"], "done", "{said}");
}

#[test]
fn what_came_of_the_runs_is_said_even_without_a_report() {
    let bench = bench(TINY);
    std::fs::create_dir_all(bench.path("runs/tiny")).unwrap();
    bench.file("runs/tiny/report", "a file where the folder should be");
    bench.command(&["run", "x.yaml"]).assert().code(1).stdout(contains("2 done"));
    bench.refuses(&["run", "x.yaml"], 1, "report-write", &["runs/tiny/report"]);
    let output = bench.command(&["run", "x.yaml", "--json"]).assert().code(1).get_output().stdout.clone();
    let summary: Value = serde_json::from_slice(&output).unwrap();
    assert!(summary["report"].is_null() && summary["report_error"].is_string(), "{summary}");
    assert_eq!(summary["cells"][1]["outcome"], "done");
}

#[test]
fn a_run_folder_that_is_removed_meanwhile_fails_runs_not_the_program() {
    let bench = bench(&TINY.replace("epochs: 2", "epochs: 4000"));
    let mut command = bench.process(&["run", "x.yaml", "--jobs", "2"]);
    let run = Running::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    wait_for_training(&bench, &TINY_CELLS);
    wait_until("the folder is gone", || {
        std::fs::remove_dir_all(bench.path("runs")).is_ok() || !bench.path("runs").exists()
    });
    let output = run.output();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(contains("2 failed").eval(&String::from_utf8_lossy(&output.stdout)), "{output:?}");
}
