//! Tables of results.

use std::collections::BTreeMap;
use std::fs;

use reports::{Field, Flag, Formats, ReportError};
use serde_json::json;
use tempfile::tempdir;
use vocabulary::Scale;
use vocabulary::record::SampleOutcome;

use super::{added, compare, made_up, support, table_of, values_of, write};

#[test]
fn less_is_better_for_errors() {
    let (_dir, home) = made_up();
    let table = compare(&[home], &Field::Baseline).unwrap();
    let adding = table.rows.iter().find(|r| r[2].text.contains("adding-200") && r[5].text != "0").unwrap();
    // CCNN 0.0009 against LSTM 0.012: the difference is positive, and A (the smaller error) wins.
    assert_eq!((adding[0].text.as_str(), adding[1].text.as_str()), ("ccnn-4-64", "lstm-64"));
    assert_eq!((adding[4].text.as_str(), adding[10].text.as_str(), adding[12].text.as_str()), ("+0.0111", "0", "1"));
    assert_eq!(adding[14].text, "2", "one failed, one has no partner");
}

#[test]
fn the_best_is_marked_among_rows_that_compare() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..3 {
        for (baseline, result) in [("ccnn-4-140", 0.90), ("lstm-64", 0.80)] {
            let result = result + 0.001 * seed as f64;
            support::cell("smnist", baseline, 200_500, seed, result).write(&home);
            for (word, gain) in [(Scale::Smoke, 0.05), (Scale::Laptop, 0.02)] {
                let mut cell = support::cell("smnist", baseline, 200_500, seed, result + gain);
                cell.record.scale = word;
                cell.id(&format!("smnist.{baseline}.{word}.s{seed}")).write(&home);
            }
            // Alone in its protocol: no best among one.
            let mut other = support::cell("smnist", "gru-1", 200_500, seed, 0.99 + 0.001 * seed as f64);
            other.record.task.config = json!({"permutation": "mine.txt"});
            other.write(&home);
        }
    }
    let paths = write(&[home], &dir.path().join("out"), "md".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    let best: Vec<&str> = text.split("**").skip(1).step_by(2).collect();
    // In the table at a glance, and in that of the results.
    let glance = ["90.10 ± 0.10 (n = 3)", "92.10 ± 0.10 (n = 3)", "95.10 ± 0.10 (n = 3)"];
    let results = ["90.10 ± 0.10", "92.10 ± 0.10", "95.10 ± 0.10"];
    assert_eq!(best, [glance, results].concat(), "{text}");
}

#[test]
fn tables_hold_one_unit_and_a_seed_without_a_value_is_told() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (seed, result) in [(0, f64::NAN), (1, 0.01), (2, 0.02), (3, 0.03)] {
        support::cell("adding-200", "lstm-64", 17_409, seed, result).write(&home);
        support::cell("adding-200", "gru-64", 17_409, seed, 0.5).write(&home);
    }
    support::cell("smnist", "lstm-64", 69_000, 0, 0.9).write(&home);
    let results = table_of(&home, "results");
    let row = results.iter().find(|row| row["Task"] == "adding-200" && row["Baseline"] == "lstm-64").unwrap();
    assert!(row["n"] == "3" && row["remarks"].contains(Flag::NoValue.text()), "{row:?}");
    let summary = table_of(&home, "summary");
    let row = summary.iter().find(|row| row["Baseline"] == "lstm-64").unwrap();
    assert_eq!(row["smnist (accuracy, % ↑)"], "90");
    assert!(row["remarks"].contains(Flag::NoValue.text()));
    let paths = write(&[home], &dir.path().join("out"), "md".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    assert!(!text.contains("**0.02"), "a mean that lacks a seed is not the best: {text}");
}

