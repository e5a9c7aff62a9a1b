//! `evaluate` of an experiment from outside: trained networks judged on other resolutions and settings of their task.

use std::process::Stdio;

use super::support::{Bench, metrics, wait_until};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

const SMALL: &str = "\
name: small
tasks:
  - {name: adding, label: add, length: 16, train_samples: 40, validation_samples: 8, test_samples: 24}
  - {name: copy, label: cp, symbols: 2, delay: 4, train_samples: 40, validation_samples: 8, test_samples: 24}
baselines:
  - {name: ccnn, label: ccnn, blocks: 1, hidden: 4, kernel_hidden: 4, omega_0: 10}
  - {name: rnn, label: rnn, hidden: 4}
training: {epochs: 2, batch_size: 8, eval_batch_size: 50}
";

const EVALUATE: &str = "\
evaluate:
  resample: [0.5, 1, 2]
  tasks: [{length: 24}, {length: 48}, {delay: 9}]
";

const CELLS: [&str; 4] = ["add.ccnn.s0", "add.rnn.s0", "cp.ccnn.s0", "cp.rnn.s0"];

fn folder(cell: &str) -> String {
    format!("runs/small/{cell}")
}

fn evaluations(bench: &Bench, cell: &str) -> Value {
    let text = std::fs::read(bench.path(&folder(cell)).join("evaluations.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The same without times.
fn numbers(bench: &Bench, cell: &str) -> Value {
    let mut all = evaluations(bench, cell);
    for one in all["variants"].as_array_mut().unwrap() {
        one.as_object_mut().unwrap().remove("seconds");
    }
    all
}

fn run(bench: &Bench, text: &str) -> assert_cmd::assert::Assert {
    bench.file("small.yaml", text);
    bench.command(&["run", "small.yaml", "--device", "cpu"]).assert().success()
}

fn variant<'a>(all: &'a Value, variant: &Value) -> &'a Value {
    let all = all["variants"].as_array().unwrap();
    all.iter().find(|one| one["variant"] == *variant).unwrap_or_else(|| panic!("no {variant} in {all:?}"))
}

#[test]
fn every_variant_has_the_numbers_of_bench_eval() {
    let bench = Bench::new();
    run(&bench, &format!("{SMALL}{EVALUATE}"));
    for cell in CELLS {
        let found = evaluations(&bench, cell);
        let record = std::fs::read_to_string(bench.path(&folder(cell)).join("cell.yaml")).unwrap();
        assert!(record.contains(found["run"].as_str().unwrap()), "{found}");
        let checkpoint = format!("{}/checkpoints/best.safetensors", folder(cell));
        let mut measured = 0;
        for one in found["variants"].as_array().unwrap() {
            let more = match (&one["variant"]["resample"], &one["variant"]["task"]) {
                (Value::Number(factor), _) => ["--resample".to_owned(), factor.to_string()],
                (_, Value::Object(settings)) => {
                    let (name, value) = settings.iter().next().unwrap();
                    ["--set".to_owned(), format!("task.{name}={value}")]
                }
                other => panic!("{other:?}"),
            };
            let by_hand =
                [&["eval", &checkpoint, "--device", "cpu"][..], &more.each_ref().map(String::as_str)].concat();
            if one["state"] == "not_applicable" {
                bench.command(&by_hand).assert().failure();
                continue;
            }
            measured += 1;
            let by_hand = bench.json(&by_hand);
            for field in ["value", "loss", "samples", "shape"] {
                assert_eq!(one[field], by_hand[field], "{cell} {}: {field}", one["variant"]);
            }
            assert_eq!(one["targets"], by_hand["total"], "{cell}: {one}");
            let above = one.get("above_nyquist").unwrap_or(&Value::Null);
            assert_eq!(*above, by_hand["filters_above_nyquist"], "{cell}: {one}");
        }
        assert_eq!(measured, if cell.starts_with("add") { 5 } else { 2 }, "{found}");
        let lines = metrics(&bench.path(&folder(cell)));
        let test = lines
            .iter()
            .find(|line| line["name"].as_str().unwrap().starts_with("test_") && line["name"] != "test_loss");
        let (test, own) = (test.unwrap()["value"].as_f64().unwrap(), variant(&found, &json!({"resample": 1.0})));
        let own = own["value"].as_f64().unwrap();
        assert!((own - test).abs() <= 1e-6 * test.abs(), "{cell}: {own}, {test}");
    }
    // And from there into the report.
    let report = |name: &str| std::fs::read_to_string(bench.path("runs/small/report").join(name)).unwrap();
    let table = report("tables/evaluations.csv");
    let heading: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    assert_eq!(heading[5..11], ["×0.5", "×1", "×2", "length=24", "length=48", "delay=9"], "{table}");
    let found = evaluations(&bench, "add.rnn.s0");
    let doubled = variant(&found, &json!({"resample": 2.0}))["value"].as_f64().unwrap();
    let row: Vec<&str> = table.lines().find(|line| line.starts_with("add,rnn,")).unwrap().split(',').collect();
    assert!((row[7].parse::<f64>().unwrap() - doubled).abs() < 1e-12 && row[10] == "n/a", "{table}");
    let drawn = report("figures/test-values-by-variant.csv");
    assert!(drawn.contains("add, resolution") && drawn.contains("add, length") && drawn.contains("\ncp,"), "{drawn}");
    let page = report("report.md");
    assert!(
        page.contains("## Other resolutions and lengths") && page.contains("task `copy` has no setting `length`"),
        "{page}"
    );
}

#[test]
fn what_has_no_other_form_says_why() {
    let bench = Bench::new();
    run(&bench, &format!("{SMALL}{EVALUATE}"));
    let reason = |cell: &str, what: Value| {
        let all = evaluations(&bench, cell);
        let one = variant(&all, &what).clone();
        assert_eq!(one["state"], "not_applicable", "{one}");
        assert!(one.get("value").is_none(), "{one}");
        one["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason("cp.rnn.s0", json!({"task": {"length": 24}})), "task `copy` has no setting `length`");
    assert_eq!(reason("add.rnn.s0", json!({"task": {"delay": 9}})), "task `adding` has no setting `delay`");
    assert!(reason("cp.ccnn.s0", json!({"resample": 2.0})).contains("tokens"));
    // A layer over all positions; and a task at another resolution, whose networks have other weights.
    let text = "\
name: small
tasks:
  - {name: pathfinder, label: path, resolution: 32, difficulty: easy, form: 2d, train_samples: 8, validation_samples: 4, test_samples: 4}
baselines: [{name: stn, label: stn}]
evaluate: {resample: [0.5], tasks: [{resolution: 64}]}
training: {epochs: 1, batch_size: 4}
";
    run(&bench, text).stderr(contains("evaluated 2 times, 2 n/a"));
    assert!(reason("path.stn.s0", json!({"resample": 0.5})).contains("over all positions"));
    assert!(reason("path.stn.s0", json!({"task": {"resolution": 64}})).contains("other weights"));
}

/// Weights, metrics and hash of the runs.
fn training(bench: &Bench, cell: &str) -> (Vec<u8>, Vec<Value>, String) {
    let folder = bench.path(&folder(cell));
    let record = std::fs::read_to_string(folder.join("cell.yaml")).unwrap();
    let hash = record.lines().find(|line| line.starts_with("hash: ")).unwrap().to_owned();
    (std::fs::read(folder.join("checkpoints/last.safetensors")).unwrap(), metrics(&folder), hash)
}

/// A run that was trained before anybody asked is evaluated from its checkpoint, and nothing of it is trained again.
#[test]
fn runs_are_evaluated_later_and_once() {
    let bench = Bench::new();
    run(&bench, SMALL);
    let trained = CELLS.map(|cell| training(&bench, cell));
    assert!(!bench.path(&folder(CELLS[0])).join("evaluations.json").exists());
    let asked = format!("{SMALL}{EVALUATE}");
    let all = contains("already done; evaluated 6 times").count(4);
    run(&bench, &asked).stderr(all.and(contains("evaluated 6 times, 1 n/a")).and(contains("evaluated 6 times, 4 n/a")));
    let first = CELLS.map(|cell| numbers(&bench, cell));
    assert!(CELLS.map(|cell| training(&bench, cell)) == trained, "runs were trained again, or are others");
    assert!(CELLS.iter().all(|cell| bench.status(&folder(cell))["attempts"] == 1));

    // There is nothing left to do; what is lost or damaged is made again, to the same numbers.
    run(&bench, &asked).stderr(contains("evaluated").not());
    std::fs::remove_file(bench.path(&folder(CELLS[1])).join("evaluations.json")).unwrap();
    std::fs::write(bench.path(&folder(CELLS[2])).join("evaluations.json"), "{\"schema\": 1, ").unwrap();
    run(&bench, &asked).stderr(contains("evaluated").count(2));
    assert_eq!(CELLS.map(|cell| numbers(&bench, cell)), first);

    // Another request is another file.
    run(&bench, &format!("{SMALL}evaluate: {{resample: [2]}}\n")).stderr(contains("evaluated once").count(4));
    assert_eq!(evaluations(&bench, CELLS[0])["variants"].as_array().unwrap().len(), 1);
    assert!(CELLS.map(|cell| training(&bench, cell)) == trained);
}

/// Evaluations are of the weights that the run has: those of a longer training are others.
#[test]
fn a_longer_training_is_evaluated_again() {
    let bench = Bench::new();
    let asked = format!("{SMALL}evaluate: {{resample: [1, 2]}}\n");
    run(&bench, &asked);
    let before = numbers(&bench, CELLS[0]);
    bench.file("small.yaml", asked.replace("epochs: 2", "epochs: 4"));
    // Nobody waits for it: what is there may not stand for what comes.
    bench.command(&["run", "small.yaml", "--device", "cpu", "--max-time", "1ms"]).assert().code(130);
    run(&bench, &asked.replace("epochs: 2", "epochs: 4"));
    let after = numbers(&bench, CELLS[0]);
    assert_ne!(after["variants"], before["variants"]);
    let checkpoint = format!("{}/checkpoints/best.safetensors", folder(CELLS[0]));
    let by_hand = bench.json(&["eval", &checkpoint, "--device", "cpu", "--resample", "1,2"]);
    for (one, by_hand) in after["variants"].as_array().unwrap().iter().zip(by_hand["resolutions"].as_array().unwrap()) {
        assert_eq!(one["value"], by_hand["value"]);
    }
    // Without the file of its weights the result stands, and the failure is told.
    std::fs::remove_file(bench.path(&checkpoint)).unwrap();
    bench.file("small.yaml", asked.replace("epochs: 2", "epochs: 4").replace("[1, 2]", "[2]"));
    bench.command(&["run", "small.yaml", "--device", "cpu"]).assert().code(1);
    let status = bench.status(&folder(CELLS[0]));
    assert_eq!(status["state"], "done", "{status}");
    let message = status["message"].as_str().unwrap();
    assert!(message.starts_with("not evaluated: ") && message.contains("best.safetensors"), "{message}");
    assert_eq!(status["kind"], "eval-weights", "{status}");
    // Nobody asks any longer.
    run(&bench, &SMALL.replace("epochs: 2", "epochs: 4"));
    assert!(bench.status(&folder(CELLS[0]))["message"].is_null());
}

/// A budget cuts the samples of evaluations as it does those of the test.
#[test]
fn a_scale_holds_for_evaluations_too() {
    let bench = Bench::new();
    let text = format!("{SMALL}evaluate: {{resample: [1], tasks: [{{length: 4096}}]}}\n")
        .replace("test_samples: 24", "test_samples: 99");
    bench.file("small.yaml", text);
    let arguments = ["run", "small.yaml", "--device", "cpu", "--set", "scale=smoke", "--only", "task=add,baseline=rnn"];
    bench.command(&arguments).assert().success();
    let all = evaluations(&bench, "add.rnn.smoke.s0");
    let samples = |what: Value| variant(&all, &what)["samples"].as_u64().unwrap();
    assert_eq!(samples(json!({"resample": 1.0})), 32);
    assert_eq!(samples(json!({"task": {"length": 4096}})), 16);
}

#[test]
fn a_dry_run_counts_evaluations() {
    let bench = Bench::new();
    bench.file("small.yaml", format!("{SMALL}{EVALUATE}"));
    let dry = ["run", "small.yaml", "--device", "cpu", "--dry-run", "--no-time"];
    bench.command(&dry).assert().success().stdout(contains("24 evaluations").and(contains("6 of them n/a")));
    assert_eq!(bench.json(&dry)["cells"][0]["evaluations"], json!([6, 1]));
    bench.file("small.yaml", SMALL);
    bench.command(&dry).assert().success().stdout(contains("evaluation").not());
}

/// A signal while a trained network is judged: its result stands, and what is missing is made the next time.
#[cfg(unix)]
#[test]
fn an_interrupt_leaves_the_result_and_no_half_evaluations() {
    let bench = Bench::new();
    let text =
        SMALL.replace("test_samples: 24", "test_samples: 300").replace("eval_batch_size: 50", "eval_batch_size: 1");
    bench.file("small.yaml", format!("{text}evaluate: {{tasks: [{{length: 24}}, {{length: 60000}}]}}\n"));
    let arguments = ["run", "small.yaml", "--device", "cpu", "--quiet", "--only", "task=add,baseline=rnn"];
    let mut run = bench.process(&arguments).stdout(Stdio::null()).spawn().unwrap();
    wait_until("the run is done", || bench.has_state(&folder("add.rnn.s0"), "done"));
    let file = bench.path(&folder("add.rnn.s0")).join("evaluations.json");
    assert!(!file.exists(), "it was judged before it could be interrupted");
    std::process::Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    let status = bench.status(&folder("add.rnn.s0"));
    assert!(status["state"] == "done" && status["message"].is_null() && status["attempts"] == 1, "{status}");
    assert!(!file.exists());
    bench.file("small.yaml", format!("{text}evaluate: {{tasks: [{{length: 24}}]}}\n"));
    let again = ["run", "small.yaml", "--device", "cpu", "--only", "task=add,baseline=rnn"];
    bench.command(&again).assert().success().stderr(contains("already done; evaluated once"));
    assert_eq!(bench.status(&folder("add.rnn.s0"))["attempts"], 1);
    assert_eq!(evaluations(&bench, "add.rnn.s0")["variants"][0]["samples"], 300);
}
