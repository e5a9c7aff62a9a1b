//! Tensors of known values, and gradients by finite differences in f64.
#![allow(dead_code, reason = "every test program uses a part of it")]

use baselines::Init;
use burn::tensor::{DType, Device, Tensor, TensorData};

/// Values in [−1, 1] from a fixed stream.
pub fn values(n: usize, seed: u64) -> Vec<f64> {
    let mut init = Init::new(seed, &Device::flex());
    (0..n).map(|_| init.standard_normal().clamp(-3.0, 3.0) / 3.0).collect()
}

/// An f64 tensor that may carry gradients.
pub fn tensor<const D: usize>(values: &[f64], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&Device::flex().autodiff(), DType::F64))
}

/// The values of a tensor, row-major.
pub fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

/// Whether every derivative of `f` at `at` is that of central differences.
pub fn check_gradient<const D: usize>(what: &str, at: &[f64], shape: [usize; D], f: impl Fn(Tensor<D>) -> Tensor<1>) {
    let leaf = tensor(at, shape).require_grad();
    let gradient = read(leaf.grad(&f(leaf.clone()).backward()).unwrap());
    let scale = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
    assert!(scale > 1e-3, "{what}: the gradient vanishes");
    let step = 1e-6;
    let mut moved = at.to_vec();
    for i in 0..at.len() {
        let mut value = |by: f64| {
            moved[i] = at[i] + by;
            read(f(tensor(&moved, shape)))[0]
        };
        let numeric = (value(step) - value(-step)) / (2.0 * step);
        moved[i] = at[i];
        let error = (numeric - gradient[i]).abs();
        assert!(error < 1e-6 * scale.max(1.0), "{what}[{i}]: {numeric} numeric, {} analytic", gradient[i]);
    }
}
