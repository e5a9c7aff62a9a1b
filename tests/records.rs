//! What identifies a run, from outside: extensions, provenance, plans, and results that are not replaced.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use support::{Bench, diagnostics, metrics};

const SMALL: &str = "\
name: small
seeds: [0]
tasks:
  - {name: adding, label: add, length: 24, train_samples: 64, validation_samples: 16, test_samples: 16}
baselines: [{name: gru, label: gru, hidden: 8}]
training: {epochs: 2, batch_size: 16, learning_rate: 0.01}
";
const CELL: &str = "runs/small/add.gru.s0";

fn record(bench: &Bench, cell: &str) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(bench.path(cell).join("cell.yaml")).unwrap()).unwrap()
}

fn with(training: &str) -> Bench {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("learning_rate: 0.01", &format!("learning_rate: 0.01{training}")));
    bench
}

fn run(bench: &Bench, arguments: &[&str]) -> assert_cmd::assert::Assert {
    bench.command(&[&["run", "small.yaml"], arguments].concat()).assert()
}

#[test]
fn an_extension_under_the_cosine_is_another_training_and_says_so() {
    let bench = with("");
    run(&bench, &[]).success();
    let hash = record(&bench, CELL)["hash"].clone();
    run(&bench, &["--set", "training.epochs=4"]).success().stderr(contains("4 epochs, extended from 2"));
    let now = record(&bench, CELL);
    assert_eq!(now["extended_from"], serde_json::json!([2]));
    assert_ne!(now["hash"], hash);
    // Nothing is left to do, and nothing is lost by asking for it.
    run(&bench, &["--set", "training.epochs=4"]).success().stderr(contains("already done"));
    run(&bench, &["--set", "training.epochs=3"]).success().stderr(contains("more than the 3 asked for"));
    assert_eq!(record(&bench, CELL)["extended_from"], serde_json::json!([2]));
    // A fresh seed of four epochs is another row.
    run(&bench, &["--set", "training.epochs=4", "--seeds", "1"]).success();
    let report = std::fs::read_to_string(bench.path("runs/small/report/report.md")).unwrap();
    assert_eq!(report.matches("(n = 1)").count(), 2, "{report}");
    assert!(!report.contains("(n = 2)") && report.contains("gru (4 epochs, extended from 2)"), "{report}");
    // Further on, and from the beginning.
    run(&bench, &["--set", "training.epochs=5"]).success();
    assert_eq!(record(&bench, CELL)["extended_from"], serde_json::json!([2, 4]));
    run(&bench, &["--set", "training.epochs=4", "--fresh"]).success();
    assert!(record(&bench, CELL)["extended_from"].is_null());
}

#[test]
fn an_extension_is_the_longer_training_where_the_schedule_does_not_depend_on_it() {
    for training in [
        ", schedule: constant",
        ", schedule: exponential",
        ", schedule: plateau, plateau_patience: 1",
        ", schedule_steps: 12",
    ] {
        let (whole, extended) = (with(training), with(training));
        run(&whole, &["--set", "training.epochs=5"]).success();
        run(&extended, &[]).success();
        run(&extended, &["--set", "training.epochs=5"]).success();
        assert_eq!(metrics(&whole.path(CELL)), metrics(&extended.path(CELL)), "{training}");
        assert_eq!(diagnostics(&whole.path(CELL)), diagnostics(&extended.path(CELL)), "{training}");
        assert!(record(&extended, CELL)["extended_from"].is_null(), "{training}");
        assert_eq!(record(&whole, CELL)["hash"], record(&extended, CELL)["hash"], "{training}");
    }
}

/// As if a signal had stopped the run where it is.
fn interrupt(bench: &Bench) {
    let mut status = bench.status(CELL);
    (status["state"], status["reason"]) = ("interrupted".into(), "interrupted".into());
    std::fs::write(bench.path(CELL).join("status.json"), status.to_string()).unwrap();
}

