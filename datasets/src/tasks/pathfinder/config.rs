//! Settings of the task, with the published values of each resolution and difficulty.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::config::error::ConfigError;
pub use crate::config::image_form::Form;
use crate::tasks::pathfinder::released;
use vocabulary::SplitSizes;

/// Side of the image in pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Resolution {
    /// 32 × 32: the Pathfinder task of the Long Range Arena.
    #[default]
    Px32,
    /// 64 × 64.
    Px64,
    /// 128 × 128: Path-X.
    Px128,
    /// 256 × 256: Path-256.
    Px256,
}

impl Resolution {
    /// Pixels along one side.
    pub fn side(self) -> u32 {
        match self {
            Self::Px32 => 32,
            Self::Px64 => 64,
            Self::Px128 => 128,
            Self::Px256 => 256,
        }
    }
}

impl TryFrom<u32> for Resolution {
    type Error = String;

    fn try_from(side: u32) -> Result<Self, String> {
        [Self::Px32, Self::Px64, Self::Px128, Self::Px256]
            .into_iter()
            .find(|resolution| resolution.side() == side)
            .ok_or_else(|| format!("{side} is not a resolution of Pathfinder: choose 32, 64, 128 or 256"))
    }
}

impl From<Resolution> for u32 {
    fn from(resolution: Resolution) -> Self {
        resolution.side()
    }
}

impl JsonSchema for Resolution {
    fn schema_name() -> Cow<'static, str> {
        "PathfinderResolution".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "enum": [32, 64, 128, 256], "description": "Side of the image in pixels."})
    }
}

/// Length of the two long contours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PathfinderDifficulty")]
pub enum Difficulty {
    /// 6 paddles: `curv_baseline` of the released archive.
    #[default]
    Easy,
    /// 9 paddles: `curv_contour_length_9`.
    Intermediate,
    /// 14 paddles: `curv_contour_length_14`, the one that papers report.
    Hard,
}

impl Difficulty {
    /// `easy`, `intermediate` or `hard`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Intermediate => "intermediate",
            Self::Hard => "hard",
        }
    }

    /// Paddles per long contour.
    pub fn contour_length(self) -> u32 {
        match self {
            Self::Easy => 6,
            Self::Intermediate => 9,
            Self::Hard => 14,
        }
    }
}

/// Where the images come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "PathfinderSource")]
pub enum Source {
    /// Made by this program; nothing is fetched.
    #[default]
    Generated,
    /// The images released with the Long Range Arena, or others in their layout.
    Lra,
}

impl Source {
    pub(super) fn is_generated(&self) -> bool {
        *self == Self::Generated
    }
}

/// How released images are dealt to the splits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "PathfinderParts")]
pub enum Parts {
    /// 80 % for training, 10 % for validation, 10 % for testing, by a hash of the image's path.
    #[default]
    Split,
    /// All for testing, to test a model on images by another hand.
    Test,
}

impl Parts {
    pub(super) fn is_split(&self) -> bool {
        *self == Self::Split
    }
}

/// Number of distractor contours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `original`, `wrapper` or a number of distractor contours")]
#[schemars(rename = "PathfinderDistractors")]
pub enum Distractors {
    /// A published rule.
    Rule(DistractorRule),
    /// So many.
    Count(u32),
}

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

