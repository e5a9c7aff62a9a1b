//! What is written while a run trains.

use predicates::prelude::*;
use predicates::str::contains;

use super::support::{Bench, diagnostics, metrics};
use super::{CELLS, GRU, SMALL, failed, finished};

#[test]
fn a_run_that_does_not_learn_says_so_in_log_and_status() {
    let bench = Bench::new();
    let text = "\
name: stuck
seeds: [1]
tasks: [{name: copy, label: cp, symbols: 2, delay: 4, train_samples: 1000, validation_samples: 8, test_samples: 8}]
baselines: [{name: rnn, label: rnn, hidden: 256}]
training: {epochs: 1, batch_size: 1, learning_rate: 1.0e-12, schedule: constant}
";
    bench.file("stuck.yaml", text);
    bench.command(&["run", "stuck.yaml"]).assert().success();
    let status = bench.status("runs/stuck/cp.rnn.s1");
    assert_eq!(status["state"], "done");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("within 1 % of ln(") && message.contains("after 1000 steps"), "{message}");
    let log = std::fs::read_to_string(bench.path("runs/stuck/cp.rnn.s1/log.txt")).unwrap();
    assert!(log.contains(message), "{log}");
    bench.command(&["status", "runs/stuck"]).assert().success().stdout(contains("as by guessing"));
}

