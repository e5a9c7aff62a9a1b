//! S4, the structured state-space layer: `models/s4/s4.py` of `state-spaces/s4` (Gu et al. 2022, arXiv 2111.00396).

mod truncation;

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use nalgebra::Complex as Number;

use self::truncation::Recurrence;
use crate::forward::DropoutKind;
use crate::layers::Pointwise;
use crate::layers::complex::Complex;
use crate::layers::hippo::{DiagonalInit, Measure, diagonal, nplr};
use crate::layers::s4d::{causal, complex_normal};
use crate::layers::stack::SequenceLayer;
use crate::{Forward, Init};
use kernels::{Activation, Alignment, Discretisation, diagonal_kernel, glu, long_conv1d, low_rank_kernel};

/// Least magnitude of the initial real and imaginary parts of the eigenvalues.
const LEAST: f64 = 1e-4;

/// Form of the state matrix, and where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateMatrix {
    /// Diagonal plus a matrix of rank one; always stepped by the bilinear transform.
    LowRank(Measure),
    /// Diagonal.
    Diagonal(DiagonalInit, Discretisation),
}

/// Everything that shapes an [`S4Kernel`].
#[derive(Debug, Clone, PartialEq)]
pub struct S4KernelSpec {
    /// Channels, H.
    pub d_model: usize,
    /// States per channel, an even number.
    pub d_state: usize,
    /// Kernels per channel.
    pub channels: usize,
    /// Different state matrices, S, a divisor of `d_model`: channel h has number h mod S.
    pub n_ssm: usize,
    /// Form of the state matrix.
    pub matrix: StateMatrix,
    /// Least initial step.
    pub dt_min: f64,
    /// Largest initial step.
    pub dt_max: f64,
    /// Length of the kernels of training, at least 1. C is stored for it where the state matrix has a low-rank part.
    pub l_max: usize,
}

/// Kernels of state-space models.
#[derive(Module, Debug)]
pub struct S4Kernel {
    /// Logarithm of the step, `[d_model, 1]`.
    pub inv_dt: Param<Tensor<2>>,
    /// Output vectors `[channels, d_model, d_state / 2, 2]`, complex in the last axis. With a low-rank part this is
    /// `C̃ = (I − Āᴸ)ᵀ C`, for which the kernel of length L is a polynomial that the Fourier transform of length L gives.
    pub c: Param<Tensor<4>>,
    /// Input vectors, `[1, n_ssm, d_state / 2, 2]`.
    pub b: Param<Tensor<4>>,
    /// Logarithm of the negative real part of the eigenvalues, `[n_ssm, d_state / 2]`.
    pub a_real: Param<Tensor<2>>,
    /// Negative imaginary part of the eigenvalues, `[n_ssm, d_state / 2]`.
    pub a_imag: Param<Tensor<2>>,
    /// The low-rank part, `[1, n_ssm, d_state / 2, 2]`: the state matrix is `diag(A) − P P*`.
    pub p: Option<Param<Tensor<4>>>,
    #[module(skip)]
    disc: Discretisation,
    #[module(skip)]
    l_kernel: usize,
}

impl S4Kernel {
    /// Steps log-uniform in `[dt_min, dt_max]`, C complex normal, A, B and P as the state matrix says.
    pub fn new(spec: &S4KernelSpec, init: &mut Init) -> Self {
        let (h, s, n) = (spec.d_model, spec.n_ssm, spec.d_state / 2);
        let (a, b, p, disc) = match spec.matrix {
            StateMatrix::LowRank(measure) => {
                let model = nplr(measure, spec.d_state);
                (model.w, model.b, Some(model.p), Discretisation::Bilinear)
            }
            StateMatrix::Diagonal(start, disc) => {
                let model = diagonal(start, spec.d_state);
                (model.a, model.b, None, disc)
            }
        };
        let inv_dt = init.uniform([h, 1], spec.dt_min.ln(), spec.dt_max.ln());
        let c = (0..spec.channels * h * n).map(|_| complex_normal(init)).collect::<Vec<_>>();
        let part = |of: fn(&Number<f64>) -> f64| a.iter().map(|a| of(a) as f32).collect::<Vec<_>>().repeat(s);
        let kernel = Self {
            inv_dt,
            c: init.values([spec.channels, h, n, 2], pairs(&c)),
            b: init.values([1, s, n, 2], pairs(&b).repeat(s)),
            a_real: init.values([s, n], part(|a| (-a.re).max(LEAST).ln())),
            a_imag: init.values([s, n], part(|a| (-a.im).max(LEAST))),
            p: p.map(|p| init.values([1, s, n, 2], pairs(&p).repeat(s))),
            disc,
            l_kernel: spec.l_max,
        };
        let (c, _) = kernel.truncated(0, spec.l_max);
        Self { c: init.values([spec.channels, h, n, 2], c), ..kernel }
    }

