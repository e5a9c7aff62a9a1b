//! `bench parity` from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use predicates::prelude::*;
use predicates::str::contains;
use support::Bench;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/goldens")
}

/// Recorded tensors that are too large to be kept here.
fn goldens() -> PathBuf {
    std::env::var_os("BENCH_GOLDENS").expect("BENCH_GOLDENS names a folder of recorded tensors").into()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// One golden in a folder of its own, with its tensors changed by `change`.
fn copy(bench: &Bench, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let folder = bench.path("goldens");
    std::fs::create_dir_all(&folder).unwrap();
    let description = format!("{name}.json");
    std::fs::copy(fixtures().join(&description), folder.join(&description)).unwrap();
    let file = format!("{name}.safetensors");
    let mut bytes = std::fs::read(fixtures().join(&file)).unwrap();
    change(&mut bytes);
    std::fs::write(folder.join(&file), bytes).unwrap();
    text(&folder)
}

/// Position in the file of the first value of a tensor.
fn place(bytes: &[u8], tensor: &str) -> usize {
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let about: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    8 + header + about[tensor]["data_offsets"][0].as_u64().unwrap() as usize
}

#[test]
fn recorded_tensors_are_reproduced() {
    let bench = Bench::new();
    let fixtures = text(&fixtures());
    bench
        .command(&["parity", &fixtures, "--device", "cpu"])
        .assert()
        .success()
        .stdout(contains("torch_gru_l2").and(contains(", 0 failed")));
    let result = bench.json(&["parity", &fixtures, "--only", "torch_*", "--device", "cpu"]);
    assert_eq!((result["passed"].as_u64(), result["failed"].as_u64()), (Some(1), Some(0)));
    let golden = &result["goldens"][0];
    assert_eq!(golden["kind"], "rnn.network");
    // The output, the gradient of the input and of two layers and a head.
    assert_eq!(golden["tensors"], 1 + 1 + 2 * 4 + 2);
    assert!(golden["worst"]["error"].as_f64().unwrap() < 1e-5);
}

/// The same within the same bounds on a GPU, or on a software implementation of one.
#[cfg(feature = "wgpu")]
#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn recorded_tensors_are_reproduced_on_a_gpu() {
    reproduces(&fixtures(), "wgpu");
}

/// `bench parity` of `folder` on `device` finds no difference.
fn reproduces(folder: &Path, device: &str) {
    let arguments = ["parity", &text(folder), "--device", device];
    Bench::new().command(&arguments).assert().success().stdout(contains(", 0 failed"));
}

/// All goldens of the folder in `BENCH_GOLDENS`, which are too large to be kept here.
#[test]
#[ignore = "needs BENCH_GOLDENS, a folder of recorded tensors"]
fn recorded_tensors_elsewhere_are_reproduced() {
    reproduces(&goldens(), "cpu");
}

#[cfg(feature = "wgpu")]
#[test]
#[ignore = "needs BENCH_GOLDENS, a folder of recorded tensors, and a GPU or software Vulkan"]
fn recorded_tensors_elsewhere_are_reproduced_by_wgpu() {
    reproduces(&goldens(), "wgpu");
}

#[test]
fn a_changed_golden_fails() {
    type Damage = fn(&mut Vec<u8>);
    let cases: [(&str, Option<&str>, Damage); 5] = [
        ("output.y", None, |bytes| {
            let at = place(bytes, "output.y");
            bytes[at..at + 4].copy_from_slice(&9f32.to_le_bytes());
        }),
        ("grad.rnn.weight_hh_l0", None, |bytes| {
            let at = place(bytes, "grad.rnn.weight_hh_l0");
            bytes[at..at + 4].copy_from_slice(&9f32.to_le_bytes());
        }),
        ("`head.bias`", Some("parity-value"), |bytes| {
            let at = place(bytes, "param.head.bias");
            bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        }),
        ("grad_input.x", None, |bytes| {
            let at = place(bytes, "grad_input.x");
            bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        }),
        ("torch_gru_l2.safetensors", Some("golden-damaged"), |bytes| bytes.truncate(bytes.len() / 2)),
    ];
    for (what, kind, change) in cases {
        let bench = Bench::new();
        let folder = copy(&bench, "torch_gru_l2", change);
        bench
            .command(&["parity", &folder, "--device", "cpu"])
            .assert()
            .code(1)
            .stdout(contains("FAIL").and(contains(what)).and(contains("0 passed, 1 failed")));
        assert_eq!(golden(&bench, &folder)["error_kind"].as_str(), kind, "{what}");
    }
}

