//! LibTorch's cross-entropy.

use tch::{Reduction, Tensor};

use super::labels::counted;

/// What stands for a label that does not count.
const IGNORED: i64 = -1;

/// The mean.
pub(super) fn forward([logits]: [&Tensor; 1], labels: &[i32]) -> Vec<Tensor> {
    let size = logits.size();
    let labels_of_positions: Vec<i64> = labels.iter().map(|&label| i64::from(label).max(IGNORED)).collect();
    let target = Tensor::from_slice(&labels_of_positions).view([size[0], size[2]]).to_device(logits.device());
    // The mean of none is zero, not what LibTorch's would be.
    let sum = logits.cross_entropy_loss(&target, None::<&Tensor>, Reduction::Sum, IGNORED, 0.0);
    vec![(sum / counted(labels)).reshape([1])]
}