/// Settings as they stand in an experiment file: what is left out takes its published value.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pathfinder", transform = crate::config::image_form::form_is_also_dimensions)]
struct Settings {
    /// Side of the image in pixels.
    #[serde(default)]
    resolution: Resolution,
    /// Length of the two long contours.
    #[serde(default)]
    difficulty: Difficulty,
    /// Where the images come from.
    #[serde(default)]
    source: Source,
    /// How released images are dealt to the splits (with `source: lra` only).
    #[serde(default)]
    parts: Parts,
    /// As a sequence of pixels (`1d`) or as a picture (`2d`).
    #[serde(default, alias = "dimensions")]
    form: Form,
    /// Shift values from [0, 1] to [−1, 1].
    #[serde(default)]
    centre: bool,
    /// Training images; default 160 000, or those of the released set.
    train_samples: Option<usize>,
    /// Validation images; default 20 000, or those of the released set.
    validation_samples: Option<usize>,
    /// Test images; default 20 000, or those of the released set.
    test_samples: Option<usize>,
    /// Seed of the images.
    #[serde(default)]
    seed: u64,
    /// Paddles per long contour, 2 to 64; default by difficulty: 6, 9 or 14.
    contour_length: Option<u32>,
    /// Paddles per distractor contour, 1 to 64; default a third of the contour length, rounded down.
    distractor_length: Option<u32>,
    /// Number of distractor contours, or the rule for it; default `original`.
    distractors: Option<Distractors>,
    /// Length of a paddle in pixels, 1 to 32.
    paddle_length: Option<u32>,
    /// Thickness of a paddle in pixels; times `antialias` it must be a whole number.
    thickness: Option<f64>,
    /// Distances between paddles in pixels, 0 to 16; one is drawn per image.
    margin: Option<Vec<u32>>,
    /// Factor of the enlarged drawing, 1 to 8.
    antialias: Option<u32>,
    /// Radius of the two markers in pixels.
    marker_radius: Option<f64>,
    /// Distance between the beginnings of the two long contours in pixels.
    seed_distance: Option<u32>,
    /// Stiffness of the contours: 1 allows bends up to 90 degrees, larger values less.
    continuity: Option<f64>,
    /// Breadth of the border kept free, in pixels, at least 1.
    padding: Option<u32>,
    /// Brightness of contours; one is drawn per long contour, and one per paddle of a distractor.
    snake_contrast: Option<Vec<f64>>,
    /// Brightness of paddles of the long contours; one is drawn per paddle. Distractors ignore it, as in the original.
    paddle_contrast: Option<Vec<f64>>,
}