/// Goldens whose loss is a sum over cotangents, with the run in double precision as the reference.
#[test]
fn a_changed_golden_with_cotangents_fails() {
    let double = |tensor: &'static str| {
        move |bytes: &mut Vec<u8>| {
            let at = place(bytes, tensor);
            bytes[at..at + 8].copy_from_slice(&9f64.to_le_bytes());
        }
    };
    let single = |tensor: &'static str| {
        move |bytes: &mut Vec<u8>| {
            let at = place(bytes, tensor);
            bytes[at..at + 4].copy_from_slice(&9f32.to_le_bytes());
        }
    };
    type Change = Box<dyn FnOnce(&mut Vec<u8>)>;
    let cases: [(&str, &str, Change, bool); 9] = [
        ("longconv_layer_short_input", "output.y", Box::new(double("output_f64.y")), true),
        ("longconv_layer_short_input", "grad.D", Box::new(double("grad_f64.D")), true),
        ("longconv_layer_short_input", "grad_input.u", Box::new(double("grad_input_f64.u")), true),
        ("longconv_layer_short_input", "output.loss", Box::new(double("output_f64.loss")), true),
        ("longconv_layer_short_input", "output.loss", Box::new(single("cotangent.y")), true),
        // In single precision they are not what ours are compared with.
        ("longconv_layer_short_input", "output.y", Box::new(single("output.y")), false),
        ("longconv_kernel_freq7", "grad.kernel", Box::new(double("grad_f64.kernel")), true),
        (
            "longconv_block_prenorm_bn_train",
            "buffer_after.norm.norm.running_var",
            Box::new(double("buffer_after_f64.norm.norm.running_var")),
            true,
        ),
        // A gradient that is zero by structure, compared with the size of the others.
        ("transformer_layer_plain", "grad.linears.1.bias", Box::new(double("grad_f64.linears.1.bias")), true),
    ];
    for (name, tensor, change, fails) in cases {
        let bench = Bench::new();
        let folder = copy(&bench, name, change);
        let golden = golden(&bench, &folder);
        let missed = golden["missed"].to_string();
        assert_eq!(missed.contains(&format!("\"{tensor}\"")), fails, "{name} {tensor}: {golden}");
        assert_eq!(golden["result"] == "FAIL", fails, "{name} {tensor}: {golden}");
    }
}

/// What stands for another tensor, in double precision or as its factors in the loss, needs that one.
#[test]
fn cotangents_and_double_precision_without_a_tensor_fail_and_are_named() {
    for (from, to) in [
        ("output_f64.y", "output_f64.z"),
        ("grad_f64.D", "grad_f64.E"),
        ("grad_input_f64.u", "grad_input_f64.v"),
        ("cotangent.y", "cotangent.z"),
    ] {
        let bench = Bench::new();
        let rename = |name: &str| Some(if name == from { to.to_owned() } else { name.to_owned() });
        let folder = renamed(&bench, &fixtures(), "longconv_layer_short_input", false, rename);
        let golden = golden(&bench, &folder);
        assert_eq!(golden["result"], "FAIL", "{from}: {golden}");
        assert!(golden.to_string().contains(to), "{from}: {golden}");
    }
}

/// A parameter under a name of its own is one that we lack and one too many.
#[test]
fn parameters_that_do_not_fit_are_named() {
    let bench = Bench::new();
    let folder = copy(&bench, "torch_gru_l2", |bytes| {
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let names = String::from_utf8(bytes[8..8 + header].to_vec()).unwrap();
        let names = names.replace("param.head.bias", "param.head.bibs");
        bytes[8..8 + header].copy_from_slice(names.as_bytes());
    });
    bench
        .command(&["parity", &folder, "--device", "cpu"])
        .assert()
        .code(1)
        .stdout(contains("head.bias").and(contains("head.bibs")));
    assert_eq!(golden(&bench, &folder)["error_kind"], "parity-mismatch");
}

/// Tensors under a name of their own are missing on one side, whatever they are; a comparison of the others is no pass.
#[test]
fn tensors_without_an_equal_fail_and_are_named() {
    let cases = [
        ("torch_gru_l2", "grad.head.bias", "grad.head.bibs"),
        ("torch_gru_l2", "grad_input.x", "grad_input.z"),
        ("ccnn_ccnn_1d_train", "buffer_after.norm1.running_mean", "buffer_after.norm9.running_mean"),
        ("ccnn_ccnn_1d_train", "buffer_after.norm1.running_var", "buffer_after.norm1.running_vae"),
        ("ccnn_ccnn_1d_train", "grad.blocks.0.conv1.bias", "grad.blocks.0.conv1.bibs"),
        ("torch_gru_l2", "output.hidden_seq", "output.hidden_sek"),
    ];
    for (golden, name, other) in cases {
        let bench = Bench::new();
        let folder = copy(&bench, golden, |bytes| {
            let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let names = String::from_utf8(bytes[8..8 + header].to_vec()).unwrap();
            assert!(names.contains(&format!("\"{name}\"")), "{golden} has no {name}");
            let names = names.replace(&format!("\"{name}\""), &format!("\"{other}\""));
            bytes[8..8 + header].copy_from_slice(names.as_bytes());
        });
        bench
            .command(&["parity", &folder, "--device", "cpu"])
            .assert()
            .code(1)
            .stdout(contains("FAIL").and(contains(other)).and(contains("0 passed, 1 failed")));
        let golden = self::golden(&bench, &folder);
        assert!(golden["unmatched"].to_string().contains(other), "{golden}");
    }
}

