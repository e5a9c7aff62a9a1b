//! Contact sheets: a picture of the first samples of a task.

use std::path::Path;

use image::codecs::png::{self, CompressionType, PngEncoder};
use image::imageops::{FilterType, resize};
use image::{ExtendedColorType, ImageEncoder as _, ImageFormat, Rgb, RgbImage};
use realfft::RealFftPlanner;

use crate::library::{DataError, temporary_in};
use crate::task::{Dataset, Inputs, Targets, TaskSpec};
use vocabulary::{InputSpec, Split};

/// Distance between tiles, and width of the coloured frame that tells the label, in pixels.
const GAP: u32 = 6;
const FRAME: u32 = 2;
/// Portraits of one sample are this wide at most.
const PORTRAIT_WIDTH: u32 = 360;
/// Images are enlarged to about this side.
const IMAGE_SIDE: usize = 96;
/// Sequences are drawn this wide at most; longer ones are thinned out.
const STRIP_WIDTH: usize = 900;
const CHANNEL_HEIGHT: usize = 48;
const TOKEN_HEIGHT: usize = 14;
/// From this many steps on, a sequence of one channel is drawn with its spectrogram.
const LONG_SEQUENCE: usize = 2_000;
/// From this many channels on, a sequence is drawn as a map, one row per channel, and not as curves.
const MANY_CHANNELS: usize = 8;
const MAP_ROW: usize = 4;
/// Steps of one window of a spectrogram, and its lowest level below the strongest one in decibels.
const WINDOW: usize = 256;
const DYNAMIC_RANGE: f32 = 70.0;

const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([40, 60, 110]);
const EMPTY: Rgb<u8> = Rgb([232, 232, 232]);

/// Colours of labels and tokens: the ten of "tableau 10", then lighter forms of them.
const COLOURS: [[u8; 3]; 10] = [
    [31, 119, 180],
    [255, 127, 14],
    [44, 160, 44],
    [214, 39, 40],
    [148, 103, 189],
    [140, 86, 75],
    [227, 119, 194],
    [127, 127, 127],
    [188, 189, 34],
    [23, 190, 207],
];

/// A drawn sheet and what it shows.
#[derive(Debug, Clone)]
pub struct ContactSheet {
    /// The picture.
    pub image: RgbImage,
    /// Label (or target values) of every tile, row by row.
    pub labels: Vec<String>,
    /// Tiles per row.
    pub columns: usize,
}

/// One sample as people look at it.
#[derive(Debug, Clone, PartialEq)]
pub enum Portrait {
    /// A text per part of a pair, where the task can be read.
    Texts(Vec<String>),
    /// A small picture otherwise, as in a contact sheet.
    Picture(RgbImage),
}

/// The sample at `position` of `split`.
///
/// # Errors
/// A sample that cannot be read.
pub fn portrait(spec: &TaskSpec, data: &dyn Dataset, split: Split, position: usize) -> Result<Portrait, DataError> {
    let texts = data.texts(split, position)?;
    if !texts.is_empty() {
        return Ok(Portrait::Texts(texts));
    }
    let rows = tiles(spec, &data.read(split, &[position])?.inputs);
    let whole = rows.into_iter().reduce(|above, row| below(&above, &row));
    let whole = whole.unwrap_or_else(|| RgbImage::from_pixel(1, 1, EMPTY));
    let width = whole.width().min(PORTRAIT_WIDTH);
    // Time is drawn together, not the values.
    let whole =
        if width == whole.width() { whole } else { resize(&whole, width, whole.height(), FilterType::Triangle) };
    Ok(Portrait::Picture(whole))
}

/// `picture` as a PNG file, grey where it has no colour.
///
/// # Errors
/// The encoder refuses it.
pub fn as_png(picture: &RgbImage) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, png::FilterType::Adaptive);
    if picture.pixels().all(|Rgb([red, green, blue])| red == green && green == blue) {
        let grey: Vec<u8> = picture.pixels().map(|pixel| pixel.0[0]).collect();
        encoder.write_image(&grey, picture.width(), picture.height(), ExtendedColorType::L8)?;
    } else {
        encoder.write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)?;
    }
    Ok(bytes)
}

