//! `bench compare`.

use std::fs;
use std::path::{Path, PathBuf};

use reports::{Field, Flag, ReportError};
use serde_json::json;
use tempfile::tempdir;
use vocabulary::Scale;
use vocabulary::record::{State, StopReason};

use super::{compare, compared, made_up, paired, support};

#[test]
fn tasks_are_compared_where_they_share_data() {
    let (_dir, home) = made_up();
    let table = compare(std::slice::from_ref(&home), &Field::Task).unwrap();
    insta::assert_snapshot!("compare-by-task", table.to_markdown());
    let error = compare(&[home], &"training.learning_rat".parse().unwrap()).unwrap_err();
    let ReportError::UnknownField { field, known } = &error else { panic!("{error}") };
    assert!(field == "training.learning_rat" && known.split(", ").any(|field| field == "training.learning_rate"));
}

#[test]
fn runs_that_read_other_samples_are_no_pair_unless_what_is_compared_explains_it() {
    let dir = tempdir().unwrap();
    for (folder, rate, hash, baseline) in [
        ("e", 0.01, "one", "lstm-64"),
        ("f", 0.02, "two", "lstm-64"),
        ("g", 0.01, "two", "lstm-64"),
        ("h", 0.01, "two", "gru-64"),
    ] {
        let mut cell = support::cell("smnist", baseline, 69_000, 0, 0.9);
        cell.record.experiment = folder.to_owned();
        cell.record.task.config = json!({"permutation": "perm.txt"});
        cell.record.task.data_hash = Some(hash.to_owned());
        cell.record.training["learning_rate"] = json!(rate);
        cell.write(&dir.path().join(folder));
    }
    let of = |folders: [&str; 2], by: &str| {
        let table = compare(&folders.map(|folder| dir.path().join(folder)), &by.parse().unwrap()).unwrap();
        table.to_markdown()
    };
    for (folders, by) in [(["e", "f"], "training.learning_rate"), (["e", "g"], "experiment"), (["e", "h"], "baseline")]
    {
        let text = of(folders, by);
        assert!(text.contains("read other samples") && !text.contains("| 1 | 0 | 1 | 0 |"), "{by}: {text}");
    }
    let same = of(["f", "g"], "experiment");
    assert!(same.contains("training.learning_rate") && same.contains("| 1 | 0 | 1 | 0 |"), "{same}");
    // Another order of the pixels is another task, and stands there.
    let mut cell = support::cell("smnist", "lstm-64", 69_000, 0, 0.8);
    cell.record.task.data_hash = Some("three".to_owned());
    cell.record.experiment = "i".to_owned();
    cell.write(&dir.path().join("i"));
    let text = of(["e", "i"], "experiment");
    assert!(text.contains("task.permutation: perm.txt → none") && !text.contains("read other"), "{text}");
}

#[test]
fn a_scale_brings_what_it_makes_of_schedules_that_count_epochs() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (baseline, setting, whole, cut) in
        [("lstm-64", "decay_factor", 0.97, 0.7), ("gru-64", "plateau_patience", 20.0, 2.0)]
    {
        for (scale, value) in [(Scale::Paper, whole), (Scale::Laptop, cut)] {
            let mut cell = support::cell("smnist", baseline, 69_000, 0, 0.9);
            cell.record.scale = scale;
            cell.record.training[setting] = json!(value);
            cell.id(&format!("smnist.{baseline}.{scale}.s0")).write(&home);
        }
    }
    let rows = compared(&home, "scale");
    assert_eq!(paired(&rows).len(), 2, "{rows:?}");
}

#[test]
fn a_comparison_says_what_decides_its_values() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for seed in 0..3 {
        support::cell("smnist", "lstm-64", 69_000, seed, 0.9).write(&home);
        let mut cut =
            support::cell("smnist", "gru-64", 69_000, seed, 0.8).state(State::Done, Some(StopReason::MaxTime), None);
        cut.status.git = Some("fedcba9876543210-dirty".to_owned());
        cut.write(&home);
    }
    let rows = compared(&home, "baseline");
    assert_eq!(rows[0]["Remarks"], "stopped by time, mixed versions", "{rows:?}");
    let table = compare(&[home], &Field::Baseline).unwrap();
    let raw = table.rows[0].last().unwrap().raw.clone().unwrap();
    assert!(raw.contains(Flag::StoppedByTime.text()) && raw.contains(Flag::MixedVersions.text()), "{raw}");
}

