//! Kernel networks: small networks from positions to kernel values.
//!
//! [`KernelNetwork`] covers the families that the reference programs offer. Multiplicative filter networks (MAGNet, Gabor,
//! Fourier; Fathony et al. 2021) multiply a filter of the position into every layer; perceptrons (SIREN, random Fourier
//! features, ReLU) see the position at their first layer alone.

mod draw;
mod filter;
mod network;
mod spec;

pub use filter::Filter;
pub use network::KernelNetwork;
pub use spec::{Frequency, KernelInit, KernelNetworkKind, KernelNetworkSpec};
