//! The [`Baseline`] trait: what one file has to provide to stand in every table.

use std::ops::RangeInclusive;

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::network::Head;
use crate::{Forward, Init, ReadError};

/// One baseline: a configuration with defaults from its paper, and a body built from it.
///
/// The whole contract is [`build`](Self::build): everything else describes the baseline to `bench list baselines`, the
/// experiment file's schema and the optimiser.
pub trait Baseline: Send + Sync + 'static {
    /// Settings as they stand in an experiment file. Unknown keys must be refused (`#[serde(deny_unknown_fields)]`).
    type Config: Serialize + DeserializeOwned + JsonSchema + Default + Send + Sync + 'static;
    /// What [`build`](Self::build) returns.
    type Body: Body;

    /// Name, source and accepted input ranks.
    const INFO: Info;

    /// Build the body with freshly initialised weights.
    ///
    /// # Errors
    /// A setting out of its range, or one that does not fit the input: [`BuildError`] names the field. A task that the
    /// baseline cannot do whatever its settings is refused with an empty field, and stands as `n/a` in tables.
    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError>;

    /// Parameter groups with a learning rate or a weight decay of their own. A group that matches no parameter is an
    /// error when training starts.
    fn groups(_config: &Self::Config) -> Vec<ParameterGroup> {
        Vec::new()
    }

    /// Settings that came later than others, each with the value under which the baseline is what it was before: a record
    /// without the setting and one with this value are of the same cell, so that what was begun before can be continued.
    fn added() -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// The name in the reference program's state dict of our tensor `name` (`body.…` or `head.…`) in a network for inputs
    /// with `rank` axes of positions, where there is such a program; see [`reference`](crate::reference). `bench eval`
    /// and `bench parity` load its weights by it.
    fn reference_name(_config: &Self::Config, _rank: usize, _name: &str) -> Option<String> {
        None
    }

    /// What the baseline does with inputs of another resolution than that of training; see
    /// [`Forward::at_resolution`](crate::Forward::at_resolution).
    fn resolution() -> Resolution {
        Resolution::AsIs
    }

    /// Short name of this configuration for tables and folder names, e.g. `ccnn-4-140`.
    fn label(config: &Self::Config) -> String;
}

/// The part of a network that a baseline provides.
pub trait Body: Module + ModuleDisplay {
    /// Map features to features. Input and output are `[batch, channels, positions…]` with the rank of the
    /// [`BodySpec`]; the output has [`Built::features`] channels. Positions must be kept where [`BodySpec::per_step`]
    /// is set, and may be reduced otherwise.
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features;

    /// Term added to the loss (already weighted), e.g. a norm of the sampled kernels; `head` is what follows the body. `None`
    /// where nothing is to be added.
    ///
    /// # Errors
    /// What the term depends on could not be read from the device.
    fn penalty(&self, _head: &Head) -> Result<Option<Tensor<1>>, ReadError> {
        Ok(None)
    }

    /// What a penalty judges, layer by layer and without its weight: to be seen over training whether or not it is added to
    /// the loss, since its weight of zero is what the others are compared with. Empty for a baseline that has no such
    /// setting.
    ///
    /// # Errors
    /// What it depends on could not be read from the device.
    fn measures(&self) -> Result<Vec<Measure>, ReadError> {
        Ok(Vec::new())
    }

    /// Frequency of every filter of the position at the bottom of the kernel networks, relative to the highest frequency
    /// that the kernels' grid of training can show (Nyquist: half a turn per grid point): greater than 1 is above it. Where
    /// there are several axes, the largest counts. Empty without kernel networks that have frequencies.
    ///
    /// # Errors
    /// The frequencies could not be read from the device.
    fn filter_frequencies(&self) -> Result<Vec<f64>, ReadError> {
        Ok(Vec::new())
    }

    /// Positions of the kernels that tensors are stored for, where no shape shows it: under another number the same tensors
    /// are other kernels. `None` for a baseline whose tensors mean the same whatever the length.
    fn kernel_length(&self) -> Option<usize> {
        None
    }
}

/// One number that a penalty judges in one layer, on the device; see [`Body::measures`].
#[derive(Debug, Clone)]
pub struct Measure {
    /// Layer, or gate of a layer: `convs.0`, `layers.0.forget`.
    pub layer: String,
    /// What is measured; see [`LayerMeasure::quantity`].
    pub quantity: &'static str,
    /// The number, `[1]`.
    pub value: Tensor<1>,
}

impl Measure {
    /// `quantity` of `layer`.
    pub fn new(layer: impl Into<String>, quantity: &'static str, value: Tensor<1>) -> Self {
        Self { layer: layer.into(), quantity, value }
    }
}

