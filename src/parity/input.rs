//! Recorded inputs, which gradients can be asked of.

use baselines::network::{Input, InputValues};
use baselines::{Features, ReadError};
use burn::tensor::{Device, Gradients, Tensor, TensorData};

use super::compare::same_layout;
use super::tensors::{autodiff, host};
use super::{Golden, GoldenError};

/// A recorded input as `[batch, channels, positions]` that gradients can be asked of, and its positions per axis.
pub(super) struct RecordedTensor {
    /// Name in the golden, without `input.`.
    name: &'static str,
    /// As recorded, with all positions on one axis.
    value: Tensor<3>,
    /// Whether positions come before channels.
    channels_last: bool,
    /// Positions per axis.
    pub(super) shape: Vec<usize>,
}

impl RecordedTensor {
    /// Read `input.<name>`: `[batch, channels, positions…]`, or `[batch, length, channels]` if `channels_last`.
    ///
    /// # Errors
    /// A tensor that is missing, of another rank, or of another number of channels.
    pub(super) fn read(
        golden: &Golden,
        name: &'static str,
        channels: usize,
        channels_last: bool,
        device: &Device,
    ) -> Result<Self, GoldenError> {
        let key = format!("input.{name}");
        let stored = golden.get(&key)?;
        let wrong = |wanted: &str| golden.fault(&key, format!("has shape {:?}, not {wanted}", stored.shape));
        let &[batch, second, ref rest @ ..] = stored.shape.as_slice() else {
            return Err(wrong("[batch, channels, positions]"));
        };
        let flat = [batch, second, rest.iter().product()];
        let (found, shape) = match (channels_last, rest) {
            (true, &[last]) => (last, vec![second]),
            (false, [_] | [_, _] | [_, _, _]) => (second, rest.to_vec()),
            _ => return Err(wrong("one to three axes of positions")),
        };
        if found != channels {
            return Err(wrong(&format!("{channels} channels")));
        }
        if stored.values.is_empty() {
            return Err(wrong("a shape with elements"));
        }
        let value = Tensor::from_data(TensorData::new(stored.to_f32(), flat), &autodiff(device)).require_grad();
        Ok(Self { name, value, channels_last, shape })
    }

    /// Read `input.<name>` of any number of axes as one of shape `dims`, with neighbouring axes taken together or axes of
    /// length one added.
    ///
    /// # Errors
    /// A tensor that is missing, or of a shape that `dims` is not a view of.
    pub(super) fn view(
        golden: &Golden,
        name: &'static str,
        dims: [usize; 3],
        device: &Device,
    ) -> Result<Self, GoldenError> {
        let key = format!("input.{name}");
        let stored = golden.get(&key)?;
        if stored.values.len() != dims.iter().product::<usize>() || !same_layout(&stored.shape, &dims) {
            return Err(golden.fault(&key, format!("has shape {:?}, not {dims:?}", stored.shape)));
        }
        let value = Tensor::from_data(TensorData::new(stored.to_f32(), dims), &autodiff(device)).require_grad();
        Ok(Self { name, value, channels_last: false, shape: vec![dims[2]] })
    }

    /// Name in the golden, without `input.`.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// `[batch, channels, positions]`.
    pub(super) fn tensor(&self) -> Tensor<3> {
        if self.channels_last { self.value.clone().swap_dims(1, 2) } else { self.value.clone() }
    }

    /// `y`, `[batch, channels, positions]`, with its axes in the order of this input's.
    pub(super) fn as_recorded(&self, y: Tensor<3>) -> Tensor<3> {
        if self.channels_last { y.swap_dims(1, 2) } else { y }
    }

    /// For a network.
    pub(super) fn input(&self) -> Input {
        Input { values: InputValues::Values(Features::from_flat(self.tensor(), &self.shape)), lengths: None }
    }

    /// Its gradient, in the order of the recorded tensor; `None` where the loss does not depend on it.
    ///
    /// # Errors
    /// It cannot be read from the device.
    pub(super) fn gradient(&self, gradients: &Gradients) -> Result<Option<Vec<f32>>, ReadError> {
        self.value.grad(gradients).map(host).transpose()
    }
}
