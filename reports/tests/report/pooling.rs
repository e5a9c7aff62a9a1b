//! Which runs are seeds of one another.

use std::fs;

use reports::{Flag, Formats};
use serde_json::json;
use tempfile::tempdir;
use vocabulary::Scale;
use vocabulary::record::{State, StopReason};

use super::{compare, compared, paired, results, row, status, support, table_of, write};

#[test]
fn grid_values_make_rows_of_their_own() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..2 {
        for (omega, result) in [(10.0, 0.80), (30.0, 0.90)] {
            support::cell("smnist", "ccnn-4-64", 61_000, seed, result + 0.01 * seed as f64)
                .grid("baseline.omega_0", json!(omega))
                .write(&home);
        }
    }
    let paths = write(std::slice::from_ref(&home), &dir.path().join("out"), "md,csv".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    assert!(text.contains("baseline.omega_0=10.0") && text.contains("80.50 ± 0.71"), "{text}");
    let table = compare(&[home], &"baseline.omega_0".parse().unwrap()).unwrap();
    let texts: Vec<&str> = table.rows[0].iter().map(|e| e.text.as_str()).collect();
    assert_eq!(texts[..2], ["10.0", "30.0"]);
    assert_eq!(texts[4..9], ["+10.00 ± 0.00", "2", "2", "0", "0"]);
}

#[test]
fn only_runs_that_differ_in_their_seed_alone_are_pooled() {
    let dir = tempdir().unwrap();
    for (index, change) in [
        ("training.epochs=20", json!({"training": {"learning_rate": 0.01, "epochs": 20}})),
        ("task.permutation=mine.txt", json!({"task": {"config": {"permutation": "mine.txt"}}})),
        ("baseline.omega_0=10", json!({"baseline": {"config": {"omega_0": 10.0}}})),
        ("task.version=smnist@made-up-2", json!({"task": {"version": "smnist@made-up-2"}})),
        ("task.data_hash=0badf00d", json!({"task": {"data_hash": "0badf00d0badf00d"}})),
        ("device=cuda", json!({"device": "cuda:1"})),
    ]
    .into_iter()
    .enumerate()
    {
        let home = dir.path().join(format!("e{index}"));
        for seed in 0..4 {
            let mut cell = support::cell("smnist", "ccnn-4-140", 200_500, seed, 0.99);
            if seed == 3 {
                let mut record = serde_json::to_value(&cell.record).unwrap();
                merge(&mut record, &change.1);
                cell.record = serde_json::from_value(record).unwrap();
            }
            cell.write(&home);
        }
        let found = results(&home);
        let sizes: Vec<&str> = found.values().map(|(n, _)| n.as_str()).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(sizes.contains(&"3") && sizes.contains(&"1"), "{found:?}");
        assert!(found.contains_key(change.0), "{} in {found:?}", change.0);
    }
}

fn merge(into: &mut serde_json::Value, change: &serde_json::Value) {
    match (into, change) {
        (serde_json::Value::Object(into), serde_json::Value::Object(change)) => {
            for (key, value) in change {
                merge(into.entry(key.clone()).or_insert(json!(null)), value);
            }
        }
        (into, change) => *into = change.clone(),
    }
}

#[test]
fn a_run_that_has_not_begun_goes_with_its_seeds() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99).write(&home);
    let mut pending =
        support::cell("smnist", "ccnn-4-140", 200_500, 1, 0.0).state(State::Pending, None, None).epochs(0);
    pending.record.task.data_hash = None;
    pending.write(&home);
    assert_eq!(results(&home).len(), 1);
}