#[test]
fn a_training_that_went_on_for_longer_does_not_pass_for_a_shorter_one() {
    // Nothing improves, so that patience ends it after as many epochs and one.
    let bench = Bench::new();
    let still = SMALL.replace("epochs: 2", "epochs: 6, schedule: constant");
    bench.file("small.yaml", still.replace("learning_rate: 0.01", "learning_rate: 1.0e-12"));
    run(&bench, &[]).success();
    interrupt(&bench);
    let (before, lines) = (record(&bench, CELL), metrics(&bench.path(CELL)));
    for (set, words) in [
        ("training.epochs=2", "6 epochs"),
        ("training.early_stopping=2", "`early_stopping: 2`"),
        ("training.max_time=1ms", "`max_time`"),
    ] {
        run(&bench, &["--set", set]).code(1).stdout(contains(words).and(contains("--fresh")));
        assert_eq!((record(&bench, CELL), metrics(&bench.path(CELL))), (before.clone(), lines.clone()), "{set}");
        let status = bench.status(CELL);
        assert_eq!((&status["state"], &status["epoch"]), (&"interrupted".into(), &6.into()), "{set}");
        assert_eq!(status["kind"], "run-longer", "{set}: {status}");
        assert!(status["message"].as_str().unwrap().contains(words), "{set}: {status}");
    }
    // More patience than it had was never used up, and as many epochs as there are are no fewer.
    run(&bench, &["--set", "training.early_stopping=6"]).success();
    let status = bench.status(CELL);
    assert_eq!((&status["state"], &status["epoch"], &status["message"]), (&"done".into(), &6.into(), &Value::Null));
    assert!(status.get("kind").is_none(), "{status}");
    // From the beginning.
    run(&bench, &["--set", "training.epochs=2", "--fresh"]).success();
    assert_eq!(bench.status(CELL)["epoch"], 2);
}

#[test]
fn an_extension_that_cannot_begin_leaves_what_was_measured() {
    let bench = with(", schedule: constant");
    run(&bench, &[]).success();
    let (before, lines) = (record(&bench, CELL), metrics(&bench.path(CELL)));
    for name in ["metrics.jsonl", "diagnostics.jsonl"] {
        let path = bench.path(CELL).join(name);
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        run(&bench, &["--set", "training.epochs=4"]).code(1).stdout(contains(name));
        std::fs::write(&path, &text).unwrap();
        let status = bench.status(CELL);
        assert_eq!((&status["state"], &status["epoch"]), (&"done".into(), &2.into()), "{name}");
        assert_eq!(status["kind"], "journal-lost", "{status}");
        assert_eq!((record(&bench, CELL), metrics(&bench.path(CELL))), (before.clone(), lines.clone()), "{name}");
    }
    // What is asked for is there, and nothing is left to say.
    run(&bench, &[]).success().stderr(contains("already done"));
    assert_eq!(bench.status(CELL)["message"], Value::Null);
    run(&bench, &["--set", "training.epochs=4"]).success();
}

#[test]
fn a_text_may_lie_elsewhere_as_long_as_it_is_the_same() {
    const LM: &str = "runs/small/lm.gru.s0";
    let bench = text_experiment("error");
    let set = |text: &str| ["--set".to_owned(), format!("task.file={text}")];
    let run = |text: &str, more: &[&str]| {
        let set = set(text);
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        run(&bench, &[&set, more].concat())
    };
    run("own.txt", &[]).success();
    let before = record(&bench, LM);
    std::fs::create_dir(bench.path("texts")).unwrap();
    std::fs::rename(bench.path("own.txt"), bench.path("texts/moved.txt")).unwrap();
    run("texts/moved.txt", &[]).success().stderr(contains("already done"));
    assert_eq!(record(&bench, LM), before);
    // It goes on from there under its old name and hash.
    let mut status = bench.status(LM);
    (status["state"], status["reason"]) = ("interrupted".into(), Value::Null);
    std::fs::write(bench.path(LM).join("status.json"), status.to_string()).unwrap();
    run("texts/moved.txt", &[]).success();
    let now = record(&bench, LM);
    assert_eq!((&now["hash"], &now["task"]), (&before["hash"], &before["task"]));
    // Another text, or none, is another run.
    bench.file("other.txt", "a lazy fox. ".repeat(900));
    let refuses = |text: &str, kind, offenders: &[&str]| {
        bench.refuses(&["run", "small.yaml", "--set", &format!("task.file={text}")], 2, kind, offenders);
    };
    refuses("other.txt", "run-changed", &["task.data_hash", "task.config.file"]);
    refuses("nowhere.txt", "run-changed", &["nowhere.txt"]);
    assert_eq!(record(&bench, LM), now);
}

