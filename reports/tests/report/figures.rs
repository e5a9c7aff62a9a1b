//! Figures, and the values behind them.

use std::fs;
use std::path::{Path, PathBuf};

use reports::{Formats, write_diagnostics};
use serde_json::json;
use tempfile::tempdir;

use super::{assert_well_formed, measured, support, table_of, tree, values_of, write};

#[test]
fn forms_of_other_samples_share_no_figure() {
    let figures = |train: usize| {
        let dir = tempdir().unwrap();
        let home = dir.path().join("e");
        support::cell("pathfinder32-2d", "ccnn-4-64", 61_000, 0, 0.9).write(&home);
        let mut flat = support::cell("pathfinder32-1d", "ccnn-4-64", 61_000, 0, 0.8);
        flat.record.task.splits[0] = train;
        flat.write(&home);
        let paths = write(&[home], &dir.path().join("out"), Formats::ALL).unwrap();
        paths.files.iter().any(|path| path.ends_with("figures/dimensions-pathfinder32.svg"))
    };
    assert!(figures(2_000) && !figures(100));
}

#[test]
fn diagnostics_are_tabulated_drawn_and_stored() {
    let dir = tempdir().unwrap();
    let lines = support::diagnostics();
    let paths = write_diagnostics(&lines, &measured(), &[], "key", dir.path()).unwrap();
    insta::assert_snapshot!("diagnostics", fs::read_to_string(paths.markdown.unwrap()).unwrap());
    let files = tree(dir.path());
    for name in ["activation-variance", "kernel-variance", "logits-std", "logits-max-abs"] {
        let svg = String::from_utf8(files[&PathBuf::from(format!("figures/{name}.svg"))].clone()).unwrap();
        assert_well_formed(&svg);
    }
    let parquet = &files[Path::new("diagnostics.parquet")];
    assert_eq!((&parquet[..4], &parquet[parquet.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));

    let jsonl = dir.path().join("diagnostics.jsonl");
    let mut text: String = lines.iter().map(|l| serde_json::to_string(l).unwrap() + "\n").collect();
    text.push_str("{\"baseline\":\"cc");
    fs::write(&jsonl, text).unwrap();
    let converted = dir.path().join("converted.parquet");
    assert_eq!(reports::convert_diagnostics(&jsonl, &converted).unwrap(), (lines.len(), 1));
    assert_eq!(&fs::read(converted).unwrap(), parquet);
}

/// Lines of `diagnostics.jsonl`: squared distances per layer at two steps.
fn orthonormality_lines(first: [f64; 2], second: [f64; 2]) -> String {
    let mut lines = String::new();
    for (step, values) in [(0, first), (5, second)] {
        for (order, value) in values.into_iter().enumerate() {
            let line = serde_json::json!({
                "baseline": "b", "task": "t", "seed": 0, "step": step, "order": order, "layer": format!("layers.{order}"),
                "quantity": "orthonormality", "value": value,
            });
            lines.push_str(&format!("{line}\n"));
        }
        lines.push_str("{\"baseline\":\"b\",\"task\":\"t\",\"seed\":0,\"step\":0,\"order\":9,\"layer\":\"head\",");
        lines.push_str("\"quantity\":\"logits.variance\",\"value\":1.0}\n");
    }
    lines
}

/// The scale of activations, kernels and logits is drawn for every run that recorded it: a panel per task, medians over seeds.
#[test]
fn the_scale_of_networks_is_drawn() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let line = |step: u64, order: u32, layer: &str, quantity: &str, value: Option<f64>| {
        let line = serde_json::json!({
            "baseline": "b", "task": "t", "seed": 0, "step": step, "order": order, "layer": layer, "quantity": quantity,
            "value": value,
        });
        format!("{line}\n")
    };
    for (task, seed, factor) in [("smnist", 0, 1.0), ("smnist", 1, 4.0), ("adding-200", 0, 16.0)] {
        let folder = support::cell(task, "ccnn-4-140", 100, seed, 0.9).write(&home);
        let text = [
            line(0, 0, "conv1", "kernel.variance", Some(0.25)),
            line(0, 1, "conv1", "activation.variance", Some(factor)),
            line(0, 2, "blocks.0", "activation.variance", None),
            line(0, 3, "head", "logits.variance", Some(factor)),
            line(0, 3, "head", "logits.max_abs", Some(9.0)),
            line(8, 1, "conv1", "activation.variance", Some(77.0)),
            line(8, 3, "head", "logits.variance", Some(100.0)),
        ];
        fs::write(folder.join("diagnostics.jsonl"), text.concat()).unwrap();
    }
    let out = dir.path().join("out");
    write(std::slice::from_ref(&home), &out, Formats::ALL).unwrap();
    let values = |name: &str| -> Vec<[String; 5]> {
        let mut rows = csv::Reader::from_path(out.join(format!("figures/{name}.csv"))).unwrap();
        let rows = rows.records().map(|row| row.unwrap());
        rows.map(|row| [0, 5, 6, 9, 10].map(|column| row[column].to_owned())).collect()
    };
    let row = |row: [&str; 5]| row.map(str::to_owned);
    let expected = [
        row(["adding-200", "1", "16", "1", "conv1"]),
        row(["adding-200", "2", "inf", "1", "blocks.0"]),
        row(["smnist", "1", "2.5", "2", "conv1"]),
        row(["smnist", "2", "inf", "2", "blocks.0"]),
    ];
    assert_eq!(values("initialisation-activations"), expected);
    assert_eq!(values("initialisation-kernels").len(), 2);
    let logits = values("training-logits-std");
    assert_eq!(logits[2..], [row(["smnist", "1", "1.5", "2", ""]), row(["smnist", "9", "10", "2", ""])]);
    assert_eq!(values("training-logits-max-abs")[0][2], "9");
    let table = fs::read_to_string(out.join("tables/scale.csv")).unwrap();
    assert!(table.contains("adding-200,ccnn-4-140,1,4,9.0") && table.contains(",inf,8,10.0"), "{table}");
    assert!(table.contains("smnist,ccnn-4-140,2,1.414"), "{table}");
}

