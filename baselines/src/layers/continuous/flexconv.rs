//! FlexConv: long convolutions whose kernels come from a network, under a Gaussian mask of learnt width.

use std::f64::consts::PI;
use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::generated::GeneratedConv;
use super::grid::{first_tap, grid};
use super::kernel_network::{Frequency, KernelInit, KernelNetwork, KernelNetworkKind, KernelNetworkSpec};
use super::odd_fft;
use super::window::Window;
use crate::device::is_gpu;
use crate::inspect::views::{FineKernels, Kernels, Mask};
use crate::layers::convolution::same::{dense, depthwise};
use crate::layers::linear::Pointwise;
use crate::read::read;
use crate::{BuildError, Forward, GeneratedKernel, Init, ReadError};
use kernels::{Alignment, MaskRule, channel_bias, gaussian_mask};

/// Keeps the mask of CCNN finite for a width of zero.
const EPSILON: f64 = 1e-8;
/// Half-width of the region in which filters start, as a multiple of the mask's width.
const SPREAD: f64 = 1.667;
/// Taps beyond which the reference programs convolve by the FFT.
const FFT_TAPS: usize = 50;
/// On a GPU the taps of a cropped line are rounded up to a multiple of this.
///
/// Memory and tuned kernels can then be used again while the mask's width moves.
const GPU_TAPS: usize = 32;

/// The reference program whose convolution a [`FlexConv`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceVersion {
    /// FlexNet: the mask learns its mean too, kernels are dense, weights start as in Romero et al. 2022.
    FlexNet,
    /// CCNN: the mask lies at the current position.
    Ccnn,
}

/// Configuration of a [`FlexConv`].
#[derive(Debug, Clone, PartialEq)]
pub struct FlexConvSpec {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Grid, alignment and cropping threshold.
    pub window: Window,
    /// Reference program.
    pub version: ReferenceVersion,
    /// A depthwise convolution and a channel mixer, rather than kernels for all pairs of channels.
    pub separable: bool,
    /// Family of the kernel network.
    pub kernel_network: KernelNetworkKind,
    /// Hidden channels of the kernel network.
    pub kernel_hidden: usize,
    /// Layers of the kernel network, see [`KernelNetworkSpec::layers`].
    pub kernel_layers: usize,
    /// Scale of the frequencies of the kernel network.
    pub frequency: Frequency,
    /// Initial width of the mask in units of half the grid.
    ///
    /// Without a mask a kernel is as long as the grid (CKConv), its filters start around the middle, and a mixer starts with the
    /// variance 1 / fan_in.
    pub mask_init: Option<f64>,
    /// Initialisation of the kernel network.
    pub init: KernelInit,
    /// Factor on the kernel, for a resolution other than that of training.
    pub kernel_scale: f64,
    /// Reproduce what the reference programs compute for sequences of odd length and more than 50 taps.
    pub reference_bugs: bool,
}

impl FlexConvSpec {
    fn kernel_network(&self) -> KernelNetworkSpec {
        let axes = self.window.sizes.len();
        let taps: usize = match self.mask_init {
            Some(width) => self.window.crop(&vec![width as f32; axes]).iter().map(ExactSizeIterator::len).product(),
            None => self.window.sizes.iter().product(),
        };
        let (outputs, terms) =
            if self.separable { (self.inputs, taps) } else { (self.inputs * self.outputs, self.inputs * taps) };
        let spread = self.mask_init.map_or(1.0, |width| SPREAD * width);
        // FlexNet clips the region, and centres it on 0 even where the mask lies at 1.
        let original = self.init == KernelInit::Original;
        KernelNetworkSpec {
            kind: self.kernel_network,
            axes,
            hidden: self.kernel_hidden,
            outputs,
            layers: self.kernel_layers,
            frequency: self.frequency,
            spread: if original { spread.min(1.0) } else { spread },
            one_sided: self.window.causal && !original,
            init: self.init,
            output_gain: if self.init == KernelInit::Corrected { 1.0 / (terms as f64).sqrt() } else { 1.0 },
        }
    }
}

