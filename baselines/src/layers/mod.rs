//! Building blocks that several models share.
//!
//! Features are `[batch, channels, positions]` with all position axes flattened; layers that care about the axes take
//! their shape beside them. Fields are named as in the PyTorch programs, and weights stand in PyTorch's layout.

pub(crate) mod check;
pub mod ckconv;
pub(crate) mod complex;
pub mod conv;
pub mod flexconv;
pub mod hippo;
pub mod kernel_network;
pub mod linear;
pub mod linear_recurrence;
pub mod norm;
pub(crate) mod odd_fft;
pub mod orthogonality;
pub mod penalty;
pub mod positions;
pub mod recurrent;
pub mod residual;
pub mod resnet;
pub mod s4;
pub mod s4d;
pub mod siren;
pub mod spatial_transformer;
pub mod stack;

pub use ckconv::{CkConv, CkConvSpec};
pub use conv::{Conv, Geometry};
pub use flexconv::{FlexConv, FlexConvSpec, Lineage, SampledKernel};
pub use kernel_network::{KernelInit, KernelNetwork, KernelNetworkKind, KernelNetworkSpec};
pub use linear::{Pointwise, WeightNormed};
pub use linear_recurrence::{Lru, LruSpec};
pub use norm::{Norm, NormKind};
pub use positions::{Window, first_tap, grid, linspace, linspace_to};
pub use recurrent::{Cell, Recurrent, RecurrentConfig, RecurrentLayer};
pub use residual::{BlockKind, ResidualBlock, ResidualSpec};
pub use s4::{S4Block, S4BlockSpec, S4Kernel, S4KernelSpec, StateMatrix};
pub use s4d::{S4d, S4dKernel, S4dSpec};
pub use siren::Siren;
pub use stack::{SequenceLayer, Stack, StackSpec, check_states};
