//! `bench eval` from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::HashMap;
use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use support::{Bench, metrics, without_metadata};

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
    bench.file(name, safetensors_of(&answering(hidden, answer))).to_str().unwrap().to_owned()
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
    bench.refuses(&at("0"), 2, "usage", &["--resample", "1/64", "64"]);
    let one_resolution = |task, baseline, more: &[&str], offenders: &[&str]| {
        let arguments = [&["eval", file.as_str(), "--task", task, "--baseline", baseline], more].concat();
        bench.refuses(&arguments, 2, "eval-resolution", offenders);
    };
    one_resolution("copy", "rnn", &["--resample", "2"], &["`copy`", "tokens"]);
    let scalar = ["--set", "task.tokens=scalar", "--resample", "0.5"];
    one_resolution("listops", "rnn", &scalar, &["`listops`", "tokens"]);
    one_resolution("adding", "vgg", &["--resample", "2"], &["`vgg`"]);
}

#[test]
fn weights_that_do_not_fit_are_listed_with_the_setting_that_would() {
    let bench = Bench::new();
    let file = constant(&bench, "w.safetensors", 3, 1.0);
    let mismatch = |baseline, offenders: &[&str]| {
        let arguments = ["eval", file.as_str(), "--task", "adding", "--baseline", baseline];
        bench.refuses(&arguments, 2, "weights-mismatch", offenders);
        String::from_utf8(bench.command(&arguments).assert().get_output().stderr.clone()).unwrap()
    };
    mismatch("rnn", &["misshapen", "rnn.weight_hh_l0", "[3, 3]", "[128, 128]", "--set baseline.hidden=3"]);
    assert!(!mismatch("ckcnn", &["missing", "unexpected"]).contains("--set"));
}

/// The released weights of CKCNN classify as many digits as in the original program: 9 931 of 10 000.
#[test]
#[ignore = "needs BENCH_CHECKPOINTS, a folder with the released weights of CKCNN, and BENCH_DATA with MNIST"]
fn released_weights_reach_the_accuracy_of_their_program() {
    let set = |name: &str| std::env::var_os(name).unwrap_or_else(|| panic!("{name} names a folder"));
    let (folder, data) = (set("BENCH_CHECKPOINTS"), set("BENCH_DATA"));
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
    assert_eq!(correct, 9_931, "of {}", result["total"]);
}

#[test]
fn what_is_missing_or_misspelt_is_named() {
    let bench = Bench::new();
    let file = constant(&bench, "w.safetensors", 3, 1.0);
    let refused = |file: &str, more: &[&str], kind, offenders: &[&str]| {
        bench.refuses(&[&["eval", file], more].concat(), 2, kind, offenders);
    };
    refused(&file, &[], "eval-unnamed", &["--task NAME"]);
    refused(&file, &["--task", "adding"], "eval-unnamed", &["--baseline NAME"]);
    refused(&file, &["--task", "ading", "--baseline", "rnn"], "eval-unknown", &["`ading`", "`adding`"]);
    let adding = ["--task", "adding", "--baseline", "rnn"];
    let misspelt = [&adding[..], &["--set", "baseline.hiden=3"]].concat();
    refused(&file, &misspelt, "experiment-unknown-name", &["`hiden`", "`hidden`"]);
    refused("nothing.pt", &adding, "weights-io", &["nothing.pt"]);
}

#[test]
fn files_that_are_no_state_dicts_are_refused() {
    let bench = Bench::new();
    let cases: [(&str, &[u8], &str, &str); 6] = [
        ("evil.pt", b"cos\nsystem\n(S'true'\ntR.", "weights-pytorch", "`os.system`"),
        ("text.pt", b"hello", "weights-unusable", "text"),
        ("empty.pt", b"", "weights-unusable", "empty"),
        ("cut.safetensors", b"\xff\xff\xff\xff", "weights-unusable", ""),
        ("cut.pt", b"PK\x03\x04\0\0\0\0", "weights-pytorch", ""),
        ("pointer.pt", b"version https://git-lfs.github.com/spec/v1\n", "weights-unusable", "git lfs pull"),
    ];
    for (name, bytes, kind, offender) in cases {
        bench.file(name, bytes);
        bench.refuses(&["eval", name, "--task", "adding", "--baseline", "rnn"], 2, kind, &[name, offender]);
    }
}

/// A tensor of a state dict: name, shape, values.
type Tensors<'a> = Vec<(String, Vec<usize>, Vec<f32>)>;

