//! What runs a file and a scale make.

use predicates::str::contains;

use super::support::Bench;
use super::{CELLS, SMALL};

#[test]
fn a_dry_run_says_what_its_times_are_and_where_time_ends_a_run() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("epochs: 6", "epochs: 100000, max_time: 10s"));
    let plan = bench.json(&["run", "small.yaml", "--dry-run"]);
    for cell in plan["cells"].as_array().unwrap() {
        let reached = cell["epochs_within_limit"].as_f64().unwrap();
        assert!(reached > 0.0 && reached < 100_000.0, "{cell}");
        let evaluated = cell["evaluation_seconds"].as_f64().unwrap();
        assert!(evaluated > 0.0 && evaluated < cell["seconds"].as_f64().unwrap(), "{cell}");
        assert!(cell["seconds_by_clock"].as_f64().unwrap() > 0.0);
    }
    let text = bench.command(&["run", "small.yaml", "--dry-run"]).assert().success();
    let text = String::from_utf8_lossy(&text.get_output().stdout).into_owned();
    assert!(text.contains("max_time ends it in epoch") && text.contains("CPU time"), "{text}");
}

#[test]
fn steps_that_accumulate_gradients_are_timed_as_a_whole() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("batch_size: 16", "batch_size: 4, accumulate_grad_steps: 3"));
    let speed = bench.json(&["speed", "small.yaml", "--steps", "2", "--data-from", "task"]);
    for cell in speed["cells"].as_array().unwrap() {
        assert_eq!((cell["samples"].as_u64(), cell["passes"].as_u64()), (Some(12), Some(3)), "{cell}");
    }
}

/// A scale is another run beside that of the recipe, with a budget of its own, and both stand in one report.
#[test]
fn a_smoke_scale_takes_five_steps_beside_the_recipe_itself() {
    let bench = Bench::new();
    bench.file("small.yaml", format!("source: made up\n{SMALL}"));
    bench.command(&["run", "small.yaml", "--only", "baseline=gru"]).assert().success();
    bench
        .command(&["run", "small.yaml", "--only", "baseline=gru", "--set", "scale=smoke"])
        .assert()
        .success()
        .stdout(contains("Scale smoke: 5 steps"));
    let status = bench.status("runs/small/add.gru.smoke.s3");
    assert_eq!((status["state"].as_str(), status["epoch"].as_u64()), (Some("done"), Some(1)));
    let read = |file: &str| std::fs::read_to_string(bench.path(file)).unwrap();
    let cell = read("runs/small/add.gru.smoke.s3/cell.yaml");
    assert!(
        cell.contains("scale: smoke") && cell.contains("train_samples: 20") && cell.contains("- made up"),
        "{cell}"
    );
    assert!(read("runs/small/experiment.yaml").contains("scale: smoke"));
    let lines = read("runs/small/add.gru.smoke.s3/metrics.jsonl");
    assert_eq!(lines.matches("\"name\":\"learning_rate\"").count(), 5, "{lines}");
    assert_eq!(bench.status(CELLS[1])["epoch"], 6);
    let report = read("runs/small/report/report.md");
    assert!(report.contains("| gru |") && report.contains("| gru scale=smoke |"), "{report}");
    // Nothing is left to do at either scale.
    let again = ["run", "small.yaml", "--only", "baseline=gru", "--set", "scale=smoke"];
    bench.command(&again).assert().success().stderr(contains("already done"));
}

/// The sizes of a text of one's own are known before anything runs: scales cut it, and the record says so.
#[test]
fn a_text_of_ones_own_has_its_sizes_in_the_plan_and_in_the_record() {
    let bench = Bench::new();
    let text: String = (0..30_000u32).map(|i| char::from(b'a' + (i * i / 7 % 26) as u8)).collect();
    bench.file("own.txt", text);
    let experiment = "\
name: own
tasks:
  - {name: char-lm, label: own, file: own.txt, length: 32}
baselines:
  - {name: rnn, label: rnn, hidden: 4}
training: {epochs: 4, batch_size: 8, warmup_epochs: 1}
";
    bench.file("own.yaml", experiment);
    // 27 000 characters are 844 windows of 32; a batch that is not full is left out.
    let plan = bench.json(&["run", "own.yaml", "--dry-run", "--no-time"]);
    assert_eq!(plan["cells"][0]["steps_per_epoch"], 105);
    bench.command(&["run", "own.yaml", "--set", "scale=smoke", "--device", "cpu", "--quiet"]).assert().success();
    let record = std::fs::read_to_string(bench.path("runs/own/own.rnn.smoke.s0/cell.yaml")).unwrap();
    let record: serde_json::Value = serde_yaml::from_str(&record).unwrap();
    assert_eq!(record["task"]["splits"], serde_json::json!([20, 32, 32]));
    let notes = record["task"]["notes"].to_string();
    assert!(notes.contains("20 of 844 train, 32 of 47 validation, 32 of 47 test samples"), "{notes}");
    // A quarter of the steps, as in the recipe.
    assert_eq!(record["training"]["warmup_steps"], 1);
    // The report says so, too.
    let report = std::fs::read_to_string(bench.path("runs/own/report/report.md")).unwrap();
    assert!(report.contains("20 of 844 train"), "{report}");
    let absent = experiment.replace("own.txt", "absent.txt");
    bench.file("absent.yaml", absent);
    bench.refuses(&["run", "absent.yaml"], 2, "run-missing-data", &["absent.txt"]);
}
