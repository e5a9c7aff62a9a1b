#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! Small sets in the original layouts, through every task that reads them, and the whole one where it is at hand.

use std::{fs, path::Path};

use serde_json::{Value, json};

use vocabulary::{InputSpec, Split};

use super::images::Images;
use crate::registry::find;
use crate::task::{Batch, Dataset, Inputs, Targets, Task};
use crate::{DataError, Library};

/// A byte that says where it stands.
fn byte(image: usize, channel: usize, y: usize, x: usize) -> u8 {
    (image * 97 + channel * 59 + y * 7 + x * 3) as u8
}

fn cifar_record(image: usize, labels: &[u8]) -> Vec<u8> {
    let mut record = labels.to_vec();
    for channel in 0..3 {
        record.extend((0..1024).map(|place| byte(image, channel, place / 32, place % 32)));
    }
    record
}

/// 20 training images in five files and 6 test images (numbers 100 to 105).
fn write_cifar10(root: &Path) {
    let folder = root.join("cifar-10-batches-bin");
    fs::create_dir_all(&folder).unwrap();
    for batch in 0..5 {
        let records: Vec<u8> =
            (batch * 4..batch * 4 + 4).flat_map(|image| cifar_record(image, &[(image % 10) as u8])).collect();
        fs::write(folder.join(format!("data_batch_{}.bin", batch + 1)), records).unwrap();
    }
    let records: Vec<u8> = (100..106).flat_map(|image| cifar_record(image, &[(image % 10) as u8])).collect();
    fs::write(folder.join("test_batch.bin"), records).unwrap();
}

fn task(name: &str, extra: Value) -> Box<dyn Task> {
    let mut settings = json!({"train_samples": 12, "validation_samples": 5, "test_samples": 6});
    settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    (find(name).unwrap().build)(&settings).unwrap()
}

fn values(batch: Batch) -> (Vec<f32>, Vec<i32>) {
    match (batch.inputs, batch.targets) {
        (Inputs::Values(values), Targets::Labels(labels)) => (values, labels),
        other => panic!("{other:?}"),
    }
}

/// Position of the test image with this label, of a set in which each has its own.
fn tested(data: &dyn Dataset, label: i32) -> usize {
    let Targets::Labels(labels) =
        data.read(Split::Test, &(0..data.len(Split::Test)).collect::<Vec<_>>()).unwrap().targets
    else {
        panic!("images have labels")
    };
    labels.into_iter().position(|found| found == label).unwrap()
}

fn close(found: f32, expected: f32) -> bool {
    (found - expected).abs() < 1e-5
}

#[test]
fn colours_are_normalised_per_channel_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    write_cifar10(folder.path());
    let library = Library::open(folder.path());
    let picture = task("cifar10", json!({"augment": false}));
    let sequence = task("scifar10", json!({}));
    let row = task("cifar10", json!({"augment": false, "dimensions": 1}));
    assert_eq!(picture.spec().input, InputSpec::Values { channels: 3, shape: vec![32, 32] });
    assert_eq!(sequence.spec().input, InputSpec::Values { channels: 3, shape: vec![1024] });
    assert_eq!(row.spec().input, sequence.spec().input);
    assert_eq!(picture.spec().data, sequence.spec().data);
    assert_eq!(picture.spec().version, "cifar10@standard-split-2-1");
    let [picture, sequence, row] = [picture, sequence, row].map(|task| task.prepare(&library, &()).unwrap());
    assert_eq!(picture.content_hash(), sequence.content_hash());
    assert_eq!(picture.content_hash(), row.content_hash());
    let third = [tested(picture.as_ref(), 3)];
    let (numbers, labels) = values(picture.read(Split::Test, &third).unwrap());
    assert_eq!((numbers.len(), labels.as_slice()), (3072, &[3][..]));
    let expected = |channel: usize, y: usize, x: usize, mean: f32, deviation: f32| {
        (f32::from(byte(103, channel, y, x)) / 255.0 - mean) / deviation
    };
    assert!(close(numbers[5 * 32 + 7], expected(0, 5, 7, 0.4914, 0.247)));
    assert!(close(numbers[1024 + 31 * 32], expected(1, 31, 0, 0.4822, 0.243)));
    assert!(close(numbers[2048 + 31], expected(2, 0, 31, 0.4465, 0.261)));
    assert_eq!(sequence.read(Split::Test, &third).unwrap().inputs, Inputs::Values(numbers));
    let imagenet = task("scifar10", json!({"normalisation": "imagenet"})).prepare(&library, &()).unwrap();
    let (numbers, _) = values(imagenet.read(Split::Test, &third).unwrap());
    assert!(close(numbers[2048 + 31], expected(2, 0, 31, 0.406, 0.225)));
    assert_ne!(imagenet.content_hash(), sequence.content_hash());
    // A set of another size says so.
    assert!(picture.notes()[0].contains("not the official set of 50000 training and 10000 test images: 20 and 6"));
}

