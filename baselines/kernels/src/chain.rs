//! Element-wise chains of residual blocks in one pass each: activation and dropout, activation and shortcut.

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
use burn::tensor::activation::relu;

use super::activation::gelu;

#[cfg(any(feature = "cube", feature = "tch"))]
use crate::profile::timed;
#[cfg(any(feature = "cube", feature = "tch"))]
use burn::backend::TensorMetadata;

/// The activation of a chain, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// x
    Identity,
    /// x Φ(x), with the exact normal distribution function.
    Gelu,
    /// max(0, x)
    Relu,
}

impl Curve {
    /// Element by element.
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => x,
            Self::Gelu => gelu(x),
            Self::Relu => relu(x),
        }
    }
}

/// The forward passes as backend operations, on tensors `[batch, channels, positions]` that are not empty.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait ChainOps: Backend {
    /// `mask · σ(x)`, for a mask of the shape of `x`, or of one position that stands for all. It holds zeros and `factor`,
    /// which is positive, and has no gradient.
    fn masked(x: FloatTensor<Self>, mask: FloatTensor<Self>, factor: f32, curve: Curve) -> FloatTensor<Self>;

    /// `σ(x) + shortcut`
    fn added(x: FloatTensor<Self>, shortcut: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self>;

    /// `σ(x + shortcut)`
    fn joined(x: FloatTensor<Self>, shortcut: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self>;
}

/// The hand-written backward passes of [`ChainOps`].
pub trait ChainGrad: ChainOps {
    /// `g · mask · σ'(x)`
    fn masked_backward(
        x: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        g: FloatTensor<Self>,
        curve: Curve,
    ) -> FloatTensor<Self>;

    /// `factor · g` where `y` is positive, else zero: for a rectified `y`, whatever it was before.
    fn rectified_backward(y: FloatTensor<Self>, g: FloatTensor<Self>, factor: f32) -> FloatTensor<Self>;

    /// `g · σ'(x)`
    fn curve_backward(x: FloatTensor<Self>, g: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self>;

    /// `g · σ'(x + shortcut)`
    fn joined_backward(
        x: FloatTensor<Self>,
        shortcut: FloatTensor<Self>,
        g: FloatTensor<Self>,
        curve: Curve,
    ) -> FloatTensor<Self>;
}

#[cfg(any(feature = "cube", feature = "tch"))]
macro_rules! composed_backend {
    ($backend:ty) => {
        impl ChainOps for $backend {
            fn masked(x: FloatTensor<Self>, mask: FloatTensor<Self>, _factor: f32, curve: Curve) -> FloatTensor<Self> {
                timed::<Self, _>("dropout", &x.device(), || composed::masked::<Self>(x, mask, curve))
            }

            fn added(x: FloatTensor<Self>, shortcut: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
                timed::<Self, _>("shortcut", &x.device(), || composed::added::<Self>(x, shortcut, curve))
            }

            fn joined(x: FloatTensor<Self>, shortcut: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
                timed::<Self, _>("shortcut", &x.device(), || composed::joined::<Self>(x, shortcut, curve))
            }
        }

        impl ChainGrad for $backend {
            fn masked_backward(
                x: FloatTensor<Self>,
                mask: FloatTensor<Self>,
                g: FloatTensor<Self>,
                curve: Curve,
            ) -> FloatTensor<Self> {
                timed::<Self, _>("dropout backward", &g.device(), || {
                    composed::masked_backward::<Self>(x, mask, g, curve)
                })
            }

            fn rectified_backward(y: FloatTensor<Self>, g: FloatTensor<Self>, factor: f32) -> FloatTensor<Self> {
                timed::<Self, _>("rectifier backward", &g.device(), || {
                    composed::rectified_backward::<Self>(y, g, factor)
                })
            }

            fn curve_backward(x: FloatTensor<Self>, g: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
                timed::<Self, _>("shortcut backward", &g.device(), || composed::curve_backward::<Self>(x, g, curve))
            }

            fn joined_backward(
                x: FloatTensor<Self>,
                shortcut: FloatTensor<Self>,
                g: FloatTensor<Self>,
                curve: Curve,
            ) -> FloatTensor<Self> {
                timed::<Self, _>("shortcut backward", &g.device(), || {
                    composed::joined_backward::<Self>(x, shortcut, g, curve)
                })
            }
        }
    };
}

#[cfg(feature = "cube")]
composed_backend!(burn::backend::Cube);
#[cfg(feature = "tch")]
composed_backend!(burn::backend::LibTorch);

/// What the backward pass of a chain needs: as little as possible, and rather an output, which the next operation keeps
/// anyway, than an input.
#[derive(Debug, Clone)]
enum Kept<B: Backend> {
    /// For a straight line, at most the mask.
    Mask(Option<FloatTensor<B>>),
    /// For a rectifier, the output.
    Output(FloatTensor<B>),
    /// For other curves, both operands.
    Operands(FloatTensor<B>, FloatTensor<B>),
}

#[derive(Debug)]
struct Masked(Curve, f32);

impl<B: ChainGrad> Backward<B, 1> for Masked {
    type State = Kept<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let Self(curve, factor) = self;
        let kept = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |g| match kept {
            Kept::Mask(Some(mask)) => B::masked(g, mask, factor, Curve::Identity),
            Kept::Mask(None) => g,
            Kept::Output(y) => B::rectified_backward(y, g, factor),
            Kept::Operands(x, mask) => B::masked_backward(x, mask, g, curve),
        });
    }
}

