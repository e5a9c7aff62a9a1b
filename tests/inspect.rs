//! `bench inspect` from outside, and what a run keeps of its network.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::HashMap;
use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use support::Bench;

const EXPERIMENT: &str = "\
name: small
tasks:
  - {name: adding, label: add, length: 40, train_samples: 40, validation_samples: 8, test_samples: 24}
baselines:
  - {name: ckcnn, label: ck, blocks: 1, hidden: 4, kernel_hidden: 4}
  - {name: s4d, label: s4d, d_model: 4, n_layers: 1, d_state: 4}
training: {epochs: 1, batch_size: 8}
";

const INITIAL: &str = "inspection-initial.json";
const TRAINED: &str = "inspection-trained.json";

fn run(bench: &Bench, more: &[&str]) {
    bench.file("small.yaml", EXPERIMENT);
    let arguments = [&["run", "small.yaml", "--device", "cpu", "--quiet"], more].concat();
    bench.command(&arguments).assert().success();
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What a run has seen of its tested weights is what is seen of its checkpoint.
#[test]
fn a_run_keeps_what_its_checkpoint_shows() {
    let bench = Bench::new();
    run(&bench, &[]);
    for cell in ["add.ck.s0", "add.s4d.s0"] {
        let folder = bench.path("runs/small").join(cell);
        let [initial, trained] = [INITIAL, TRAINED].map(|name| read(&folder.join(name)));
        assert_eq!((&initial["schema"], &initial["shape"][0]), (&Value::from(1), &Value::from(40)));
        assert_ne!(initial, trained);
        let best = folder.join("checkpoints/best.safetensors");
        // Half a batch, as the run does.
        let arguments = ["inspect", best.to_str().unwrap(), "--samples", "4", "--device", "cpu", "--out", "seen"];
        let result = bench.json(&arguments);
        assert_eq!(result["inspection"], trained, "{cell}");
        assert_eq!(result["inspection"]["field"]["samples"], 4);
        assert_eq!(result["inspection"]["layers"][0]["eigenvalues"].is_object(), cell.contains("s4d"));
    }
    let page = std::fs::read_to_string(bench.path("runs/small/report/index.html")).unwrap();
    for section in [
        "effective receptive field",
        "sampled kernels",
        "largest kernel value at every lag",
        "eigenvalues on the unit disc",
    ] {
        assert!(page.to_lowercase().contains(section), "{section}");
    }
    assert!(bench.path("runs/small/report/tables/receptive-fields.csv").is_file());
}

#[test]
fn the_page_holds_figures_and_values_and_is_the_same_every_time() {
    let bench = Bench::new();
    run(&bench, &["--only", "baseline=ck"]);
    let best = "runs/small/add.ck.s0/checkpoints/best.safetensors";
    let shown = bench.command(&["inspect", best, "--device", "cpu"]).assert().success();
    shown.stdout(contains("R90").and(contains("backbone.0.cconv1: 8 kernels of 40 taps")));
    let folder = bench.path("runs/small/add.ck.s0/checkpoints/best-inspect");
    for name in ["index.html", "inspection.md", "inspection.json", "tables/layers.csv", "tables/layers.tex"] {
        assert!(folder.join(name).is_file(), "{name}");
    }
    for name in ["kernels", "largest-kernel-values", "receptive-field", "answer", "spectra"] {
        for ending in ["svg", "png", "csv"] {
            assert!(folder.join(format!("figures/{name}.{ending}")).is_file(), "{name}.{ending}");
        }
    }
    let page = std::fs::read(folder.join("index.html")).unwrap();
    bench.command(&["inspect", best, "--device", "cpu", "--out", "again"]).assert().success();
    assert!(std::fs::read(bench.path("again/index.html")).unwrap() == page);
    bench.command(&["inspect", best, "--device", "cpu", "--out", "alone", "--format", "html"]).assert().success();
    assert!(bench.path("alone/index.html").is_file() && !bench.path("alone/figures").exists());
    // Nobody differentiates without samples.
    let result = bench.json(&["inspect", best, "--device", "cpu", "--out", "bare", "--samples", "0"]);
    assert!(result["inspection"]["field"].is_null() && result["inspection"]["layers"][0]["kernels"].is_object());
    bench.refuses(&["inspect", best, "--format", "pdf"], 2, "usage", &["pdf"]);
    bench.refuses(&["inspect", best, "--task", "addign"], 2, "eval-unknown", &["addign", "adding"]);
    bench.refuses(&["inspect", "small.yaml"], 2, "weights-unusable", &["small.yaml"]);
}

/// A longer training looks again at its end, and does not lose what was seen before its first step.
#[test]
fn what_was_seen_first_outlasts_an_extension() {
    let bench = Bench::new();
    run(&bench, &["--only", "baseline=ck"]);
    let folder = bench.path("runs/small/add.ck.s0");
    let before = [INITIAL, TRAINED].map(|name| std::fs::read(folder.join(name)).unwrap());
    run(&bench, &["--only", "baseline=ck", "--set", "training.epochs=3"]);
    let after = [INITIAL, TRAINED].map(|name| std::fs::read(folder.join(name)).unwrap());
    assert!(before[0] == after[0] && before[1] != after[1]);
}

/// A file that is damaged is named, and the report is there all the same.
#[test]
fn damaged_files_are_left_out_and_named() {
    let bench = Bench::new();
    run(&bench, &["--only", "baseline=ck"]);
    std::fs::write(bench.path("runs/small/add.ck.s0").join(TRAINED), "{\"schema\": 1,").unwrap();
    let result = bench.json(&["report", "runs/small", "--format", "html,csv", "--out", "new"]);
    assert!(result["left_out"].to_string().contains(TRAINED), "{result}");
    assert!(bench.path("new/index.html").is_file() && !bench.path("new/tables/receptive-fields.csv").is_file());
}

/// Weights of another program are looked at, too; where the data of a task are missing, a note says what is not there.
#[test]
fn weights_of_another_program_show_what_needs_no_data() {
    let bench = Bench::new();
    let file = bench.file("w.safetensors", plain_rnn(3));
    let common =
        ["inspect", file.to_str().unwrap(), "--baseline", "rnn", "--set", "baseline.hidden=3", "--device", "cpu"];
    let missing = bench.json(&[&common[..], &["--task", "smnist"]].concat());
    assert!(missing["inspection"]["field"].is_null(), "{missing}");
    assert!(missing["notes"].to_string().contains("bench data"), "{missing}");
    assert!(bench.path("w-inspect/index.html").is_file());
}

/// A state dict of `torch.nn` for sequences of one channel, ten classes and `hidden` units.
fn plain_rnn(hidden: usize) -> Vec<u8> {
    let tensors = [
        ("rnn.weight_ih_l0", vec![hidden, 1]),
        ("rnn.weight_hh_l0", vec![hidden, hidden]),
        ("rnn.bias_ih_l0", vec![hidden]),
        ("rnn.bias_hh_l0", vec![hidden]),
        ("head.weight", vec![10, hidden]),
        ("head.bias", vec![10]),
    ];
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|(_, shape)| 0.25f32.to_le_bytes().repeat(shape.iter().product())).collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, shape), data)| (*name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    safetensors::serialize(views, None::<HashMap<String, String>>).unwrap()
}