#[test]
fn splits_are_disjoint_parts_of_the_training_images() {
    let folder = tempfile::tempdir().unwrap();
    write_cifar10(folder.path());
    let data = task("cifar10", json!({})).prepare(&Library::open(folder.path()), &()).unwrap();
    // The first pixel says which image it is, by its red and green values.
    let mut seen = std::collections::BTreeSet::new();
    for split in [Split::Train, Split::Validation] {
        let (numbers, labels) = values(data.read(split, &(0..data.len(split)).collect::<Vec<_>>()).unwrap());
        for (image, label) in numbers.chunks_exact(3072).zip(labels) {
            let red = ((image[0] * 0.247 + 0.4914) * 255.0).round() as u8;
            let number = (0..20).find(|&number| byte(number, 0, 0, 0) == red).unwrap();
            assert_eq!(label, number as i32 % 10);
            assert!(seen.insert(number), "image {number} occurs twice");
        }
    }
    assert_eq!(seen.len(), 17);
    assert!(data.read(Split::Validation, &[5]).is_err());
}

#[test]
fn training_images_change_with_stream_and_position_alone() {
    let folder = tempfile::tempdir().unwrap();
    write_cifar10(folder.path());
    let library = Library::open(folder.path());
    for (name, extra) in
        [("cifar10", json!({})), ("image", json!({"augment": true})), ("scifar10", json!({"augment": true}))]
    {
        let data = task(name, extra).prepare(&library, &()).unwrap();
        let read = |positions: &[usize], stream| values(data.read_for_training(positions, stream).unwrap());
        let (both, labels) = read(&[7, 3], 1);
        assert_eq!(both[both.len() / 2..], read(&[3], 1).0);
        assert_eq!(both, read(&[7, 3], 1).0);
        assert_ne!(both, read(&[7, 3], 2).0);
        let plain = values(data.read(Split::Train, &[7, 3]).unwrap());
        assert_ne!(both, plain.0);
        assert_eq!(labels, plain.1);
        // Evaluation never sees a changed image.
        assert_eq!(data.read(Split::Train, &[7, 3]).unwrap(), data.read(Split::Train, &[7, 3]).unwrap());
    }
    let plain = task("image", json!({})).prepare(&library, &()).unwrap();
    assert_eq!(plain.read_for_training(&[4], 9).unwrap(), plain.read(Split::Train, &[4]).unwrap());
    assert_eq!(task("cifar10", json!({})).spec().version, "cifar10@standard-crop4-flip-split-2-1");
}

