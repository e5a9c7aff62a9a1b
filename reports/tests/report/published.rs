//! Published values beside ours, and the table of the arena.

use std::fs;
use std::path::Path;

use reports::{Flag, Formats};
use serde_json::json;
use tempfile::tempdir;
use vocabulary::Scale;
use vocabulary::record::{State, StopReason};

use super::{support, table_of, write};

#[test]
fn a_difference_stands_only_beside_the_published_training_and_network() {
    let whole = || support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99).epochs(210);
    let with = |change: &dyn Fn(&mut support::Fake)| {
        let dir = tempdir().unwrap();
        let mut cell = whole();
        change(&mut cell);
        cell.write(&dir.path().join("e"));
        let row = table_of(&dir.path().join("e"), "results").remove(0);
        (row["Difference"].clone(), row["remarks"].clone())
    };
    assert!(with(&|_| {}).0.starts_with("-0.7"));
    let recipe = json!({"batch_size": 100, "early_stopping": 200, "steps_per_epoch": null});
    assert!(with(&|cell| cell.record.training = recipe.clone()).0.starts_with("-0.7"));
    let none = |flag: Flag, change: &dyn Fn(&mut support::Fake)| {
        let (difference, remarks) = with(change);
        assert!(difference.is_empty() && remarks.contains(flag.text()), "{flag:?}: {difference} {remarks}");
    };
    none(Flag::StoppedBySteps, &|cell| cell.status.reason = Some(StopReason::MaxSteps));
    none(Flag::StoppedByTime, &|cell| cell.status.reason = Some(StopReason::MaxTime));
    none(Flag::OtherTraining, &|cell| cell.status.epoch = 209);
    none(Flag::OtherTraining, &|cell| cell.record.training["steps_per_epoch"] = json!(1));
    none(Flag::OtherTraining, &|cell| cell.record.training["batch_size"] = json!(1000));
    none(Flag::OtherTraining, &|cell| {
        cell.record.training["batch_size"] = json!(100);
        cell.record.training["accumulate_grad_steps"] = json!(2);
    });
    none(Flag::OtherTraining, &|cell| {
        (cell.status.epoch, cell.status.reason) = (4, Some(StopReason::EarlyStopping));
        cell.record.training["early_stopping"] = json!(2);
    });
    none(Flag::OtherNetwork, &|cell| cell.record.baseline.config["mask"] = json!("none"));
    none(Flag::ReducedData, &|cell| cell.record.task.splits = [1_000, 59_000, 10_000]);
}

/// Two papers print 95.27 and 95.30 of the same network.
#[test]
fn the_difference_to_several_published_values_is_the_distance_to_their_range() {
    let row = |result: f64, epochs: u64| {
        let dir = tempdir().unwrap();
        let mut cell = support::cell("smnist", "ckcnn-2-30", 100_000, 0, result).epochs(epochs);
        let task = &mut cell.record.task;
        (task.name, task.label) = ("speech-mfcc".to_owned(), "speech-mfcc".to_owned());
        (task.shape, task.splits, task.config) = (vec![20, 161], [24_482, 5_246, 5_247], json!({}));
        cell.write(&dir.path().join("e"));
        table_of(&dir.path().join("e"), "results").remove(0)
    };
    for (result, difference) in [(0.9500, -0.27), (0.9528, 0.0), (0.9600, 0.70)] {
        let row = row(result, 200);
        assert_eq!(row["Published (paper)"], "95.27–95.30");
        assert!((row["Difference"].parse::<f64>().unwrap() - difference).abs() < 1e-9, "{row:?}");
        let source = &row["Source of the published value"];
        assert_eq!(source, "95.27: arXiv 2110.08059 Table 2; 95.30: arXiv 2206.03398v2 Table 2");
    }
    assert_eq!(row(0.9528, 199)["Difference"], "", "a shorter training does not compare");
}

#[test]
fn published_values_chosen_on_test_samples_are_named() {
    let named = |label: &str, parameters: u64| {
        let dir = tempdir().unwrap();
        support::cell("smnist", label, parameters, 0, 0.99).write(&dir.path().join("e"));
        let paths = write(&[dir.path().join("e")], &dir.path().join("out"), "md".parse().unwrap()).unwrap();
        fs::read_to_string(paths.markdown.unwrap()).unwrap().contains("epoch chosen on the test samples")
    };
    assert!(named("ckcnn-2-30", 98_000) && !named("ccnn-4-140", 200_500));
}