#[test]
fn numbers_are_compared_by_value_and_random_weights_with_given_ones() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (seed, value) in [(0, json!(1)), (1, json!(1.0)), (0, json!(2)), (1, json!(2))] {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, seed, 0.9);
        cell.record.training["weight_decay"] = value.clone();
        cell.id(&format!("smnist.lstm-64.w{value}.s{seed}").replace('.', "_").replace("_s", ".s")).write(&home);
    }
    let rows = compared(&home, "training.weight_decay");
    assert_eq!(paired(&rows), [["1", "2", "2", "0.00 ± 0.00"]], "{rows:?}");

    let home = dir.path().join("f");
    support::cell("smnist", "lstm-64", 69_000, 0, 0.8).write(&home);
    let mut given = support::cell("smnist", "lstm-64", 69_000, 0, 0.9);
    given.record.initial_weights = Some("beef".to_owned());
    given.id("smnist.lstm-64-given.s0").write(&home);
    let rows = compared(&home, "initial_weights");
    assert_eq!(paired(&rows), [["beef", "none", "1", "−10.00"]], "{rows:?}");
}

#[test]
fn scales_in_one_folder_are_compared_each_with_itself() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (baseline, result) in [("ccnn-4-140", 0.90), ("lstm-64", 0.80)] {
        support::cell("smnist", baseline, 200_500, 0, result).write(&home);
        let mut smoke = support::cell("smnist", baseline, 200_500, 0, 0.2);
        smoke.record.scale = Scale::Smoke;
        smoke.record.training["epochs"] = json!(1);
        smoke.id(&format!("smnist.{baseline}.smoke.s0")).write(&home);
    }
    let rows = compared(&home, "baseline");
    assert_eq!(
        paired(&rows),
        [["ccnn-4-140", "lstm-64", "1", "−10.00"], ["ccnn-4-140", "lstm-64", "1", "0.00"]],
        "{rows:?}"
    );
    assert!(rows.iter().any(|row| row["Within"].contains("scale=smoke")));
    let rows = compared(&home, "scale");
    assert_eq!(paired(&rows), [["paper", "smoke", "1", "−70.00"], ["paper", "smoke", "1", "−60.00"]], "{rows:?}");
    assert!(rows.iter().all(|row| row["Also differ"] == "training.epochs: 10 → 1"), "{rows:?}");
}

#[test]
fn forms_and_difficulties_do_not_replace_each_other() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    for (form, gain) in [("1d", 0.0), ("2d", 0.05)] {
        for (difficulty, result) in [("easy", 0.9), ("hard", 0.7)] {
            let mut cell = support::cell(&format!("pathfinder32-{form}"), "ccnn-4-64", 61_000, 0, result + gain);
            let task = &mut cell.record.task;
            task.config = json!({"difficulty": difficulty, "form": form});
            task.data = format!("pathfinder32-{difficulty}");
            task.data_hash = Some(format!("{difficulty}-{form}"));
            task.label = format!("pathfinder32-{difficulty}-{form}");
            let id = format!("{}.ccnn-4-64.s0", task.label);
            cell.id(&id).write(&home);
        }
    }
    let rows = compared(&home, "task.difficulty");
    assert_eq!(paired(&rows), [["easy", "hard", "1", "−20.00"], ["easy", "hard", "1", "−20.00"]], "{rows:?}");
    assert!(rows.iter().all(|row| row["Also differ"].contains("task.data: pathfinder32-easy → pathfinder32-hard")));
    let rows = compared(&home, "task");
    let pair = |difficulty: &str| [1, 2].map(|rank| format!("pathfinder32-{difficulty}-{rank}d"));
    let (easy, hard) = (pair("easy"), pair("hard"));
    let expected =
        [[&easy[0], &easy[1], "1", "+5.00"], [&hard[0], &hard[1], "1", "+5.00"]].map(|row| row.map(str::to_owned));
    let found: Vec<[String; 4]> = paired(&rows).into_iter().map(|row| row.map(str::to_owned)).collect();
    assert_eq!(found, expected, "{rows:?}");
}

