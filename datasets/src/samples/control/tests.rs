//! Controls over registered tasks that are generated.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};

use super::Order;
use crate::Library;
use crate::config::ConfigError;
use crate::registry::find;
use crate::task::{Batch, Inputs, Task};
use vocabulary::{InputSpec, Split};

fn build(name: &str, settings: &Value) -> Result<Box<dyn Task>, ConfigError> {
    let mut settings = settings.clone();
    for size in ["train_samples", "validation_samples", "test_samples"] {
        settings[size] = json!(8);
    }
    (find(name).unwrap().build)(&settings)
}

/// The training samples of a task, and the hash of all.
fn read(name: &str, settings: &Value) -> (Batch, String) {
    let folder = tempfile::tempdir().unwrap();
    let data = build(name, settings).unwrap().prepare(&Library::open(folder.path()), &()).unwrap();
    let positions: Vec<usize> = (0..8).collect();
    let batch = data.read(Split::Train, &positions).unwrap();
    assert_eq!(batch, data.read_for_training(&positions, 3).unwrap(), "training sees the same order");
    (batch, data.content_hash().to_owned())
}

fn tokens(batch: &Batch) -> Vec<Vec<i32>> {
    let Inputs::Tokens(ids) = &batch.inputs else { panic!("no ids") };
    ids.chunks_exact(ids.len() / batch.size).map(<[i32]>::to_vec).collect()
}

fn values(batch: &Batch) -> Vec<Vec<f32>> {
    let Inputs::Values(values) = &batch.inputs else { panic!("no values") };
    values.chunks_exact(values.len() / batch.size).map(<[f32]>::to_vec).collect()
}

#[test]
fn all_channels_of_every_sample_are_shown_in_the_one_order() {
    let (natural, hash) = read("adding", &json!({ "length": 20 }));
    for order in [Order::Shuffled, Order::Windows(8), Order::Blocks(3)] {
        let (shown, other) = read("adding", &json!({ "length": 20, "order": order.to_string() }));
        assert_eq!(shown.targets, natural.targets);
        assert_ne!(hash, other, "{order}");
        let positions = order.positions(20);
        for (before, after) in values(&natural).iter().zip(values(&shown)) {
            for (before, after) in before.chunks_exact(20).zip(after.chunks_exact(20)) {
                assert!(
                    positions.iter().zip(after).all(|(&source, value)| before[source as usize] == *value),
                    "{order}"
                );
            }
        }
    }
}

#[test]
fn padding_stays_where_it_is_on_either_side_and_in_either_form() {
    let settings = |padding: &str, form: &str, order: &str| json!({ "min_length": 5, "max_length": 40, "length": 48, "padding": padding, "tokens": form, "order": order });
    let positions = Order::Shuffled.positions(48);
    for padding in ["left", "right"] {
        let natural = read("listops", &settings(padding, "embed", "natural")).0;
        let shown = read("listops", &settings(padding, "embed", "shuffled")).0;
        assert_eq!(natural.lengths, shown.lengths);
        for (before, after) in tokens(&natural).iter().zip(tokens(&shown)) {
            let valid: Vec<usize> = (0..48).filter(|&place| before[place] != 0).collect();
            assert!(valid.len() < 48 && valid.len() == valid[valid.len() - 1] - valid[0] + 1, "{before:?}");
            let sources = positions.iter().map(|&p| p as usize).filter(|p| valid.contains(p));
            let expected: Vec<i32> = sources.map(|place| before[place]).collect();
            assert_eq!(after[valid[0]..][..valid.len()], expected, "{padding}");
            assert_eq!(after.iter().filter(|&&id| id == 0).count(), 48 - valid.len());
            assert_ne!(*before, after);
        }
        let scalar = read("listops", &settings(padding, "scalar", "shuffled")).0;
        let same =
            |(ids, values): (&Vec<i32>, &Vec<f32>)| ids.iter().zip(values).all(|(id, value)| *id as f32 == *value);
        assert!(tokens(&shown).iter().zip(&values(&scalar)).all(same));
    }
}

