//! Random changes of training images. What is drawn depends on the random stream alone, which belongs to one sample.

use image::{
    ImageBuffer, Luma,
    imageops::{FilterType, resize as resize_plane},
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Channels and side of a stored image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) channels: usize,
    pub(crate) side: usize,
}

/// A way to change training images.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Augmentation {
    /// A crop of the same size from the image with `pad` mirrored pixels added on every side (torchvision's
    /// `RandomCrop(side, padding = pad, padding_mode = "symmetric")`), then a mirror image in half of the cases.
    Shift {
        /// Pixels added on every side.
        pad: usize,
    },
    /// The image enlarged to the side `larger`, turned by up to `degrees` either way (nearest pixel, black outside), a crop
    /// of the final size, then a mirror image in half of the cases.
    Zoom {
        /// Side before the crop.
        larger: usize,
        /// Largest angle.
        degrees: f64,
    },
}

impl Augmentation {
    /// Changes an image; the result has the side `side`.
    pub(crate) fn apply(&self, pixels: &[u8], shape: Shape, side: usize, random: &mut ChaCha8Rng) -> Vec<u8> {
        match *self {
            Self::Shift { pad } => {
                let (top, left) = (random.random_range(0..=2 * pad), random.random_range(0..=2 * pad));
                let mirror = random.random::<bool>();
                let from = |place: usize, start: usize| symmetric((place + start) as isize - pad as isize, shape.side);
                pick(pixels, shape, side, mirror, |y, x| Some((from(y, top), from(x, left))))
            }
            Self::Zoom { larger, degrees } => {
                let large = resize(pixels, shape, larger);
                let angle: f64 = if degrees > 0.0 { random.random_range(-degrees..=degrees) } else { 0.0 };
                let (top, left) = (random.random_range(0..=larger - side), random.random_range(0..=larger - side));
                let mirror = random.random::<bool>();
                let (sine, cosine) = angle.to_radians().sin_cos();
                let centre = larger as f64 / 2.0;
                let shape = Shape { side: larger, ..shape };
                pick(&large, shape, side, mirror, |y, x| {
                    let (y, x) = ((y + top) as f64 + 0.5 - centre, (x + left) as f64 + 0.5 - centre);
                    let (y, x) = ((cosine * y - sine * x + centre).floor(), (sine * y + cosine * x + centre).floor());
                    let inside = |place: f64| place >= 0.0 && place < larger as f64;
                    (inside(y) && inside(x)).then_some((y as usize, x as usize))
                })
            }
        }
    }

    /// How a version says it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Shift { pad } => format!("crop{pad}-flip"),
            Self::Zoom { larger, degrees } => format!("zoom{larger}-turn{degrees}-flip"),
        }
    }
}

/// The place of a pixel beyond the border: the border pixel is repeated, then the one before it, and so on.
fn symmetric(place: isize, side: usize) -> usize {
    let period = 2 * side as isize;
    let place = place.rem_euclid(period) as usize;
    if place < side { place } else { 2 * side - 1 - place }
}

/// A new image of side `side`, every pixel taken from where `from(row, column)` says; black where it says nowhere.
fn pick(
    pixels: &[u8],
    shape: Shape,
    side: usize,
    mirror: bool,
    from: impl Fn(usize, usize) -> Option<(usize, usize)>,
) -> Vec<u8> {
    let plane = shape.side * shape.side;
    let mut picture = vec![0; shape.channels * side * side];
    for y in 0..side {
        for x in 0..side {
            let Some((row, column)) = from(y, if mirror { side - 1 - x } else { x }) else { continue };
            for channel in 0..shape.channels {
                picture[(channel * side + y) * side + x] = pixels[channel * plane + row * shape.side + column];
            }
        }
    }
    picture
}

/// The image at another size, by bilinear interpolation.
pub(crate) fn resize(pixels: &[u8], shape: Shape, side: usize) -> Vec<u8> {
    let mut picture = Vec::with_capacity(shape.channels * side * side);
    for plane in pixels.chunks_exact(shape.side * shape.side) {
        let old = shape.side as u32;
        if let Some(plane) = ImageBuffer::<Luma<u8>, &[u8]>::from_raw(old, old, plane) {
            picture.extend(resize_plane(&plane, side as u32, side as u32, FilterType::Triangle).into_raw());
        }
    }
    picture
}

