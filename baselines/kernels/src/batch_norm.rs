//! Batch normalisation with the statistics of the batch.

pub mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

#[cfg(any(feature = "cube", feature = "tch"))]
use crate::profile::timed;
#[cfg(any(feature = "cube", feature = "tch"))]
use burn::backend::TensorMetadata;

/// The forward pass as a backend operation.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait BatchNormOps: Backend {
    /// Input `[batch, channels, positions]`, scale and offset `[channels]`, none of them empty; returns the normalised
    /// input, mean and biased variance `[channels]`.
    fn normalise_batch(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The hand-written backward pass of [`BatchNormOps`].
pub trait BatchNormGrad: BatchNormOps {
    /// Gradients of input, scale and offset from the gradient `g` of the normalised input.
    fn normalise_batch_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        g: FloatTensor<Self>,
        epsilon: f64,
    ) -> [FloatTensor<Self>; 3];
}

#[cfg(any(feature = "cube", feature = "tch"))]
macro_rules! backend {
    ($backend:ty, $forward:expr, $backward:expr) => {
        impl BatchNormOps for $backend {
            fn normalise_batch(
                x: FloatTensor<Self>,
                gamma: FloatTensor<Self>,
                beta: FloatTensor<Self>,
                epsilon: f64,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                timed::<Self, _>("batch norm", &x.device(), || $forward(x, gamma, beta, epsilon))
            }
        }

        impl BatchNormGrad for $backend {
            fn normalise_batch_backward(
                x: FloatTensor<Self>,
                gamma: FloatTensor<Self>,
                mean: FloatTensor<Self>,
                variance: FloatTensor<Self>,
                g: FloatTensor<Self>,
                epsilon: f64,
            ) -> [FloatTensor<Self>; 3] {
                timed::<Self, _>("batch norm backward", &x.device(), || $backward(x, gamma, mean, variance, g, epsilon))
            }
        }
    };
}

#[cfg(feature = "cube")]
backend!(
    burn::backend::Cube,
    |x, gamma, beta, epsilon| {
        cube::forward(&x, &gamma, &beta, epsilon).unwrap_or_else(|| composed::forward::<Self>(x, gamma, beta, epsilon))
    },
    |x, gamma, mean, variance, g, epsilon| {
        cube::backward(&x, &gamma, &mean, &variance, &g, epsilon)
            .unwrap_or_else(|| composed::backward::<Self>(x, gamma, mean, variance, g, epsilon))
    }
);
#[cfg(feature = "tch")]
backend!(burn::backend::LibTorch, composed::forward::<Self>, composed::backward::<Self>);

#[derive(Debug)]
struct BatchNormBackward {
    epsilon: f64,
}

impl<B: BatchNormGrad> Backward<B, 3> for BatchNormBackward {
    /// Input, scale, mean, variance.
    type State = [FloatTensor<B>; 4];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let [x, gamma, mean, variance] = ops.state;
        let found = B::normalise_batch_backward(x, gamma, mean, variance, g, self.epsilon);
        for (parent, grad) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: BatchNormGrad, C: CheckpointStrategy> BatchNormOps for Autodiff<B, C> {
    fn normalise_batch(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let guards = [x.node(), gamma.node(), beta.node()];
        let (x, gamma, beta) = (x.into_primitive(), gamma.into_primitive(), beta.into_primitive());
        let (y, mean, variance) = B::normalise_batch(x.clone(), gamma.clone(), beta, epsilon);
        let constants = [&mean, &variance].map(|v| <Self as AutodiffBackend>::from_inner(v.clone()));
        let y = match (BatchNormBackward { epsilon }).prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish([x, gamma, mean, variance], y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        let [mean, variance] = constants;
        (y, mean, variance)
    }
}

/// Normalise every channel of `x` `[batch, channels, positions]` to zero mean and unit variance over batch and
/// positions, then scale by `gamma` and shift by `beta`, both `[channels]`. Also returns the mean and the *biased*
/// variance `[channels]` for running statistics; no gradient flows through these two.
///
/// # Panics
/// If `gamma` or `beta` does not have one value per channel, or if `x` is empty.
pub fn batch_norm(x: Tensor<3>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> (Tensor<3>, Tensor<1>, Tensor<1>) {
    let dims = x.dims();
    assert!(!dims.contains(&0), "batch normalisation of an empty tensor {dims:?} has no statistics");
    assert!(
        gamma.dims() == [dims[1]] && beta.dims() == [dims[1]],
        "batch normalisation of {} channels needs as many scales and offsets, not {:?} and {:?}",
        dims[1],
        gamma.dims(),
        beta.dims(),
    );
    let (x, gamma, beta) = (x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch());
    let (y, mean, variance) = <Dispatch as BatchNormOps>::normalise_batch(x, gamma, beta, epsilon);
    (Tensor::from_dispatch(y), Tensor::from_dispatch(mean), Tensor::from_dispatch(variance))
}
