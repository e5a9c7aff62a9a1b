//! Values of tensors on the host.

use burn::tensor::{DType, Tensor};

/// Values that a device does not give back. Nothing may be computed from what was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {what} back from the device: {reason}; start again, and try --device cpu if it happens again")]
pub struct ReadError {
    /// What was read.
    pub what: String,
    /// Why, in the words of the backend.
    pub reason: String,
}

impl ReadError {
    /// `what` could not be read because of `reason`.
    pub fn new(what: impl Into<String>, reason: impl ToString) -> Self {
        Self { what: what.into(), reason: reason.to_string() }
    }
}

/// The values of `tensor`, row-major, converted to 32 bits where they are stored otherwise. `what` names them in the error.
///
/// # Errors
/// The device does not give them, or gives another number of them.
pub fn read<const D: usize>(tensor: Tensor<D>, what: &str) -> Result<Vec<f32>, ReadError> {
    let wanted = tensor.dims().iter().product::<usize>();
    // Converted on the host: a cast would be one more operation on the device.
    let data = tensor.try_into_data().map_err(|error| ReadError::new(what, error))?;
    let data = if data.dtype() == DType::F32 { data } else { data.convert::<f32>() };
    let values = data.try_to_vec::<f32>().map_err(|error| ReadError::new(what, error))?;
    match values.len() {
        found if found == wanted => Ok(values),
        found => Err(ReadError::new(what, format!("{found} values instead of {wanted}"))),
    }
}

/// The value of a tensor of one element; see [`read`].
///
/// # Errors
/// As [`read`], and a tensor of another number of elements.
pub fn read_scalar<const D: usize>(tensor: Tensor<D>, what: &str) -> Result<f32, ReadError> {
    match read(tensor, what)?[..] {
        [value] => Ok(value),
        ref values => Err(ReadError::new(what, format!("{} values instead of one", values.len()))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn values_of_any_precision_and_under_autodiff_are_read() {
        let device = Device::flex();
        let whole = Tensor::<2>::from_data([[1.0f32, 2.0], [3.0, 4.0]], &device);
        assert_eq!(read(whole.clone(), "it").unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(read(whole.autodiff().require_grad(), "it").unwrap(), [1.0, 2.0, 3.0, 4.0]);
        let double = Tensor::<1>::from_data(TensorData::new(vec![0.5f64], [1]), (&device, DType::F64));
        assert_eq!(read_scalar(double, "it").unwrap(), 0.5);
        assert_eq!(read(Tensor::<1>::zeros([0], &device), "it").unwrap(), [0.0f32; 0]);
        assert_eq!(read_scalar(Tensor::<1>::zeros([2], &device), "the loss").unwrap_err().what, "the loss");
    }
}