/// The tensors of [`constant`], whose answer is `answer`.
fn answering<'a>(hidden: usize, answer: f32) -> Tensors<'a> {
    let same = |shape: Vec<usize>, value: f32| (shape.clone(), vec![value; shape.iter().product()]);
    [
        ("rnn.weight_ih_l0", same(vec![hidden, 2], 0.5)),
        ("rnn.weight_hh_l0", same(vec![hidden, hidden], 0.1)),
        ("rnn.bias_ih_l0", same(vec![hidden], 0.0)),
        ("rnn.bias_hh_l0", same(vec![hidden], 0.0)),
        ("head.weight", same(vec![1, hidden], 0.0)),
        ("head.bias", same(vec![1], answer)),
    ]
    .into_iter()
    .map(|(name, (shape, values))| (name.to_owned(), shape, values))
    .collect()
}

fn prefixed<'a>(prefix: &str, tensors: Tensors<'a>) -> Tensors<'a> {
    tensors.into_iter().map(|(name, shape, values)| (format!("{prefix}{name}"), shape, values)).collect()
}

fn safetensors_of(tensors: &Tensors<'_>) -> Vec<u8> {
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|(.., values)| values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, shape, _), data)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    safetensors::serialize(views, None::<HashMap<String, String>>).unwrap()
}

/// Arguments that evaluate `file`, an `rnn` of three units, on a small task.
fn small_task(file: &str) -> Vec<&str> {
    let common =
        ["eval", file, "--task", "adding", "--baseline", "rnn", "--set", "baseline.hidden=3", "--device", "cpu"];
    [&common[..], &["--set", "task.length=20", "--set", "task.train_samples=10", "--set", "task.test_samples=50"]]
        .concat()
}

#[test]
fn prefixes_are_left_out_and_said() {
    let bench = Bench::new();
    bench.file("plain.safetensors", safetensors_of(&answering(3, 1.0)));
    let plain = bench.json(&small_task("plain.safetensors"))["value"].clone();
    for prefix in ["module.", "_orig_mod.", "module._orig_mod.", "network.", "model.net."] {
        let mut tensors = prefixed(prefix, answering(3, 1.0));
        // What belongs to the program around the network does no harm, and is named.
        tensors.push(("criterion.weight".into(), vec![2], vec![1.0; 2]));
        let whole = prefix.ends_with("_orig_mod.");
        if whole {
            tensors.pop();
        }
        bench.file("w.pt", safetensors_of(&tensors));
        let result = bench.json(&small_task("w.pt"));
        assert_eq!(result["value"], plain, "{prefix}");
        let first = prefix.split('.').next().unwrap();
        let notes = result["notes"].to_string();
        assert!(notes.contains(first) && (whole || notes.contains("`criterion.weight`")), "{prefix}: {notes}");
    }
    // A tensor among the network's own that it has not is another network.
    let mut tensors = prefixed("module.", answering(3, 1.0));
    tensors.push(("module.rnn.weight_ih_l1".into(), vec![3, 3], vec![1.0; 9]));
    bench.file("w.pt", safetensors_of(&tensors));
    bench.refuses(&small_task("w.pt"), 2, "weights-mismatch", &["unexpected (1)", "weight_ih_l1"]);
}

#[test]
fn two_networks_in_a_file_are_named() {
    let bench = Bench::new();
    let two = |other: f32| [prefixed("model.", answering(3, 1.0)), prefixed("ema.", answering(3, other))].concat();
    bench.file("w.safetensors", safetensors_of(&two(2.0)));
    bench.refuses(&small_task("w.safetensors"), 2, "weights-ambiguous", &["`model.`", "`ema.`"]);
    // The same weights twice are no question.
    bench.file("w.safetensors", safetensors_of(&two(1.0)));
    bench.command(&small_task("w.safetensors")).assert().success();
}

