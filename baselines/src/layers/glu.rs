//! The gated linear unit.

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;

/// `a · σ(b)` for `x = [a, b]`, `[batch, 2 · channels, positions]` to `[batch, channels, positions]` (Dauphin et al. 2017,
/// arXiv 1612.08083).
///
/// # Panics
/// If the number of channels of `x` is odd.
pub fn glu(x: Tensor<3>) -> Tensor<3> {
    let channels = x.dims()[1];
    assert!(channels.is_multiple_of(2), "a gated linear unit needs an even number of channels, not {channels}");
    let gate = sigmoid(x.clone().narrow(1, channels / 2, channels / 2));
    x.narrow(1, 0, channels / 2) * gate
}