#[test]
fn published_values_are_drawn_beside_their_own_task_alone() {
    let drawn = |change: &dyn Fn(&mut support::Fake)| {
        let dir = tempdir().unwrap();
        let home = dir.path().join("e");
        let mut cell = support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99);
        change(&mut cell);
        cell.write(&home);
        write(&[home], &dir.path().join("out"), Formats::ALL).unwrap();
        fs::read_to_string(dir.path().join("out/figures/accuracy-against-parameters.csv")).unwrap()
    };
    assert!(drawn(&|_| {}).contains("published, sMNIST"));
    for change in [
        (&|cell: &mut support::Fake| cell.record.task.splits = [8_000, 500, 1_000]) as &dyn Fn(&mut support::Fake),
        &|cell| cell.record.task.config["permutation"] = json!("mine.txt"),
        &|cell| cell.record.scale = Scale::Laptop,
        &|cell| cell.status.reason = Some(StopReason::MaxTime),
        &|cell| cell.status.reason = Some(StopReason::MaxSteps),
    ] {
        let csv = drawn(change);
        assert!(!csv.contains("published"), "{csv}");
    }
    // Beside a run that compares, the others say in what they do not.
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99).write(&home);
    support::cell("smnist", "lstm-64", 69_000, 0, 0.3).state(State::Done, Some(StopReason::MaxTime), None).write(&home);
    write(&[home], &dir.path().join("out"), Formats::ALL).unwrap();
    let csv = fs::read_to_string(dir.path().join("out/figures/accuracy-against-parameters.csv")).unwrap();
    assert!(csv.contains("published, sMNIST") && csv.contains("stopped by a limit"), "{csv}");
}

#[test]
fn remarks_on_the_tasks_of_the_arena_are_those_on_its_average() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("lra");
    for (index, (task, label, shape, result)) in ARENA.into_iter().enumerate() {
        let mut cell = arena_cell(task, label, shape, result);
        cell.record.task.splits = [100, 100, 100];
        if index == 5 {
            cell.status.reason = Some(StopReason::MaxTime);
        }
        cell.write(&home);
    }
    let paths = write(std::slice::from_ref(&home), &home.join("report"), "md".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    let part = text.split("\n## ").find(|part| part.starts_with("Long Range Arena")).unwrap();
    let row = part.lines().find(|line| line.starts_with("| s4 |")).unwrap();
    let letters = |flag: Flag| {
        let line = text.lines().find(|line| line.contains(flag.text())).unwrap();
        line.split("<sup>").nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    for average in [8, 9].map(|column| row.split('|').nth(column).unwrap()) {
        for flag in [Flag::ReducedData, Flag::StoppedByTime, Flag::FewSeeds] {
            assert!(average.split("<sup>").nth(1).unwrap().contains(&letters(flag)), "{flag:?}: {row}");
        }
    }
}

#[test]
fn a_task_of_the_arena_at_another_difficulty_was_run_all_the_same() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("lra");
    for (index, (task, label, shape, result)) in ARENA.into_iter().enumerate() {
        let mut cell = arena_cell(task, label, shape, result);
        if index == 0 {
            cell.record.task.config = json!({"max_length": 120});
        }
        cell.write(&home);
    }
    let (_, row) = arena_row(&home, "s4");
    assert_eq!((row[1].as_str(), row[7].as_str()), ("another difficulty", ""), "{row:?}");
}

#[test]
fn a_task_of_the_arena_that_is_there_twice_enters_no_average() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("lra");
    for (task, label, shape, result) in ARENA {
        arena_cell(task, label, shape, result).write(&home);
    }
    arena_cell("pathx", "path-x", &[1, 16384], 0.5).write(&home);
    let (text, row) = arena_row(&home, "s4");
    assert_eq!((row[6].as_str(), row[7].as_str()), ("", ""), "{row:?}");
    assert!(text.contains("path-x: 50.00; pathx: 70.00") && text.contains(Flag::SeveralTasks.text()), "{text}");
}