#[test]
fn values_that_no_weight_can_have_are_named() {
    let bench = Bench::new();
    for (value, said) in [(f32::NAN, "NaN"), (f32::NEG_INFINITY, "-inf")] {
        let mut tensors = answering(3, 1.0);
        tensors[1].2[4] = value;
        bench.file("w.safetensors", safetensors_of(&tensors));
        let offenders = ["`rnn.weight_hh_l0`", "element 4", said];
        bench.refuses(&small_task("w.safetensors"), 2, "weights-value", &offenders);
    }
    // So does an experiment that would begin with them, before anything starts.
    let text =
        EXPERIMENT.replace("epochs: 2", "epochs: 2, initial_weights: w.safetensors").replace("hidden: 4", "hidden: 3");
    bench.file("small.yaml", text);
    let run = ["run", "small.yaml", "--only", "task=add", "--device", "cpu"];
    bench.refuses(&run, 2, "weights-value", &["training.initial_weights", "`rnn.weight_hh_l0`"]);
    assert!(!bench.path("runs").exists());
    // And one that says what would run.
    let dry = ["run", "small.yaml", "--only", "task=add", "--device", "cpu", "--dry-run", "--no-time"];
    let unfit = |said: &'static str| contains("initial weights unfit").and(contains(said));
    bench.command(&dry).assert().success().stdout(unfit("`rnn.weight_hh_l0`"));
    let result = bench.json(&dry);
    assert!(result["cells"][0]["initial_weights"].as_str().unwrap().contains("-inf"), "{result}");
    std::fs::remove_file(bench.path("w.safetensors")).unwrap();
    bench.command(&dry).assert().success().stdout(unfit("w.safetensors is not there (yet)"));
    bench.file("w.safetensors", safetensors_of(&answering(3, 1.0)));
    bench.command(&dry).assert().success().stdout(contains("initial weights").not());
}

/// Finite weights whose sums overflow give no accuracy.
#[test]
fn a_loss_that_is_no_number_is_an_error() {
    let bench = Bench::new();
    bench.file("w.safetensors", safetensors_of(&answering(3, 3e38)));
    bench.refuses(&small_task("w.safetensors"), 1, "eval-not-finite", &["test", "inf"]);
    bench.command(&small_task("w.safetensors")).assert().code(1).stdout("");
}

/// What a file does not tell is listed, with where everything else comes from.
#[test]
fn settings_say_where_they_come_from() {
    let bench = Bench::new();
    bench.file("w.safetensors", safetensors_of(&answering(3, 1.0)));
    let result = bench.json(&small_task("w.safetensors"));
    let from = |part: &str, field: &str| result["settings"][part][field]["from"].as_str().unwrap().to_owned();
    assert_eq!(from("baseline", "hidden"), "given");
    assert_eq!(from("baseline", "layers"), "tensors");
    assert_eq!(from("baseline", "readout"), "assumed");
    assert_eq!(from("baseline", "dropout"), "no-effect");
    assert_eq!((from("task", "length"), from("task", "seed")), ("given".to_owned(), "assumed".to_owned()));
    assert_eq!(result["assumed"]["baseline.readout"], "last");
    assert!(result["assumed"].get("baseline.hidden").is_none());
    bench
        .command(&small_task("w.safetensors"))
        .assert()
        .success()
        .stdout(contains("assumed, since the file does not tell:").and(contains("baseline.readout = last")));
}

/// A network of CKCNN for two channels, of any weights.
fn ckcnn(hidden: usize) -> Tensors<'static> {
    let mut tensors = Vec::new();
    let mut put = |name: String, shape: Vec<usize>| {
        let count: usize = shape.iter().product();
        tensors.push((name, shape, (0..count).map(|i| 0.1 + 0.01 * (i % 7) as f32).collect()));
    };
    for (conv, inputs) in [("cconv1", 2), ("cconv2", hidden)] {
        put(format!("backbone.0.{conv}.bias"), vec![hidden]);
        for (layer, rows, columns) in [(0, 4, 1), (4, 4, 4), (8, hidden * inputs, 4)] {
            let name = format!("backbone.0.{conv}.Kernel.kernel_net.{layer}");
            put(format!("{name}.bias"), vec![rows]);
            put(format!("{name}.weight_g"), vec![rows, 1, 1]);
            put(format!("{name}.weight_v"), vec![rows, columns, 1]);
        }
    }
    for norm in ["norm1", "norm2"] {
        put(format!("backbone.0.{norm}.layer_norm.weight"), vec![hidden]);
        put(format!("backbone.0.{norm}.layer_norm.bias"), vec![hidden]);
    }
    put("backbone.0.shortcut.0.weight".into(), vec![hidden, 2, 1]);
    put("backbone.0.shortcut.0.bias".into(), vec![hidden]);
    put("finallyr.weight".into(), vec![1, hidden]);
    put("finallyr.bias".into(), vec![1]);
    tensors
}

