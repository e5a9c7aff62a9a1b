//! Parameters of the generator, with the published values of each resolution and difficulty.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, within};
use crate::tasks::images::pathfinder::level::{Difficulty, Resolution};

/// How the number of distractor contours follows from their length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PathfinderDistractorRule")]
pub enum DistractorRule {
    /// The resolution's number of distractor paddles (20, 22, 35, 30 for 32, 64, 128, 256 pixels) divided by the
    /// distractor length, rounded down: 5 for 32 pixels and `hard`.
    Original,
    /// The same quotient for the distractor length of `easy`, kept for all difficulties, as the original wrapper script
    /// would compute it: 10 for 32 pixels.
    Wrapper,
}

impl DistractorRule {
    /// Number of distractor contours of `distractor_length` paddles each.
    pub fn count(self, resolution: Resolution, distractor_length: u32) -> u32 {
        let paddles = match resolution {
            Resolution::Px32 => 20,
            Resolution::Px64 => 22,
            Resolution::Px128 => 35,
            Resolution::Px256 => 30,
        };
        let length = match self {
            Self::Original => distractor_length,
            Self::Wrapper => Difficulty::Easy.contour_length() / 3,
        };
        // Length 0 is refused by `Parameters::check`.
        paddles / length.max(1)
    }
}

/// Parameters of the generator; the settings of the same names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Side of the image in pixels.
    pub resolution: u32,
    /// Paddles per long contour.
    pub contour_length: u32,
    /// Paddles per distractor contour.
    pub distractor_length: u32,
    /// Number of distractor contours tried for.
    pub distractors: u32,
    /// Length of a paddle in pixels.
    pub paddle_length: u32,
    /// Thickness of a paddle in pixels.
    pub thickness: f64,
    /// Distances between paddles in pixels; one is drawn per image.
    pub margin: Vec<u32>,
    /// Factor of the enlarged drawing.
    pub antialias: u32,
    /// Radius of the two markers in pixels.
    pub marker_radius: f64,
    /// Distance between the beginnings of the two long contours in pixels.
    pub seed_distance: u32,
    /// Stiffness of the contours.
    pub continuity: f64,
    /// Breadth of the border kept free, in pixels.
    pub padding: u32,
    /// Brightness of contours.
    pub snake_contrast: Vec<f64>,
    /// Brightness of paddles of the long contours.
    pub paddle_contrast: Vec<f64>,
}

impl Parameters {
    /// The values of the Long Range Arena (docstrings of `lra_benchmarks/data/pathfinder.py`), and of the generator's
    /// own defaults where those say nothing.
    pub fn published(resolution: Resolution, difficulty: Difficulty) -> Self {
        let contour_length = difficulty.contour_length();
        let distractor_length = contour_length / 3;
        let common = Self {
            resolution: resolution.side(),
            contour_length,
            distractor_length,
            distractors: DistractorRule::Original.count(resolution, distractor_length),
            paddle_length: 5,
            thickness: 1.0,
            margin: vec![1],
            antialias: 2,
            marker_radius: 2.5,
            seed_distance: 12,
            continuity: 1.8,
            padding: 1,
            snake_contrast: vec![0.8],
            paddle_contrast: vec![1.0],
        };
        match resolution {
            Resolution::Px32 => Self {
                paddle_length: 2,
                thickness: 0.5,
                marker_radius: 1.5,
                seed_distance: 7,
                continuity: 1.0,
                snake_contrast: vec![2.0],
                paddle_contrast: vec![0.75],
                ..common
            },
            Resolution::Px64 => common,
            Resolution::Px128 => Self {
                thickness: 1.5,
                margin: vec![2, 3],
                marker_radius: 3.0,
                seed_distance: 20,
                snake_contrast: vec![0.9],
                ..common
            },
            Resolution::Px256 => Self {
                thickness: 2.0,
                margin: vec![3],
                marker_radius: 5.0,
                seed_distance: 27,
                padding: 22,
                snake_contrast: vec![1.0],
                ..common
            },
        }
    }

    /// Check every value on its own.
    ///
    /// # Errors
    /// The first value outside of its range, by name.
    pub fn check(&self) -> Result<(), ConfigError> {
        within("contour_length", self.contour_length, 2..=64)?;
        within("distractor_length", self.distractor_length, 1..=64)?;
        within("distractors", self.distractors, 0..=1000)?;
        within("paddle_length", self.paddle_length, 1..=32)?;
        within("antialias", self.antialias, 1..=8)?;
        within("padding", self.padding, 1..=self.resolution / 2 - 1)?;
        within("seed_distance", self.seed_distance, 0..=self.resolution / 4 - 1)?;
        if self.margin.is_empty() {
            return Err(ConfigError::new("margin", "the list is empty; give at least one distance, e.g. [1]"));
        }
        for &margin in &self.margin {
            within("margin", margin, 0..=16)?;
        }
        let positive = |field, value: f64, most: f64| {
            let message = || ConfigError::new(field, format!("{value} is not above 0 and at most {most}"));
            (value > 0.0 && value <= most).then_some(()).ok_or_else(message)
        };
        positive("thickness", self.thickness, 16.0)?;
        let enlarged = self.thickness * f64::from(self.antialias);
        if enlarged.fract() != 0.0 {
            return Err(ConfigError::new(
                "thickness",
                format!(
                    "{} times antialias ({}) is {enlarged}, which must be a whole number of pixels",
                    self.thickness, self.antialias
                ),
            ));
        }
        within("marker_radius", self.marker_radius, 0.5..=f64::from(self.resolution) / 4.0)?;
        positive("continuity", self.continuity, 100.0)?;
        for (field, contrasts) in [("snake_contrast", &self.snake_contrast), ("paddle_contrast", &self.paddle_contrast)]
        {
            if contrasts.is_empty() {
                return Err(ConfigError::new(field, "the list is empty; give at least one contrast, e.g. [1.0]"));
            }
            contrasts.iter().try_for_each(|&contrast| positive(field, contrast, 1000.0))?;
        }
        Ok(())
    }
}