#[test]
fn devices_are_compared_within_and_between_folders() {
    let dir = tempdir().unwrap();
    for (folder, name, device, result) in
        [("a/e", "e", "cpu", 0.80), ("b/e", "e", "cuda:1", 0.81), ("c/f", "f", "cuda", 0.83)]
    {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, 0, result);
        cell.record.device = device.to_owned();
        cell.record.experiment = name.to_owned();
        cell.write(&dir.path().join(folder));
    }
    let of = |folders: &[&str]| {
        let dirs: Vec<PathBuf> = folders.iter().map(|folder| dir.path().join(folder)).collect();
        compare(&dirs, &Field::Device)
    };
    for (folders, difference) in [(["a/e", "b/e"], "+1.00"), (["a/e", "c/f"], "+3.00")] {
        let table = of(&folders).unwrap();
        let texts: Vec<&str> = table.rows[0].iter().map(|e| e.text.as_str()).collect();
        assert_eq!((table.rows.len(), &texts[..2], texts[4], texts[5]), (1, &["cpu", "cuda"][..], difference, "1"));
    }
    // Two runs of one device: both are named.
    let error = of(&["a/e", "b/e", "c/f"]).unwrap_err();
    let named = |path: &Path, folder: &str| path.starts_with(dir.path().join(folder));
    assert!(
        matches!(&error, ReportError::Repeated { first, second, .. } if named(first, "b/e") && named(second, "c/f")),
        "{error}"
    );
}

#[test]
fn settings_of_a_baseline_may_come_with_it_and_are_named() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let mut first = support::cell("smnist", "ccnn-4-140", 200_500, 0, 0.90);
    first.record.training = json!({"learning_rate": 0.01, "grad_clip": null});
    first.write(&home);
    let mut second = support::cell("smnist", "lstm-64", 69_000, 0, 0.80);
    second.record.training = json!({"learning_rate": 0.001, "grad_clip": 1.0});
    second.write(&home);
    let rows = compared(&home, "baseline");
    assert_eq!(paired(&rows), [["ccnn-4-140", "lstm-64", "1", "−10.00"]]);
    assert_eq!(rows[0]["Also differ"], "training.grad_clip: none → 1, training.learning_rate: 0.01 → 0.001");
    // A second network with other settings: none of both is dropped, and neither is taken for the partner.
    let mut third = support::cell("smnist", "lstm-64", 69_000, 0, 0.70);
    third.record.training = json!({"learning_rate": 0.1, "grad_clip": 1.0});
    third.id("smnist.lstm-64-fast.s0").write(&home);
    let rows = compared(&home, "baseline");
    assert_eq!(paired(&rows), <[[&str; 4]; 0]>::default(), "{rows:?}");
    let reasons: String = rows.iter().map(|row| row["Not paired"].clone()).collect();
    for id in ["smnist.ccnn-4-140.s0", "smnist.lstm-64.s0", "smnist.lstm-64-fast.s0"] {
        assert!(reasons.contains(id), "{id}: {reasons}");
    }
    let rows = compared(&home, "training.learning_rate");
    assert_eq!(paired(&rows), [["0.001", "0.1", "1", "−10.00"]], "{rows:?}");
}

