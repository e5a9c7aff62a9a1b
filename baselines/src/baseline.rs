//! The [`Baseline`] trait: what one file has to provide to stand in every table.

use std::ops::RangeInclusive;

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::layers::linear::Pointwise;
use crate::{BuildError, Features, Forward, Init, LayerView, ReadError};

/// One baseline: a configuration with defaults from its paper, and a body built from it.
///
/// [`build`](Self::build) is the whole contract. The other items describe the baseline to `bench list baselines`, the
/// schema of experiment files and the optimiser.
pub trait Baseline: Send + Sync + 'static {
    /// Settings under the names of an experiment file.
    ///
    /// Unknown keys must be refused (`#[serde(deny_unknown_fields)]`).
    type Config: Serialize + DeserializeOwned + JsonSchema + Default + Send + Sync + 'static;
    /// The network that [`build`](Self::build) returns, without embedding and head.
    type Body: Body;

    /// Name, source and accepted input ranks.
    const INFO: Info;

    /// Builds the body with freshly initialised weights.
    ///
    /// # Errors
    /// - A setting is out of its range or does not fit the input: [`BuildError::field`] names it.
    /// - The baseline cannot do the task whatever its settings: the field is empty, and tables show `n/a`.
    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError>;

    /// Parameter groups with a learning rate or a weight decay of their own.
    ///
    /// Training refuses to start with a group that matches no parameter.
    fn groups(_config: &Self::Config) -> Vec<ParameterGroup> {
        Vec::new()
    }

    /// Settings that the baseline has gained, each with the value that keeps its former behaviour.
    ///
    /// A record without the setting and one with this value describe the same run, so that a run begun before can go on.
    fn added() -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// Settings that make no difference to the network of `config`, since another one has no use for them.
    fn unused(_config: &Self::Config) -> Vec<&'static str> {
        Vec::new()
    }

    /// The name that the reference program, if there is one, gives our tensor `name` (`body.…` or `head.…`).
    ///
    /// `rank` is the number of position axes of the inputs. `bench eval` and `bench parity` load weights by these names;
    /// see [`reference`](crate::reference).
    fn reference_name(_config: &Self::Config, _rank: usize, _name: &str) -> Option<String> {
        None
    }

    /// The shape that the reference program gives that tensor, which has `shape` here: the same numbers in the same order.
    /// `bench export weights` writes it so.
    fn reference_shape(_config: &Self::Config, _rank: usize, _name: &str, shape: &[usize]) -> Vec<usize> {
        shape.to_vec()
    }

    /// Whether the network follows [`Forward::at_resolution`].
    fn resolution() -> Resolution {
        Resolution::AsIs
    }

    /// Short name of this configuration for tables and folder names, e.g. `ccnn-4-140`.
    fn label(config: &Self::Config) -> String;
}

/// The part of a network that a baseline provides.
pub trait Body: Module + ModuleDisplay {
    /// Maps features to features, both `[batch, channels, positions…]` with the rank of the [`BodySpec`].
    ///
    /// The output has [`Built::features`] channels. It keeps all positions where [`BodySpec::per_step`] is set, and may
    /// have fewer otherwise.
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features;

    /// Small tensors `[values]` whose values decide what is computed, each under the name of the layer that asks for it by
    /// [`Forward::decides`]. They are read from the device together before a forward pass.
    fn deciding(&self) -> Vec<(String, Tensor<1>)> {
        Vec::new()
    }

    /// A term to add to the loss, already weighted, e.g. a norm of kernels; `head` follows the body.
    ///
    /// # Errors
    /// A value that the term depends on cannot be read from the device.
    fn penalty(&self, _head: &Pointwise) -> Result<Option<Tensor<1>>, ReadError> {
        Ok(None)
    }

    /// The numbers that a penalty judges, per layer and without its weight; empty without a penalty.
    ///
    /// They are recorded over training even under a weight of zero, since others are compared with that one.
    ///
    /// # Errors
    /// A value that they depend on cannot be read from the device.
    fn measures(&self) -> Result<Vec<Measure>, ReadError> {
        Ok(Vec::new())
    }

    /// What the layers that generate their kernels make of them, in the order of the layers; empty without such layers.
    ///
    /// # Errors
    /// It cannot be read from the device.
    fn generated_kernels(&self) -> Result<Vec<GeneratedKernel>, ReadError> {
        Ok(Vec::new())
    }

