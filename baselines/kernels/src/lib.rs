//! Fused operations with hand-written gradients.
//!
//! Each is one node of the gradient graph and has one implementation per backend: on the CPU (Flex) a kernel of ours,
//! vectorised and parallel, on GPUs a kernel of ours where that pays, elsewhere a composition of ordinary tensor operations.
//! The kernels split their work into pieces whose sizes do not depend on the number of threads, and add up partial sums in
//! a fixed order, so that results are bit-identical whatever the number of threads.
//!
//! An operation is a folder of `src/ops` with one declaration, which `CONTRIBUTING.md` explains.

mod cpu;
mod operation;
mod ops;
pub mod precision;
pub mod profile;
mod value;

pub use cpu::buffer::release_idle;
pub use ops::activation::{gelu, glu};
pub use ops::adam::adam;
pub use ops::batch_norm::batch_norm;
pub use ops::channel_affine::{channel_affine, channel_bias};
pub use ops::conv::conv2d;
pub use ops::cross_entropy::cross_entropy;
pub use ops::elementwise::{Activation, activate_and_add, add_and_activate, masked};
pub use ops::gabor::gabor;
pub use ops::layer_norm::layer_norm;
pub use ops::long_conv::{Alignment, long_conv1d, long_conv1d_dense, long_conv2d, long_conv2d_dense};
pub use ops::matmul_f32::MatmulF32;
pub use ops::pointwise::pointwise;
pub use ops::recurrent::{gru, lstm, rnn};
pub use ops::ssm::{Discretisation, diagonal_kernel, low_rank_kernel};
pub use ops::weighted_sum::weighted_sum;
pub use ops::{adam, conv, recurrent, ssm};
pub use precision::Precision;
