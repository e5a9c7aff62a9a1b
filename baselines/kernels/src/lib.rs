//! Fused operations with hand-written gradients.
//!
//! Each is one node of the gradient graph and has one implementation per backend: on the CPU (Flex) a kernel of ours,
//! vectorised and parallel, on GPUs a kernel of ours where that pays, elsewhere a composition of ordinary tensor operations. The kernels split their work into
//! pieces whose sizes do not depend on the number of threads, and add up partial sums in a fixed order, so that results
//! are bit-identical whatever the number of threads.

pub mod activation;
pub mod adam;
pub mod batch_norm;
pub mod chain;
pub mod channel_affine;
pub mod conv;
mod cpu;
pub mod cross_entropy;
pub mod gabor;
mod lane_fft;
pub mod long_conv;
mod matmul;
mod packed;
pub mod pointwise;
pub mod precision;
pub mod product;
pub mod profile;
pub mod recurrent;
mod room;
mod rows;
mod shared;
mod simd;
pub mod ssm;
pub mod standardise;
mod value;
mod vector;
pub mod weighted_sum;

pub use activation::{gelu, glu};
pub use adam::adam;
pub use batch_norm::batch_norm;
pub use chain::{Curve, activate_and_add, add_and_activate, masked};
pub use channel_affine::{channel_affine, channel_bias};
pub use conv::conv2d;
pub use cross_entropy::cross_entropy;
pub use gabor::gabor;
pub use long_conv::{Alignment, long_conv1d, long_conv1d_dense, long_conv2d, long_conv2d_dense};
pub use pointwise::pointwise;
pub use product::ExactProduct;
pub use recurrent::{gru, lstm, rnn};
pub use room::release_idle;
pub use ssm::{Discretisation, diagonal_kernel, low_rank_kernel};
pub use standardise::standardise;
pub use weighted_sum::weighted_sum;