#[test]
fn every_attempt_is_recorded_with_its_build_and_device() {
    let bench = with(", schedule: constant");
    run(&bench, &[]).success();
    run(&bench, &["--set", "training.epochs=3"]).success();
    let status = bench.status(CELL);
    assert_eq!(status["attempts"], 2);
    let attempts = status["provenance"].as_array().unwrap();
    let from: Vec<_> = attempts.iter().map(|a| (a["attempt"].as_u64(), a["from_epoch"].as_u64())).collect();
    assert_eq!(from, [(Some(1), Some(0)), (Some(2), Some(2))]);
    for attempt in attempts {
        assert_eq!((attempt["device"].as_str(), attempt["versions"]["burn"].as_str()), (Some("cpu"), Some("0.22.1")));
        // Where the tests run within a checkout, its commit; never that of the folder the program runs in.
        assert!(attempt["commit"].as_str().is_none_or(|commit| commit.len() == 40), "{attempt}");
    }
    // A file as it was before there was a list.
    let path = bench.path(CELL).join("status.json");
    let mut old = status;
    old.as_object_mut().unwrap().remove("provenance");
    std::fs::write(&path, old.to_string()).unwrap();
    run(&bench, &["--set", "training.epochs=4"]).success();
    let numbers: Vec<_> =
        bench.status(CELL)["provenance"].as_array().unwrap().iter().map(|a| a["attempt"].clone()).collect();
    assert_eq!(numbers, [2, 3]);
}

#[test]
fn the_kind_of_device_is_recorded_and_changed_settings_are_refused() {
    let bench = with(", schedule: constant");
    run(&bench, &[]).success();
    assert_eq!(record(&bench, CELL)["device"], "cpu");
    let changed = ["run", "small.yaml", "--set", "training.batch_size=8"];
    bench.refuses(&changed, 2, "run-changed", &["training.batch_size"]);
}

#[test]
fn every_run_names_the_experiment_file_that_trained_it() {
    let bench = with("");
    run(&bench, &[]).success();
    run(&bench, &["--seeds", "1", "--set", "scale=smoke"]).success();
    let plan = |cell: &str| {
        let name = record(&bench, cell)["plan"].as_str().unwrap().to_owned();
        std::fs::read_to_string(bench.path("runs/small").join(name)).unwrap()
    };
    assert!(plan(CELL).contains("scale: paper"));
    let smoke = plan("runs/small/add.gru.smoke.s1");
    assert!(smoke.contains("scale: smoke"));
    assert_eq!(std::fs::read_to_string(bench.path("runs/small/experiment.yaml")).unwrap(), smoke);
    // The same call again adds none, and each is an experiment file of its runs.
    run(&bench, &[]).success();
    assert_eq!(std::fs::read_dir(bench.path("runs/small/plans")).unwrap().count(), 2);
    let name = record(&bench, CELL)["plan"].as_str().unwrap().to_owned();
    let again = bench.path("runs/small").join(name);
    bench.command(&["run", again.to_str().unwrap()]).assert().success().stderr(contains("already done"));
}

#[test]
fn foreign_damage_is_named_and_the_command_ends_as_its_own_runs_did() {
    let bench = with("");
    run(&bench, &["--seeds", "0,1"]).success();
    for (file, text) in [("status.json", "{\"schema\": 1, \"sta"), ("cell.yaml", ""), ("metrics.jsonl", "x\ny\nz\n")] {
        let path = bench.path("runs/small/add.gru.s1").join(file);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        run(&bench, &[]).success().stderr(contains("add.gru.s1").and(contains(file)));
        let report = std::fs::read_to_string(bench.path("runs/small/report/report.md")).unwrap();
        assert!(report.contains("## Left out") && report.contains("| add.gru.s1 |"), "{file}: {report}");
        bench.command(&["report", "runs/small"]).assert().success().stdout(contains("left out: "));
        bench.command(&["status", "runs/small"]).assert().success().stdout(contains("left out"));
        std::fs::write(&path, whole).unwrap();
    }
}

/// A text of one's own is data that can go away.
fn text_experiment(missing: &str) -> Bench {
    let bench = Bench::new();
    bench.file("own.txt", "the quick brown fox jumps over the lazy dog. ".repeat(200));
    let text = format!(
        "name: small\nmissing: {missing}\ntasks: [{{name: char-lm, label: lm, length: 16, file: own.txt}}]\n\
         baselines: [{{name: gru, label: gru, hidden: 4}}]\ntraining: {{epochs: 1, batch_size: 64, max_steps: 3}}\n"
    );
    bench.file("small.yaml", text);
    bench
}