/// Gradients and kernels are drawn per layer, and logits as histograms; a line of a newer form is left out.
#[test]
fn layers_and_histograms_are_drawn() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let line = |step: u64, order: u32, layer: &str, quantity: &str, value: serde_json::Value| {
        let line = json!({"baseline": "b", "task": "t", "seed": 0, "step": step, "order": order, "layer": layer,
            "quantity": quantity, "value": value});
        format!("{line}\n")
    };
    let histogram = |step: u64, version: u32, to: f64| {
        let line = json!({"baseline": "b", "task": "t", "seed": 0, "step": step, "order": 0, "layer": "head",
            "quantity": "logits.histogram", "value": null,
            "histogram": {"version": version, "from": 0.0, "to": to, "counts": [1, 3], "not_finite": 0}});
        format!("{line}\n")
    };
    for (seed, factor) in [(0, 1.0), (1, 4.0)] {
        let folder = support::cell("smnist", "ccnn-4-140", 100, seed, 0.9).write(&home);
        let mut text = vec![
            line(0, 0, "conv1", "kernel.variance", json!(0.5)),
            line(0, 0, "conv1", "kernel.target_variance", json!(0.25)),
            line(0, 1, "head", "logits.variance", json!(1.0)),
            histogram(0, 1, 2.0),
            histogram(8, 1, 4.0),
            histogram(16, 2, 9.0),
        ];
        for step in [1, 8] {
            for (order, layer) in ["conv1", "norm1", "head"].into_iter().enumerate() {
                let norm = factor * 10f64.powi(order as i32) * step as f64;
                text.push(line(step, order as u32, layer, "gradient.norm", json!(norm)));
            }
            text.push(line(step, 4, "conv1", "mask.width", json!(0.1 * step as f64)));
        }
        fs::write(folder.join("diagnostics.jsonl"), text.concat()).unwrap();
    }
    let out = dir.path().join("out");
    write(std::slice::from_ref(&home), &out, Formats::ALL).unwrap();
    let values = |name: &str| -> Vec<Vec<String>> {
        let mut rows = csv::Reader::from_path(out.join(format!("figures/{name}.csv"))).unwrap();
        rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    };
    let (steps, layers) = (values("training-gradients"), values("layers-gradients"));
    // The middle of three layers, then the median over the seeds; the band is over both.
    assert_eq!(
        steps.iter().map(|row| row[5..9].to_vec()).collect::<Vec<_>>(),
        [["2", "25", "1", "400"], ["9", "200", "8", "3200"]]
    );
    assert_eq!(layers.len(), 6, "{layers:?}");
    assert!(layers[3][6] == "20" && layers[3][10] == "conv1, step 8", "{layers:?}");
    assert_eq!(values("training-mask-width").len(), 2);
    assert!(!out.join("figures/training-kernel-size.csv").exists());
    let kernels = values("initialisation-kernels");
    assert!(kernels[1][1].ends_with("target") && kernels[1][6] == "0.25", "{kernels:?}");
    let shares = values("logit-histograms");
    let titles: std::collections::BTreeSet<&str> = shares.iter().map(|row| row[0].as_str()).collect();
    // The last histogram is of a form that is not known: the one before it was the last.
    let expected = ["smnist: after the first epoch", "smnist: at initialisation", "smnist: at the end"];
    assert_eq!(titles.into_iter().collect::<Vec<_>>(), expected);
    let table = fs::read_to_string(out.join("tables/scale.csv")).unwrap();
    assert!(table.contains(",2,2,0.01"), "{table}");
}