/// A masked kernel on the positions that cropping leaves.
#[derive(Debug, Clone)]
pub struct SampledKernel {
    /// `[kernels, points]`
    pub values: Tensor<2>,
    /// Points per axis.
    pub shape: Vec<usize>,
}

/// A convolution with a generated kernel: "same" length, causal or centred.
#[derive(Module, Debug)]
pub struct FlexConv {
    /// Generates the kernel.
    pub kernel: KernelNetwork,
    /// Width of the mask per axis, `[axes]`, where its mean is fixed at the current position (CCNN).
    pub mask_width_param: Option<Param<Tensor<1>>>,
    /// Mean and width of the mask per axis, `[axes, 2]`, where both are learnt (FlexNet).
    pub mask_params: Option<Param<Tensor<2>>>,
    /// Added after the convolution: `[inputs]` if separable, else `[outputs]`.
    pub bias: Param<Tensor<1>>,
    /// Present if separable.
    pub channel_mixer: Option<Pointwise>,
    #[module(skip)]
    window: Window,
    #[module(skip)]
    kernel_scale: f64,
    #[module(skip)]
    reference_bugs: bool,
}

impl FlexConv {
    /// A convolution with weights drawn as in the reference program.
    ///
    /// # Errors
    /// See [`KernelNetwork::new`].
    pub fn new(spec: &FlexConvSpec, init: &mut Init) -> Result<Self, BuildError> {
        let axes = spec.window.sizes.len();
        let mean = spec.window.mean();
        let width = spec.mask_init.map(|width| width as f32);
        let learnt = spec.version == ReferenceVersion::FlexNet;
        let mixer = match width {
            Some(_) => Pointwise::kaiming_normal,
            None => |inputs, outputs, init: &mut Init| Pointwise::kaiming_uniform(inputs, outputs, 0.0, init),
        };
        Ok(Self {
            kernel: KernelNetwork::new(&spec.kernel_network(), init)?,
            mask_width_param: width.filter(|_| !learnt).map(|width| init.values([axes], vec![width; axes])),
            mask_params: width.filter(|_| learnt).map(|width| init.values([axes, 2], [mean, width].repeat(axes))),
            bias: init.constant([if spec.separable { spec.inputs } else { spec.outputs }], 0.0),
            channel_mixer: spec.separable.then(|| mixer(spec.inputs, spec.outputs, init)),
            window: spec.window.clone(),
            kernel_scale: spec.kernel_scale,
            reference_bugs: spec.reference_bugs,
        })
    }

    /// The masked kernel at the positions that the current mask leaves. Cropping itself carries no gradient.
    ///
    /// # Errors
    /// The mask's width cannot be read from the device.
    pub fn sample(&self) -> Result<SampledKernel, ReadError> {
        self.sample_at(1.0)
    }

    /// [`sample`](Self::sample) at `resolution` times the points per axis, over the same interval.
    ///
    /// Values are divided by `resolution` per axis, so that a convolution sums to about the same. The first tap of a causal
    /// kernel is weighted by [`first_tap`], unless reference bugs are reproduced.
    ///
    /// # Errors
    /// The mask's width cannot be read from the device.
    pub fn sample_at(&self, resolution: f64) -> Result<SampledKernel, ReadError> {
        let kept = self.crop()?;
        Ok(self.sample_on(&kept, &kept, resolution))
    }

    /// The same on the points of `sampled`, with zeros at those that are not `kept` too; on a plane, both are the same.
    fn sample_on(&self, sampled: &[Range<usize>], kept: &[Range<usize>], resolution: f64) -> SampledKernel {
        let axes = self.window.sizes.len();
        let device = self.bias.device();
        let points = self.window.points_at(sampled, resolution);
        let shape = points.iter().map(Vec::len).collect();
        let positions = grid(&points, &device);
        let kept = match sampled == kept {
            true => 0..positions.dims()[1],
            false => self.own_taps(sampled, kept, resolution),
        };
        let scale = self.kernel_scale / resolution.powi(axes as i32);
        let values = self.masked(self.kernel.forward(&positions), positions, scale, kept);
        let values = if self.window.causal && !self.reference_bugs { first_tap(values, resolution) } else { values };
        SampledKernel { values, shape }
    }

