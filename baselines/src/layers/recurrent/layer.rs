//! One recurrent layer.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::layers::orthogonality::orthonormality_loss;
use crate::layers::stack::Mixer;
use crate::{Forward, Init, Measure};
use kernels::{Precision, RnnCell, gru, lstm, rnn};

/// Names of the gates, in the order of their rows in the weights.
fn gate_names(cell: RnnCell) -> &'static [&'static str] {
    match cell {
        RnnCell::Lstm => &["input", "forget", "cell", "output"],
        RnnCell::Gru => &["reset", "update", "new"],
        RnnCell::Rnn => &["state"],
    }
}

/// A recurrent layer over a sequence, from a zero state.
#[derive(Module, Debug)]
pub struct RecurrentLayer {
    /// `[gates · hidden, in]`
    pub weight_ih: Param<Tensor<2>>,
    /// `[gates · hidden, hidden]`
    pub weight_hh: Param<Tensor<2>>,
    /// `[gates · hidden]`
    pub bias_ih: Param<Tensor<1>>,
    /// `[gates · hidden]`
    pub bias_hh: Param<Tensor<1>>,
    #[module(skip)]
    cell: RnnCell,
    #[module(skip)]
    orthonormality: f64,
}

impl RecurrentLayer {
    /// A layer from `inputs` to `hidden` channels, all weights drawn U(±1/√hidden), PyTorch's default.
    ///
    /// `orthonormality` is the factor on what it adds to the loss as a part of a residual block.
    pub fn new(cell: RnnCell, [inputs, hidden]: [usize; 2], orthonormality: f64, init: &mut Init) -> Self {
        let bound = 1.0 / (hidden as f64).sqrt();
        let rows = cell.gates() * hidden;
        Self {
            weight_ih: init.uniform([rows, inputs], -bound, bound),
            weight_hh: init.uniform([rows, hidden], -bound, bound),
            bias_ih: init.uniform([rows], -bound, bound),
            bias_hh: init.uniform([rows], -bound, bound),
            cell,
            orthonormality,
        }
    }

    /// `[batch, in, length]` to the states `[batch, hidden, length]`.
    pub fn forward(&self, x: Tensor<3>, precision: Precision) -> Tensor<3> {
        let scan = match self.cell {
            RnnCell::Lstm => lstm,
            RnnCell::Gru => gru,
            RnnCell::Rnn => rnn,
        };
        scan(x, self.weight_ih.val(), self.weight_hh.val(), self.bias_ih.val(), self.bias_hh.val(), precision)
    }

    /// ‖I − MᵀM‖², `[1]`, of the hidden-to-hidden matrix M of every named gate.
    pub fn orthonormality(&self) -> impl Iterator<Item = (&'static str, Tensor<1>)> {
        let gates = gate_names(self.cell);
        gates.iter().copied().zip(self.weight_hh.val().chunk(gates.len(), 0).into_iter().map(orthonormality_loss))
    }
}

impl Mixer for RecurrentLayer {
    fn mix(&self, x: Tensor<3>, ctx: &mut Forward<'_>) -> Tensor<3> {
        self.forward(x, ctx.precision())
    }

    fn penalty(&self) -> Option<Tensor<1>> {
        if self.orthonormality == 0.0 {
            return None;
        }
        let sum = self.orthonormality().map(|(_, loss)| loss).reduce(|sum, loss| sum + loss);
        sum.map(|sum| sum * self.orthonormality)
    }

    fn measures(&self, layer: &str) -> Vec<Measure> {
        let of = |(gate, loss)| Measure::new(format!("{layer}.{gate}"), "orthonormality", loss);
        self.orthonormality().map(of).collect()
    }
}
