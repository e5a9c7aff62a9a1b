//! Convolutions of few taps over images, dense over channels.

pub mod composed;
mod flex;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

#[cfg(any(feature = "cube", feature = "tch"))]
use crate::profile::timed;
#[cfg(any(feature = "cube", feature = "tch"))]
use burn::backend::TensorMetadata;

/// How the taps of a convolution lie, per axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taps {
    /// Positions from one output to the next.
    pub stride: [usize; 2],
    /// Positions from one tap to the next.
    pub dilation: [usize; 2],
    /// Zeros in front of and behind the axis.
    pub padding: [usize; 2],
}

impl Taps {
    /// Outputs along `axis` for `size` positions and `taps` taps.
    fn outputs(&self, axis: usize, size: usize, taps: usize) -> usize {
        let reach = self.dilation[axis] * (taps - 1) + 1;
        (size + 2 * self.padding[axis] + self.stride[axis]).saturating_sub(reach) / self.stride[axis]
    }
}

/// The forward pass as a backend operation.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait ConvOps: Backend {
    /// Input `[batch, in, height, width]`, weight `[out, in, taps, taps]`, neither empty, and an output that is not empty
    /// either: `[batch, out, height, width]`.
    fn correlate(x: FloatTensor<Self>, weight: FloatTensor<Self>, taps: Taps) -> FloatTensor<Self>;
}

/// The hand-written backward pass of [`ConvOps`].
pub trait ConvGrad: ConvOps {
    /// Those gradients of input and weight that are `wanted`, from the gradient `g` of the output.
    fn correlate_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        g: FloatTensor<Self>,
        taps: Taps,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2];
}

#[cfg(any(feature = "cube", feature = "tch"))]
macro_rules! composed_backend {
    ($backend:ty) => {
        impl ConvOps for $backend {
            fn correlate(x: FloatTensor<Self>, weight: FloatTensor<Self>, taps: Taps) -> FloatTensor<Self> {
                timed::<Self, _>("convolution", &x.device(), || composed::forward::<Self>(x, weight, taps))
            }
        }

        impl ConvGrad for $backend {
            fn correlate_backward(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                g: FloatTensor<Self>,
                taps: Taps,
                wanted: [bool; 2],
            ) -> [Option<FloatTensor<Self>>; 2] {
                timed::<Self, _>("convolution backward", &g.device(), || {
                    composed::backward::<Self>(x, weight, g, taps, wanted)
                })
            }
        }
    };
}

#[cfg(feature = "cube")]
composed_backend!(burn::backend::Cube);
#[cfg(feature = "tch")]
composed_backend!(burn::backend::LibTorch);

#[derive(Debug)]
struct ConvBackward(Taps);

impl<B: ConvGrad> Backward<B, 2> for ConvBackward {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (x, weight) = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = B::correlate_backward(x, weight, g, self.0, wanted);
        for (parent, grad) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(grad)) = (parent, grad) {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: ConvGrad, C: CheckpointStrategy> ConvOps for Autodiff<B, C> {
    fn correlate(x: FloatTensor<Self>, weight: FloatTensor<Self>, taps: Taps) -> FloatTensor<Self> {
        let guards = [x.node(), weight.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        match ConvBackward(taps).prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::correlate(x.clone(), weight.clone(), taps);
                prep.finish((x, weight), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::correlate(x, weight, taps)),
        }
    }
}

/// Cross-correlation of `x` `[batch, in, height, width]` with `weight` `[out, in, taps, taps]`, as
/// `torch.nn.functional.conv2d` without a bias: `[batch, out, height, width]`.
///
/// # Panics
/// If the numbers of channels differ, or a stride or a dilation is zero, or there are no taps.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, taps: Taps) -> Tensor<4> {
    let ([batch, inputs, h, w], [outputs, of, kh, kw]) = (x.dims(), weight.dims());
    assert!(inputs == of, "a weight for {of} channels does not fit {inputs}");
    assert!(kh * kw > 0, "a convolution needs taps");
    assert!(taps.stride.into_iter().chain(taps.dilation).all(|n| n > 0), "strides and dilations begin at 1");
    let shape = [batch, outputs, taps.outputs(0, h, kh), taps.outputs(1, w, kw)];
    if shape.contains(&0) || inputs == 0 {
        return Tensor::zeros(shape, (&x.device(), x.dtype()));
    }
    Tensor::from_dispatch(<Dispatch as ConvOps>::correlate(x.into_dispatch(), weight.into_dispatch(), taps))
}
