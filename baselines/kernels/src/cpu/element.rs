//! Everything that a kernel may ask of its element type.

use super::batched_fft::Transformed;
use super::matmul::tile::Tiles;

/// f32 or f64 with arithmetic, tiles, vectors and transforms.
pub(crate) trait Element: Tiles + Transformed {}

impl Element for f32 {}

impl Element for f64 {}
