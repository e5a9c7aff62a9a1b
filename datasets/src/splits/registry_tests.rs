#![allow(clippy::unwrap_used, clippy::panic)]
//! What holds for the splits of every registered task, on small made-up files in the original formats whose classes stand one
//! after the other. A new task is tested as soon as it is registered; one that reads files needs some in [`write_all`].

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::Write,
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use image::{GrayImage, ImageFormat};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::formats::wav;
use crate::library::Library;
use crate::registry;
use crate::samples::limit;
use crate::task::{Batch, Dataset, Inputs, Targets, Task};
use vocabulary::{OutputSpec, Split, SplitSizes};

/// Settings in which every task is tried: what is needed or keeps it small, and its other sources and splits.
fn variants(name: &str) -> Vec<Value> {
    match name {
        "listops" => vec![
            json!({"min_length": 5, "max_length": 40}),
            json!({"source": "lra", "length": 64}),
            json!({"min_length": 5, "max_length": 40, "order": "shuffled"}),
        ],
        "text" => vec![
            json!({"level": "byte", "length": 64}),
            json!({"length": 64, "min_frequency": 1}),
            json!({"length": 64, "tokens": "scalar", "padding": "right", "min_frequency": 1}),
            json!({"level": "byte", "length": 64, "order": "windows-8"}),
            json!({"level": "byte", "length": 64, "padding": "right", "bag": true}),
        ],
        "retrieval" => vec![
            json!({"level": "byte", "length": 64}),
            json!({"length": 64}),
            json!({"level": "byte", "length": 64, "order": "blocks-8"}),
        ],
        "smnist" => vec![json!({}), json!({"order": "blocks-28"}), json!({"bag": true})],
        "pathfinder" => vec![
            json!({"resolution": 32, "difficulty": "easy"}),
            json!({"resolution": 32, "difficulty": "easy", "source": "lra", "form": "2d"}),
        ],
        "pathx" => vec![json!({}), json!({"source": "lra"})],
        "npcifar" => vec![json!({"length": 40})],
        "stl10" => vec![json!({"size": 32})],
        "speech-mfcc" | "speech-raw" => {
            vec![
                json!({}),
                json!({"split": "official"}),
                json!({"words": "all", "drop": 30, "normalisation": "per-step"}),
            ]
        }
        "fsdd" => vec![
            json!({"length": 400}),
            json!({"length": 400, "split": "official", "normalisation": "per-step"}),
            json!({"length": 400, "representation": "mfcc", "drop": 50}),
        ],
        "character-trajectories" => vec![json!({}), json!({"drop": 70, "normalisation": "per-step"})],
        "char-lm" => vec![json!({"length": 16})],
        "adding" => vec![json!({"length": 20})],
        "copy" => vec![json!({"symbols": 20, "delay": 3}), json!({"symbols": 20, "delay": 3, "score": "all"})],
        "first-token" | "last-tokens" => vec![json!({"length": 20})],
        _ => vec![json!({})],
    }
}

const SIZES: SplitSizes = SplitSizes { train: 60, validation: 20, test: 20 };

/// A task in one of its variants.
struct Case {
    what: String,
    entry: registry::Entry,
    settings: Value,
    /// Whether the sizes of its splits are settings.
    sized: bool,
}

impl Case {
    fn all() -> Vec<Self> {
        let variants = registry::entries().into_iter().flat_map(|entry| {
            variants(entry.info.name).into_iter().map(move |settings| {
                let what = format!("{} {settings}", entry.info.name);
                let resolved = (entry.resolve)(&settings).unwrap_or_else(|error| panic!("{what}: {error}"));
                let sized = resolved.get("train_samples").is_some();
                Case { what, entry: entry.clone(), settings, sized }
            })
        });
        variants.collect()
    }

    fn task(&self, sizes: SplitSizes) -> Box<dyn Task> {
        let mut settings = self.settings.clone();
        if self.sized {
            for (field, size) in
                [("train_samples", sizes.train), ("validation_samples", sizes.validation), ("test_samples", sizes.test)]
            {
                settings[field] = json!(size);
            }
        }
        (self.entry.build)(&settings).unwrap_or_else(|error| panic!("{}: {error}", self.what))
    }

