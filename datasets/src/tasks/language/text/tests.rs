#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! Small reviews in the original layout, and the original ones where they are at hand.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::*;
use crate::registry::find;
use crate::task::{Inputs, Targets};
use crate::text::Counts;
use vocabulary::InputSpec;

/// `(folder, file, text)`
const REVIEWS: [(&str, &str, &str); 10] = [
    ("train/neg", "0_1.txt", "bad bad bad"),
    ("train/neg", "10_4.txt", "dull, and long: it went on and on and on"),
    ("train/neg", "2_3.txt", "no"),
    ("train/pos", "0_10.txt", "a delight"),
    ("train/pos", "3_7.txt", "fine – é"),
    ("train/pos", "1_8.txt", "good"),
    ("test/neg", "0_2.txt", "a bore"),
    ("test/neg", "1_2.txt", "odd Ω"),
    ("test/pos", "0_9.txt", "a good one"),
    ("test/pos", "1_9.txt", "good and fine"),
];

fn write(root: &Path) {
    for (folder, name, text) in REVIEWS {
        fs::create_dir_all(root.join("aclImdb").join(folder)).unwrap();
        fs::write(root.join("aclImdb").join(folder).join(name), text).unwrap();
    }
}

fn task(extra: Value) -> Box<dyn Task> {
    let mut settings = json!({
        "length": 16, "min_frequency": 2, "train_samples": 4, "validation_samples": 2, "test_samples": 4,
    });
    settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    (find("text").unwrap().build)(&settings).unwrap()
}

fn rows(data: &dyn Dataset, split: Split) -> Vec<(Vec<i32>, i32)> {
    let batch = data.read(split, &(0..data.len(split)).collect::<Vec<_>>()).unwrap();
    let (Inputs::Tokens(ids), Targets::Labels(labels)) = (batch.inputs, batch.targets) else { panic!() };
    ids.chunks_exact(ids.len() / labels.len()).map(<[i32]>::to_vec).zip(labels).collect()
}

#[test]
fn bytes_are_their_values_plus_one_without_an_end() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let library = Library::open(folder.path());
    let task = task(json!({"level": "byte", "padding": "right"}));
    assert_eq!(task.spec().input, InputSpec::Tokens { vocabulary: 257, length: 16 });
    assert_eq!(task.spec().version, "lra-text@byte-16-embed-right-split-2-2");
    let data = task.prepare(&library, &()).unwrap();
    let all: Vec<(Vec<i32>, i32)> = Split::ALL.iter().flat_map(|&split| rows(data.as_ref(), split)).collect();
    for (folder, _, text) in REVIEWS {
        let mut ids: Vec<i32> = text.bytes().take(16).map(|byte| i32::from(byte) + 1).collect();
        ids.resize(16, 0);
        let class = i32::from(folder.ends_with("pos"));
        assert_eq!(all.iter().filter(|row| **row == (ids.clone(), class)).count(), 1, "{text}");
    }
    assert_eq!((data.len(Split::Train), data.len(Split::Validation), data.len(Split::Test)), (4, 2, 4));
    let mut lengths = data.read(Split::Test, &[0, 1, 2, 3]).unwrap().lengths.unwrap();
    lengths.sort_unstable();
    assert_eq!(lengths, [6, 6, 10, 13]);
}

#[test]
fn characters_come_from_the_training_texts_and_rare_ones_are_unknown() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let library = Library::open(folder.path());
    let task = task(json!({}));
    assert_eq!(task.spec().input, InputSpec::Tokens { vocabulary: 134, length: 16 });
    assert_eq!(task.spec().version, "lra-text@char-16-min2-embed-left-split-2-2");
    let data = task.prepare(&library, &()).unwrap();
    // Counted by hand in the training texts, each cut to 15 characters: space 9, a and d 6, b n 3 …
    let mut counts = Counts::default();
    for (folder, _, text) in REVIEWS {
        if folder.starts_with("train") {
            counts.add(text.chars().take(15));
        }
    }
    let characters = counts.frequent(2);
    assert_eq!(characters[..3], [' ', 'd', 'a']);
    assert!(!characters.contains(&'–'));
    let id = |c: char| characters.iter().position(|&known| known == c).map_or(1, |place| place as i32 + 3);
    let test = rows(data.as_ref(), Split::Test);
    let mut expected = vec![0; 10];
    expected.extend("odd Ω".chars().map(id));
    expected.push(2);
    assert_eq!(expected[14], 1, "the letter is not in the training texts");
    assert!(test.contains(&(expected, 0)));
    let cut: Vec<i32> = "dull, and long: it".chars().take(15).map(id).chain([2]).collect();
    let all: Vec<_> = [Split::Train, Split::Validation].iter().flat_map(|&split| rows(data.as_ref(), split)).collect();
    assert!(all.contains(&(cut, 0)), "cut to the length, with its end");
    let description = data.describe().unwrap();
    assert!(description[0].1.starts_with(&format!("{} ids, ", characters.len() + 3)), "{description:?}");
    assert!(
        description[1].1.contains("6; characters: mean")
            && description[1].1.contains("from 2 to 40; 1 (16.67 %) cut to 15"),
        "{description:?}"
    );
    assert_eq!(description[2], ("favourable train texts".to_owned(), "3".to_owned()));
}