/// The frequency is in no tensor: it is read from the file name of the program, or said to be assumed.
#[test]
fn frequencies_come_from_the_file_name_or_are_assumed() {
    const NAME: &str =
        "AddProblem_seqlen_20_model_CKCNN_blcks_1_nohid_3_kernnohid_4_kernact_Sine_kernomega0_7.25_bs_32.pt";
    let bench = Bench::new();
    let bytes = safetensors_of(&ckcnn(3));
    bench.file(NAME, &bytes);
    bench.file("w.pt", &bytes);
    let sizes = ["--set", "task.train_samples=10", "--set", "task.test_samples=20", "--device", "cpu"];
    let run = |file: &'static str, more: &[&'static str]| -> Vec<&'static str> {
        [&["eval", file, "--task", "adding", "--baseline", "ckcnn"][..], &sizes, more].concat()
    };
    let named = bench.json(&run(NAME, &[]));
    let omega_0 = &named["settings"]["baseline"]["omega_0"];
    assert_eq!((omega_0["value"].as_f64(), omega_0["from"].as_str()), (Some(7.25), Some("file-name")));
    assert_eq!(named["settings"]["task"]["length"]["value"], 20);
    assert!(named["assumed"].get("baseline.omega_0").is_none());
    bench
        .command(&run(NAME, &[]))
        .assert()
        .success()
        .stdout(contains("read from the file name: ").and(contains("omega_0 = 7.25")));

    // Without the name, the hint says what else has to be thought of, and following it says what was assumed.
    let shapes = "--set baseline.blocks=1 --set baseline.hidden=3 --set baseline.kernel_hidden=4";
    bench.refuses(&run("w.pt", &[]), 2, "weights-mismatch", &[shapes, "omega_0 = 31.09"]);
    let follow = ["--set", "baseline.blocks=1", "--set", "baseline.hidden=3", "--set", "baseline.kernel_hidden=4"];
    let length = ["--set", "task.length=20"];
    let assumed = bench.json(&run(
        "w.pt",
        &[follow, [length[0], length[1], "--set", "baseline.blocks=1", length[0], length[1]]].concat(),
    ));
    assert!((assumed["assumed"]["baseline.omega_0"].as_f64().unwrap() - 31.0919).abs() < 1e-3, "{assumed}");
    assert_ne!(assumed["value"], named["value"]);

    // What is given holds, and a contradiction is named.
    let given = bench.json(&run(NAME, &["--set", "baseline.omega_0=9"]));
    assert_eq!(given["settings"]["baseline"]["omega_0"]["from"], "given");
    assert!(given["notes"].to_string().contains("contradicts the file name, which says 7.25"), "{given}");
    let agrees = bench.json(&run(NAME, &["--set", "baseline.omega_0=7.2501"]));
    assert!(!agrees["notes"].to_string().contains("contradicts"), "{agrees}");
}

