//! Building blocks that several models share.
//!
//! Features are `[batch, channels, positions]` with all position axes flattened; layers that care about the axes take
//! their shape beside them. Fields are named as in the PyTorch programs, and weights stand in PyTorch's layout.

pub mod attention;
pub mod continuous;
pub mod conventions;
pub mod convolution;
pub mod either;
pub mod linear;
pub mod norm;
pub mod orthogonality;
pub mod recurrent;
pub mod residual;
pub mod stack;
pub mod state_space;

pub use attention::{EncoderLayer, EncoderLayerSpec, MultiHeadAttention, MultiHeadSpec, Rotary};
pub use continuous::{
    CkConv, CkConvSpec, FlexConv, FlexConvSpec, Frequency, GeneratedConv, KernelInit, KernelNetwork, KernelNetworkKind,
    KernelNetworkSpec, ReferenceVersion, SampledKernel, Siren, Window, flex_block,
};
pub use conventions::Conventions;
pub use convolution::free_kernel::{
    FreeConv, FreeConvSpec, FreeKernel, FreeKernelSpec, KernelStart, LongConv, LongConvSpec, Smoothing,
};
pub use convolution::{CausalConv, Conv, Geometry};
pub use either::Either;
pub use linear::{BiasFree, Pointwise, WeightNormed};
pub use norm::{Norm, NormKind, RmsNorm};
pub use recurrent::minimal::{MinCell, MinLm, MinRnn, MinRnnBlock, MinRnnBody, MinRnnConfig, MinRnnSpec};
pub use recurrent::{Recurrent, RecurrentBlock, RecurrentBody, RecurrentConfig, RecurrentLayer};
pub use residual::{
    BlockKind, Causal, CausalRule, Convolution, DrawLinear, KernelSize, Nonlinearity, ResidualBlock, ResidualNetwork,
    ResidualNetworkSpec, ResidualSpec, SizeRule,
};
pub use stack::{Gated, Mixer, Residual, SequenceLayer, Stack, StackSpec};
pub use state_space::{
    Lru, LruSpec, S4Block, S4BlockSpec, S4Kernel, S4KernelSpec, S4d, S4dKernel, S4dSpec, StateMatrix, check_states,
};
