//! Runs that were stopped, killed or damaged, and go on.

use std::process::Stdio;
use std::time::{Duration, Instant};

use predicates::prelude::*;
use predicates::str::contains;

use super::support::{Bench, metrics, wait_until};
use super::{CELLS, GRU, SMALL, assert_same_results, failed, finished, gru_alone};

#[test]
fn ten_kills_at_any_moment_do_not_change_a_single_value() {
    let begun = Instant::now();
    let whole = finished();
    let time = begun.elapsed();
    let killed = Bench::new();
    killed.file("small.yaml", SMALL);
    for kill in 0..10u32 {
        let mut run = killed.process(&["run", "small.yaml", "--quiet"]).stdout(Stdio::null()).spawn().unwrap();
        // Moments spread over the run without a pattern, the first ones within the start of the program.
        std::thread::sleep(time.mul_f64(f64::from((kill * 7 + 1) % 10) / 10.0));
        run.kill().unwrap();
        run.wait().unwrap();
    }
    killed.command(&["run", "small.yaml"]).assert().success();
    assert_same_results(&whole, &killed);
    let attempts = CELLS.map(|cell| killed.status(cell)["attempts"].as_u64().unwrap());
    assert!(attempts.iter().sum::<u64>() > 2, "no attempt was interrupted: {attempts:?}");
}

#[test]
fn an_interrupt_saves_a_checkpoint_and_ends_with_130() {
    let whole = finished();
    let bench = Bench::new();
    bench.file("small.yaml", SMALL);
    // A deadline takes the same way as a signal.
    bench.command(&["run", "small.yaml", "--max-time", "1ms"]).assert().code(130);
    bench.command(&["run", "small.yaml"]).assert().success();
    assert_same_results(&whole, &bench);
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_is_taken() {
    let settings = "schedule: constant, epochs: 6";
    let (whole, cell) = gru_alone(settings);
    whole.command(&GRU).assert().success();
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 4] = [
        ("has changed", |file| *file.last_mut().unwrap() ^= 1),
        ("has changed", |file| {
            // A digit of the progress, so that the file is as well-formed as before.
            let text = b"\\\"samples\\\":";
            let at = file.windows(text.len()).position(|bytes| bytes == text).unwrap() + text.len();
            file[at] = if file[at] == b'1' { b'2' } else { b'1' };
        }),
        ("cannot be used", |file| file.truncate(file.len() - 1)),
        ("cannot be used", Vec::clear),
    ];
    for (words, damage) in damages {
        let (bench, _) = gru_alone(settings);
        let checkpoints = bench.path(cell).join("checkpoints");
        let [last, previous] = ["last", "previous"].map(|name| checkpoints.join(format!("{name}.safetensors")));
        // As if the run had been killed after its third epoch.
        bench.command(&GRU).args(["--set", "training.epochs=2"]).assert().success();
        let before = std::fs::read(&last).unwrap();
        bench.command(&GRU).args(["--set", "training.epochs=3"]).assert().success();
        assert!(!previous.exists(), "a run that is over keeps one");
        std::fs::write(&previous, before).unwrap();
        let spoil = || {
            let mut file = std::fs::read(&last).unwrap();
            damage(&mut file);
            std::fs::write(&last, file).unwrap();
        };
        spoil();
        // A run that is stopped at once has saved where it stands, and must not have taken the damaged one for the one before that.
        let stopped = bench.command(&GRU).args(["--max-time", "1ms"]).assert().code(130);
        stopped.stderr(contains(words).and(contains("going on from the one before it, of step 50")));
        spoil();
        let run = bench.command(&GRU).assert().success();
        run.stderr(contains(words).and(contains("going on from the one before it, of step 50")));
        let log = std::fs::read_to_string(bench.path(cell).join("log.txt")).unwrap();
        assert!(log.contains("warning: checkpoint ") && log.contains(words), "{log}");
        assert_eq!(metrics(&bench.path(cell)), metrics(&whole.path(cell)));
    }
}

#[cfg(unix)]
#[test]
fn a_run_whose_checkpoints_are_all_damaged_says_so() {
    let (bench, cell) = gru_alone("epochs: 4000");
    let checkpoints = bench.path(cell).join("checkpoints");
    let paths = ["last", "previous"].map(|name| checkpoints.join(format!("{name}.safetensors")));
    let mut run = bench.process(&GRU).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("there are two checkpoints", || paths.iter().all(|path| path.exists()));
    let killed = std::process::Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    let files = paths.clone().map(|path| std::fs::read(path).unwrap());
    for (path, file) in paths.iter().zip(&files) {
        let mut file = file.clone();
        *file.last_mut().unwrap() ^= 0x80;
        std::fs::write(path, file).unwrap();
    }
    bench.command(&GRU).assert().code(1);
    failed(&bench, cell, "checkpoint-invalid", &["last.safetensors", "has changed", "--fresh"]);
    std::fs::write(&paths[1], &files[1]).unwrap();
    bench.command(&GRU).args(["--max-time", "1ms"]).assert().code(130).stderr(contains("going on from the one before"));
}

