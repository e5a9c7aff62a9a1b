//! A linear map over channels at every position: a convolution of size 1.

pub mod composed;
mod flex;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::product::ProductOps;

#[cfg(any(feature = "cube", feature = "tch"))]
use crate::profile::timed;
#[cfg(any(feature = "cube", feature = "tch"))]
use burn::backend::TensorMetadata;

/// The forward pass as a backend operation.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait PointwiseOps: ProductOps {
    /// Input `[batch, in, positions]`, weight `[out, in]`, bias `[out]`, none of them empty; returns `[batch, out,
    /// positions]`.
    fn map_channels(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The hand-written backward pass of [`PointwiseOps`].
pub trait PointwiseGrad: PointwiseOps {
    /// Those gradients of input, weight and bias that are `wanted`, from the gradient `g` of the output.
    fn map_channels_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        g: FloatTensor<Self>,
        wanted: [bool; 3],
    ) -> [Option<FloatTensor<Self>>; 3];
}

#[cfg(any(feature = "cube", feature = "tch"))]
macro_rules! composed_backend {
    ($backend:ty) => {
        impl PointwiseOps for $backend {
            fn map_channels(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                timed::<Self, _>("pointwise", &x.device(), || composed::forward::<Self>(x, weight, bias))
            }
        }

        impl PointwiseGrad for $backend {
            fn map_channels_backward(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                g: FloatTensor<Self>,
                wanted: [bool; 3],
            ) -> [Option<FloatTensor<Self>>; 3] {
                timed::<Self, _>("pointwise backward", &x.device(), || composed::backward::<Self>(x, weight, g, wanted))
            }
        }
    };
}

#[cfg(feature = "cube")]
composed_backend!(burn::backend::Cube);
#[cfg(feature = "tch")]
composed_backend!(burn::backend::LibTorch);

#[derive(Debug)]
struct PointwiseBackward;

impl<B: PointwiseGrad> Backward<B, 3> for PointwiseBackward {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (x, weight) = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = B::map_channels_backward(x, weight, g, wanted);
        for (parent, grad) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(grad)) = (parent, grad) {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: PointwiseGrad, C: CheckpointStrategy> PointwiseOps for Autodiff<B, C> {
    fn map_channels(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let guards = [x.node(), weight.node(), bias.node()];
        let [x, weight, bias] = [x, weight, bias].map(|operand| operand.into_primitive());
        match PointwiseBackward.prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::map_channels(x.clone(), weight.clone(), bias);
                prep.finish((x, weight), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::map_channels(x, weight, bias)),
        }
    }
}

/// `weight` `[out, in]` and `bias` `[out]` applied at every position of `x` `[batch, in, positions]`; returns
/// `[batch, out, positions]`.
///
/// # Panics
/// If the shapes do not fit together, or if there are no input channels.
pub fn pointwise(x: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<3> {
    let ([batch, inputs, positions], outputs) = (x.dims(), bias.dims()[0]);
    assert!(
        inputs > 0 && weight.dims() == [outputs, inputs],
        "a map of {inputs} channels with {outputs} biases needs at least one channel and a weight \
         [{outputs}, {inputs}], not {:?}",
        weight.dims(),
    );
    if [batch, outputs, positions].contains(&0) {
        return Tensor::zeros([batch, outputs, positions], (&x.device(), x.dtype()));
    }
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(<Dispatch as PointwiseOps>::map_channels(x, weight, bias))
}
