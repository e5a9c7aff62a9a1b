//! The transfer of a batch to the device.

use baselines::Features;
use baselines::network::{Input, InputValues};
use burn::tensor::{Device, Int, Tensor, TensorData};
use datasets::{InputSpec, Inputs};

/// Move the inputs of a batch, whose samples have these `lengths`, to `device`; pairs have two rows per sample.
pub(crate) fn to_device(inputs: Inputs, lengths: Option<Vec<usize>>, spec: &InputSpec, device: &Device) -> Input {
    let values = match inputs {
        Inputs::Tokens(tokens) => {
            let length = match spec {
                InputSpec::Tokens { length, .. } => *length,
                InputSpec::Values { shape, .. } => shape.iter().product(),
            };
            let rows = tokens.len() / length.max(1);
            InputValues::Tokens(Tensor::<2, Int>::from_data(TensorData::new(tokens, [rows, length]), device))
        }
        Inputs::Values(values) => {
            let (channels, shape) = match spec {
                InputSpec::Values { channels, shape } => (*channels, shape.as_slice()),
                InputSpec::Tokens { length, .. } => (1, std::slice::from_ref(length)),
            };
            let positions = shape.iter().product::<usize>();
            let rows = values.len() / (channels * positions).max(1);
            let flat = TensorData::new(values, [rows, channels, positions]);
            InputValues::Values(Features::from_flat(Tensor::<3>::from_data(flat, device), shape))
        }
    };
    Input { values, lengths }
}
