//! A factor and an offset per channel.

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

/// The forward pass as a backend operation.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait ChannelAffineOps: Backend {
    /// Input `[batch, channels, positions]`, scale and shift `[channels]`, none of them empty; returns the input's shape.
    fn scale_channels(x: FloatTensor<Self>, scale: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Input `[batch, channels, positions]` and shift `[channels]`, neither empty; returns the input's shape.
    fn shift_channels(x: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The hand-written backward pass of [`ChannelAffineOps`].
pub trait ChannelAffineGrad: ChannelAffineOps {
    /// Those gradients of input, scale and shift that are `wanted`, from the gradient `g` of the output.
    fn scale_channels_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        g: FloatTensor<Self>,
        wanted: [bool; 3],
    ) -> [Option<FloatTensor<Self>>; 3];

    /// Sums over everything but the channels, the gradient of a shift: `[channels]`.
    fn sum_channels(g: FloatTensor<Self>) -> FloatTensor<Self>;
}

#[cfg(any(feature = "cube", feature = "tch"))]
macro_rules! composed_backend {
    ($backend:ty) => {
        impl ChannelAffineOps for $backend {
            fn scale_channels(
                x: FloatTensor<Self>,
                scale: FloatTensor<Self>,
                shift: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                timed::<Self, _>("channel affine", &x.device(), || composed::forward::<Self>(x, scale, shift))
            }

            fn shift_channels(x: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self> {
                timed::<Self, _>("channel shift", &x.device(), || composed::shift::<Self>(x, shift))
            }
        }

        impl ChannelAffineGrad for $backend {
            fn scale_channels_backward(
                x: FloatTensor<Self>,
                scale: FloatTensor<Self>,
                g: FloatTensor<Self>,
                wanted: [bool; 3],
            ) -> [Option<FloatTensor<Self>>; 3] {
                timed::<Self, _>("channel affine backward", &x.device(), || {
                    composed::backward::<Self>(x, scale, g, wanted)
                })
            }

            fn sum_channels(g: FloatTensor<Self>) -> FloatTensor<Self> {
                timed::<Self, _>("channel shift backward", &g.device(), || composed::sum::<Self>(g))
            }
        }
    };
}

#[cfg(feature = "cube")]
composed_backend!(burn::backend::Cube);
#[cfg(feature = "tch")]
composed_backend!(burn::backend::LibTorch);

#[derive(Debug)]
struct ChannelAffineBackward;

impl<B: ChannelAffineGrad> Backward<B, 3> for ChannelAffineBackward {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (x, scale) = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = B::scale_channels_backward(x, scale, g, wanted);
        for (parent, grad) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(grad)) = (parent, grad) {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

#[derive(Debug)]
struct ShiftBackward;

impl<B: ChannelAffineGrad> Backward<B, 2> for ShiftBackward {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let [x, shift] = ops.parents;
        if let Some(parent) = shift {
            grads.register::<B>(parent.id, B::sum_channels(g.clone()));
        }
        if let Some(parent) = x {
            grads.register::<B>(parent.id, g);
        }
    }
}

impl<B: ChannelAffineGrad, C: CheckpointStrategy> ChannelAffineOps for Autodiff<B, C> {
    fn scale_channels(x: FloatTensor<Self>, scale: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self> {
        let guards = [x.node(), scale.node(), shift.node()];
        let [x, scale, shift] = [x, scale, shift].map(|operand| operand.into_primitive());
        match ChannelAffineBackward.prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::scale_channels(x.clone(), scale.clone(), shift);
                prep.finish((x, scale), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::scale_channels(x, scale, shift)),
        }
    }

    fn shift_channels(x: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self> {
        let guards = [x.node(), shift.node()];
        let y = B::shift_channels(x.into_primitive(), shift.into_primitive());
        match ShiftBackward.prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}

/// `x · scale + shift` for `x` `[batch, channels, positions]`, with `scale` and `shift` `[channels]`.
///
/// # Panics
/// If `scale` or `shift` does not have one value per channel.
pub fn channel_affine(x: Tensor<3>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<3> {
    let dims = x.dims();
    assert!(
        scale.dims() == [dims[1]] && shift.dims() == [dims[1]],
        "{} channels need as many factors and offsets, not {:?} and {:?}",
        dims[1],
        scale.dims(),
        shift.dims(),
    );
    if dims.contains(&0) {
        return x;
    }
    let (x, scale, shift) = (x.into_dispatch(), scale.into_dispatch(), shift.into_dispatch());
    Tensor::from_dispatch(<Dispatch as ChannelAffineOps>::scale_channels(x, scale, shift))
}

/// `x + bias` for `x` `[batch, channels, positions]` and `bias` `[channels]`.
///
/// # Panics
/// If `bias` does not have one value per channel.
pub fn channel_bias(x: Tensor<3>, bias: Tensor<1>) -> Tensor<3> {
    let dims = x.dims();
    assert!(bias.dims() == [dims[1]], "{} channels need as many offsets, not {:?}", dims[1], bias.dims());
    if dims.contains(&0) {
        return x;
    }
    Tensor::from_dispatch(<Dispatch as ChannelAffineOps>::shift_channels(x.into_dispatch(), bias.into_dispatch()))
}