/// Two independent standard normal numbers (Box and Muller 1958).
pub(crate) fn normal_pair(random: &mut ChaCha8Rng) -> [f32; 2] {
    // 1 − u is never 0.
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    let (sine, cosine) = (std::f64::consts::TAU * random.random::<f64>()).sin_cos();
    [(radius * cosine) as f32, (radius * sine) as f32]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::collections::BTreeSet;

    use super::*;
    use crate::library::sample_stream;

    #[test]
    fn borders_are_mirrored_with_the_border_pixel_repeated() {
        let places: Vec<usize> = (-4..8).map(|place| symmetric(place, 4)).collect();
        assert_eq!(places, [3, 2, 1, 0, 0, 1, 2, 3, 3, 2, 1, 0]);
    }

    #[test]
    fn every_shift_and_both_mirror_images_occur_equally_often() {
        // One pixel differs: where it lands says what was drawn.
        let shape = Shape { channels: 1, side: 32 };
        let mut pixels = vec![0; 1024];
        pixels[16 * 32 + 9] = 255;
        let augmentation = Augmentation::Shift { pad: 4 };
        let mut seen = std::collections::BTreeMap::<(usize, usize), u32>::new();
        for position in 0..16_200 {
            let picture = augmentation.apply(&pixels, shape, 32, &mut sample_stream(3, position));
            let lit: Vec<usize> = (0..1024).filter(|&place| picture[place] == 255).collect();
            assert_eq!(lit.len(), 1);
            *seen.entry((lit[0] / 32, lit[0] % 32)).or_default() += 1;
        }
        // Nine rows, nine columns, and nine mirrored columns: 100 expected of each; five standard deviations are 50.
        assert_eq!(seen.len(), 162);
        assert!(seen.values().all(|count| (50..150).contains(count)), "{seen:?}");
        let rows: BTreeSet<usize> = seen.keys().map(|place| place.0).collect();
        let columns: BTreeSet<usize> = seen.keys().map(|place| place.1).collect();
        assert_eq!(rows, (12..=20).collect());
        assert_eq!(columns, (5..=13).chain(18..=26).collect());
    }

    #[test]
    fn channels_stay_together_and_a_flat_image_flat() {
        let shape = Shape { channels: 3, side: 8 };
        let pixels: Vec<u8> = (0..3 * 64).map(|place| (place % 64 + 64 * (place / 64)) as u8).collect();
        let picture = Augmentation::Shift { pad: 4 }.apply(&pixels, shape, 8, &mut sample_stream(1, 5));
        assert!((0..64).all(|place| picture[64 + place] == picture[place] + 64 && picture[128 + place] == picture[place] + 128));
        let zoom = Augmentation::Zoom { larger: 20, degrees: 0.0 };
        assert_eq!(zoom.apply(&[77; 192], shape, 16, &mut sample_stream(1, 5)), [77; 3 * 256]);
        assert_eq!(resize(&[5; 64], Shape { channels: 1, side: 8 }, 31), [5; 961]);
    }

    #[test]
    fn turned_images_lose_their_corners_and_keep_their_middle() {
        let shape = Shape { channels: 1, side: 32 };
        let zoom = Augmentation::Zoom { larger: 32, degrees: 15.0 };
        let mut black = 0;
        for position in 0..200 {
            let picture = zoom.apply(&[200; 1024], shape, 32, &mut sample_stream(0, position));
            black += usize::from(picture[0] == 0);
            assert_eq!(picture[16 * 32 + 16], 200);
        }
        assert!(black > 150, "{black}");
    }

    #[test]
    fn noise_is_standard_normal() {
        let mut random = sample_stream(0, 0);
        let values: Vec<f64> = (0..50_000).flat_map(|_| normal_pair(&mut random)).map(f64::from).collect();
        let moment = |power: i32| values.iter().map(|value| value.powi(power)).sum::<f64>() / values.len() as f64;
        // Within four standard errors of 0, 1, 0 and 3.
        let error = |variance: f64| 4.0 * (variance / values.len() as f64).sqrt();
        assert!(moment(1).abs() < error(1.0) && (moment(2) - 1.0).abs() < error(2.0));
        assert!(moment(3).abs() < error(15.0) && (moment(4) - 3.0).abs() < error(96.0));
        let products = values.chunks_exact(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / 50_000.0;
        assert!(products.abs() < 4.0 / 50_000f64.sqrt());
    }
}
