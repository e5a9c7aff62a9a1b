//! `bench eval` from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::HashMap;
use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use support::{Bench, metrics};

const EXPERIMENT: &str = "\
name: small
tasks:
  - {name: adding, label: add, length: 16, train_samples: 40, validation_samples: 8, test_samples: 24}
  - {name: copy, label: cp, symbols: 2, delay: 4, train_samples: 40, validation_samples: 8, test_samples: 24}
baselines:
  - {name: rnn, label: rnn, hidden: 4}
training: {epochs: 2, batch_size: 8}
";

/// A state dict in the names of `torch.nn` for two inputs, `hidden` units and one output, which is `answer` whatever the
/// input.
fn constant(bench: &Bench, name: &str, hidden: usize, answer: f32) -> String {
    let tensors: [(&str, Vec<usize>, f32); 6] = [
        ("rnn.weight_ih_l0", vec![hidden, 2], 0.5),
        ("rnn.weight_hh_l0", vec![hidden, hidden], 0.1),
        ("rnn.bias_ih_l0", vec![hidden], 0.0),
        ("rnn.bias_hh_l0", vec![hidden], 0.0),
        ("head.weight", vec![1, hidden], 0.0),
        ("head.bias", vec![1], answer),
    ];
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|(_, shape, value)| value.to_le_bytes().repeat(shape.iter().product())).collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, shape, _), data)| (*name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    let bytes = safetensors::serialize(views, None::<HashMap<String, String>>).unwrap();
    bench.file(name, bytes).to_str().unwrap().to_owned()
}

fn last(lines: &[Value], name: &str) -> f64 {
    lines.iter().rev().find(|line| line["name"] == name).unwrap()["value"].as_f64().unwrap()
}

#[test]
fn checkpoints_of_a_run_reach_the_recorded_metrics() {
    let bench = Bench::new();
    bench.file("small.yaml", EXPERIMENT);
    bench.command(&["run", "small.yaml", "--device", "cpu", "--quiet"]).assert().success();
    for (cell, metric) in [("add.rnn.s0", "mean_squared_error"), ("cp.rnn.s0", "accuracy")] {
        let folder = Path::new("runs/small").join(cell);
        let recorded = metrics(&bench.path("runs/small").join(cell));
        let best = folder.join("checkpoints/best.safetensors");
        let result = bench.json(&["eval", best.to_str().unwrap(), "--device", "cpu"]);
        let test = last(&recorded, &format!("test_{metric}"));
        assert!((result["value"].as_f64().unwrap() - test).abs() <= 1e-6 * test.abs(), "{cell}: {result} {test}");
        assert_eq!(result["split"], "test");
        assert_eq!(result["parameters"].as_f64().unwrap(), last(&recorded, "parameters"));
        assert_eq!(result["accuracy"].is_null(), metric != "accuracy");
        let validation = bench.json(&[
            "eval",
            best.to_str().unwrap(),
            "--split",
            "validation",
            "--batch-size",
            "3",
            "--device",
            "cpu",
        ]);
        let best_validation = last(&recorded, &format!("best_validation_{metric}"));
        assert!((validation["value"].as_f64().unwrap() - best_validation).abs() <= 1e-5 * best_validation.abs());
        let last = folder.join("checkpoints/last.safetensors");
        bench
            .command(&["eval", last.to_str().unwrap(), "--device", "cpu"])
            .assert()
            .success()
            .stdout(contains(cell[..2].to_owned()));
    }
}

/// Sums of two numbers from [0, 1] guessed as 1 miss by their variance, 1/6.
#[test]
fn weights_of_another_program_are_loaded_under_its_names() {
    let bench = Bench::new();
    let file = constant(&bench, "w.safetensors", 3, 1.0);
    let common = ["eval", &file, "--task", "adding", "--baseline", "rnn", "--set", "baseline.hidden=3"];
    let sizes = ["--set", "task.length=20", "--set", "task.train_samples=10", "--set", "task.validation_samples=10"];
    let arguments = [&common[..], &sizes, &["--set", "task.test_samples=2000", "--device", "cpu"]].concat();
    let result = bench.json(&arguments);
    let value = result["value"].as_f64().unwrap();
    assert!((value - 1.0 / 6.0).abs() < 0.02, "{result}");
    assert_eq!(result["total"], 2000);
    assert_eq!(result["parameters"], 3 * 2 + 3 * 3 + 3 + 3 + 3 + 1);
}