#[test]
fn validation_on_the_test_texts_is_another_version_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let library = Library::open(folder.path());
    let held_out = task(json!({}));
    let published = task(json!({"validation": "test", "train_samples": 6, "validation_samples": 4}));
    assert_eq!(published.spec().version, "lra-text@char-16-min2-embed-left-validation-is-test-split-2-2");
    let (first, second) = (held_out.prepare(&library, &()).unwrap(), published.prepare(&library, &()).unwrap());
    assert_ne!(first.content_hash(), second.content_hash());
    assert_eq!(rows(second.as_ref(), Split::Validation), rows(second.as_ref(), Split::Test));
    assert!(second.notes().iter().any(|note| note.contains("validation texts are the test texts")));
    assert!(!first.notes().iter().any(|note| note.contains("validation texts are the test texts")));
    // Held-out texts are not trained on, nor tested.
    let validation = rows(first.as_ref(), Split::Validation);
    for split in [Split::Train, Split::Test] {
        assert!(!rows(first.as_ref(), split).iter().any(|row| validation.contains(row)));
    }
    assert!(first.notes()[0].contains("6 and 4 are here"), "{:?}", first.notes());
    assert!(first.read(Split::Validation, &[2]).is_err());
    // One vocabulary and one set of texts serve both.
    assert_eq!(fs::read_dir(library.cache_folder()).unwrap().count(), 2);
}

#[test]
fn changed_damaged_and_missing_files_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path());
    let error = task(json!({})).check(&library).unwrap_err();
    assert!(error.is_missing_from("imdb"), "{error}");
    write(folder.path());
    let hash = |extra: Value| task(extra).prepare(&library, &()).map(|data| data.content_hash().to_owned());
    let before = hash(json!({})).unwrap();
    let file = folder.path().join("aclImdb/train/pos/1_8.txt");
    fs::write(&file, "good!").unwrap();
    assert_ne!(before, hash(json!({})).unwrap(), "the cache knows that a file has changed");
    let error = hash(json!({"vocabulary": 4})).unwrap_err();
    assert!(error.is_malformed("aclImdb", ""), "{error}");
    fs::write(&file, b"good \xff").unwrap();
    let error = hash(json!({})).unwrap_err();
    assert!(error.is_malformed("pos/1_8.txt", ""), "{error}");
    fs::rename(&file, folder.path().join("aclImdb/train/neg/1_8.txt")).unwrap();
    let error = hash(json!({})).unwrap_err();
    assert!(error.is_malformed("neg/1_8.txt", ""), "{error}");
    fs::remove_file(folder.path().join("aclImdb/train/neg/1_8.txt")).unwrap();
    let error = hash(json!({})).unwrap_err();
    assert!(error.is_malformed("aclImdb", "holds 5 "), "{error}");
}

#[test]
fn wrong_settings_name_their_field() {
    for (settings, field) in [
        (json!({"length": 10}), "length"),
        (json!({"level": "byte", "vocabulary": 256}), "vocabulary"),
        (json!({"vocabulary": 257}), "vocabulary"),
        (json!({"train_samples": 24_000}), "train_samples"),
        (json!({"test_samples": 0}), "test_samples"),
        (json!({"level": "word"}), "level"),
    ] {
        assert_eq!((find("text").unwrap().build)(&settings).err().unwrap().field, field, "{settings}");
    }
    let resolved = (find("text").unwrap().resolve)(&json!({"validation": "test"})).unwrap();
    assert_eq!((&resolved["train_samples"], &resolved["vocabulary"]), (&json!(25_000), &json!(134)));
    assert_eq!((find("text").unwrap().resolve)(&resolved).unwrap(), resolved);
}

#[test]
#[ignore = "needs BENCH_DATA, a folder with aclImdb"]
fn the_original_reviews_have_the_known_vocabulary() {
    let root = crate::files::given_data::folder("aclImdb/train");
    let started = std::time::Instant::now();
    let library = Library::open(root);
    let task = (find("text").unwrap().build)(&json!({})).unwrap();
    let data = task.prepare(&library, &()).unwrap();
    eprintln!("prepared in {:.1} s", started.elapsed().as_secs_f64());
    for (name, value) in data.describe().unwrap() {
        eprintln!("{name}: {value}");
    }
    assert_eq!((data.len(Split::Train), data.len(Split::Validation), data.len(Split::Test)), (22_500, 2_500, 25_000));
    assert!(data.notes().is_empty(), "{:?}", data.notes());
    let description = data.describe().unwrap();
    assert!(description[0].1.starts_with("134 ids, 131 of them characters"), "{}", description[0].1);
    assert!(description[1].1.starts_with("25000; characters: "), "{}", description[1].1);
    assert_eq!((description[2].1.as_str(), description[4].1.as_str()), ("12500", "12500"));
    // Ids of eight test texts as a program of its own makes them (Python: characters of the training texts cut to 4 095,
    // ordered by frequency and code point, those that occur 15 times or more; reviews by class and number).
    let classes: Vec<u8> = (0..25_000).map(|place| u8::from(place >= 12_500)).collect();
    let order = official(&classes);
    let positions = [0, 1, 12_499, 12_500, 24_999, 300, 5_000, 20_000]
        .map(|place| order.iter().position(|&other| other == place).unwrap());
    let batch = data.read(Split::Test, &positions).unwrap();
    let (Inputs::Tokens(ids), Targets::Labels(labels)) = (batch.inputs, batch.targets) else { panic!() };
    assert_eq!(labels, [0, 0, 0, 1, 1, 0, 0, 1]);
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    assert_eq!(
        format!("{:x}", Sha256::digest(&bytes)),
        "874cfa35e07d92324f7ffb7d0a4fa51ee0ffad1befe9e7b21d0037767a3cfefe"
    );
}