#[test]
fn grey_is_that_of_pillow_in_every_reading() {
    let folder = tempfile::tempdir().unwrap();
    write_cifar10(folder.path());
    let library = Library::open(folder.path());
    let grey = |y: usize, x: usize| {
        let [r, g, b] = [0, 1, 2].map(|channel| u32::from(byte(102, channel, y, x)));
        (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16
    };
    let normalised = task("image", json!({}));
    assert_eq!(normalised.spec().input, InputSpec::Values { channels: 1, shape: vec![1024] });
    let data = normalised.prepare(&library, &()).unwrap();
    let second = [tested(data.as_ref(), 2)];
    let (numbers, _) = values(data.read(Split::Test, &second).unwrap());
    assert!((0..1024).all(|place| close(numbers[place], (grey(place / 32, place % 32) as f32 - 122.6) / 61.0)));
    let picture = task("image", json!({"form": "2d"}));
    assert_eq!(picture.spec().input, InputSpec::Values { channels: 1, shape: vec![32, 32] });
    assert_eq!((picture.spec().name.as_str(), picture.spec().data.as_str()), ("image-2d", "cifar10"));
    assert_eq!(values(picture.prepare(&library, &()).unwrap().read(Split::Test, &second).unwrap()).0, numbers);
    let ids = task("image", json!({"pixels": "embed"}));
    assert_eq!(ids.spec().input, InputSpec::Tokens { vocabulary: 256, length: 1024 });
    assert_eq!(ids.spec().version, "lra-image@grey-embed-split-2-1");
    let batch = ids.prepare(&library, &()).unwrap().read(Split::Test, &second).unwrap();
    let expected: Vec<i32> = (0..1024).map(|place| grey(place / 32, place % 32) as i32).collect();
    assert_eq!(batch.inputs, Inputs::Tokens(expected));
    let both = json!({"pixels": "embed", "form": "2d"});
    assert_eq!((find("image").unwrap().build)(&both).err().unwrap().field, "pixels");
    // Pillow: Image.new("RGB", (1, 1), (10, 200, 30)).convert("L").getpixel((0, 0)) is 124.
    let one = Images { channels: 3, side: 1, pixels: vec![10, 200, 30], labels: vec![0] };
    assert_eq!(one.grey().pixels, [124]);
}

#[test]
fn rows_are_followed_by_noise_that_belongs_to_the_sample() {
    let folder = tempfile::tempdir().unwrap();
    write_cifar10(folder.path());
    let library = Library::open(folder.path());
    let task_of = |extra| task("npcifar", extra);
    let task = task_of(json!({}));
    assert_eq!(task.spec().input, InputSpec::Values { channels: 96, shape: vec![1000] });
    assert_eq!(task.spec().version, "npcifar@noise1000-seed0-standard-split-2-1");
    let data = task.prepare(&library, &()).unwrap();
    let places = [0, 1].map(|label| tested(data.as_ref(), label));
    let (numbers, _) = values(data.read(Split::Test, &places).unwrap());
    let at = |sample: usize, dimension: usize, step: usize| numbers[(sample * 96 + dimension) * 1000 + step];
    // Step 4 holds row 4: blue of column 9 is number 64 + 9.
    assert!(close(at(1, 73, 4), (f32::from(byte(101, 2, 4, 9)) / 255.0 - 0.4465) / 0.261));
    let noise = |sample: usize| {
        (0..96)
            .flat_map(|d| (32..1000).map(move |t| (d, t)))
            .map(|(d, t)| f64::from(at(sample, d, t)))
            .collect::<Vec<f64>>()
    };
    let (first, second) = (noise(0), noise(1));
    let count = first.len() as f64;
    let mean = first.iter().sum::<f64>() / count;
    let variance = first.iter().map(|value| value * value).sum::<f64>() / count;
    assert!(mean.abs() < 4.0 / count.sqrt() && (variance - 1.0).abs() < 4.0 * (2.0 / count).sqrt());
    let together = first.iter().zip(&second).map(|(one, other)| one * other).sum::<f64>() / count;
    assert!(together.abs() < 4.0 / count.sqrt(), "samples have noise of their own");
    assert_eq!(values(data.read(Split::Test, &places[1..]).unwrap()).0, numbers[96_000..]);
    assert_eq!(values(data.read_for_training(&[2], 5).unwrap()), values(data.read(Split::Train, &[2]).unwrap()));
    assert_ne!(values(data.read(Split::Train, &[0]).unwrap()).0[32..40], numbers[32..40]);
    let other = task_of(json!({"seed": 1})).prepare(&library, &()).unwrap();
    assert_ne!(other.content_hash(), data.content_hash());
    assert_ne!(values(other.read(Split::Test, &places[..1]).unwrap()).0[40..60], numbers[40..60]);
}

#[test]
fn cifar100_has_fine_labels() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("cifar-100-binary");
    fs::create_dir_all(&place).unwrap();
    let records: Vec<u8> =
        (0..20).flat_map(|image| cifar_record(image, &[(image % 20) as u8, 80 + image as u8 % 20])).collect();
    fs::write(place.join("train.bin"), &records).unwrap();
    fs::write(place.join("test.bin"), &records).unwrap();
    let task = task("cifar100", json!({}));
    assert_eq!(task.spec().target, crate::OutputSpec::Classes(100));
    let data = task.prepare(&Library::open(folder.path()), &()).unwrap();
    let (_, mut labels) = values(data.read(Split::Test, &[0, 1, 2, 3, 4, 5]).unwrap());
    labels.sort_unstable();
    labels.dedup();
    assert!(labels.len() == 6 && labels.iter().all(|label| (80..100).contains(label)), "{labels:?}");
}