#[test]
fn an_extended_run_is_named_everywhere_and_pooled_with_no_other() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..3 {
        let mut cell = support::cell("smnist", "ccnn-4-140", 200_500, seed, 0.99).epochs(210);
        cell.record.training["epochs"] = json!(210);
        if seed == 0 {
            cell.record.extended_from = vec![10];
        }
        cell.write(&home);
    }
    let found = results(&home);
    let extended = "(210 epochs, extended from 10)";
    assert_eq!(found[extended], ("1".to_owned(), String::new()), "{found:?}");
    assert_eq!(found[""].0, "2");
    assert!(!found[""].1.is_empty(), "fresh runs have a difference: {found:?}");
    let paths = write(std::slice::from_ref(&home), &dir.path().join("out"), Formats::ALL).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    let tables = ["At a glance", "Results", "Every run"];
    for part in text.split("\n## ").filter(|part| tables.iter().any(|title| part.starts_with(title))) {
        assert!(part.contains("extended from 10"), "{part}");
    }
    assert!(text.contains(Flag::Extended.text()));
    for figure in ["learning-curves-smnist", "accuracy-against-parameters", "loss-smnist"] {
        let svg = fs::read_to_string(dir.path().join(format!("out/figures/{figure}.svg"))).unwrap();
        assert!(svg.contains("extended from 10"), "{figure}");
    }
    assert!(row(&status(&home).unwrap(), "smnist.ccnn-4-140.s0").iter().any(|text| text.contains("extended from 10")));
}

#[test]
fn a_run_by_several_builds_and_devices_says_so() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let mut cell = support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99)
        .attempt("cuda:0", Some("Fake GPU 1"), Some("aaaaaaaa1"))
        .attempt("cuda:1", Some("Fake GPU 2"), None);
    cell.record.device = "cuda".to_owned();
    cell.write(&home);
    // One device twice, one build twice: nothing to say.
    support::cell("smnist", "lstm-64", 69_000, 0, 0.9)
        .attempt("cuda:0", Some("Fake GPU 1"), Some("aaaaaaaa1"))
        .attempt("cuda:1", Some("Fake GPU 1"), Some("aaaaaaaa1"))
        .write(&home);
    let paths = write(&[home], &dir.path().join("out"), "md,csv".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    assert!(text.contains(Flag::SeveralBuilds.text()) && text.contains(Flag::SeveralDevices.text()), "{text}");
    let results = fs::read_to_string(dir.path().join("out/tables/results.csv")).unwrap();
    assert_eq!(results.matches(Flag::SeveralBuilds.text()).count(), 1, "{results}");
    assert_eq!(results.matches(Flag::SeveralDevices.text()).count(), 1, "{results}");
    assert!(text.contains("## Attempts") && text.contains("| aaaaaaaa, unknown"), "{text}");
    assert!(text.contains("cuda: Fake GPU 1, Fake GPU 2"), "{text}");
}

#[test]
fn unlike_devices_are_told_since_times_are_averaged() {
    let dir = tempdir().unwrap();
    let (unlike, alike) = (dir.path().join("unlike"), dir.path().join("alike"));
    for (seed, name) in [(0, "Fake GPU 1"), (1, "Fake GPU 2")] {
        let cell = |name| {
            let cell = support::cell("smnist", "lstm-64", 69_000, seed, 0.9);
            cell.attempt(&format!("cuda:{seed}"), name, Some("aaaaaaaa1"))
        };
        cell(Some(name)).write(&unlike);
        cell(None).write(&alike);
    }
    assert!(table_of(&unlike, "results")[0]["remarks"].contains(Flag::MixedDevices.text()));
    assert!(!table_of(&alike, "results")[0]["remarks"].contains(Flag::MixedDevices.text()));
}

#[test]
fn a_setting_that_came_later_does_not_part_seeds() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..3 {
        let mut cell = support::cell("smnist", "flexnet-6", 375_000, seed, 0.9);
        if seed > 0 {
            cell.record.baseline.config["initialisation"] = json!("original");
        }
        cell.write(&home);
    }
    let mut other = support::cell("smnist", "flexnet-6", 375_000, 3, 0.9);
    other.record.baseline.config["initialisation"] = json!("corrected");
    other.write(&home);
    let found = results(&home);
    assert_eq!((found["baseline.initialisation=original"].0.as_str(), found.len()), ("3", 2), "{found:?}");
}

#[test]
fn random_weights_are_not_pooled_with_given_ones() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..4 {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, seed, 0.9);
        if seed > 0 {
            cell.record.training["initial_weights"] = json!("best.safetensors");
            // The last one has not begun, and will begin with what is there then.
            cell.record.initial_weights = (seed < 3).then(|| "beef".to_owned());
        }
        cell.write(&home);
    }
    let found = results(&home);
    assert_eq!((found["initial_weights=none"].0.as_str(), found["initial_weights=beef"].0.as_str()), ("1", "3"));
}