#[test]
fn a_damaged_status_is_named_and_results_are_kept() {
    let whole = finished();
    let bench = Bench::new();
    bench.file("small.yaml", SMALL);
    bench.command(&["run", "small.yaml"]).assert().success();
    std::fs::write(bench.path(CELLS[0]).join("status.json"), "{\"schema\": 1, \"sta").unwrap();
    let run = bench.command(&["run", "small.yaml"]).assert().success();
    let said = [&run.get_output().stdout[..], &run.get_output().stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("status counts as new") && said.contains("status.json"), "{said}");
    assert_eq!(bench.status(CELLS[0])["state"], "done");
    assert_same_results(&whole, &bench);
}

#[cfg(unix)]
#[test]
fn a_termination_signal_leaves_a_resumable_run() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("epochs: 6", "epochs: 4000"));
    let mut run = bench.process(&["run", "small.yaml", "--quiet"]).stdout(Stdio::null()).spawn().unwrap();
    // Before it trains there is nothing to save.
    let last = bench.path(CELLS[0]).join("checkpoints/last.safetensors");
    wait_until("the cell trains", || bench.has_state(CELLS[0], "running") && last.is_file());
    let killed = std::process::Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert_eq!(bench.status(CELLS[0])["state"], "interrupted");
    assert!(bench.path(CELLS[0]).join("checkpoints/last.safetensors").is_file());
}

#[test]
fn a_finished_run_is_extended_by_epochs_and_seeds_without_retraining() {
    let bench = finished();
    let before = metrics(&bench.path(CELLS[1]));
    let epochs =
        |lines: &[serde_json::Value]| lines.iter().filter(|line| line["kind"] == "epoch").cloned().collect::<Vec<_>>();
    bench
        .command(&["run", "small.yaml", "--seeds", "3,4"])
        .assert()
        .success()
        .stderr(contains("add.gru.s3: already done"));
    assert_eq!(bench.status(CELLS[1])["attempts"], 1);
    assert_eq!(bench.status("runs/small/add.gru.s4")["state"], "done");
    bench.command(&["run", "small.yaml", "--set", "training.epochs=8"]).assert().success();
    let after = metrics(&bench.path(CELLS[1]));
    let (old, new) = (epochs(&before), epochs(&after));
    assert_eq!(new[..old.len()], old[..]);
    assert_eq!(new.len(), old.len() / 6 * 8);
    assert_eq!(after.iter().filter(|line| line["name"] == "test_loss").count(), 1);
}

#[test]
fn a_run_that_another_process_trains_is_refused_and_other_runs_go_on() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("epochs: 6", "epochs: 4000"));
    let first = ["run", "small.yaml", "--quiet", "--cell", "add.ccnn.s3"];
    let mut holder = bench.process(&first).stdout(Stdio::null()).spawn().unwrap();
    let lock = bench.path(CELLS[0]).join("status.json");
    let begun = Instant::now();
    while !lock.exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    bench.command(&first).assert().code(1).stdout(contains("locked").and(contains(holder.id().to_string())));
    bench.command(&["run", "small.yaml", "--cell", "add.gru.s3", "--set", "training.epochs=1"]).assert().success();
    holder.kill().unwrap();
    holder.wait().unwrap();
}

#[test]
fn lost_lines_of_the_metrics_are_noticed_and_named() {
    let (bench, cell) = gru_alone("epochs: 2");
    bench.command(&GRU).assert().success();
    for name in ["metrics.jsonl", "diagnostics.jsonl"] {
        let path = bench.path(cell).join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        std::fs::write(&path, lines[..2].join("\n") + "\n").unwrap();
        bench
            .command(&GRU)
            .args(["--set", "training.epochs=3"])
            .assert()
            .code(1)
            .stdout(contains(name).and(contains("--fresh")));
        assert_eq!(bench.status(cell)["kind"], "journal-lost");
        std::fs::write(&path, text).unwrap();
    }
    bench.command(&GRU).args(["--set", "training.epochs=3"]).assert().success();
}
