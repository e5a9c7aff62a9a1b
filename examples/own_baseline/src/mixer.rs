//! A baseline: the same small network at every position, then the mean.
//!
//! A baseline writes its *body* only: features in, features out, both `[batch, channels, positions…]`. Embedding of tokens,
//! read-out, head, loss, optimiser, checkpoints and the row in every table are there already.

use bench::baselines::layers::Pointwise;
use bench::baselines::{Baseline, Body, BodySpec, BuildError, Built, Features, Forward, HeadInit, Info, Init, Readout};
use burn::module::Module;
use burn::tensor::activation::relu;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings, with the defaults of the paper. Unknown keys in an experiment file are refused.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MixerConfig {
    /// Channels, at least 1.
    #[schemars(range(min = 1))]
    pub hidden: usize,
    /// Layers, at least 1.
    #[schemars(range(min = 1))]
    pub layers: usize,
}

impl Default for MixerConfig {
    fn default() -> Self {
        Self { hidden: 64, layers: 2 }
    }
}

/// A bag of positions.
pub struct Mixer;

/// Names of the fields become names of the parameters, e.g. `body.layers.0.weight`.
#[derive(Module, Debug)]
pub struct MixerBody {
    layers: Vec<Pointwise>,
}

impl Baseline for Mixer {
    type Config = MixerConfig;
    type Body = MixerBody;

    const INFO: Info = Info {
        name: "mixer",
        summary: "The same small network at every position, averaged",
        source: "an example",
        ranks: 1..=3,
    };

    fn build(config: &MixerConfig, spec: &BodySpec, init: &mut Init) -> Result<Built<MixerBody>, BuildError> {
        if config.hidden == 0 {
            return Err(BuildError::new("hidden", "must be at least 1"));
        }
        if config.layers == 0 {
            return Err(BuildError::new("layers", "must be at least 1"));
        }
        let inputs = |layer| if layer == 0 { spec.channels } else { config.hidden };
        let layers = (0..config.layers).map(|i| Pointwise::kaiming_normal(inputs(i), config.hidden, init)).collect();
        let body = MixerBody { layers };
        Ok(Built { body, features: config.hidden, readout: Readout::Mean, head: HeadInit::KaimingNormal })
    }

    fn label(config: &MixerConfig) -> String {
        format!("mixer-{}-{}", config.layers, config.hidden)
    }
}

impl Body for MixerBody {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let shape = x.dims()[2..].to_vec();
        let mut x = x.flatten();
        for (i, layer) in self.layers.iter().enumerate() {
            x = relu(layer.forward(x, ctx.precision()));
            // Seen by `bench diagnose` and in `diagnostics.jsonl`.
            ctx.probe(|| format!("layers.{i}"), "activation", &x);
        }
        Features::from_flat(x, &shape)
    }
}
