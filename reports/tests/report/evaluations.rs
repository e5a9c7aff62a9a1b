//! Networks on other resolutions and lengths, and the test value against what a grid varies.

use std::fs;
use std::path::{Path, PathBuf};

use reports::Formats;
use serde_json::{Value, json};
use tempfile::tempdir;
use vocabulary::record::{EVALUATIONS, Evaluated, Evaluations, Measurement, SCHEMA, Verdict};

use super::support::Fake;
use super::{support, table_of, values_of, write};

fn measured(value: f64) -> Verdict {
    of_kernels(value, None)
}

/// A measurement of a network of which this share of filters lies above the Nyquist frequency.
fn of_kernels(value: f64, above: Option<f64>) -> Verdict {
    Verdict::Measured(Measurement {
        value: Some(value),
        loss: 0.5,
        samples: 500,
        targets: 500,
        shape: vec![9],
        above_nyquist: above,
        seconds: 0.1,
    })
}

/// Write a made-up run that was judged on these variants.
fn judged(home: &Path, cell: &Fake, variants: Vec<(Value, Verdict)>) -> PathBuf {
    let folder = cell.write(home);
    let variants = variants.into_iter().map(|(variant, verdict)| {
        let variant = serde_json::from_value(variant).unwrap();
        Evaluated { variant, verdict }
    });
    let (run, metric) = (cell.record.hash.clone(), cell.record.task.metric);
    let all = Evaluations { schema: SCHEMA, run, metric, variants: variants.collect() };
    fs::write(folder.join(EVALUATIONS), serde_json::to_vec_pretty(&all).unwrap()).unwrap();
    folder
}

/// Two tasks, three baselines: on images at two resolutions, on sequences at two lengths.
fn experiment(dir: &Path) -> PathBuf {
    let home = dir.join("e");
    let factor = |factor: f64| json!({"resample": factor});
    for seed in 0..3 {
        let s = 0.01 * seed as f64;
        let cell = |baseline, result| support::cell("smnist", baseline, 9_000, seed, result);
        judged(
            &home,
            &cell("ccnn-4-140", 0.9 + s),
            vec![(factor(0.5), of_kernels(0.7 + s, Some(0.25))), (factor(2.0), of_kernels(0.8 + s, Some(0.0)))],
        );
        let overflow = || Verdict::NotFinite { reason: "the loss is NaN".into() };
        let double = if seed == 2 { overflow() } else { measured(0.2) };
        judged(&home, &cell("lstm-64", 0.8 + s), vec![(factor(0.5), measured(0.3)), (factor(2.0), double)]);
        let refused = || Verdict::NotApplicable { reason: "`vgg`: a layer of it is over all positions".into() };
        judged(&home, &cell("vgg-1", 0.5), vec![(factor(0.5), refused()), (factor(2.0), overflow())]);
        let long = support::cell("adding-200", "lstm-64", 9_000, seed, 0.02);
        let length = |length: u64| json!({"task": {"length": length}});
        judged(&home, &long, vec![(length(400), measured(0.04)), (length(1600), measured(0.16))]);
    }
    // Never judged.
    support::cell("adding-200", "gru-64", 9_000, 0, 0.03).write(&home);
    home
}

