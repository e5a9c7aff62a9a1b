//! Long convolutions: kernels as long as the input, depthwise and dense, causal and centred, on lines and planes.
//!
//! All of them are cross-correlations with zero padding whose output has the input's size, as in PyTorch:
//! `y[t] = Σ_s k[s] · x[t − left + s]`, where `left` follows from the [`Alignment`]. Positions on a plane are handled on
//! one axis: rows are stored with a gap of zeros as wide as the kernel's reach, so that a shift by a row is a shift by a
//! stride and a two-dimensional convolution is a one-dimensional one.
//!
//! On the CPU (Flex) each call chooses between direct summation and the FFT by the number of operations. GPUs sum
//! depthwise convolutions of up to 1024 taps directly; what remains uses the backend's own convolution for small kernels
//! and `rfft`/`irfft` beyond. Gradients are hand-written; gradients of
//! gradients are not available.

pub mod composed;
#[cfg(feature = "cube")]
mod cube;
mod depthwise;
mod direct;
mod flex;
mod spectral;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Dispatch, backend_extension};
use burn::signal::SignalOps;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::product::ProductOps;

#[cfg(feature = "cube")]
use crate::profile::timed;
#[cfg(feature = "cube")]
use burn::backend::TensorMetadata;

/// Where the taps of a kernel lie relative to the output sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Alignment {
    /// The last tap multiplies the current sample, the first the oldest: `y[t] = Σ_s k[s] · x[t − (K − 1) + s]`.
    Causal,
    /// The tap `K / 2` multiplies the current sample: `y[t] = Σ_s k[s] · x[t − K / 2 + s]`. With an even number of taps
    /// the kernel therefore reaches one sample further to the left than to the right.
    Centred,
}

impl Alignment {
    /// Taps before the one that multiplies the current sample.
    pub fn left(self, taps: usize) -> usize {
        match self {
            Self::Causal => taps.saturating_sub(1),
            Self::Centred => taps / 2,
        }
    }
}

/// How a kernel `[out, in, height, width]` lies over an input `[batch, in, height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Taps before the one that multiplies the current sample, per axis.
    pub left: [usize; 2],
    /// Whether every channel has one kernel of its own, `[channels, 1, height, width]`.
    pub depthwise: bool,
}

/// The forward pass as a backend operation.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait LongConvOps: ProductOps + SignalOps {
    /// Input `[batch, in, height, width]`, kernel `[out, in or 1, height, width]`, none of them empty and no tap out of
    /// reach of the data; returns `[batch, out, height, width]`.
    fn long_conv(x: FloatTensor<Self>, k: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self>;
}

/// The hand-written backward pass of [`LongConvOps`].
pub trait LongConvGrad: LongConvOps {
    /// Gradients of input and kernel, each where `wanted`, from the output's gradient `g`.
    fn long_conv_backward(
        x: FloatTensor<Self>,
        k: FloatTensor<Self>,
        g: FloatTensor<Self>,
        geometry: Geometry,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2];
}

#[cfg(feature = "cube")]
impl LongConvOps for burn::backend::Cube {
    fn long_conv(x: FloatTensor<Self>, k: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        timed::<Self, _>("long convolution", &x.device(), || {
            cube::forward(&x, &k, geometry).unwrap_or_else(|| composed::forward::<Self>(x, k, geometry))
        })
    }
}

#[cfg(feature = "cube")]
impl LongConvGrad for burn::backend::Cube {
    fn long_conv_backward(
        x: FloatTensor<Self>,
        k: FloatTensor<Self>,
        g: FloatTensor<Self>,
        geometry: Geometry,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2] {
        timed::<Self, _>("long convolution backward", &x.device(), || {
            let found = cube::backward(&x, &k, &g, geometry, wanted);
            found.unwrap_or_else(|| composed::backward::<Self>(x, k, g, geometry, wanted))
        })
    }
}

#[cfg(feature = "tch")]
impl LongConvOps for burn::backend::LibTorch {
    fn long_conv(x: FloatTensor<Self>, k: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        composed::forward::<Self>(x, k, geometry)
    }
}

#[cfg(feature = "tch")]
impl LongConvGrad for burn::backend::LibTorch {
    fn long_conv_backward(
        x: FloatTensor<Self>,
        k: FloatTensor<Self>,
        g: FloatTensor<Self>,
        geometry: Geometry,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2] {
        composed::backward::<Self>(x, k, g, geometry, wanted)
    }
}

#[derive(Debug)]
struct LongConvBackward(Geometry);

