//! Gabor filters of the position, the layers of multiplicative kernel networks.

pub mod composed;
mod flex;

#[cfg(any(feature = "cube", feature = "tch"))]
use burn::backend::TensorMetadata;
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

/// The forward pass as a backend operation.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait GaborOps: Backend {
    /// Positions `[axes, points]`, frequencies `[hidden, axes]`, phases `[hidden]`, centres `[hidden, axes]` and inverse
    /// widths `[hidden, axes]` or `[hidden, 1]`, none of them empty; returns `[hidden, points]`.
    fn gabor_filter(
        positions: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        mu: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// Positions, frequencies, phases, centres and inverse widths.
pub type Operands<B> = [FloatTensor<B>; 5];

/// The hand-written backward pass of [`GaborOps`].
pub trait GaborGrad: GaborOps {
    /// Gradients of frequencies, phases, centres and inverse widths, from the gradient `g` of the output.
    fn gabor_filter_backward(operands: Operands<Self>, g: FloatTensor<Self>) -> [FloatTensor<Self>; 4];

    /// Gradient of the positions, which training does not need.
    fn gabor_filter_backward_positions(operands: Operands<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::backward_positions::<Self>(operands, g)
    }
}

#[cfg(any(feature = "cube", feature = "tch"))]
macro_rules! composed_backend {
    ($backend:ty) => {
        impl GaborOps for $backend {
            fn gabor_filter(
                positions: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                mu: FloatTensor<Self>,
                gamma: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                let device = positions.device();
                timed::<Self, _>("gabor filter", &device, || {
                    composed::forward::<Self>([positions, weight, bias, mu, gamma])
                })
            }
        }

        impl GaborGrad for $backend {
            fn gabor_filter_backward(operands: Operands<Self>, g: FloatTensor<Self>) -> [FloatTensor<Self>; 4] {
                let device = g.device();
                timed::<Self, _>("gabor filter backward", &device, || composed::backward::<Self>(operands, g))
            }
        }
    };
}

#[cfg(feature = "cube")]
composed_backend!(burn::backend::Cube);
#[cfg(feature = "tch")]
composed_backend!(burn::backend::LibTorch);

#[derive(Debug)]
struct GaborBackward;

impl<B: GaborGrad> Backward<B, 5> for GaborBackward {
    type State = Operands<B>;

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let [positions, parameters @ ..] = ops.parents;
        if let Some(parent) = positions {
            let grad = B::gabor_filter_backward_positions(ops.state.clone(), g.clone());
            grads.register::<B>(parent.id, grad);
        }
        if parameters.iter().all(Option::is_none) {
            return;
        }
        let found = B::gabor_filter_backward(ops.state, g);
        for (parent, grad) in parameters.into_iter().zip(found) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: GaborGrad, C: CheckpointStrategy> GaborOps for Autodiff<B, C> {
    fn gabor_filter(
        positions: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        mu: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let guards = [positions.node(), weight.node(), bias.node(), mu.node(), gamma.node()];
        let operands = [positions, weight, bias, mu, gamma].map(|operand| operand.into_primitive());
        let run =
            |[positions, weight, bias, mu, gamma]: Operands<B>| B::gabor_filter(positions, weight, bias, mu, gamma);
        match GaborBackward.prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = run(operands.clone());
                prep.finish(operands, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(run(operands)),
        }
    }
}

/// `exp(−½ Σ_d (γ_d (x_d − μ_d))²) · sin(W x + b)` (Fathony et al. 2021; Romero et al. 2022, arXiv 2110.08059, section 3.2)
/// for positions `x` `[axes, points]`, `weight` and `mu` `[hidden, axes]`, `bias` `[hidden]` and `gamma` `[hidden, axes]` or
/// `[hidden, 1]`; returns `[hidden, points]`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn gabor(positions: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, mu: Tensor<2>, gamma: Tensor<2>) -> Tensor<2> {
    let ([axes, points], [hidden, of]) = (positions.dims(), weight.dims());
    assert!(
        of == axes && bias.dims() == [hidden] && mu.dims() == [hidden, axes],
        "frequencies {:?}, phases {:?} and centres {:?} do not fit positions of {axes} axes",
        weight.dims(),
        bias.dims(),
        mu.dims(),
    );
    assert!(
        gamma.dims() == [hidden, axes] || gamma.dims() == [hidden, 1],
        "inverse widths {:?} do not fit",
        gamma.dims()
    );
    if axes * points * hidden == 0 {
        return Tensor::zeros([hidden, points], (&positions.device(), positions.dtype()));
    }
    Tensor::from_dispatch(<Dispatch as GaborOps>::gabor_filter(
        positions.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        mu.into_dispatch(),
        gamma.into_dispatch(),
    ))
}
