#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! Drawing against Pillow, statistics against the original generator, and the task as a whole.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rayon::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;
use crate::registry;
use crate::tasks::images::pathfinder::paddle::{Brush, Paddles};
use crate::tasks::images::pathfinder::raster::Canvas;

fn hard(resolution: Resolution) -> Parameters {
    Parameters::published(resolution, Difficulty::Hard)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn resolution(text: &str) -> Resolution {
    Resolution::try_from(text.parse::<u32>().unwrap()).unwrap()
}

/// Lines `kind resolution margin …` made with Pillow 13 and OpenCV from the original's drawing code.
const PILLOW: &str = include_str!("../../../../tests/fixtures/pathfinder/pillow.txt");

#[test]
fn paddles_markers_and_seeds_are_those_of_pillow_and_opencv() {
    let mut checked = BTreeMap::<&str, usize>::new();
    for line in PILLOW.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let resolution = resolution(fields[1]);
        let parameters = hard(resolution);
        let margin = fields[2].parse().unwrap();
        let brush = Brush::new(&parameters, margin);
        let patches = |degree: i32| brush.patches(f64::from(degree) * std::f64::consts::PI / 180.0);
        match fields[0] {
            "line" => assert_eq!(hex(&patches(fields[3].parse().unwrap()).0.pixels), fields[4], "{line}"),
            "mask" => assert_eq!(hex(&patches(fields[3].parse().unwrap()).1.pixels), fields[4], "{line}"),
            "all" => {
                let mut hash = Sha256::new();
                for degree in -180..180 {
                    let (line, mask) = patches(degree);
                    hash.update(&line.pixels);
                    hash.update(&mask.pixels);
                }
                assert_eq!(hex(&hash.finalize()), fields[3], "resolution {} margin {}", fields[1], fields[2]);
            }
            "markers" => {
                let generator = Generator::new(parameters).unwrap();
                let side = resolution.side() as i32;
                let centres =
                    [(0, 0), (1, side - 1), (3, side / 2), (5, 7), (side / 2, side / 2), (side - 2, side - 6)];
                let mut hash = Sha256::new();
                for centre in centres {
                    hash.update(generator.marker(centre));
                }
                assert_eq!(hex(&hash.finalize()), fields[3], "resolution {}", fields[1]);
            }
            "seeds" => {
                let paddles = Paddles::new(&parameters, margin);
                let usable: Vec<bool> = paddles.seeds.iter().map(|seed| seed.kernel.is_some()).collect();
                let bits = usable.chunks(8).map(|byte| byte.iter().fold(0, |bits, &bit| bits << 1 | u8::from(bit)));
                assert_eq!(hex(&bits.collect::<Vec<u8>>()), fields[3], "resolution {} margin {}", fields[1], fields[2]);
                let mut hash = Sha256::new();
                for seed in &paddles.seeds {
                    for (y, x) in (0..seed.free_count).map(|position| seed.free.nth(position).unwrap()) {
                        hash.update(format!("{y},{x};"));
                    }
                }
                assert_eq!(hex(&hash.finalize()), fields[4], "resolution {} margin {}", fields[1], fields[2]);
            }
            other => panic!("unknown kind {other}"),
        }
        *checked.entry(fields[0]).or_default() += 1;
    }
    assert_eq!(checked, BTreeMap::from([("all", 5), ("line", 13), ("markers", 4), ("mask", 13), ("seeds", 5)]));
}

#[test]
fn resizing_keeps_a_flat_picture_flat_and_a_picture_of_equal_size_unchanged() {
    let mut flat = Canvas::black(17, 23);
    flat.pixels.fill(200);
    assert!(flat.resize(9, 40).pixels.iter().all(|&value| value == 200));
    let mut line = Canvas::black(9, 9);
    line.line((1, 1), (7, 5), 2);
    assert_eq!(line.resize(9, 9), line);
}

/// Mean, standard deviation and number of images of one quantity.
#[derive(Debug, Clone, Copy)]
struct Statistic {
    mean: f64,
    deviation: f64,
    count: f64,
}

