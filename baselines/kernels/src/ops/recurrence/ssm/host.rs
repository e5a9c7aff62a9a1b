//! Tensors of any backend as f64 on the host and back.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::{DType, Shape, TensorData, read_sync};

/// `compute` on the values of `operands`, as a tensor of `shape` with their type and device.
pub(super) fn forward<B: Backend>(
    operands: [FloatTensor<B>; 4],
    shape: impl Into<Shape>,
    compute: impl FnOnce(&[Vec<f64>; 4]) -> Vec<f64>,
) -> FloatTensor<B> {
    let like = operands[0].clone();
    write::<B>(compute(&operands.map(read::<B>)), shape.into(), &like)
}

/// The gradients that `compute` finds from the values of `operands` and `g`, each where `wanted`.
pub(super) fn backward<B: Backend>(
    operands: [FloatTensor<B>; 4],
    g: FloatTensor<B>,
    wanted: [bool; 4],
    compute: impl FnOnce(&[Vec<f64>; 4], &[f64]) -> [Vec<f64>; 4],
) -> [Option<FloatTensor<B>>; 4] {
    let like = operands.clone();
    let found = compute(&operands.map(read::<B>), &read::<B>(g));
    let mut all = like.into_iter().zip(found).zip(wanted);
    std::array::from_fn(|_| {
        let ((like, values), wanted) = all.next()?;
        wanted.then(|| write::<B>(values, like.shape(), &like))
    })
}

#[expect(clippy::expect_used, reason = "a device that cannot be read from ends `Tensor::into_data` in the same way")]
fn read<B: Backend>(tensor: FloatTensor<B>) -> Vec<f64> {
    let data = read_sync(B::float_into_data(tensor)).expect("the device returns its values");
    data.iter::<f64>().collect()
}

fn write<B: Backend>(values: Vec<f64>, shape: Shape, like: &FloatTensor<B>) -> FloatTensor<B> {
    let dtype: DType = like.dtype();
    B::float_from_data(TensorData::new(values, shape).convert_dtype(dtype), &like.device())
}
