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
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "wgpu")), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait ChainOps: Backend {
    /// `mask · σ(x)`, for a mask of the shape of `x`, or of one position that stands for all. The mask has no gradient.
    fn masked(x: FloatTensor<Self>, mask: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self>;

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

#[cfg(any(feature = "cuda", feature = "wgpu", feature = "tch"))]
macro_rules! composed_backend {
    ($backend:ty) => {
        impl ChainOps for $backend {
            fn masked(x: FloatTensor<Self>, mask: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
                composed::masked::<Self>(x, mask, curve)
            }

            fn added(x: FloatTensor<Self>, shortcut: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
                composed::added::<Self>(x, shortcut, curve)
            }

            fn joined(x: FloatTensor<Self>, shortcut: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
                composed::joined::<Self>(x, shortcut, curve)
            }
        }

        impl ChainGrad for $backend {
            fn masked_backward(
                x: FloatTensor<Self>,
                mask: FloatTensor<Self>,
                g: FloatTensor<Self>,
                curve: Curve,
            ) -> FloatTensor<Self> {
                composed::masked_backward::<Self>(x, mask, g, curve)
            }

            fn curve_backward(x: FloatTensor<Self>, g: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
                composed::curve_backward::<Self>(x, g, curve)
            }

            fn joined_backward(
                x: FloatTensor<Self>,
                shortcut: FloatTensor<Self>,
                g: FloatTensor<Self>,
                curve: Curve,
            ) -> FloatTensor<Self> {
                composed::joined_backward::<Self>(x, shortcut, g, curve)
            }
        }
    };
}

#[cfg(any(feature = "cuda", feature = "wgpu"))]
composed_backend!(burn::backend::Cube);
#[cfg(feature = "tch")]
composed_backend!(burn::backend::LibTorch);

#[derive(Debug)]
struct Masked(Curve);

impl<B: ChainGrad> Backward<B, 1> for Masked {
    /// The input, which a straight line does not need, and the mask.
    type State = (Option<FloatTensor<B>>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let (x, mask) = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |g| match x {
            Some(x) => B::masked_backward(x, mask, g, self.0),
            None => B::masked(g, mask, Curve::Identity),
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
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (x, shortcut) = ops.state;
        let d = B::joined_backward(x, shortcut, g, self.0);
        for parent in ops.parents.into_iter().flatten() {
            grads.register::<B>(parent.id, d.clone());
        }
    }
}

impl<B: ChainGrad, C: CheckpointStrategy> ChainOps for Autodiff<B, C> {
    fn masked(x: FloatTensor<Self>, mask: FloatTensor<Self>, curve: Curve) -> FloatTensor<Self> {
        let guards = [x.node()];
        let (x, mask) = (x.into_primitive(), mask.into_primitive());
        match Masked(curve).prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let kept = (curve != Curve::Identity).then(|| x.clone());
                let y = B::masked(x, mask.clone(), curve);
                prep.finish((kept, mask), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::masked(x, mask, curve)),
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
                prep.finish((x, shortcut), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::joined(x, shortcut, curve)),
        }
    }
}

/// `mask · σ(x)` for `x` `[batch, channels, positions]` and a mask of the same shape or `[batch, channels, 1]`. No gradient
/// reaches the mask.
///
/// # Panics
/// If the shapes do not fit together.
pub fn masked(x: Tensor<3>, mask: Tensor<3>, curve: Curve) -> Tensor<3> {
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
    Tensor::from_dispatch(<Dispatch as ChainOps>::masked(x.into_dispatch(), mask.into_dispatch(), curve))
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