#[test]
fn finished_runs_need_no_data_and_a_measured_result_is_not_replaced() {
    const LM: &str = "runs/small/lm.gru.s0";
    for (missing, scale) in [("error", "paper"), ("skip", "paper"), ("error", "smoke"), ("error", "laptop")] {
        let bench = text_experiment(missing);
        let set = format!("scale={scale}");
        let folder = if scale == "paper" { LM.to_owned() } else { format!("runs/small/lm.gru.{scale}.s0") };
        let run =
            |more: &[&str]| run(&bench, &[&["--set", &set, "--set", "training.warmup_epochs=0.5"], more].concat());
        run(&[]).success();
        let (before, lines) = (record(&bench, &folder), metrics(&bench.path(&folder)));
        std::fs::rename(bench.path("own.txt"), bench.path("away.txt")).unwrap();
        run(&[]).success().stderr(contains("already done"));
        // Discarding needs something to put in the place.
        let fresh = run(&["--fresh"]);
        let code = fresh.get_output().status.code();
        // A file of one's own cannot be fetched: under `skip`, too, its run fails, and leaves what there is.
        assert_eq!(code, Some(if missing == "error" { 2 } else { 1 }), "{missing}");
        assert_eq!(record(&bench, &folder), before, "{missing}");
        assert_eq!(metrics(&bench.path(&folder)), lines, "{missing}");
        assert_eq!(bench.status(&folder)["state"], "done", "{missing}");
    }
}

#[test]
fn a_trained_run_whose_data_are_away_is_not_marked_as_skipped() {
    const DIGITS: &str = "runs/small/smnist.rnn.s0";
    let bench = Bench::new();
    let text = "name: small\nmissing: skip\ntasks: [smnist]\nbaselines: [{name: rnn, label: rnn, hidden: 4}]\ntraining: {epochs: 1}\n";
    bench.file("small.yaml", text);
    run(&bench, &[]).success().stdout(contains("1 skipped"));
    // As if the data had been there.
    let mut trained = record(&bench, DIGITS);
    trained["task"]["data_hash"] = "d0d0cafe".into();
    std::fs::write(bench.path(DIGITS).join("cell.yaml"), serde_yaml::to_string(&trained).unwrap()).unwrap();
    for state in ["done", "interrupted"] {
        let mut status = bench.status(DIGITS);
        (status["state"], status["reason"], status["epoch"]) = (state.into(), Value::Null, 1.into());
        std::fs::write(bench.path(DIGITS).join("status.json"), status.to_string()).unwrap();
        for more in [&["--set", "training.epochs=9"][..], &["--set", "training.epochs=9", "--fresh"]] {
            run(&bench, more).success();
            assert_eq!(bench.status(DIGITS)["state"], state, "{more:?}");
            assert!(bench.status(DIGITS)["message"].as_str().unwrap().contains("bench data fetch mnist"));
            assert_eq!(record(&bench, DIGITS), trained, "{more:?}");
        }
        // Other settings are still refused.
        let changed = ["run", "small.yaml", "--set", "training.learning_rate=0.5"];
        bench.refuses(&changed, 2, "run-changed", &["training.learning_rate"]);
    }
}

#[test]
fn a_checkpoint_of_a_run_with_any_default_label_is_evaluated() {
    let bench = Bench::new();
    let text = "\
name: small
tasks: [{name: adding, length: 24, train_samples: 64, validation_samples: 16, test_samples: 16}]
baselines: [{name: gru, hidden: 8}]
training: {epochs: 1, batch_size: 16}
";
    bench.file("small.yaml", text);
    run(&bench, &[]).success();
    let folder = std::fs::read_dir(bench.path("runs/small")).unwrap().map(|entry| entry.unwrap().path());
    let cell = folder.into_iter().find(|path| path.join("cell.yaml").is_file()).unwrap();
    // A label that a file may not give, as some follow from the settings.
    let long = "vgg-32-512-loss-0.1-with-a-name-of-more-than-forty-characters";
    let mut record: Value = serde_yaml::from_str(&std::fs::read_to_string(cell.join("cell.yaml")).unwrap()).unwrap();
    record["baseline"]["label"] = long.into();
    record["task"]["label"] = "char-lm.of-a-text".into();
    std::fs::write(cell.join("cell.yaml"), serde_yaml::to_string(&record).unwrap()).unwrap();
    let best = cell.join("checkpoints/best.safetensors");
    bench.command(&["eval", best.to_str().unwrap(), "--device", "cpu"]).assert().success().stdout(contains(long));
}