#[test]
fn stl10_is_read_at_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("stl10_binary");
    fs::create_dir_all(&place).unwrap();
    let mut images = vec![];
    for image in 0..6 {
        for channel in 0..3 {
            // Column by column.
            images.extend((0..96 * 96).map(|place| byte(image, channel, place % 96, place / 96)));
        }
    }
    for part in ["train", "test"] {
        fs::write(place.join(format!("{part}_X.bin")), &images).unwrap();
        fs::write(place.join(format!("{part}_y.bin")), [1, 2, 3, 8, 9, 10]).unwrap();
    }
    let library = Library::open(folder.path());
    let small = |extra: Value| {
        let mut settings = json!({"train_samples": 4, "validation_samples": 2, "test_samples": 6});
        settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        (find("stl10").unwrap().build)(&settings).unwrap()
    };
    let as_stored = small(json!({"size": 96, "normalisation": "unit"})).prepare(&library, &()).unwrap();
    let (numbers, _) = values(as_stored.read(Split::Test, &[tested(as_stored.as_ref(), 9)]).unwrap());
    assert!(close(numbers[2 * 96 * 96 + 11 * 96 + 40], f32::from(byte(5, 2, 11, 40)) / 255.0));
    let task = small(json!({}));
    assert_eq!(task.spec().input, InputSpec::Values { channels: 3, shape: vec![256, 256] });
    assert_eq!(task.spec().version, "stl10@256-standard-zoom272-turn15-flip-split-2-1");
    let large = task.prepare(&library, &()).unwrap();
    assert_eq!(values(large.read(Split::Validation, &[0]).unwrap()).0.len(), 3 * 256 * 256);
    let (first, second) = (large.read_for_training(&[1], 0).unwrap(), large.read_for_training(&[1], 1).unwrap());
    assert_ne!(first, second);
    assert_eq!(values(first).0.len(), 3 * 256 * 256);
    fs::write(place.join("train_y.bin"), [1, 2]).unwrap();
    let error = small(json!({})).prepare(&library, &()).err().unwrap();
    assert!(error.is_malformed("train_y.bin", "2 labels"), "{error}");
}

#[test]
fn fashion_reads_the_files_of_its_format() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data/mnist");
    fs::create_dir_all(folder.path().join("fashion-mnist")).unwrap();
    for entry in fs::read_dir(fixture).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join("fashion-mnist").join(entry.file_name())).unwrap();
    }
    let library = Library::open(folder.path());
    let settings = json!({"train_samples": 24, "validation_samples": 8, "test_samples": 16, "form": "2d"});
    let task = (find("fashion").unwrap().build)(&settings).unwrap();
    assert_eq!(task.spec().input, InputSpec::Values { channels: 1, shape: vec![28, 28] });
    let data = task.prepare(&library, &()).unwrap();
    let (numbers, labels) = values(data.read(Split::Test, &[0, 1]).unwrap());
    assert_eq!(numbers.len(), 2 * 784);
    assert_ne!(labels[0], labels[1], "the first two are of two classes");
    assert!(close(numbers[0], (0.0 - 0.286) / 0.353));
    assert_eq!(data.notes().len(), 1);
    let empty = tempfile::tempdir().unwrap();
    let error = task.check(&Library::open(empty.path())).unwrap_err();
    assert!(error.is_missing_from("fashion-mnist"), "{error}");
}