/// The golden `name` of the folder `from` alone in a folder, its tensors called what `rename` says, or left out; `listed`
/// says whether the description lists them still.
fn renamed(bench: &Bench, from: &Path, name: &str, listed: bool, rename: impl Fn(&str) -> Option<String>) -> String {
    let folder = bench.path("goldens");
    std::fs::create_dir_all(&folder).unwrap();
    let about = std::fs::read_to_string(from.join(format!("{name}.json"))).unwrap();
    let mut about: serde_json::Value = serde_json::from_str(&about).unwrap();
    if !listed {
        let fields = about.as_object_mut().unwrap();
        fields.remove("tensors");
        fields.remove("f32_vs_f64_grad_maxrel_per_param");
    }
    std::fs::write(folder.join(format!("{name}.json")), about.to_string()).unwrap();
    let bytes = std::fs::read(from.join(format!("{name}.safetensors"))).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let kept = file.tensors().into_iter().filter_map(|(name, view)| Some((rename(&name)?, view)));
    let bytes = safetensors::serialize(kept, None::<HashMap<String, String>>).unwrap();
    std::fs::write(folder.join(format!("{name}.safetensors")), bytes).unwrap();
    text(&folder)
}

/// What `--json` says of the only golden in `folder`.
fn golden(bench: &Bench, folder: &str) -> serde_json::Value {
    let output = bench.command(&["parity", folder, "--device", "cpu", "--json"]).output().unwrap().stdout;
    serde_json::from_slice::<serde_json::Value>(&output).unwrap()["goldens"][0].take()
}

/// Verdict and unmatched tensors of the only golden in `folder`.
fn verdict(bench: &Bench, folder: &str) -> (String, String) {
    let golden = golden(bench, folder);
    (golden["result"].as_str().unwrap().to_owned(), golden["unmatched"].to_string())
}

/// A whole kind of tensors that is gone, or under a name that nobody knows, is no comparison of the rest.
#[test]
fn whole_kinds_without_an_equal_fail_and_are_named() {
    let train = "ccnn_ccnn_1d_train";
    // Golden, whether its description lists the tensors, kind, its new name if any, and a part of what is named.
    let cases: [(&str, bool, &str, Option<&str>, &str); 9] = [
        (train, false, "buffer_after.", Some("buffers_after."), "buffers_after.norm1.running_mean"),
        (train, false, "buffer_after.", None, "buffer_after.norm1.running_mean"),
        (train, true, "buffer_after.", None, "buffer_after.norm1.running_mean"),
        (train, false, "grad.", Some("gradient."), "gradient.norm1.weight"),
        ("torch_gru_l2", true, "grad", None, "grad.head.bias"),
        ("torch_gru_l2", false, "grad", Some("Grad"), "Grad_input.x"),
        ("torch_gru_l2", false, "grad_input.", Some("grads_input."), "grads_input.x"),
        ("torch_gru_l2", true, "grad_input.", None, "grad_input.x"),
        ("torch_gru_l2", true, "input.x", Some("input.x"), ""),
    ];
    for (golden, listed, kind, other, named) in cases {
        let bench = Bench::new();
        let folder = renamed(&bench, &fixtures(), golden, listed, |name| match name.strip_prefix(kind) {
            Some(rest) => other.map(|other| format!("{other}{rest}")),
            None => Some(name.to_owned()),
        });
        let (verdict, unmatched) = verdict(&bench, &folder);
        let wanted = if named.is_empty() { "pass" } else { "FAIL" };
        assert_eq!(verdict, wanted, "{golden} {kind} {other:?}: {unmatched}");
        assert!(unmatched.contains(named), "{golden} {kind} {other:?}: {unmatched}");
    }
}

/// The weights after the last update are what a training is compared by. (Goldens of trainings are too large to be kept here.)
#[test]
#[ignore = "needs BENCH_GOLDENS, a folder of recorded tensors"]
fn trainings_without_their_last_weights_fail() {
    let folder = goldens();
    for listed in [true, false] {
        for other in [None, Some("params_after6.")] {
            let bench = Bench::new();
            let rename = |name: &str| match name.strip_prefix("param_after6.") {
                Some(rest) => other.map(|other| format!("{other}{rest}")),
                None => Some(name.to_owned()),
            };
            let goldens = renamed(&bench, &folder, "ccnn_train_trajectory", listed, rename);
            let (verdict, unmatched) = verdict(&bench, &goldens);
            assert_eq!(verdict, "FAIL", "{other:?}");
            assert!(unmatched.contains("param_after6.norm1.weight"), "{other:?}: {unmatched}");
        }
    }
}

