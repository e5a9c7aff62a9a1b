//! The long convolution in LibTorch: its own convolution for few taps, its FFT beyond.
//!
//! The kernel is turned around, so that an output is the sum of the products at opposite places, and the transform of the data
//! starts at their first sample; what each pass wants begins at another sample of the inverse.

use burn::backend::LibTorch;
use tch::Tensor;

use super::geometry::Geometry;
use crate::libtorch::{TorchTensor, new, record, run};
use crate::operation::Tensors;

/// Largest kernels that are left to LibTorch's own convolution: of all pairs of channels, and of channels by themselves, whose
/// backward pass is slow in oneDNN.
const DIRECT_TAPS: [i64; 2] = [64, 9];

/// The output.
pub(super) fn forward(inputs: &[TorchTensor; 2], geometry: Geometry) -> Option<TorchTensor> {
    let [x, k] = inputs.each_ref().map(|input| &input.tensor);
    let plan = Plan::new(x, k, geometry);
    if plan.is_direct() {
        return run(inputs, |inputs| Some(vec![plan.direct(inputs)]))?.pop();
    }
    Some(new(plan.forward(&plan.data(x), &plan.kernel(k, true))))
}

/// The output, and what the backward pass needs: the operands, and the spectrum of the data, which costs most.
pub(super) fn tracked(inputs: &[TorchTensor; 2], geometry: Geometry) -> Option<[Tensors<LibTorch>; 2]> {
    let [x, k] = inputs.each_ref().map(|input| &input.tensor);
    let plan = Plan::new(x, k, geometry);
    if plan.is_direct() {
        return record(inputs, 2, |inputs| Some(vec![plan.direct(inputs)]));
    }
    let spectrum = plan.data(x);
    let y = plan.forward(&spectrum, &plan.kernel(k, true));
    let [x, k] = inputs.clone();
    Some([vec![new(y)], vec![x, k, new(spectrum)]])
}

/// The gradients of input and kernel that are `wanted`, beyond few taps.
pub(super) fn backward(
    saved: &[TorchTensor],
    g: &TorchTensor,
    geometry: Geometry,
    wanted: [bool; 2],
) -> Option<[Option<TorchTensor>; 2]> {
    let [x, k, spectrum] = saved else { return None };
    let plan = Plan::new(&x.tensor, &k.tensor, geometry);
    let mut of_g = plan.data(&g.tensor);
    let dx = wanted[0].then(|| new(plan.backward_data(&of_g, &plan.kernel(&k.tensor, false))));
    let dk = wanted[1].then(|| new(plan.backward_kernel(&mut of_g, &spectrum.tensor)));
    Some([dx, dk])
}

/// Sizes of one convolution.
struct Plan {
    batch: i64,
    inputs: i64,
    outputs: i64,
    size: [i64; 2],
    taps: [i64; 2],
    left: [i64; 2],
    depthwise: bool,
    /// Samples from one row to the next.
    stride: i64,
    /// Samples of the kernel before and after the one that multiplies the current sample.
    before: i64,
    after: i64,
    /// Length of the transform.
    n: i64,
}

impl Plan {
    fn new(x: &Tensor, k: &Tensor, geometry: Geometry) -> Self {
        let (x, k) = (x.size(), k.size());
        let (size, taps, left) = ([x[2], x[3]], [k[2], k[3]], geometry.left.map(|taps| taps as i64));
        let right = [taps[0] - 1 - left[0], taps[1] - 1 - left[1]];
        // Rows share the zeros between them; a single one needs none.
        let stride = if size[0] == 1 { size[1].max(taps[1]) } else { size[1] + left[1].max(right[1]) };
        let (before, after) = (left[0] * stride + left[1], right[0] * stride + right[1]);
        let n = smooth((size[0] - 1) * stride + size[1] + before.max(after));
        let depthwise = geometry.depthwise;
        Self { batch: x[0], inputs: x[1], outputs: k[0], size, taps, left, depthwise, stride, before, after, n }
    }

    fn is_direct(&self) -> bool {
        self.taps[0] * self.taps[1] <= DIRECT_TAPS[usize::from(self.depthwise)]
    }

    /// LibTorch's own convolution.
    fn direct(&self, [x, k]: [&Tensor; 2]) -> Tensor {
        let ([top, left], [kh, kw]) = (self.left, self.taps);
        let (bottom, right) = (kh - 1 - top, kw - 1 - left);
        let groups = if self.depthwise { self.inputs } else { 1 };
        let convolve = |x: &Tensor, padding| x.conv2d(k, None::<&Tensor>, [1, 1], padding, [1, 1], groups);
        if top == bottom && left == right {
            return convolve(x, [top, left]);
        }
        convolve(&x.constant_pad_nd([left, right, top, bottom]), [0, 0])
    }