/// A [`Measure`] that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerMeasure {
    /// Layer, or gate of a layer: `convs.0`, `layers.0.forget`.
    pub layer: String,
    /// What was measured, of the matrix W whose columns are the weights of the layer's units (bias included):
    /// `orthogonality` is the sum of the squared cosines between every two different units, which is ‖I − WᵀW‖² with
    /// the columns brought to length 1; `orthonormality` is ‖I − WᵀW‖² with the columns as they are (both the squared
    /// Frobenius norm, at least 0). `kernel_norm` is ‖k‖₂ of the kernel that a layer generates.
    pub quantity: &'static str,
    /// The number.
    pub value: f64,
}

/// What becomes of a network at another resolution than that of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Its kernels are functions of time or space, and are sampled anew.
    Continuous,
    /// It runs, but its kernels or steps stay as they are, and so cover another time or space.
    AsIs,
    /// It does not run: a layer is over all positions.
    Fixed,
}

/// A description of a baseline that needs no instance.
#[derive(Debug, Clone)]
pub struct Info {
    /// Name in experiment files, e.g. `ccnn`.
    pub name: &'static str,
    /// One line for `bench list baselines`.
    pub summary: &'static str,
    /// Where the model comes from (paper or reference repository).
    pub source: &'static str,
    /// Accepted numbers of position axes: `1..=1` for sequences only, `1..=2` for sequences and images.
    pub ranks: RangeInclusive<usize>,
}

/// A body and how to read it out.
#[derive(Debug)]
pub struct Built<B> {
    /// The body.
    pub body: B,
    /// Channels of its output.
    pub features: usize,
    /// How positions are reduced before the head (not applied on per-step tasks).
    pub readout: Readout,
    /// How the linear head is initialised.
    pub head: HeadInit,
}

/// Reduction over positions before the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// Mean over the valid positions.
    Mean,
    /// The last valid position of a sequence.
    Last,
}

/// Initialisation of the linear head; its bias starts at zero unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HeadInit {
    /// N(0, 2 / fan_in): `kaiming_normal_` with its default gain.
    KaimingNormal,
    /// N(0, std²).
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// Weight and bias U(±1/√fan_in): the default of `torch.nn.Linear`.
    Torch,
    /// Weight and bias U(±√(6 / (fan_in + 1 + outputs))): Xavier's initialisation of the matrix whose last row is the bias.
    XavierWithBias,
}

/// Parameters with optimiser settings of their own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParameterGroup {
    /// Name printed at the start of training.
    pub name: String,
    /// A parameter belongs to the group when its name contains one of these.
    pub contains: Vec<String>,
    /// Factor on the learning rate.
    pub learning_rate_factor: f64,
    /// Upper bound of the base learning rate, if any.
    pub max_learning_rate: Option<f64>,
    /// Weight decay instead of the experiment's.
    pub weight_decay: Option<f64>,
}

/// What a body sees: the input after embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodySpec {
    /// Channels of the body's input.
    pub channels: usize,
    /// Positions per axis.
    pub shape: Vec<usize>,
    /// Whether the task wants an output per position.
    pub per_step: bool,
}

impl BodySpec {
    /// Number of position axes, 1 to 3.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }
}

/// Features `[batch, channels, positions…]` of rank 1, 2 or 3.
#[derive(Debug, Clone)]
pub enum Features {
    /// `[batch, channels, length]`
    Line(Tensor<3>),
    /// `[batch, channels, height, width]`
    Plane(Tensor<4>),
    /// `[batch, channels, depth, height, width]`
    Volume(Tensor<5>),
}

impl Features {
    /// `[batch, channels, positions…]`
    pub fn dims(&self) -> Vec<usize> {
        match self {
            Self::Line(x) => x.dims().to_vec(),
            Self::Plane(x) => x.dims().to_vec(),
            Self::Volume(x) => x.dims().to_vec(),
        }
    }

    /// All positions on one axis, row-major: `[batch, channels, positions]`.
    pub fn flatten(self) -> Tensor<3> {
        let dims = self.dims();
        let flat = [dims[0], dims[1], dims[2..].iter().product()];
        match self {
            Self::Line(x) => x,
            Self::Plane(x) => x.reshape(flat),
            Self::Volume(x) => x.reshape(flat),
        }
    }

    /// The inverse of [`flatten`](Self::flatten), for positions of shape `shape` (one to three axes).
    pub fn from_flat(x: Tensor<3>, shape: &[usize]) -> Self {
        let [b, c, _] = x.dims();
        match *shape {
            [h, w] => Self::Plane(x.reshape([b, c, h, w])),
            [d, h, w] => Self::Volume(x.reshape([b, c, d, h, w])),
            _ => Self::Line(x),
        }
    }
}

impl From<ReadError> for BuildError {
    fn from(error: ReadError) -> Self {
        // Not a setting, but neither is it that the baseline does not fit the task, which an empty field would say.
        Self::new("device", error.to_string())
    }
}

/// A configuration that cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct BuildError {
    /// Field of the baseline's configuration, dotted where nested; empty for the whole.
    pub field: String,
    /// What is wrong, and the remedy.
    pub message: String,
}

impl BuildError {
    /// `field` does not hold because of `message`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}
