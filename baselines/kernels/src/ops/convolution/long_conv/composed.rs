//! The long convolution from ordinary tensor operations, for every backend without a kernel of its own.

use burn::backend::TensorMetadata;
use burn::backend::ops::ConvOptions;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;

use super::geometry::Geometry;
use crate::operation::Kernels;
use crate::precision::Precision;
use crate::value::Value;

/// Largest kernel that is left to the backend's own convolution.
pub(super) const DIRECT_TAPS: usize = 64;

/// The output.
pub(super) fn forward<B: Kernels>(x: FloatTensor<B>, k: FloatTensor<B>, geometry: Geometry) -> FloatTensor<B> {
    let plan = Plan::new::<B>(&x, &k, geometry);
    let (x, k) = (Value::<B>(x), Value::<B>(k));
    if plan.is_direct::<B>(&x) {
        return B::conv2d(plan.pad(x).0, k.0, None, plan.options());
    }
    let spectrum_x = plan.data(x, plan.offset());
    let spectrum_k = plan.kernel(k);
    plan.rows(spectrum_x.contract(spectrum_k.conjugate(), plan.forward_axes()), 0).0
}

/// The gradients of input and kernel that are `wanted`.
pub(super) fn backward<B: Kernels>(
    x: FloatTensor<B>,
    k: FloatTensor<B>,
    g: FloatTensor<B>,
    geometry: Geometry,
    wanted: [bool; 2],
) -> [Option<FloatTensor<B>>; 2] {
    let plan = Plan::new::<B>(&x, &k, geometry);
    let (x, k, g) = (Value::<B>(x), Value::<B>(k), Value::<B>(g));
    if plan.is_direct::<B>(&x) {
        let x = plan.pad(x);
        let dx = wanted[0].then(|| {
            let padded = Value::<B>(B::conv2d_x_backward(x.0.clone(), k.0.clone(), g.0.clone(), plan.options()));
            let [top, left] = plan.left;
            padded.narrow(2, top..top + plan.size[0]).narrow(3, left..left + plan.size[1]).0
        });
        let dk = wanted[1].then(|| B::conv2d_weight_backward(x.0, k.0, g.0, plan.options()));
        return [dx, dk];
    }
    let spectrum_g = plan.data(g, 0);
    let dx = wanted[0].then(|| {
        let product = spectrum_g.clone().contract(plan.kernel(k), plan.input_axes());
        plan.rows(product, plan.offset()).0
    });
    let dk = wanted[1].then(|| {
        let product = plan.data(x, plan.offset()).contract(spectrum_g.conjugate(), plan.kernel_axes());
        plan.taps(product).0
    });
    [dx, dk]
}

/// Sizes of one convolution.
pub(super) struct Plan {
    pub(super) size: [usize; 2],
    pub(super) taps: [usize; 2],
    left: [usize; 2],
    channels: usize,
    depthwise: bool,
    /// Samples from one row to the next.
    pub(super) stride: usize,
    /// Length of the transform.
    pub(super) n: usize,
}

/// Which axes two spectra share: permutations to `[frequency, rows, shared]` and `[frequency, shared, columns]`, and of
/// the result back to `[…, frequency]`.
#[derive(Clone, Copy)]
enum Axes {
    /// Channel by channel, then summed over the first axis where `sum`.
    Depthwise { sum: bool },
    /// A matrix product per frequency.
    Dense { left: [usize; 3], right: [usize; 3], out: [usize; 3] },
}

impl Plan {
    pub(super) fn new<B: Kernels>(x: &FloatTensor<B>, k: &FloatTensor<B>, geometry: Geometry) -> Self {
        let (x, k) = (x.shape(), k.shape());
        let (size, taps, left) = ([x[2], x[3]], [k[2], k[3]], geometry.left);
        let right = [taps[0] - 1 - left[0], taps[1] - 1 - left[1]];
        let stride = size[1] + left[1].max(right[1]);
        let (before, after) = (left[0] * stride + left[1], right[0] * stride + right[1]);
        let data = size[0] * stride;
        let n = (data + before.max(after)).max(taps[0] * stride).next_power_of_two();
        Self { size, taps, left, channels: x[1], depthwise: geometry.depthwise, stride, n }
    }

    fn is_direct<B: Kernels>(&self, x: &Value<B>) -> bool {
        // Burn computes the inverse transform of 64-bit spectra in 32 bits.
        self.taps[0] * self.taps[1] <= DIRECT_TAPS || x.0.dtype() == DType::F64
    }

    fn options(&self) -> ConvOptions<2> {
        ConvOptions::new([1, 1], [0, 0], [1, 1], if self.depthwise { self.channels } else { 1 })
    }

    fn pad<B: Kernels>(&self, x: Value<B>) -> Value<B> {
        let [top, left] = self.left;
        x.pad(2, top, self.taps[0] - 1 - top).pad(3, left, self.taps[1] - 1 - left)
    }

