//! The network of CCNN: a convolution, residual blocks, a normalisation.

use burn::module::Module;
use burn::tensor::Tensor;

use super::block::{BlockKind, Convolution, DrawLinear, ResidualBlock, ResidualSpec, convolutions, deciding};
use super::penalty::{norm, parameter_norms};
use crate::layers::linear::Pointwise;
use crate::layers::norm::Norm;
use crate::{
    Body, BuildError, Built, Features, Forward, GeneratedKernel, HeadInit, Init, LayerView, Measure, ReadError, Readout,
};
use kernels::Activation;

/// Configuration of a [`ResidualNetwork`], without its convolutions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResidualNetworkSpec {
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the blocks.
    pub hidden: usize,
    /// Number of blocks.
    pub blocks: usize,
    /// Form of the blocks.
    pub residual: ResidualSpec,
    /// Factor on the sum of the norms of parameters and kernels that is added to the loss.
    pub weight_penalty: f64,
}

/// Convolution → norm → nonlinearity, residual blocks, norm; a whole body.
#[derive(Module, Debug)]
pub struct ResidualNetwork<C: Convolution> {
    /// From the input's channels to the hidden ones.
    pub conv1: C,
    /// After `conv1`.
    pub norm1: Norm,
    /// From the first block to the last.
    pub blocks: Vec<ResidualBlock<C>>,
    /// After the last block, where blocks normalise before their convolution.
    pub out_norm: Option<Norm>,
    #[module(skip)]
    nonlinearity: Activation,
    #[module(skip)]
    weight_penalty: f64,
}

impl<C: Convolution> ResidualNetwork<C> {
    /// A network read out by the mean over positions.
    ///
    /// `stem` makes the first convolution and `conv` those of the blocks, from so many channels to `spec.hidden`.
    ///
    /// # Errors
    /// Those of `stem` and `conv`.
    pub(crate) fn build(
        spec: &ResidualNetworkSpec,
        linear: DrawLinear,
        init: &mut Init,
        stem: impl Fn(usize, &mut Init) -> Result<C, BuildError>,
        conv: impl Fn(usize, &mut Init) -> Result<C, BuildError>,
    ) -> Result<Built<Self>, BuildError> {
        let (hidden, residual) = (spec.hidden, spec.residual);
        let body = Self {
            conv1: stem(spec.inputs, init)?,
            norm1: Norm::new(residual.norm, hidden, init),
            blocks: (0..spec.blocks)
                .map(|_| ResidualBlock::new([hidden, hidden], residual, linear, init, &conv))
                .collect::<Result<_, _>>()?,
            out_norm: (residual.kind == BlockKind::S4 && residual.prenorm)
                .then(|| Norm::new(residual.norm, hidden, init)),
            nonlinearity: residual.nonlinearity,
            weight_penalty: spec.weight_penalty,
        };
        Ok(Built { body, features: hidden, readout: Readout::Mean, head: HeadInit::KaimingNormal })
    }

    fn convolutions(&self) -> impl Iterator<Item = (String, &C)> {
        convolutions(Some(&self.conv1), &self.blocks)
    }
}

impl<C: Convolution> Body for ResidualNetwork<C> {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let shape = x.dims().split_off(2);
        let x = self.conv1.forward(x.flatten(), &shape, "conv1", ctx);
        let mut x = self.nonlinearity.apply(self.norm1.forward(x, ctx));
        for (i, block) in self.blocks.iter().enumerate() {
            x = block.forward(x, &shape, &format!("blocks.{i}"), ctx);
        }
        let x = match &self.out_norm {
            Some(out_norm) => out_norm.forward(x, ctx),
            None => x,
        };
        Features::from_flat(x, &shape)
    }

    fn deciding(&self) -> Vec<(String, Tensor<1>)> {
        deciding(self.convolutions())
    }

    fn views(&self, _shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        self.convolutions().map(|(layer, conv)| Ok(LayerView::of_kernels(layer, conv.view()?))).collect()
    }

    fn generated_kernels(&self) -> Result<Vec<GeneratedKernel>, ReadError> {
        self.convolutions().filter_map(|(layer, conv)| conv.generated(layer).transpose()).collect()
    }

    fn penalty(&self, head: &Pointwise) -> Result<Option<Tensor<1>>, ReadError> {
        if self.weight_penalty == 0.0 {
            return Ok(None);
        }
        let kernels = self.measures()?.into_iter().map(|measure| measure.value);
        let parameters = [parameter_norms(self), parameter_norms(head)].into_iter().flatten();
        Ok(kernels.chain(parameters).reduce(|sum, term| sum + term).map(|sum| sum * self.weight_penalty))
    }

    fn measures(&self) -> Result<Vec<Measure>, ReadError> {
        let norms = self.convolutions().map(|(layer, conv)| Ok((layer, norm(conv.kernel()?))));
        norms.map(|found| found.map(|(layer, norm)| Measure::new(layer, "kernel_norm", norm))).collect()
    }
}