    /// Spectrum of data `[batch, channels, height, width]`: `[batch, channels, frequencies]`.
    fn data(&self, x: &Tensor) -> Tensor {
        let [height, width] = self.size;
        let channels = x.size()[1];
        let rows = match height {
            1 => x.reshape([self.batch, channels, width]),
            _ => x.constant_pad_nd([0, self.stride - width]).view([self.batch, channels, height * self.stride]),
        };
        rows.fft_rfft(self.n, -1, "backward")
    }

    /// Spectrum of a kernel: `[channels, frequencies]`, or `[out, in, frequencies]`; `turned` around or as it is.
    fn kernel(&self, k: &Tensor, turned: bool) -> Tensor {
        let [height, width] = self.taps;
        let k = if turned { k.flip([2, 3]) } else { k.shallow_clone() };
        let rows = if height == 1 { k } else { k.constant_pad_nd([0, self.stride - width]) };
        let spectrum = rows.reshape([self.outputs, k_inputs(self), -1]).fft_rfft(self.n, -1, "backward");
        if self.depthwise { spectrum.squeeze_dim(1) } else { spectrum }
    }

    /// The output from the spectra of data and turned kernel.
    fn forward(&self, x: &Tensor, k: &Tensor) -> Tensor {
        let product = if self.depthwise { x * k } else { per_frequency(x, &k.permute([2, 1, 0])) };
        self.rows(&product, self.after)
    }

    /// The gradient of the input from the spectra of that of the output and of the kernel.
    fn backward_data(&self, g: &Tensor, k: &Tensor) -> Tensor {
        let product = if self.depthwise { g * k } else { per_frequency(g, &k.permute([2, 0, 1])) };
        self.rows(&product, self.before)
    }

    /// The gradient of the kernel from the spectra of the output's gradient, which is used up, and of the data.
    fn backward_kernel(&self, g: &mut Tensor, x: &Tensor) -> Tensor {
        let g = g.conj_physical_();
        let product = match self.depthwise {
            true => (g * x).sum_dim_intlist([0_i64].as_slice(), false, None),
            false => g.permute([2, 1, 0]).bmm(&x.permute([2, 0, 1])).permute([1, 2, 0]),
        };
        let taps = product.fft_irfft(self.n, -1, "backward");
        // Lags from `-before` to `after`, those below zero at the end; then rows as they were.
        let [height, width] = self.taps;
        let length = self.before + 1 + self.after;
        let mut parts = Vec::new();
        if self.before > 0 {
            parts.push(taps.narrow(-1, self.n - self.before, self.before));
        }
        parts.push(taps.narrow(-1, 0, self.after + 1));
        let taps = Tensor::cat(&parts, -1).view([self.outputs, k_inputs(self), length]);
        match height {
            1 => taps.unsqueeze(2),
            _ => {
                let rows = taps.constant_pad_nd([0, height * self.stride - length]);
                rows.view([self.outputs, k_inputs(self), height, self.stride]).narrow(3, 0, width).contiguous()
            }
        }
    }

    /// Data from a spectrum, whose first sample is that at `offset`.
    fn rows(&self, spectrum: &Tensor, offset: i64) -> Tensor {
        let [height, width] = self.size;
        let y = spectrum.fft_irfft(self.n, -1, "backward");
        if height == 1 {
            return y.narrow(2, offset, width).contiguous().unsqueeze(2);
        }
        y.narrow(2, offset, (height - 1) * self.stride + width).unfold(2, width, self.stride).contiguous()
    }
}

/// Channels on a kernel's second axis.
fn k_inputs(plan: &Plan) -> i64 {
    if plan.depthwise { 1 } else { plan.inputs }
}

/// `[batch, a, frequencies]` by `[frequencies, a, b]` to `[batch, b, frequencies]`, a matrix product per frequency.
fn per_frequency(data: &Tensor, kernel: &Tensor) -> Tensor {
    let by_frequency = |spectrum: &Tensor| spectrum.contiguous();
    by_frequency(&data.permute([2, 0, 1])).bmm(&by_frequency(kernel)).permute([1, 2, 0])
}

/// The least even number of at least `n` without prime factors beyond 5, for which transforms are fast.
fn smooth(n: i64) -> i64 {
    let fast = |candidate: &i64| {
        let mut rest = *candidate;
        for prime in [2, 3, 5] {
            while rest % prime == 0 {
                rest /= prime;
            }
        }
        rest == 1
    };
    (n + n % 2..).step_by(2).find(fast).unwrap_or(n)
}
