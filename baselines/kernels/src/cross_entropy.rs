//! The cross-entropy of labels: softmax, logarithm, choice and mean in one operation, on positions as they lie.

pub mod composed;
mod flex;

use std::sync::Arc;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind, unary},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

#[cfg(any(feature = "cube", feature = "tch"))]
use crate::profile::timed;

/// Labels `[batch, positions]`, row-major; those below zero do not count.
pub type Labels = Arc<[i32]>;

/// The forward pass as a backend operation.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait CrossEntropyOps: Backend {
    /// Logits `[batch, classes, positions]`, not empty; returns the mean over the labels that count: `[1]`.
    fn cross_entropy(logits: FloatTensor<Self>, labels: Labels) -> FloatTensor<Self>;
}

/// The hand-written backward pass of [`CrossEntropyOps`].
pub trait CrossEntropyGrad: CrossEntropyOps {
    /// Gradient of the logits from the gradient `g` `[1]` of the mean.
    fn cross_entropy_backward(logits: FloatTensor<Self>, labels: Labels, g: FloatTensor<Self>) -> FloatTensor<Self>;
}

#[cfg(any(feature = "cube", feature = "tch"))]
macro_rules! composed_backend {
    ($backend:ty) => {
        impl CrossEntropyOps for $backend {
            fn cross_entropy(logits: FloatTensor<Self>, labels: Labels) -> FloatTensor<Self> {
                timed::<Self, _>("cross-entropy", &logits.device(), || composed::forward::<Self>(logits, &labels))
            }
        }

        impl CrossEntropyGrad for $backend {
            fn cross_entropy_backward(
                logits: FloatTensor<Self>,
                labels: Labels,
                g: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                let device = logits.device();
                timed::<Self, _>("cross-entropy backward", &device, || composed::backward::<Self>(logits, &labels, g))
            }
        }
    };
}

#[cfg(feature = "cube")]
composed_backend!(burn::backend::Cube);
#[cfg(feature = "tch")]
composed_backend!(burn::backend::LibTorch);

#[derive(Debug)]
struct CrossEntropyBackward;

impl<B: CrossEntropyGrad> Backward<B, 1> for CrossEntropyBackward {
    type State = (FloatTensor<B>, Labels);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let (logits, labels) = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |g| B::cross_entropy_backward(logits, labels, g));
    }
}

impl<B: CrossEntropyGrad, C: CheckpointStrategy> CrossEntropyOps for Autodiff<B, C> {
    fn cross_entropy(logits: FloatTensor<Self>, labels: Labels) -> FloatTensor<Self> {
        let guards = [logits.node()];
        let logits = logits.into_primitive();
        match CrossEntropyBackward.prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let loss = B::cross_entropy(logits.clone(), labels.clone());
                prep.finish((logits, labels), loss)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::cross_entropy(logits, labels)),
        }
    }
}

/// Mean of `−log softmax(logits)[label]` over the labels of at least zero: logits `[batch, classes, positions]`, labels
/// `[batch, positions]`, row-major. Zero where no label counts. Returns `[1]`.
///
/// # Panics
/// If the number of labels is not `batch · positions`, or a label is not below `classes`.
pub fn cross_entropy(logits: Tensor<3>, labels: &[i32]) -> Tensor<1> {
    let [batch, classes, positions] = logits.dims();
    assert_eq!(labels.len(), batch * positions, "labels for logits {:?}", logits.dims());
    let within = |&label: &i32| label < 0 || (label as usize) < classes;
    assert!(labels.iter().all(within), "a label is not below {classes}");
    if logits.dims().contains(&0) {
        return Tensor::zeros([1], (&logits.device(), logits.dtype()));
    }
    Tensor::from_dispatch(<Dispatch as CrossEntropyOps>::cross_entropy(logits.into_dispatch(), labels.into()))
}

/// Labels that count, at least one, so that means of none are zero.
fn counted(labels: &[i32]) -> f64 {
    labels.iter().filter(|&&label| label >= 0).count().max(1) as f64
}