    /// Kernel values at `positions` `[axes, points]` times mask and `scale`, zero at the points that are not `kept`.
    fn masked(&self, values: Tensor<2>, positions: Tensor<2>, scale: f64, kept: Range<usize>) -> Tensor<2> {
        match (&self.mask_width_param, &self.mask_params) {
            (Some(width), _) => {
                let rule = MaskRule::Centred { mean: self.window.mean().into(), epsilon: EPSILON };
                gaussian_mask(values, positions, width.val(), rule, scale, kept)
            }
            (None, Some(params)) => gaussian_mask(values, positions, params.val(), MaskRule::Learnt, scale, kept),
            (None, None) => {
                let points = positions.dims()[1];
                let values = if scale == 1.0 { values } else { values * scale };
                if kept == (0..points) { values } else { values * indicator(points, &kept, &self.bias.device()) }
            }
        }
    }

    /// Mean and width of the mask per axis, in positions; empty without a mask.
    fn mask_in_positions(&self) -> Result<Vec<Mask>, ReadError> {
        let mean = f64::from(self.window.mean());
        let grid = match (&self.mask_width_param, &self.mask_params) {
            (Some(width), _) => {
                let widths = read(width.val(), "the width of a mask")?;
                widths.into_iter().map(|width| (mean, f64::from(width))).collect()
            }
            (None, Some(params)) => {
                let pairs = read(params.val(), "mean and width of a mask")?;
                pairs.as_chunks::<2>().0.iter().map(|&[mean, width]| (mean.into(), width.into())).collect()
            }
            (None, None) => Vec::new(),
        };
        // A later point of the grid is a smaller lag.
        let steps = self.window.steps();
        let of =
            |((at, width), step): ((f64, f64), f64)| Mask { mean: (mean - at) / step, width: (width / step).abs() };
        Ok(grid.into_iter().zip(steps).map(of).collect())
    }

    /// The kernels at more points than they are convolved with, where there is one axis and room for them.
    fn fine(&self, kept: &[Range<usize>], kernels: usize) -> Option<FineKernels> {
        let [taps] = kept else { return None };
        if !FineKernels::has_room(kernels, taps.len()) {
            return None;
        }
        let per_position = FineKernels::PER_POSITION;
        let positions = grid(&self.window.points_at(kept, per_position as f64), &self.bias.device());
        let points = positions.dims()[1];
        let scale = self.kernel_scale / per_position as f64;
        let values = self.masked(self.kernel.forward(&positions), positions, scale, 0..points);
        Some(FineKernels { values, per_position })
    }

    /// Where the points of `kept` lie among those of `sampled`, on a line.
    fn own_taps(&self, sampled: &[Range<usize>], kept: &[Range<usize>], resolution: f64) -> Range<usize> {
        let taps = |ranges| self.window.points_at(ranges, resolution).first().map_or(0, Vec::len);
        let (all, own) = (taps(sampled), taps(kept));
        let alignment = self.alignment();
        let lead = alignment.left(all) - alignment.left(own);
        lead..lead + own
    }

    fn alignment(&self) -> Alignment {
        if self.window.causal { Alignment::Causal } else { Alignment::Centred }
    }

    /// The points to sample on `device` where cropping leaves those of `kept`.
    ///
    /// On a plane these are few as they are; and the error of the reference programs depends on the number of taps.
    fn points_on(&self, device: &Device, kept: &[Range<usize>], shape: &[usize]) -> Vec<Range<usize>> {
        let as_reference = self.reference_bugs && shape.iter().any(|size| size % 2 == 1);
        match shape.len() == 1 && !as_reference && is_gpu(device) {
            true => self.window.round_up(kept, GPU_TAPS),
            false => kept.to_vec(),
        }
    }

