//! Residual blocks around convolutions, and the network that CCNN builds from them.

pub mod block;
pub mod network;
pub mod penalty;
pub mod settings;

pub use block::{BlockKind, Convolution, DrawLinear, ResidualBlock, ResidualSpec};
pub use network::{ResidualNetwork, ResidualNetworkSpec};
pub use settings::{Causal, CausalRule, KernelSize, Nonlinearity, SizeRule};
