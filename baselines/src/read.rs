//! Reading tensors back from the device.

use burn::tensor::{DType, Tensor, TensorData, Transaction};

/// A tensor cannot be read back from its device; nothing may be computed from its values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {what} back from the device: {reason}; start again, and try --device cpu if it happens again")]
pub struct ReadError {
    /// Name of the tensor, for the message.
    pub what: String,
    /// The backend's message.
    pub reason: String,
}

impl ReadError {
    /// An error of the tensor called `what`.
    pub fn new(what: impl Into<String>, reason: impl ToString) -> Self {
        Self { what: what.into(), reason: reason.to_string() }
    }
}

/// Reads the values of `tensor`, row-major and converted to 32 bits; `what` names it in the error.
///
/// # Errors
/// The device does not return the values, or returns another number of them.
pub fn read<const D: usize>(tensor: Tensor<D>, what: &str) -> Result<Vec<f32>, ReadError> {
    let wanted = tensor.dims().iter().product::<usize>();
    let data = tensor.try_into_data().map_err(|error| ReadError::new(what, error))?;
    values(data, wanted, what)
}

/// Reads several tensors in one transfer, so that the device is waited for once; see [`read`].
///
/// # Errors
/// As for [`read`].
pub fn read_all(tensors: Vec<Tensor<1>>, what: &str) -> Result<Vec<Vec<f32>>, ReadError> {
    let wanted: Vec<usize> = tensors.iter().map(|tensor| tensor.dims()[0]).collect();
    let all = tensors.into_iter().fold(Transaction::default(), |all, tensor| all.register(tensor.inner()));
    let found = all.try_execute().map_err(|error| ReadError::new(what, error))?;
    if found.len() != wanted.len() {
        return Err(ReadError::new(what, format!("{} tensors instead of {}", found.len(), wanted.len())));
    }
    found.into_iter().zip(wanted).map(|(data, wanted)| values(data, wanted, what)).collect()
}

/// The `wanted` values of `data`.
fn values(data: TensorData, wanted: usize, what: &str) -> Result<Vec<f32>, ReadError> {
    // Converted on the host: a cast would be one more operation on the device.
    let data = if data.dtype() == DType::F32 { data } else { data.convert::<f32>() };
    let values = data.try_to_vec::<f32>().map_err(|error| ReadError::new(what, error))?;
    match values.len() {
        found if found == wanted => Ok(values),
        found => Err(ReadError::new(what, format!("{found} values instead of {wanted}"))),
    }
}

/// Reads the value of a tensor of one element; see [`read`].
///
/// # Errors
/// As for [`read`], or the tensor has another number of elements.
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
        let several =
            vec![Tensor::<1>::from_data([1.0f32, 2.0], &device), Tensor::<1>::zeros([1], &device.clone().autodiff())];
        assert_eq!(read_all(several, "them").unwrap(), [vec![1.0, 2.0], vec![0.0]]);
        assert_eq!(read_scalar(Tensor::<1>::zeros([2], &device), "the loss").unwrap_err().what, "the loss");
    }
}