#[test]
fn what_is_not_paired_is_named_with_the_reason() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let with = |rate: f64, seed, result| {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, seed, result);
        cell.record.training["learning_rate"] = json!(rate);
        let id = format!("smnist.lstm-64.r{rate}.s{seed}");
        cell.id(&id)
    };
    with(0.1, 0, 0.8).write(&home);
    with(0.2, 0, 0.9).write(&home);
    with(0.1, 1, 0.8).write(&home);
    with(0.2, 1, 0.0).state(State::Failed, Some(StopReason::Nan), None).write(&home);
    with(0.1, 2, 0.8).write(&home);
    let mut other = with(0.2, 3, 0.8);
    other.record.training["epochs"] = json!(99);
    other.write(&home);
    fs::create_dir_all(home.join("smnist.gru.s0")).unwrap();
    let rows = compared(&home, "training.learning_rate");
    assert_eq!(paired(&rows), [["0.1", "0.2", "1", "+10.00"]], "{rows:?}");
    let reasons: String = rows.iter().map(|row| row["Not paired"].clone() + "\n").collect();
    for text in
        ["r0.2.s1 is failed (nan)", "no partner with seed 2", "training.epochs: 99 → 10", "smnist.gru.s0: it has no"]
    {
        assert!(reasons.contains(text), "{text}: {reasons}");
    }
    for field in ["seed", "hash", "id", "sources"] {
        let error = compare(std::slice::from_ref(&home), &field.parse().unwrap()).unwrap_err();
        assert!(matches!(error, ReportError::NotComparable { .. }), "{error}");
    }
}

/// By scale or by device, pairs have an interval and an exact test, and every run that is in no pair is named.
#[test]
fn comparisons_by_scale_and_device_leave_nothing_out_silently() {
    let dir = tempdir().unwrap();
    let home = dir.path().join("e");
    let put = |scale: Scale, device: &str, seed: u64, result: f64| {
        let mut cell = support::cell("smnist", "lstm-64", 69_000, seed, result);
        (cell.record.scale, cell.record.device) = (scale, device.to_owned());
        cell.id(&format!("smnist.lstm-64.{scale}.{device}.s{seed}")).write(&home)
    };
    for seed in 0..4 {
        put(Scale::Paper, "cpu", seed, 0.90 + 0.01 * seed as f64);
    }
    for seed in 0..3 {
        put(Scale::Laptop, "cpu", seed, 0.80 + 0.012 * seed as f64);
        put(Scale::Paper, "cuda", seed, 0.90 + 0.011 * seed as f64);
    }
    let torn = put(Scale::Laptop, "cuda", 0, 0.8);
    fs::write(torn.join("cell.yaml"), "{").unwrap();
    for (by, value, alone) in [
        (
            Field::Scale,
            [10.0, 9.8, 9.6],
            ["paper.cpu.s3", "paper.cuda.s0", "paper.cuda.s1", "paper.cuda.s2"].as_slice(),
        ),
        (Field::Device, [0.0, 0.1, 0.2], &["paper.cpu.s3", "laptop.cpu.s0", "laptop.cpu.s1", "laptop.cpu.s2"]),
    ] {
        let table = compare(std::slice::from_ref(&home), &by).unwrap();
        let column = |title: &str| table.columns.iter().position(|column| column.title == title).unwrap();
        let row = table.rows.iter().find(|row| row[column("n")].text == "3").unwrap();
        let text = |title: &str| row[column(title)].text.as_str();
        assert_eq!([text("Smallest p"), text("Ties")], ["0.25", if value[0] == 0.0 { "1" } else { "0" }], "{by:?}");
        let difference: f64 = row[column("B − A")].raw.as_deref().unwrap().parse().unwrap();
        assert!((difference - value.iter().sum::<f64>() / 3.0).abs() < 1e-9, "{by:?}: {difference}");
        assert!(text("95 % interval").contains(" to ") && !text("p").is_empty() && !text("p, Holm").is_empty());
        assert!(
            table.caption.contains("Three pairs cannot go below 1/8 one-sided, 1/4 two-sided."),
            "{}",
            table.caption
        );
        let whole = table.to_markdown();
        for run in alone {
            assert!(whole.contains(&format!("smnist.lstm-64.{run}")), "{by:?}, {run}: {whole}");
        }
        assert!(table.notes.iter().any(|note| note.contains("laptop.cuda.s0")), "{:?}", table.notes);
    }
}