#[test]
fn a_bag_counts_what_is_no_padding() {
    for padding in ["left", "right"] {
        let settings = json!({ "min_length": 5, "max_length": 40, "padding": padding });
        let mut bag = settings.clone();
        bag["bag"] = json!(true);
        let task = build("listops", &bag).unwrap();
        let InputSpec::Tokens { vocabulary, .. } = build("listops", &settings).unwrap().spec().input else { panic!() };
        assert_eq!(task.spec().input, InputSpec::Values { channels: 1, shape: vec![vocabulary] });
        let (natural, counted) = (read("listops", &settings).0, read("listops", &bag).0);
        assert_eq!((counted.lengths.as_ref(), &counted.targets), (None, &natural.targets));
        for (ids, counts) in tokens(&natural).iter().zip(values(&counted)) {
            assert_eq!(counts.len(), vocabulary);
            for (id, count) in counts.iter().enumerate().skip(1) {
                let occurrences = ids.iter().filter(|&&other| other as usize == id).count();
                assert_eq!(*count, (occurrences as f32).ln_1p());
            }
            assert_eq!(counts[0], 0.0, "padding is no token");
        }
    }
    // The same samples in another order are the same bag; two channels have a histogram each.
    let bag = read("adding", &json!({ "length": 20, "bag": true })).0;
    let natural = read("adding", &json!({ "length": 20 })).0;
    for (numbers, counts) in values(&natural).iter().zip(values(&bag)) {
        assert_eq!(counts.len(), 2 * 256);
        let sum = |counts: &[f32]| counts.iter().map(|count| count.exp() - 1.0).sum::<f32>().round();
        assert_eq!([sum(&counts[..256]), sum(&counts[256..])], [20.0, 20.0]);
        assert_eq!(counts[256 + 128], 18.0f32.ln_1p(), "18 of 20 steps are not marked");
        assert!(numbers[..20].iter().all(|value| counts[super::bag::level(*value)] > 0.0));
    }
}

#[test]
fn names_versions_and_settings_tell_the_control_and_the_usual_ones_tell_nothing() {
    let spec = |settings: Value| build("adding", &settings).unwrap().spec().clone();
    let natural = spec(json!({}));
    assert_eq!(spec(json!({ "order": "natural", "bag": false })), natural);
    let shuffled = spec(json!({ "order": "blocks-8" }));
    assert_eq!(
        (shuffled.name.as_str(), shuffled.version.as_str()),
        ("adding400-blocks-8", "adding@generated-order1-blocks-8-2")
    );
    assert_eq!((shuffled.data, shuffled.input, shuffled.target), (natural.data, natural.input, natural.target));
    let resolve = |settings: Value| (find("adding").unwrap().resolve)(&settings).unwrap();
    assert_eq!(resolve(json!({ "order": "natural" })), resolve(json!({})));
    assert_eq!(resolve(json!({ "order": "shuffled" }))["order"], "shuffled");
    let schema = (find("adding").unwrap().schema)();
    assert!(schema.as_value()["properties"]["order"]["pattern"].is_string());
}

#[test]
fn a_control_without_a_meaning_names_its_setting() {
    for (task, settings, field) in [
        ("pathfinder", json!({ "form": "2d", "order": "shuffled" }), "order"),
        ("pathfinder", json!({ "form": "2d", "bag": true }), "bag"),
        ("cifar10", json!({ "order": "shuffled" }), "order"),
        ("copy", json!({ "order": "shuffled" }), "order"),
        ("copy", json!({ "bag": true }), "bag"),
        ("adding", json!({ "length": 20, "order": "windows-20" }), "order"),
        ("adding", json!({ "length": 20, "order": "blocks-30" }), "order"),
        ("adding", json!({ "order": "shuffled", "bag": true }), "bag"),
        ("listops", json!({ "tokens": "scalar", "bag": true }), "bag"),
        ("adding", json!({ "order": "backwards" }), "order"),
    ] {
        let error = build(task, &settings).err().unwrap_or_else(|| panic!("{task} {settings}"));
        assert_eq!(error.field, field, "{task} {settings}");
    }
    for (task, settings) in
        [("physionet2019", json!({ "order": "shuffled" })), ("speech-mfcc", json!({ "drop": 30, "order": "shuffled" }))]
    {
        let error = (find(task).unwrap().build)(&settings).err().unwrap();
        assert_eq!(error.field, "order", "{task}");
    }
    assert!((find("speech-mfcc").unwrap().build)(&json!({ "order": "shuffled" })).is_ok());
}
