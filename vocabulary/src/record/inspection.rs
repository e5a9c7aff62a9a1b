//! What a network looks at, as `inspection-initial.json` and `inspection-trained.json` hold it.
//!
//! Lags are counted in positions of the layer's input: a lag of 3 is what lies three positions before the output, a negative
//! one what lies behind it. Numbers are rounded to four digits, those of maps to a thousandth of the largest. What is not
//! finite is null.

use serde::{Deserialize, Serialize};

/// When a network was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Before its first step.
    Initial,
    /// With the weights that are tested: those of the best epoch.
    Trained,
}

impl Stage {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::Initial, Self::Trained];

    /// The file in the folder of a run.
    pub fn file(self) -> &'static str {
        match self {
            Self::Initial => "inspection-initial.json",
            Self::Trained => "inspection-trained.json",
        }
    }
}

/// What one network looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// See [`SCHEMA`](super::SCHEMA).
    pub schema: u32,
    /// Positions per axis of the inputs.
    pub shape: Vec<usize>,
    /// The layers that have something to show, in order of the forward pass.
    pub layers: Vec<LayerInspection>,
    /// How far the features after the last layer look; absent where there was no sample to differentiate at.
    #[serde(default)]
    pub field: Option<ReceptiveField>,
    /// Where in the input the answer comes from; absent where every position has an answer of its own.
    #[serde(default)]
    pub answer: Option<Answer>,
}

/// What one layer shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerInspection {
    /// Its name, e.g. `blocks.0.conv1`.
    pub layer: String,
    /// Its kernels.
    #[serde(default)]
    pub kernels: Option<KernelInspection>,
    /// The eigenvalues of its recurrence.
    #[serde(default)]
    pub eigenvalues: Option<EigenvalueInspection>,
}

/// The kernels of one layer, as it convolves with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelInspection {
    /// How many kernels the layer has.
    pub count: usize,
    /// Taps per axis.
    pub shape: Vec<usize>,
    /// Positions from one tap to the next.
    pub dilation: usize,
    /// Mean and width (one standard deviation) of the Gaussian mask per axis, as lags; empty without a mask.
    #[serde(default)]
    pub mask: Vec<MaskInspection>,
    /// The largest |value| of all kernels at a lag; over several axes at the largest of the lags along them.
    ///
    /// Of neighbouring lags that share a point, the one with the largest value is kept.
    pub largest: Curve,
    /// The lags within which 50, 90 and 99 % of the sum of all |values| lie.
    pub radii: Radii,
    /// Some of the kernels, evenly chosen; empty in networks of many layers, where some layers alone have them.
    #[serde(default)]
    pub shown: Vec<ShownKernel>,
}

/// A Gaussian mask along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MaskInspection {
    /// Lag of its middle.
    pub mean: f64,
    /// Standard deviation, in positions.
    pub width: f64,
}

/// One kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShownKernel {
    /// Its number among all of the layer, from 0.
    pub index: usize,
    /// Of a kernel on a line: its values. Of many neighbouring taps the largest and the smallest are kept.
    #[serde(default)]
    pub curve: Option<Curve>,
    /// Of a kernel on a plane: its values, the first axis downwards.
    #[serde(default)]
    pub map: Option<Map>,
    /// Of a kernel on a line: its spectrum.
    #[serde(default)]
    pub spectrum: Option<Spectrum>,
}

/// The magnitude of the Fourier transform of a kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spectrum {
    /// Frequencies in units of Nyquist's, half a turn per position: the middles of bands.
    pub frequencies: Vec<f64>,
    /// Root mean square of the magnitude over each band.
    pub magnitudes: Vec<Option<f64>>,
    /// Points per position at which the kernel was sampled: more than one where it is a function of time, so that its share
    /// beyond Nyquist's frequency can be seen.
    pub per_position: usize,
    /// Share of the power beyond Nyquist's frequency; absent where no frequency lies beyond.
    #[serde(default)]
    pub above_nyquist: Option<f64>,
}

/// The eigenvalues of the recurrence of one layer, per sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EigenvalueInspection {
    /// How many state matrices the layer has.
    pub count: usize,
    /// Numbers of those that are shown, from 0.
    pub indices: Vec<usize>,
    /// Real and imaginary parts of their eigenvalues, per matrix.
    pub values: Vec<Vec<[f64; 2]>>,
    /// Whether every eigenvalue stands for its conjugate, too.
    pub conjugates: bool,
}

/// How far the features after the last layer of a network look.
///
/// The features at one position, added with random signs, are differentiated with respect to the (embedded) input: |gradient|,
/// averaged over channels and samples (effective receptive field, Luo et al. 2016, arXiv 1701.04128).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceptiveField {
    /// Samples averaged over.
    pub samples: usize,
    /// The position.
    pub of: Place,
    /// |gradient| at a lag; over several axes the mean at the largest of the lags along them.
    pub curve: Curve,
    /// |gradient| at every position of an image, averaged over neighbours where that is large.
    #[serde(default)]
    pub map: Option<Map>,
    /// The lags within which 50, 90 and 99 % of the sum over positions lie.
    pub radii: Radii,
}

/// A position among those of the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The last one.
    Last,
    /// The middle one.
    Middle,
}

/// |d answer / d input| at every position, answers added with random signs, averaged over channels and samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Against the position in a sequence, from 0; means over neighbours of long ones.
    #[serde(default)]
    pub curve: Option<Curve>,
    /// At every position of an image.
    #[serde(default)]
    pub map: Option<Map>,
}

/// The lags within which a share of something lies; null where the sum is zero or not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Radii {
    /// Half of it.
    pub r50: Option<usize>,
    /// 90 %.
    pub r90: Option<usize>,
    /// 99 %.
    pub r99: Option<usize>,
}

/// Values by lag or position.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Curve {
    /// Lags or positions, in ascending order.
    pub at: Vec<i64>,
    /// As many values.
    pub values: Vec<Option<f64>>,
}

/// Values on a plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Map {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Positions per row and column that one value stands for.
    pub step: usize,
    /// Row and column of the position that is looked at, or from where.
    pub origin: [usize; 2],
    /// What the values are multiples of.
    pub unit: f64,
    /// Row by row, −1000 to 1000.
    pub values: Vec<Option<i32>>,
}