#[test]
fn an_interval_over_seeds_needs_three_that_differ() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let cells = [
        ("three", vec![0.70, 0.71, 0.72]),
        ("two", vec![0.70, 0.71]),
        ("one", vec![0.70]),
        ("equal", vec![0.7; 3]),
        ("holed", vec![0.70, f64::NAN, 0.72]),
        ("infinite", vec![0.70, 0.71, f64::INFINITY]),
    ];
    for (baseline, values) in &cells {
        for (seed, value) in values.iter().enumerate() {
            support::cell("smnist", baseline, 10_000, seed as u64, *value).write(&home);
        }
    }
    let rows = table_of(&home, "results");
    let shown: BTreeMap<&str, &str> = rows.iter().map(|r| (&*r["Baseline"], &*r["95 % interval"])).collect();
    assert_eq!(shown.len(), cells.len());
    let ends: Vec<f64> = shown["three"].split(' ').map(|end| end.parse().unwrap()).collect();
    // 71 ± 4.3027 · 1 / √3, from a table of t.
    assert!((ends[0] - 68.5159).abs() < 1e-3 && (ends[1] - 73.4841).abs() < 1e-3, "{ends:?}");
    for baseline in ["two", "one", "equal", "holed", "infinite"] {
        assert_eq!(shown[baseline], "", "{baseline}");
    }
}

#[test]
fn the_best_is_marked_among_the_same_samples_and_in_every_row_that_has_it() {
    // How often a value is bold in Markdown, HTML and LaTeX, in the table at a glance and in that of the results.
    let marked = |seeds: u64, cells: &[(&str, f64, Option<&str>)]| {
        let dir = tempdir().unwrap();
        let home = dir.path().join("e");
        for (seed, (baseline, result, hash)) in (0..seeds).flat_map(|seed| cells.iter().map(move |cell| (seed, cell))) {
            let mut cell = support::cell("smnist", baseline, 69_000, seed, result + 0.001 * seed as f64);
            if let Some(hash) = hash {
                cell.record.task.data_hash = Some((*hash).to_owned());
            }
            cell.write(&home);
        }
        let out = dir.path().join("out");
        let paths = write(&[home], &out, "md,html,tex".parse().unwrap()).unwrap();
        let [text, page] = [paths.markdown, paths.index].map(|path| fs::read_to_string(path.unwrap()).unwrap());
        let latex = |name: &str| fs::read_to_string(out.join(format!("tables/{name}.tex"))).unwrap();
        let bold = [latex("summary"), latex("results")].map(|table| table.matches("\\textbf").count());
        let (text, page) = (text.matches("**").count() / 2, page.matches("<td class=\"best\"").count());
        assert!(text == page && bold == [text / 2; 2], "{text} {page} {bold:?}");
        text / 2
    };
    assert_eq!(marked(3, &[("lstm-64", 0.9, None), ("gru-64", 0.8, None)]), 1);
    assert_eq!(marked(3, &[("lstm-64", 0.9, None), ("gru-64", 0.9, None), ("rnn-64", 0.8, None)]), 2);
    assert_eq!(marked(3, &[("lstm-64", 0.9, None), ("gru-64", 0.8, Some("0badf00d"))]), 0);
    // Two seeds are not tested.
    assert_eq!(marked(2, &[("lstm-64", 0.9, None), ("gru-64", 0.8, None)]), 0);
}

#[test]
fn one_label_of_two_metrics_is_two_columns() {
    let dir = tempdir().unwrap();
    for (experiment, task, result) in [("one", "smnist", 0.9), ("two", "adding-200", 0.5)] {
        let mut cell = support::cell(task, "lstm-64", 69_000, 0, result);
        cell.record.experiment = experiment.to_owned();
        cell.record.task.label = "x".to_owned();
        cell.id("x.lstm-64.s0").write(&dir.path().join(experiment));
    }
    let out = dir.path().join("out");
    write(&["one", "two"].map(|name| dir.path().join(name)), &out, Formats::ALL).unwrap();
    let csv = fs::read_to_string(out.join("tables/summary.csv")).unwrap();
    assert!(csv.contains("x (accuracy, % ↑)") && csv.contains("x (mean squared error ↓)"), "{csv}");
    for metric in ["accuracy", "mean-squared-error"] {
        assert!(out.join(format!("figures/learning-curves-x-{metric}.svg")).is_file(), "{metric}");
    }
}

#[test]
fn notes_on_the_samples_stand_with_the_task() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let mut cell = support::cell("smnist", "lstm-64", 69_000, 0, 0.8);
    cell.record.task.notes = vec!["reconstructed: from JPEG".to_owned()];
    cell.write(&home);
    let paths = write(&[home], &dir.path().join("out"), "md,csv".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    assert!(text.contains("| Notes |") && text.contains("| reconstructed: from JPEG |"), "{text}");
}

