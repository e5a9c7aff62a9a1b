//! The linear recurrent unit (Orvieto et al. 2023, arXiv 2303.06349), as a convolution with exponential kernels.
//!
//! `s[t] = diag(λ) s[t−1] + γ ∘ B u[t]` and `y[t] = Re(C s[t]) + D ∘ u[t]` with complex λ, B and C. Unrolled,
//! `s[t] = Σ_m λᵐ γ ∘ B u[t − m]`: each state is its input convolved with the exponential kernel λᵐ.
//!
//! In both directions, `r[t] = diag(λ) r[t+1] + γ ∘ B u[t]` runs from the end, and `y[t] = Re(C s[t] + C' r[t]) + D ∘ u[t]`,
//! as in S5 (Smith et al. 2023, arXiv 2208.04933; `lindermanlab/S5`). The reference program of the LRU has one direction only.

use std::f64::consts::TAU;

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use rand::Rng;

use crate::forward::DropoutKind;
use crate::inspect::views::{Eigenvalues, Kernels};
use crate::layers::conventions::Conventions;
use crate::layers::linear::Pointwise;
use crate::layers::stack::SequenceLayer;
use crate::layers::state_space::complex::Complex;
use crate::read::read;
use crate::{Forward, Init, LayerView, ReadError};
use kernels::{Alignment, Precision, StepRule, diagonal_kernel, glu, long_conv1d, pointwise};

/// Configuration of an [`Lru`].
#[derive(Debug, Clone, PartialEq)]
pub struct LruSpec {
    /// Channels.
    pub d_model: usize,
    /// Complex states of the layer.
    pub d_state: usize,
    /// Least initial magnitude of λ.
    pub r_min: f64,
    /// Largest initial magnitude of λ, less than 1.
    pub r_max: f64,
    /// Largest initial phase of λ, in radians.
    pub max_phase: f64,
    /// A second recurrence from the last step back to the first, with the same λ and B and a C of its own.
    pub bidirectional: bool,
    /// GELU and initial linear map.
    pub conventions: Conventions,
    /// Probability of dropping a channel while training.
    pub dropout: f64,
}

/// The LRU layer: recurrence, GELU, dropout, and a gated map of the channels.
#[derive(Module, Debug)]
pub struct Lru {
    /// `ν` of `|λ| = exp(−exp(ν))`, `[d_state]`.
    pub nu_log: Param<Tensor<1>>,
    /// Logarithm of the phase of λ, `[d_state]`.
    pub theta_log: Param<Tensor<1>>,
    /// Logarithm of γ, which starts at `√(1 − |λ|²)` and gives every state the variance of its input, `[d_state]`.
    pub gamma_log: Param<Tensor<1>>,
    /// Real part of B, `[d_state, d_model]`.
    pub b_re: Param<Tensor<2>>,
    /// Imaginary part of B, `[d_state, d_model]`.
    pub b_im: Param<Tensor<2>>,
    /// Real part of C, `[d_model, d_state]`.
    pub c_re: Param<Tensor<2>>,
    /// Imaginary part of C, `[d_model, d_state]`.
    pub c_im: Param<Tensor<2>>,
    /// Real part of the C of the states that run backwards, `[d_model, d_state]`.
    pub c_re_back: Option<Param<Tensor<2>>>,
    /// Its imaginary part, `[d_model, d_state]`.
    pub c_im_back: Option<Param<Tensor<2>>>,
    /// The skip connection, `[d_model]`.
    pub d: Param<Tensor<1>>,
    /// From the channels to twice as many, the second half gates.
    pub output_linear: Pointwise,
    #[module(skip)]
    conventions: Conventions,
    #[module(skip)]
    dropout: f64,
}

impl Lru {
    /// Draws λ uniformly from the ring between `r_min` and `r_max` up to phase `max_phase`.
    ///
    /// B is N(0, 1 / (2 · d_model)) and C N(0, 1 / d_state) per real and imaginary part, D N(0, 1).
    pub fn new(spec: &LruSpec, init: &mut Init) -> Self {
        let (h, n) = (spec.d_model, spec.d_state);
        let (low, high) = (spec.r_min.powi(2), spec.r_max.powi(2));
        let (mut nu, mut theta, mut gamma) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..n {
            // A draw of exactly zero would put λ at the centre, where its logarithm does not exist.
            let square = (low + (high - low) * (1.0 - init.rng().random::<f64>())).max(f64::MIN_POSITIVE);
            let phase = spec.max_phase * (1.0 - init.rng().random::<f64>());
            nu.push((-0.5 * square.ln()).ln() as f32);
            theta.push(phase.ln() as f32);
            gamma.push((0.5 * (1.0 - square).ln()) as f32);
        }
        let (b_std, c_std) = ((0.5 / h as f64).sqrt(), (1.0 / n as f64).sqrt());
        Self {
            nu_log: init.values([n], nu),
            theta_log: init.values([n], theta),
            gamma_log: init.values([n], gamma),
            b_re: init.normal([n, h], b_std),
            b_im: init.normal([n, h], b_std),
            c_re: init.normal([h, n], c_std),
            c_im: init.normal([h, n], c_std),
            c_re_back: spec.bidirectional.then(|| init.normal([h, n], c_std)),
            c_im_back: spec.bidirectional.then(|| init.normal([h, n], c_std)),
            d: init.normal([h], 1.0),
            output_linear: spec.conventions.linear(h, 2 * h, init),
            conventions: spec.conventions,
            dropout: spec.dropout,
        }
    }