    /// Distance of the kernel's first tap from the one that multiplies the current sample.
    pub(super) fn offset(&self) -> usize {
        self.left[0] * self.stride + self.left[1]
    }

    /// Spectrum of data `[batch, channels, height, width]`, shifted right by `offset`.
    fn data<B: Kernels>(&self, x: Value<B>, offset: usize) -> Spectrum<B> {
        let [b, c] = [x.dim(0), x.dim(1)];
        let rows = x.pad(3, 0, self.stride - self.size[1]).reshape([b, c, self.size[0] * self.stride]);
        Spectrum::of(rows.pad(2, offset, 0), self.n)
    }

    fn kernel<B: Kernels>(&self, k: Value<B>) -> Spectrum<B> {
        let [o, i] = [k.dim(0), k.dim(1)];
        let shape =
            if self.depthwise { [1, o, self.taps[0] * self.stride] } else { [o, i, self.taps[0] * self.stride] };
        Spectrum::of(k.pad(3, 0, self.stride - self.taps[1]).reshape(shape), self.n)
    }

    /// Inverse of [`data`](Self::data).
    fn rows<B: Kernels>(&self, spectrum: Spectrum<B>, offset: usize) -> Value<B> {
        let [h, w] = self.size;
        let y = spectrum.inverse(self.n).narrow(2, offset..offset + h * self.stride);
        let [b, c] = [y.dim(0), y.dim(1)];
        y.reshape([b, c, h, self.stride]).narrow(3, 0..w)
    }

    /// Inverse of [`kernel`](Self::kernel).
    fn taps<B: Kernels>(&self, spectrum: Spectrum<B>) -> Value<B> {
        let [kh, kw] = self.taps;
        let k = spectrum.inverse(self.n).narrow(2, 0..kh * self.stride);
        let shape = if self.depthwise { [k.dim(1), 1] } else { [k.dim(0), k.dim(1)] };
        k.reshape([shape[0], shape[1], kh, self.stride]).narrow(3, 0..kw)
    }

    /// data `[b, i]` · kernel `[o, i]` → `[b, o]`
    fn forward_axes(&self) -> Axes {
        match self.depthwise {
            true => Axes::Depthwise { sum: false },
            false => Axes::Dense { left: [2, 0, 1], right: [2, 1, 0], out: [1, 2, 0] },
        }
    }

    /// gradient `[b, o]` · kernel `[o, i]` → `[b, i]`
    fn input_axes(&self) -> Axes {
        match self.depthwise {
            true => Axes::Depthwise { sum: false },
            false => Axes::Dense { left: [2, 0, 1], right: [2, 0, 1], out: [1, 2, 0] },
        }
    }

    /// data `[b, i]` · gradient `[b, o]` → `[o, i]`
    fn kernel_axes(&self) -> Axes {
        match self.depthwise {
            true => Axes::Depthwise { sum: true },
            false => Axes::Dense { left: [2, 1, 0], right: [2, 0, 1], out: [2, 1, 0] },
        }
    }
}

/// A one-sided spectrum `[.., .., frequency]`.
#[derive(Clone)]
struct Spectrum<B: Kernels> {
    re: Value<B>,
    im: Value<B>,
}

impl<B: Kernels> Spectrum<B> {
    fn of(x: Value<B>, n: usize) -> Self {
        let (re, im) = B::rfft(x.0, 2, Some(n));
        Self { re: Value(re), im: Value(im) }
    }

    fn inverse(self, n: usize) -> Value<B> {
        Value(B::irfft(self.re.0, self.im.0, 2, Some(n)))
    }

    fn conjugate(self) -> Self {
        Self { re: self.re, im: self.im.scale(-1.0) }
    }

    fn contract(self, other: Self, axes: Axes) -> Self {
        match axes {
            Axes::Depthwise { sum } => {
                let product = self.product(other, |a, b| a * b);
                if sum { Self { re: product.re.sum(0), im: product.im.sum(0) } } else { product }
            }
            Axes::Dense { left, right, out } => {
                let a = Self { re: self.re.permute(&left), im: self.im.permute(&left) };
                let b = Self { re: other.re.permute(&right), im: other.im.permute(&right) };
                let product = a.product(b, |a, b| a.matmul(b, Precision::Float32));
                Self { re: product.re.permute(&out), im: product.im.permute(&out) }
            }
        }
    }

    fn product(self, other: Self, mul: impl Fn(Value<B>, Value<B>) -> Value<B>) -> Self {
        let re = mul(self.re.clone(), other.re.clone()) - mul(self.im.clone(), other.im.clone());
        let im = mul(self.re, other.im) + mul(self.im, other.re);
        Self { re, im }
    }
}