#[test]
fn the_sources_of_settings_stand_in_the_report() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (label, sources) in [("ccnn-4-140", vec!["README, table 1"]), ("lstm-64", vec!["ours", "and theirs"])] {
        let mut cell = support::cell("smnist", label, 100_000, 0, 0.9);
        cell.record.sources = sources.into_iter().map(str::to_owned).collect();
        cell.write(&home);
    }
    let out = dir.path().join("out");
    let paths = write(&[home], &out, "md,csv".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    assert!(text.contains("| R1 | smnist × ccnn-4-140 | README, table 1 |"), "{text}");
    assert!(text.contains("| R2 | smnist × lstm-64 | ours; and theirs |"), "{text}");
    let results = fs::read_to_string(out.join("tables/results.csv")).unwrap();
    assert!(results.contains("ours; and theirs"), "{results}");
}

/// Every row as a paired difference to one baseline; what is not paired is said.
#[test]
fn rows_are_given_against_an_anchor() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (label, values) in
        [("ccnn-4-140", &[0.9, 0.8, 0.7][..]), ("gru-64", &[0.85, 0.78, 0.64, 0.5]), ("rnn-64", &[0.4])]
    {
        for (seed, value) in values.iter().enumerate() {
            support::cell("smnist", label, 100, seed as u64, *value).write(&home);
        }
    }
    support::cell("adding-200", "gru-64", 100, 0, 0.01).write(&home);
    let out = dir.path().join("out");
    let write =
        |anchor| reports::write(std::slice::from_ref(&home), &out, "csv".parse().unwrap(), Some(anchor), &added());
    assert!(matches!(write("ccnn"), Err(ReportError::UnknownBaseline { known, .. }) if known.contains("gru-64")));
    write("ccnn-4-140").unwrap();
    let mut rows = csv::Reader::from_path(out.join("tables/against.csv")).unwrap();
    let rows: Vec<Vec<String>> = rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    let [adding, gru, rnn] = rows.as_slice() else { panic!("{rows:?}") };
    assert!(adding[..2] == ["adding-200", "gru-64"] && adding[10].contains("no runs"), "{adding:?}");
    // Differences of −5, −2 and −6 points; three pairs have eight signs.
    let number = |text: &str| text.parse::<f64>().unwrap();
    assert!(gru[4] == "3" && (number(&gru[5]) + 13.0 / 3.0).abs() < 1e-9 && gru[10] == "s3", "{gru:?}");
    assert_eq!((number(&gru[7]), number(&gru[8]), number(&gru[9])), (0.25, 0.25, 0.25));
    // A pair alone has no interval and no test, and does not count for the correction.
    assert!(rnn[4] == "1" && rnn[6..10].iter().all(String::is_empty) && rnn[10] == "s1, s2", "{rnn:?}");
}

/// Two networks that were tested on the same samples are compared sample by sample.
#[test]
fn networks_are_compared_on_the_same_samples() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let outcomes = |right: &dyn Fn(usize) -> bool| -> Vec<SampleOutcome> {
        (0..40).map(|i| SampleOutcome { label: 1, prediction: i32::from(right(i)), loss: 0.5 }).collect()
    };
    let run = |label: &str, result: f64, seed: u64, right: &dyn Fn(usize) -> bool| {
        let folder = support::cell("smnist", label, 100, seed, result).write(&home);
        reports::write_outcomes(&folder, &outcomes(right), &[]).unwrap();
        folder
    };
    run("ccnn-4-140", 0.9, 0, &|i| i >= 4);
    run("ccnn-4-140", 0.9, 1, &|_| true);
    run("gru-64", 0.7, 0, &|i| i % 10 >= 3);
    run("rnn-64", 0.5, 1, &|i| i % 2 == 0);
    let damaged = run("tcn-64", 0.4, 0, &|_| true);
    fs::write(damaged.join("outcomes.parquet"), "torn").unwrap();
    let out = dir.path().join("out");
    write(std::slice::from_ref(&home), &out, Formats::ALL).unwrap();
    let mut rows = csv::Reader::from_path(out.join("tables/samples.csv")).unwrap();
    let rows: Vec<Vec<String>> = rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    // Wrong are 0 to 3 against 0, 1, 2, 10, 11, 12, …: alone right on 9 and on 1 sample.
    assert_eq!(rows[0][..5], ["smnist", "ccnn-4-140", "gru-64", "0", "40"]);
    assert_eq!((rows[0][8].as_str(), rows[0][9].as_str()), ("9", "1"));
    // Two-sided mid-p of 1 of 10: 2 · 11/1024 − 10/1024; Holm doubles the smaller of the two p values.
    let p = |row: &[String], column: usize| row[column].parse::<f64>().unwrap();
    assert!((p(&rows[0], 12) - 12.0 / 1024.0).abs() < 1e-12 && (p(&rows[0], 13) - 12.0 / 1024.0).abs() < 1e-12);
    // The lowest seed that both have.
    assert_eq!(rows[1][2..4], ["rnn-64", "1"]);
    assert!((p(&rows[1], 12) - 0.5_f64.powi(20)).abs() < 1e-12 && (p(&rows[1], 13) - 0.5_f64.powi(19)).abs() < 1e-12);
    let report = fs::read_to_string(out.join("report.md")).unwrap();
    assert!(report.contains("smnist.tcn-64.s0 is left out: "), "{report}");
}

