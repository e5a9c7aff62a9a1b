//! Long convolutions whose kernels a small network generates from positions.

pub mod ckconv;
pub mod flexconv;
pub(crate) mod generated;
pub mod grid;
pub mod kernel_network;
pub(crate) mod mask;
pub(crate) mod odd_fft;
pub mod residual;
pub mod siren;
pub mod window;

pub use ckconv::{CkConv, CkConvSpec};
pub use flexconv::{FlexConv, FlexConvSpec, ReferenceVersion, SampledKernel};
pub use generated::GeneratedConv;
pub use kernel_network::{Frequency, KernelInit, KernelNetwork, KernelNetworkKind, KernelNetworkSpec};
pub use residual::flex_block;
pub use siren::Siren;
pub use window::Window;