    /// Points kept per axis under the current mask.
    fn crop(&self) -> Result<Vec<Range<usize>>, ReadError> {
        match (&self.mask_width_param, &self.mask_params) {
            (Some(width), _) => Ok(self.window.crop(&read(width.val(), "the width of a mask")?)),
            (None, Some(params)) => {
                let pairs = read(params.val(), "mean and width of a mask")?;
                Ok(self.window.crop_learnt(pairs.as_chunks::<2>().0))
            }
            (None, None) => Ok(self.window.sizes.iter().map(|&size| 0..size).collect()),
        }
    }

    /// Width of the mask per axis; empty without a mask.
    fn mask_widths(&self) -> Result<Vec<f32>, ReadError> {
        match (&self.mask_width_param, &self.mask_params) {
            (Some(width), _) => read(width.val(), "the width of a mask"),
            (None, Some(params)) => {
                let pairs = read(params.val(), "mean and width of a mask")?;
                Ok(pairs.as_chunks::<2>().0.iter().map(|[_, width]| *width).collect())
            }
            (None, None) => Ok(Vec::new()),
        }
    }

    /// Records the `own` taps of `kernel` for `inputs` channels as `layer`.
    fn probe_kernel(
        &self,
        layer: &str,
        kernel: &SampledKernel,
        own: Range<usize>,
        inputs: usize,
        ctx: &mut Forward<'_>,
    ) {
        let terms = own.len() * if self.channel_mixer.is_some() { 1 } else { inputs };
        match own.len() == kernel.values.dims()[1] {
            true => ctx.probe_kernel(layer, &kernel.values, terms),
            false => ctx.probe_kernel(layer, &kernel.values.clone().narrow(1, own.start, own.len()), terms),
        }
    }

    /// `[batch, inputs, positions]` to `[batch, outputs, positions]`, with the positions of `shape` flattened.
    ///
    /// Probes are taken as `layer`.
    pub fn forward(&self, x: Tensor<3>, shape: &[usize], layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        let resolution = ctx.resolution();
        let kept = match self.crop() {
            Ok(kept) => kept,
            Err(error) => {
                ctx.fail(error);
                self.window.sizes.iter().map(|&size| 0..size).collect()
            }
        };
        let sampled = self.points_on(&x.device(), &kept, shape);
        let kernel = self.sample_on(&sampled, &kept, resolution);
        let x = if self.window.causal { x } else { ctx.mask_padding(x) };
        let own = match sampled == kept {
            true => 0..kernel.values.dims()[1],
            false => self.own_taps(&sampled, &kept, resolution),
        };
        self.probe_kernel(layer, &kernel, own, x.dims()[1], ctx);
        let alignment = self.alignment();
        let [outputs] = self.bias.dims();
        let odd = (self.reference_bugs && shape.len() == 1 && shape[0] % 2 == 1 && kernel.shape[0] > FFT_TAPS)
            .then(|| odd_fft::FullConvolution::of(shape[0], kernel.shape[0], alignment));
        let (x, shape, alignment) = match &odd {
            None => (x, shape, alignment),
            Some(full) => (full.pad(x), &[full.samples][..], Alignment::Causal),
        };
        let y = match &self.channel_mixer {
            Some(_) => depthwise(x, shape, kernel.values, &kernel.shape, alignment),
            None => dense(x, shape, kernel.values, &kernel.shape, outputs, alignment),
        };
        let y = match odd {
            None => y,
            Some(full) => full.reproduce_reference_bug(y),
        };
        let out = match &self.channel_mixer {
            Some(mixer) => {
                ctx.probe(|| format!("{layer}.depthwise"), "activation", &y);
                mixer.forward_shifted(y, self.bias.val(), ctx.precision())
            }
            None => channel_bias(y, self.bias.val()),
        };
        ctx.probe(|| layer.to_owned(), "activation", &out);
        out
    }
}

impl GeneratedConv for FlexConv {
    fn kernel(&self) -> Result<Tensor<2>, ReadError> {
        Ok(self.sample()?.values)
    }