/// Scores over tasks stand in tables and in a figure, with what is left out, and apart from the error over test samples.
#[test]
fn baselines_are_compared_over_the_tasks_that_all_have() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (task, baseline, result) in [
        ("smnist", "ccnn-4-140", 0.95),
        ("smnist", "lstm-64", 0.90),
        ("pathfinder32-1d", "ccnn-4-140", 0.80),
        ("pathfinder32-1d", "lstm-64", 0.60),
        ("pathfinder32-2d", "ccnn-4-140", 0.85),
        ("pathfinder32-2d", "lstm-64", 0.70),
        ("adding-200", "ccnn-4-140", 0.01),
        ("adding-200", "lstm-64", 0.03),
        ("adding-200", "gru-64", 0.02),
    ] {
        for seed in 0..4 {
            support::cell(task, baseline, 10_000, seed, result * (1.0 + 0.001 * seed as f64)).write(&home);
        }
    }
    let rows = table_of(&home, "across-tasks");
    let names: Vec<[&str; 3]> =
        rows.iter().map(|row| ["Baseline", "Tasks", "Seeds"].map(|column| row[column].as_str())).collect();
    assert_eq!(names, [["ccnn-4-140", "4", "4"], ["lstm-64", "4", "4"]]);
    let number = |text: &str| text.parse::<f64>().unwrap();
    // Of the way from guessing: (0.95 − 0.1135) / 0.8865, 0.6, 0.7 and 1 − 0.01 / 0.1667, up to the spread of the seeds.
    let mean = 100.0 * (0.9436 + 0.6 + 0.7 + 0.94) / 4.0;
    assert!((number(&rows[0]["Mean"]) - mean).abs() < 0.3, "{rows:?}");
    let ends: Vec<f64> = rows[0]["95 % interval"].split(' ').map(number).collect();
    let middle = number(&rows[0]["Interquartile mean"]);
    assert!(ends[0] <= middle && middle <= ends[1] && ends[0] < ends[1], "{rows:?}");
    let pairs = table_of(&home, "pairs-across-tasks");
    let [pair] = pairs.as_slice() else { panic!("{pairs:?}") };
    assert_eq!([&*pair["A"], &*pair["B"], &*pair["A beats B"]], ["ccnn-4-140", "lstm-64", "1"]);
    assert!(number(&pair["A better"]) > 0.9 && number(&pair["B better"]) < 0.05, "{pair:?}");
    let out = dir.path().join("out");
    let report = write(std::slice::from_ref(&home), &out, "md,svg".parse().unwrap()).unwrap().markdown.unwrap();
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("gru-64 is left out: no value on pathfinder32-1d, pathfinder32-2d, smnist."), "{report}");
    assert!(report.contains("Four seeds a side cannot go below 1/70 one-sided, 1/35 two-sided."), "{report}");
    // All of the 16 runs of one, and 12 of the other, are more than half of the way there.
    let profile = values_of(&out, "performance-profile");
    let share =
        |label: &str| number(&profile.iter().find(|row| row["series"] == label && row["x"] == "0.5").unwrap()["y"]);
    assert_eq!((share("ccnn-4-140"), share("lstm-64")), (1.0, 0.5));
}
