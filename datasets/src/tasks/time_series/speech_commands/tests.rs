#![allow(clippy::unwrap_used, clippy::panic)]

use vocabulary::InputSpec;

use super::*;
use crate::formats::wav;
use crate::task::{Batch, Inputs, Targets};

/// Where the catalogue puts the set.
const FOLDER: &str = "speech_commands_v0.02";

/// A small data set: for each of three words ten clips of different tones, one of them too short.
fn small() -> (tempfile::TempDir, Library) {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join(FOLDER);
    let (mut validation, mut test) = (String::new(), String::new());
    for (class, word) in ["yes", "no", "bed"].into_iter().enumerate() {
        fs::create_dir_all(set.join(word)).unwrap();
        for clip in 0..10usize {
            let length = if clip == 9 { 15_000 } else { SAMPLES };
            let tone = |t: usize| (8_000.0 * (0.01 * (1 + class * 10 + clip) as f64 * t as f64).sin()) as i16;
            let samples: Vec<i16> = (0..length).map(tone).collect();
            fs::write(set.join(word).join(format!("{clip}_nohash_0.wav")), wav::write(RATE, &samples)).unwrap();
        }
        validation.push_str(&format!("{word}/3_nohash_0.wav\n{word}/9_nohash_0.wav\n"));
        test.push_str(&format!("{word}/5_nohash_0.wav\n"));
    }
    fs::write(set.join(VALIDATION_LIST), format!("\u{feff}{validation}")).unwrap();
    fs::write(set.join(TESTING_LIST), test).unwrap();
    fs::write(set.join("yes").join("notes.txt"), "no clip").unwrap();
    let library = Library::open(folder.path());
    (folder, library)
}

fn sizes(data: &dyn Dataset) -> [usize; 3] {
    Split::ALL.map(|split| data.len(split))
}

fn values(batch: Batch) -> (Vec<f32>, Vec<i32>) {
    assert_eq!(batch.lengths, None);
    match (batch.inputs, batch.targets) {
        (Inputs::Values(values), Targets::Labels(labels)) => (values, labels),
        other => panic!("{other:?}"),
    }
}

fn prepared(config: Config, form: SoundForm, library: &Library) -> Box<dyn Dataset> {
    build(config, form).unwrap().prepare(library, &()).unwrap()
}

fn all(split: Division) -> Config {
    Config { words: Words::All, split, normalisation: Normalisation::None, ..Config::default() }
}

#[test]
fn ten_words_take_whole_clips_and_all_words_fill_up_short_ones() {
    let (_folder, library) = small();
    let ten = prepared(Config::default(), SoundForm::Raw, &library);
    // yes and no, nine clips each: 12, 3, 3.
    assert_eq!(sizes(ten.as_ref()), [12, 3, 3]);
    let every = prepared(all(Division::Official), SoundForm::Raw, &library);
    assert_eq!(sizes(every.as_ref()), [21, 6, 3]);
    let (values, labels) = values(every.read(Split::Validation, &[0, 1, 2, 3, 4, 5]).unwrap());
    let short = values.chunks_exact(SAMPLES).filter(|clip| clip[15_000..].iter().all(|&value| value == 0.0)).count();
    assert_eq!(short, 3);
    // Classes are alphabetical: bed 1, no 18, yes 33.
    let mut sorted = labels.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [1, 1, 18, 18, 33, 33]);
    assert_ne!(labels, sorted, "the order of a split is mixed");
}

#[test]
fn silent_clips_are_told_also_when_they_were_read_before() {
    let (folder, library) = small();
    let notes = || prepared(Config::default(), SoundForm::Mfcc, &library).notes();
    assert!(!notes().iter().any(|note| note.contains("silent")), "{:?}", notes());
    for name in ["yes/2_nohash_0.wav", "no/4_nohash_0.wav"] {
        fs::write(folder.path().join(FOLDER).join(name), wav::write(RATE, &[0; SAMPLES])).unwrap();
    }
    for _ in 0..2 {
        let expected = |note: &String| note.starts_with("2 recordings are silent, ") && note.ends_with(".wav first");
        assert!(notes().iter().any(expected), "{:?}", notes());
    }
}

