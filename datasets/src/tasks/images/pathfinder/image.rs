//! The generator: one image from its seed and number alone.
//!
//! The algorithm is that of <https://github.com/drewlinsley/pathfinder> (`snakes2.py`) at commit ab9c130, with which the
//! data of the Long Range Arena were made. Later commits lost the grey-level stretching of SciPy's `imresize` and
//! `imsave`; it is kept here.

use rand::Rng;

use crate::config::ConfigError;
use crate::library::sample_stream;
use crate::tasks::images::pathfinder::paddle::Paddles;
use crate::tasks::images::pathfinder::parameters::Parameters;
use crate::tasks::images::pathfinder::raster::{Canvas, stretch};
use crate::tasks::images::pathfinder::snake::{Failure, Scene};

/// Attempts at the two long contours of one image. The original tries for ever.
const MOST_ATTEMPTS: u32 = 100_000;

/// Draws images for one set of parameters; everything that images share is prepared once.
#[derive(Debug, Clone)]
pub struct Generator {
    parameters: Parameters,
    /// One per entry of the margin list.
    paddles: Vec<Paddles>,
}

/// One image.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Grey values, row after row.
    pub pixels: Vec<u8>,
    /// Whether both markers lie on one contour: 1 if so, else 0.
    pub label: u8,
    /// How the image came about.
    pub layout: ContourLayout,
}

/// How an image came about; positions are `(y, x)` in pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContourLayout {
    /// Distance between paddles, drawn from the margin list.
    pub margin: u32,
    /// Where the two long contours begin.
    pub origins: [(i32, i32); 2],
    /// Where they end.
    pub terminals: [(i32, i32); 2],
    /// The marker at the beginning of a contour, and the one at the end of the same or the other.
    pub markers: [(i32, i32); 2],
    /// Distractors for which there was room.
    pub distractors: u32,
    /// Attempts at the two long contours, the successful one included.
    pub attempts: u32,
    /// Those attempts in which both contours could at least begin.
    pub begun: u32,
}