impl Statistic {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
        Self { mean, deviation, count }
    }

    /// Distance of two means in standard errors of their difference.
    fn apart(&self, other: &Self) -> f64 {
        let error = (self.deviation.powi(2) / self.count + other.deviation.powi(2) / other.count).sqrt();
        if error > 0.0 { (self.mean - other.mean).abs() / error } else { f64::from(self.mean != other.mean) * 1e9 }
    }
}

/// Grey values of a 32 px marker in the middle of the image.
static MARKER: LazyLock<Vec<(i32, i32, u8)>> = LazyLock::new(|| {
    let template = Generator::new(hard(Resolution::Px32)).unwrap().marker((16, 16));
    let lit = (0..32 * 32).filter(|&pixel| template[pixel as usize] > 100);
    lit.map(|pixel| (pixel / 32 - 16, pixel % 32 - 16, template[pixel as usize])).collect()
});

fn at(pixels: &[u8], y: i32, x: i32) -> u8 {
    if (0..32).contains(&y) && (0..32).contains(&x) { pixels[(y * 32 + x) as usize] } else { 0 }
}

fn places() -> impl Iterator<Item = (i32, i32)> {
    (0..32).flat_map(|y| (0..32).map(move |x| (y, x)))
}

/// Where a 32 px marker can lie: everywhere at least as bright as the disc when the brightest paddle has contrast 2.
fn marker_hits(pixels: &[u8]) -> Vec<(i32, i32)> {
    let fits = |y: i32, x: i32| MARKER.iter().all(|&(dy, dx, value)| at(pixels, y + dy, x + dx) >= value / 2 - 1);
    places().filter(|&(y, x)| fits(y, x)).collect()
}

/// Brightness of the markers: the darkest pixel of the brightest disc. It says how bright the brightest paddle is.
fn marker_brightness(pixels: &[u8]) -> u8 {
    let core = || MARKER.iter().filter(|pixel| pixel.2 == 255);
    let darkest = |y: i32, x: i32| core().map(|(dy, dx, _)| at(pixels, y + dy, x + dx)).min();
    places().filter_map(|(y, x)| darkest(y, x)).max().unwrap()
}

/// Quantities of one 32 px image.
fn describe(pixels: &[u8], label: u8) -> Vec<(&'static str, f64)> {
    let values: Vec<f64> = pixels.iter().map(|&value| f64::from(value)).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let between = |low: u8, high: u8| pixels.iter().filter(|&&value| value >= low && value <= high).count() as f64;
    let square = |low: usize, high: usize| {
        let rows = (low..high).flat_map(|y| (low..high).map(move |x| y * 32 + x));
        rows.map(|pixel| values[pixel]).sum::<f64>() / ((high - low) * (high - low)) as f64
    };
    let hits = marker_hits(pixels);
    let distances = hits.iter().map(|(y, x)| f64::from(*y - 15).hypot(f64::from(*x - 15)));
    let origin = hits.iter().any(|(y, x)| (14..=16).contains(y) && (14..=16).contains(x));
    vec![
        ("label", f64::from(label)),
        ("mean intensity", mean),
        ("variance of intensity", variance),
        ("lit pixels", between(1, 255)),
        ("pixels 1-31", between(1, 31)),
        ("pixels 32-95", between(32, 95)),
        ("pixels 96-159", between(96, 159)),
        ("pixels 160-223", between(160, 223)),
        ("pixels 224-255", between(224, 255)),
        ("mean of rows and columns 12-19", square(12, 20)),
        ("mean of rows and columns 4-27", square(4, 28)),
        ("brightness of markers", f64::from(marker_brightness(pixels))),
        ("marker-like places", hits.len() as f64),
        ("marker in rows and columns 14-16", f64::from(u8::from(origin))),
        ("nearest marker to the centre", distances.clone().fold(f64::INFINITY, f64::min)),
        ("farthest marker from the centre", distances.fold(0.0, f64::max)),
    ]
}

