//! LibTorch's batch normalisation.

use tch::Tensor;

/// Normalised input, mean and biased variance.
pub(super) fn forward([x, gamma, beta]: [&Tensor; 3], epsilon: f64) -> Vec<Tensor> {
    let size = x.size();
    let n = (size[0] * size[2]) as f64;
    // Running statistics that keep nothing of what they were are those of the batch, the variance unbiased.
    let statistics = || Tensor::zeros_like(&gamma.detach());
    let (mean, variance) = (statistics(), statistics());
    let y = x.batch_norm(Some(gamma), Some(beta), Some(&mean), Some(&variance), true, 1.0, epsilon, true);
    let variance = if n > 1.0 { variance * ((n - 1.0) / n) } else { statistics() };
    vec![y, mean, variance]
}