    fn prepare(&self, task: &dyn Task, library: &Library) -> Box<dyn Dataset> {
        task.prepare(library, &()).unwrap_or_else(|error| panic!("{}: {error}", self.what))
    }

    /// Whether samples are made by the program.
    fn generated(&self) -> bool {
        let empty = tempfile::tempdir().unwrap();
        self.task(SIZES).check(&Library::open(empty.path())).is_ok()
    }
}

fn read(data: &dyn Dataset, split: Split, count: usize) -> Batch {
    data.read(split, &(0..count).collect::<Vec<_>>()).unwrap()
}

/// The samples of a batch, each as a hash of its input.
fn inputs(batch: &Batch) -> Vec<String> {
    let hashes = |bytes: Vec<u8>| {
        let each = bytes.len() / batch.size.max(1);
        bytes.chunks_exact(each.max(1)).map(|sample| format!("{:x}", Sha256::digest(sample))).collect()
    };
    match &batch.inputs {
        Inputs::Values(values) => hashes(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Inputs::Tokens(tokens) => hashes(tokens.iter().flat_map(|token| token.to_le_bytes()).collect()),
    }
}

fn classes(batch: &Batch) -> Option<&[i32]> {
    match &batch.targets {
        Targets::Labels(labels) if labels.len() == batch.size => Some(labels),
        _ => None,
    }
}

fn same(a: &Batch, b: &Batch, what: &str) {
    assert!(a == b, "{what}");
}

#[test]
fn the_first_samples_of_every_split_have_its_classes_in_their_shares() {
    let (_folder, library) = write_all();
    for case in Case::all() {
        let task = case.task(SIZES);
        let data = case.prepare(task.as_ref(), &library);
        let generated = case.generated();
        let of_classes =
            matches!(task.spec().target, OutputSpec::Classes(_) | OutputSpec::Binary | OutputSpec::Pair(_));
        for split in Split::ALL {
            let len = data.len(split);
            assert!(len > 0, "{}: {split:?} is empty", case.what);
            let all = read(data.as_ref(), split, len);
            if let Inputs::Values(values) = &all.inputs {
                assert!(values.iter().all(|value| value.is_finite()), "{}: {split:?}", case.what);
            }
            let Some(labels) = classes(&all) else {
                assert!(!of_classes, "{}: no labels", case.what);
                continue;
            };
            let mut counts: HashMap<i32, f64> = HashMap::new();
            labels.iter().for_each(|&label| *counts.entry(label).or_default() += 1.0);
            for first in 1..=len {
                for (class, count) in &counts {
                    let share = count / len as f64;
                    let found = labels[..first].iter().filter(|label| *label == class).count() as f64;
                    // Samples from files are split by class: training and validation have the shares of both together, so
                    // that their own may differ by one more. Others are drawn: five standard deviations.
                    let drawn = 1.0 + 5.0 * (first as f64 * share * (1.0 - share)).sqrt();
                    let bound = if generated { drawn } else { 2.0 };
                    let expected = share * first as f64;
                    assert!(
                        (found - expected).abs() <= bound,
                        "{}: {found} of the first {first} {split:?} samples are of class {class}, and {count} of {len}",
                        case.what
                    );
                }
            }
        }
    }
}

#[test]
fn what_a_task_knows_of_its_samples_is_of_the_samples_asked_for() {
    let (_folder, library) = write_all();
    let mut known = HashSet::new();
    for case in Case::all() {
        let data = case.prepare(case.task(SIZES).as_ref(), &library);
        for split in Split::ALL {
            let all: Vec<usize> = (0..data.len(split)).collect();
            let last = [data.len(split) - 1, 0];
            let (whole, some) = (data.attributes(split, &all).unwrap(), data.attributes(split, &last).unwrap());
            assert_eq!(whole.len(), some.len(), "{}", case.what);
            for (whole, some) in whole.iter().zip(&some) {
                assert_eq!(whole.name, some.name);
                assert_eq!(some.values, last.map(|place| whole.values[place]), "{}: {split:?}", case.what);
                assert!(whole.values.len() == all.len() && whole.values.iter().all(|value| *value >= 0));
                known.insert(case.entry.info.name);
            }
            let texts = data.texts(split, 0).unwrap();
            assert!(texts.iter().all(|text| !text.is_empty()), "{}", case.what);
            let pair = matches!(case.task(SIZES).spec().target, OutputSpec::Pair(_));
            assert!(texts.is_empty() || texts.len() == if pair { 2 } else { 1 }, "{}: {texts:?}", case.what);
        }
    }
    for name in ["listops", "text", "retrieval", "pathfinder", "pathx", "fsdd"] {
        assert!(known.contains(name), "{name}: {known:?}");
    }
}

#[test]
fn no_sample_is_in_two_splits() {
    let (_folder, library) = write_all();
    for case in Case::all() {
        let data = case.prepare(case.task(SIZES).as_ref(), &library);
        let mut seen: HashSet<String> = HashSet::new();
        for split in Split::ALL {
            let own: HashSet<String> = inputs(&read(data.as_ref(), split, data.len(split))).into_iter().collect();
            // Windows of a short text may be alike; nothing else here is.
            assert!(own.is_disjoint(&seen), "{}: {split:?}", case.what);
            seen.extend(own);
        }
    }
}

#[test]
fn no_split_depends_on_the_size_of_another_and_smaller_ones_are_part_of_larger_ones() {
    let (_folder, library) = write_all();
    for case in Case::all() {
        let whole = case.prepare(case.task(SIZES).as_ref(), &library);
        let len = |split| whole.len(split);
        let beginnings = |cut: &dyn Dataset, what: &str| {
            for split in Split::ALL {
                let count = cut.len(split);
                assert!(count <= len(split));
                same(
                    &read(cut, split, count),
                    &read(whole.as_ref(), split, count),
                    &format!("{}: {what} {split:?}", case.what),
                );
            }
        };
        for split in Split::ALL {
            let mut smaller =
                SplitSizes { train: len(Split::Train), validation: len(Split::Validation), test: len(Split::Test) };
            match split {
                Split::Train => smaller.train /= 2,
                Split::Validation => smaller.validation /= 2,
                Split::Test => smaller.test /= 2,
            }
            let what = format!("{} cut in half changes", split.name());
            if case.sized {
                let cut = case.prepare(case.task(smaller).as_ref(), &library);
                assert_eq!(Split::ALL.map(|split| cut.len(split)), Split::ALL.map(|split| smaller.get(split)));
                beginnings(cut.as_ref(), &what);
                if !case.generated() {
                    let named = format!("{} of ", smaller.get(split));
                    let notes = cut.notes();
                    assert!(
                        notes.iter().any(|note| note.starts_with("a subset: ") && note.contains(&named)),
                        "{}: {notes:?}",
                        case.what
                    );
                }
            }
            let limited = limit(case.task(SIZES), smaller);
            let cut = case.prepare(limited.as_ref(), &library);
            beginnings(cut.as_ref(), &what);
            let named = format!("{} of {} {}", smaller.get(split), len(split), split.name());
            let notes = cut.notes();
            assert!(
                notes.iter().any(|note| note.starts_with("a subset: ") && note.contains(&named)),
                "{}: {notes:?}",
                case.what
            );
        }
    }
}

/// As reports do, which show no difference to published values where a note begins so.
fn says_that_data_differ(note: &str) -> bool {
    note.starts_with("reconstructed") || note.starts_with("not ")
}

#[test]
fn what_is_read_through_a_manifest_has_a_note_in_every_task() {
    let (_folder, library) = write_all();
    for set in library.catalogue() {
        let folder = library.folder(&set.name);
        let mut files = serde_json::Map::new();
        for file in set.files.iter().filter(|file| folder.join(&file.name).is_file()) {
            let bytes = fs::read(folder.join(&file.name)).unwrap();
            let sum = format!("{:x}", Sha256::digest(&bytes));
            files.insert(file.name.clone(), json!({ "bytes": bytes.len(), "sha256": sum }));
        }
        let about = json!({ "schema": 1, "reconstructed": "numbers that were made up", "files": files });
        write(&folder.join("bench-data.json"), about.to_string());
    }
    let mut read = 0;
    for case in Case::all() {
        let notes = case.prepare(case.task(SIZES).as_ref(), &library).notes();
        let expected = |note: &String| says_that_data_differ(note) && note.contains("numbers that were made up");
        assert_eq!(notes.iter().any(expected), !case.generated(), "{}: {notes:?}", case.what);
        read += usize::from(!case.generated());
    }
    assert!(read > 20, "{read}");
}

#[test]
fn samples_do_not_depend_on_the_number_of_threads() {
    let (_folder, library) = write_all();
    for case in Case::all() {
        let prepare = |threads| {
            if library.cache_folder().exists() {
                fs::remove_dir_all(library.cache_folder()).unwrap();
            }
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let data = case.prepare(case.task(SIZES).as_ref(), &library);
                let samples = Split::ALL.map(|split| read(data.as_ref(), split, data.len(split)));
                (data.content_hash().to_owned(), samples)
            })
        };
        let one = prepare(1);
        assert!(one == prepare(3), "{}", case.what);
    }
}

