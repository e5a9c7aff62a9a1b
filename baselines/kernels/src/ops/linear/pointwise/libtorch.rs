//! Pointwise maps in LibTorch: a matrix product per sample, the bias within.

use crate::libtorch::{TorchTensor, new};

/// `[batch, out, positions]`
pub(super) fn forward([x, weight, bias]: &[TorchTensor; 3]) -> TorchTensor {
    let (x, weight) = (&x.tensor, &weight.tensor);
    let (batch, size) = (x.size()[0], weight.size());
    let weight = weight.unsqueeze(0).expand([batch, size[0], size[1]], false);
    new(bias.tensor.view([1, -1, 1]).baddbmm(&weight, x, 1.0, 1.0))
}

/// The gradients of input, weight and bias that are `wanted`.
pub(super) fn backward(
    x: &TorchTensor,
    weight: &TorchTensor,
    g: &TorchTensor,
    wanted: [bool; 3],
) -> [Option<TorchTensor>; 3] {
    let (x, weight, g) = (&x.tensor, &weight.tensor, &g.tensor);
    let (batch, size) = (x.size()[0], weight.size());
    let dx = || weight.tr().unsqueeze(0).expand([batch, size[1], size[0]], false).bmm(g);
    let d_weight = || g.bmm(&x.transpose(1, 2)).sum_dim_intlist([0_i64].as_slice(), false, None);
    let d_bias = || g.sum_dim_intlist([0_i64, 2].as_slice(), false, None);
    [wanted[0].then(dx).map(new), wanted[1].then(d_weight).map(new), wanted[2].then(d_bias).map(new)]
}
