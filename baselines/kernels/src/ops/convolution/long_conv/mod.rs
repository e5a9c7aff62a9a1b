//! Long convolutions: kernels as long as the input, depthwise and dense, causal and centred, on lines and planes.
//!
//! All of them are cross-correlations with zero padding whose output has the input's size, as in PyTorch:
//! `y[t] = Σ_s k[s] · x[t − left + s]`, where `left` follows from the [`Alignment`]. Positions on a plane are handled on
//! one axis: rows are stored with a gap of zeros as wide as the kernel's reach, so that a shift by a row is a shift by a
//! stride and a two-dimensional convolution is a one-dimensional one.
//!
//! On the CPU (Flex) each call chooses between direct summation and the FFT by the number of operations. GPUs sum
//! depthwise convolutions of up to 1024 taps directly and multiply dense ones of few taps with the unfolded input; what remains goes
//! through `rfft`/`irfft`.

mod composed;
#[cfg(feature = "cube")]
mod cube;
mod depthwise;
mod direct;
mod flex;
mod geometry;
#[cfg(feature = "tch")]
mod libtorch;
mod spectral;

use self::geometry::Geometry;
use crate::operation::prelude::*;

pub use geometry::Alignment;

/// Input `[batch, in, height, width]` and kernel `[out, in or 1, height, width]`, no tap of which is out of reach of the
/// data, to `[batch, out, height, width]`.
#[derive(Debug, Clone)]
struct LongConv(Geometry);

tested!(LongConv);

impl Operation<2> for LongConv {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["long convolution", "long convolution backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;

    fn shape(&self, [x, k]: &[Shape; 2]) -> Shape {
        let expected = if self.0.depthwise { k[0] } else { k[1] };
        assert!(x[1] == expected, "long convolution: the input has {} channels, the kernel is for {expected}", x[1]);
        Shape::from([x[0], k[0], x[2], x[3]])
    }

    fn composed<B: Kernels>(&self, [x, k]: [FloatTensor<B>; 2]) -> Tensors<B> {
        vec![composed::forward::<B>(x, k, self.0)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; 2]) -> Grads<B, 2> {
        let [x, k] = take(saved);
        composed::backward::<B>(x, k, g, self.0, wanted)
    }

    fn flex<T: Element>(&self, [x, k]: [FlexTensor; 2]) -> Tensors<Flex> {
        vec![flex::forward::<T>(x, k, self.0)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, wanted: [bool; 2]) -> Grads<Flex, 2> {
        let [x, k] = take(saved);
        flex::backward::<T>(x, k, g, self.0, wanted)
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x, k]: &[CubeTensor; 2]) -> Option<Tensors<Cube>> {
        Some(vec![cube::forward(x, k, self.0)?])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, wanted: [bool; 2]) -> Option<Grads<Cube, 2>> {
        let [x, k] = saved else { return None };
        cube::backward(x, k, g, self.0, wanted)
    }

    #[cfg(feature = "tch")]
    fn libtorch(&self, inputs: &[TorchTensor; 2]) -> Option<Tensors<LibTorch>> {
        Some(vec![libtorch::forward(inputs, self.0)?])
    }

    #[cfg(feature = "tch")]
    fn libtorch_tracked(&self, inputs: &[TorchTensor; 2]) -> Option<[Tensors<LibTorch>; 2]> {
        libtorch::tracked(inputs, self.0)
    }

    #[cfg(feature = "tch")]
    fn libtorch_backward(
        &self,
        saved: &[TorchTensor],
        g: &TorchTensor,
        wanted: [bool; 2],
    ) -> Option<Grads<LibTorch, 2>> {
        libtorch::backward(saved, g, self.0, wanted)
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 2>> {
        let of = |depthwise: bool, size: [usize; 2], taps: [usize; 2], alignment: Alignment| {
            let k = if depthwise { [3, 1, taps[0], taps[1]] } else { [4, 3, taps[0], taps[1]] };
            let geometry = Geometry { left: taps.map(|taps| alignment.left(taps)), depthwise };
            (Self(geometry), [Sample::new([2, 3, size[0], size[1]], 1), Sample::new(k, 2)])
        };
        // Few taps are summed directly, many go through spectra.
        vec![
            of(true, [1, 150], [1, 120], Alignment::Causal),
            of(true, [1, 150], [1, 121], Alignment::Centred),
            of(true, [1, 50], [1, 9], Alignment::Causal),
            of(true, [12, 10], [11, 9], Alignment::Centred),
            of(true, [12, 10], [12, 10], Alignment::Causal),
            of(false, [1, 100], [1, 100], Alignment::Causal),
            of(false, [10, 11], [9, 10], Alignment::Centred),
            of(false, [10, 11], [3, 3], Alignment::Centred),
        ]
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
    let [_, _, h, w] = x.dims();
    let [_, _, kh, kw] = k.dims();
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
    first(LongConv(Geometry { left, depthwise }), [x.into_dispatch(), k.into_dispatch()])
}