fn statistics(images: Vec<Vec<(&'static str, f64)>>) -> Vec<(&'static str, Statistic)> {
    (0..images[0].len())
        .map(|row| (images[0][row].0, Statistic::of(&images.iter().map(|image| image[row].1).collect::<Vec<_>>())))
        .collect()
}

fn ours(parameters: Parameters, count: u64) -> Vec<(&'static str, Statistic)> {
    let generator = Generator::new(parameters).unwrap();
    let images = (0..count).into_par_iter().map(|index| {
        let sample = generator.sample(2026, index).unwrap();
        describe(&sample.pixels, sample.label)
    });
    statistics(images.collect())
}

const LEVELS: [(&str, Difficulty); 2] =
    [("curv_baseline", Difficulty::Easy), ("curv_contour_length_14", Difficulty::Hard)];

/// Lines `level TAB quantity TAB mean TAB standard deviation TAB images` of images by the original generator.
const REFERENCE: &str = include_str!("../../../../tests/fixtures/pathfinder/statistics.tsv");

fn reference(level: &str) -> BTreeMap<&'static str, Statistic> {
    let rows = REFERENCE.lines().map(|line| line.split('\t').collect::<Vec<_>>()).filter(|row| row[0] == level);
    rows.map(|row| {
        let number = |column: usize| row[column].parse::<f64>().unwrap();
        (row[1], Statistic { mean: number(2), deviation: number(3), count: number(4) })
    })
    .collect()
}

#[test]
fn statistics_agree_with_the_original_generator() {
    for (level, difficulty) in LEVELS {
        let reference = reference(level);
        assert_eq!(reference.len(), 16, "{level}");
        for (name, ours) in ours(Parameters::published(Resolution::Px32, difficulty), 4000) {
            let theirs = reference[name];
            let spread =
                (ours.deviation - theirs.deviation).abs() / (theirs.deviation.max(1e-9) / (2.0 * theirs.count).sqrt());
            println!(
                "{level} | {name} | ours {:.4} (sd {:.4}) | original {:.4} ± {:.4} (sd {:.4}) | {:.1} standard errors, spread {:.1}",
                ours.mean,
                ours.deviation,
                theirs.mean,
                theirs.deviation / theirs.count.sqrt(),
                theirs.deviation,
                ours.apart(&theirs),
                spread,
            );
            assert!(ours.apart(&theirs) < 4.0, "{level}: {name} is {ours:?}, originally {theirs:?}");
        }
    }
}

#[test]
fn the_other_rule_for_distractors_does_not_fit_the_original() {
    let ours = ours(Parameters { distractors: 10, ..hard(Resolution::Px32) }, 1000);
    let theirs = reference("curv_contour_length_14");
    let mean = ours.iter().find(|(name, _)| *name == "mean intensity").unwrap().1;
    assert!(mean.apart(&theirs["mean intensity"]) > 5.0);
    assert!((mean.mean - 22.2).abs() < 0.6, "{}", mean.mean);
}

#[test]
#[ignore = "needs BENCH_DATA, a folder with lra_release/pathfinder32"]
fn the_reference_statistics_are_those_of_the_original_images() {
    let root = crate::files::given_data::folder("lra_release/pathfinder32").join("lra_release/pathfinder32");
    let mut lines = Vec::new();
    for (level, _) in LEVELS {
        let rows = std::fs::read_to_string(root.join(level).join("metadata/0.npy")).unwrap();
        let images = rows.lines().map(|row| {
            let fields: Vec<&str> = row.split(' ').collect();
            let picture = ::image::open(root.join(level).join(fields[0]).join(fields[1])).unwrap().to_luma8();
            describe(picture.as_raw(), fields[3].parse().unwrap())
        });
        for (name, statistic) in statistics(images.collect()) {
            lines.push(format!(
                "{level}\t{name}\t{:.6}\t{:.6}\t{}",
                statistic.mean, statistic.deviation, statistic.count
            ));
        }
    }
    assert_eq!(lines.join("\n") + "\n", REFERENCE);
}

