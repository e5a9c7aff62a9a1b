//! Flex tensors as slices and back.

use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::{Flex, ops::FloatTensorOps};
use burn::tensor::{Bytes, DType, FloatDType, Shape};

use super::buffer::Buffer;
use super::simd::real::Real;

/// The type that values of type `dtype` are computed in: half precision in f32.
pub(crate) fn working_type(dtype: DType) -> FloatDType {
    if dtype == DType::F64 { FloatDType::F64 } else { FloatDType::F32 }
}

/// `tensor` without gaps and in its working type.
pub(crate) fn prepare(tensor: FlexTensor) -> FlexTensor {
    let working = working_type(tensor.dtype());
    let tensor = if tensor.dtype() == working.into() { tensor } else { Flex::float_cast(tensor, working) };
    tensor.to_contiguous()
}

/// The elements of a prepared tensor.
pub(crate) fn values<T: Real>(tensor: &FlexTensor) -> &[T] {
    let layout = tensor.layout();
    &tensor.storage::<T>()[layout.start_offset()..][..layout.num_elements()]
}

/// A tensor that owns `values`.
pub(crate) fn tensor<T: Real>(values: impl Values<T>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::new(values.bytes(), Layout::contiguous(shape.into()), T::TYPE)
}

/// Elements that can be those of a tensor.
pub(crate) trait Values<T> {
    fn bytes(self) -> Bytes;
}

impl<T: Real> Values<T> for Vec<T> {
    fn bytes(self) -> Bytes {
        Bytes::from_elems(self)
    }
}

impl<T: Real> Values<T> for Buffer<T> {
    fn bytes(self) -> Bytes {
        self.into_bytes()
    }
}

/// `tensor` as `dtype`, the type its operands had.
pub(crate) fn finish(tensor: FlexTensor, dtype: DType) -> FlexTensor {
    if tensor.dtype() == dtype { tensor } else { Flex::float_cast(tensor, dtype.into()) }
}
