//! S4D, the diagonal state-space layer: `models/s4/s4d.py` of `state-spaces/s4` (Gu et al. 2022, arXiv 2206.11893).

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::forward::DropoutKind;
use crate::inspect::views::{Eigenvalues, FineKernels, Kernels, discretised, shown_matrices};
use crate::layers::linear::Pointwise;
use crate::layers::stack::SequenceLayer;
use crate::layers::state_space::hippo::{DiagonalInit, diagonal};
use crate::layers::state_space::taps::{complex_normal, rate};
use crate::read::read;
use crate::{Forward, Init, LayerView, ReadError};
use kernels::{Activation, Alignment, Discretisation, causal_taps, glu, long_conv1d, s4d_kernel};

/// Configuration of an [`S4d`].
#[derive(Debug, Clone, PartialEq)]
pub struct S4dSpec {
    /// Channels.
    pub d_model: usize,
    /// States per channel, an even number.
    pub d_state: usize,
    /// Initial eigenvalues.
    pub init: DiagonalInit,
    /// Discretisation of the state equation; the reference program has the zero-order hold only.
    pub disc: Discretisation,
    /// Least initial step.
    pub dt_min: f64,
    /// Largest initial step.
    pub dt_max: f64,
    /// Samples of the training inputs; at another length the step changes so that a kernel covers the same time.
    pub length: usize,
    /// Probability of dropping a channel while training.
    pub dropout: f64,
}

/// A diagonal state-space model per channel, which generates a kernel.
#[derive(Module, Debug)]
pub struct S4dKernel {
    /// Products of B and C, complex in the last axis, `[channels, d_state / 2, 2]`.
    pub c: Param<Tensor<3>>,
    /// Logarithm of the step, `[channels]`.
    pub log_dt: Param<Tensor<1>>,
    /// Logarithm of the negative real part of the eigenvalues, `[channels, d_state / 2]`.
    pub log_a_real: Param<Tensor<2>>,
    /// Imaginary part of the eigenvalues, `[channels, d_state / 2]`.
    pub a_imag: Param<Tensor<2>>,
    #[module(skip)]
    disc: Discretisation,
}

impl S4dKernel {
    /// Draws steps log-uniform in `[dt_min, dt_max]` and C complex normal; eigenvalues are those of `spec.init`.
    pub fn new(spec: &S4dSpec, init: &mut Init) -> Self {
        let (h, n) = (spec.d_model, spec.d_state / 2);
        let model = diagonal(spec.init, spec.d_state);
        let log_dt = init.uniform([h], spec.dt_min.ln(), spec.dt_max.ln());
        let c = (0..h)
            .flat_map(|_| {
                let of_state = |b: &nalgebra::Complex<f64>| b.conj() * complex_normal(init);
                model.b.iter().map(of_state).flat_map(|c| [c.re as f32, c.im as f32]).collect::<Vec<_>>()
            })
            .collect();
        let each = |of: &dyn Fn(&nalgebra::Complex<f64>) -> f64| {
            let one: Vec<f32> = model.a.iter().map(|a| of(a) as f32).collect();
            one.repeat(h)
        };
        Self {
            c: init.values([h, n, 2], c),
            log_dt,
            log_a_real: init.values([h, n], each(&|a| (-a.re).ln())),
            a_imag: init.values([h, n], each(&|a| -a.im)),
            disc: spec.disc,
        }
    }

    /// Kernels `[channels, length]` at `rate` times the step, the tap of the current sample first.
    pub fn sample(&self, length: usize, rate: f64) -> Tensor<2> {
        let eigenvalues = [self.log_a_real.val(), self.a_imag.val()];
        s4d_kernel(self.log_dt.val(), eigenvalues, self.c.val(), rate, self.disc.into(), length)
    }
}

impl S4dKernel {
    /// Eigenvalues per step of some channels, one of each conjugate pair.
    ///
    /// # Errors
    /// The parameters cannot be read from the device.
    pub fn eigenvalues(&self) -> Result<Eigenvalues, ReadError> {
        let [channels, states] = self.log_a_real.dims();
        let steps = read(self.log_dt.val(), "the steps of a state space")?;
        let real = read(self.log_a_real.val(), "eigenvalues of a state space")?;
        let imaginary = read(self.a_imag.val(), "eigenvalues of a state space")?;
        let of = |channel: usize| {
            let dt = f64::from(steps[channel]).exp();
            let a = |i: usize| nalgebra::Complex::new(-f64::from(real[i]).exp(), f64::from(imaginary[i]));
            let of_states = (channel * states..(channel + 1) * states).map(|i| discretised(a(i), dt, self.disc));
            (channel, of_states.collect())
        };
        let shown = shown_matrices(channels).into_iter().map(of).collect();
        Ok(Eigenvalues { count: channels, shown, conjugates: true })
    }
}

/// The S4D layer: convolution, skip, GELU, dropout, and a gated map of the channels.
#[derive(Module, Debug)]
pub struct S4d {
    /// Factor of the skip connection, `[channels]`.
    pub d: Param<Tensor<1>>,
    /// Generates the kernel.
    pub kernel: S4dKernel,
    /// From the channels to twice as many, the second half gates.
    pub output_linear: Pointwise,
    #[module(skip)]
    length: usize,
    #[module(skip)]
    dropout: f64,
}

impl S4d {
    /// A layer with weights drawn as in the reference program.
    pub fn new(spec: &S4dSpec, init: &mut Init) -> Self {
        Self {
            d: init.normal([spec.d_model], 1.0),
            kernel: S4dKernel::new(spec, init),
            output_linear: Pointwise::torch(spec.d_model, 2 * spec.d_model, init),
            length: spec.length,
            dropout: spec.dropout,
        }
    }
}

impl SequenceLayer for S4d {
    fn forward(&self, x: Tensor<3>, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let length = x.dims()[2];
        let kernel = self.kernel.sample(length, rate(self.length, length, ctx));
        ctx.probe(|| layer.to_owned(), "kernel", &kernel);
        let skip = self.d.val().unsqueeze_dim::<2>(1);
        let y = long_conv1d(x, causal_taps(kernel, skip), Alignment::Causal);
        let y = ctx.activate_and_drop(y, Activation::Gelu, self.dropout, DropoutKind::Channel);
        let y = glu(self.output_linear.forward(y, ctx.precision()));
        ctx.probe(|| layer.to_owned(), "activation", &y);
        y
    }

    fn view(&self, layer: String, _length: usize) -> Result<LayerView, ReadError> {
        let values = self.kernel.sample(self.length, 1.0).flip([1]);
        let [channels, taps] = values.dims();
        let fine = FineKernels::has_room(channels, taps).then(|| {
            let per_position = FineKernels::PER_POSITION;
            FineKernels { values: self.kernel.sample(taps * per_position, 1.0 / per_position as f64), per_position }
        });
        let kernels = Kernels { fine, ..Kernels::on_line(values, taps.saturating_sub(1)) };
        Ok(LayerView { layer, kernels: Some(kernels), eigenvalues: Some(self.kernel.eigenvalues()?) })
    }
}