    /// The length that C is stored for.
    pub fn l_kernel(&self) -> usize {
        self.l_kernel
    }

    /// Values of C for kernels of at least `wanted` samples, and the length they are for: from C̃ for `from` samples,
    /// which is doubled as often as needed, or from C itself where `from` is zero. Without a low-rank part C never changes.
    pub fn truncated(&self, from: usize, wanted: usize) -> (Vec<f32>, usize) {
        let read = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<_>>();
        let c = read(host(self.c.val()));
        let Some(p) = &self.p else { return (host(self.c.val()), from.max(wanted)) };
        let recurrence = Recurrence {
            states: self.a_real.dims()[1],
            dt: read(host(self.inv_dt.val().exp())),
            a: [read(host(self.a_real.val().exp().neg())), read(host(self.a_imag.val().neg()))],
            p: read(host(p.val())),
        };
        let (mut c, mut length) = (c, from);
        if length == 0 {
            c = recurrence.advance(&c, wanted, -1.0);
            length = wanted;
        }
        while length < wanted && length > 0 {
            c = recurrence.advance(&c, length, 1.0);
            length *= 2;
        }
        (c.into_iter().map(|value| value as f32).collect(), length)
    }

    /// Kernels `[channels, d_model, length]`, the tap of the current sample first. Steps are `rate` times those of
    /// training; a kernel is cut short where the stored one, at this rate, is.
    pub fn sample(&self, length: usize, rate: f64) -> Tensor<3> {
        let [channels, h, n, _] = self.c.dims();
        let tile = h / self.a_real.dims()[0].max(1);
        let dt = self.inv_dt.val().exp().mul_scalar(rate);
        let a = Complex::new(self.a_real.val().exp().neg(), self.a_imag.val().neg());
        let x = a.map(|part| part.repeat_dim(0, tile)).scale(dt.clone());
        let dt = dt.unsqueeze::<3>();
        let b = Complex::<3>::of_pairs(self.b.val()).map(|part| part.repeat_dim(1, tile)).scale(dt.clone());
        let Some(p) = &self.p else {
            let c = Complex::<3>::of_pairs(self.c.val()).mul(b).map(|part| part.reshape([channels * h, n]));
            let x = x.map(|part| part.repeat_dim(0, channels));
            let kernel = diagonal_kernel(c.parts(), x.parts(), self.disc.into(), length);
            return kernel.reshape([channels, h, length]);
        };
        let p = Complex::<3>::of_pairs(p.val()).map(|part| part.repeat_dim(1, tile));
        let (c, stored) = self.lengthened(round(rate * length as f64));
        let period = round(stored as f64 / rate);
        let inputs = Complex::cat(vec![b, p.clone().scale(dt)], 0).map(|part| part.unsqueeze_dim::<4>(1));
        let outputs = Complex::cat(vec![Complex::of_pairs(c), p.conj()], 0).map(|part| part.unsqueeze_dim::<4>(0));
        let kernel = low_rank_kernel(inputs.mul(outputs).parts(), x.parts(), period);
        kernel.narrow(2, 0, length.min(period))
    }

    /// C̃ for at least `wanted` samples, and the length it is for. Gradients reach the stored C̃ unchanged.
    fn lengthened(&self, wanted: usize) -> (Tensor<4>, usize) {
        let c = self.c.val();
        if wanted <= self.l_kernel {
            return (c, self.l_kernel);
        }
        let (values, length) = self.truncated(self.l_kernel, wanted);
        let longer = Tensor::<4>::from_data(TensorData::new(values, c.dims()), &c.device());
        let change = longer - c.clone().detach();
        (c + change, length)
    }
}

/// Nearest whole number, halves to the even one.
fn round(value: f64) -> usize {
    value.round_ties_even() as usize
}

fn pairs(values: &[Number<f64>]) -> Vec<f32> {
    values.iter().flat_map(|value| [value.re as f32, value.im as f32]).collect()
}

/// Values on the host, as [`Tensor::into_data`] reads them.
fn host<const D: usize>(value: Tensor<D>) -> Vec<f32> {
    value.into_data().iter::<f32>().collect()
}

/// A convolution with state-space kernels, and a skip connection.
#[derive(Module, Debug)]
pub struct SsmConv {
    /// Factors of the skip connection, `[channels, d_model]`.
    pub d: Param<Tensor<2>>,
    /// Generates the kernels, twice as many where they reach to both sides.
    pub kernel: S4Kernel,
    #[module(skip)]
    l_max: usize,
    #[module(skip)]
    bidirectional: bool,
}

