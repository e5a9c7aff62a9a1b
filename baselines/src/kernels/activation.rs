//! Activations whose scalar loops dominate a step on the CPU.

pub mod composed;
mod flex;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind, unary},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// The forward passes as backend operations.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "wgpu")), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait ActivationOps: Backend {
    /// `x · Φ(x)`, with the exact normal distribution function.
    fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The hand-written backward passes of [`ActivationOps`].
pub trait ActivationGrad: ActivationOps {
    /// Gradient of the input of [`ActivationOps::exact_gelu`]. (Burn's own is that of the tanh approximation.)
    fn exact_gelu_backward(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self>;
}

#[cfg(any(feature = "cuda", feature = "wgpu", feature = "tch"))]
macro_rules! composed_backend {
    ($backend:ty) => {
        impl ActivationOps for $backend {
            fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
                composed::gelu::<Self>(x)
            }
        }

        impl ActivationGrad for $backend {
            fn exact_gelu_backward(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
                composed::gelu_backward::<Self>(x, g)
            }
        }
    };
}

#[cfg(any(feature = "cuda", feature = "wgpu"))]
composed_backend!(burn::backend::Cube);
#[cfg(feature = "tch")]
composed_backend!(burn::backend::LibTorch);

#[derive(Debug)]
struct GeluBackward;

impl<B: ActivationGrad> Backward<B, 1> for GeluBackward {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let x = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |g| B::exact_gelu_backward(x, g));
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
}

/// Gaussian error linear unit with the exact normal distribution function, `x · Φ(x)`, element by element.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as ActivationOps>::exact_gelu(x.into_dispatch()))
}