#[test]
fn official_lists_decide_and_every_clip_keeps_its_class() {
    let (_folder, library) = small();
    let config = Config { split: Division::Official, normalisation: Normalisation::None, ..Config::default() };
    let data = prepared(config, SoundForm::Raw, &library);
    // Clip 3 is for validation, clip 9 is too short, clip 5 is for the test.
    assert_eq!(sizes(data.as_ref()), [14, 2, 2]);
    let (values, labels) = values(data.read(Split::Test, &[0, 1]).unwrap());
    for (clip, &label) in values.chunks_exact(SAMPLES).zip(&labels) {
        let tone = |t: usize| (8_000.0 * (0.01 * (1 + label as usize * 10 + 5) as f64 * t as f64).sin()) as i16;
        assert!((0..SAMPLES).all(|t| clip[t] == f32::from(tone(t)) / 32_768.0));
    }
}

#[test]
fn an_incomplete_set_says_so() {
    let (_folder, library) = small();
    let notes = prepared(Config::default(), SoundForm::Raw, &library).notes();
    assert_eq!(notes.len(), 2);
    assert!(notes[0].contains("20 of 38546 clips of these words, 18 of 34975 used"), "{}", notes[0]);
    assert!(notes[1].starts_with("there is no sample of up, down,"), "{}", notes[1]);
}

#[test]
fn mfcc_is_the_transform_of_the_scaled_clip() {
    let (_folder, library) = small();
    let (raw, _) =
        values(prepared(all(Division::Official), SoundForm::Raw, &library).read(Split::Train, &[0, 1]).unwrap());
    for (scale, divisor) in [(Scale::Unit, 1.0), (Scale::CcnnDouble, 32_768.0)] {
        let config = Config { scale, ..all(Division::Official) };
        let data = prepared(config.clone(), SoundForm::Mfcc, &library);
        assert_eq!(
            build(config, SoundForm::Mfcc).unwrap().spec().input,
            InputSpec::Values { channels: 20, shape: vec![161] }
        );
        let (features, _) = values(data.read(Split::Train, &[0, 1]).unwrap());
        for (clip, features) in raw.chunks_exact(SAMPLES).zip(features.chunks_exact(20 * 161)) {
            let signal: Vec<f64> = clip.iter().map(|&value| f64::from(value) / divisor).collect();
            assert_eq!(Mfcc::new(RATE).transform(&signal).unwrap(), features);
        }
    }
}

