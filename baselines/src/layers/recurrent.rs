//! Stacked recurrent layers in PyTorch's parametrisation.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forward::DropoutKind;
use crate::layers::linear::Pointwise;
use crate::layers::orthogonality::orthonormality_loss;
use crate::{Body, BodySpec, BuildError, Built, Features, Forward, HeadInit, Init, Measure, ReadError, Readout, check};
use kernels::{Precision, RnnCell, gru, lstm, rnn};

/// Settings of the recurrent baselines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecurrentConfig {
    /// Hidden units per layer, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub hidden: usize,
    /// Stacked layers, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub layers: usize,
    /// Probability of dropping an element between layers while training, 0 to 1 (exclusive).
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// Factor λ, at least 0, on the departure from orthonormality that is added to the loss: the sum over layers and gates
    /// of ‖I − MᵀM‖² for the hidden-to-hidden matrix M of the gate (`char-rnn` of singlasahil14).
    #[schemars(range(min = 0.0))]
    pub orthonormality: f64,
    /// What the head reads: the last state or the mean over all states.
    pub readout: Readout,
}

impl Default for RecurrentConfig {
    fn default() -> Self {
        Self { hidden: 128, layers: 1, dropout: 0.0, orthonormality: 0.0, readout: Readout::Last }
    }
}

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
}

impl RecurrentLayer {
    fn new(cell: RnnCell, inputs: usize, hidden: usize, init: &mut Init) -> Self {
        let bound = 1.0 / (hidden as f64).sqrt();
        let rows = cell.gates() * hidden;
        Self {
            weight_ih: init.uniform([rows, inputs], -bound, bound),
            weight_hh: init.uniform([rows, hidden], -bound, bound),
            bias_ih: init.uniform([rows], -bound, bound),
            bias_hh: init.uniform([rows], -bound, bound),
            cell,
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

/// Recurrent layers one above the other, with dropout between them; a whole body.
#[derive(Module, Debug)]
pub struct Recurrent {
    /// From the input upwards.
    pub layers: Vec<RecurrentLayer>,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    orthonormality: f64,
}

impl Recurrent {
    /// Builds a stack of `cell`.
    ///
    /// # Errors
    /// A setting is out of its range.
    pub fn build(
        cell: RnnCell,
        config: &RecurrentConfig,
        spec: &BodySpec,
        init: &mut Init,
    ) -> Result<Built<Self>, BuildError> {
        check::at_least_one("hidden", config.hidden)?;
        check::at_least_one("layers", config.layers)?;
        check::probability("dropout", config.dropout)?;
        check::not_negative("orthonormality", config.orthonormality)?;
        let layers = (0..config.layers)
            .map(|i| RecurrentLayer::new(cell, if i == 0 { spec.channels } else { config.hidden }, config.hidden, init))
            .collect();
        let body = Self { layers, dropout: config.dropout, orthonormality: config.orthonormality };
        Ok(Built { body, features: config.hidden, readout: config.readout, head: HeadInit::Torch })
    }
}

impl Body for Recurrent {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let mut x = x.flatten();
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x = ctx.dropout_tensor(x, self.dropout, DropoutKind::Element);
            }
            x = layer.forward(x, ctx.precision());
            ctx.probe(|| format!("layers.{i}"), "activation", &x);
        }
        Features::Line(x)
    }

    fn penalty(&self, _head: &Pointwise) -> Result<Option<Tensor<1>>, ReadError> {
        if self.orthonormality == 0.0 {
            return Ok(None);
        }
        let sum = |a: Tensor<1>, b| a + b;
        let layers = self.layers.iter().filter_map(|layer| layer.orthonormality().map(|(_, loss)| loss).reduce(sum));
        Ok(layers.reduce(sum).map(|sum| sum * self.orthonormality))
    }

    fn measures(&self) -> Result<Vec<Measure>, ReadError> {
        let layers = self.layers.iter().enumerate();
        let measures = layers.flat_map(|(i, layer)| {
            layer
                .orthonormality()
                .map(move |(gate, loss)| Measure::new(format!("layers.{i}.{gate}"), "orthonormality", loss))
        });
        Ok(measures.collect())
    }
}
