//! Operations on tensors of any backend.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Dispatch, DispatchTensor, TensorMetadata};
use burn::tensor::Tensor;

use super::contract::Kernels;
use super::contract::Operation;
use super::inputs::Inputs;

/// The outputs of `operation`.
///
/// # Panics
/// If the shapes of the inputs do not fit together.
pub(crate) fn call<O: Operation<N>, const N: usize>(operation: O, inputs: [DispatchTensor; N]) -> Vec<DispatchTensor> {
    let shapes = inputs.each_ref().map(TensorMetadata::shape);
    let shape = operation.shape(&shapes);
    if shapes.iter().chain([&shape]).any(|shape| shape.num_elements() == 0) {
        let (device, dtype) = (inputs[0].device(), inputs[0].dtype());
        let zeros = || Dispatch::float_zeros(shape.clone(), &device, dtype.into());
        return (0..O::OUTPUTS).map(|_| zeros()).collect();
    }
    Dispatch::run(operation, Inputs(inputs.into()))
}

/// The first output of `operation`, see [`call`].
pub(crate) fn first<O: Operation<N>, const N: usize, const D: usize>(
    operation: O,
    inputs: [DispatchTensor; N],
) -> Tensor<D> {
    Tensor::from_dispatch(call(operation, inputs).swap_remove(0))
}
