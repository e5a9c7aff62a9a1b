//! S4D: state-space layers with diagonal state matrices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::state_space::hippo::DiagonalInit;
use crate::layers::{NormKind, S4d as S4dLayer, S4dSpec, Stack, StackSpec, check_states};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init, ParameterGroup, Resolution, reference};
use kernels::Discretisation;

/// Settings of [`S4d`]; the defaults are those of `example.py` of the reference program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct S4dConfig {
    /// Channels, at least 1.
    pub d_model: usize,
    /// Layers, at least 1.
    pub n_layers: usize,
    /// States per channel, an even number, at least 2.
    pub d_state: usize,
    /// Where the eigenvalues start: `lin`, `inv` or `legs`.
    pub init: DiagonalInit,
    /// How the state equation is stepped: `zoh` (as in the reference program) or `bilinear`.
    pub disc: Discretisation,
    /// Least initial step, greater than 0.
    pub dt_min: f64,
    /// Largest initial step, at least `dt_min`.
    pub dt_max: f64,
    /// Normalise in front of a layer, rather than after the residual connection.
    pub prenorm: bool,
    /// Normalisation: `layer` or `batch` (`group` and `none` are possible).
    pub norm: NormKind,
    /// Probability of dropping a channel while training, 0 to 1 (exclusive).
    pub dropout: f64,
}

impl Default for S4dConfig {
    fn default() -> Self {
        Self {
            d_model: 128,
            n_layers: 4,
            d_state: 64,
            init: DiagonalInit::Lin,
            disc: Discretisation::Zoh,
            dt_min: 0.001,
            dt_max: 0.1,
            prenorm: false,
            norm: NormKind::Layer,
            dropout: 0.1,
        }
    }
}

/// Diagonal state-space layers in a residual network.
#[derive(Debug)]
pub struct S4d;

impl Baseline for S4d {
    type Config = S4dConfig;
    type Body = Stack<S4dLayer>;

    const INFO: Info = Info {
        name: "s4d",
        summary: "Diagonal state-space layers, convolved as long as the sequence",
        source: "Gu et al. 2022, arXiv 2206.11893; github.com/state-spaces/s4, models/s4/s4d.py",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        let norm = (config.norm, config.prenorm);
        let stack = StackSpec::new(spec, config.d_model, config.n_layers, norm, config.dropout)?;
        check_states(config.d_state, config.dt_min, config.dt_max)?;
        let layer = S4dSpec {
            d_model: config.d_model,
            d_state: config.d_state,
            init: config.init,
            disc: config.disc,
            dt_min: config.dt_min,
            dt_max: config.dt_max,
            length: spec.shape.iter().product(),
            dropout: config.dropout,
        };
        Ok(Stack::build(&stack, init, |init| S4dLayer::new(&layer, init)))
    }

    fn groups(_config: &Self::Config) -> Vec<ParameterGroup> {
        vec![ParameterGroup {
            max_learning_rate: Some(0.001),
            weight_decay: Some(0.0),
            ..ParameterGroup::new("state space", ["kernel.log_dt", "kernel.log_a_real", "kernel.a_imag"])
        }]
    }

    fn reference_name(_config: &Self::Config, _rank: usize, name: &str) -> Option<String> {
        Some(reference::s4(name))
    }

    fn resolution() -> Resolution {
        Resolution::Continuous
    }

    fn label(config: &Self::Config) -> String {
        format!("s4d-{}-{}", config.n_layers, config.d_model)
    }
}