/// Labels of runs that a file could not give, and a run that did not come to its end.
#[test]
fn own_checkpoints_say_where_training_stood() {
    let bench = Bench::new();
    let text = EXPERIMENT.replace(
        "{name: rnn, label: rnn, hidden: 4}",
        "{name: vgg, width: 2, hidden: 4, orthogonality: loss, orthogonality_weight: 0.1}",
    );
    let text = text.replace(
        "  - {name: adding, label: add, length: 16, train_samples: 40, validation_samples: 8, test_samples: 24}\n",
        "",
    );
    let text = text.replace("  - {name: copy, label: cp, symbols: 2, delay: 4, train_samples: 40, validation_samples: 8, test_samples: 24}\n", "  - {name: pathfinder, label: pf, resolution: 32, difficulty: easy, form: 2d, train_samples: 8, validation_samples: 4, test_samples: 4}\n");
    bench.file("small.yaml", text);
    bench
        .command(&["run", "small.yaml", "--device", "cpu", "--quiet", "--set", "training.max_steps=1"])
        .assert()
        .success();
    let mut folder = std::fs::read_dir(bench.path("runs/small")).unwrap().map(|entry| entry.unwrap().path());
    let cell = folder.find(|path| path.join("cell.yaml").exists()).unwrap();
    let record: Value = serde_yaml::from_str(&std::fs::read_to_string(cell.join("cell.yaml")).unwrap()).unwrap();
    let label = record["baseline"]["label"].as_str().unwrap();
    assert!(label.contains('.'), "{label}");
    let best = cell.join("checkpoints/last.safetensors");
    let best = best.to_str().unwrap();
    bench
        .command(&["eval", best, "--device", "cpu"])
        .assert()
        .success()
        .stdout(contains(label.to_owned()).and(contains("max_steps")).and(contains("assumed").not()));

    let status = cell.join("status.json");
    let text = std::fs::read_to_string(&status).unwrap();
    std::fs::write(&status, text.replace("\"done\"", "\"interrupted\"")).unwrap();
    bench.command(&["eval", best, "--device", "cpu"]).assert().success().stdout(contains("the run is interrupted"));

    // Data and task of another version, settings of another value.
    let path = cell.join("cell.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let hash = record["task"]["data_hash"].as_str().unwrap();
    std::fs::write(&path, text.replace(hash, &"0".repeat(hash.len()))).unwrap();
    bench
        .command(&["eval", best, "--device", "cpu"])
        .assert()
        .success()
        .stdout(contains("the data are not those of training"));
    let version = record["task"]["version"].as_str().unwrap();
    std::fs::write(&path, text.replace(version, "pathfinder-0")).unwrap();
    bench
        .command(&["eval", best, "--device", "cpu", "--set", "baseline.activation=selu"])
        .assert()
        .success()
        .stdout(contains("version pathfinder-0").and(contains("contradicts the record of the run")));
}

/// A weight of a checkpoint of ours that is no number ends a resume as well.
#[test]
fn damaged_checkpoints_of_ours_are_not_resumed() {
    let bench = Bench::new();
    bench.file("small.yaml", EXPERIMENT);
    let run = ["run", "small.yaml", "--only", "task=add", "--device", "cpu", "--quiet", "--set"];
    bench.command(&[&run[..], &["training.epochs=1"]].concat()).assert().success();
    let last = bench.path("runs/small/add.rnn.s0/checkpoints/last.safetensors");
    without_metadata(&last, &["checksum"]);
    let mut bytes = std::fs::read(&last).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let about: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let at = 8 + header + about["model.head.bias"]["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&last, bytes).unwrap();
    bench.command(&[&run[..], &["training.epochs=2"]].concat()).assert().code(1).stdout(contains("`model.head.bias`"));
    bench.refuses(&["eval", last.to_str().unwrap(), "--device", "cpu"], 2, "weights-value", &["head.bias", "NaN"]);
}

/// Test and validation samples of generated tasks have streams of their own: another training size leaves them alone.
#[test]
fn another_training_size_keeps_the_other_splits() {
    let bench = Bench::new();
    let experiment = "\
name: sizes
tasks:
  - {name: adding, label: add, length: 16, train_samples: 40, validation_samples: 8, test_samples: 24}
  - {name: copy, label: cp, symbols: 8, delay: 4, train_samples: 40, validation_samples: 8, test_samples: 24}
  - {name: listops, label: lo, min_length: 4, max_length: 20, train_samples: 40, validation_samples: 8, test_samples: 24}
baselines:
  - {name: rnn, label: rnn, hidden: 4}
training: {epochs: 1, batch_size: 8}
";
    bench.file("sizes.yaml", experiment);
    bench.command(&["run", "sizes.yaml", "--device", "cpu", "--quiet"]).assert().success();
    for cell in ["add.rnn.s0", "cp.rnn.s0", "lo.rnn.s0"] {
        let best = format!("runs/sizes/{cell}/checkpoints/best.safetensors");
        for split in ["test", "validation"] {
            let eval = |train: &str| {
                let set = format!("task.train_samples={train}");
                bench.json(&["eval", &best, "--split", split, "--set", &set, "--device", "cpu"])
            };
            let (own, fewer, more) = (eval("40"), eval("7"), eval("90"));
            assert_eq!(own["loss"], fewer["loss"], "{cell} {split}");
            assert_eq!(own["loss"], more["loss"], "{cell} {split}");
            assert_eq!(own["value"], more["value"], "{cell} {split}");
        }
    }
    let larger = "\
name: larger
tasks:
  - {name: adding, label: add, length: 16, train_samples: 80, validation_samples: 8, test_samples: 24}
baselines:
  - {name: rnn, label: rnn, hidden: 4}
training: {epochs: 1, batch_size: 8, initial_weights: runs/sizes/add.rnn.s0/checkpoints/best.safetensors}
";
    bench.file("larger.yaml", larger);
    bench.command(&["run", "larger.yaml", "--device", "cpu", "--quiet"]).assert().success();
    // The new training samples are more of the same stream; what is evaluated has not become training data.
    let eval = |run: &str, set: &str| {
        let best = format!("runs/{run}/add.rnn.s0/checkpoints/best.safetensors");
        bench.json(&["eval", &best, "--set", set, "--device", "cpu"])
    };
    let [smaller, larger] =
        ["sizes", "larger"].map(|run| ["task.train_samples=40", "task.train_samples=80"].map(|set| eval(run, set)));
    assert_eq!(smaller[0]["loss"], smaller[1]["loss"]);
    assert_eq!(larger[0]["loss"], larger[1]["loss"]);
}

/// The kernels of S4 are stored for the length of training: at another one the same tensors are to be the same network.
#[test]
fn kernels_keep_the_length_that_they_were_trained_with() {
    let bench = Bench::new();
    let text = EXPERIMENT
        .replace("{name: rnn, label: rnn, hidden: 4}", "{name: s4, label: s4, d_model: 4, n_layers: 1, d_state: 4}");
    let text = text.replace("  - {name: copy, label: cp, symbols: 2, delay: 4, train_samples: 40, validation_samples: 8, test_samples: 24}\n", "");
    bench.file("small.yaml", &text);
    bench.command(&["run", "small.yaml", "--device", "cpu", "--quiet"]).assert().success();
    let best = "runs/small/add.s4.s0/checkpoints/best.safetensors";
    let longer = ["eval", best, "--device", "cpu", "--set", "task.length=29"];
    let given = |length: &'static str| [&longer[..], &["--set", length]].concat();
    let (right, own) = (bench.json(&given("baseline.l_max=16")), bench.json(&longer));
    assert_eq!(own["loss"], right["loss"]);
    let l_max = &own["settings"]["baseline"]["l_max"];
    assert_eq!((l_max["value"].as_u64(), l_max["from"].as_str()), (Some(16), Some("record")));
    assert!(own["notes"].to_string().contains("16 positions"), "{own}");
    let remedy = ["16", "29", "--set baseline.l_max=16"];
    bench.refuses(&given("baseline.l_max=29"), 2, "weights-length", &remedy);
    let same = bench.json(&["eval", best, "--device", "cpu"]);
    assert!(!same["notes"].to_string().contains("positions"), "{same}");

    // Away from its run, the file itself says so; and so does an experiment that would begin with it.
    std::fs::copy(bench.path(best), bench.path("alone.safetensors")).unwrap();
    let sizes = ["--set", "baseline.d_model=4", "--set", "baseline.n_layers=1", "--set", "baseline.d_state=4"];
    let alone = [
        "eval",
        "alone.safetensors",
        "--task",
        "adding",
        "--baseline",
        "s4",
        "--device",
        "cpu",
        "--set",
        "task.length=29",
    ];
    bench.refuses(&[&alone[..], &sizes].concat(), 2, "weights-length", &remedy);
    let other =
        text.replace("length: 16", "length: 29").replace("epochs: 2", &format!("epochs: 1, initial_weights: {best}"));
    bench.file("other.yaml", other.replace("name: small", "name: other"));
    let other = ["run", "other.yaml", "--device", "cpu"];
    bench.refuses(&other, 2, "weights-length", &[&["training.initial_weights"], &remedy[..]].concat());

    // Files from before they said it have the record of their run.
    without_metadata(&bench.path(best), &["l_max", "checksum"]);
    assert_eq!(bench.json(&longer)["loss"], right["loss"]);
    bench.refuses(&other, 2, "weights-length", &remedy);
    let record = bench.path("runs/small/add.s4.s0/cell.yaml");
    assert!(std::fs::read_to_string(&record).unwrap().contains("l_max: null"));
    // And goes on as it was begun.
    without_metadata(&bench.path("runs/small/add.s4.s0/checkpoints/last.safetensors"), &["l_max", "checksum"]);
    bench
        .command(&["run", "small.yaml", "--device", "cpu", "--quiet", "--set", "training.epochs=3"])
        .assert()
        .success();
    // Without a low-rank part C is the same whatever the length.
    let diagonal =
        text.replace("d_state: 4", "d_state: 4, variant: diag, init: lin").replace("name: small", "name: diag");
    bench.file("diag.yaml", diagonal);
    bench.command(&["run", "diag.yaml", "--device", "cpu", "--quiet"]).assert().success();
    let best = "runs/diag/add.s4.s0/checkpoints/best.safetensors";
    let diagonal = bench.json(&["eval", best, "--device", "cpu", "--set", "task.length=29"]);
    assert!(diagonal["settings"]["baseline"]["l_max"]["value"].is_null(), "{diagonal}");
}

/// What the name of a file says and no tensor shows is held against the settings of whoever begins with its weights.
#[test]
fn names_of_initial_weights_are_held_against_the_settings() {
    const NAME: &str =
        "AddProblem_seqlen_16_model_CKCNN_blcks_1_nohid_3_kernnohid_4_kernact_Sine_kernomega0_7.25_bs_32.pt";
    let bench = Bench::new();
    bench.file(NAME, safetensors_of(&ckcnn(3)));
    let experiment = |name: &str, omega_0: f64| {
        let text = EXPERIMENT.replace("name: small", &format!("name: {name}"));
        let text = text.replace("  - {name: copy, label: cp, symbols: 2, delay: 4, train_samples: 40, validation_samples: 8, test_samples: 24}\n", "");
        let baseline =
            format!("{{name: ckcnn, label: ck, blocks: 1, hidden: 3, kernel_hidden: 4, omega_0: {omega_0}}}");
        let text = text.replace("{name: rnn, label: rnn, hidden: 4}", &baseline);
        text.replace("epochs: 2", &format!("epochs: 1, initial_weights: {NAME}"))
    };
    let run = |name: &str, omega_0: f64| {
        let file = format!("{name}.yaml");
        bench.file(&file, experiment(name, omega_0));
        let output = bench.command(&["run", &file, "--device", "cpu"]).assert().success().get_output().clone();
        let record = std::fs::read_to_string(bench.path(&format!("runs/{name}/add.ck.s0/cell.yaml"))).unwrap();
        let report = std::fs::read_to_string(bench.path(&format!("runs/{name}/report/report.md"))).unwrap();
        [String::from_utf8(output.stderr).unwrap(), record, report]
    };
    let said = "baseline.omega_0 = 20.0 contradicts the file name, which says 7.25";
    for text in run("other", 20.0) {
        assert!(text.contains(said), "{text}");
    }
    for text in run("same", 7.25) {
        assert!(!text.contains("contradicts"), "{text}");
    }
}

/// Kernel networks with another nonlinearity have the same tensors as those with sines.
#[test]
fn other_nonlinearities_of_kernels_are_named() {
    let bench = Bench::new();
    let bytes = safetensors_of(&ckcnn(3));
    let result = |name: &str| {
        bench.file(name, &bytes);
        let sizes = ["--set", "task.train_samples=10", "--set", "task.test_samples=20", "--device", "cpu"];
        bench.json(&[&["eval", name, "--task", "adding", "--baseline", "ckcnn"][..], &sizes].concat())
    };
    let start = "AddProblem_seqlen_20_model_CKCNN_blcks_1_nohid_3_kernnohid_4_kernact_";
    let relu = result(&format!("{start}ReLU_kernnorm__bs_32.pt"));
    assert!(relu["notes"].to_string().contains("have ReLU as their nonlinearity"), "{relu}");
    let sine = result(&format!("{start}Sine_kernomega0_7.25_bs_32.pt"));
    assert!(!sine["notes"].to_string().contains("nonlinearity"), "{sine}");
}

/// Numbers of quantised weights would be weights of another scale.
#[test]
fn weights_of_whole_numbers_are_named() {
    let bench = Bench::new();
    let tensors = answering(3, 1.0);
    let data: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(name, _, values)| match name.as_str() {
            "head.bias" => vec![1],
            _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        })
        .collect();
    let views = tensors.iter().zip(&data).map(|((name, shape, _), data)| {
        let dtype = if name == "head.bias" { Dtype::I8 } else { Dtype::F32 };
        (name.as_str(), TensorView::new(dtype, shape.clone(), data).unwrap())
    });
    bench.file("w.safetensors", safetensors::serialize(views, None::<HashMap<String, String>>).unwrap());
    let result = bench.json(&small_task("w.safetensors"));
    assert!(result["notes"].to_string().contains("`head.bias` is of the type int8"), "{result}");
    bench.file("w.safetensors", safetensors_of(&tensors));
    assert!(!bench.json(&small_task("w.safetensors"))["notes"].to_string().contains("whole numbers"));
}
