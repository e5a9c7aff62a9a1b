//! Convolution kernels of state-space models: of a diagonal state matrix, and of a diagonal one plus a matrix of rank one.
//!
//! Both sum over the states without ever holding a value per state and sample. Their operands are small, a few numbers per
//! state, and their sums are ill-conditioned in single precision (phases grow with the length, resolvents are taken close
//! to their poles). The composed form therefore evaluates both on the host in f64, in parallel over the channels, whatever
//! the backend. On a GPU the diagonal kernel has one of its own, in f32 with phases in fixed point. Complex operands are two
//! real tensors, real and imaginary parts.

#[cfg(feature = "cube")]
mod cube;
mod diagonal;
mod host;
mod low_rank;
mod rule;
mod s4d;

use burn::backend::TensorMetadata;

use self::diagonal::Diagonal;
use self::low_rank::LowRank;
use crate::operation::prelude::*;

pub use rule::{Discretisation, StepRule};
pub use s4d::s4d_kernel;

/// The operation of [`diagonal_kernel`]: operands `[rows, states]` to `[rows, length]`.
#[derive(Debug, Clone)]
struct DiagonalKernel {
    rule: StepRule,
    length: usize,
}

/// The operation of [`low_rank_kernel`]: products `[2, outputs + 1, rows, states]` and eigenvalues `[rows, states]` to
/// `[outputs, rows, length]`.
#[derive(Debug, Clone)]
struct LowRankKernel {
    length: usize,
}

tested!(DiagonalKernel, LowRankKernel);

impl Operation<4> for DiagonalKernel {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["diagonal kernel", "diagonal kernel backward"]);
    const FLEX: FlexTypes = FlexTypes::Composed;

    fn shape(&self, [c_re, c_im, x_re, x_im]: &[Shape; 4]) -> Shape {
        assert!(
            [c_im, x_re, x_im] == [c_re; 3],
            "diagonal state-space kernel: operands of shapes {c_re:?}, {c_im:?}, {x_re:?} and {x_im:?} are not alike",
        );
        Shape::from([c_re[0], self.length])
    }

    fn composed<B: Kernels>(&self, operands: [FloatTensor<B>; 4]) -> Tensors<B> {
        let shape = operands[0].shape();
        let kernel = |values: &_| Diagonal::new(self.rule, shape[1], self.length, values).forward();
        vec![host::forward::<B>(operands, [shape[0], self.length], kernel)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; 4]) -> Grads<B, 4> {
        let states = saved[0].shape()[1];
        let gradients = |values: &_, g: &[f64]| Diagonal::new(self.rule, states, self.length, values).backward(g);
        host::backward::<B>(take(saved), g, wanted, gradients)
    }

    #[cfg(feature = "cube")]
    fn cube(&self, operands: &[CubeTensor; 4]) -> Option<Tensors<Cube>> {
        Some(vec![cube::forward(self.rule, self.length, operands)?])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, wanted: [bool; 4]) -> Option<Grads<Cube, 4>> {
        cube::backward(self.rule, saved.try_into().ok()?, g, wanted)
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 4>> {
        let of = |rule, length| {
            let part = |seed| Sample::new([3, 4], seed);
            let [re, im] = eigenvalues([3, 4]);
            (Self { rule, length }, [part(1), part(2), re, im])
        };
        vec![of(StepRule::Zoh, 40), of(StepRule::Bilinear, 7), of(StepRule::Discrete, 33)]
    }
}

impl Operation<4> for LowRankKernel {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["low-rank kernel", "low-rank kernel backward"]);
    const FLEX: FlexTypes = FlexTypes::Composed;

    fn shape(&self, [v_re, v_im, a_re, a_im]: &[Shape; 4]) -> Shape {
        assert!(
            v_re[0] == 2 && v_re[1] > 0 && v_im == v_re && a_re[..] == v_re[2..] && a_im == a_re,
            "low-rank state-space kernel: products of shapes {v_re:?} and {v_im:?} and eigenvalues of shapes {a_re:?} and \
             {a_im:?} do not fit",
        );
        Shape::from([v_re[1] - 1, v_re[2], self.length])
    }

    fn composed<B: Kernels>(&self, operands: [FloatTensor<B>; 4]) -> Tensors<B> {
        let sizes = sizes::<B>(&operands[0]);
        let kernel = |values: &_| LowRank::new(sizes, self.length, values).forward();
        vec![host::forward::<B>(operands, [sizes[0], sizes[1], self.length], kernel)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; 4]) -> Grads<B, 4> {
        let sizes = sizes::<B>(&saved[0]);
        let gradients = |values: &_, g: &[f64]| LowRank::new(sizes, self.length, values).backward(g);
        host::backward::<B>(take(saved), g, wanted, gradients)
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 4>> {
        let of = |length| {
            let part = |seed| Sample::new([2, 3, 2, 4], seed);
            let [re, im] = eigenvalues([2, 4]);
            (Self { length }, [part(1), part(2), re, im])
        };
        vec![of(24), of(9)]
    }
}

/// Outputs, rows and states of products `[2, outputs + 1, rows, states]`.
fn sizes<B: Kernels>(products: &FloatTensor<B>) -> [usize; 3] {
    let shape = products.shape();
    [shape[1] - 1, shape[2], shape[3]]
}

/// Steps times eigenvalues, with negative real parts.
#[cfg(test)]
fn eigenvalues(shape: [usize; 2]) -> [Sample; 2] {
    [Sample::new(shape, 3).map(|x| -x.abs() - 0.01), Sample::new(shape, 4)]
}

/// `K[r, l] = 2 Re Σₙ c[r, n] · φ(x[r, n]) · exp(l · λ(x[r, n]))` for `l` in `0..length`, with φ and λ of `rule`: the kernel
/// of a diagonal state-space model (Gu et al. 2022, arXiv 2206.11893, equation 6). `c` and `x` are real and imaginary parts
/// `[rows, states]`; returns `[rows, length]`.
///
/// # Panics
/// If the shapes of the four operands differ.
pub fn diagonal_kernel(c: [Tensor<2>; 2], x: [Tensor<2>; 2], rule: StepRule, length: usize) -> Tensor<2> {
    let ([c_re, c_im], [x_re, x_im]) = (c, x);
    first(DiagonalKernel { rule, length }, [c_re, c_im, x_re, x_im].map(Tensor::into_dispatch))
}

/// The kernel of a state matrix that is diagonal plus a matrix of rank one, under the bilinear transform (Gu et al. 2022,
/// arXiv 2111.00396, algorithm 1): with `ω = exp(−2πi k / length)`, `z = 2 (1 − ω) / (1 + ω)` and
/// `r = Σₙ v / (z − a) + v̄ / (z − ā)` for each of the products `v`, the inverse discrete Fourier transform of
/// `2 / (1 + ω) · (r₀ₒ − r₀ₚ r₁ₒ / (1 + r₁ₚ))`.
///
/// The products `v` are real and imaginary parts `[2, outputs + 1, rows, states]`: on the first axis B and P, on the second
/// the outputs C and P̄. `a` is `[rows, states]`, the step times the eigenvalues. Returns `[outputs, rows, length]`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn low_rank_kernel(v: [Tensor<4>; 2], a: [Tensor<2>; 2], length: usize) -> Tensor<3> {
    let ([v_re, v_im], [a_re, a_im]) = (v.map(Tensor::into_dispatch), a.map(Tensor::into_dispatch));
    first(LowRankKernel { length }, [v_re, v_im, a_re, a_im])
}