/// How far weights are from orthonormal is drawn for networks that have a setting for it, in use or not.
#[test]
fn distances_from_orthonormal_weights_are_drawn() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let write_cell = |label: &str, config: serde_json::Value, lines: &str| {
        let mut cell = support::cell("smnist", label, 100, 0, 0.9);
        cell.record.baseline.config = config;
        let folder = cell.write(&home);
        fs::write(folder.join("diagnostics.jsonl"), lines).unwrap();
    };
    write_cell("plain-1", serde_json::json!({"orthonormality": 0.0}), &orthonormality_lines([9.0, 16.0], [36.0, 64.0]));
    write_cell("other-1", serde_json::json!({"hidden": 1}), &orthonormality_lines([1.0, 0.0], [1.0, 0.0]));
    let figure = |out: &str| {
        write(std::slice::from_ref(&home), &dir.path().join(out), Formats::ALL).unwrap();
        fs::read_to_string(dir.path().join(out).join("figures/orthonormality-smnist.csv"))
    };
    // Nobody asked for it.
    assert!(figure("none").is_err());
    write_cell("held-1", serde_json::json!({"orthonormality": 0.01}), &orthonormality_lines([9.0, 16.0], [0.0, 1.0]));
    let (drawn, report) = (figure("some").unwrap(), fs::read_to_string(dir.path().join("some/report.md")).unwrap());
    let ends = |label: &str, step: &str, value: &str| {
        drawn.lines().any(|line| line.contains(label) && line.contains(&format!(",{step},{value},")))
    };
    assert!(ends("plain-1", "0", "5") && ends("plain-1", "5", "10"), "{drawn}");
    assert!(ends("held-1", "0", "5") && ends("held-1", "5", "1"), "{drawn}");
    assert!(!drawn.contains("other-1") && report.contains("‖I − WᵀW‖"), "{drawn}");

    // What judges units of length 1 is drawn beside it, and not for those that have no such loss.
    let scaled = orthonormality_lines([4.0, 5.0], [9.0, 16.0]).replace("orthonormality", "orthogonality");
    write_cell("vgg-1", serde_json::json!({"orthogonality": "loss", "orthogonality_weight": 2.0}), &scaled);
    let drawn = figure("scaled").unwrap();
    let rows = drawn.lines().filter(|line| line.starts_with("units scaled to length 1")).collect::<Vec<_>>();
    assert!(rows.len() == 2 && rows[0].contains(",0,3,") && rows[1].contains(",5,5,"), "{drawn}");

    // Reflections have no penalty; damaged diagnostics are named, and cost no other figure.
    write_cell("held-1", serde_json::json!({"orthogonality": "householder"}), "{\n{}\n");
    let drawn = figure("damaged").unwrap();
    assert!(drawn.contains("plain-1") && !drawn.contains("held-1"), "{drawn}");
    assert!(fs::read_to_string(dir.path().join("damaged/report.md")).unwrap().contains("held-1.s0 is left out: "));
}

