//! What a layer tells of itself.

use burn::tensor::Tensor;

/// What one layer shows: kernels, eigenvalues, or both.
#[derive(Debug, Clone)]
pub struct LayerView {
    /// Its name, e.g. `blocks.0.conv1`.
    pub layer: String,
    /// The kernels that it convolves with.
    pub kernels: Option<Kernels>,
    /// The eigenvalues of its recurrence.
    pub eigenvalues: Option<Eigenvalues>,
}

impl LayerView {
    /// A layer that convolves with `kernels`.
    pub fn of_kernels(layer: impl Into<String>, kernels: Kernels) -> Self {
        Self { layer: layer.into(), kernels: Some(kernels), eigenvalues: None }
    }
}

/// The kernels that a layer convolves with, without biases and skip connections.
///
/// Along every axis, `y[t] = Σ_i k[i] x[t + (i − current) · dilation]`, for every stride-th t where a layer has strides.
#[derive(Debug, Clone)]
pub struct Kernels {
    /// `[kernels, taps]`, the taps of all axes flattened, row-major.
    pub values: Tensor<2>,
    /// Taps per axis.
    pub shape: Vec<usize>,
    /// Per axis the tap that multiplies the current position.
    pub current: Vec<usize>,
    /// Positions from one tap to the next.
    pub dilation: usize,
    /// The mask that the kernels lie under, per axis; empty without one.
    pub mask: Vec<Mask>,
    /// The same kernels on a finer grid, where they are functions of time.
    pub fine: Option<FineKernels>,
}

impl Kernels {
    /// Kernels `[kernels, taps]` on a line.
    pub fn on_line(values: Tensor<2>, current: usize) -> Self {
        let [_, taps] = values.dims();
        Self { values, shape: vec![taps], current: vec![current], dilation: 1, mask: Vec::new(), fine: None }
    }

    /// Those of a convolution with weights `[out, in, taps]`, `taps` along each of as many axes as those flattened are of.
    ///
    /// The current position is that of the middle tap, or of the last one of a `causal` convolution.
    pub fn of_weights(weight: Tensor<3>, taps: usize, dilation: usize, causal: bool) -> Self {
        let [outputs, inputs, all] = weight.dims();
        let axes = (1..=3).find(|&axes| taps.pow(axes) == all).unwrap_or(1) as usize;
        let current = if causal { taps.saturating_sub(1) } else { taps / 2 };
        Self {
            values: weight.reshape([outputs * inputs, all]),
            shape: if axes == 1 { vec![all] } else { vec![taps; axes] },
            current: vec![current; axes],
            dilation,
            mask: Vec::new(),
            fine: None,
        }
    }
}

/// A Gaussian mask along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mask {
    /// Its middle, in positions before the current one.
    pub mean: f64,
    /// Its standard deviation, in positions.
    pub width: f64,
}

/// Kernels on a line, sampled more often than they are convolved with.
#[derive(Debug, Clone)]
pub struct FineKernels {
    /// `[kernels, points]`, divided by the points per position, so that they sum to about the same.
    pub values: Tensor<2>,
    /// Points per position.
    pub per_position: usize,
}

impl FineKernels {
    /// Points per position at which kernels that are functions of time are sampled for their spectrum.
    pub const PER_POSITION: usize = 4;
    /// Most values that are sampled for it.
    const MOST: usize = 1 << 22;

    /// Whether `kernels` kernels of `taps` taps are few enough to be sampled finely.
    pub fn has_room(kernels: usize, taps: usize) -> bool {
        kernels.saturating_mul(taps).saturating_mul(Self::PER_POSITION) <= Self::MOST
    }
}

/// Eigenvalues of the recurrence of a layer, per sample: what a state is multiplied by from one sample to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Eigenvalues {
    /// How many state matrices the layer has.
    pub count: usize,
    /// Number of each of those that are shown, and real and imaginary parts of its eigenvalues.
    pub shown: Vec<(usize, Vec<[f64; 2]>)>,
    /// Whether every eigenvalue stands for its conjugate, too.
    pub conjugates: bool,
}