/// The same numbers in another shape are another tensor.
#[test]
fn other_shapes_fail() {
    for (from, to) in [
        ("\"output.y\":{\"dtype\":\"F32\",\"shape\":[2,5]", "\"output.y\":{\"dtype\":\"F32\",\"shape\":[5,2]"),
        (
            "\"grad.rnn.weight_ih_l0\":{\"dtype\":\"F32\",\"shape\":[36,3]",
            "\"grad.rnn.weight_ih_l0\":{\"dtype\":\"F32\",\"shape\":[3,36]",
        ),
    ] {
        let bench = Bench::new();
        let folder = copy(&bench, "torch_gru_l2", |bytes| {
            let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let names = String::from_utf8(bytes[8..8 + header].to_vec()).unwrap();
            assert!(names.contains(from), "{names}");
            bytes[8..8 + header].copy_from_slice(names.replace(from, to).as_bytes());
        });
        let name = from.split('"').nth(1).unwrap();
        bench
            .command(&["parity", &folder, "--device", "cpu"])
            .assert()
            .code(1)
            .stdout(contains("FAIL").and(contains(name)));
    }
}

#[test]
fn what_is_not_supported_counts_as_failed() {
    let bench = Bench::new();
    let folder = copy(&bench, "torch_gru_l2", |_| ());
    let description = Path::new(&folder).join("torch_gru_l2.json");
    let original = std::fs::read_to_string(&description).unwrap();
    for (from, to, reason) in [
        ("\"rnn.network\"", "\"rnn.oracle\"", "`rnn.oracle`"),
        ("\"cell\": \"gru\"", "\"cell\": \"xlstm\"", "`build.cell`"),
    ] {
        let changed = original.replace(from, to);
        assert_ne!(changed, original);
        std::fs::write(&description, changed).unwrap();
        bench
            .command(&["parity", &folder, "--device", "cpu"])
            .assert()
            .code(1)
            .stdout(contains("unsupported").and(contains(reason)).and(contains("0 passed, 1 failed")));
        assert_eq!(golden(&bench, &folder)["error_kind"], "parity-unsupported");
    }
    let changed = original.replace("\"hidden\": 12", "\"hidden\": \"wide\"");
    assert_ne!(changed, original);
    std::fs::write(&description, changed).unwrap();
    bench
        .command(&["parity", &folder, "--device", "cpu"])
        .assert()
        .code(1)
        .stdout(contains("torch_gru_l2").and(contains("`build.hidden`")));
    assert_eq!(golden(&bench, &folder)["error_kind"], "golden-setting");
}

#[test]
fn tensors_without_a_description_fail() {
    let bench = Bench::new();
    let folder = copy(&bench, "torch_gru_l2", |_| ());
    std::fs::remove_file(Path::new(&folder).join("torch_gru_l2.json")).unwrap();
    bench.command(&["parity", &folder, "--device", "cpu"]).assert().code(1).stdout(contains("torch_gru_l2.json"));
    assert_eq!(golden(&bench, &folder)["error_kind"], "golden-io");
}

#[test]
fn descriptions_without_tensors_fail() {
    let bench = Bench::new();
    let folder = copy(&bench, "torch_gru_l2", |_| ());
    // Other JSON is none of ours; what is cut off may have been.
    std::fs::write(Path::new(&folder).join("index.json"), "{\"files\": 1}").unwrap();
    bench.command(&["parity", &folder, "--device", "cpu"]).assert().success().stdout(contains("1 passed, 0 failed"));
    std::fs::write(Path::new(&folder).join("cut.json"), "{\"kind\": \"rnn.net").unwrap();
    std::fs::copy(Path::new(&folder).join("torch_gru_l2.json"), Path::new(&folder).join("alone.json")).unwrap();
    bench
        .command(&["parity", &folder, "--device", "cpu"])
        .assert()
        .code(1)
        .stdout(contains("1 passed, 2 failed").and(contains("alone.safetensors")).and(contains("cut.json")));
}

#[test]
fn folders_without_goldens_are_wrong_usage() {
    let bench = Bench::new();
    bench.refuses(&["parity", "nowhere"], 2, "usage", &["`nowhere`"]);
    std::fs::create_dir(bench.path("empty")).unwrap();
    bench.refuses(&["parity", "empty"], 2, "usage", &["`empty`"]);
    bench.refuses(&["parity", &text(&fixtures()), "--only", "no_*"], 2, "usage", &["`no_*`"]);
}
