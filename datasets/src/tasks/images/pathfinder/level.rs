//! The levels of Pathfinder: resolutions and difficulties, and how many images of each are released.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use vocabulary::SplitSizes;

/// Images of each level of the released archive.
const RELEASED: usize = 200_000;
/// The released file that is empty; S4 and CCNN leave it out by name, the Arena because it is empty.
pub(super) const EMPTY: (Resolution, Difficulty, &str) = (Resolution::Px32, Difficulty::Easy, "imgs/0/sample_172.png");

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

/// Sizes of the three parts of `count` images: a tenth, rounded down, for testing and for validation, the rest for training.
pub(super) fn parts(count: usize) -> SplitSizes {
    SplitSizes { train: count - 2 * (count / 10), validation: count / 10, test: count / 10 }
}

/// Sizes of the released set.
pub(super) fn released_sizes(resolution: Resolution, difficulty: Difficulty) -> SplitSizes {
    let empty = (resolution, difficulty) == (EMPTY.0, EMPTY.1);
    parts(RELEASED - usize::from(empty))
}
