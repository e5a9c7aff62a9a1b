//! What the declaration of an operation names.

#[cfg(feature = "cube")]
pub(crate) use burn::backend::Cube;
pub(crate) use burn::backend::Flex;
#[cfg(feature = "tch")]
pub(crate) use burn::backend::LibTorch;
pub(crate) use burn::backend::flex::FlexTensor;
pub(crate) use burn::backend::tensor::FloatTensor;
pub(crate) use burn::tensor::{Shape, Tensor};
#[cfg(feature = "cube")]
pub(crate) use burn_cubecl::tensor::CubeTensor;
#[cfg(feature = "tch")]
pub(crate) use tch::Tensor as TchTensor;

pub(crate) use super::call::{call, first};
pub(crate) use super::contract::Kernels;
#[cfg(test)]
pub(crate) use super::contract::{Example, Sample};
pub(crate) use super::contract::{FlexTypes, Grads, Operation, Tensors, tested};
pub(crate) use super::inputs::{Inputs, take};
pub(crate) use crate::cpu::element::Element;
#[cfg(feature = "tch")]
pub(crate) use crate::libtorch::{self, TorchTensor};