#[test]
fn other_resolutions_and_lengths_are_tabulated() {
    let dir = tempdir().unwrap();
    let home = experiment(dir.path());
    let table = table_of(&home, "evaluations-smnist");
    let row = |baseline: &str| table.iter().find(|row| row["Baseline"] == baseline).unwrap();
    let ccnn = row("ccnn-4-140");
    let numbers = ["Test", "n", "×0.5", "×2"].map(|column| ccnn[column].parse::<f64>().unwrap());
    let expected = [91.0, 3.0, 71.0, 81.0];
    assert!(numbers.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{ccnn:?}");
    assert_eq!((row("vgg-1")["×0.5"].as_str(), row("vgg-1")["×2"].as_str()), ("n/a", "not finite"));
    assert_eq!(table.len(), 3);
    let filters =
        |baseline: &str| ["×0.5", "×2"].map(|at| row(baseline)[&format!("filters above Nyquist {at}, %")].clone());
    assert_eq!(
        (filters("ccnn-4-140"), filters("lstm-64")),
        (["25", "0"].map(str::to_owned), ["", ""].map(str::to_owned))
    );
    let adding = table_of(&home, "evaluations-adding-200");
    assert!(adding[0].keys().all(|column| !column.contains("Nyquist")), "{adding:?}");
    assert_eq!(
        (adding.len(), adding[0]["length=400"].as_str(), adding[0]["length=1600"].as_str()),
        (1, "0.04", "0.16")
    );

    let paths = write(&[home], &dir.path().join("out"), "md".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    for words in [
        "## Other resolutions and lengths: smnist",
        "## Other resolutions and lengths: adding-200",
        "71.00 ± 1.00",
        // One seed of three overflows.
        "20.00 ± 0.00 (n\u{a0}=\u{a0}2)",
        "No value at ×0.5 (vgg-1 on smnist): `vgg`: a layer of it is over all positions.",
        "No value at ×2 (lstm-64, vgg-1 on smnist): the loss is not finite for some seeds",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn other_resolutions_and_lengths_are_drawn_with_what_was_trained() {
    let dir = tempdir().unwrap();
    let (home, out) = (experiment(dir.path()), dir.path().join("out"));
    write(&[home], &out, Formats::ALL).unwrap();
    // Every link of the index has a place of its own.
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() == count && ids.contains(&"test-values-by-variant"), "{ids:?}");
    let values = values_of(&out, "test-values-by-variant");
    let line = |panel: &str, series: &str| -> Vec<[String; 3]> {
        let rows = values.iter().filter(|row| row["panel"] == panel && row["series"] == series);
        rows.map(|row| ["x", "y", "n"].map(|column| row[column].clone())).collect()
    };
    let ccnn = line("smnist", "ccnn-4-140");
    let points: Vec<(&str, f64)> = ccnn.iter().map(|[x, y, _]| (x.as_str(), y.parse().unwrap())).collect();
    let expected = [("0.5", 0.71), ("1", 0.91), ("2", 0.81)];
    assert!(points.iter().zip(expected).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-9), "{points:?}");
    // Nothing can be drawn of a network that has no other form.
    assert!(line("smnist", "vgg-1").is_empty() && line("adding-200", "gru-64").is_empty());
    let lengths: Vec<String> = line("adding-200", "lstm-64").into_iter().map(|[x, ..]| x).collect();
    assert_eq!(lengths, ["200", "400", "1600"]);
    assert_eq!(line("smnist", "lstm-64")[2][2], "2");
    let svg = fs::read_to_string(out.join("figures/test-values-by-variant.svg")).unwrap();
    super::assert_well_formed(&svg);
}

#[test]
fn nothing_is_said_where_nothing_was_evaluated() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let cell = support::cell("smnist", "ccnn-4-140", 9_000, 0, 0.9);
    cell.write(&home);
    let report = |out: &str| {
        let out = dir.path().join(out);
        let paths = write(std::slice::from_ref(&home), &out, Formats::ALL).unwrap();
        (fs::read_to_string(paths.markdown.unwrap()).unwrap(), out.join("figures/test-values-by-variant.svg").exists())
    };
    let (text, drawn) = report("none");
    assert!(!text.contains("Other resolutions") && !drawn);
    // Those of another configuration are not this run's.
    let folder = judged(&home, &cell, vec![(json!({"resample": 2.0}), measured(0.5))]);
    assert!(report("own").0.contains("Other resolutions"));
    let file = fs::read_to_string(folder.join(EVALUATIONS)).unwrap();
    fs::write(folder.join(EVALUATIONS), file.replace(&cell.record.hash, "another")).unwrap();
    assert!(!report("another").0.contains("Other resolutions"));
    // Damage is named, and costs nothing else.
    fs::write(folder.join(EVALUATIONS), "{").unwrap();
    let (text, _) = report("damaged");
    assert!(text.contains("evaluations.json") && text.contains("90.00"), "{text}");
}

#[test]
fn the_test_value_is_drawn_against_what_a_grid_varies() {
    let dir = tempdir().unwrap();
    let figure = |fields: &[(&str, Value)], name: &str| {
        let home = dir.path().join(name);
        for seed in 0..2 {
            for (baseline, gain) in [("ccnn-4-140", 0.1), ("lstm-64", 0.0)] {
                for (at, (field, value)) in fields.iter().enumerate() {
                    let result = 0.5 + gain + 0.05 * at as f64 + 0.01 * seed as f64;
                    support::cell("smnist", baseline, 9_000, seed, result).grid(field, value.clone()).write(&home);
                }
            }
        }
        let out = dir.path().join(format!("{name}-out"));
        write(&[home], &out, Formats::ALL).unwrap();
        out
    };
    let sizes = [500, 8000, 2000].map(|size| ("task.train_samples", json!(size)));
    let out = figure(&sizes, "sizes");
    let values = values_of(&out, "test-values-by-train-samples");
    let line = |series: &str| -> Vec<(String, f64)> {
        let rows = values.iter().filter(|row| row["series"] == series);
        rows.map(|row| (row["x"].clone(), row["y"].parse().unwrap())).collect()
    };
    let (ccnn, lstm) = (line("ccnn-4-140"), line("lstm-64"));
    let xs = |line: &[(String, f64)]| line.iter().map(|(x, _)| x.clone()).collect::<Vec<_>>();
    assert_eq!((xs(&ccnn), xs(&lstm)), (["500", "2000", "8000"].map(str::to_owned).to_vec(), xs(&ccnn)));
    assert!((ccnn[0].1 - 0.605).abs() < 1e-9 && (ccnn[1].1 - 0.705).abs() < 1e-9 && (lstm[2].1 - 0.555).abs() < 1e-9);
    assert_eq!(values.len(), 6);
    // What a scale has cut was not had.
    let home = dir.path().join("cut");
    for size in [500, 8000] {
        let mut cell = support::cell("smnist", "lstm-64", 9_000, 0, 0.5).grid("task.train_samples", json!(size));
        cell.record.task.config = json!({"train_samples": 500});
        cell.write(&home);
    }
    let out = dir.path().join("cut-out");
    write(&[home], &out, Formats::ALL).unwrap();
    let xs: Vec<String> = values_of(&out, "test-values-by-train-samples").iter().map(|row| row["x"].clone()).collect();
    assert_eq!(xs, ["500"]);
    // Beside a number, words tell lines apart.
    let home = dir.path().join("both");
    for (norm, rate) in [("batch", 0.1), ("batch", 0.01), ("none", 0.1), ("none", 0.01)] {
        let mut cell = support::cell("smnist", "lstm-64", 9_000, 0, 0.5 + rate);
        cell.record.training["learning_rate"] = json!(rate);
        cell.grid("training.learning_rate", json!(rate)).grid("baseline.norm", json!(norm)).write(&home);
    }
    let out = dir.path().join("both-out");
    write(&[home], &out, Formats::ALL).unwrap();
    let rows = values_of(&out, "test-values-by-learning-rate");
    let lines: Vec<(&str, &str)> = rows.iter().map(|row| (row["series"].as_str(), row["x"].as_str())).collect();
    let [batch, none] = ["batch", "none"].map(|norm| format!("lstm-64 baseline.norm={norm}"));
    assert_eq!(lines, [(batch.as_str(), "0.01"), (&batch, "0.1"), (&none, "0.01"), (&none, "0.1")]);
    // Words have no place on an axis, and two numbers are no one axis.
    let words = [("baseline.norm", json!("batch")), ("baseline.norm", json!("layer"))];
    assert!(!figure(&words, "words").join("figures/test-values-by-norm.csv").exists());
    let two = [("task.train_samples", json!(500)), ("training.learning_rate", json!(0.1))];
    let drawn = fs::read_dir(figure(&two, "two").join("figures")).unwrap();
    let names: Vec<String> = drawn.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| !name.starts_with("test-values-by")), "{names:?}");
}