/// Settings of the task `pathfinder` with every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Settings")]
#[schemars(from = "Settings", rename = "Pathfinder")]
pub struct Config {
    /// Side of the image in pixels.
    pub resolution: Resolution,
    /// Length of the two long contours.
    pub difficulty: Difficulty,
    /// Where the images come from.
    #[serde(skip_serializing_if = "Source::is_generated")]
    pub source: Source,
    /// How released images are dealt to the splits.
    #[serde(skip_serializing_if = "Parts::is_split")]
    pub parts: Parts,
    /// As a sequence of pixels or as a picture.
    pub form: Form,
    /// Shift values from [0, 1] to [−1, 1].
    pub centre: bool,
    /// Training images.
    pub train_samples: usize,
    /// Validation images.
    pub validation_samples: usize,
    /// Test images.
    pub test_samples: usize,
    /// Seed of the images.
    pub seed: u64,
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
    /// Distances between paddles in pixels.
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

impl From<Settings> for Config {
    fn from(given: Settings) -> Self {
        let published = Parameters::published(given.resolution, given.difficulty);
        let contour_length = given.contour_length.unwrap_or(published.contour_length);
        let distractor_length = given.distractor_length.unwrap_or(contour_length / 3);
        let distractors = match given.distractors.unwrap_or(Distractors::Rule(DistractorRule::Original)) {
            Distractors::Count(count) => count,
            Distractors::Rule(rule) => rule.count(given.resolution, distractor_length),
        };
        let sizes = match (given.source, given.parts) {
            (Source::Generated, _) => SplitSizes { train: 160_000, validation: 20_000, test: 20_000 },
            (Source::Lra, Parts::Split) => released::released(given.resolution, given.difficulty),
            (Source::Lra, Parts::Test) => {
                let all = released::released(given.resolution, given.difficulty);
                SplitSizes { train: 0, validation: 0, test: all.train + all.validation + all.test }
            }
        };
        Self {
            resolution: given.resolution,
            difficulty: given.difficulty,
            source: given.source,
            parts: given.parts,
            form: given.form,
            centre: given.centre,
            train_samples: given.train_samples.unwrap_or(sizes.train),
            validation_samples: given.validation_samples.unwrap_or(sizes.validation),
            test_samples: given.test_samples.unwrap_or(sizes.test),
            seed: given.seed,
            contour_length,
            distractor_length,
            distractors,
            paddle_length: given.paddle_length.unwrap_or(published.paddle_length),
            thickness: given.thickness.unwrap_or(published.thickness),
            margin: given.margin.unwrap_or(published.margin),
            antialias: given.antialias.unwrap_or(published.antialias),
            marker_radius: given.marker_radius.unwrap_or(published.marker_radius),
            seed_distance: given.seed_distance.unwrap_or(published.seed_distance),
            continuity: given.continuity.unwrap_or(published.continuity),
            padding: given.padding.unwrap_or(published.padding),
            snake_contrast: given.snake_contrast.unwrap_or(published.snake_contrast),
            paddle_contrast: given.paddle_contrast.unwrap_or(published.paddle_contrast),
        }
    }
}

impl Config {
    /// What decides an image, apart from seed and position.
    pub fn parameters(&self) -> Parameters {
        Parameters {
            resolution: self.resolution.side(),
            contour_length: self.contour_length,
            distractor_length: self.distractor_length,
            distractors: self.distractors,
            paddle_length: self.paddle_length,
            thickness: self.thickness,
            margin: self.margin.clone(),
            antialias: self.antialias,
            marker_radius: self.marker_radius,
            seed_distance: self.seed_distance,
            continuity: self.continuity,
            padding: self.padding,
            snake_contrast: self.snake_contrast.clone(),
            paddle_contrast: self.paddle_contrast.clone(),
        }
    }
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
        within("contour_length", self.contour_length, 2, 64)?;
        within("distractor_length", self.distractor_length, 1, 64)?;
        within("distractors", self.distractors, 0, 1000)?;
        within("paddle_length", self.paddle_length, 1, 32)?;
        within("antialias", self.antialias, 1, 8)?;
        within("padding", self.padding, 1, self.resolution / 2 - 1)?;
        within("seed_distance", self.seed_distance, 0, self.resolution / 4 - 1)?;
        if self.margin.is_empty() {
            return Err(ConfigError::new("margin", "the list is empty; give at least one distance, e.g. [1]"));
        }
        for &margin in &self.margin {
            within("margin", margin, 0, 16)?;
        }
        if !(self.thickness > 0.0 && self.thickness <= 16.0) {
            return Err(ConfigError::new("thickness", format!("{} is not above 0 and at most 16", self.thickness)));
        }
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
        let largest = f64::from(self.resolution) / 4.0;
        if !(self.marker_radius >= 0.5 && self.marker_radius <= largest) {
            return Err(ConfigError::new(
                "marker_radius",
                format!("{} is not between 0.5 and {largest}", self.marker_radius),
            ));
        }
        if !(self.continuity > 0.0 && self.continuity <= 100.0) {
            return Err(ConfigError::new("continuity", format!("{} is not above 0 and at most 100", self.continuity)));
        }
        for (field, contrasts) in [("snake_contrast", &self.snake_contrast), ("paddle_contrast", &self.paddle_contrast)]
        {
            if contrasts.is_empty() {
                return Err(ConfigError::new(field, "the list is empty; give at least one contrast, e.g. [1.0]"));
            }
            if let Some(contrast) = contrasts.iter().find(|contrast| !(**contrast > 0.0 && **contrast <= 1000.0)) {
                return Err(ConfigError::new(field, format!("{contrast} is not above 0 and at most 1000")));
            }
        }
        Ok(())
    }
}

fn within(field: &str, value: u32, least: u32, most: u32) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::new(field, format!("{value} is not between {least} and {most}")))
    }
}