/// The lines of a file beside the fixtures.
fn pinned(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/registry").join(name);
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// The settings of a run are in its record and in the hash that names its folder.
#[test]
fn settings_with_every_default_filled_in_are_written_as_ever() {
    let settings = |entry: registry::Entry| format!("{} {}", entry.info.name, (entry.resolve)(&json!({})).unwrap());
    let written: Vec<String> = registry::entries().into_iter().map(settings).collect();
    assert_eq!(written, pinned("settings.txt"), "whatever changes them makes other runs of old experiments");
}

#[test]
fn samples_are_those_they_were_when_their_version_was_given() {
    let (_folder, library) = write_all();
    let hash = |case: Case| {
        let data = case.prepare(case.task(SIZES).as_ref(), &library);
        format!("{} {}", data.content_hash(), case.what)
    };
    let found: Vec<String> = Case::all().into_iter().map(hash).collect();
    assert_eq!(found, pinned("samples.txt"), "whatever changes samples changes the version of the task");
}

/// A data folder with every set that a task reads, classes one after the other.
fn write_all() -> (tempfile::TempDir, Library) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for set in ["mnist", "fashion-mnist"] {
        write_idx(&root.join(set));
    }
    write_cifar(root);
    write_stl(&root.join("stl10_binary"));
    write_reviews(&root.join("aclImdb"));
    write_arena(&root.join("lra_release/lra_release"));
    write_speech(&root.join("speech_commands_v0.02"));
    write_digits(&root.join("fsdd/recordings"));
    write_letters(&root.join("CharacterTrajectories"));
    write_patients(&root.join("physionet2019"));
    write_text(&root.join("tinyshakespeare"));
    let library = Library::open(root);
    (folder, library)
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Numbers that look random, another sequence for every `seed`.
fn noise(seed: usize, count: usize) -> impl Iterator<Item = u8> {
    let mut state = seed as u64 * 2_654_435_761 + 12_345;
    (0..count).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
}

fn write_idx(folder: &Path) {
    let mut files = serde_json::Map::new();
    for (part, first, count) in [("train", 0, 200), ("t10k", 1_000, 80)] {
        let label = |index: usize| (index * 10 / count) as u8;
        let pixels: Vec<u8> = (0..count).flat_map(|index| noise(first + index, 784)).collect();
        let size = (count as u32).to_be_bytes();
        let images = [&[0, 0, 8, 3], &size[..], &28u32.to_be_bytes(), &28u32.to_be_bytes(), &pixels].concat();
        let labels = [&[0, 0, 8, 1], &size[..], &(0..count).map(label).collect::<Vec<u8>>()].concat();
        for (name, bytes) in
            [(format!("{part}-images-idx3-ubyte.gz"), images), (format!("{part}-labels-idx1-ubyte.gz"), labels)]
        {
            let mut packer = GzEncoder::new(vec![], Compression::fast());
            packer.write_all(&bytes).unwrap();
            let packed = packer.finish().unwrap();
            let sum = format!("{:x}", Sha256::digest(&packed));
            files.insert(name.clone(), json!({ "bytes": packed.len(), "sha256": sum }));
            write(&folder.join(name), packed);
        }
    }
    let about = json!({ "schema": 1, "reconstructed": "made up for tests", "files": files });
    write(&folder.join("bench-data.json"), about.to_string());
}

fn write_cifar(root: &Path) {
    let records = |numbers: std::ops::Range<usize>, labels: &dyn Fn(usize) -> Vec<u8>| -> Vec<u8> {
        numbers.flat_map(|index| labels(index).into_iter().chain(noise(index, 3_072))).collect()
    };
    let ten = root.join("cifar-10-batches-bin");
    for batch in 0..5 {
        let numbers = batch * 40..batch * 40 + 40;
        let bytes = records(numbers, &|index| vec![(index / 20) as u8]);
        write(&ten.join(format!("data_batch_{}.bin", batch + 1)), bytes);
    }
    write(&ten.join("test_batch.bin"), records(1_000..1_080, &|index| vec![((index - 1_000) / 8) as u8]));
    let hundred = root.join("cifar-100-binary");
    write(&hundred.join("train.bin"), records(0..300, &|index| vec![0, (index / 3) as u8]));
    write(&hundred.join("test.bin"), records(1_000..1_200, &|index| vec![0, ((index - 1_000) / 2) as u8]));
}

fn write_stl(folder: &Path) {
    for (part, first, count) in [("train", 0, 100), ("test", 1_000, 40)] {
        let pixels: Vec<u8> = (0..count).flat_map(|index| noise(first + index, 3 * 96 * 96)).collect();
        write(&folder.join(format!("{part}_X.bin")), pixels);
        let labels: Vec<u8> = (0..count).map(|index| (index * 10 / count) as u8 + 1).collect();
        write(&folder.join(format!("{part}_y.bin")), labels);
    }
}

fn words(seed: usize, count: usize) -> String {
    noise(seed, count).map(|byte| char::from(b"abcdefgh "[usize::from(byte) % 9])).collect()
}

fn write_reviews(folder: &Path) {
    for (part, first, count) in [("train", 0, 60), ("test", 1_000, 40)] {
        for (class, stars) in [("neg", 2), ("pos", 9)] {
            for index in 0..count {
                let seed = first + index + if class == "pos" { 500 } else { 0 };
                write(&folder.join(part).join(class).join(format!("{index}_{stars}.txt")), words(seed, 50));
            }
        }
    }
}

fn write_arena(folder: &Path) {
    for (part, first, count) in [("train", 0, 120), ("val", 1_000, 50), ("test", 2_000, 50)] {
        let expression = |index: usize| {
            let value = index * 10 / count;
            // The last digit makes the sum of all, modulo 10, the value.
            let mut digits: Vec<usize> = noise(first + index, 20).map(|byte| usize::from(byte) % 10).collect();
            digits.push((value + 10 - digits.iter().sum::<usize>() % 10) % 10);
            let digits: Vec<String> = digits.iter().map(usize::to_string).collect();
            format!("( [SM {} ] )\t{value}\n", digits.join(" "))
        };
        let lines: String = (0..count).map(expression).collect();
        write(&folder.join(format!("listops-1000/basic_{part}.tsv")), format!("Source\tTarget\n{lines}"));
        let pair = |index: usize| {
            let label = index * 2 / count;
            let (one, other) = (words(first + index, 40), words(3_000 + first + index, 40));
            format!("{label}.0\tA{index}\tB{index}\t{}x\t{}x\n", one.trim(), other.trim())
        };
        let lines: String = (0..count).map(pair).collect();
        let part = if part == "val" { "eval" } else { part };
        write(&folder.join(format!("tsv_data/new_aan_pairs.{part}.tsv")), lines);
    }
    for (side, level) in [(32, "curv_baseline"), (128, "curv_contour_length_14")] {
        let place = folder.join(format!("pathfinder{side}/{level}"));
        fs::create_dir_all(place.join("imgs/0")).unwrap();
        let mut lines = String::new();
        for index in 0..200 {
            let pixels = noise(index, 64).cycle_to((side * side) as usize);
            let name = format!("sample_{index}.png");
            let image = GrayImage::from_raw(side, side, pixels).unwrap();
            image.save_with_format(place.join("imgs/0").join(&name), ImageFormat::Png).unwrap();
            lines.push_str(&format!("imgs/0 {name} {index} {} 1.0 6 2 2 0.5 1 1\n", index / 100));
        }
        write(&place.join("metadata/0.npy"), lines);
    }
}

trait CycleTo {
    fn cycle_to(self, length: usize) -> Vec<u8>;
}

impl<I: Iterator<Item = u8>> CycleTo for I {
    fn cycle_to(self, length: usize) -> Vec<u8> {
        let some: Vec<u8> = self.collect();
        some.iter().copied().cycle().take(length).collect()
    }
}

fn clip(seed: usize, length: usize) -> Vec<i16> {
    noise(seed, length).map(|byte| (i16::from(byte) - 128) * 50).collect()
}

fn write_speech(folder: &Path) {
    let (mut validation, mut test) = (String::new(), String::new());
    for (class, word) in ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"].into_iter().enumerate()
    {
        for index in 0..10 {
            let name = format!("{word}/{index}_nohash_0.wav");
            write(&folder.join(&name), wav::write(16_000, &clip(class * 10 + index, 16_000)));
            match index {
                0 | 1 => validation.push_str(&format!("{name}\n")),
                2 | 3 => test.push_str(&format!("{name}\n")),
                _ => {}
            }
        }
    }
    write(&folder.join("validation_list.txt"), validation);
    write(&folder.join("testing_list.txt"), test);
}

fn write_digits(folder: &Path) {
    for digit in 0..10usize {
        for (voice, speaker) in ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"].into_iter().enumerate() {
            for index in [0, 3, 5, 10, 11] {
                let seed = (digit * 6 + voice) * 20 + index;
                let length = 200 + seed % 250;
                write(&folder.join(format!("{digit}_{speaker}_{index}.wav")), wav::write(8_000, &clip(seed, length)));
            }
        }
    }
}

