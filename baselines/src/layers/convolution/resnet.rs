//! Residual networks of basic blocks (He et al. 2015, arXiv 1512.03385).

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::conv::{Conv, Geometry, without_padding};
use crate::layers::norm::{Norm, NormKind};
use crate::{
    Body, BodySpec, BuildError, Built, Features, Forward, HeadInit, Init, LayerView, ReadError, Readout, check,
};
use kernels::{Activation, add_and_activate};

/// How a block passes its input on where it changes the shape (section 3.3 of the paper).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// Option A: every second position, and zeros for the new channels.
    ZeroPadded,
    /// Option B: a convolution of size 1 and a normalisation.
    Projected,
}

/// Configuration of a [`ResNet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResNetSpec {
    /// Channels of the first stage; each further stage has twice as many.
    pub width: usize,
    /// Stages; each but the first halves the positions.
    pub stages: usize,
    /// Blocks per stage.
    pub blocks: usize,
    /// Shortcut where the shape changes.
    pub shortcut: Shortcut,
}

/// A convolution of kernel 3 with normalisation and ReLU, then stages of basic blocks; a whole body.
#[derive(Module, Debug)]
pub struct ResNet {
    /// From the input to the channels of the first stage, at stride 1.
    pub conv1: Conv,
    /// After the first convolution.
    pub bn1: Norm,
    /// From the input to the output.
    pub blocks: Vec<BasicBlock>,
}

/// The basic block: relu(bn2(conv2(relu(bn1(conv1 x)))) + shortcut(x)).
#[derive(Module, Debug)]
pub struct BasicBlock {
    /// Kernel 3, with the block's stride.
    pub conv1: Conv,
    /// After the first convolution.
    pub bn1: Norm,
    /// Kernel 3.
    pub conv2: Conv,
    /// After the second convolution.
    pub bn2: Norm,
    /// Present where the shape changes and the shortcut is projected.
    pub downsample: Option<Projection>,
    #[module(skip)]
    stride: usize,
}

/// A shortcut through a convolution of size 1 and a normalisation.
#[derive(Module, Debug)]
pub struct Projection {
    /// Kernel 1, with the block's stride.
    pub conv: Conv,
    /// After the convolution.
    pub bn: Norm,
}

impl ResNet {
    /// Builds the network for the inputs of `task`; per-step tasks get stride 1 throughout.
    ///
    /// # Errors
    /// A width or a number of blocks of zero.
    pub fn build(spec: ResNetSpec, task: &BodySpec, init: &mut Init) -> Result<Built<Self>, BuildError> {
        check::at_least_one("width", spec.width)?;
        check::at_least_one("blocks", spec.blocks)?;
        let rank = task.rank();
        let conv1 = Conv::kaiming_fan_out(task.channels, spec.width, rank, Geometry::same(3), init);
        let bn1 = Norm::new(NormKind::Batch, spec.width, init);
        let mut blocks = Vec::new();
        let mut channels = spec.width;
        for stage in 0..spec.stages {
            for block in 0..spec.blocks {
                let stride = if stage > 0 && block == 0 && !task.per_step { 2 } else { 1 };
                let outputs = spec.width << stage;
                blocks.push(BasicBlock::new([channels, outputs], stride, spec.shortcut, rank, init));
                channels = outputs;
            }
        }
        let body = Self { conv1, bn1, blocks };
        Ok(Built { body, features: channels, readout: Readout::Mean, head: HeadInit::Torch })
    }
}

impl Body for ResNet {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let mut x = normalise(self.conv1.forward(x), &self.bn1, ctx).map_flat(relu);
        probe(&x, || "conv1".into(), ctx);
        for (i, block) in self.blocks.iter().enumerate() {
            x = block.forward(x, ctx);
            probe(&x, || format!("blocks.{i}"), ctx);
        }
        x
    }

    fn views(&self, _shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        let blocks = self.blocks.iter().enumerate().flat_map(|(i, block)| {
            [("conv1", &block.conv1), ("conv2", &block.conv2)].map(|(name, conv)| (format!("blocks.{i}.{name}"), conv))
        });
        let convolutions = std::iter::once(("conv1".to_owned(), &self.conv1)).chain(blocks);
        Ok(convolutions.map(|(layer, conv)| LayerView::of_kernels(layer, conv.view())).collect())
    }
}

impl BasicBlock {
    /// A block from `inputs` to `outputs` channels.
    pub fn new([inputs, outputs]: [usize; 2], stride: usize, shortcut: Shortcut, rank: usize, init: &mut Init) -> Self {
        let geometry = Geometry::same(3);
        let changes = stride > 1 || inputs != outputs;
        let conv1 = Conv::kaiming_fan_out(inputs, outputs, rank, geometry.strided(stride), init);
        let conv2 = Conv::kaiming_fan_out(outputs, outputs, rank, geometry, init);
        let downsample = (changes && shortcut == Shortcut::Projected).then(|| Projection {
            conv: Conv::kaiming_fan_out(inputs, outputs, rank, Geometry::same(1).strided(stride), init),
            bn: Norm::new(NormKind::Batch, outputs, init),
        });
        let mut norm = || Norm::new(NormKind::Batch, outputs, init);
        Self { conv1, bn1: norm(), conv2, bn2: norm(), downsample, stride }
    }

    /// `[batch, in, positions…]` to `[batch, out, positions…]`.
    pub fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let x = without_padding(x, ctx);
        let h = self.conv1.forward(x.clone());
        // The shortcut takes every `stride`-th position, and so has as many.
        ctx.reduce(|n| self.conv1.outputs(n));
        let h = normalise(h, &self.bn1, ctx).map_flat(relu);
        let h = normalise(self.conv2.forward(without_padding(h, ctx)), &self.bn2, ctx);
        let shape = h.dims();
        let shortcut = match &self.downsample {
            Some(projection) => normalise(projection.conv.forward(x), &projection.bn, ctx).flatten(),
            None => zero_padded(x, self.stride, shape[1]),
        };
        Features::from_flat(add_and_activate(h.flatten(), shortcut, Activation::Relu), &shape[2..])
    }
}

/// Every `stride`-th position of `x` on every axis, padded with zeros to `channels` channels.
///
/// The positions are flattened: `[batch, channels, positions]`.
pub fn zero_padded(x: Features, stride: usize, channels: usize) -> Tensor<3> {
    let x = match x {
        Features::Line(x) => Features::Line(every(x, stride)),
        Features::Plane(x) => Features::Plane(every(x, stride)),
        Features::Volume(x) => Features::Volume(every(x, stride)),
    };
    let x = x.flatten();
    let [batch, inputs, positions] = x.dims();
    if channels == inputs {
        return x;
    }
    let zeros = Tensor::zeros([batch, channels - inputs, positions], (&x.device(), x.dtype()));
    Tensor::cat(vec![x, zeros], 1)
}

/// Every `stride`-th position on every axis after the second.
fn every<const D: usize>(mut x: Tensor<D>, stride: usize) -> Tensor<D> {
    if stride == 1 {
        return x;
    }
    for axis in 2..D {
        let positions = Tensor::arange_step(0..x.dims()[axis] as i64, stride, &x.device());
        x = x.select(axis, positions);
    }
    x
}

fn normalise(x: Features, norm: &Norm, ctx: &Forward<'_>) -> Features {
    x.map_flat(|x| norm.forward(x, ctx))
}

fn probe(x: &Features, layer: impl FnOnce() -> String, ctx: &mut Forward<'_>) {
    ctx.probe(layer, "activation", &x.clone().flatten());
}