#[test]
fn double_scaling_leaves_less_than_unit_deviation() {
    let (_folder, library) = small();
    let deviation = |scale| {
        let config = Config { scale, ..Config::default() };
        let data = prepared(config, SoundForm::Raw, &library);
        let (values, _) = values(data.read(Split::Train, &(0..12).collect::<Vec<_>>()).unwrap());
        (values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    };
    // Tones of deviation d = 8000 / 2^15 / √2: d' / (d' + 1e-5) with d' = d / 2^15.
    assert!((deviation(Scale::Unit) - 1.0).abs() < 1e-3);
    let small = 8_000.0 / 32_768.0 / 2f64.sqrt() / 32_768.0;
    assert!((deviation(Scale::CcnnDouble) - small / (small + 1e-5)).abs() < 1e-3);
}

#[test]
fn dropped_steps_are_marked_in_a_channel_of_their_own() {
    let (_folder, library) = small();
    let config = Config { drop: 70, ..Config::default() };
    let task = build(config, SoundForm::Mfcc).unwrap();
    assert_eq!(task.spec().input, InputSpec::Values { channels: 21, shape: vec![161] });
    assert_eq!(task.spec().version, "speech-mfcc@ten-stratified2-unit-per-channel-drop1-70-1");
    assert_eq!(task.spec().name, "speech-mfcc-drop70");
    let (values, _) = values(task.prepare(&library, &()).unwrap().read(Split::Test, &[2]).unwrap());
    let marks = &values[20 * 161..];
    assert_eq!(marks.iter().filter(|&&mark| mark == 0.0).count(), 112);
    for channel in values[..20 * 161].chunks_exact(161) {
        assert!(channel.iter().zip(marks).all(|(value, mark)| (*value != 0.0) == (*mark == 1.0)));
    }
}

#[test]
fn every_reading_has_its_own_version_and_hash() {
    let (_folder, library) = small();
    let base = Config::default;
    let configs = [
        base(),
        Config { words: Words::All, ..base() },
        Config { split: Division::Official, ..base() },
        Config { scale: Scale::CcnnDouble, ..base() },
        Config { normalisation: Normalisation::PerStep, ..base() },
        Config { drop: 30, ..base() },
    ];
    let mut seen: Vec<(String, String)> = vec![];
    for config in configs {
        for form in [SoundForm::Raw, SoundForm::Mfcc] {
            let task = build(config.clone(), form).unwrap();
            let hash = task.prepare(&library, &()).unwrap().content_hash().to_owned();
            let version = task.spec().version.clone();
            assert!(seen.iter().all(|(v, h)| *v != version && *h != hash), "{version}");
            seen.push((version, hash));
        }
    }
}

#[test]
fn what_is_missing_or_damaged_is_named() {
    let (folder, library) = small();
    let empty = tempfile::tempdir().unwrap();
    let task = build(Config::default(), SoundForm::Raw).unwrap();
    let absent = task.check(&Library::open(empty.path())).unwrap_err();
    assert!(absent.is_missing_from("speech-commands"), "{absent}");
    assert!(task.prepare(&Library::open(empty.path()), &()).err().unwrap().is_missing());
    task.check(&library).unwrap();

    let set = folder.path().join(FOLDER);
    let official = build(Config { split: Division::Official, ..Config::default() }, SoundForm::Raw).unwrap();
    fs::write(set.join(TESTING_LIST), "yes/5_nohash_0.wav\nyes 6\n").unwrap();
    let error = official.prepare(&library, &()).err().unwrap();
    assert!(error.is_malformed(TESTING_LIST, "line 2:"), "{error}");
    fs::write(set.join(TESTING_LIST), "").unwrap();
    let error = official.prepare(&library, &()).err().unwrap();
    assert!(error.is_malformed(FOLDER, ""), "{error}");
    fs::remove_file(set.join(TESTING_LIST)).unwrap();
    assert!(official.check(&library).unwrap_err().is_missing());

    fs::write(set.join("no/4_nohash_0.wav"), b"RIFF....WAVE").unwrap();
    let error = task.prepare(&library, &()).err().unwrap();
    assert!(error.is_malformed("4_nohash_0.wav", "header:"), "{error}");
    assert_eq!(build(Config { drop: 91, ..Config::default() }, SoundForm::Raw).err().unwrap().field, "drop");
}

#[test]
fn a_changed_clip_is_read_again() {
    let (folder, library) = small();
    let hash = |library: &Library| prepared(all(Division::Official), SoundForm::Raw, library).content_hash().to_owned();
    let before = hash(&library);
    fs::write(folder.path().join(FOLDER).join("bed/0_nohash_0.wav"), wav::write(RATE, &[1, 2, 3])).unwrap();
    assert_ne!(before, hash(&library));
}

#[test]
#[ignore = "needs BENCH_DATA, a folder with 350 clips of speech_commands"]
fn the_clips_that_are_here_follow_the_official_lists() {
    let root = crate::files::given_data::folder(FOLDER);
    let library = Library::open(root);
    let config = all(Division::Official);
    let files = SpeechTask {
        spec: build(config.clone(), SoundForm::Raw).unwrap().spec().clone(),
        config: config.clone(),
        form: SoundForm::Raw,
        encoding: SequenceEncoding {
            channels: 1,
            length: SAMPLES,
            values: ValueEncoding::Floats,
            normalisation: Normalisation::None,
            drop: 0,
            padded: false,
        },
    }
    .files(&library)
    .unwrap()
    .len();
    assert_eq!(files, 350, "the sample of 350 clips");
    let data = prepared(config, SoundForm::Mfcc, &library);
    assert_eq!(sizes(data.as_ref()), [245, 70, 35]);
    assert!(data.notes()[0].contains("350 of 105829"), "{:?}", data.notes());
    for (split, each) in [(Split::Train, 7), (Split::Validation, 2), (Split::Test, 1)] {
        let batch = data.read(split, &(0..data.len(split)).collect::<Vec<_>>()).unwrap();
        let (values, labels) = values(batch);
        assert!(values.iter().all(|value| value.is_finite()));
        for class in 0..35 {
            assert_eq!(labels.iter().filter(|&&label| label == class).count(), each, "{split:?} {class}");
        }
    }
    let ten = prepared(Config::default(), SoundForm::Raw, &library);
    let clips: usize = sizes(ten.as_ref()).iter().sum();
    assert!((60..=100).contains(&clips), "{clips} of 100 clips are whole");
}
