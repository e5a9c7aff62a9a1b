//! FlexNet: dense convolutions whose kernels learn their own size.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::forward::DropoutKind;
use crate::layers::continuous::generated::{generated_kernels, kernel_norms, views, weight_penalty};
use crate::layers::continuous::{mask, odd_fft};
use crate::layers::residual::block::{convolutions, deciding};
use crate::layers::{
    BlockKind, FlexConv, FlexConvSpec, Frequency, KernelInit, KernelNetworkKind, Norm, NormKind, Pointwise,
    ReferenceVersion, ResidualBlock, ResidualSpec, Window, flex_block,
};
use crate::{
    Baseline, Body, BodySpec, BuildError, Built, Features, Forward, GeneratedKernel, HeadInit, Info, Init, LayerView,
    Measure, ParameterGroup, ReadError, Readout, Resolution, check, reference,
};
use kernels::Activation;

/// Settings of [`FlexNet`]; where a default depends on the input, that of images is FlexNet-7, that of sequences
/// FlexTCN-2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlexNetConfig {
    /// Residual blocks, at least 1: by default 7 for images and 2 for sequences.
    pub blocks: Option<usize>,
    /// Base width in channels, at least 1: by default 24 for images and 30 for sequences.
    pub hidden: Option<usize>,
    /// Width of every block in base widths, greater than 0; by default 1, 1.5 and 2 for the thirds of the blocks of an
    /// image network (FlexNet-7: 2, 3 and 2 of them), and 1 in a sequence network.
    pub width_factors: Option<Vec<f64>>,
    /// Hidden channels of the kernel networks, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub kernel_hidden: usize,
    /// Multiplicative layers of the kernel networks, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub kernel_layers: usize,
    /// Frequency of the kernel networks, greater than 0, in radians per unit of the grid [−1, 1] and √(layers + 1).
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub input_scale: f64,
    /// Positions of a kernel per axis before cropping; odd for images. By default that of the input for sequences, for
    /// images 33, or the input's size made odd where that is less.
    pub kernel_size: Option<usize>,
    /// Initial width of the Gaussian mask, greater than 0, in units of half the kernel's grid.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub mask_init: f64,
    /// Positions where the mask is below this value are cropped, 0 (none) to 1 (exclusive).
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub mask_threshold: f64,
    /// Factor on the learning rate of the masks' means and widths, at least 0.
    #[schemars(range(min = 0.0))]
    pub mask_learning_rate_factor: f64,
    /// Factor on the kernels, greater than 0: (training resolution / resolution) ^ axes at another resolution.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub sampling_rate_norm: f64,
    /// How the kernel networks start: `original` (as in the paper), `off` (as the CCNN program draws them for its FlexConvs,
    /// whose filters lie at the mask) or `corrected` (as `off`, with their output divided by the root of the number of terms
    /// that a convolution sums). Without normalisation and with full masks (`mask_init: 0.75`), FlexNet-7 on images of 32 × 32
    /// has logits with a standard deviation of 1e31 at first, corrected less than 1.
    pub initialisation: KernelInit,
    /// Normalisation after every convolution: `batch`, `layer` (over channels), `group` (one group per sample) or `none`.
    pub norm: NormKind,
    /// Probability of dropping while training, 0 to 1 (exclusive).
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// What is dropped together.
    pub dropout_kind: DropoutKind,
    /// Factor on the sum of the norms of kernels and biases that is added to the loss, at least 0.
    #[schemars(range(min = 0.0))]
    pub weight_penalty: f64,
    /// Reproduce the reference program where it is wrong: convolutions of sequences of odd length.
    #[serde(rename = "faithful")]
    pub reference_bugs: bool,
}

impl Default for FlexNetConfig {
    fn default() -> Self {
        Self {
            blocks: None,
            hidden: None,
            width_factors: None,
            kernel_hidden: 32,
            kernel_layers: 3,
            input_scale: 25.6,
            kernel_size: None,
            mask_init: 0.075,
            mask_threshold: 0.1,
            mask_learning_rate_factor: 0.1,
            sampling_rate_norm: 1.0,
            initialisation: KernelInit::Original,
            norm: NormKind::Batch,
            dropout: 0.2,
            dropout_kind: DropoutKind::Element,
            weight_penalty: 0.0,
            reference_bugs: false,
        }
    }
}