#[test]
fn where_a_file_lay_does_not_part_seeds_that_read_the_same_from_it() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (seed, place, hash) in [(0, "a/mine.txt", "one"), (1, "b/mine.txt", "one"), (2, "b/mine.txt", "two")] {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, seed, 0.9);
        cell.record.task.config = json!({"permutation": place});
        cell.record.task.data_hash = Some(hash.to_owned());
        cell.write(&home);
    }
    let sizes: Vec<String> = results(&home).into_values().map(|(n, _)| n).collect();
    assert_eq!(sizes.iter().filter(|n| *n == "2").count(), 1, "{sizes:?}");
    assert_eq!(sizes.len(), 2);
}

#[test]
fn the_seconds_of_a_cell_are_those_of_its_last_line() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let cell = support::cell("smnist", "lstm-64", 69_000, 0, 0.9).state(State::Done, Some(StopReason::MaxTime), None);
    let folder = cell.write(&home);
    let lines = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let longer = lines.replace("\"name\":\"seconds\",\"value\":60.0", "\"name\":\"seconds\",\"value\":146.1");
    assert_ne!(lines, longer);
    fs::write(folder.join("metrics.jsonl"), longer).unwrap();
    assert_eq!(table_of(&home, "results")[0]["Seconds"], "146.1");
    assert!(row(&status(&home).unwrap(), "smnist.lstm-64.s0").contains(&"146.1"));
}

#[test]
fn texts_of_the_same_name_are_two_data_sets() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (label, file) in [("a", "one/own.txt"), ("b", "two/own.txt"), ("c", "two/own.txt")] {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, 0, 0.9);
        (cell.record.task.label, cell.record.task.config) = (label.to_owned(), json!({"file": file, "length": label}));
        (cell.record.task.data, cell.record.task.data_hash) = ("own".to_owned(), Some(label.to_owned()));
        cell.id(&format!("{label}.lstm-64.s0")).write(&home);
    }
    assert_eq!(paired(&compared(&home, "task")), [["b", "c", "1", "0.00"]]);
}

#[test]
fn an_extended_run_counts_once_with_its_last_values() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let before = support::cell("smnist", "lstm-64", 69_000, 0, 0.8);
    let after = support::cell("smnist", "lstm-64", 69_000, 0, 0.9).epochs(12);
    let folder = after.write(&home);
    let lines: Vec<String> =
        before.lines().into_iter().chain(after.lines()).map(|l| serde_json::to_string(&l).unwrap() + "\n").collect();
    fs::write(folder.join("metrics.jsonl"), lines.concat()).unwrap();
    let paths = write(&[home], &dir.path().join("out"), "csv".parse().unwrap()).unwrap();
    let csv = fs::read_to_string(paths.files.iter().find(|p| p.ends_with("tables/results.csv")).unwrap()).unwrap();
    let row = csv.lines().nth(1).unwrap();
    assert!(row.contains(",90,1,") && row.contains("0:90"), "{row}");
}

#[test]
fn another_scale_makes_rows_of_its_own_and_stands_on_every_table() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.99).epochs(210).write(&home);
    let mut smoke = support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.1);
    smoke.record.id = "smnist.ccnn-4-140.smoke.s0".to_owned();
    smoke.record.scale = Scale::Smoke;
    smoke.write(&home);
    let out = dir.path().join("out");
    let paths = write(&[home], &out, "md,csv".parse().unwrap()).unwrap();
    let text = fs::read_to_string(paths.markdown.unwrap()).unwrap();
    let tables = text.matches("\n## ").count()
        - ["## Figures", "## Notes", "## Provenance"].iter().filter(|h| text.contains(*h)).count();
    assert_eq!(text.matches("Scale smoke: 5 steps").count(), tables + 1, "and what the numbers say: {text}");
    assert!(text.contains("No claim is made on smnist, where only one baseline"), "{text}");
    assert!(text.contains("- Scale: paper, smoke"), "{text}");
    let csv = fs::read_to_string(out.join("tables/results.csv")).unwrap();
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{csv}");
    let [paper, smoke] = [0, 1].map(|i| rows[i]);
    assert!(!paper.contains("scale=smoke") && paper.contains("-0.71"), "{csv}");
    assert!(smoke.contains("scale=smoke") && smoke.contains(Flag::OtherScale.text()), "{csv}");
}
