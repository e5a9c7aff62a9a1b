//! `bench export`: what other programs read of runs.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
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
    // A histogram is no number.
    for line in lines(&folder.join("diagnostics.jsonl")).into_iter().filter(|line| line["histogram"].is_null()) {
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
            assert_eq!(seen["seed"].as_f64(), Some(seed as f64), "{viewer}");
            assert_eq!(seen["baseline"], "rnn", "{viewer}");
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

/// Shapes and bytes by name.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

fn tensors(path: &Path) -> Tensors {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let one = |(name, view): (String, TensorView<'_>)| (name, (view.shape().to_vec(), view.data().to_vec()));
    file.tensors().into_iter().map(one).collect()
}

#[test]
fn exported_weights_are_those_of_the_checkpoint_under_other_names() {
    let bench = trained();
    let best = "runs/small/adding.rnn.s0/checkpoints/best.safetensors";
    let exported = bench.json(&["export", "weights", best, "--as", "reference"]);
    assert_eq!(exported["out"], best.replace("best", "best-reference"));
    let names: Vec<String> = tensors(&bench.path(exported["out"].as_str().unwrap())).into_keys().collect();
    let rnn = ["bias_hh_l0", "bias_ih_l0", "weight_hh_l0", "weight_ih_l0"].map(|name| format!("rnn.{name}"));
    assert_eq!(names, [vec!["head.bias".to_owned(), "head.weight".to_owned()], rnn.to_vec()].concat());
    assert_eq!(exported["tensors"], names.len());
    // They are read back as the weights of a reference program.
    let score = |file: &str| bench.json(&["eval", file])["loss"].clone();
    assert_eq!(score(exported["out"].as_str().unwrap()), score(best));
    let of_none = ["export", "weights", "runs/none/adding.tcn.s0/checkpoints/best.safetensors", "--as", "reference"];
    bench.file("none.yaml", SMALL.replace("small", "none").replace("{name: gru, label: gru, hidden: 4}", TCN));
    bench.command(&["run", "none.yaml", "--only", "baseline=tcn", "--seeds", "0"]).assert().success();
    bench.refuses(&of_none, 2, "eval-no-reference", &["tcn"]);
}

const TCN: &str = "{name: tcn, label: tcn, levels: 2, hidden: 4, kernel_size: 3}";

/// State dicts of the reference programs, as recorded: a task with their channels and classes, and their settings.
const RECORDED: [(&str, &[&str]); 6] = [
    ("ccnn_ccnn_1d_train", &["--task=smnist", "--baseline=ccnn", "--set=baseline.blocks=2"]),
    ("ccnn_ccnn_2d_train", &["--task=cifar10", "--set=task.form=2d", "--baseline=ccnn", "--set=baseline.blocks=2"]),
    ("ckconv_ckcnn_2blocks", &["--task=smnist", "--baseline=ckcnn", "--set=baseline.kernel_hidden=16"]),
    (
        "flex_flexnet_2d_train",
        &["--task=cifar10", "--set=task.form=2d", "--baseline=flexnet", "--set=baseline.width_factors=[1.0, 1.5]"],
    ),
    ("flex_flextcn_1d_train", &["--task=smnist", "--baseline=flexnet", "--set=baseline.blocks=2"]),
    (
        "s4_model_dplr_prenorm",
        &[
            "--task=cifar10",
            "--set=task.form=1d",
            "--baseline=s4",
            "--set=baseline.d_model=8",
            "--set=baseline.d_state=16",
        ],
    ),
];

/// What a program wrote and we read, it can read again: the same names, shapes and numbers.
#[test]
#[ignore = "needs BENCH_GOLDENS, a folder of recorded tensors"]
fn state_dicts_of_reference_programs_come_back_as_they_were() {
    let goldens: PathBuf = std::env::var_os("BENCH_GOLDENS").unwrap().into();
    let bench = Bench::new();
    for (name, settings) in RECORDED {
        let recorded = tensors(&goldens.join(name).with_extension("safetensors"));
        let is_weight = |(name, tensor): (String, _)| {
            let parameter = name.strip_prefix("param.").map(str::to_owned);
            let running = name.strip_prefix("buffer.").filter(|name| name.contains(".running_")).map(str::to_owned);
            Some((parameter.or(running)?, tensor))
        };
        let weights: Tensors = recorded.into_iter().filter_map(is_weight).collect();
        let views = weights.iter().map(|(name, (shape, bytes))| {
            (name, TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap())
        });
        let file = format!("{name}.safetensors");
        bench.file(&file, safetensors::serialize(views, Option::<HashMap<String, String>>::None).unwrap());
        let own = ["--set=baseline.hidden=8", "--set=baseline.kernel_hidden=8"];
        let own: &[&str] = match name {
            "s4_model_dplr_prenorm" => &["--set=baseline.n_layers=2", "--set=baseline.prenorm=true"],
            "ckconv_ckcnn_2blocks" => &own[..1],
            "flex_flexnet_2d_train" => &["--set=baseline.hidden=6", own[1]],
            _ => &own,
        };
        let arguments = [&["export", "weights", &file, "--as", "reference"], settings, own].concat();
        let exported = bench.json(&arguments);
        let found = tensors(&bench.path(exported["out"].as_str().unwrap()));
        let shapes =
            |all: &Tensors| all.iter().map(|(name, (shape, _))| (name.clone(), shape.clone())).collect::<Vec<_>>();
        assert_eq!(shapes(&found), shapes(&weights), "{name}");
        assert!(found == weights, "{name}: other numbers");
    }
}

/// The authors' weights, exported, are to PyTorch what they were.
#[test]
#[ignore = "needs BENCH_CHECKPOINTS, a folder with the released weights of CKCNN, and PyTorch in the Python of BENCH_PYTORCH"]
fn pytorch_reads_exported_weights() {
    const COMPARE: &str = "\
import sys, torch
from safetensors.torch import load_file
theirs = torch.load(sys.argv[1], map_location='cpu', weights_only=False)
theirs = {k.removeprefix('module.'): v for k, v in theirs.items()}
ours = load_file(sys.argv[2])
assert ours, 'nothing is in it'
for name, value in ours.items():
    assert torch.equal(theirs[name], value), name
left = [name for name in theirs if name not in ours]
assert all(name.endswith('train_length') for name in left), left
";
    let folder: PathBuf = std::env::var_os("BENCH_CHECKPOINTS").unwrap().into();
    let bench = Bench::new();
    for (start, task) in [("MNIST_perm_False", "smnist"), ("CharTrajectories", "character-trajectories")] {
        let file = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let file =
            file.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with(start)).unwrap();
        let out = bench.path(&format!("{task}.safetensors"));
        let (file, to) = (file.to_str().unwrap(), out.to_str().unwrap());
        let arguments =
            ["export", "weights", file, "--as", "reference", "--task", task, "--baseline", "ckcnn", "--out", to];
        bench.command(&arguments).assert().success();
        let python = std::env::var("BENCH_PYTORCH").unwrap();
        let output = Command::new(python).args(["-c", COMPARE, file, to]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
