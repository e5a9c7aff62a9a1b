//! Convolution kernels of state-space models: of a diagonal state matrix, and of a diagonal one plus a matrix of rank one.
//!
//! Both sum over the states without ever holding a value per state and sample. Their operands are small, a few numbers per
//! state, and their sums are ill-conditioned in single precision (phases grow with the length, resolvents are taken close
//! to their poles). On the CPU both are evaluated in f64, in parallel over the channels. On a GPU the diagonal kernel is
//! evaluated in f32 with phases in fixed point; the one of rank one, whose resolvents f32 cannot hold, on the host. Complex
//! operands are two real tensors, real and imaginary parts; gradients are hand-written, and gradients of gradients are not
//! available.

#[cfg(feature = "cube")]
mod cube;
mod diagonal;
mod host;
mod low_rank;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::diagonal::Diagonal;
use self::low_rank::LowRank;
use crate::profile::timed;

/// How the continuous state equation `s' = A s + B u` is stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Discretisation {
    /// Zero-order hold: the input is constant between samples.
    Zoh,
    /// The bilinear transform (the trapezoidal rule).
    Bilinear,
}

/// From `x`, a step times an eigenvalue of the state matrix, to the factor φ on the input and the logarithm λ of the
/// multiplier of the state per sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// `φ = (eˣ − 1) / x` and `λ = x`.
    Zoh,
    /// `φ = 1 / (1 − x/2)` and `λ = log((1 + x/2) / (1 − x/2))`.
    Bilinear,
    /// `φ = 1` and `λ = x`: a recurrence that is discrete from the start.
    Discrete,
}

impl From<Discretisation> for Rule {
    fn from(discretisation: Discretisation) -> Self {
        match discretisation {
            Discretisation::Zoh => Self::Zoh,
            Discretisation::Bilinear => Self::Bilinear,
        }
    }
}