    /// What the layers show for inputs of `shape`, the positions per axis of training, in order of the forward pass.
    ///
    /// They show the kernels that they convolve with, and the eigenvalues of their recurrences. Empty where there is nothing of
    /// the kind. Costs about as much as sampling all kernels once.
    ///
    /// # Errors
    /// A value that decides what is shown cannot be read from the device.
    fn views(&self, _shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        Ok(Vec::new())
    }

    /// Length of the kernels that tensors are stored for, if another length means other kernels.
    ///
    /// `None` where a shape tells it, or where the tensors mean the same whatever the length.
    fn kernel_length(&self) -> Option<usize> {
        None
    }
}

/// A number, on the device, that a penalty judges in one layer; see [`Body::measures`].
#[derive(Debug, Clone)]
pub struct Measure {
    /// Layer, or gate of a layer: `convs.0`, `layers.0.forget`.
    pub layer: String,
    /// See [`LayerMeasure::quantity`].
    pub quantity: &'static str,
    /// `[1]`
    pub value: Tensor<1>,
}

impl Measure {
    /// The measure `quantity` of `layer`.
    pub fn new(layer: impl Into<String>, quantity: &'static str, value: Tensor<1>) -> Self {
        Self { layer: layer.into(), quantity, value }
    }
}

/// A [`Measure`] read from the device.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerMeasure {
    /// Layer, or gate of a layer: `convs.0`, `layers.0.forget`.
    pub layer: String,
    /// `orthogonality`, `orthonormality` or `kernel_norm`.
    ///
    /// The first two are of the matrix W whose columns are the weights of the layer's units, bias included: the squared
    /// Frobenius norm of I − WᵀW, at least 0. `orthogonality` scales the columns to length 1 first, which makes it the sum
    /// of the squared cosines between every two units. `kernel_norm` is ‖k‖₂ of a generated kernel.
    pub quantity: &'static str,
    /// The value.
    pub value: f64,
}

/// The kernels that a layer generates, for inputs of the training resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedKernel {
    /// Layer, e.g. `blocks.0.conv1`.
    pub layer: String,
    /// Width of their Gaussian mask in halves of the grid, the mean of the magnitudes over axes; `None` without a mask.
    pub mask_width: Option<f64>,
    /// Points that the mask leaves, of all axes together.
    pub taps: usize,
    /// Frequency of every filter at the bottom of the kernel network, in units of Nyquist's.
    ///
    /// Nyquist's frequency is half a turn per point of the grid. The largest of several axes counts. Empty for a kernel
    /// network without frequencies.
    pub frequencies: Vec<f64>,
}

impl GeneratedKernel {
    /// The share of frequencies above Nyquist's, 0 to 1, which the grid shows as others; `None` where there are none.
    pub fn above_nyquist(&self) -> Option<f64> {
        let above = self.frequencies.iter().filter(|&&frequency| frequency > 1.0).count();
        (!self.frequencies.is_empty()).then(|| above as f64 / self.frequencies.len() as f64)
    }
}

/// What a network does with inputs of another resolution than that of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Samples its kernels anew: they are functions of time or space.
    Continuous,
    /// Keeps its kernels or steps, which then cover another span of time or space.
    AsIs,
    /// Does not run: one of its layers is over all positions.
    Fixed,
}

/// A description of a baseline that needs no instance.
#[derive(Debug, Clone)]
pub struct Info {
    /// Name in experiment files, e.g. `ccnn`.
    pub name: &'static str,
    /// One line for `bench list baselines`.
    pub summary: &'static str,
    /// Paper or reference repository.
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
    /// The same for two linear maps with ReLU between them, the first to as many channels as it has.
    TorchMlp,
    /// N(0, 1 / fan_in), cut off at two standard deviations of what is drawn: the default of Flax.
    LecunNormal,
    /// Weight and bias U(±√(6 / (fan_in + 1 + outputs))): Xavier's initialisation of the matrix whose last row is the bias.
    XavierWithBias,
}

/// Parameters with optimiser settings of their own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParameterGroup {
    /// Name that training prints when it starts.
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

impl ParameterGroup {
    /// The parameters whose names contain one of `contains`, with the experiment's own settings.
    pub fn new<S: Into<String>>(name: impl Into<String>, contains: impl IntoIterator<Item = S>) -> Self {
        Self {
            name: name.into(),
            contains: contains.into_iter().map(Into::into).collect(),
            learning_rate_factor: 1.0,
            max_learning_rate: None,
            weight_decay: None,
        }
    }
}

/// Input of a body: that of the network after embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodySpec {
    /// Channels.
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