fn write_letters(folder: &Path) {
    for (part, first, count) in [("TRAIN", 0, 200), ("TEST", 1_000, 100)] {
        let mut text = "@problemName CharacterTrajectories\n@timeStamps false\n@univariate false\n@dimensions 3\n\
                        @equalLength false\n@classLabel true"
            .to_owned();
        (1..=20).for_each(|label| text.push_str(&format!(" {label}")));
        text.push_str("\n@data\n");
        for index in 0..count {
            for channel in 0..3 {
                let values: Vec<String> =
                    noise(3 * (first + index) + channel, 60 + index % 50).map(|byte| byte.to_string()).collect();
                text.push_str(&format!("{}:", values.join(",")));
            }
            text.push_str(&format!("{}\n", index * 20 / count + 1));
        }
        write(&folder.join(format!("CharacterTrajectories_{part}.ts")), text);
    }
}

fn write_patients(folder: &Path) {
    const COLUMNS: &str = "HR|O2Sat|Temp|SBP|MAP|DBP|Resp|EtCO2|BaseExcess|HCO3|FiO2|pH|PaCO2|SaO2|AST|BUN|Alkalinephos|\
                           Calcium|Chloride|Creatinine|Bilirubin_direct|Glucose|Lactate|Magnesium|Phosphate|Potassium|\
                           Bilirubin_total|TroponinI|Hct|Hgb|PTT|WBC|Fibrinogen|Platelets|Age|Gender|Unit1|Unit2|\
                           HospAdmTime|ICULOS|SepsisLabel";
    for index in 0..200usize {
        let mut text = COLUMNS.to_owned();
        let sepsis = u8::from(index >= 170);
        for (hour, byte) in noise(index, 10).enumerate() {
            let missing = ["NaN"; 33].join("|");
            text.push_str(&format!("\n{byte}|{missing}|{}|1|0|1|-2|{}|{sepsis}", 20 + index, hour + 1));
        }
        write(&folder.join(format!("training_setA/p{index:06}.psv")), text);
    }
}

fn write_text(folder: &Path) {
    write(&folder.join("input.txt"), words(7, 20_000));
}