/// The forward passes as backend operations.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait SsmOps: Backend {
    /// See [`diagonal_kernel`]: operands `[rows, states]`, none of them empty, to `[rows, length]`.
    fn diagonal_ssm(
        rule: Rule,
        length: usize,
        c_re: FloatTensor<Self>,
        c_im: FloatTensor<Self>,
        x_re: FloatTensor<Self>,
        x_im: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// See [`low_rank_kernel`]: products `[2, outputs + 1, rows, states]` and eigenvalues `[rows, states]`, none of them
    /// empty, to `[outputs, rows, length]`.
    fn low_rank_ssm(
        length: usize,
        v_re: FloatTensor<Self>,
        v_im: FloatTensor<Self>,
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// The hand-written backward passes of [`SsmOps`]: gradients of the four operands, each where `wanted`, from the gradient
/// `g` of the kernel.
pub trait SsmGrad: SsmOps {
    /// Of [`SsmOps::diagonal_ssm`].
    fn diagonal_ssm_backward(
        rule: Rule,
        operands: [FloatTensor<Self>; 4],
        g: FloatTensor<Self>,
        wanted: [bool; 4],
    ) -> [Option<FloatTensor<Self>>; 4];

    /// Of [`SsmOps::low_rank_ssm`].
    fn low_rank_ssm_backward(
        operands: [FloatTensor<Self>; 4],
        g: FloatTensor<Self>,
        wanted: [bool; 4],
    ) -> [Option<FloatTensor<Self>>; 4];
}

/// [`SsmOps::diagonal_ssm`] on the host.
fn diagonal_on_host<B: Backend>(rule: Rule, length: usize, operands: [FloatTensor<B>; 4]) -> FloatTensor<B> {
    let shape = operands[0].shape();
    host::forward::<B>(operands, [shape[0], length], |values| Diagonal::new(rule, shape[1], length, values).forward())
}

/// [`SsmGrad::diagonal_ssm_backward`] on the host.
fn diagonal_backward_on_host<B: Backend>(
    rule: Rule,
    operands: [FloatTensor<B>; 4],
    g: FloatTensor<B>,
    wanted: [bool; 4],
) -> [Option<FloatTensor<B>>; 4] {
    let (states, length) = (operands[0].shape()[1], g.shape()[1]);
    host::backward::<B>(operands, g, wanted, |values, g| Diagonal::new(rule, states, length, values).backward(g))
}

macro_rules! backend {
    ($backend:ty, $diagonal:expr, $diagonal_backward:expr) => {
        impl SsmOps for $backend {
            fn diagonal_ssm(
                rule: Rule,
                length: usize,
                c_re: FloatTensor<Self>,
                c_im: FloatTensor<Self>,
                x_re: FloatTensor<Self>,
                x_im: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                timed::<Self, _>("diagonal kernel", &c_re.device(), || {
                    $diagonal(rule, length, [c_re, c_im, x_re, x_im])
                })
            }

            fn low_rank_ssm(
                length: usize,
                v_re: FloatTensor<Self>,
                v_im: FloatTensor<Self>,
                a_re: FloatTensor<Self>,
                a_im: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                let shape = v_re.shape();
                timed::<Self, _>("low-rank kernel", &v_re.device(), || {
                    host::forward::<Self>([v_re, v_im, a_re, a_im], [shape[1] - 1, shape[2], length], |values| {
                        LowRank::new([shape[1] - 1, shape[2], shape[3]], length, values).forward()
                    })
                })
            }
        }

        impl SsmGrad for $backend {
            fn diagonal_ssm_backward(
                rule: Rule,
                operands: [FloatTensor<Self>; 4],
                g: FloatTensor<Self>,
                wanted: [bool; 4],
            ) -> [Option<FloatTensor<Self>>; 4] {
                timed::<Self, _>("diagonal kernel backward", &g.device(), || {
                    $diagonal_backward(rule, operands, g, wanted)
                })
            }

            fn low_rank_ssm_backward(
                operands: [FloatTensor<Self>; 4],
                g: FloatTensor<Self>,
                wanted: [bool; 4],
            ) -> [Option<FloatTensor<Self>>; 4] {
                let (shape, length) = (operands[0].shape(), g.shape()[2]);
                timed::<Self, _>("low-rank kernel backward", &g.device(), || {
                    host::backward::<Self>(operands, g, wanted, |values, g| {
                        LowRank::new([shape[1] - 1, shape[2], shape[3]], length, values).backward(g)
                    })
                })
            }
        }
    };
}

backend!(Flex, diagonal_on_host::<Self>, diagonal_backward_on_host::<Self>);
#[cfg(feature = "cube")]
backend!(
    burn::backend::Cube,
    |rule, length, operands: [FloatTensor<Self>; 4]| {
        cube::forward(rule, length, &operands).unwrap_or_else(|| diagonal_on_host::<Self>(rule, length, operands))
    },
    |rule, operands: [FloatTensor<Self>; 4], g: FloatTensor<Self>, wanted| {
        cube::backward(rule, &operands, &g, wanted)
            .unwrap_or_else(|| diagonal_backward_on_host::<Self>(rule, operands, g, wanted))
    }
);
#[cfg(feature = "tch")]
backend!(burn::backend::LibTorch, diagonal_on_host::<Self>, diagonal_backward_on_host::<Self>);

/// What is differentiated.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Diagonal(Rule),
    LowRank,
}

#[derive(Debug)]
struct SsmBackward(Kind);

impl<B: SsmGrad> Backward<B, 4> for SsmBackward {
    type State = [FloatTensor<B>; 4];

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = match self.0 {
            Kind::Diagonal(rule) => B::diagonal_ssm_backward(rule, ops.state, g, wanted),
            Kind::LowRank => B::low_rank_ssm_backward(ops.state, g, wanted),
        };
        for (parent, grad) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(grad)) = (parent, grad) {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

fn differentiable<B: SsmGrad, C: CheckpointStrategy>(
    kind: Kind,
    operands: [FloatTensor<Autodiff<B, C>>; 4],
    forward: impl FnOnce([FloatTensor<B>; 4]) -> FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    let guards = operands.each_ref().map(|operand| operand.node());
    let operands = operands.map(|operand| operand.into_primitive());
    match SsmBackward(kind).prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let k = forward(operands.clone());
            prep.finish(operands, k)
        }
        OpsKind::UnTracked(prep) => prep.finish(forward(operands)),
    }
}

