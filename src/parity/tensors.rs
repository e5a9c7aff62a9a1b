//! Tensors between host and device.

use baselines::ReadError;
use baselines::read::read;
use burn::tensor::{Device, Tensor};

/// A device that records gradients.
pub(super) fn autodiff(device: &Device) -> Device {
    device.clone().autodiff()
}

/// Values on the host.
///
/// # Errors
/// They cannot be read from the device.
pub(super) fn host<const D: usize>(value: Tensor<D>) -> Result<Vec<f32>, ReadError> {
    read(value, "a tensor")
}
