//! `bench export`: what other programs read of runs.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::Bench;

const SMALL: &str = "\
name: small
seeds: [0, 1]
tasks: [{name: adding, label: adding, length: 20, train_samples: 32, validation_samples: 16, test_samples: 16}]
baselines: [{name: rnn, label: rnn, hidden: 4}, {name: gru, label: gru, hidden: 4}]
training: {epochs: 2, batch_size: 8}
";

/// Steps and values by tag.
type Rows = BTreeMap<String, Vec<(u64, Option<f64>)>>;

/// Two runs of two epochs, and one of another baseline that has not begun.
fn trained() -> Bench {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL);
    bench.command(&["run", "small.yaml", "--only", "baseline=rnn"]).assert().success();
    bench
}

/// What the files of a run say, under the tags of an export.
fn recorded(bench: &Bench, run: &str) -> Rows {
    let mut rows = Rows::new();
    let mut add = |tag: String, line: &Value| {
        let row = (line["step"].as_u64().unwrap(), line["value"].as_f64());
        rows.entry(tag).or_default().push(row);
    };
    let folder = bench.path("runs/small").join(run);
    for line in lines(&folder.join("metrics.jsonl")) {
        let group = match line["kind"].as_str().unwrap() {
            "epoch" => line["split"].as_str().unwrap_or("epoch").to_owned(),
            kind => kind.to_owned(),
        };
        add(format!("{group}/{}", line["name"].as_str().unwrap()), &line);
    }
    for line in lines(&folder.join("diagnostics.jsonl")) {
        let (quantity, layer) = (line["quantity"].as_str().unwrap(), line["layer"].as_str().unwrap());
        add(format!("diagnostics/{quantity}/{layer}"), &line);
    }
    rows
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_run_with_metrics_has_a_file_and_the_others_are_named() {
    let bench = trained();
    for (viewer, ending) in [("tensorboard", ".bench"), ("wandb", ".wandb")] {
        let exported = bench.json(&["export", viewer, "runs/small"]);
        let files: Vec<&str> = exported["files"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
        assert_eq!(files.len(), 2, "{exported}");
        assert!(files.iter().all(|file| file.starts_with(&format!("runs/small/{viewer}/")) && file.ends_with(ending)));
        let first: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(bench.path(file)).unwrap()).collect();
        // Nothing but the runs decides what is written, and what was written before is no run.
        assert_eq!(bench.json(&["export", viewer, "runs/small"])["files"], exported["files"]);
        let again: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(bench.path(file)).unwrap()).collect();
        assert_eq!(first, again);
    }
    bench.refuses(&["export", "wandb", "nothing"], 2, "report-read", &["nothing"]);
    // A run that was planned and not begun.
    let idle = bench.path("runs/small/adding.gru.s0");
    std::fs::create_dir_all(&idle).unwrap();
    std::fs::copy(bench.path("runs/small/adding.rnn.s0/cell.yaml"), idle.join("cell.yaml")).unwrap();
    let exported = bench.json(&["export", "tensorboard", "runs/small"]);
    assert_eq!(exported["files"].as_array().unwrap().len(), 2, "{exported}");
    assert!(exported["left_out"][0].as_str().unwrap().contains("adding.gru.s0"), "{exported}");
}

#[test]
#[ignore = "needs Python with TensorBoard and the client of Weights & Biases, named by BENCH_PYTHON"]
fn exports_are_read_by_the_programs_they_are_for() {
    let python = std::env::var("BENCH_PYTHON").unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/clients.py");
    let bench = trained();
    for viewer in ["tensorboard", "wandb"] {
        bench.command(&["export", viewer, "runs/small", "--out", viewer]).assert().success();
        let output = Command::new(&python).arg(&script).arg(viewer).arg(bench.path(viewer)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let seen: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["adding.rnn.s0", "adding.rnn.s1"]);
        for (seed, (run, seen)) in seen.iter().enumerate() {
            assert_eq!(
                (&seen["seed"], &seen["baseline"]),
                (&Value::from(seed as f64), &Value::from("rnn")),
                "{viewer}"
            );
            for (tag, rows) in recorded(&bench, run) {
                let found = seen[&tag].as_array().unwrap_or_else(|| panic!("{viewer} sees no {tag}"));
                assert_eq!(found.len(), rows.len(), "{viewer}: {tag}");
                for (found, (step, value)) in found.iter().zip(rows) {
                    assert_eq!(found[0].as_u64(), Some(step), "{viewer}: {tag}");
                    let close = |value: f64| (found[1].as_f64().unwrap() - value).abs() <= 1e-6 * value.abs();
                    assert!(
                        value.map_or(found[1].is_null(), close),
                        "{viewer}: {tag} at {step}: {} {value:?}",
                        found[1]
                    );
                }
            }
        }
    }
}