#[derive(Debug)]
struct Added(Curve);

impl<B: ChainGrad> Backward<B, 2> for Added {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let [x, shortcut] = ops.parents;
        if let Some(parent) = x {
            grads.register::<B>(parent.id, B::curve_backward(ops.state, g.clone(), self.0));
        }
        if let Some(parent) = shortcut {
            grads.register::<B>(parent.id, g);
        }
    }
}

#[derive(Debug)]
struct Joined(Curve);

impl<B: ChainGrad> Backward<B, 2> for Joined {
    type State = Kept<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let d = match ops.state {
            Kept::Mask(_) => g,
            Kept::Output(y) => B::rectified_backward(y, g, 1.0),
            Kept::Operands(x, shortcut) => B::joined_backward(x, shortcut, g, self.0),
        };
        for parent in ops.parents.into_iter().flatten() {
            grads.register::<B>(parent.id, d.clone());
        }
    }
}

impl<B: ChainGrad, C: CheckpointStrategy> ChainOps for Autodiff<B, C> {
    fn masked(x: FloatTensor<Self>, mask: FloatTensor<Self>, factor: f32, curve: Curve) -> FloatTensor<Self> {
        let guards = [x.node()];
        let (x, mask) = (x.into_primitive(), mask.into_primitive());
        match Masked(curve, factor).prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::masked(x.clone(), mask.clone(), factor, curve);
                let kept = match curve {
                    Curve::Identity => Kept::Mask(Some(mask)),
                    Curve::Relu => Kept::Output(y.clone()),
                    Curve::Gelu => Kept::Operands(x, mask),
                };
                prep.finish(kept, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::masked(x, mask, factor, curve)),
        }
    }

    fn added(x: FloatTensor<Self>, shortcut: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
        let guards = [x.node(), shortcut.node()];
        let (x, shortcut) = (x.into_primitive(), shortcut.into_primitive());
        match Added(curve).prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::added(x.clone(), shortcut, curve);
                prep.finish(x, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::added(x, shortcut, curve)),
        }
    }

    fn joined(x: FloatTensor<Self>, shortcut: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
        let guards = [x.node(), shortcut.node()];
        let (x, shortcut) = (x.into_primitive(), shortcut.into_primitive());
        match Joined(curve).prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::joined(x.clone(), shortcut.clone(), curve);
                let kept = match curve {
                    Curve::Identity => Kept::Mask(None),
                    Curve::Relu => Kept::Output(y.clone()),
                    Curve::Gelu => Kept::Operands(x, shortcut),
                };
                prep.finish(kept, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::joined(x, shortcut, curve)),
        }
    }
}

/// `mask · σ(x)` for `x` `[batch, channels, positions]` and a mask of the same shape or `[batch, channels, 1]`, which holds
/// zeros and `factor`. No gradient reaches the mask.
///
/// # Panics
/// If the shapes do not fit together, or `factor` is not positive.
pub fn masked(x: Tensor<3>, mask: Tensor<3>, factor: f32, curve: Curve) -> Tensor<3> {
    assert!(factor > 0.0, "a factor of {factor} is not positive");
    let [batch, channels, positions] = x.dims();
    assert!(
        mask.dims() == [batch, channels, positions] || mask.dims() == [batch, channels, 1],
        "a mask {:?} does not fit {:?}",
        mask.dims(),
        x.dims(),
    );
    if x.dims().contains(&0) {
        return x;
    }
    Tensor::from_dispatch(<Dispatch as ChainOps>::masked(x.into_dispatch(), mask.into_dispatch(), factor, curve))
}

/// `σ(x) + shortcut`, `[batch, channels, positions]` both.
///
/// # Panics
/// If the shapes differ.
pub fn activate_and_add(x: Tensor<3>, shortcut: Tensor<3>, curve: Curve) -> Tensor<3> {
    assert!(x.dims() == shortcut.dims(), "{:?} and its shortcut {:?} differ", x.dims(), shortcut.dims());
    if x.dims().contains(&0) {
        return x;
    }
    Tensor::from_dispatch(<Dispatch as ChainOps>::added(x.into_dispatch(), shortcut.into_dispatch(), curve))
}

/// `σ(x + shortcut)`, `[batch, channels, positions]` both.
///
/// # Panics
/// If the shapes differ.
pub fn add_and_activate(x: Tensor<3>, shortcut: Tensor<3>, curve: Curve) -> Tensor<3> {
    assert!(x.dims() == shortcut.dims(), "{:?} and its shortcut {:?} differ", x.dims(), shortcut.dims());
    if x.dims().contains(&0) {
        return x;
    }
    Tensor::from_dispatch(<Dispatch as ChainOps>::joined(x.into_dispatch(), shortcut.into_dispatch(), curve))
}