/// Everything that shapes an [`S4Block`].
#[derive(Debug, Clone, PartialEq)]
pub struct S4BlockSpec {
    /// The kernels, those to the left where there are two sides.
    pub kernel: S4KernelSpec,
    /// Samples of the training inputs; at another length the step is changed such that a kernel covers the same time.
    pub length: usize,
    /// Kernels to the right as well: `y[t] += Σ_m k[m] x[t + m + 1]`.
    pub bidirectional: bool,
    /// Probability of dropping a channel while training.
    pub dropout: f64,
}

impl SsmConv {
    fn new(spec: &S4BlockSpec, init: &mut Init) -> Self {
        let sides = if spec.bidirectional { 2 } else { 1 };
        let kernel = S4KernelSpec { channels: sides * spec.kernel.channels, ..spec.kernel.clone() };
        Self {
            d: init.normal([spec.kernel.channels, spec.kernel.d_model], 1.0),
            kernel: S4Kernel::new(&kernel, init),
            l_max: spec.kernel.l_max,
            bidirectional: spec.bidirectional,
        }
    }

    /// `[batch, d_model, length]` to `[batch, channels · d_model, length]`, channel-major, at `rate` times the step.
    fn forward(&self, x: Tensor<3>, rate: f64, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let x = if self.bidirectional { ctx.mask_padding(x) } else { x };
        let length = x.dims()[2];
        let [channels, h] = self.d.dims();
        let kernel = self.kernel.sample(length.min(round(self.l_max as f64 / rate)), rate);
        ctx.probe(|| layer.to_owned(), "kernel", &kernel);
        let taps = kernel.dims()[2];
        let skip = self.d.val().reshape([channels * h, 1]);
        let side = |at: usize| kernel.clone().narrow(0, at * channels, channels).reshape([channels * h, taps]);
        let left = causal(side(0), skip);
        let x = x.repeat_dim(1, channels);
        if self.bidirectional {
            // One tap of zero in front makes the current sample the middle one.
            let front = Tensor::zeros([channels * h, 1], (&left.device(), left.dtype()));
            long_conv1d(x, Tensor::cat(vec![front, left, side(1)], 1), Alignment::Centred)
        } else {
            long_conv1d(x, left, Alignment::Causal)
        }
    }
}

/// Convolution, skip, dropout, GELU, dropout, and a gated map of the channels.
#[derive(Module, Debug)]
pub struct S4Block {
    /// The convolution.
    pub layer: SsmConv,
    /// From the convolution's channels to `2 · d_model`, the second half gates.
    pub output_linear: Pointwise,
    #[module(skip)]
    length: usize,
    #[module(skip)]
    dropout: f64,
}

impl S4Block {
    /// Weights as the reference program draws them.
    pub fn new(spec: &S4BlockSpec, init: &mut Init) -> Self {
        let h = spec.kernel.d_model;
        Self {
            layer: SsmConv::new(spec, init),
            output_linear: Pointwise::torch(spec.kernel.channels * h, 2 * h, init),
            length: spec.length,
            dropout: spec.dropout,
        }
    }

    /// `[batch, d_model, length]` to the same shape, at `rate` times the step of training. Probes are taken as `layer`.
    pub fn forward_at(&self, x: Tensor<3>, rate: f64, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let y = self.layer.forward(x, rate, layer, ctx);
        let y = ctx.dropout_tensor(y, self.dropout, DropoutKind::Channel);
        let y = ctx.activate_and_drop(y, Activation::Gelu, self.dropout, DropoutKind::Channel);
        let y = glu(self.output_linear.forward(y, ctx.precision()));
        ctx.probe(|| layer.to_owned(), "activation", &y);
        y
    }
}

/// Step for inputs of `length` samples relative to that of training on `trained` ones: as the resolution says, and where that
/// is the one of training, such that a kernel covers the same time.
pub(crate) fn rate(trained: usize, length: usize, ctx: &Forward<'_>) -> f64 {
    match ctx.resolution() {
        1.0 => trained as f64 / length as f64,
        resolution => 1.0 / resolution,
    }
}

impl SequenceLayer for S4Block {
    fn forward(&self, x: Tensor<3>, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let rate = rate(self.length, x.dims()[2], ctx);
        self.forward_at(x, rate, layer, ctx)
    }

    fn kernel_length(&self) -> Option<usize> {
        let kernel = &self.layer.kernel;
        // Without a low-rank part C is the same for every length.
        kernel.p.is_some().then(|| kernel.l_kernel())
    }
}