/// What became of single test samples is counted, drawn against what the task knows of them, and the worst of it shown.
#[test]
fn what_became_of_test_samples_is_shown() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..3 {
        for (baseline, result) in [("ccnn-4-140", 0.9), ("gru-64", 0.7)] {
            let folder = support::cell("smnist", baseline, 100, seed, result + 0.001 * seed as f64).write(&home);
            support::outcomes(&folder, 10, "a film, \"not\" <b>good</b>");
        }
    }
    let out = dir.path().join("out");
    write(std::slice::from_ref(&home), &out, Formats::ALL).unwrap();
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    // Counts of three seeds: 40 samples each.
    let confusion = values_of(&out, "confusion");
    for baseline in ["ccnn-4-140", "gru-64"] {
        let rows = confusion.iter().filter(|row| row["panel"] == format!("smnist: {baseline}, 3 seeds"));
        assert_eq!(rows.map(|row| row["n"].parse::<u64>().unwrap()).sum::<u64>(), 120, "{confusion:?}");
    }
    // Longer ones are wrong more often.
    let by = values_of(&out, "accuracy-by-attribute");
    let bins = |axis: &str| -> Vec<f64> {
        let rows = by.iter().filter(|row| row["x_axis"] == axis && row["series"] == "gru-64");
        rows.map(|row| row["y"].parse().unwrap()).collect()
    };
    let (length, depth) = (bins("length, steps"), bins("depth"));
    assert!(length.len() == 8 && depth.len() == 4 && depth[0] > depth[3], "{by:?}");
    let worst = table_of(&home, "worst-errors");
    assert!(
        worst.len() == 4 && worst.iter().all(|row| row["Baseline"] == "ccnn-4-140" && row["Seed"] == "0"),
        "{worst:?}"
    );
    assert!(worst[0]["Loss"].parse::<f64>().unwrap() > worst[1]["Loss"].parse().unwrap());
    assert!(worst[1]["Input"].contains("\"not\"") && worst[3]["Input"].contains("not kept"), "{worst:?}");
    let page = read("index.html");
    assert_eq!(page.matches("<img src=\"data:image/png;base64,").count(), 2);
    assert!(page.contains("&lt;b&gt;good") && !page.contains("<b>good"));
    // The other source of error, of 40 test samples: Wilson's interval around 90.1 %.
    let results = table_of(&home, "results");
    let row = results.iter().find(|row| row["Baseline"] == "ccnn-4-140").unwrap();
    assert_eq!(row["Test samples"], "40");
    let ends: Vec<f64> = row["95 % over test samples"].split(' ').map(|end| end.parse().unwrap()).collect();
    assert!((ends[0] - 77.1).abs() < 0.2 && (ends[1] - 96.1).abs() < 0.2, "{ends:?}");

    // Damage is named, and costs nothing else.
    fs::write(home.join("smnist.ccnn-4-140.s0/worst.json"), "{").unwrap();
    let worst = table_of(&home, "worst-errors");
    assert!(worst.iter().all(|row| row["Seed"] == "1"), "{worst:?}");
}
