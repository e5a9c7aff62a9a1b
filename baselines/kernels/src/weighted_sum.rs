//! Weighted sums over positions: the read-out of most networks.

pub mod composed;
mod flex;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind, unary},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

#[cfg(any(feature = "cube", feature = "tch"))]
use crate::profile::timed;

/// The forward pass as a backend operation.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait WeightedSumOps: Backend {
    /// Input `[batch, channels, positions]`, not empty, and weights `[batch, 1, positions]` or `[1, 1, positions]`; returns
    /// `[batch, channels, 1]`. The weights have no gradient.
    fn sum_positions(x: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The hand-written backward pass of [`WeightedSumOps`].
pub trait WeightedSumGrad: WeightedSumOps {
    /// Gradient of the input of shape `shape` from the gradient `g` of the output.
    fn sum_positions_backward(weights: FloatTensor<Self>, g: FloatTensor<Self>, shape: Shape) -> FloatTensor<Self>;
}

#[cfg(any(feature = "cube", feature = "tch"))]
macro_rules! composed_backend {
    ($backend:ty) => {
        impl WeightedSumOps for $backend {
            fn sum_positions(x: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self> {
                timed::<Self, _>("weighted sum", &x.device(), || composed::forward::<Self>(x, weights))
            }
        }

        impl WeightedSumGrad for $backend {
            fn sum_positions_backward(
                weights: FloatTensor<Self>,
                g: FloatTensor<Self>,
                _shape: Shape,
            ) -> FloatTensor<Self> {
                timed::<Self, _>("weighted sum backward", &g.device(), || composed::backward::<Self>(weights, g))
            }
        }
    };
}

#[cfg(feature = "cube")]
composed_backend!(burn::backend::Cube);
#[cfg(feature = "tch")]
composed_backend!(burn::backend::LibTorch);

#[derive(Debug)]
struct WeightedSumBackward;

impl<B: WeightedSumGrad> Backward<B, 1> for WeightedSumBackward {
    type State = (FloatTensor<B>, Shape);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let (weights, shape) = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |g| B::sum_positions_backward(weights, g, shape));
    }
}

impl<B: WeightedSumGrad, C: CheckpointStrategy> WeightedSumOps for Autodiff<B, C> {
    fn sum_positions(x: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self> {
        let guards = [x.node()];
        let (x, weights) = (x.into_primitive(), weights.into_primitive());
        match WeightedSumBackward.prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let shape = x.shape();
                let y = B::sum_positions(x, weights.clone());
                prep.finish((weights, shape), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::sum_positions(x, weights)),
        }
    }
}

/// `Σ weights[t] · x[t]` over the positions of `x` `[batch, channels, positions]`, with weights `[batch, 1, positions]` or
/// `[1, 1, positions]`; returns `[batch, channels]`. No gradient reaches the weights.
///
/// # Panics
/// If the shapes do not fit together.
pub fn weighted_sum(x: Tensor<3>, weights: Tensor<3>) -> Tensor<2> {
    let [batch, channels, positions] = x.dims();
    assert!(
        weights.dims() == [batch, 1, positions] || weights.dims() == [1, 1, positions],
        "weights {:?} do not fit {:?}",
        weights.dims(),
        x.dims(),
    );
    if x.dims().contains(&0) {
        return Tensor::zeros([batch, channels], (&x.device(), x.dtype()));
    }
    let sum: Tensor<3> =
        Tensor::from_dispatch(<Dispatch as WeightedSumOps>::sum_positions(x.into_dispatch(), weights.into_dispatch()));
    sum.reshape([batch, channels])
}
