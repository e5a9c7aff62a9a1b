//! LRU: linear recurrent units, computed as convolutions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::layers::{Conventions, Lru as LruLayer, LruSpec, NormKind, Stack, StackSpec};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init, ParameterGroup, Readout, Resolution, check};

/// Settings of [`Lru`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LruConfig {
    /// Channels, at least 1.
    pub d_model: usize,
    /// Layers, at least 1.
    pub n_layers: usize,
    /// Complex states per layer, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub d_state: usize,
    /// Least initial magnitude of the eigenvalues, 0 to 1 (exclusive).
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub r_min: f64,
    /// Largest initial magnitude of the eigenvalues, greater than `r_min` and less than 1.
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub r_max: f64,
    /// Largest initial phase of the eigenvalues in radians, greater than 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub max_phase: f64,
    /// Normalise in front of a layer, rather than after the residual connection.
    pub prenorm: bool,
    /// Normalisation: `batch` (as in the paper), `layer`, `group` or `none`.
    pub norm: NormKind,
    /// A second recurrence from the last step back to the first, with the same eigenvalues and inputs, and outputs of its own.
    pub bidirectional: bool,
    /// Whose GELU, normalisation and initial linear maps: `torch`, or `flax`, those of the reference program.
    pub conventions: Conventions,
    /// Probability of dropping a channel while training, 0 to 1 (exclusive).
    pub dropout: f64,
    /// What the head reads: the mean over all outputs or the last one.
    pub readout: Readout,
}

impl Default for LruConfig {
    fn default() -> Self {
        Self {
            d_model: 128,
            n_layers: 6,
            d_state: 128,
            r_min: 0.9,
            r_max: 0.999,
            max_phase: std::f64::consts::TAU,
            prenorm: true,
            norm: NormKind::Batch,
            bidirectional: false,
            conventions: Conventions::Torch,
            dropout: 0.1,
            readout: Readout::Mean,
        }
    }
}

/// Linear recurrent units in a residual network.
#[derive(Debug)]
pub struct Lru;

impl Baseline for Lru {
    type Config = LruConfig;
    type Body = Stack<LruLayer>;

    const INFO: Info = Info {
        name: "lru",
        summary: "Linear recurrent units: a diagonal recurrence, convolved with its exponential kernels",
        source: "Orvieto et al. 2023, arXiv 2303.06349; github.com/NicolasZucchet/minimal-LRU, lru/model.py",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        let norm = (config.norm, config.prenorm);
        let stack = StackSpec::new(spec, config.d_model, config.n_layers, norm, config.dropout)?;
        let stack = StackSpec { conventions: config.conventions, ..stack };
        check::at_least_one("d_state", config.d_state)?;
        check::probability("r_min", config.r_min)?;
        check::probability("r_max", config.r_max)?;
        if config.r_max <= config.r_min {
            return Err(BuildError::new("r_max", format!("must be greater than `r_min`, {}", config.r_min)));
        }
        check::positive("max_phase", config.max_phase)?;
        let layer = LruSpec {
            d_model: config.d_model,
            d_state: config.d_state,
            r_min: config.r_min,
            r_max: config.r_max,
            max_phase: config.max_phase,
            bidirectional: config.bidirectional,
            conventions: config.conventions,
            dropout: config.dropout,
        };
        let built = Stack::build(&stack, init, |init| LruLayer::new(&layer, init));
        Ok(Built { readout: config.readout, ..built })
    }

    fn groups(_config: &Self::Config) -> Vec<ParameterGroup> {
        // Section 4 of the paper: a smaller learning rate and no weight decay within the recurrence.
        vec![ParameterGroup {
            learning_rate_factor: 0.5,
            weight_decay: Some(0.0),
            ..ParameterGroup::new("recurrence", ["nu_log", "theta_log", "gamma_log", "b_re", "b_im"])
        }]
    }

    fn added() -> Vec<(&'static str, Value)> {
        vec![("bidirectional", false.into()), ("conventions", "torch".into()), ("readout", "mean".into())]
    }

    fn resolution() -> Resolution {
        Resolution::Continuous
    }

    fn label(config: &Self::Config) -> String {
        format!("lru-{}-{}", config.n_layers, config.d_model)
    }
}