#[test]
fn missing_and_damaged_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path());
    for (name, set) in [("image", "cifar10"), ("npcifar", "cifar10"), ("cifar100", "cifar100"), ("stl10", "stl10")] {
        let error = (find(name).unwrap().build)(&json!({})).unwrap().check(&library).unwrap_err();
        assert!(error.is_missing_from(set), "{error}");
    }
    write_cifar10(folder.path());
    let path = folder.path().join("cifar-10-batches-bin/data_batch_3.bin");
    let mut bytes = fs::read(&path).unwrap();
    bytes[3073] = 200;
    fs::write(&path, &bytes).unwrap();
    let error = || task("image", json!({})).prepare(&library, &()).err().unwrap();
    assert!(error().is_malformed("data_batch_3.bin", "record 1"), "{}", error());
    bytes.pop();
    fs::write(&path, &bytes).unwrap();
    assert!(error().is_malformed("data_batch_3.bin", "record 3"), "{}", error());
    fs::remove_file(&path).unwrap();
    let error = error();
    assert!(matches!(&error, DataError::Missing { what, .. } if what == "cifar10 (data_batch_3.bin)"), "{error}");
    write_cifar10(folder.path());
    let error = task("image", json!({"train_samples": 16})).prepare(&library, &()).err().unwrap();
    assert!(matches!(&error, DataError::Generation { what, .. } if what == "grey cifar10"), "{error}");
    fs::write(
        folder.path().join("cifar-10-batches-bin/bench-data.json"),
        r#"{"schema":1,"reconstructed":"from JPEG","files":{}}"#,
    )
    .unwrap();
    let notes = task("image", json!({})).prepare(&library, &()).unwrap().notes();
    assert_eq!(notes[0], "reconstructed: from JPEG; results are not comparable with published ones");
    assert!(notes[1].starts_with("a subset: 12 of 15 train, 5 of 8 validation samples"), "{notes:?}");
}

#[test]
#[ignore = "needs BENCH_DATA, a folder with cifar-10-batches-bin"]
fn the_whole_set_is_read_and_a_reconstruction_is_recognised() {
    let root = crate::files::given_data::folder("cifar-10-batches-bin");
    let library = Library::open(root);
    let started = std::time::Instant::now();
    let data = (find("scifar10").unwrap().build)(&json!({})).unwrap().prepare(&library, &()).unwrap();
    eprintln!(
        "prepared in {:.1} s: {:?} {:?}",
        started.elapsed().as_secs_f64(),
        data.describe().unwrap(),
        data.notes()
    );
    assert_eq!(Split::ALL.map(|split| data.len(split)), [45_000, 5_000, 10_000]);
    // The normalised training set has mean 0 and deviation 1 within what the rounded constants leave.
    let positions: Vec<usize> = (0..45_000).step_by(9).collect();
    let (numbers, _) = values(data.read(Split::Train, &positions).unwrap());
    for channel in 0..3 {
        let values: Vec<f64> =
            numbers.chunks_exact(1024).skip(channel).step_by(3).flatten().map(|&value| f64::from(value)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64 - mean * mean;
        assert!(mean.abs() < 0.03 && (variance.sqrt() - 1.0).abs() < 0.03, "{channel}: {mean} {variance}");
    }
    assert!(data.notes().len() <= 1, "nothing is cut: {:?}", data.notes());
    if let Some(note) = data.notes().first() {
        assert!(note.starts_with("reconstructed: "), "{note}");
    }
}
