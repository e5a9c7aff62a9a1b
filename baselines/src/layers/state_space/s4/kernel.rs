//! The kernels of S4: diagonal state matrices, with or without a low-rank part.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use nalgebra::Complex as Number;

use super::truncation::Recurrence;
use crate::inspect::views::{Eigenvalues, discretised, low_rank, shown_matrices};
use crate::layers::state_space::complex::Complex;
use crate::layers::state_space::hippo::{DiagonalInit, HippoMeasure, diagonal, nplr};
use crate::layers::state_space::taps::complex_normal;
use crate::read::read;
use crate::{Init, ReadError};
use kernels::{Discretisation, diagonal_kernel, low_rank_kernel};

/// Least magnitude of the initial real and imaginary parts of the eigenvalues.
const LEAST: f64 = 1e-4;

/// Form and initial value of the state matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateMatrix {
    /// Diagonal plus a matrix of rank one; always stepped by the bilinear transform.
    LowRank(HippoMeasure),
    /// Diagonal.
    Diagonal(DiagonalInit, Discretisation),
}

/// Configuration of an [`S4Kernel`].
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
    /// Form and initial value of the state matrices.
    pub matrix: StateMatrix,
    /// Least initial step.
    pub dt_min: f64,
    /// Largest initial step.
    pub dt_max: f64,
    /// Length of the kernels of training, at least 1. C is stored for it where the state matrix has a low-rank part.
    pub l_max: usize,
}

/// State-space models that generate kernels.
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
    /// Draws steps log-uniform in `[dt_min, dt_max]` and C complex normal; A, B and P are those of `spec.matrix`.
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

    /// Length of the kernels that C is stored for.
    pub fn l_kernel(&self) -> usize {
        self.l_kernel
    }

    /// Values of C̃ for kernels of at least `wanted` samples, and the length they are for.
    ///
    /// The stored C̃ is for `from` samples, which is doubled as often as needed; it is C itself where `from` is zero. Without a
    /// low-rank part C never changes.
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

    /// Kernels `[channels, d_model, length]` at `rate` times the step of training, the tap of the current sample first.
    ///
    /// With a low-rank part a kernel is no longer than the stored one at this rate.
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

    /// Eigenvalues per step of the matrices of some channels, one of each conjugate pair.
    ///
    /// # Errors
    /// The parameters cannot be read from the device.
    pub fn eigenvalues(&self) -> Result<Eigenvalues, ReadError> {
        let ([matrices, states], [channels, _]) = (self.a_real.dims(), self.inv_dt.dims());
        let what = "parameters of a state space";
        let steps = read(self.inv_dt.val(), what)?;
        let (real, imaginary) = (read(self.a_real.val(), what)?, read(self.a_imag.val(), what)?);
        let p = self.p.as_ref().map(|p| read(p.val(), what)).transpose()?;
        let of = |channel: usize| {
            let matrix = channel % matrices.max(1);
            let own = matrix * states..(matrix + 1) * states;
            let number = |re: f32, im: f32| Number::new(f64::from(re), f64::from(im));
            let diagonal: Vec<Number<f64>> = own.clone().map(|i| number(-real[i].exp(), -imaginary[i])).collect();
            let values = match &p {
                None => diagonal,
                Some(p) => {
                    let p: Vec<Number<f64>> = own.map(|i| number(p[2 * i], p[2 * i + 1])).collect();
                    low_rank(&diagonal, &p).unwrap_or_default()
                }
            };
            let dt = f64::from(steps[channel]).exp();
            (channel, values.into_iter().map(|a| discretised(a, dt, self.disc)).collect())
        };
        let shown = shown_matrices(channels).into_iter().map(of).collect();
        Ok(Eigenvalues { count: channels, shown, conjugates: true })
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
pub(super) fn round(value: f64) -> usize {
    value.round_ties_even() as usize
}

fn pairs(values: &[Number<f64>]) -> Vec<f32> {
    values.iter().flat_map(|value| [value.re as f32, value.im as f32]).collect()
}

/// Values on the host, as [`Tensor::into_data`] reads them.
fn host<const D: usize>(value: Tensor<D>) -> Vec<f32> {
    value.into_data().iter::<f32>().collect()
}