    fn view(&self) -> Result<Kernels, ReadError> {
        let kept = self.crop()?;
        let SampledKernel { values, shape } = self.sample_on(&kept, &kept, 1.0);
        let alignment = self.alignment();
        Ok(Kernels {
            current: shape.iter().map(|&taps| alignment.left(taps)).collect(),
            dilation: 1,
            mask: self.mask_in_positions()?,
            fine: self.fine(&kept, values.dims()[0]),
            shape,
            values,
        })
    }

    fn bias(&self) -> Tensor<1> {
        self.bias.val()
    }

    fn generated(&self, layer: String) -> Result<GeneratedKernel, ReadError> {
        let steps = self.window.steps();
        let relative = |row: Vec<f64>| row.iter().zip(&steps).map(|(w, step)| w * step / PI).fold(0.0, f64::max);
        let frequencies = self.kernel.frequencies()?.into_iter().map(relative).collect();
        let widths = self.mask_widths()?;
        let sum: f64 = widths.iter().map(|&width| f64::from(width.abs())).sum();
        let mask_width = (!widths.is_empty()).then(|| sum / widths.len() as f64);
        let taps = self.crop()?.iter().map(ExactSizeIterator::len).product();
        Ok(GeneratedKernel { layer, mask_width, taps, frequencies })
    }
}

/// One at the `own` taps of `all` on a line, else zero: `[1, all]`.
fn indicator(all: usize, own: &Range<usize>, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = (0..all).map(|tap| if own.contains(&tap) { 1.0 } else { 0.0 }).collect();
    Tensor::from_data(TensorData::new(values, [1, all]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(sizes: Vec<usize>, causal: bool, version: ReferenceVersion) -> FlexConv {
        let spec = FlexConvSpec {
            inputs: 2,
            outputs: 3,
            window: Window { sizes, causal, threshold: 0.1 },
            version,
            separable: version == ReferenceVersion::Ccnn,
            kernel_network: KernelNetworkKind::Magnet,
            kernel_hidden: 6,
            kernel_layers: 3,
            frequency: Frequency::Omega0(12.0),
            mask_init: Some(0.13),
            init: KernelInit::Corrected,
            kernel_scale: 1.0,
            reference_bugs: false,
        };
        FlexConv::new(&spec, &mut Init::new(3, &Device::flex())).unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// What lies around the kept taps is zero, and the kept ones are what they are without it.
    #[test]
    fn taps_that_rounding_adds_are_zeros() {
        for (version, causal) in [
            (ReferenceVersion::Ccnn, true),
            (ReferenceVersion::Ccnn, false),
            (ReferenceVersion::FlexNet, true),
            (ReferenceVersion::FlexNet, false),
        ] {
            for (size, resolution) in [(101, 1.0), (100, 1.0), (101, 2.0), (40, 0.5), (20, 1.0)] {
                let what = format!("{version:?}, causal {causal}, {size} points at resolution {resolution}");
                let layer = layer(vec![size], causal, version);
                let kept = layer.crop().unwrap_or_else(|error| unreachable!("{error}"));
                let sampled = layer.window.round_up(&kept, GPU_TAPS);
                assert!(kept[0].len() < sampled[0].len(), "{what}");
                let bare = layer.sample_at(resolution).unwrap_or_else(|error| unreachable!("{error}")).values;
                let padded = layer.sample_on(&sampled, &kept, resolution).values;
                let [kernels, all] = padded.dims();
                let own = layer.own_taps(&sampled, &kept, resolution);
                assert_eq!(own.len(), bare.dims()[1], "{what}");
                assert_eq!(layer.alignment().left(all) - own.start, layer.alignment().left(own.len()), "{what}");
                let read = |values| read(values, "a kernel").unwrap_or_else(|error| unreachable!("{error}"));
                let (bare, padded) = (read(bare), read(padded));
                for kernel in 0..kernels {
                    for tap in 0..all {
                        let found = padded[kernel * all + tap];
                        let expected = match own.contains(&tap) {
                            true => bare[kernel * own.len() + tap - own.start],
                            false => 0.0,
                        };
                        assert!((found - expected).abs() <= 1e-6, "{what}, tap {tap}: {found} instead of {expected}");
                    }
                }
            }
        }
    }
}