/// Draws the first `count` samples of `split`: images as images (also where they are read as sequences of one channel and
/// square length), long sequences of one channel as a curve above its spectrogram (time to the right, frequency upwards),
/// sequences of many channels as a map with the first channel at the bottom, other values as one curve per channel, tokens
/// as coloured strips, and pairs one above the other. The frame's colour is the label.
///
/// # Errors
/// Samples that cannot be read.
pub fn draw(spec: &TaskSpec, data: &dyn Dataset, split: Split, count: usize) -> Result<ContactSheet, DataError> {
    let count = count.min(data.len(split));
    let batch = data.read(split, &(0..count).collect::<Vec<_>>())?;
    let (labels, steps) = targets(&batch.targets, count);
    let rows = tiles(spec, &batch.inputs);
    let per_sample = rows.len().checked_div(count).unwrap_or(0).max(1);
    let tiles = rows.chunks(per_sample).filter_map(|rows| {
        rows.iter().skip(1).fold(rows.first().cloned(), |above, row| above.map(|above| below(&above, row)))
    });
    let tiles: Vec<RgbImage> = tiles.collect();
    let tiles: Vec<RgbImage> = tiles
        .into_iter()
        .enumerate()
        .map(|(slot, tile)| match steps.get(slot) {
            Some(steps) => below(&tile, &strip(steps, TOKEN_HEIGHT)),
            None => tile,
        })
        .collect();
    let framed: Vec<(RgbImage, Rgb<u8>)> = tiles
        .into_iter()
        .enumerate()
        .map(|(slot, tile)| (tile, classes(&batch.targets, count).get(slot).map_or(EMPTY, |&label| colour(label))))
        .collect();
    let (image, columns) = arrange(&framed);
    Ok(ContactSheet { image, labels, columns })
}

/// One tile per row of `inputs`: two per sample of a pair.
fn tiles(spec: &TaskSpec, inputs: &Inputs) -> Vec<RgbImage> {
    let (channels, shape) = match &spec.input {
        InputSpec::Values { channels, shape } => (*channels, shape.clone()),
        InputSpec::Tokens { length, .. } => (1, vec![*length]),
    };
    let each = channels * shape.iter().product::<usize>();
    match inputs {
        Inputs::Values(values) => {
            let range = range_of(values);
            // Clips of speech are no images, however long they are.
            let sound =
                ["speech", "fsdd"].iter().any(|name| spec.name.starts_with(name) || spec.data.starts_with(name));
            let picture = picture(channels, &shape).filter(|_| !sound);
            values
                .chunks_exact(each.max(1))
                .map(|sample| match picture {
                    Some((height, width)) => image_tile(sample, channels, height, width, range),
                    None if channels == 1 && each >= LONG_SEQUENCE => {
                        below(&curve_tile(sample, 1, range), &spectrogram(sample))
                    }
                    None if channels >= MANY_CHANNELS && shape.len() == 1 => map_tile(sample, channels),
                    None => curve_tile(sample, channels, range),
                })
                .collect()
        }
        Inputs::Tokens(tokens) => tokens.chunks_exact(each.max(1)).map(|ids| strip(ids, TOKEN_HEIGHT)).collect(),
    }
}