/// An answer that is the same for every input is as good at every resolution; what is not known in between is refused.
#[test]
fn other_resolutions_are_one_table() {
    let bench = Bench::new();
    let file = constant(&bench, "w.safetensors", 3, 1.0);
    let common = ["eval", &file, "--task", "adding", "--baseline", "rnn", "--set", "baseline.hidden=3"];
    let sizes = ["--set", "task.length=21", "--set", "task.test_samples=50", "--set", "task.train_samples=10"];
    let at = |resample: &'static str| [&common[..], &sizes, &["--device", "cpu", "--resample", resample]].concat();
    let result = bench.json(&at("0.5,1,2,1/3"));
    let all = result["resolutions"].as_array().unwrap();
    let shapes: Vec<u64> = all.iter().map(|one| one["shape"][0].as_u64().unwrap()).collect();
    assert_eq!(shapes, [11, 21, 41, 7]);
    for one in all {
        assert_eq!((&one["value"], &one["total"]), (&result["value"], &result["total"]), "{one}");
        assert!(one["filters_above_nyquist"].is_null());
    }
    assert_eq!(result["resample"], 0.5);
    assert!(result["notes"].to_string().contains("as it is"), "{result}");
    let plain = bench.json(&at("1"));
    assert!(plain["value"] == result["value"] && !plain["notes"].to_string().contains("as it is"), "{plain}");
    bench.command(&at("0.5,1")).assert().success().stdout(contains("resolution").and(contains("as it is")));
    bench.command(&at("0.5")).assert().success().stdout(contains("0.5 times the samples per axis (11)"));
    bench.command(&at("0")).assert().code(2).stderr(contains("from 1/64 to 64"));
    bench
        .command(&["eval", &file, "--task", "copy", "--baseline", "rnn", "--resample", "2"])
        .assert()
        .code(2)
        .stderr(contains("`copy` cannot be evaluated at another resolution").and(contains("tokens")));
    let scalar = ["--set", "task.tokens=scalar", "--resample", "0.5"];
    bench
        .command(&[&["eval", &file, "--task", "listops", "--baseline", "rnn"][..], &scalar].concat())
        .assert()
        .code(2)
        .stderr(contains("`listops` cannot be evaluated at another resolution").and(contains("tokens")));
    bench
        .command(&["eval", &file, "--task", "adding", "--baseline", "vgg", "--resample", "2"])
        .assert()
        .code(2)
        .stderr(contains("`vgg` cannot be evaluated at another resolution"));
}

#[test]
fn weights_that_do_not_fit_are_listed_with_the_setting_that_would() {
    let bench = Bench::new();
    let file = constant(&bench, "w.safetensors", 3, 1.0);
    bench.command(&["eval", &file, "--task", "adding", "--baseline", "rnn"]).assert().code(2).stderr(
        contains("misshapen")
            .and(contains("rnn.weight_hh_l0 has shape [3, 3], wanted is [128, 128]"))
            .and(contains("they fit with --set baseline.hidden=3")),
    );
    bench
        .command(&["eval", &file, "--task", "adding", "--baseline", "ckcnn"])
        .assert()
        .code(2)
        .stderr(contains("missing").and(contains("unexpected")).and(contains("they fit").not()));
}

/// The released weights of CKCNN classify as many digits as in the original program: 9 931 of 10 000.
#[test]
fn released_weights_reach_the_accuracy_of_their_program() {
    let (Some(folder), Some(data)) = (std::env::var_os("BENCH_CHECKPOINTS"), std::env::var_os("BENCH_DATA")) else {
        eprintln!("SKIPPED: set BENCH_CHECKPOINTS to a folder with the released CKCNN weights, and BENCH_DATA");
        return;
    };
    let released = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).find(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("MNIST_perm_False") && name.contains("nohid_30_")
    });
    let released = released.expect("the weights for sequential MNIST, 30 channels");
    let omega_0 = "baseline.omega_0=31.09195739463897";
    let arguments = ["eval", released.to_str().unwrap(), "--task", "smnist", "--baseline", "ckcnn", "--set", omega_0];
    let arguments = [&arguments[..], &["--data", data.to_str().unwrap(), "--device", "cpu"]].concat();
    let result = Bench::new().json(&arguments);
    let correct = result["correct"].as_u64().unwrap();
    assert!(correct.abs_diff(9_931) <= 2, "{correct} of {}", result["total"]);
}

#[test]
fn what_is_missing_or_misspelt_is_named() {
    let bench = Bench::new();
    let file = constant(&bench, "w.safetensors", 3, 1.0);
    bench.command(&["eval", &file]).assert().code(2).stderr(contains("give --task NAME"));
    bench.command(&["eval", &file, "--task", "adding"]).assert().code(2).stderr(contains("give --baseline NAME"));
    bench
        .command(&["eval", &file, "--task", "ading", "--baseline", "rnn"])
        .assert()
        .code(2)
        .stderr(contains("did you mean `adding`?"));
    bench
        .command(&["eval", &file, "--task", "adding", "--baseline", "rnn", "--set", "baseline.hiden=3"])
        .assert()
        .code(2)
        .stderr(contains("hidden"));
    bench
        .command(&["eval", "nothing.pt", "--task", "adding", "--baseline", "rnn"])
        .assert()
        .code(2)
        .stderr(contains("cannot read nothing.pt"));
}

#[test]
fn files_that_are_no_state_dicts_are_refused() {
    let bench = Bench::new();
    let cases: [(&str, &[u8], &str); 4] = [
        ("evil.pt", b"cos\nsystem\n(S'true'\ntR.", "call `os.system`"),
        ("text.pt", b"hello", "damaged or no PyTorch file"),
        ("empty.pt", b"", "damaged or no PyTorch file"),
        ("cut.safetensors", b"\xff\xff\xff\xff", "cut.safetensors cannot be read"),
    ];
    for (name, bytes, message) in cases {
        bench.file(name, bytes);
        bench
            .command(&["eval", name, "--task", "adding", "--baseline", "rnn"])
            .assert()
            .code(2)
            .stderr(contains(message).and(contains(name)));
    }
}
