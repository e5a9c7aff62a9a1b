//! The operations: a folder each, with its declaration, its mathematics and its kernels.

pub mod activation;
pub mod adam;
pub mod batch_norm;
pub mod channel_affine;
pub mod conv;
pub mod cross_entropy;
pub mod elementwise;
pub mod gabor;
pub mod layer_norm;
pub mod long_conv;
pub mod matmul_f32;
pub mod pointwise;
pub mod recurrent;
pub mod ssm;
pub mod weighted_sum;
