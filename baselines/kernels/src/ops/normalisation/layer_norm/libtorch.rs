//! LibTorch's layer normalisation, whose values are the last axis.

use tch::Tensor;

/// The output.
pub(super) fn forward([x]: [&Tensor; 1], epsilon: f64, centred: bool) -> Vec<Tensor> {
    let values = [x.size()[1]];
    let x = x.transpose(1, 2);
    let y = match centred {
        true => x.layer_norm(values, None::<&Tensor>, None::<&Tensor>, epsilon, true),
        false => x.rms_norm(values, None::<&Tensor>, epsilon),
    };
    vec![y.transpose(1, 2)]
}