/// Largest distance of the empirical distributions of two samples (Kolmogorov and Smirnov).
fn distance(mut one: Vec<f64>, mut other: Vec<f64>) -> f64 {
    one.sort_by(f64::total_cmp);
    other.sort_by(f64::total_cmp);
    let below = |sample: &[f64], value: f64| sample.partition_point(|&x| x <= value) as f64 / sample.len() as f64;
    one.iter().chain(&other).map(|&value| (below(&one, value) - below(&other, value)).abs()).fold(0.0, f64::max)
}

/// The images by the original generator, as the task reads them: labels as in the metadata, and every quantity of an image
/// distributed as in ours. A distance is accepted up to the value that two samples of one continuous distribution exceed in
/// one case of ten thousand (fewer if values coincide), so that thirty comparisons go wrong by chance in three runs of a
/// thousand.
#[test]
#[ignore = "needs BENCH_DATA, a folder with lra_release/pathfinder32"]
fn original_images_have_the_distributions_of_ours() {
    let root = crate::files::given_data::folder("lra_release/pathfinder32");
    let cache = tempfile::tempdir().unwrap();
    let copy = cache.path().join("lra_release");
    #[cfg(unix)]
    std::os::unix::fs::symlink(root.join("lra_release"), &copy).unwrap();
    let library = Library::open(if copy.exists() { cache.path().to_path_buf() } else { root });
    for ((level, difficulty), count) in LEVELS.into_iter().zip([120, 240]) {
        let settings = json!({
            "resolution": 32, "difficulty": difficulty.name(), "source": "lra", "parts": "test", "test_samples": count,
        });
        let task = (entry().build)(&settings).unwrap();
        let data = task.prepare(&library, &()).unwrap();
        let batch = data.read(Split::Test, &(0..count).collect::<Vec<_>>()).unwrap();
        let (Inputs::Values(values), Targets::Labels(labels)) = (batch.inputs, batch.targets) else { panic!() };
        let mut read: Vec<(Vec<u8>, u8)> = values
            .chunks_exact(1024)
            .zip(labels)
            .map(|(image, label)| (image.iter().map(|value| (value * 255.0).round() as u8).collect(), label as u8))
            .collect();
        read.sort();

        // Labels and pixels by a reading of their own.
        let folder = library.root().join("lra_release/pathfinder32").join(level);
        let rows = std::fs::read_to_string(folder.join("metadata/0.npy")).unwrap();
        let mut expected: Vec<(Vec<u8>, u8)> = rows
            .lines()
            .map(|row| {
                let fields: Vec<&str> = row.split(' ').collect();
                let picture = ::image::open(folder.join(fields[0]).join(fields[1])).unwrap().to_luma8();
                (picture.into_raw(), fields[3].parse().unwrap())
            })
            .collect();
        expected.sort();
        assert_eq!(expected.len(), count);
        assert!(read == expected, "{level}: pixels or labels differ");

        let theirs: Vec<_> = read.iter().map(|(pixels, label)| describe(pixels, *label)).collect();
        let generator = Generator::new(Parameters::published(Resolution::Px32, difficulty)).unwrap();
        let ours: Vec<_> = (0..4000)
            .into_par_iter()
            .map(|index| {
                let sample = generator.sample(77, index).unwrap();
                describe(&sample.pixels, sample.label)
            })
            .collect();
        // sqrt(−ln(α / 2) / 2) for α = 0.0001.
        let bound = 2.2254 * ((4000 + count) as f64 / (4000 * count) as f64).sqrt();
        for quantity in 0..ours[0].len() {
            let column = |images: &[Vec<(&'static str, f64)>]| images.iter().map(|image| image[quantity].1).collect();
            let found = distance(column(&theirs), column(&ours));
            println!(
                "{level} | {} | distance of distributions {found:.3}, accepted up to {bound:.3}",
                ours[0][quantity].0
            );
            assert!(found < bound, "{level}: {} is distributed otherwise: {found} > {bound}", ours[0][quantity].0);
        }
        // The test would notice the other rule for distractors.
        if difficulty == Difficulty::Hard {
            let others = Generator::new(Parameters { distractors: 10, ..hard(Resolution::Px32) }).unwrap();
            let others: Vec<_> = (0..1000)
                .into_par_iter()
                .map(|index| describe(&others.sample(77, index).unwrap().pixels, 0)[1].1)
                .collect();
            assert!(distance(theirs.iter().map(|image| image[1].1).collect(), others) > bound);
        }
    }
}

#[test]
fn contours_begin_where_the_original_lets_them() {
    let generator = Generator::new(hard(Resolution::Px32)).unwrap();
    let samples: Vec<Sample> = (0..2000).into_par_iter().map(|index| generator.sample(5, index).unwrap()).collect();
    for sample in &samples {
        let [first, second] = sample.layout.origins;
        assert!((14..=16).contains(&first.0) && (14..=16).contains(&first.1), "{first:?}");
        let distance = f64::from(first.0 - second.0).hypot(f64::from(first.1 - second.1));
        assert!((6.4..7.62).contains(&distance), "{distance}");
        let [origin, terminal] = sample.layout.markers;
        // Both contours may end at one point: the last paddle of the first is no obstacle to the second.
        let joined = |from: usize| if sample.label == 1 { from } else { 1 - from };
        let fits =
            |from: usize| sample.layout.origins[from] == origin && sample.layout.terminals[joined(from)] == terminal;
        assert!(fits(0) || fits(1), "{:?}", sample.layout);
        assert_eq!(sample.layout.margin, 1);
        assert!(sample.layout.distractors <= 5);
        assert_eq!((sample.pixels.len(), sample.pixels.iter().max()), (1024, Some(&255)));
    }
    let attempts: u32 = samples.iter().map(|sample| sample.layout.attempts).sum();
    let begun: u32 = samples.iter().map(|sample| sample.layout.begun).sum();
    let seeding = f64::from(begun) / f64::from(attempts);
    assert!((0.075..0.105).contains(&seeding), "{seeding}");
    let ones: u32 = samples.iter().map(|sample| u32::from(sample.label)).sum();
    assert!((900..1100).contains(&ones), "{ones}");
}

#[test]
fn every_published_setting_can_be_generated() {
    for resolution in [Resolution::Px32, Resolution::Px64, Resolution::Px128, Resolution::Px256] {
        for difficulty in [Difficulty::Easy, Difficulty::Intermediate, Difficulty::Hard] {
            let parameters = Parameters::published(resolution, difficulty);
            let generator = Generator::new(parameters.clone()).unwrap();
            let sample = generator.sample(0, 3).unwrap();
            assert_eq!(sample.pixels.len(), (resolution.side() * resolution.side()) as usize);
            assert!(parameters.margin.contains(&sample.layout.margin));
            assert_eq!(sample, generator.sample(0, 3).unwrap());
            assert_ne!(sample.pixels, generator.sample(0, 4).unwrap().pixels);
            assert_ne!(sample.pixels, generator.sample(1, 3).unwrap().pixels);
        }
    }
}

/// Cached sets are recognised by their settings and the generator's version: other images need another version.
#[test]
fn images_change_only_with_the_version() {
    let mut hash = Sha256::new();
    for difficulty in [Difficulty::Easy, Difficulty::Hard] {
        let generator = Generator::new(Parameters::published(Resolution::Px32, difficulty)).unwrap();
        for index in 0..50 {
            hash.update(generator.sample(7, index).unwrap().pixels);
        }
    }
    assert_eq!(
        (GENERATOR_VERSION, hex(&hash.finalize()).as_str()),
        (1, "00c94e4ab436b7e6d15652e1071e795521d67c7f4e343e1326b6876a28777225")
    );
}

#[test]
fn published_parameters_are_those_of_the_long_range_arena() {
    let parameters = |side, difficulty| Parameters::published(Resolution::try_from(side).unwrap(), difficulty);
    let lengths = |side, difficulty| {
        let parameters = parameters(side, difficulty);
        (parameters.contour_length, parameters.distractor_length, parameters.distractors)
    };
    assert_eq!(lengths(32, Difficulty::Easy), (6, 2, 10));
    assert_eq!(lengths(32, Difficulty::Intermediate), (9, 3, 6));
    assert_eq!(lengths(32, Difficulty::Hard), (14, 4, 5));
    assert_eq!(lengths(64, Difficulty::Hard), (14, 4, 5));
    assert_eq!(lengths(128, Difficulty::Hard), (14, 4, 8));
    assert_eq!(lengths(256, Difficulty::Hard), (14, 4, 7));
    assert_eq!(parameters(128, Difficulty::Hard).margin, [2, 3]);
    assert_eq!(parameters(256, Difficulty::Hard).padding, 22);
}

fn small(form: &str) -> serde_json::Value {
    json!({"resolution": 32, "difficulty": "hard", "form": form, "train_samples": 30, "validation_samples": 10, "test_samples": 10, "seed": 4})
}

fn entry() -> registry::Entry {
    registry::find("pathfinder").expect("the task is registered")
}

#[test]
fn both_forms_read_one_cached_set_whatever_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path());
    let with_threads = |threads: usize, form: &str, library: &Library| {
        let task = (entry().build)(&small(form)).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| task.prepare(library, &()).unwrap())
    };
    let (sequence, picture) = (with_threads(1, "1d", &library), with_threads(1, "2d", &library));
    let sets = std::fs::read_dir(library.cache_folder()).unwrap().count();
    assert_eq!(sets, 1);
    assert_eq!(sequence.content_hash(), picture.content_hash());
    let other = tempfile::tempdir().unwrap();
    let threads = with_threads(3, "1d", &Library::open(other.path()));
    assert_eq!(threads.content_hash(), sequence.content_hash());

    let positions = [29, 0, 7];
    let batch = sequence.read(Split::Train, &positions).unwrap();
    assert_eq!(batch, picture.read(Split::Train, &positions).unwrap());
    let generator = Generator::new(hard(Resolution::Px32)).unwrap();
    let (Inputs::Values(values), Targets::Labels(labels)) = (&batch.inputs, &batch.targets) else { panic!() };
    for (slot, position) in positions.into_iter().enumerate() {
        let sample = generator.sample(4, position as u64).unwrap();
        let expected: Vec<f32> = sample.pixels.iter().map(|&value| f32::from(value) / 255.0).collect();
        assert_eq!(values[slot * 1024..(slot + 1) * 1024], expected);
        assert_eq!(labels[slot], i32::from(sample.label));
    }
    let test = sequence.read(Split::Test, &[3]).unwrap();
    let sample = generator.sample(4, 2 * crate::splits::NUMBERS_PER_SPLIT + 3).unwrap();
    assert_eq!(test.targets, Targets::Labels(vec![i32::from(sample.label)]));
    assert!(sequence.read(Split::Test, &[10]).is_err());
}