impl<B: LongConvGrad> Backward<B, 2> for LongConvBackward {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (x, k) = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = B::long_conv_backward(x, k, g, self.0, wanted);
        for (parent, grad) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(grad)) = (parent, grad) {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: LongConvGrad, C: CheckpointStrategy> LongConvOps for Autodiff<B, C> {
    fn long_conv(x: FloatTensor<Self>, k: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        let guards = [x.node(), k.node()];
        let (x, k) = (x.into_primitive(), k.into_primitive());
        match LongConvBackward(geometry).prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::long_conv(x.clone(), k.clone(), geometry);
                prep.finish((x, k), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::long_conv(x, k, geometry)),
        }
    }
}

/// Depthwise convolution of `x` `[batch, channels, length]` with `k` `[channels, taps]`; returns `x`'s shape.
///
/// # Panics
/// If the channels of `x` and `k` differ.
pub fn long_conv1d(x: Tensor<3>, k: Tensor<2>, alignment: Alignment) -> Tensor<3> {
    if let Some(zeros) = zeros_if_empty(&x, &k, x.dims()) {
        return zeros;
    }
    let k = k.unsqueeze_dim::<3>(1).unsqueeze_dim::<4>(1);
    convolve(x.unsqueeze_dim::<4>(2), k, alignment, true).squeeze_dim::<3>(2)
}

/// Convolution of `x` `[batch, in, length]` with `k` `[out, in, taps]`; returns `[batch, out, length]`.
///
/// # Panics
/// If the input channels of `x` and `k` differ.
pub fn long_conv1d_dense(x: Tensor<3>, k: Tensor<3>, alignment: Alignment) -> Tensor<3> {
    let [b, _, l] = x.dims();
    if let Some(zeros) = zeros_if_empty(&x, &k, [b, k.dims()[0], l]) {
        return zeros;
    }
    convolve(x.unsqueeze_dim::<4>(2), k.unsqueeze_dim::<4>(2), alignment, false).squeeze_dim::<3>(2)
}

/// Depthwise convolution of `x` `[batch, channels, height, width]` with `k` `[channels, kernel height, kernel width]`;
/// the alignment holds on both axes. Returns `x`'s shape.
///
/// # Panics
/// If the channels of `x` and `k` differ.
pub fn long_conv2d(x: Tensor<4>, k: Tensor<3>, alignment: Alignment) -> Tensor<4> {
    if let Some(zeros) = zeros_if_empty(&x, &k, x.dims()) {
        return zeros;
    }
    convolve(x, k.unsqueeze_dim::<4>(1), alignment, true)
}

/// Convolution of `x` `[batch, in, height, width]` with `k` `[out, in, kernel height, kernel width]`; the alignment
/// holds on both axes. Returns `[batch, out, height, width]`.
///
/// # Panics
/// If the input channels of `x` and `k` differ.
pub fn long_conv2d_dense(x: Tensor<4>, k: Tensor<4>, alignment: Alignment) -> Tensor<4> {
    let [b, _, h, w] = x.dims();
    if let Some(zeros) = zeros_if_empty(&x, &k, [b, k.dims()[0], h, w]) {
        return zeros;
    }
    convolve(x, k, alignment, false)
}

/// What a convolution of nothing, or with nothing, returns. (Burn reads a zero in a new shape as "infer".)
fn zeros_if_empty<const X: usize, const K: usize>(
    x: &Tensor<X>,
    k: &Tensor<K>,
    shape: [usize; X],
) -> Option<Tensor<X>> {
    let empty = x.dims().contains(&0) || k.dims().contains(&0);
    empty.then(|| Tensor::zeros(shape, (&x.device(), x.dtype())))
}

fn convolve(x: Tensor<4>, mut k: Tensor<4>, alignment: Alignment, depthwise: bool) -> Tensor<4> {
    let [_, c, h, w] = x.dims();
    let [o, i, kh, kw] = k.dims();
    let expected = if depthwise { o } else { i };
    assert!(c == expected, "long convolution: the input has {c} channels, the kernel is for {expected}");
    // Taps that never touch data change nothing; without them the kernel is never longer than twice the input.
    let mut left = [0; 2];
    for (axis, (taps, length)) in [(kh, h), (kw, w)].into_iter().enumerate() {
        let before = alignment.left(taps);
        let kept = before.saturating_sub(length - 1)..taps.min(before + length);
        left[axis] = before - kept.start;
        if kept != (0..taps) {
            k = k.narrow(2 + axis, kept.start, kept.len());
        }
    }
    let geometry = Geometry { left, depthwise };
    Tensor::from_dispatch(<Dispatch as LongConvOps>::long_conv(x.into_dispatch(), k.into_dispatch(), geometry))
}
