//! Building blocks that several models share.
//!
//! Features are `[batch, channels, positions]` with all position axes flattened; layers that care about the axes take
//! their shape beside them. Fields are named as in the PyTorch programs, and weights stand in PyTorch's layout.

pub mod attention;
pub mod continuous;
pub mod convolution;
pub mod linear;
pub mod norm;
pub mod orthogonality;
pub mod recurrent;
pub mod residual;
pub mod state_space;

pub use attention::{EncoderLayer, EncoderLayerSpec, MultiHeadAttention, MultiHeadSpec, Rotary};
pub use continuous::{
    CkConv, CkConvSpec, FlexConv, FlexConvSpec, Frequency, GeneratedConv, KernelInit, KernelNetwork, KernelNetworkKind,
    KernelNetworkSpec, ReferenceVersion, SampledKernel, Siren, Window, flex_block,
};
pub use convolution::free_kernel::{
    FreeConv, FreeConvSpec, FreeKernel, FreeKernelSpec, KernelStart, LongConv, LongConvSpec, Smoothing,
};
pub use convolution::{CausalConv, Conv, Geometry};
pub use linear::{Pointwise, WeightNormed};
pub use norm::{Norm, NormKind};
pub use recurrent::{Recurrent, RecurrentConfig, RecurrentLayer};
pub use residual::{
    BlockKind, Causal, CausalRule, Convolution, DrawLinear, KernelSize, Nonlinearity, ResidualBlock, ResidualNetwork,
    ResidualNetworkSpec, ResidualSpec, SizeRule,
};
pub use state_space::{
    Lru, LruSpec, Residual, S4Block, S4BlockSpec, S4Kernel, S4KernelSpec, S4d, S4dKernel, S4dSpec, SequenceLayer,
    Stack, StackSpec, StateMatrix, check_states,
};
