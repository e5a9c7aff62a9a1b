//! The encoder of a Transformer (Vaswani et al. 2017, arXiv 1706.03762) as it is trained on long-range tasks.

use burn::module::Module;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::attention::{EncoderLayer, EncoderLayerSpec, MultiHeadSpec, Rotary, sinusoidal};
use crate::layers::{Norm, NormKind, Pointwise};
use crate::{Baseline, Body, BodySpec, BuildError, Built, Features, Forward, HeadInit, Info, Init, Readout, check};
use kernels::Attention;

/// Base of the rotary frequencies.
const THETA: f64 = 10_000.0;

/// What attention is told of positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Positions {
    /// Queries and keys are turned by their positions, in every layer.
    #[default]
    Rotary,
    /// Sines and cosines are added to the input of the first layer.
    Sinusoidal,
    /// Nothing: without a causal mask, the order does not matter.
    None,
}

/// Which keys a query looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionKind {
    /// All.
    #[default]
    Full,
    /// Those within a window.
    Local,
}

/// The map from the mean over positions to the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decoder {
    /// A linear map.
    #[default]
    Linear,
    /// A linear map to as many channels, ReLU, and a linear map.
    Mlp,
}

/// Settings of [`Transformer`]; the defaults make about as many parameters as CCNN-4,140 has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TransformerConfig {
    /// Channels, at least 1, a multiple of `n_heads`.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub d_model: usize,
    /// Layers of attention and feed-forward network, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub n_layers: usize,
    /// Heads, at least 1; rotary positions need an even number of channels per head.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub n_heads: usize,
    /// Inner channels of the feed-forward networks per channel, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub ff_expand: usize,
    /// What attention is told of positions: `rotary`, `sinusoidal` or `none`.
    pub positions: Positions,
    /// Which keys a query looks at: `full` (all) or `local` (those within `window`).
    pub attention: AttentionKind,
    /// Positions to either side that `local` attention reaches, at least 1. Its work grows with length times window; that of
    /// `full` with the square of the length. Memory grows with the length under both.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub window: usize,
    /// Whether a query looks at no later key.
    pub causal: bool,
    /// Normalise in front of attention and feed-forward network, and once more at the end, rather than after their residual
    /// connections.
    pub prenorm: bool,
    /// Normalisation: `layer` (over channels), `batch`, `group` (one group per sample) or `none`.
    pub norm: NormKind,
    /// Probability of dropping an element behind attention and feed-forward network and within the latter while training, 0
    /// to 1 (exclusive). Weights of attention are not dropped.
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// From the mean over positions to the outputs: `linear`, or `mlp` (one hidden layer).
    pub decoder: Decoder,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            d_model: 64,
            n_layers: 4,
            n_heads: 4,
            ff_expand: 4,
            positions: Positions::Rotary,
            attention: AttentionKind::Full,
            window: 128,
            causal: false,
            prenorm: true,
            norm: NormKind::Layer,
            dropout: 0.1,
            decoder: Decoder::Linear,
        }
    }
}

impl TransformerConfig {
    fn check(&self) -> Result<(), BuildError> {
        check::at_least_one("d_model", self.d_model)?;
        check::at_least_one("n_layers", self.n_layers)?;
        check::at_least_one("n_heads", self.n_heads)?;
        check::at_least_one("ff_expand", self.ff_expand)?;
        check::at_least_one("ff_expand", self.ff_expand.saturating_mul(self.d_model))?;
        check::at_least_one("window", self.window)?;
        check::probability("dropout", self.dropout)?;
        if !self.d_model.is_multiple_of(self.n_heads) {
            let message = format!("{} heads do not divide {} channels", self.n_heads, self.d_model);
            return Err(BuildError::new("n_heads", message));
        }
        let head = self.d_model / self.n_heads;
        if self.positions == Positions::Rotary && head % 2 == 1 {
            let message = format!("rotary positions turn pairs of channels, and a head has {head}; use other heads");
            return Err(BuildError::new("n_heads", message));
        }
        Ok(())
    }

    fn layer(&self) -> EncoderLayerSpec {
        let rotary = Rotary { head_dim: self.d_model / self.n_heads, theta: THETA };
        EncoderLayerSpec {
            attention: MultiHeadSpec {
                d_model: self.d_model,
                attention: Attention {
                    heads: self.n_heads,
                    causal: self.causal,
                    window: (self.attention == AttentionKind::Local).then_some(self.window),
                },
                rotary: (self.positions == Positions::Rotary).then_some(rotary),
            },
            inner: self.ff_expand * self.d_model,
            norm: self.norm,
            prenorm: self.prenorm,
            dropout: self.dropout,
        }
    }
}

/// Layers of self-attention and feed-forward networks, read out by the mean over positions.
#[derive(Debug)]
pub struct Transformer;

/// The body of [`Transformer`].
#[derive(Module, Debug)]
pub struct TransformerBody {
    /// From the input to the channels of the layers.
    pub encoder: Pointwise,
    /// From the input to the output.
    pub layers: Vec<EncoderLayer>,
    /// After the last layer, where layers normalise in front.
    pub out_norm: Option<Norm>,
    #[module(skip)]
    sinusoidal: bool,
}

impl Baseline for Transformer {
    type Config = TransformerConfig;
    type Body = TransformerBody;

    const INFO: Info = Info {
        name: "transformer",
        summary: "Encoder of a Transformer: full or local attention, rotary or sinusoidal positions",
        source: "Vaswani et al. 2017, arXiv 1706.03762; Amos et al. 2024, arXiv 2310.02980; \
                 github.com/IdoAmos/not-from-scratch",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        config.check()?;
        let layer = config.layer();
        let body = TransformerBody {
            encoder: Pointwise::torch(spec.channels, config.d_model, init),
            layers: (0..config.n_layers).map(|_| EncoderLayer::new(&layer, init)).collect(),
            out_norm: config.prenorm.then(|| Norm::new(config.norm, config.d_model, init)),
            sinusoidal: config.positions == Positions::Sinusoidal,
        };
        let head = match config.decoder {
            Decoder::Linear => HeadInit::Torch,
            Decoder::Mlp => HeadInit::TorchMlp,
        };
        Ok(Built { body, features: config.d_model, readout: Readout::Mean, head })
    }

    fn label(config: &Self::Config) -> String {
        format!("transformer-{}-{}", config.n_layers, config.d_model)
    }
}

impl Body for TransformerBody {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let mut x = self.encoder.forward(x.flatten(), ctx.precision());
        if self.sinusoidal {
            let [_, channels, length] = x.dims();
            let table = sinusoidal(channels, length, &x.device());
            x = x + table;
        }
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, &format!("layers.{i}"), ctx);
        }
        Features::Line(match &self.out_norm {
            Some(norm) => norm.forward(x, ctx),
            None => x,
        })
    }
}