#[test]
fn the_penalty_is_recorded_beside_the_loss_of_the_task() {
    let penalised = |weight: &str| {
        let bench = Bench::new();
        let lstm = format!("{{name: lstm, label: gru, hidden: 12, orthonormality: {weight}}}");
        let text = SMALL.replace("{name: gru, label: gru, hidden: 12, training: {grad_clip: 0.5}}", &lstm);
        bench.file("small.yaml", text.replace("epochs: 6", "epochs: 2").replace("log_every: 5", "log_every: 1"));
        bench
    };
    let values = |bench: &Bench, kind: &str, name: &str| {
        let lines = metrics(&bench.path(CELLS[1])).into_iter();
        let of = lines.filter(|line| line["kind"] == kind && line["name"] == name && line["split"] == "train");
        of.map(|line| line["value"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    let (with, without) = (penalised("1.0"), penalised("0"));
    for bench in [&with, &without] {
        bench.command(&GRU).assert().success();
    }
    let penalty = values(&with, "step", "penalty");
    assert_eq!(penalty.len(), 50);
    assert!(penalty[49] < 0.5 * penalty[0], "{penalty:?}");
    // An epoch has the mean over its steps.
    let epochs = values(&with, "epoch", "penalty");
    let mean = penalty[..25].iter().sum::<f64>() / 25.0;
    assert!(epochs.len() == 2 && (epochs[0] - mean).abs() < 1e-9 * mean, "{epochs:?}");
    // The first loss is that of the same weights, so that no penalty is in it.
    assert_eq!(values(&with, "step", "loss")[0], values(&without, "step", "loss")[0]);
    assert!(values(&without, "step", "penalty").is_empty() && values(&without, "epoch", "penalty").is_empty());
    assert!(with.path("runs/small/report/figures/penalty-add.svg").is_file());
    assert!(!without.path("runs/small/report/figures/penalty-add.svg").exists());
    // What it judges is seen at the beginning and after every epoch, weighted or not.
    for (bench, weighted) in [(&with, true), (&without, false)] {
        let lines = diagnostics(&bench.path(CELLS[1]));
        let judged = lines.iter().filter(|line| line["quantity"] == "orthonormality");
        let at = |step: u64| judged.clone().filter(move |line| line["step"] == step);
        let sum = |step| at(step).map(|line| line["value"].as_f64().unwrap()).sum::<f64>();
        assert!(at(0).count() == 4 && [25, 50].iter().all(|step| at(*step).count() == 4), "{lines:?}");
        assert!((sum(0) / penalty[0] - 1.0).abs() < 1e-4, "{} {}", sum(0), penalty[0]);
        assert_eq!(sum(50) < 0.5 * sum(0), weighted);
    }
    // A penalty that overflows is called so.
    let wild = penalised("1.0e+38");
    wild.command(&GRU).assert().code(1);
    assert_eq!(wild.status(CELLS[1])["reason"], "nan");
    failed(&wild, CELLS[1], "train-not-finite", &["penalty"]);
}

/// One command from the file to a page with the scale at initialisation; it is measured once.
#[test]
fn an_experiment_may_measure_its_networks_before_it_trains_them() {
    let bench = Bench::new();
    let diagnose = "diagnose: {seeds: 2, vary: [initialisation, depth]}\n";
    bench.file(
        "small.yaml",
        format!("{SMALL}{diagnose}").replace("epochs: 6, ", "epochs: 1, ").replace("warmup_epochs: 1, ", ""),
    );
    bench.command(&["run", "small.yaml"]).assert().success().stderr(contains("at initialisation: ccnn on add"));
    let table = std::fs::read_to_string(bench.path("runs/small/report/tables/diagnostics.csv")).unwrap();
    // Three initialisations, one and two blocks, either mode; one and two layers of the GRU.
    assert_eq!(table.lines().filter(|line| line.starts_with("add,ccnn,")).count(), 12, "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("add,gru,")).count(), 4, "{table}");
    for figure in ["logits-std", "activation-variance"] {
        assert!(bench.path(&format!("runs/small/report/figures/{figure}.svg")).is_file(), "{figure}");
    }
    bench.command(&["run", "small.yaml"]).assert().success().stderr(contains("at initialisation").not());
    bench
        .file("small.yaml", std::fs::read_to_string(bench.path("small.yaml")).unwrap().replace("seeds: 2", "seeds: 1"));
    bench.command(&["run", "small.yaml"]).assert().success().stderr(contains("at initialisation"));
    // What is damaged is named and costs no other part.
    std::fs::write(bench.path("runs/small/diagnose/measured.json"), "{").unwrap();
    bench.command(&["report", "runs/small"]).assert().success();
    let report = std::fs::read_to_string(bench.path("runs/small/report/report.md")).unwrap();
    assert!(report.contains("measured.json") && report.contains("gru"), "{report}");
    bench.file("bad.yaml", format!("{SMALL}{}", diagnose.replace("depth", "width")));
    bench.refuses(&["run", "bad.yaml"], 2, "experiment-unknown-name", &["width"]);
    bench.file("bad.yaml", format!("{SMALL}{}", diagnose.replace("seeds: 2", "seeds: 0")));
    bench.refuses(&["run", "bad.yaml"], 2, "experiment-bad-setting", &["seeds"]);
}

/// Early steps are looked at in powers of two, and later ones at the end of every epoch.
#[test]
fn networks_are_looked_at_most_in_the_first_steps() {
    let bench = finished();
    let lines = diagnostics(&bench.path(CELLS[1]));
    let scale = lines.iter().filter(|line| line["quantity"] == "logits.variance");
    let steps: Vec<u64> = scale.map(|line| line["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [0, 1, 2, 4, 8, 16, 25, 50, 75, 100, 125, 150]);
}

/// What layers make of their kernels and gradients is recorded with every look, and logits are counted three times.
#[test]
fn layers_and_logits_are_recorded_over_training() {
    let bench = finished();
    let lines = diagnostics(&bench.path(CELLS[0]));
    let of = |quantity: &'static str| lines.iter().filter(move |line| line["quantity"] == quantity);
    let steps = |quantity| {
        let mut steps: Vec<u64> = of(quantity).map(|line| line["step"].as_u64().unwrap()).collect();
        steps.dedup();
        steps
    };
    let looks = [0, 1, 2, 4, 8, 16, 25, 50, 75, 100, 125, 150];
    for quantity in ["mask.width", "kernel.taps", "kernel.above_nyquist", "kernel.target_variance"] {
        assert_eq!(steps(quantity), looks, "{quantity}");
        let layers: Vec<&str> = of(quantity).take(2).map(|line| line["layer"].as_str().unwrap()).collect();
        assert_eq!(layers, ["conv1", "blocks.0.conv1"], "{quantity}");
    }
    // Before the first step there is no gradient.
    assert_eq!(steps("gradient.norm"), looks[1..]);
    let layers: Vec<&str> = of("gradient.norm").take(8).map(|line| line["layer"].as_str().unwrap()).collect();
    let expected =
        ["conv1", "norm1", "blocks.0.conv1", "blocks.0.norm1", "blocks.0.linear1", "out_norm", "head", "conv1"];
    assert_eq!(layers, expected);
    // Together, the layers have the norm that the log has.
    let logged = metrics(&bench.path(CELLS[0]));
    let logged = logged.iter().find(|line| line["name"] == "gradient_norm" && line["step"] == 25).unwrap();
    let squares =
        of("gradient.norm").filter(|line| line["step"] == 25).map(|line| line["value"].as_f64().unwrap().powi(2));
    let norm = squares.sum::<f64>().sqrt();
    assert!((norm / logged["value"].as_f64().unwrap() - 1.0).abs() < 1e-6, "{norm} {logged}");

    let counted: Vec<u64> = of("logits.histogram").map(|line| line["step"].as_u64().unwrap()).collect();
    assert_eq!(counted, [0, 25, 150]);
    for line in of("logits.histogram") {
        let histogram = &line["histogram"];
        let counts = histogram["counts"].as_array().unwrap();
        let total: u64 = counts.iter().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!((counts.len(), total, &histogram["version"]), (32, 16, &1.into()), "{line}");
        let largest = of("logits.max_abs").find(|other| other["step"] == line["step"]).unwrap();
        let ends = ["from", "to"].map(|end| histogram[end].as_f64().unwrap().abs());
        assert_eq!(ends[0].max(ends[1]), largest["value"].as_f64().unwrap());
    }
    for figure in ["logit-histograms", "training-gradients", "training-mask-width", "layers-above-nyquist"] {
        assert!(bench.path(&format!("runs/small/report/figures/{figure}.svg")).is_file(), "{figure}");
    }
}

/// The memory of a run is its own, whatever ran before it in the same process.
#[cfg(target_os = "linux")]
#[test]
fn the_memory_of_a_run_does_not_depend_on_those_before_it() {
    let bench = Bench::new();
    let task = |label: &str, length: usize| {
        format!(
            "  - {{name: adding, label: {label}, length: {length}, train_samples: 32, validation_samples: 8, test_samples: 8}}\n"
        )
    };
    const LENGTHS: [(&str, usize); 5] =
        [("first", 64), ("small", 64), ("large", 4096), ("again", 64), ("large-again", 4096)];
    let tasks = LENGTHS.map(|(label, length)| task(label, length)).concat();
    let text = format!(
        "name: memory\nseeds: [0]\ntasks:\n{tasks}baselines: [{{name: ccnn, label: ccnn, blocks: 2, hidden: 32, \
         kernel_hidden: 16}}]\ntraining: {{epochs: 1, batch_size: 8}}\n"
    );
    bench.file("memory.yaml", text);
    bench.command(&["run", "memory.yaml"]).assert().success();
    let peak = |label: &str| {
        let path = bench.path(&format!("runs/memory/{label}.ccnn.s0/metrics.jsonl"));
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["name"] == "peak_memory_bytes").find_map(|line| line["value"].as_f64()).unwrap()
    };
    let peaks = LENGTHS.map(|(label, _)| peak(label));
    // What the program itself uses for the first time, its own code among it, counts for the first run.
    let once = 16e6;
    let same = |peaks: [f64; 5]| {
        let [first, small, large, again, large_again] = peaks;
        assert!((-once..2.0 * once).contains(&(first - small)), "{peaks:?}");
        assert!(large > small + 2.0 * once, "{peaks:?}");
        assert!((again - small).abs() < once && (large_again / large - 1.0).abs() < 0.4, "{peaks:?}");
    };
    same(peaks);
    // So it is for steps that are only timed.
    let speed = bench.json(&["speed", "memory.yaml", "--steps", "2"]);
    let above = |index: usize| {
        let cell = &speed["cells"][index];
        cell["peak_memory_bytes"].as_f64().unwrap() - cell["base_memory_bytes"].as_f64().unwrap()
    };
    same([0, 1, 2, 3, 4].map(above));
    // And a dry run foresees it, but for the samples.
    let planned = bench.json(&["run", "memory.yaml", "--dry-run"]);
    for (index, found) in peaks.into_iter().enumerate() {
        let wanted = planned["cells"][index]["memory_bytes"].as_f64().unwrap();
        assert!((0.6..1.8).contains(&(wanted / found)), "{index}: {wanted} foreseen, {found} found");
    }
}
