//! The recurrence: a linear map to candidate and gates, a linear scan, and a linear map back.
//!
//! The original scans logarithms, in which float32 loses digits as they grow. Coefficients lie between 0 and 1, so that the
//! plain recurrence is stable, and it is what the logarithms stand for.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, sigmoid};

use crate::layers::linear::BiasFree;
use crate::layers::stack::Mixer;
use crate::{Forward, Init};
use kernels::{MinCell, Precision, linear_scan, minimal_scan};

/// Factor of the old state and factor of the candidate, from the gates of `cell` before their logistic function.
fn factors(cell: MinCell, gates: &[Tensor<3>]) -> [Tensor<3>; 2] {
    let of = |new: Tensor<3>| [sigmoid(new.clone().neg()), sigmoid(new)];
    match (cell, gates) {
        // log(i / f): both gates may be too small for their quotient.
        (MinCell::Lstm, [f, i, ..]) => of(log_sigmoid(i.clone()) - log_sigmoid(f.clone())),
        _ => of(gates[0].clone()),
    }
}

/// Configuration of a [`MinRnn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinRnnSpec {
    /// The mixture.
    pub cell: MinCell,
    /// Channels of the input.
    pub d_model: usize,
    /// States.
    pub d_inner: usize,
    /// A linear map from the states back to `d_model` channels.
    pub project: bool,
}

/// A minimal recurrence over a sequence. No map has a bias.
#[derive(Module, Debug)]
pub struct MinRnn {
    /// To candidates and gates, in this order (minLSTM: forget gates before input gates), `[parts · d_inner, d_model]`.
    pub gates: BiasFree,
    /// From the states back, `[d_model, d_inner]`.
    pub out: Option<BiasFree>,
    #[module(skip)]
    cell: MinCell,
}

impl MinRnn {
    /// Draws all weights U(±1/√fan_in), PyTorch's default.
    pub fn new(spec: &MinRnnSpec, init: &mut Init) -> Self {
        let gates = BiasFree::torch(spec.d_model, spec.cell.parts() * spec.d_inner, init);
        let out = spec.project.then(|| BiasFree::torch(spec.d_inner, spec.d_model, init));
        Self { gates, out, cell: spec.cell }
    }

    /// `x`, `[batch, d_model, length]`, from the state before its first step, `[batch, d_inner, 1]`, or from zero.
    ///
    /// Returns the output, `[batch, d_model, length]`, or the states, `[batch, d_inner, length]`, where nothing maps them back,
    /// and the last state, `[batch, d_inner, 1]`, from which the sequence goes on.
    pub fn forward_from(&self, x: Tensor<3>, state: Option<Tensor<3>>, precision: Precision) -> [Tensor<3>; 2] {
        let length = x.dims()[2];
        let sums = self.gates.forward(x, precision);
        let states = match state {
            Some(state) => self.states_from(sums, state),
            None => minimal_scan(sums, self.cell),
        };
        let last = states.clone().narrow(2, length - 1, 1);
        let y = match &self.out {
            Some(out) => out.forward(states, precision),
            None => states,
        };
        [y, last]
    }

    /// The states that follow `state`, `[batch, d_inner, 1]`, for the sums before candidates and gates.
    fn states_from(&self, sums: Tensor<3>, state: Tensor<3>) -> Tensor<3> {
        let length = sums.dims()[2];
        let mut parts = sums.chunk(self.cell.parts(), 1);
        let gates = parts.split_off(1);
        let [old, new] = factors(self.cell, &gates);
        let inputs = new * positive(parts.swap_remove(0));
        let first = inputs.clone().narrow(2, 0, 1) + old.clone().narrow(2, 0, 1) * state;
        let inputs = match length {
            1 => first,
            _ => Tensor::cat(vec![first, inputs.narrow(2, 1, length - 1)], 2),
        };
        linear_scan(old, inputs)
    }
}

/// `v + ½` for `v ≥ 0` and `σ(v)` below: positive, so that logarithms of states exist.
fn positive(v: Tensor<3>) -> Tensor<3> {
    let upper = v.clone().greater_equal_elem(0.0);
    sigmoid(v.clone()).mask_where(upper, v + 0.5)
}

impl Mixer for MinRnn {
    fn mix(&self, x: Tensor<3>, ctx: &mut Forward<'_>) -> Tensor<3> {
        let [y, _] = self.forward_from(x, None, ctx.precision());
        y
    }
}