impl FlexNetConfig {
    /// Channels before the first block and after every block.
    fn widths(&self, images: bool) -> Result<Vec<usize>, BuildError> {
        let factors = match (&self.width_factors, self.blocks) {
            (Some(factors), Some(blocks)) if factors.len() != blocks => {
                let message = format!("{} factors for {blocks} blocks; give one per block", factors.len());
                return Err(BuildError::new("width_factors", message));
            }
            (Some(factors), _) => factors.clone(),
            (None, blocks) if images => {
                let blocks = blocks.unwrap_or(7);
                let narrow = blocks / 3;
                let middle = blocks - (blocks - narrow) / 2;
                let factor = |i| match i {
                    _ if i < narrow => 1.0,
                    _ if i < middle => 1.5,
                    _ => 2.0,
                };
                (0..blocks).map(factor).collect()
            }
            (None, blocks) => vec![1.0; blocks.unwrap_or(2)],
        };
        check::at_least_one(if self.width_factors.is_some() { "width_factors" } else { "blocks" }, factors.len())?;
        let base = self.hidden.unwrap_or(if images { 24 } else { 30 });
        check::at_least_one("hidden", base)?;
        let mut widths = vec![base];
        for factor in factors {
            check::positive("width_factors", factor)?;
            let width = (base as f64 * factor) as usize;
            check::at_least_one("width_factors", width)?;
            widths.push(width);
        }
        Ok(widths)
    }

    /// The grid of kernels for inputs of `shape`.
    fn window(&self, shape: &[usize]) -> Result<Window, BuildError> {
        let causal = shape.len() == 1;
        let size = |&n: &usize| match self.kernel_size {
            Some(size) => size,
            None if causal => n,
            None => Window::image_size(n),
        };
        let sizes = shape.iter().map(size).collect();
        Window { sizes, causal, threshold: self.mask_threshold }.checked("the kernel of an image")
    }
}

/// FlexNet for images, FlexTCN for sequences.
///
/// Images: FlexConv → norm → ReLU, residual blocks, mean over positions. Sequences: residual blocks alone, read out at the
/// last step.
#[derive(Debug)]
pub struct FlexNet;

/// The body of [`FlexNet`].
#[derive(Module, Debug)]
pub struct FlexNetBody {
    /// From the input's channels to the base width; absent for sequences.
    pub conv1: Option<FlexConv>,
    /// After `conv1`.
    pub norm1: Option<Norm>,
    /// From the first block to the last.
    pub blocks: Vec<ResidualBlock<FlexConv>>,
    #[module(skip)]
    weight_penalty: f64,
}

impl Baseline for FlexNet {
    type Config = FlexNetConfig;
    type Body = FlexNetBody;

