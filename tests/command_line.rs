//! The binary from outside: exit codes, messages, and that wrong input writes nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use predicates::prelude::*;
use predicates::str::{contains, starts_with};
use support::Bench;

const SMALL: &str = "\
tasks:
  - {name: adding, label: add, length: 16, train_samples: 40, validation_samples: 8, test_samples: 8}
baselines:
  - {name: rnn, label: rnn, hidden: 4}
training: {epochs: 2, batch_size: 8}
";

/// Every wrong experiment file ends with exit code 2, the kind of mistake, its place, and nothing written.
#[test]
fn wrong_files_start_nothing() {
    let cases: [(&str, &str, &[&str]); 14] = [
        (
            "tasks: [adding]\nbaselines:\n  - name: lstm\n    hiden: 64\n",
            "unknown-name",
            &["x.yaml:4:5:", "`hiden`", "`lstm`", "`hidden`"],
        ),
        (
            "tasks: [adding]\nbaselines: [lstm]\ntraining: {epochs: ten}\n",
            "bad-setting",
            &["x.yaml:3:20:", "`epochs`", "`ten`"],
        ),
        ("", "bad-setting", &["x.yaml:1:1:"]),
        ("tasks: [adding\n", "not-yaml", &["x.yaml:"]),
        ("tasks: [adding]\ntasks: [copy]\nbaselines: [lstm]\n", "bad-setting", &["x.yaml:2:1:", "`tasks`"]),
        ("tasks: [ading]\nbaselines: [lstm]\n", "unknown-name", &["x.yaml:1:9:", "`ading`", "`adding`"]),
        ("tasks: [adding]\nbaselines: [lstn]\n", "unknown-name", &["x.yaml:2:13:", "`lstn`", "`lstm`"]),
        (
            "tasks: [adding]\nbaselines: [{name: lstm, hidden: -4}]\n",
            "bad-setting",
            &["x.yaml:2:34:", "`hidden`", "`lstm`", "-4"],
        ),
        (
            "tasks: [adding]\nbaselines: [{name: lstm, hidden: 0}]\n",
            "bad-setting",
            &["x.yaml:2:34:", "`hidden`", "`lstm`"],
        ),
        (
            "tasks: [{name: adding, length: 0}]\nbaselines: [lstm]\n",
            "bad-setting",
            &["x.yaml:1:32:", "`length`", "`adding`"],
        ),
        (
            "tasks: [adding]\nbaselines: [lstm]\ngrid: {baseline.hidden: []}\n",
            "bad-setting",
            &["x.yaml:3:25:", "`baseline.hidden`"],
        ),
        (
            "tasks: [adding]\nbaselines: [lstm]\ngrid: {baseline.omega_0: [1]}\n",
            "unknown-name",
            &["x.yaml:3:8:", "`omega_0`"],
        ),
        (
            "tasks: [adding]\nbaselines: [{name: lstm, label: a}, {name: gru, label: a}]\n",
            "bad-setting",
            &["x.yaml:2:56:", "`a`"],
        ),
        (
            "tasks: [adding]\nbaselines: [lstm]\ncells: [{when: {task: copy}, training: {epochs: 1}}]\n",
            "unknown-name",
            &["x.yaml:3:"],
        ),
    ];
    for (text, mistake, offenders) in cases {
        let bench = Bench::new();
        bench.file("x.yaml", text);
        bench.refuses(&["run", "x.yaml"], 2, &format!("experiment-{mistake}"), offenders);
        // For people, the place comes first.
        bench.command(&["run", "x.yaml"]).assert().code(2).stderr(starts_with("error: x.yaml:"));
        assert_eq!(bench.names(), ["x.yaml"], "{text} wrote something");
    }
}