impl<B: SsmGrad, C: CheckpointStrategy> SsmOps for Autodiff<B, C> {
    fn diagonal_ssm(
        rule: Rule,
        length: usize,
        c_re: FloatTensor<Self>,
        c_im: FloatTensor<Self>,
        x_re: FloatTensor<Self>,
        x_im: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        differentiable::<B, C>(Kind::Diagonal(rule), [c_re, c_im, x_re, x_im], |[c_re, c_im, x_re, x_im]| {
            B::diagonal_ssm(rule, length, c_re, c_im, x_re, x_im)
        })
    }

    fn low_rank_ssm(
        length: usize,
        v_re: FloatTensor<Self>,
        v_im: FloatTensor<Self>,
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        differentiable::<B, C>(Kind::LowRank, [v_re, v_im, a_re, a_im], |[v_re, v_im, a_re, a_im]| {
            B::low_rank_ssm(length, v_re, v_im, a_re, a_im)
        })
    }
}

/// `K[r, l] = 2 Re Σₙ c[r, n] · φ(x[r, n]) · exp(l · λ(x[r, n]))` for `l` in `0..length`, with φ and λ of `rule`: the kernel
/// of a diagonal state-space model (Gu et al. 2022, arXiv 2206.11893, equation 6). `c` and `x` are real and imaginary parts
/// `[rows, states]`; returns `[rows, length]`.
///
/// # Panics
/// If the shapes of the four operands differ.
pub fn diagonal_kernel(c: [Tensor<2>; 2], x: [Tensor<2>; 2], rule: Rule, length: usize) -> Tensor<2> {
    let ([c_re, c_im], [x_re, x_im]) = (c, x);
    let dims = c_re.dims();
    assert!(
        [c_im.dims(), x_re.dims(), x_im.dims()] == [dims; 3],
        "diagonal state-space kernel: operands of shapes {dims:?}, {:?}, {:?} and {:?} are not alike",
        c_im.dims(),
        x_re.dims(),
        x_im.dims(),
    );
    if dims.contains(&0) || length == 0 {
        return Tensor::zeros([dims[0], length], (&c_re.device(), c_re.dtype()));
    }
    Tensor::from_dispatch(<Dispatch as SsmOps>::diagonal_ssm(
        rule,
        length,
        c_re.into_dispatch(),
        c_im.into_dispatch(),
        x_re.into_dispatch(),
        x_im.into_dispatch(),
    ))
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
    let ([v_re, v_im], [a_re, a_im]) = (v, a);
    let [factors, outputs, rows, states] = v_re.dims();
    assert!(
        factors == 2 && outputs > 0 && v_im.dims() == v_re.dims() && [a_re.dims(), a_im.dims()] == [[rows, states]; 2],
        "low-rank state-space kernel: products of shapes {:?} and {:?} and eigenvalues of shapes {:?} and {:?} do not fit",
        v_re.dims(),
        v_im.dims(),
        a_re.dims(),
        a_im.dims(),
    );
    if [outputs - 1, rows, states, length].contains(&0) {
        return Tensor::zeros([outputs - 1, rows, length], (&v_re.device(), v_re.dtype()));
    }
    Tensor::from_dispatch(<Dispatch as SsmOps>::low_rank_ssm(
        length,
        v_re.into_dispatch(),
        v_im.into_dispatch(),
        a_re.into_dispatch(),
        a_im.into_dispatch(),
    ))
}