#[test]
fn centring_maps_black_to_minus_one_without_another_set() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path());
    let mut settings = small("2d");
    let plain = (entry().build)(&settings).unwrap();
    settings["centre"] = json!(true);
    let centred = (entry().build)(&settings).unwrap();
    let read = |task: &dyn Task| task.prepare(&library, &()).unwrap().read(Split::Validation, &[1]).unwrap();
    let (Inputs::Values(plain_values), Inputs::Values(values)) =
        (read(plain.as_ref()).inputs, read(centred.as_ref()).inputs)
    else {
        panic!()
    };
    assert!(values.iter().zip(&plain_values).all(|(value, plain)| (value - (2.0 * plain - 1.0)).abs() < 1e-6));
    assert_eq!(std::fs::read_dir(library.cache_folder()).unwrap().count(), 1);
    assert_ne!(centred.spec().version, plain.spec().version);
}

#[test]
fn names_say_resolution_difficulty_and_form() {
    let spec = |settings: serde_json::Value| (entry().build)(&settings).unwrap().spec().clone();
    let hard = spec(json!({"resolution": 32, "difficulty": "hard", "form": "2d"}));
    assert_eq!((hard.name.as_str(), hard.data.as_str()), ("pathfinder32-2d", "pathfinder32-hard"));
    assert_eq!(hard.version, "pathfinder@generated-1");
    assert_eq!(hard.input, InputSpec::Values { channels: 1, shape: vec![32, 32] });
    assert_eq!(hard.splits, SplitSizes { train: 160_000, validation: 20_000, test: 20_000 });
    assert_eq!((hard.target, hard.chance), (OutputSpec::Binary, 0.5));
    let easy = spec(json!({"resolution": 128, "difficulty": "easy"}));
    assert_eq!((easy.name.as_str(), easy.data.as_str()), ("pathfinder128-easy-1d", "pathfinder128-easy"));
    assert_eq!(easy.input, InputSpec::Values { channels: 1, shape: vec![16_384] });
    let own = spec(json!({"resolution": 32, "difficulty": "hard", "contour_length": 10}));
    assert!(own.name.starts_with("pathfinder32-") && own.name.ends_with("-1d") && own.name.len() == 22, "{}", own.name);
    assert_eq!(own.data, format!("pathfinder32-hard{}", &own.name[12..19]));
}

