//! `torch.nn` recurrent networks with a linear head.

use baselines::reference;
use burn::tensor::Device;
use serde_json::json;

use crate::parity::{Comparison, Golden, ParityError, RecordedTensor, check};

/// `rnn.network`: cell `rnn`, `gru` or `lstm`; input `[batch, length, channels]` unless `input_layout` says otherwise.
pub(super) fn network(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    golden.only("cell", &[json!("rnn"), json!("gru"), json!("lstm")])?;
    golden.only("bias", &[json!(true)])?;
    golden.only("bidirectional", &[json!(false)])?;
    golden.only("nonlinearity", &[json!("tanh")])?;
    golden.only("read_out", &[json!("last"), json!("mean")])?;
    let channels_first = golden.note("input_layout").as_str().is_some_and(|layout| layout.starts_with("(B,C"));
    let input = RecordedTensor::read(golden, "x", golden.count("input_size")?, !channels_first, device)?;
    let readout = if golden.has("read_out") { golden.text("read_out")? } else { "last" };
    let config = json!({
        "hidden": golden.count("hidden")?, "layers": golden.count("layers")?, "readout": readout, "dropout": 0.0,
    });
    let (channels, classes) = (golden.count("input_size")?, golden.count("classes")?);
    let mut model = check::build(golden.text("cell")?, &config, channels, &input.shape, classes, device)?;
    check::network(golden, model.as_mut(), &input, &reference::torch_recurrent)
}