/// No image with these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("image {index} of seed {seed}: {attempts} attempts at the two long contours failed; {setting} {remedy}")]
pub struct GenerationError {
    /// Seed of the set.
    pub seed: u64,
    /// Number of the image.
    pub index: u64,
    /// Attempts made.
    pub attempts: u32,
    /// The setting that is most likely at fault.
    pub setting: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Generator {
    /// Prepare everything that images share.
    ///
    /// # Errors
    /// A parameter out of its range, or an image too small for a single seed: [`ConfigError`] names the setting.
    pub fn new(parameters: Parameters) -> Result<Self, ConfigError> {
        parameters.check()?;
        let paddles: Vec<Paddles> = parameters.margin.iter().map(|&margin| Paddles::new(&parameters, margin)).collect();
        if let Some(crowded) = paddles.iter().find(|paddles| paddles.seeds.iter().all(|seed| seed.free_count == 0)) {
            return Err(ConfigError::new(
                "seed_distance",
                format!(
                    "{} leaves no room for the first paddle with paddle_length {}, margin {} and padding {} at {} pixels; \
                     lower one of them",
                    parameters.seed_distance,
                    parameters.paddle_length,
                    crowded.margin,
                    parameters.padding,
                    parameters.resolution
                ),
            ));
        }
        Ok(Self { parameters, paddles })
    }

    /// The parameters of this generator.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Image `index` of the set with `seed`; depends on nothing else.
    ///
    /// # Errors
    /// No room for the two long contours after very many attempts: [`GenerationError`] names the setting.
    pub fn sample(&self, seed: u64, index: u64) -> Result<Sample, GenerationError> {
        let (scene, label, layout) = self.scene(seed, index)?;
        let mut levels = self.draw(&scene);
        for marker in layout.markers {
            self.draw_marker(&mut levels, marker);
        }
        Ok(Sample { pixels: stretch(&levels), label, layout })
    }

    /// How that image comes about, without drawing it.
    ///
    /// # Errors
    /// See [`sample`](Self::sample).
    pub fn layout(&self, seed: u64, index: u64) -> Result<ContourLayout, GenerationError> {
        self.scene(seed, index).map(|(_, _, layout)| layout)
    }

    /// The contours of image `index` of the set with `seed`, and its label.
    fn scene(&self, seed: u64, index: u64) -> Result<(Scene<'_>, u8, ContourLayout), GenerationError> {
        let mut rng = sample_stream(seed, index);
        let label = u8::from(rng.random::<bool>());
        let paddles = &self.paddles[rng.random_range(0..self.paddles.len() as u32) as usize];
        let mut scene = Scene::new(&self.parameters, paddles);
        let mut attempts = 0;
        let mut begun = 0;
        let tips = loop {
            attempts += 1;
            match scene.two_contours(&mut rng) {
                Ok(tips) => break tips,
                Err(Failure::Extension) => begun += 1,
                Err(Failure::Seed) => {}
            }
            if attempts == MOST_ATTEMPTS {
                let (setting, remedy) = if begun > 0 {
                    ("contour_length", "is too large for the resolution: lower it, or paddle_length or margin")
                } else {
                    ("seed_distance", "leaves no room for the first paddles: lower it, or paddle_length or margin")
                };
                return Err(GenerationError { seed, index, attempts, setting, remedy });
            }
        };
        let distractors = (0..self.parameters.distractors).filter(|_| scene.distractor(&mut rng)).count() as u32;
        let from = usize::from(rng.random::<bool>());
        let to = if label == 1 { from } else { 1 - from };
        let markers = [tips.origins[from], tips.terminals[to]];
        let layout = ContourLayout {
            margin: paddles.margin,
            origins: tips.origins,
            terminals: tips.terminals,
            markers,
            distractors,
            attempts,
            begun: begun + 1,
        };
        Ok((scene, label, layout))
    }

    /// The brightest of all paddles at each pixel.
    fn draw(&self, scene: &Scene<'_>) -> Vec<f64> {
        let side = self.parameters.resolution as usize;
        let mut levels = vec![0.0_f64; side * side];
        for placed in &scene.drawn {
            for (first, row) in placed.paddle(scene.paddles).line.rows(placed.start, side) {
                for (level, &value) in levels[first..].iter_mut().zip(row) {
                    // The original kept paddles in single precision.
                    let brightness = (f64::from(value) / 255.0 * placed.contrast) as f32;
                    *level = level.max(f64::from(brightness));
                }
            }
        }
        levels
    }

    /// The marker around `centre` alone, as a whole image of grey values.
    #[cfg(test)]
    pub(super) fn marker(&self, centre: (i32, i32)) -> Vec<u8> {
        let side = self.parameters.resolution as usize;
        let mut levels = vec![0.0; side * side];
        self.draw_marker(&mut levels, centre);
        levels.iter().map(|level| (level * 255.0).round() as u8).collect()
    }

    /// A disc, drawn enlarged and shrunk like a paddle, but with the image's borders where they are.
    fn draw_marker(&self, levels: &mut [f64], centre: (i32, i32)) {
        let side = self.parameters.resolution as i32;
        let scale = self.parameters.antialias as i32;
        let radius = self.parameters.marker_radius;
        // The filter reaches three pixels. Twice that keeps the window's own borders out of the result.
        let reach = radius.ceil() as i32 + 7;
        let window = |middle: i32| ((middle - reach).max(0), (middle + reach + 1).min(side));
        let ((top, bottom), (left, right)) = (window(centre.0), window(centre.1));
        if top >= bottom || left >= right {
            return;
        }
        let (height, width) = ((bottom - top) as usize, (right - left) as usize);
        let mut canvas = Canvas::black(height * scale as usize, width * scale as usize);
        let square = (radius * f64::from(scale)).powi(2);
        for (position, pixel) in canvas.pixels.iter_mut().enumerate() {
            let y = position as i32 / canvas.width as i32 + (top - centre.0) * scale;
            let x = position as i32 % canvas.width as i32 + (left - centre.1) * scale;
            if f64::from(y * y + x * x) <= square {
                *pixel = 255;
            }
        }
        let disc = canvas.resize(height, width);
        for (y, row) in disc.pixels.chunks_exact(width).enumerate() {
            let start = (top as usize + y) * side as usize + left as usize;
            for (level, &value) in levels[start..].iter_mut().zip(row) {
                *level = level.max(f64::from(value) / 255.0);
            }
        }
    }
}
