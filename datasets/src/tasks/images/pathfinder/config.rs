//! Settings of the task.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, ser::Error};

use crate::config::InputRank;
use crate::tasks::images::pathfinder::level::{Difficulty, Resolution, released_sizes};
use crate::tasks::images::pathfinder::parameters::{DistractorRule, Parameters};
use vocabulary::SplitSizes;

/// Where the images come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "PathfinderSource")]
pub enum PathfinderSource {
    /// Made by this program; nothing is fetched.
    #[default]
    Generated,
    /// The images released with the Long Range Arena, or others in their layout.
    Lra,
}

impl PathfinderSource {
    pub(super) fn is_generated(&self) -> bool {
        *self == Self::Generated
    }
}

/// How released images are assigned to the splits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "PathfinderParts")]
pub enum PathfinderParts {
    /// 80 % for training, 10 % for validation, 10 % for testing, by a hash of the image's path.
    #[default]
    Split,
    /// All for testing, to test a model on images by another hand.
    Test,
}

impl PathfinderParts {
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

/// Settings as they stand in an experiment file: what is left out takes its published value.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pathfinder", transform = crate::config::form_is_also_dimensions)]
struct Settings {
    /// Side of the image in pixels.
    #[serde(default)]
    resolution: Resolution,
    /// Length of the two long contours.
    #[serde(default)]
    difficulty: Difficulty,
    /// Where the images come from.
    #[serde(default)]
    source: PathfinderSource,
    /// How released images are assigned to the splits (with `source: lra` only).
    #[serde(default)]
    parts: PathfinderParts,
    /// As a sequence of pixels (`1d`) or as a picture (`2d`).
    #[serde(default, alias = "dimensions")]
    form: InputRank,
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
    #[serde(skip_serializing_if = "PathfinderSource::is_generated")]
    pub source: PathfinderSource,
    /// How released images are assigned to the splits.
    #[serde(skip_serializing_if = "PathfinderParts::is_split")]
    pub parts: PathfinderParts,
    /// As a sequence of pixels or as a picture.
    pub form: InputRank,
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
    /// What decides an image, apart from seed and position.
    #[schemars(skip)]
    #[serde(flatten, serialize_with = "without_resolution")]
    pub parameters: Parameters,
}

/// Writes the parameters but the resolution, which is a setting of its own.
fn without_resolution<S: Serializer>(parameters: &Parameters, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(parameters).map_err(S::Error::custom)?;
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove("resolution");
    }
    value.serialize(serializer)
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
            (PathfinderSource::Generated, _) => SplitSizes { train: 160_000, validation: 20_000, test: 20_000 },
            (PathfinderSource::Lra, PathfinderParts::Split) => released_sizes(given.resolution, given.difficulty),
            (PathfinderSource::Lra, PathfinderParts::Test) => {
                let all = released_sizes(given.resolution, given.difficulty);
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
            parameters: Parameters {
                resolution: published.resolution,
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
            },
        }
    }
}