#[test]
fn unreadable_files_are_named() {
    let bench = Bench::new();
    bench.file("latin.yaml", b"name: x\ndescription: caf\xe9\n");
    bench.refuses(&["run", "latin.yaml"], 2, "experiment-not-utf8", &["latin.yaml:2:17:"]);
    bench.refuses(&["run", "none.yaml"], 2, "experiment-unreadable", &["`none.yaml`"]);
    bench.refuses(&["run", "."], 2, "experiment-unreadable", &["`.`"]);
    assert_eq!(bench.names(), ["latin.yaml"]);
}

#[test]
fn wrong_arguments_start_nothing() {
    let bench = Bench::new();
    bench.file("x.yaml", SMALL);
    let cases: [(&[&str], &str, &[&str]); 9] = [
        (
            &["--set", "training.epoch=3"],
            "experiment-unknown-name",
            &["--set training.epoch=3:", "`epoch`", "`epochs`"],
        ),
        (&["--set", "training.epochs=0"], "experiment-bad-setting", &["--set training.epochs=0:", "`epochs`"]),
        (&["--only", "task=nothing"], "experiment-unknown-name", &["--only task=nothing:", "`nothing`"]),
        (&["--seeds", "a"], "experiment-bad-setting", &["--seeds a:"]),
        (&["--cell", "ad.rnn.s0"], "usage", &["`add.rnn.s0`"]),
        (&["--device", "gpu"], "usage", &["`gpu`", "auto, cpu, cuda[:i], wgpu[:i]"]),
        (
            &["--device", "cpu", "--set", "training.precision=bfloat16"],
            "device-precision",
            &["`cpu`", "bfloat16", "float32", "`--device cuda`"],
        ),
        (&["--max-time", "soon"], "usage", &["--max-time", "soon"]),
        (&["--jobs", "0"], "usage", &["--jobs"]),
    ];
    for (arguments, kind, offenders) in cases {
        bench.refuses(&[&["run", "x.yaml"], arguments].concat(), 2, kind, offenders);
    }
    assert_eq!(bench.names(), ["x.yaml"]);
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_missing_device_has_its_own_exit_code() {
    let bench = Bench::new();
    bench.file("x.yaml", SMALL);
    bench.refuses(&["run", "x.yaml", "--device", "cuda"], 3, "device-not-compiled", &["`cuda:0`", "--features cuda"]);
    assert_eq!(bench.names(), ["x.yaml"]);
}

#[test]
fn a_dry_run_shows_runs_and_writes_nothing() {
    let bench = Bench::new();
    bench.file("x.yaml", SMALL);
    let dry = ["run", "x.yaml", "--seeds", "0,7", "--dry-run", "--no-time"];
    bench
        .command(&dry)
        .assert()
        .success()
        .stdout(contains("add.rnn.s7").and(contains("2 × 5")).and(contains("2 runs to make; 20 optimiser steps")));
    let json = bench.json(&dry);
    assert_eq!(json["experiment"], "x");
    assert_eq!(json["cells"][1]["id"], "add.rnn.s7");
    assert_eq!(json["cells"][1]["steps"], 10);
    assert_eq!(json["cells"][0]["input"], serde_json::json!([2, 16]));
    // Embedding-free RNN: 4·2 + 4·4 weights, 4 + 4 biases, and a head of 4 weights and 1 bias.
    assert_eq!(json["cells"][0]["parameters"], 37);
    assert_eq!(bench.names(), ["x.yaml"]);
}

#[test]
fn training_steps_are_timed_in_rounds_without_data() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace("training:", "seeds: [0, 1]\ntraining:"));
    let command = ["speed", "small.yaml", "--rounds", "2", "--steps", "1", "--warmup", "0", "--profile"];
    let output = bench.command(&command).arg("--json").assert().success().get_output().stdout.clone();
    let speed: serde_json::Value = serde_json::from_slice(&output).unwrap();
    assert_eq!((&speed["rounds"], &speed["steps"]), (&2.into(), &1.into()));
    // Two seeds are the same work.
    let [cell] = speed["cells"].as_array().unwrap().as_slice() else { panic!("{speed}") };
    let kernels = cell["kernels"].as_array().unwrap();
    // Both rounds count: one forward pass in each of two steps.
    let recurrence = kernels.iter().find(|kernel| kernel["name"] == "recurrence").unwrap();
    assert_eq!(recurrence["calls"], 1.0);
    let text = bench.command(&command).assert().success().get_output().stdout.clone();
    assert!(String::from_utf8(text).unwrap().contains("medians of 2 rounds of 1 steps"));
    assert_eq!(bench.names(), ["small.yaml"]);
}