/// A run of Long Range Arena: task, published name of its data, shape.
fn arena_cell(task: &str, label: &str, shape: &[usize], result: f64) -> support::Fake {
    let mut cell = support::cell("smnist", "s4-6-256", 1_000_000, 0, result);
    cell.record.id = format!("{label}.s4.s0");
    cell.record.task.name = task.to_owned();
    cell.record.task.label = label.to_owned();
    cell.record.task.shape = shape.to_vec();
    cell.record.task.version = "lra@char-4096".to_owned();
    cell.record.task.config = json!({});
    cell.record.baseline.label = "s4".to_owned();
    cell
}

const ARENA: [(&str, &str, &[usize], f64); 6] = [
    ("listops", "listops", &[1, 2048], 0.55),
    ("text", "text", &[1, 4096], 0.80),
    ("retrieval", "retrieval", &[1, 4000], 0.85),
    ("image", "image-1d", &[1, 1024], 0.82),
    ("pathfinder", "pathfinder32", &[1, 1024], 0.90),
    ("pathfinder", "pathx", &[1, 16384], 0.70),
];

fn arena_row(home: &Path, row: &str) -> (String, Vec<String>) {
    let out = home.join("report");
    let paths = write(&[home.to_owned()], &out, "md,csv".parse().unwrap()).unwrap();
    let csv = fs::read_to_string(out.join("tables/long-range-arena.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let found = reader.records().map(Result::unwrap).find(|r| &r[0] == row).unwrap();
    (fs::read_to_string(paths.markdown.unwrap()).unwrap(), found.iter().map(str::to_owned).collect())
}

#[test]
fn the_average_of_the_arena_leaves_no_task_out() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("lra");
    for (task, label, shape, result) in ARENA {
        arena_cell(task, label, shape, result).write(&home);
    }
    let (_, row) = arena_row(&home, "s4");
    let number = |column: usize| row[column].parse::<f64>().unwrap();
    assert!((number(7) - 100.0 * 4.62 / 6.0).abs() < 1e-9, "{row:?}");
    // (0.55 − 0.1) / 0.9 = 0.5, then 0.6, 0.7, 0.8, 0.8, 0.4.
    assert!((number(8) - 100.0 * 3.8 / 6.0).abs() < 1e-9, "{row:?}");

    // Without the data of one task there is no average, and the command that fetches them is named.
    arena_cell("retrieval", "retrieval", &[1, 4000], 0.0)
        .state(
            State::Skipped,
            Some(StopReason::MissingData),
            Some("aan is missing; fetch it with `bench data fetch aan`"),
        )
        .epochs(0)
        .write(&home);
    fs::remove_file(home.join("retrieval.s4.s0/metrics.jsonl")).unwrap();
    let (text, row) = arena_row(&home, "s4");
    assert_eq!((row[3].as_str(), row[7].as_str(), row[8].as_str()), ("missing", "", ""));
    assert!(text.contains("– (5 of 6)") && text.contains("fetch it with `bench data fetch aan`"), "{text}");
    assert!(text.contains(Flag::MissingData.text()) && text.contains(Flag::Incomplete.text()), "{text}");
    let (_, published) = arena_row(&home, "S4-LegS, published");
    assert_eq!(published[1], "59.6");
    assert!((published[7].parse::<f64>().unwrap() - 516.52 / 6.0).abs() < 1e-9, "{published:?}");
}

/// Its pictures are in colour, which is another task, and a table that prints its row shifted is not used.
#[test]
fn the_published_row_of_a_model_has_its_own_tasks_alone() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("lra");
    for (task, label, shape, result) in ARENA {
        let mut cell = arena_cell(task, label, shape, result);
        (cell.record.baseline.name, cell.record.baseline.label) = ("lru".to_owned(), "lru".to_owned());
        cell.write(&home);
    }
    let (text, published) = arena_row(&home, "LRU, published");
    assert_eq!(published[1..8], ["60.2", "89.4", "89.9", "", "95.1", "94.2", ""]);
    assert!(text.contains("– (5 of 6)"), "{text}");
}

#[test]
fn one_task_of_the_arena_makes_no_table_of_it() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    arena_cell("listops", "listops", &[1, 2048], 0.5).write(&home);
    let paths = write(&[home], &dir.path().join("out"), "csv".parse().unwrap()).unwrap();
    assert!(!paths.files.iter().any(|path| path.ends_with("long-range-arena.csv")));
}