    /// Real and imaginary parts of `λᵐ` for m in `0..length`, `[2 · d_state, length]`.
    ///
    /// At `rate` r times the step of training they are those of `(λʳ − 1) / (λ − 1) λʳᵐ`: the answer of the same state to an
    /// input that is constant within a step of training (zero-order hold), for phases of λ within half a turn.
    pub fn powers(&self, length: usize, rate: f64) -> Tensor<2> {
        let column = |values: Tensor<1>| values.unsqueeze_dim::<2>(1);
        let mut x_re = column(self.nu_log.val().exp().neg());
        let mut x_im = column(self.theta_log.val().exp());
        // Twice the real part of ½ g λᵐ and of −½ i g λᵐ.
        let (mut g_re, mut g_im) = (x_re.full_like(0.5), x_re.zeros_like());
        if rate != 1.0 {
            // A phase beyond half a turn is a slow turn backwards: only as such does it have a fraction.
            x_im = x_im.clone() - (x_im / TAU).round() * TAU;
            let less_one = |x: Complex<2>| {
                let [re, im] = x.parts();
                let size = re.exp();
                Complex::new(size.clone() * im.clone().cos() - 1.0, size * im.sin())
            };
            let x = Complex::new(x_re.clone(), x_im.clone());
            [x_re, x_im] = x.clone().map(|part| part * rate).parts();
            let [a, b] = less_one(Complex::new(x_re.clone(), x_im.clone())).parts();
            let [c, d] = less_one(x).parts();
            let size = (c.clone().square() + d.clone().square()) * 2.0;
            g_re = (a.clone() * c.clone() + b.clone() * d.clone()) / size.clone();
            g_im = (b * c - a * d) / size;
        }
        let c_re = Tensor::cat(vec![g_re.clone(), g_im.clone()], 0);
        let c_im = Tensor::cat(vec![g_im, g_re.neg()], 0);
        let x = [x_re, x_im].map(|part| part.repeat_dim(0, 2));
        diagonal_kernel([c_re, c_im], x, StepRule::Discrete, length)
    }

    /// The recurrence alone, or the sum of both, whose states all count the present input, from u to y, both `[batch, d_model, length]`, at `rate` times the step of training.
    pub fn recur(&self, u: Tensor<3>, rate: f64, precision: Precision) -> Tensor<3> {
        let (n, h) = (self.nu_log.dims()[0], self.d.dims()[0]);
        let zeros = |count: usize| Tensor::zeros([count], (&u.device(), u.dtype()));
        let gamma = self.gamma_log.val().exp().unsqueeze_dim::<2>(1);
        let b = Tensor::cat(vec![self.b_re.val() * gamma.clone(), self.b_im.val() * gamma], 0);
        let inputs = pointwise(u.clone(), b, zeros(2 * n), precision);
        let kernels = self.powers(u.dims()[2], rate).flip([1]);
        let (re, im) = (kernels.clone().narrow(0, 0, n), kernels.narrow(0, n, n));
        // Products of real and imaginary parts: re · re, re · im, im · re and im · im of kernel and input.
        let kernels = Tensor::cat(vec![re.clone(), re, im.clone(), im], 0);
        let inputs = inputs.repeat_dim(1, 2);
        let mut states = long_conv1d(inputs.clone(), kernels.clone(), Alignment::Causal);
        let of_products = |re: &Param<Tensor<2>>, im: &Param<Tensor<2>>| {
            let (re, im) = (re.val(), im.val().neg());
            Tensor::cat(vec![re.clone(), im.clone(), im, re.neg()], 1)
        };
        let mut c = of_products(&self.c_re, &self.c_im);
        if let (Some(re), Some(im)) = (&self.c_re_back, &self.c_im_back) {
            let backwards = long_conv1d(inputs.flip([2]), kernels, Alignment::Causal).flip([2]);
            states = Tensor::cat(vec![states, backwards], 1);
            c = Tensor::cat(vec![c, of_products(re, im)], 1);
        }
        pointwise(states, c, zeros(h), precision) + u * self.d.val().reshape([1, h, 1])
    }
}

impl SequenceLayer for Lru {
    fn forward(&self, x: Tensor<3>, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        // What runs backwards begins in the padding.
        let x = if self.c_re_back.is_some() { ctx.mask_padding(x) } else { x };
        let y = self.conventions.gelu(self.recur(x, 1.0 / ctx.resolution(), ctx.precision()));
        let y = ctx.dropout_tensor(y, self.dropout, DropoutKind::Channel);
        let y = glu(self.output_linear.forward(y, ctx.precision()));
        ctx.probe(|| layer.to_owned(), "activation", &y);
        y
    }

    /// The kernels are the powers of the eigenvalues, to both sides where the layer looks there: real parts, then imaginary
    /// ones.
    fn view(&self, layer: String, length: usize) -> Result<LayerView, ReadError> {
        let powers = self.powers(length, 1.0);
        let mut sides = vec![powers.clone().flip([1])];
        if self.c_re_back.is_some() && length > 1 {
            sides.push(powers.narrow(1, 1, length - 1));
        }
        let kernels = Kernels::on_line(Tensor::cat(sides, 1), length.saturating_sub(1));
        let sizes = read(self.nu_log.val(), "eigenvalues of a recurrence")?;
        let phases = read(self.theta_log.val(), "eigenvalues of a recurrence")?;
        let value = |(nu, theta): (f32, f32)| {
            let (size, phase) = ((-f64::from(nu).exp()).exp(), f64::from(theta).exp());
            [size * phase.cos(), size * phase.sin()]
        };
        let values = sizes.into_iter().zip(phases).map(value).collect();
        let eigenvalues = Eigenvalues { count: 1, shown: vec![(0, values)], conjugates: false };
        Ok(LayerView { layer, kernels: Some(kernels), eigenvalues: Some(eigenvalues) })
    }
}
