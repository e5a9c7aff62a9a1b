//! Pointwise maps on a GPU: a matrix product per item, biases and their gradients in one launch each.

use burn::backend::Cube;
use burn::backend::ops::FloatTensorOps;
use burn_cubecl::tensor::CubeTensor;

use crate::ops::elementwise::channel_affine::cube::{shifted, sums};
use crate::precision::Precision;
use crate::value::Value;

/// `[batch, out, positions]` from input, weight and bias; `None` where the kernel does not apply.
pub(super) fn forward([x, weight, bias]: [&CubeTensor; 3], precision: Precision) -> Option<CubeTensor> {
    let weight = Value::<Cube>(weight.clone());
    let (o, i) = (weight.dim(0), weight.dim(1));
    let product = weight.reshape([1, o, i]).matmul(Value(x.clone()), precision);
    shifted(&product.0, bias)
}

/// The gradients of input, weight and bias that are `wanted`, from input and weight; `None` where the kernel does not apply.
pub(super) fn backward(
    [x, weight]: [&CubeTensor; 2],
    g: &CubeTensor,
    wanted: [bool; 3],
    precision: Precision,
) -> Option<[Option<CubeTensor>; 3]> {
    let [x, weight, g] = [x, weight, g].map(|operand| Value::<Cube>(operand.clone()));
    let (o, i) = (weight.dim(0), weight.dim(1));
    let d_bias = if wanted[2] { Some(sums(&g.0)?) } else { None };
    let dx = wanted[0].then(|| weight.permute(&[1, 0]).reshape([1, i, o]).matmul(g.clone(), precision).0);
    let d_weight = wanted[1].then(|| {
        let of_items = g.matmul(x.permute(&[0, 2, 1]), precision);
        let sum = if of_items.dim(0) == 1 { of_items } else { of_items.sum(0) };
        Cube::float_reshape(sum.0, [o, i].into())
    });
    Some([dx, d_weight, d_bias])
}