#[test]
fn defaults_are_written_out_and_read_again() {
    let given = json!({"resolution": 32, "difficulty": "hard", "contour_length": 9, "distractors": "wrapper"});
    let resolved = (entry().resolve)(&given).unwrap();
    assert_eq!(resolved["distractor_length"], 3);
    assert_eq!(resolved["distractors"], 10);
    assert_eq!(resolved["form"], "1d");
    assert_eq!(resolved["snake_contrast"], json!([2.0]));
    assert!(resolved.as_object().unwrap().values().all(|value| !value.is_null()));
    assert_eq!((entry().resolve)(&resolved).unwrap(), resolved);
    let schema = serde_json::to_value((entry().schema)()).unwrap();
    assert_eq!(schema.get("required"), None);
    let smallest = (entry().resolve)(&json!({})).unwrap();
    assert_eq!((&smallest["resolution"], &smallest["difficulty"]), (&json!(32), &json!("easy")));
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let cases = [
        (json!({"resolution": 48, "difficulty": "hard"}), "resolution"),
        (json!({"resolution": 32, "difficulty": "extreme"}), "difficulty"),
        (json!({"resolution": 32, "difficulty": "hard", "form": "3d"}), "form"),
        (json!({"resolution": 32, "difficulty": "hard", "contour_lenght": 3}), "contour_lenght"),
        (json!({"resolution": 32, "difficulty": "hard", "distractors": "none"}), "distractors"),
        (json!({"resolution": 32, "difficulty": "hard", "train_samples": 0}), "train_samples"),
        (json!({"resolution": 32, "difficulty": "hard", "contour_length": 1}), "contour_length"),
        (json!({"resolution": 32, "difficulty": "hard", "contour_length": -1}), "contour_length"),
        (json!({"resolution": 32, "difficulty": "hard", "thickness": 0.3}), "thickness"),
        (json!({"resolution": 32, "difficulty": "hard", "margin": []}), "margin"),
        (json!({"resolution": 32, "difficulty": "hard", "padding": 0}), "padding"),
        (json!({"resolution": 32, "difficulty": "hard", "paddle_contrast": [0.0]}), "paddle_contrast"),
        (json!({"resolution": 32, "difficulty": "hard", "paddle_length": 32}), "seed_distance"),
    ];
    for (settings, field) in cases {
        let error = (entry().build)(&settings).map(|_| ()).unwrap_err();
        assert_eq!(error.field, field, "{settings}: {error}");
    }
}

#[test]
fn a_contour_too_long_for_the_image_is_an_error_that_names_it() {
    let generator = Generator::new(Parameters { contour_length: 60, ..hard(Resolution::Px32) }).unwrap();
    let error = generator.sample(0, 0).unwrap_err();
    assert_eq!(error.setting, "contour_length");
}
