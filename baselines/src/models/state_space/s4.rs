//! S4: state-space layers with state matrices of HiPPO, diagonal plus low-rank.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::state_space::hippo::{DiagonalInit, HippoMeasure};
use crate::layers::{NormKind, S4Block, S4BlockSpec, S4KernelSpec, Stack, StackSpec, StateMatrix, check_states};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init, ParameterGroup, Resolution, check, reference};
use kernels::Discretisation;

/// Form of the state matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Variant")]
pub enum MatrixForm {
    /// Diagonal plus a matrix of rank one.
    Dplr,
    /// Diagonal.
    Diag,
}

/// Where the state matrix starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StateInit {
    /// HiPPO-LegS, or its diagonal part.
    Legs,
    /// The truncated Fourier basis; `dplr` only.
    Fout,
    /// `−½ + iπn`; `diag` only.
    Lin,
    /// `−½ + i (N/π) (N / (2n + 1) − 1)`; `diag` only.
    Inv,
}

/// Settings of [`S4`]; the defaults are those of the layer in a network like that of `example.py` of the reference program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct S4Config {
    /// Channels, at least 1.
    pub d_model: usize,
    /// Layers, at least 1.
    pub n_layers: usize,
    /// States per channel, an even number, at least 2.
    pub d_state: usize,
    /// Form of the state matrix: `dplr` or `diag`.
    pub variant: MatrixForm,
    /// Where it starts: `legs` or `fout` for `dplr`; `lin`, `inv` or `legs` for `diag`.
    pub init: StateInit,
    /// How the state equation is stepped: `bilinear`, or `zoh` for `diag`.
    pub disc: Discretisation,
    /// Kernels per channel, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub channels: usize,
    /// Different state matrices, a divisor of `d_model`; null for one per channel.
    pub n_ssm: Option<usize>,
    /// Length of the stored kernels, at least 1; null for that of the input.
    pub l_max: Option<usize>,
    /// Kernels to both sides.
    pub bidirectional: bool,
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
    /// Learning rates of the state space's own parameters.
    pub learning_rates: StateRates,
}

/// Upper bounds of the base learning rate, greater than 0; null for none, which leaves the experiment's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StateRates {
    /// Of the state matrix, its low-rank part included.
    pub a: Option<f64>,
    /// Of the inputs to the states.
    pub b: Option<f64>,
    /// Of the outputs of the states.
    pub c: Option<f64>,
    /// Of the steps.
    pub dt: Option<f64>,
}

impl Default for StateRates {
    fn default() -> Self {
        let rate = Some(0.001);
        Self { a: rate, b: rate, c: rate, dt: rate }
    }
}

impl StateRates {
    fn check(&self) -> Result<(), BuildError> {
        let rates = [("a", self.a), ("b", self.b), ("c", self.c), ("dt", self.dt)];
        rates.into_iter().try_for_each(|(name, rate)| match rate {
            Some(rate) => check::positive(&format!("learning_rates.{name}"), rate),
            None => Ok(()),
        })
    }
}

impl Default for S4Config {
    fn default() -> Self {
        Self {
            d_model: 128,
            n_layers: 4,
            d_state: 64,
            variant: MatrixForm::Dplr,
            init: StateInit::Legs,
            disc: Discretisation::Bilinear,
            channels: 1,
            n_ssm: None,
            l_max: None,
            bidirectional: false,
            dt_min: 0.001,
            dt_max: 0.1,
            prenorm: false,
            norm: NormKind::Layer,
            dropout: 0.1,
            learning_rates: StateRates::default(),
        }
    }
}

