//! Building blocks that several models share.
//!
//! Features are `[batch, channels, positions]` with all position axes flattened; layers that care about the axes take
//! their shape beside them. Fields are named as in the PyTorch programs, and weights stand in PyTorch's layout.

pub(crate) mod check;
pub mod ckconv;
pub mod conv;
pub mod flexconv;
pub mod linear;
pub mod magnet;
pub mod norm;
pub mod orthogonality;
pub mod penalty;
pub mod positions;
pub mod recurrent;
pub mod resnet;
pub mod siren;
pub mod spatial_transformer;

pub use ckconv::CkConv;
pub use conv::{Conv, Geometry};
pub use flexconv::{FlexConv, FlexConvSpec, SampledKernel};
pub use linear::{Pointwise, WeightNormed};
pub use magnet::{Gabor, MagNet, MagNetSpec};
pub use norm::{Norm, NormKind};
pub use positions::{Window, grid, linspace};
pub use recurrent::{Cell, Recurrent, RecurrentConfig, RecurrentLayer};
pub use siren::Siren;
