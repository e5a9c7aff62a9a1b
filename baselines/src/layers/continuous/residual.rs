//! Residual blocks around [`FlexConv`]s.

use burn::tensor::Tensor;

use super::flexconv::{FlexConv, FlexConvSpec, ReferenceVersion};
use super::generated::GeneratedConv;
use crate::inspect::views::Kernels;
use crate::layers::linear::Pointwise;
use crate::layers::residual::{Convolution, DrawLinear, ResidualBlock, ResidualSpec};
use crate::{BuildError, Forward, GeneratedKernel, Init, ReadError};

impl Convolution for FlexConv {
    fn forward(&self, x: Tensor<3>, shape: &[usize], layer: &str, ctx: &mut Forward<'_>) -> Tensor<3> {
        self.forward(x, shape, layer, ctx)
    }

    fn deciding(&self) -> Option<Tensor<1>> {
        self.mask_parameters()
    }

    fn kernel(&self) -> Result<Tensor<2>, ReadError> {
        GeneratedConv::kernel(self)
    }

    fn view(&self) -> Result<Kernels, ReadError> {
        GeneratedConv::view(self)
    }

    fn generated(&self, layer: String) -> Result<Option<GeneratedKernel>, ReadError> {
        GeneratedConv::generated(self, layer).map(Some)
    }
}

impl ReferenceVersion {
    /// How the reference program draws the linear maps of its blocks.
    pub fn linear(self) -> DrawLinear {
        match self {
            Self::Ccnn => Pointwise::kaiming_normal,
            Self::FlexNet => Pointwise::torch,
        }
    }
}

/// A block from `conv.inputs` to `conv.outputs` channels.
///
/// # Errors
/// See [`FlexConv::new`].
pub fn flex_block(
    conv: &FlexConvSpec,
    spec: ResidualSpec,
    init: &mut Init,
) -> Result<ResidualBlock<FlexConv>, BuildError> {
    let make = |inputs, init: &mut Init| FlexConv::new(&FlexConvSpec { inputs, ..conv.clone() }, init);
    ResidualBlock::new([conv.inputs, conv.outputs], spec, conv.version.linear(), init, make)
}
