//! One of two bodies, by a setting.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::layers::linear::Pointwise;
use crate::{Body, Features, Forward, GeneratedKernel, LayerView, Measure, ReadError};

/// One of two bodies. Its tensors have the names that they have in that body alone.
#[derive(Module, Debug)]
pub enum Either<A: Body, B: Body> {
    /// The first.
    First(A),
    /// The second.
    Second(B),
}

impl<A: Body, B: Body> Body for Either<A, B> {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        match self {
            Self::First(body) => body.forward(x, ctx),
            Self::Second(body) => body.forward(x, ctx),
        }
    }

    fn deciding(&self) -> Vec<(String, Tensor<1>)> {
        match self {
            Self::First(body) => body.deciding(),
            Self::Second(body) => body.deciding(),
        }
    }

    fn penalty(&self, head: &Pointwise) -> Result<Option<Tensor<1>>, ReadError> {
        match self {
            Self::First(body) => body.penalty(head),
            Self::Second(body) => body.penalty(head),
        }
    }

    fn measures(&self) -> Result<Vec<Measure>, ReadError> {
        match self {
            Self::First(body) => body.measures(),
            Self::Second(body) => body.measures(),
        }
    }

    fn generated_kernels(&self) -> Result<Vec<GeneratedKernel>, ReadError> {
        match self {
            Self::First(body) => body.generated_kernels(),
            Self::Second(body) => body.generated_kernels(),
        }
    }

    fn views(&self, shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        match self {
            Self::First(body) => body.views(shape),
            Self::Second(body) => body.views(shape),
        }
    }

    fn kernel_length(&self) -> Option<usize> {
        match self {
            Self::First(body) => body.kernel_length(),
            Self::Second(body) => body.kernel_length(),
        }
    }
}
