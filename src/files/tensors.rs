//! The tensors of a network in host memory, by parameter name.

use std::collections::BTreeMap;

use baselines::{Model, ReadError, read::read};
use burn::tensor::{Device, Tensor, TensorData};

/// Tensors of a network by parameter name: shape and values.
pub(crate) type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Copy the tensors of `model` to the host.
///
/// # Errors
/// One of them cannot be read from the device.
pub(crate) fn weights(model: &dyn Model) -> Result<Weights, ReadError> {
    let mut weights = Ok(Weights::new());
    model.visit(&mut |parameter, value| {
        let Ok(read_so_far) = &mut weights else { return };
        match read(value, &parameter.name) {
            Ok(values) => {
                read_so_far.insert(parameter.name.clone(), (parameter.shape.clone(), values));
            }
            Err(error) => weights = Err(error),
        }
    });
    weights
}

/// Put `weights` into `model`.
///
/// # Errors
/// The tensor that is missing or has another shape, in words; the model stays as it was.
pub(crate) fn restore(model: &mut dyn Model, weights: &Weights) -> Result<(), String> {
    for parameter in model.parameters() {
        match weights.get(&parameter.name) {
            None => return Err(format!("`{}` is missing", parameter.name)),
            Some((shape, _)) if *shape != parameter.shape => {
                return Err(format!("`{}` has shape {shape:?}, not {:?}", parameter.name, parameter.shape));
            }
            Some(_) => {}
        }
    }
    model.replace(&mut |name, old| weights.get(name).map(|(_, values)| to_device(values, &old.device())));
    Ok(())
}

/// `values` on `device`, flat, without autodiff.
pub(crate) fn to_device(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &device.clone().without_autodiff())
}