impl ContactSheet {
    /// Writes the picture as PNG, atomically.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), DataError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |error| DataError::io("write", path)(error);
        let mut part = temporary_in(folder, ".png").map_err(failed)?;
        let mut bytes = std::io::Cursor::new(Vec::new());
        self.image.write_to(&mut bytes, ImageFormat::Png).map_err(|error| failed(std::io::Error::other(error)))?;
        std::io::Write::write_all(&mut part, bytes.get_ref()).map_err(failed)?;
        part.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// Texts of the labels, and the labels of every step where there are some.
fn targets(targets: &Targets, count: usize) -> (Vec<String>, Vec<Vec<i32>>) {
    let per_sample = |length: usize| length.checked_div(count).unwrap_or(0).max(1);
    match targets {
        Targets::Labels(labels) if labels.len() == count => (labels.iter().map(i32::to_string).collect(), vec![]),
        Targets::Labels(labels) => {
            let rows: Vec<Vec<i32>> = labels.chunks_exact(per_sample(labels.len())).map(<[i32]>::to_vec).collect();
            let text = |row: &Vec<i32>| {
                row.iter().filter(|&&label| label >= 0).map(i32::to_string).collect::<Vec<_>>().join(" ")
            };
            (rows.iter().map(text).collect(), rows)
        }
        Targets::Values(values) => {
            let rows = values.chunks_exact(per_sample(values.len()));
            (
                rows.map(|row| row.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(" ")).collect(),
                vec![],
            )
        }
    }
}

fn classes(targets: &Targets, count: usize) -> &[i32] {
    match targets {
        Targets::Labels(labels) if labels.len() == count => labels,
        _ => &[],
    }
}

/// Height and width of samples that are images.
fn picture(channels: usize, shape: &[usize]) -> Option<(usize, usize)> {
    match shape {
        [height, width] if channels == 1 || channels == 3 => Some((*height, *width)),
        [length] if channels == 1 || channels == 3 => {
            let side = length.isqrt();
            (side * side == *length && side >= 16).then_some((side, side))
        }
        _ => None,
    }
}

fn range_of(values: &[f32]) -> (f32, f32) {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if high > low { (low, high) } else { (low.min(0.0), low.min(0.0) + 1.0) }
}

fn share(value: f32, (low, high): (f32, f32)) -> f32 {
    ((value - low) / (high - low)).clamp(0.0, 1.0)
}

fn image_tile(sample: &[f32], channels: usize, height: usize, width: usize, range: (f32, f32)) -> RgbImage {
    let factor = (IMAGE_SIDE / height.max(width).max(1)).max(1);
    let plane = height * width;
    RgbImage::from_fn((width * factor) as u32, (height * factor) as u32, |x, y| {
        let place = (y as usize / factor) * width + x as usize / factor;
        let level = |channel: usize| (share(sample[channel * plane + place], range) * 255.0).round() as u8;
        if channels == 3 { Rgb([level(0), level(1), level(2)]) } else { Rgb([level(0); 3]) }
    })
}

fn curve_tile(sample: &[f32], channels: usize, range: (f32, f32)) -> RgbImage {
    let length = sample.len() / channels.max(1);
    let width = length.clamp(1, STRIP_WIDTH);
    let mut tile = RgbImage::from_pixel(width as u32, (channels * CHANNEL_HEIGHT) as u32, EMPTY);
    for (channel, values) in sample.chunks_exact(length.max(1)).enumerate() {
        for x in 0..width {
            // A column shows the range of the values it stands for, and of the step from the one before, so that the curve
            // hangs together and single marks are not lost.
            let first = x * length / width;
            let end = ((x + 1) * length / width).max(first + 1);
            let columns = &values[first.saturating_sub(1)..end];
            let top = |value: f32| ((1.0 - share(value, range)) * (CHANNEL_HEIGHT - 3) as f32) as usize + 1;
            let highest = columns.iter().map(|&value| top(value)).min().unwrap_or(0);
            let lowest = columns.iter().map(|&value| top(value)).max().unwrap_or(0);
            for y in highest..=lowest {
                tile.put_pixel(x as u32, (channel * CHANNEL_HEIGHT + y) as u32, INK);
            }
        }
    }
    tile
}

/// Strength of every frequency over time: Hann windows of [`WINDOW`] steps, in decibels below the strongest.
fn spectrogram(sample: &[f32]) -> RgbImage {
    let width = sample.len().div_ceil(WINDOW / 2).clamp(1, STRIP_WIDTH);
    let fourier = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let (mut windowed, mut spectrum) = (fourier.make_input_vec(), fourier.make_output_vec());
    let mut levels = Vec::with_capacity(width * spectrum.len());
    for column in 0..width {
        let start = column * sample.len().saturating_sub(WINDOW) / (width - 1).max(1);
        for (step, place) in windowed.iter_mut().enumerate() {
            let hann = 0.5 - 0.5 * (std::f32::consts::TAU * step as f32 / WINDOW as f32).cos();
            *place = sample.get(start + step).copied().filter(|value| value.is_finite()).unwrap_or(0.0) * hann;
        }
        // Only lengths that do not fit can fail, and these come from the plan.
        if fourier.process(&mut windowed, &mut spectrum).is_ok() {
            levels.extend(spectrum.iter().map(|bin| 10.0 * (bin.norm_sqr() + 1e-12).log10()));
        }
    }
    let strongest = levels.iter().copied().fold(f32::MIN, f32::max);
    let bins = spectrum.len();
    // Columns as wide as those of the curve above.
    let full = sample.len().clamp(1, STRIP_WIDTH);
    RgbImage::from_fn(full as u32, bins as u32, |x, y| {
        let column = (x as usize * width / full).min(width - 1);
        let level = levels.get(column * bins + (bins - 1 - y as usize)).copied().unwrap_or(f32::MIN);
        heat(share(level, (strongest - DYNAMIC_RANGE, strongest)))
    })
}

/// One row of pixels per channel, the first at the bottom, each scaled to its own range.
fn map_tile(sample: &[f32], channels: usize) -> RgbImage {
    let length = sample.len() / channels.max(1);
    let factor = (STRIP_WIDTH / 2 / length.max(1)).clamp(1, MAP_ROW);
    let width = (length * factor).clamp(1, STRIP_WIDTH);
    let ranges: Vec<(f32, f32)> = sample.chunks_exact(length.max(1)).map(range_of).collect();
    RgbImage::from_fn(width as u32, (channels * MAP_ROW) as u32, |x, y| {
        let channel = channels - 1 - y as usize / MAP_ROW;
        let value = sample[channel * length + x as usize * length / width];
        if value.is_finite() { heat(share(value, ranges[channel])) } else { EMPTY }
    })
}

/// From the colour of the paper to that of the ink.
fn heat(level: f32) -> Rgb<u8> {
    let mix = |paper: u8, ink: u8| (f32::from(paper) + level * (f32::from(ink) - f32::from(paper))).round() as u8;
    Rgb([0, 1, 2].map(|channel| mix(PAPER[channel], INK[channel])))
}

fn strip(ids: &[i32], height: usize) -> RgbImage {
    let factor = (STRIP_WIDTH / 2 / ids.len().max(1)).clamp(1, 8);
    let width = (ids.len() * factor).clamp(1, STRIP_WIDTH);
    RgbImage::from_fn(width as u32, height as u32, |x, _| {
        ids.get(x as usize * ids.len() / width).map_or(EMPTY, |&id| colour(id))
    })
}

fn colour(id: i32) -> Rgb<u8> {
    if id < 0 {
        return EMPTY;
    }
    let id = id as usize;
    let [red, green, blue] = COLOURS[id % COLOURS.len()];
    let lighter = |level: u8| (u16::from(level) + 255).div_euclid(2) as u8;
    if (id / COLOURS.len()).is_multiple_of(2) {
        Rgb([red, green, blue])
    } else {
        Rgb([lighter(red), lighter(green), lighter(blue)])
    }
}

fn below(above: &RgbImage, lower: &RgbImage) -> RgbImage {
    let mut both = RgbImage::from_pixel(above.width().max(lower.width()), above.height() + lower.height() + 2, PAPER);
    image::imageops::replace(&mut both, above, 0, 0);
    image::imageops::replace(&mut both, lower, 0, i64::from(above.height()) + 2);
    both
}

fn arrange(tiles: &[(RgbImage, Rgb<u8>)]) -> (RgbImage, usize) {
    let width = tiles.iter().map(|(tile, _)| tile.width()).max().unwrap_or(1) + 2 * FRAME;
    let height = tiles.iter().map(|(tile, _)| tile.height()).max().unwrap_or(1) + 2 * FRAME;
    let columns = (STRIP_WIDTH as u32 / (width + GAP)).clamp(1, 8).min(tiles.len().max(1) as u32);
    let rows = (tiles.len() as u32).div_ceil(columns).max(1);
    let mut sheet = RgbImage::from_pixel(columns * (width + GAP) + GAP, rows * (height + GAP) + GAP, PAPER);
    for (slot, (tile, frame)) in tiles.iter().enumerate() {
        let (x, y) = (slot as u32 % columns * (width + GAP) + GAP, slot as u32 / columns * (height + GAP) + GAP);
        let border = RgbImage::from_pixel(tile.width() + 2 * FRAME, tile.height() + 2 * FRAME, *frame);
        image::imageops::replace(&mut sheet, &border, i64::from(x), i64::from(y));
        image::imageops::replace(&mut sheet, tile, i64::from(x + FRAME), i64::from(y + FRAME));
    }
    (sheet, columns as usize)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;
    use crate::Library;
    use crate::registry::find;

    fn sheet(name: &str, settings: serde_json::Value, count: usize) -> ContactSheet {
        let folder = tempfile::tempdir().unwrap();
        let root = if name == "smnist" {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data")
        } else {
            folder.path().to_path_buf()
        };
        let task = (find(name).unwrap().build)(&settings).unwrap();
        let data = task.prepare(&Library::open(root), &()).unwrap();
        let sheet = draw(task.spec(), data.as_ref(), Split::Test, count).unwrap();
        let file = folder.path().join("sheet.png");
        sheet.save(&file).unwrap();
        let back = image::open(&file).unwrap().to_rgb8();
        assert_eq!(back, sheet.image);
        sheet
    }

    #[test]
    fn flattened_digits_are_drawn_as_images() {
        let sheet = sheet("smnist", json!({ "train_samples": 20, "validation_samples": 5, "test_samples": 16 }), 10);
        // The first of the test split, which are of all classes.
        assert_eq!(sheet.labels, ["1", "9", "0", "5", "4", "9", "1", "0", "2", "6"]);
        // 28 pixels three times enlarged, frame and gap.
        let step = 28 * 3 + 2 * FRAME + GAP;
        assert_eq!(sheet.columns, 8);
        assert_eq!(sheet.image.dimensions(), (8 * step + GAP, 2 * step + GAP));
        assert_eq!(*sheet.image.get_pixel(GAP, GAP), colour(1));
        let bright = sheet.image.pixels().filter(|pixel| pixel.0 == [255; 3]).count();
        assert!(bright > 1_000, "{bright}");
    }

    #[test]
    fn curves_and_tokens_become_strips() {
        let few = |extra: serde_json::Value| {
            let mut settings = json!({ "train_samples": 1, "validation_samples": 1, "test_samples": 3 });
            settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            settings
        };
        let adding = sheet("adding", few(json!({ "length": 2_000 })), 9);
        assert_eq!(adding.labels.len(), 3);
        assert_eq!(adding.image.width(), STRIP_WIDTH as u32 + 2 * FRAME + 2 * GAP);
        let copy = sheet("copy", few(json!({})), 3);
        assert_eq!(copy.labels[0].split(' ').count(), 10);
        assert!(copy.image.pixels().any(|&pixel| pixel == colour(9)), "the delimiter is drawn");
        let listops = sheet("listops", few(json!({ "min_length": 10, "max_length": 40 })), 2);
        assert_eq!(listops.labels.len(), 2);
    }

    /// A data set of one sample per split.
    struct One(Inputs);

    impl Dataset for One {
        fn len(&self, _: Split) -> usize {
            1
        }

        fn content_hash(&self) -> &str {
            ""
        }

        fn read(&self, _: Split, _: &[usize]) -> Result<crate::task::Batch, DataError> {
            let targets = Targets::Labels(vec![3]);
            Ok(crate::task::Batch { size: 1, inputs: self.0.clone(), targets, lengths: None })
        }
    }

    fn spec(name: &str, input: InputSpec) -> TaskSpec {
        TaskSpec {
            name: name.to_owned(),
            version: String::new(),
            data: name.to_owned(),
            input,
            target: vocabulary::OutputSpec::Classes(10),
            metric: vocabulary::Metric::Accuracy,
            chance: 0.1,
            splits: vocabulary::SplitSizes { train: 1, validation: 1, test: 1 },
        }
    }

    #[test]
    fn a_tone_is_a_line_in_the_spectrogram() {
        // An eighth of the sampling rate: bin 32 of 128. 4 096 is a square, and still no image.
        let tone: Vec<f32> = (0..4_096).map(|step| (std::f32::consts::TAU * step as f32 / 8.0).sin()).collect();
        let spec = spec("fsdd", InputSpec::Values { channels: 1, shape: vec![4_096] });
        let sheet = draw(&spec, &One(Inputs::Values(tone)), Split::Test, 5).unwrap();
        assert_eq!(sheet.labels, ["3"]);
        let top = GAP + FRAME + CHANNEL_HEIGHT as u32 + 2;
        let x = GAP + FRAME + 450;
        assert_eq!(*sheet.image.get_pixel(x, top + 128 - 32), INK);
        assert_eq!(*sheet.image.get_pixel(x, top + 128 - 64), PAPER);
    }

    #[test]
    fn many_channels_are_a_map_and_pairs_stand_above_each_other() {
        let values: Vec<f32> = (0..20 * 100).map(|index| (index % 100) as f32).collect();
        let map = spec("speech-mfcc", InputSpec::Values { channels: 20, shape: vec![100] });
        let sheet = draw(&map, &One(Inputs::Values(values)), Split::Train, 1).unwrap();
        assert_eq!(sheet.image.dimensions(), (400 + 2 * (FRAME + GAP), 80 + 2 * (FRAME + GAP)));
        assert_eq!(*sheet.image.get_pixel(GAP + FRAME + 399, GAP + FRAME), INK);
        let pair = spec("retrieval", InputSpec::Tokens { vocabulary: 9, length: 50 });
        let tokens = [vec![1; 50], vec![2; 50]].concat();
        let sheet = draw(&pair, &One(Inputs::Tokens(tokens)), Split::Train, 1).unwrap();
        assert_eq!(sheet.image.height(), 2 * TOKEN_HEIGHT as u32 + 2 + 2 * (FRAME + GAP));
        assert_eq!(*sheet.image.get_pixel(GAP + FRAME, GAP + FRAME), colour(1));
        assert_eq!(*sheet.image.get_pixel(GAP + FRAME, GAP + FRAME + TOKEN_HEIGHT as u32 + 2), colour(2));
    }
}
