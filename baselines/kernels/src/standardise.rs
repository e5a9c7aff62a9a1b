//! Mean 0 and variance 1 along an axis: the heart of layer and group normalisation.

pub mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind, unary},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

#[cfg(any(feature = "cube", feature = "tch"))]
use crate::profile::timed;
#[cfg(any(feature = "cube", feature = "tch"))]
use burn::backend::TensorMetadata;

/// The forward pass as a backend operation.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait StandardiseOps: Backend {
    /// Input `[batch, values, positions]`, not empty, standardised over its values; returns the input's shape.
    fn standardise_values(x: FloatTensor<Self>, epsilon: f64) -> FloatTensor<Self>;
}

/// The hand-written backward pass of [`StandardiseOps`].
pub trait StandardiseGrad: StandardiseOps {
    /// Gradient of the input from the gradient `g` of the output.
    fn standardise_values_backward(x: FloatTensor<Self>, g: FloatTensor<Self>, epsilon: f64) -> FloatTensor<Self>;
}

#[cfg(any(feature = "cube", feature = "tch"))]
macro_rules! backend {
    ($backend:ty, $forward:expr, $backward:expr) => {
        impl StandardiseOps for $backend {
            fn standardise_values(x: FloatTensor<Self>, epsilon: f64) -> FloatTensor<Self> {
                timed::<Self, _>("standardise", &x.device(), || $forward(x, epsilon))
            }
        }

        impl StandardiseGrad for $backend {
            fn standardise_values_backward(
                x: FloatTensor<Self>,
                g: FloatTensor<Self>,
                epsilon: f64,
            ) -> FloatTensor<Self> {
                timed::<Self, _>("standardise backward", &x.device(), || $backward(x, g, epsilon))
            }
        }
    };
}

#[cfg(feature = "cube")]
backend!(
    burn::backend::Cube,
    |x, epsilon| cube::forward(&x, epsilon).unwrap_or_else(|| composed::forward::<Self>(x, epsilon)),
    |x, g, epsilon| cube::backward(&x, &g, epsilon).unwrap_or_else(|| composed::backward::<Self>(x, g, epsilon))
);
#[cfg(feature = "tch")]
backend!(burn::backend::LibTorch, composed::forward::<Self>, composed::backward::<Self>);

#[derive(Debug)]
struct StandardiseBackward(f64);

impl<B: StandardiseGrad> Backward<B, 1> for StandardiseBackward {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let x = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |g| B::standardise_values_backward(x, g, self.0));
    }
}

impl<B: StandardiseGrad, C: CheckpointStrategy> StandardiseOps for Autodiff<B, C> {
    fn standardise_values(x: FloatTensor<Self>, epsilon: f64) -> FloatTensor<Self> {
        let guards = [x.node()];
        let x = x.into_primitive();
        match StandardiseBackward(epsilon).prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::standardise_values(x.clone(), epsilon);
                prep.finish(x, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::standardise_values(x, epsilon)),
        }
    }
}

/// `(x − mean) / √(variance + epsilon)` for `x` `[batch, values, positions]`, mean and (biased) variance being those over
/// the values of a sample at a position.
pub fn standardise(x: Tensor<3>, epsilon: f64) -> Tensor<3> {
    if x.dims().contains(&0) {
        return x;
    }
    Tensor::from_dispatch(<Dispatch as StandardiseOps>::standardise_values(x.into_dispatch(), epsilon))
}