#[test]
fn every_recipe_can_be_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let bench = Bench::new();
    let mut recipes = 0;
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // What they share lies in a folder below.
    for path in paths.filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in ["Command", "Needs", "Time"] {
            assert!(text.contains(&format!("#   {line}")), "{} does not say `{line}`", path.display());
        }
        bench.command(&["run", path.to_str().unwrap(), "--dry-run", "--no-time"]).assert().success();
        recipes += 1;
    }
    assert!(recipes >= 5);
    assert!(bench.names().iter().all(|name| name == "data"), "{:?}", bench.names());
}

#[test]
fn registries_are_listed() {
    let bench = Bench::new();
    bench.command(&["list", "baselines"]).assert().success().stdout(starts_with("baseline").and(contains("ccnn")));
    bench.command(&["list", "tasks"]).assert().success().stdout(starts_with("task").and(contains("pathfinder")));
    let baselines = bench.json(&["list", "baselines"]);
    let lstm = baselines.as_array().unwrap().iter().find(|b| b["name"] == "lstm").unwrap();
    assert_eq!(lstm["ranks"], serde_json::json!([1]));
    assert!(lstm["settings"].as_array().unwrap().contains(&"hidden".into()));
    bench.refuses(&["list", "experiments"], 2, "usage", &["`experiments`"]);
}

/// What a recipe costs stands in the list, at every scale.
#[test]
fn experiments_are_listed_with_what_they_cost_at_every_scale() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("experiments")).unwrap();
    bench.file("experiments/small.yaml", format!("description: small\nseeds: [0, 1]\n{SMALL}"));
    bench.file("experiments/wrong.yaml", "tasks: [adding]\n");
    let listed = bench.json(&["list", "experiments"]);
    assert_eq!((&listed[0]["file"], &listed[0]["description"]), (&"experiments/small.yaml".into(), &"small".into()));
    assert!(listed[1]["error"].as_str().unwrap().contains("`baselines` is missing"), "{listed}");
    let scales = listed[0]["scales"].as_array().unwrap();
    let names: Vec<_> = scales.iter().map(|scale| scale["scale"].as_str().unwrap()).collect();
    assert_eq!(names, ["paper", "laptop", "smoke"]);
    assert_eq!((&scales[0]["runs"], &scales[1]["runs"]), (&2.into(), &1.into()), "smaller scales take one seed");
    assert_eq!(scales[0]["not_applicable"], 0);
    let dry = bench.json(&["run", "experiments/small.yaml", "--dry-run", "--no-time"]);
    let steps: u64 = dry["cells"].as_array().unwrap().iter().map(|cell| cell["steps"].as_u64().unwrap()).sum();
    assert_eq!(scales[0]["steps"], steps);
    assert_eq!(scales[0]["seconds_at_most"], serde_json::Value::Null, "nothing bounds it");
    assert_eq!(scales[1]["seconds_at_most"], 900, "the limit of the scale");
    assert!(scales[2]["steps"].as_u64().unwrap() <= 5);
    let text = bench.command(&["list", "experiments"]).assert().success().get_output().stdout.clone();
    assert!(String::from_utf8(text).unwrap().contains("15 min"));
}