    const INFO: Info = Info {
        name: "flexnet",
        summary: "Dense convolutions with generated kernels under masks of learnt mean and width (1D: FlexTCN)",
        source: "Romero et al. 2022, arXiv 2110.08059; github.com/rjbruin/flexconv",
        ranks: 1..=2,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        check::at_least_one("kernel_hidden", config.kernel_hidden)?;
        check::at_least_one("kernel_layers", config.kernel_layers)?;
        check::positive("input_scale", config.input_scale)?;
        mask::check_settings(config.mask_init, config.mask_threshold, config.mask_learning_rate_factor)?;
        check::positive("sampling_rate_norm", config.sampling_rate_norm)?;
        check::probability("dropout", config.dropout)?;
        check::not_negative("weight_penalty", config.weight_penalty)?;
        odd_fft::check(config.reference_bugs, &spec.shape)?;
        let images = spec.rank() > 1;
        let widths = config.widths(images)?;
        let window = config.window(&spec.shape)?;
        let conv = |inputs, outputs| FlexConvSpec {
            inputs,
            outputs,
            window: window.clone(),
            version: ReferenceVersion::FlexNet,
            separable: false,
            kernel_network: KernelNetworkKind::Magnet,
            kernel_hidden: config.kernel_hidden,
            kernel_layers: config.kernel_layers,
            frequency: Frequency::InputScale(config.input_scale),
            mask_init: Some(config.mask_init),
            init: config.initialisation,
            kernel_scale: config.sampling_rate_norm,
            reference_bugs: config.reference_bugs,
        };
        let residual = ResidualSpec {
            kind: if images { BlockKind::ResNet } else { BlockKind::Tcn },
            norm: config.norm,
            prenorm: false,
            nonlinearity: Activation::Relu,
            dropout: config.dropout,
            dropout_kind: config.dropout_kind,
        };
        let first = if images { widths[0] } else { spec.channels };
        let inputs = std::iter::once(first).chain(widths[1..].iter().copied());
        let body = FlexNetBody {
            conv1: images.then(|| FlexConv::new(&conv(spec.channels, first), init)).transpose()?,
            norm1: images.then(|| Norm::new(config.norm, first, init)),
            blocks: inputs
                .zip(&widths[1..])
                .map(|(inputs, &outputs)| flex_block(&conv(inputs, outputs), residual, init))
                .collect::<Result<_, _>>()?,
            weight_penalty: config.weight_penalty,
        };
        let (readout, head) = match images {
            true => (Readout::Mean, HeadInit::KaimingNormal),
            false => (Readout::Last, HeadInit::Normal { std: 0.01 }),
        };
        Ok(Built { body, features: widths[widths.len() - 1], readout, head })
    }

    fn groups(config: &Self::Config) -> Vec<ParameterGroup> {
        mask::groups("masks", "mask_params", config.mask_learning_rate_factor)
    }

    fn reference_name(_config: &Self::Config, rank: usize, name: &str) -> Option<String> {
        Some(if rank == 1 { reference::flextcn(name) } else { reference::flexconv(name) })
    }

    fn reference_shape(_config: &Self::Config, rank: usize, name: &str, shape: &[usize]) -> Vec<usize> {
        match rank {
            1 => reference::as_convolution_but_head(name, shape, rank),
            _ => reference::as_convolution(name, shape, rank),
        }
    }

    fn added() -> Vec<(&'static str, Value)> {
        vec![("initialisation", "original".into())]
    }

    fn resolution() -> Resolution {
        Resolution::Continuous
    }

    fn label(config: &Self::Config) -> String {
        let blocks = config.blocks.or(config.width_factors.as_ref().map(Vec::len));
        let sizes = [blocks, config.hidden].into_iter().flatten().map(|n| format!("-{n}"));
        std::iter::once("flexnet".to_owned()).chain(sizes).collect()
    }
}

impl Body for FlexNetBody {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let shape = x.dims().split_off(2);
        let mut x = x.flatten();
        if let Some(conv1) = &self.conv1 {
            x = conv1.forward(x, &shape, "conv1", ctx);
        }
        if let Some(norm1) = &self.norm1 {
            x = relu(norm1.forward(x, ctx));
        }
        for (i, block) in self.blocks.iter().enumerate() {
            x = block.forward(x, &shape, &format!("blocks.{i}"), ctx);
        }
        Features::from_flat(x, &shape)
    }

    fn deciding(&self) -> Vec<(String, Tensor<1>)> {
        deciding(convolutions(self.conv1.as_ref(), &self.blocks))
    }

    fn views(&self, _shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        views(convolutions(self.conv1.as_ref(), &self.blocks))
    }

    fn generated_kernels(&self) -> Result<Vec<GeneratedKernel>, ReadError> {
        generated_kernels(convolutions(self.conv1.as_ref(), &self.blocks))
    }

    fn penalty(&self, _head: &Pointwise) -> Result<Option<Tensor<1>>, ReadError> {
        weight_penalty(convolutions(self.conv1.as_ref(), &self.blocks), self.weight_penalty)
    }

    fn measures(&self) -> Result<Vec<Measure>, ReadError> {
        kernel_norms(convolutions(self.conv1.as_ref(), &self.blocks))
    }
}
