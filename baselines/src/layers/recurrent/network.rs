//! Recurrent networks, and the settings of the recurrent baselines.

use burn::module::Module;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::layer::RecurrentLayer;
use crate::forward::DropoutKind;
use crate::layers::either::Either;
use crate::layers::linear::Pointwise;
use crate::layers::norm::NormKind;
use crate::layers::stack::{Gated, Mixer, Stack, StackSpec};
use crate::{Body, BodySpec, BuildError, Built, Features, Forward, HeadInit, Init, Measure, ReadError, Readout, check};
use kernels::RnnCell;

/// What stands around every recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecurrentBlock {
    /// Nothing: a layer reads the states of the one below.
    #[default]
    None,
    /// The block of S4: normalisation, recurrence, GELU, a gated linear map and a residual connection.
    Residual,
}

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
    /// What stands around every layer: `none`, or `residual`, the block of S4 and CCNN with the recurrence in the place of the
    /// convolution, after a linear map of the input and, under `prenorm`, before a last normalisation.
    pub block: RecurrentBlock,
    /// Of `residual` blocks: channels between them, at least 1; null for `hidden`.
    pub d_model: Option<usize>,
    /// Of `residual` blocks: normalise in front of the recurrence, and once after the last, rather than after the residual
    /// connection.
    pub prenorm: bool,
    /// Of `residual` blocks: normalisation, `batch`, `layer`, `group` or `none`.
    pub norm: NormKind,
    /// Probability of dropping while training, 0 to 1 (exclusive): an element between layers, or a channel in `residual`
    /// blocks.
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
        Self {
            hidden: 128,
            layers: 1,
            block: RecurrentBlock::None,
            d_model: None,
            prenorm: true,
            norm: NormKind::Batch,
            dropout: 0.0,
            orthonormality: 0.0,
            readout: Readout::Last,
        }
    }
}

impl RecurrentConfig {
    /// Settings that came later; see [`Baseline::added`](crate::Baseline::added).
    pub fn added() -> Vec<(&'static str, Value)> {
        vec![("block", "none".into()), ("d_model", Value::Null), ("prenorm", true.into()), ("norm", "batch".into())]
    }

    /// Settings that the blocks of this configuration have no use for.
    pub fn unused(&self) -> Vec<&'static str> {
        match self.block {
            RecurrentBlock::None => vec!["d_model", "prenorm", "norm"],
            RecurrentBlock::Residual => Vec::new(),
        }
    }

    /// Short name of this configuration, for a baseline called `name`.
    pub fn label(&self, name: &str) -> String {
        let block = match self.block {
            RecurrentBlock::None => "",
            RecurrentBlock::Residual => "residual-",
        };
        format!("{name}-{block}{}-{}", self.layers, self.hidden)
    }
}

/// The bodies of recurrent networks.
pub type RecurrentBody = Either<Recurrent, Stack<Gated<RecurrentLayer>>>;

impl RecurrentBody {
    /// Builds a network of `cell`.
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
        let d_model = config.d_model.unwrap_or(config.hidden);
        let norm = (config.norm, config.prenorm);
        let stack = StackSpec::new(spec, d_model, config.layers, norm, config.dropout)?.normalised();
        let layer =
            |inputs, init: &mut Init| RecurrentLayer::new(cell, [inputs, config.hidden], config.orthonormality, init);
        Ok(match config.block {
            RecurrentBlock::None => {
                let inputs = |i| if i == 0 { spec.channels } else { config.hidden };
                let layers = (0..config.layers).map(|i| layer(inputs(i), init)).collect();
                let body = Recurrent { layers, dropout: config.dropout, orthonormality: config.orthonormality };
                let body = Either::First(body);
                Built { body, features: config.hidden, readout: config.readout, head: HeadInit::Torch }
            }
            RecurrentBlock::Residual => {
                let sizes = [config.hidden, d_model];
                let gated = |init: &mut Init| Gated::new(layer(d_model, init), sizes, config.dropout, init);
                let Built { body, features, head, .. } = Stack::build(&stack, init, gated);
                Built { body: Either::Second(body), features, readout: config.readout, head }
            }
        })
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
        Ok(layers.flat_map(|(i, layer)| layer.measures(&format!("layers.{i}"))).collect())
    }
}
