//! The kernel of S4D from its parameters.

#[cfg(feature = "cube")]
mod cube;

use burn::backend::TensorMetadata;

use super::DiagonalKernel;
use super::rule::StepRule;
use crate::operation::prelude::*;
use crate::value::Value;

/// Logarithms of steps `[rows]`, logarithms of negative real parts and negative imaginary parts of eigenvalues `[rows, states]` and
/// output vectors `[rows, states, 2]` to kernels `[rows, length]`.
#[derive(Debug, Clone)]
struct S4dKernel {
    /// Factor on the steps.
    rate: f64,
    rule: StepRule,
    length: usize,
}

tested!(S4dKernel);

/// What the diagonal kernel is computed from.
struct Prepared<B: Kernels> {
    /// Steps `[rows, 1]`.
    dt: Value<B>,
    /// Parts of the output vectors times the step, then of the eigenvalues times the step, `[rows, states]`.
    operands: [Value<B>; 4],
}

impl S4dKernel {
    fn prepare<B: Kernels>(&self, [log_dt, log_a, a_im, c]: [FloatTensor<B>; 4]) -> Prepared<B> {
        let shape = log_a.shape();
        let (rows, states) = (shape[0], shape[1]);
        let dt = Value::<B>(B::float_exp(log_dt)).scale(self.rate).reshape([rows, 1]);
        let c = Value::<B>(c);
        let part = |at: usize| c.clone().narrow(2, at..at + 1).reshape([rows, states]) * dt.clone();
        let x_re = Value::<B>(B::float_exp(log_a)).scale(-1.0) * dt.clone();
        let x_im = Value::<B>(a_im) * dt.clone();
        let operands = [part(0), part(1), x_re, x_im];
        Prepared { dt, operands }
    }

    fn diagonal(&self) -> DiagonalKernel {
        DiagonalKernel { rule: self.rule, length: self.length }
    }
}

impl Operation<4> for S4dKernel {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["s4d kernel", "s4d kernel backward"]);
    const FLEX: FlexTypes = FlexTypes::Composed;

    fn shape(&self, [log_dt, log_a, a_im, c]: &[Shape; 4]) -> Shape {
        let (rows, states) = (log_a[0], log_a[1]);
        let fits = log_dt[..] == [rows] && a_im == log_a && c[..] == [rows, states, 2];
        assert!(fits, "steps {log_dt:?}, eigenvalues {log_a:?} and {a_im:?} and outputs {c:?} of a state space");
        Shape::from([rows, self.length])
    }

    fn composed<B: Kernels>(&self, parameters: [FloatTensor<B>; 4]) -> Tensors<B> {
        let operands = self.prepare::<B>(parameters).operands.map(|operand| operand.0);
        self.diagonal().composed::<B>(operands)
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 4]) -> Grads<B, 4> {
        let shapes: Vec<Shape> = saved.iter().map(TensorMetadata::shape).collect();
        let Prepared { dt, operands } = self.prepare::<B>(take(saved));
        let of_operands = operands.each_ref().map(|operand| operand.0.clone()).into();
        let [gc_re, gc_im, gx_re, gx_im] =
            self.diagonal().composed_backward::<B>(of_operands, g, [true; 4]).map(|slope| slope.map(Value::<B>));
        let (Some(gc_re), Some(gc_im), Some(gx_re), Some(gx_im)) = (gc_re, gc_im, gx_re, gx_im) else {
            return [None, None, None, None];
        };
        let [c_re, c_im, x_re, x_im] = operands;
        let by_log_a = gx_re * x_re;
        let by_step = gc_re.clone() * c_re + gc_im.clone() * c_im + by_log_a.clone() + gx_im.clone() * x_im;
        let pair = |slope: Value<B>| {
            let (rows, states) = (slope.dim(0), slope.dim(1));
            (slope * dt.clone()).reshape([rows, states, 1])
        };
        let d_c = Value::cat(vec![pair(gc_re), pair(gc_im)], 2);
        let d_log_dt = by_step.sum(1).reshape(shapes[0].clone());
        [d_log_dt.0, by_log_a.0, (gx_im * dt.clone()).0, d_c.0].map(Some)
    }

    #[cfg(feature = "cube")]
    fn cube(&self, parameters: &[CubeTensor; 4]) -> Option<Tensors<Cube>> {
        let operands = cube::prepare(parameters.each_ref(), self.rate)?;
        super::cube::forward(self.rule, self.length, &operands).map(|kernel| vec![kernel])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 4]) -> Option<Grads<Cube, 4>> {
        let [log_dt, log_a, a_im, c] = saved else { return None };
        let parameters = [log_dt, log_a, a_im, c];
        let operands = cube::prepare(parameters, self.rate)?;
        let slopes = super::cube::slopes(self.rule, &operands, g)?;
        cube::finish(parameters, &operands, &slopes, self.rate).map(|gradients| gradients.map(Some))
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 4>> {
        let of = |rule, rate| {
            let log_dt = Sample::new([3], 1).map(|x| 0.5 * x - 1.0);
            let parameters = [log_dt, Sample::new([3, 4], 2), Sample::new([3, 4], 3), Sample::new([3, 4, 2], 4)];
            (Self { rate, rule, length: 40 }, parameters)
        };
        vec![of(StepRule::Zoh, 1.0), of(StepRule::Bilinear, 0.5)]
    }
}

/// The kernel of S4D (Gu et al. 2022, arXiv 2206.11893): [`diagonal_kernel`](super::diagonal_kernel) with `x = Δ A` and `c = Δ C`, where
/// `Δ = rate · exp(log_dt)` and `A = −exp(log_a_real) + i a_imag`, for `log_dt` `[rows]`, `log_a_real` and `a_imag` `[rows, states]` and `c`
/// `[rows, states, 2]`, complex in the last axis; returns `[rows, length]`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn s4d_kernel(
    log_dt: Tensor<1>,
    [log_a_real, a_imag]: [Tensor<2>; 2],
    c: Tensor<3>,
    rate: f64,
    rule: StepRule,
    length: usize,
) -> Tensor<2> {
    let parameters = [log_dt.into_dispatch(), log_a_real.into_dispatch(), a_imag.into_dispatch(), c.into_dispatch()];
    first(S4dKernel { rate, rule, length }, parameters)
}
