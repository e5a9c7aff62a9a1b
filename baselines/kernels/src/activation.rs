//! Activations whose scalar loops dominate a step on the CPU.

pub mod composed;
#[cfg(feature = "cube")]
mod cube;
pub(super) mod curve;
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

/// The forward passes as backend operations.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait ActivationOps: Backend {
    /// `x · Φ(x)`, with the exact normal distribution function.
    fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `a · σ(b)` for `x = [a, b]`, `[batch, 2 · channels, positions]`, not empty; returns `[batch, channels, positions]`.
    fn gated_linear(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The hand-written backward passes of [`ActivationOps`].
pub trait ActivationGrad: ActivationOps {
    /// Gradient of the input of [`ActivationOps::exact_gelu`]. (Burn's own is that of the tanh approximation.)
    fn exact_gelu_backward(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradient of the input of [`ActivationOps::gated_linear`].
    fn gated_linear_backward(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self>;
}

#[cfg(any(feature = "cube", feature = "tch"))]
macro_rules! backend {
    ($backend:ty, $gelu:expr, $gelu_backward:expr, $glu:expr, $glu_backward:expr) => {
        impl ActivationOps for $backend {
            fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
                timed::<Self, _>("gelu", &x.device(), || $gelu(x))
            }

            fn gated_linear(x: FloatTensor<Self>) -> FloatTensor<Self> {
                timed::<Self, _>("glu", &x.device(), || $glu(x))
            }
        }

        impl ActivationGrad for $backend {
            fn exact_gelu_backward(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
                timed::<Self, _>("gelu backward", &x.device(), || $gelu_backward(x, g))
            }

            fn gated_linear_backward(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
                timed::<Self, _>("glu backward", &x.device(), || $glu_backward(x, g))
            }
        }
    };
}

#[cfg(feature = "cube")]
backend!(
    burn::backend::Cube,
    |x| cube::gelu(&x).unwrap_or_else(|| composed::gelu::<Self>(x)),
    |x, g| cube::gelu_backward(&x, &g).unwrap_or_else(|| composed::gelu_backward::<Self>(x, g)),
    |x| cube::glu(&x).unwrap_or_else(|| composed::glu::<Self>(x)),
    |x, g| cube::glu_backward(&x, &g).unwrap_or_else(|| composed::glu_backward::<Self>(x, g))
);
#[cfg(feature = "tch")]
backend!(
    burn::backend::LibTorch,
    composed::gelu::<Self>,
    composed::gelu_backward::<Self>,
    composed::glu::<Self>,
    composed::glu_backward::<Self>
);

#[derive(Debug)]
struct GeluBackward;

impl<B: ActivationGrad> Backward<B, 1> for GeluBackward {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let x = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |g| B::exact_gelu_backward(x, g));
    }
}

#[derive(Debug)]
struct GluBackward;

impl<B: ActivationGrad> Backward<B, 1> for GluBackward {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let x = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |g| B::gated_linear_backward(x, g));
    }
}

impl<B: ActivationGrad, C: CheckpointStrategy> ActivationOps for Autodiff<B, C> {
    fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let guards = [x.node()];
        let x = x.into_primitive();
        match GeluBackward.prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::exact_gelu(x.clone());
                prep.finish(x, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::exact_gelu(x)),
        }
    }

    fn gated_linear(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let guards = [x.node()];
        let x = x.into_primitive();
        match GluBackward.prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::gated_linear(x.clone());
                prep.finish(x, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::gated_linear(x)),
        }
    }
}

/// Gaussian error linear unit with the exact normal distribution function, `x · Φ(x)`, element by element.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as ActivationOps>::exact_gelu(x.into_dispatch()))
}

/// The gated linear unit `a · σ(b)` for `x = [a, b]`, `[batch, 2 · channels, positions]` to `[batch, channels, positions]`
/// (Dauphin et al. 2017, arXiv 1612.08083).
///
/// # Panics
/// If the number of channels of `x` is odd.
pub fn glu(x: Tensor<3>) -> Tensor<3> {
    let [batch, channels, positions] = x.dims();
    assert!(channels.is_multiple_of(2), "a gated linear unit needs an even number of channels, not {channels}");
    if batch * channels * positions == 0 {
        return Tensor::zeros([batch, channels / 2, positions], (&x.device(), x.dtype()));
    }
    Tensor::from_dispatch(<Dispatch as ActivationOps>::gated_linear(x.into_dispatch()))
}