impl S4Config {
    fn matrix(&self) -> Result<StateMatrix, BuildError> {
        match (self.variant, self.init, self.disc) {
            (MatrixForm::Dplr, _, Discretisation::Zoh) => {
                Err(BuildError::new("disc", "`dplr` is stepped by the bilinear transform; set `bilinear`"))
            }
            (MatrixForm::Dplr, StateInit::Legs, _) => Ok(StateMatrix::LowRank(HippoMeasure::Legs)),
            (MatrixForm::Dplr, StateInit::Fout, _) => Ok(StateMatrix::LowRank(HippoMeasure::Fout)),
            (MatrixForm::Dplr, ..) => Err(BuildError::new("init", "`dplr` starts from `legs` or `fout`")),
            (MatrixForm::Diag, StateInit::Lin, disc) => Ok(StateMatrix::Diagonal(DiagonalInit::Lin, disc)),
            (MatrixForm::Diag, StateInit::Inv, disc) => Ok(StateMatrix::Diagonal(DiagonalInit::Inv, disc)),
            (MatrixForm::Diag, StateInit::Legs, disc) => Ok(StateMatrix::Diagonal(DiagonalInit::Legs, disc)),
            (MatrixForm::Diag, ..) => Err(BuildError::new("init", "`diag` starts from `lin`, `inv` or `legs`")),
        }
    }
}

/// State-space layers of HiPPO in a residual network.
#[derive(Debug)]
pub struct S4;

impl Baseline for S4 {
    type Config = S4Config;
    type Body = Stack<S4Block>;

    const INFO: Info = Info {
        name: "s4",
        summary: "Structured state-space layers, convolved as long as the sequence",
        source: "Gu et al. 2022, arXiv 2111.00396; github.com/state-spaces/s4, models/s4/s4.py",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        let norm = (config.norm, config.prenorm);
        let stack = StackSpec::new(spec, config.d_model, config.n_layers, norm, config.dropout)?;
        check_states(config.d_state, config.dt_min, config.dt_max)?;
        check::at_least_one("channels", config.channels)?;
        config.learning_rates.check()?;
        let n_ssm = config.n_ssm.unwrap_or(config.d_model);
        if n_ssm == 0 || !config.d_model.is_multiple_of(n_ssm) {
            return Err(BuildError::new("n_ssm", format!("{n_ssm} does not divide `d_model`, {}", config.d_model)));
        }
        let l_max = config.l_max.unwrap_or_else(|| spec.shape.iter().product());
        check::at_least_one("l_max", l_max)?;
        let layer = S4BlockSpec {
            kernel: S4KernelSpec {
                d_model: config.d_model,
                d_state: config.d_state,
                channels: config.channels,
                n_ssm,
                matrix: config.matrix()?,
                dt_min: config.dt_min,
                dt_max: config.dt_max,
                l_max,
            },
            length: spec.shape.iter().product(),
            bidirectional: config.bidirectional,
            dropout: config.dropout,
        };
        Ok(Stack::build(&stack, init, |init| S4Block::new(&layer, init)))
    }

    fn groups(config: &Self::Config) -> Vec<ParameterGroup> {
        let rates = config.learning_rates;
        let mut matrix = vec!["kernel.a_real", "kernel.a_imag"];
        if config.variant == MatrixForm::Dplr {
            matrix.push("kernel.p");
        }
        let group = |name: &str, contains: Vec<&str>, max_learning_rate, weight_decay| ParameterGroup {
            max_learning_rate,
            weight_decay,
            ..ParameterGroup::new(name, contains)
        };
        vec![
            group("state matrix", matrix, rates.a, Some(0.0)),
            group("state inputs", vec!["kernel.b"], rates.b, Some(0.0)),
            group("state steps", vec!["kernel.inv_dt"], rates.dt, Some(0.0)),
            // The reference program gives C a learning rate of its own, but leaves it the weight decay of the rest.
            group("state outputs", vec!["kernel.c"], rates.c, None),
        ]
    }

    fn reference_name(_config: &Self::Config, _rank: usize, name: &str) -> Option<String> {
        Some(reference::s4(name))
    }

    fn resolution() -> Resolution {
        Resolution::Continuous
    }

    fn label(config: &Self::Config) -> String {
        let variant = match config.variant {
            MatrixForm::Dplr => "s4",
            MatrixForm::Diag => "s4-diag",
        };
        format!("{variant}-{}-{}", config.n_layers, config.d_model)
    }
}