#[test]
fn the_schema_knows_every_task_and_baseline() {
    let bench = Bench::new();
    let schema = bench.json(&["schema"]);
    for (kind, list) in [("tasks", bench.json(&["list", "tasks"])), ("baselines", bench.json(&["list", "baselines"]))] {
        let options = schema["properties"][kind]["items"]["oneOf"].as_array().unwrap();
        for entry in list.as_array().unwrap() {
            let option = options.iter().find(|o| o["properties"]["name"]["const"] == entry["name"]).unwrap();
            for setting in entry["settings"].as_array().unwrap() {
                let described = &option["properties"][setting.as_str().unwrap()];
                assert!(described.is_object() || described.is_boolean(), "{kind} {} {setting}", entry["name"]);
            }
        }
    }
    let text = schema.to_string();
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(schema.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
}

#[test]
fn the_doctor_finds_the_cpu() {
    let bench = Bench::new();
    bench.command(&["doctor"]).assert().success().stdout(contains("device cpu").and(contains("works")));
    let findings = bench.json(&["doctor", "--threads", "2"]);
    assert_eq!(findings["threads"], 2);
    assert!(findings["free_disk_bytes"].as_u64().unwrap() > 0);
    assert_eq!(bench.names(), Vec::<String>::new());
}

#[test]
fn folders_without_runs_are_refused() {
    let bench = Bench::new();
    for arguments in [&["status", "nothing"][..], &["report", "nothing"], &["compare", "nothing", "--by", "task"]] {
        bench.refuses(arguments, 2, "report-read", &["nothing"]);
    }
    bench.refuses(&["report", ".", "--format", "pdf"], 2, "usage", &["--format", "`pdf`"]);
    assert_eq!(bench.names(), Vec::<String>::new());
}

#[test]
fn completions_and_help_exist() {
    let bench = Bench::new();
    bench.command(&["completions", "bash"]).assert().success().stdout(contains("_bench"));
    bench.command(&["--help"]).assert().success().stdout(contains("experiments/quickstart.yaml"));
    bench.refuses(&["run"], 2, "usage", &["EXPERIMENT.yaml"]);
    bench.refuses(&["fly"], 2, "usage", &["fly"]);
}

/// What stands as a name is a name, even where it could be read as a number.
#[test]
fn names_stay_as_they_are_written() {
    for (written, name) in [
        ("1.10", "1.10"),
        ("007", "007"),
        ("1e3", "1e3"),
        ("0x10", "0x10"),
        ("yes", "yes"),
        ("2024-01-02", "2024-01-02"),
    ] {
        let bench = Bench::new();
        bench.file("x.yaml", format!("name: {written}\n{SMALL}").replace("label: rnn", "label: 0x1F"));
        let dry = bench.json(&["run", "x.yaml", "--dry-run", "--no-time"]);
        assert_eq!(dry["experiment"], name);
        assert_eq!(dry["cells"][0]["id"], "add.0x1F.s0");
    }
    let bench = Bench::new();
    bench.file("x.yaml", format!("name: 1.10\n{SMALL}"));
    bench.command(&["run", "x.yaml"]).assert().success();
    // The resolved file is an experiment file of the same runs.
    let again = bench.json(&["run", "runs/1.10/experiment.yaml", "--dry-run", "--no-time"]);
    assert_eq!(again["experiment"], "1.10");
    bench.command(&["status", "runs/1.10"]).assert().success().stdout(contains("done"));
    bench.file("y.yaml", format!("name: null\n{SMALL}"));
    bench.refuses(&["run", "y.yaml"], 2, "experiment-bad-setting", &["y.yaml:1:7:", "`name`"]);
}

#[test]
fn whole_numbers_may_be_written_in_any_way() {
    let bench = Bench::new();
    let text = SMALL.replace("epochs: 2", "epochs: 2.0").replace("train_samples: 40", "train_samples: 4e1");
    bench.file("x.yaml", format!("version: 1.0\nseeds: [1e0]\n{text}"));
    let dry = bench.json(&["run", "x.yaml", "--dry-run", "--no-time"]);
    assert_eq!((&dry["cells"][0]["steps"], &dry["cells"][0]["seed"]), (&10.into(), &1.into()));
    bench.file("x.yaml", SMALL.replace("epochs: 2", "epochs: 2.5"));
    bench.refuses(&["run", "x.yaml", "--dry-run"], 2, "experiment-bad-setting", &["`epochs`", "2.5"]);
}

/// A slip in a size is refused, by a bound that does not depend on the machine, before its memory is asked for.
#[test]
fn sizes_that_no_machine_has_room_for_are_refused() {
    let cases = [
        "{name: lstm, hidden: 60000}",
        "{name: lstm, hidden: 4000000000}",
        "{name: lstm, hidden: 18446744073709551615}",
        "{name: gru, layers: 4000000000}",
        "{name: rnn, layers: 16000000, hidden: 1}",
        "{name: ccnn, hidden: 4000000000}",
        "{name: ccnn, blocks: 16000000, hidden: 1}",
        "{name: ckcnn, kernel_hidden: 4000000000}",
        "{name: s4, d_state: 4000000000}",
        "{name: s4d, d_model: 4000000000}",
        "{name: lru, d_state: 4000000000}",
        "{name: tcn, hidden: 4000000000}",
        "{name: tcn, levels: 4000000000}",
        "{name: longconv, kernel_size: 4000000000}",
        "{name: local, hidden: 4000000000}",
        "{name: transformer, d_model: 4000000000}",
        "{name: transformer, n_layers: 4000000000}",
        "{name: transformer, ff_expand: 4000000000}",
        "{name: flexnet, hidden: 4000000000}",
        "{name: cnn, width: 4000000000}",
    ];
    for case in cases {
        let bench = Bench::new();
        bench.file("x.yaml", format!("tasks: [{{name: adding, length: 50}}]\nbaselines: [{case}]\n"));
        let run = bench.command(&["run", "x.yaml", "--dry-run", "--no-time"]).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        // What takes images alone is not applicable.
        let not_applicable = String::from_utf8_lossy(&run.stdout).contains("n/a");
        assert!(run.status.code() == Some(2) && said.contains("x.yaml:2:") || not_applicable, "{case}: {run:?}");
    }
}

#[test]
fn errors_show_an_example_or_what_is_accepted() {
    let cases: [(&str, &[&str]); 5] = [
        ("training: {betas: [0.9, 0.9, 0.9]}", &["x.yaml:3:", "`betas`", "a list of 3"]),
        ("training: {betas: [0.9]}", &["x.yaml:3:", "`betas`", "a list of 1"]),
        ("seeds: 3", &["= e.g. seeds: [0, 1, 2]"]),
        ("exclude: 3", &["= e.g. exclude: [{task: cifar10, baseline: ckcnn}]"]),
        ("cells:", &["= e.g. cells: [{when:"]),
    ];
    for (line, offenders) in cases {
        let bench = Bench::new();
        bench.file("x.yaml", format!("tasks: [{{name: adding}}]\nbaselines: [lstm]\n{line}\n"));
        let dry = ["run", "x.yaml", "--dry-run", "--no-time"];
        bench.refuses(&dry, 2, "experiment-bad-setting", offenders);
        let said = bench.command(&dry).assert().code(2);
        said.stderr(contains("e.g. e.g.").or(contains(": e.g. ")).not());
    }
    let bench = Bench::new();
    for (task, place, mistake, accepted) in [
        ("[{name: pathfinder, difficulty: medium}]", "x.yaml:1:", "unknown-name", "easy, intermediate, hard"),
        ("[{name: pathfinder, resolution: 33}]", "x.yaml:1:", "bad-setting", "32, 64, 128 or 256"),
        ("", "x.yaml:1:1:", "bad-setting", "`tasks`"),
    ] {
        bench.file("x.yaml", format!("tasks: {task}\nbaselines: [cnn]\n"));
        let dry = ["run", "x.yaml", "--dry-run", "--no-time"];
        bench.refuses(&dry, 2, &format!("experiment-{mistake}"), &[place, accepted]);
    }
    bench.file("x.safetensors", "");
    let two = ["eval", "x.safetensors", "--task", "adding,copy", "--baseline", "lstm"];
    bench.refuses(&two, 2, "eval-unknown", &["`adding,copy`"]);
    bench.file("p.yaml", "tasks: [pathfinder]\nbaselines: [cnn]\n");
    let dry = bench.json(&["run", "p.yaml", "--dry-run", "--no-time"]);
    assert_eq!(dry["cells"][0]["task"], "pathfinder32-easy-1d");
}

/// Where the schema is said to hold the program's rules, it does.
#[test]
fn the_schema_knows_fields_of_grids_and_rules_and_what_may_be_left_empty() {
    let schema = Bench::new().json(&["schema"]);
    let grid = &schema["properties"]["grid"];
    assert_eq!(grid["type"], serde_json::json!(["object", "null"]));
    assert_eq!(grid["additionalProperties"], false);
    assert_eq!(grid["properties"]["training.epochs"]["items"]["minimum"], 1);
    assert!(grid["properties"]["baseline.hidden"].is_object() && grid["properties"]["baseline.hiden"].is_null());
    let rule = &schema["properties"]["cells"]["items"]["properties"];
    for (kind, field) in [("task", "length"), ("baseline", "dropout")] {
        assert_eq!(rule[kind]["additionalProperties"], false);
        assert!(rule[kind]["properties"][field].is_object(), "{kind}");
    }
    assert!(rule["baseline"]["properties"]["name"].is_null());
    let baselines = schema["properties"]["baselines"]["items"]["oneOf"].as_array().unwrap();
    let lstm = baselines.iter().find(|entry| entry["properties"]["name"]["const"] == "lstm").unwrap();
    assert_eq!(lstm["properties"]["hidden"]["minimum"], 1);
    assert_eq!(schema["$defs"]["training"]["properties"]["learning_rate"]["exclusiveMinimum"], 0);
    for key in ["name", "description"] {
        assert_eq!(schema["properties"][key]["type"], serde_json::json!(["string", "number"]));
    }
}

/// Three small runs, and what they are called in the run folder.
fn three() -> (Bench, [&'static str; 3]) {
    let bench = Bench::new();
    bench.file("x.yaml", SMALL.replace("training:", "seeds: [0, 1, 2]\ntraining:"));
    (bench, ["runs/x/add.rnn.s0", "runs/x/add.rnn.s1", "runs/x/add.rnn.s2"])
}

#[test]
fn results_that_are_lost_are_measured_again_or_missed() {
    let (bench, [cut, removed, whole]) = three();
    bench.command(&["run", "x.yaml"]).assert().success();
    let metrics = |cell: &str| bench.path(cell).join("metrics.jsonl");
    let finals = |cell: &str| support::metrics(&bench.path(cell)).into_iter().filter(|line| line["kind"] == "final");
    let before: Vec<_> = finals(cut).collect();
    assert!(before.len() > 4);
    let text = std::fs::read_to_string(metrics(cut)).unwrap();
    std::fs::write(metrics(cut), &text[..text.len() - 300]).unwrap();
    std::fs::remove_file(metrics(removed)).unwrap();
    let run = bench.command(&["run", "x.yaml"]).assert().code(1);
    let said = String::from_utf8(run.get_output().stderr.clone()).unwrap();
    assert!(said.contains("add.rnn.s0: done, but") && said.contains("add.rnn.s2: already done"), "{said}");
    assert_eq!(finals(cut).collect::<Vec<_>>(), before);
    for cell in [cut, whole] {
        assert_eq!(bench.status(cell)["state"], "done");
    }
    // From the middle of training nothing can be measured again; what is advised costs this run alone.
    let status = bench.status(removed);
    let message = status["message"].as_str().unwrap();
    let advice = &message[message.find("--fresh").unwrap()..];
    assert_eq!((status["state"].as_str(), status["kind"].as_str()), (Some("failed"), Some("journal-lost")));
    assert_eq!(advice, "--fresh --cell add.rnn.s1");
    let mut again = vec!["run", "x.yaml"];
    again.extend(advice.split(' '));
    bench.command(&again).assert().success();
    let run = bench.command(&["run", "x.yaml"]).assert().success();
    assert_eq!(String::from_utf8_lossy(&run.get_output().stderr).matches("already done").count(), 3);
}

#[test]
fn a_record_that_cannot_be_read_fails_its_run_alone() {
    let (bench, [damaged, done, _]) = three();
    bench.command(&["run", "x.yaml", "--seeds", "0,1"]).assert().success();
    std::fs::write(bench.path(damaged).join("cell.yaml"), "id: add").unwrap();
    let run = bench.command(&["run", "x.yaml"]).assert().code(1);
    run.stderr(contains("already done")).stdout(contains("2 done, 1 failed"));
    let status = bench.status(damaged);
    assert_eq!(status["kind"], "folder-record");
    assert!(status["message"].as_str().unwrap().contains("--fresh --cell add.rnn.s0"), "{status}");
    assert_eq!(bench.status(done)["attempts"], 1);
    bench.command(&["run", "x.yaml", "--fresh", "--cell", "add.rnn.s0"]).assert().success();
    bench.command(&["run", "x.yaml"]).assert().success().stdout(contains("3 done"));
    assert_eq!(bench.status(done)["attempts"], 1);
}

#[test]
fn limits_beyond_the_clock_are_none() {
    for limit in ["18446744073709551615s", "300000000000y"] {
        let bench = Bench::new();
        bench.file("x.yaml", SMALL);
        bench.command(&["run", "x.yaml", "--max-time", limit]).assert().success();
    }
}

#[test]
fn labels_are_text_in_json_and_counts_are_numbers() {
    let bench = Bench::new();
    let two = "[{name: rnn, label: 1e3, hidden: 4}, {name: rnn, label: 007, hidden: 5}]";
    bench.file("x.yaml", SMALL.replace("\n  - {name: rnn, label: rnn, hidden: 4}", &format!(" {two}")));
    bench.command(&["run", "x.yaml"]).assert().success();
    let compared = bench.json(&["compare", "runs/x", "--by", "baseline"]);
    let row = &compared["rows"][0];
    assert!([&row["A"], &row["B"]].iter().all(|label| **label == "1e3" || **label == "007"), "{compared}");
    assert!(row.as_object().unwrap().values().any(|value| *value == 1.0), "{compared}");
    let status = bench.json(&["status", "runs/x"]);
    assert_eq!(status["rows"][0]["Epoch"], 2.0);
}

#[test]
fn one_value_in_two_spellings_is_one_run() {
    let bench = Bench::new();
    for (values, second) in [("[4, 4.0]", "4.0"), ("[1e1, 10]", "10"), ("[[1, 2.0], [1.0, 2]]", "a list of 2")] {
        bench.file("x.yaml", format!("{SMALL}grid: {{baseline.hidden: {values}}}\n"));
        bench.refuses(&["run", "x.yaml", "--dry-run", "--no-time"], 2, "experiment-bad-setting", &[second]);
    }
    let ids = |values: &str| {
        bench.file("x.yaml", format!("{SMALL}grid: {{training.learning_rate: {values}}}\n"));
        let dry = bench.json(&["run", "x.yaml", "--dry-run", "--no-time"]);
        dry["cells"].as_array().unwrap().iter().map(|cell| cell["id"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids("[1.0, 1e-2]"), ids("[1, 0.01]"));
}

#[test]
fn every_name_of_a_file_has_a_run_folder_of_its_own() {
    let bench = Bench::new();
    let name = |file: &str| {
        bench.file(file, SMALL);
        bench.json(&["run", file, "--dry-run", "--no-time"])["experiment"].as_str().unwrap().to_owned()
    };
    let files = [
        "1.1.yaml",
        "1-1.yaml",
        "1 1.yaml",
        "日本.yaml",
        "中国.yaml",
        "é.yaml",
        "experiment.yaml",
        "a+b.yaml",
        "a-b.yaml",
    ];
    let names: std::collections::BTreeSet<String> = files.iter().map(|file| name(file)).collect();
    assert_eq!(names.len(), files.len(), "{names:?}");
    assert_eq!([name("1.1.yaml"), name("1-1.yaml")], ["1.1", "1-1"]);
    assert!(name("1 1.yaml").starts_with("1-1-") && name("é.yaml").starts_with("experiment-"), "{names:?}");
}

#[test]
fn what_is_no_finite_number_may_be_a_name() {
    let bench = Bench::new();
    for name in ["1e400", "12e4567"] {
        bench.file(
            "x.yaml",
            format!("name: {name}\nsource: {name}\n{}", SMALL.replace("label: rnn", &format!("label: {name}"))),
        );
        let dry = bench.json(&["run", "x.yaml", "--dry-run", "--no-time"]);
        assert_eq!((&dry["experiment"], &dry["cells"][0]["id"]), (&name.into(), &format!("add.{name}.s0").into()));
    }
    for (text, place) in [
        (SMALL.replace("epochs: 2", "epochs: 1e400"), "x.yaml:5:20: `1e400`"),
        (SMALL.replace("hidden: 4", "hidden: .inf"), "x.yaml:4:37: `.inf`"),
        (format!("{SMALL}grid: {{training.learning_rate: [.nan]}}\n"), "x.yaml:6:33: `.nan`"),
        (format!("{SMALL}cells: [{{when: {{task: add}}, training: {{betas: [0, 1e999]}}}}]\n"), "`1e999`"),
    ] {
        bench.file("x.yaml", text);
        bench.refuses(&["run", "x.yaml", "--dry-run"], 2, "experiment-bad-setting", &[place]);
    }
    bench.file("x.yaml", SMALL);
    bench.refuses(&["run", "x.yaml", "--set", "training.epochs=1e400"], 2, "experiment-bad-setting", &["`1e400`"]);
}

/// What the program refuses whatever else the file says, the schema refuses as well, and the other way round.
#[test]
fn the_schema_has_the_ranges_of_the_program() {
    let schema = Bench::new().json(&["schema"]);
    let training = &schema["$defs"]["training"]["properties"];
    assert_eq!(training["betas"]["items"]["exclusiveMaximum"], 1);
    assert_eq!(training["min_learning_rate"]["minimum"], 0.0);
    assert!(training["max_time"]["pattern"].is_string());
    let patterns = schema["properties"]["grid"]["patternProperties"].as_object().unwrap();
    assert!(patterns.keys().all(|key| !key.contains("betas") && !key.contains("hidden")), "{patterns:?}");
    assert!(schema["properties"]["source"]["pattern"] == "\\S");
    let when = &schema["properties"]["exclude"]["items"]["properties"]["task"]["anyOf"];
    assert_eq!(when[0]["type"], serde_json::json!(["string", "number"]));
    // Names of fields are names, without room around them.
    let bench = Bench::new();
    for (key, mistake) in [
        ("' training.epochs'", "bad-setting"),
        ("'training.epochs '", "unknown-name"),
        ("'training. epochs'", "unknown-name"),
    ] {
        bench.file("x.yaml", format!("{SMALL}grid: {{{key}: [1, 2]}}\n"));
        bench.refuses(&["run", "x.yaml", "--dry-run"], 2, &format!("experiment-{mistake}"), &["x.yaml:6:8:"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_is_said() {
    let bench = Bench::new();
    bench.file("x.yaml", SMALL);
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    // With text the exit code is that of the runs; who asked for JSON has got nothing.
    for (arguments, code) in [(&["run", "x.yaml"][..], 0), (&["run", "x.yaml", "--json"], 1), (&["--help"], 1)] {
        let output = bench.process(arguments).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"), "{arguments:?}: {output:?}");
    }
    // A file that grows too large is an error like any other.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -f 1; exec \"$0\" report runs/x --out other", env!("CARGO_BIN_EXE_bench")]);
    let output = command.current_dir(bench.folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("error: "), "{output:?}");
}
