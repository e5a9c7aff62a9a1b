//! CKCNN, `dwromero/ckconv`.

use baselines::layers::{CkConv, CkConvSpec, KernelInit, Siren};
use baselines::models::continuous::ckcnn::{CkBlock, CkcnnConfig};
use baselines::{Init, reference};
use burn::tensor::Device;
use serde_json::json;

use crate::parity::{Comparison, Golden, GoldenError, ParityError, RecordedTensor, check};

/// `ckcnn.kernel`: the SIREN alone, at `input.positions`, `[1, 1, positions]`.
pub(super) fn kernel(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let positions = RecordedTensor::read(golden, "positions", 1, false, device)?;
    let mut init = Init::new(0, &check::autodiff(device));
    let (hidden, omega_0) = (golden.count("kernel_hidden")?, golden.number("omega_0")?);
    let siren = Siren::new(hidden, outputs(golden)?, omega_0, false, &mut init);
    let siren = check::load(golden, siren, &reference::ckconv)?;
    let y = siren.forward(positions.tensor().squeeze_dim::<2>(0));
    check::module(golden, &siren, y, Some(&positions), &reference::ckconv)
}

/// `ckcnn.conv`: one convolution, at another length than that of training where `train_length` says so.
pub(super) fn conv(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let inputs = golden.count("in_channels")?;
    let x = RecordedTensor::read(golden, "x", inputs, false, device)?;
    let spec = CkConvSpec {
        inputs,
        outputs: outputs(golden)?,
        length: trained_length(golden)?,
        kernel_hidden: golden.count("kernel_hidden")?,
        omega_0: golden.number("omega_0")?,
        init: KernelInit::Off,
        rectified: false,
        reference_bugs: true,
    };
    let conv = CkConv::new(&spec, &mut Init::new(0, &check::autodiff(device)))?;
    let conv = check::load(golden, conv, &reference::ckconv)?;
    let y = check::forward(golden, |ctx| conv.forward(x.tensor(), "conv", ctx))?;
    check::module(golden, &conv, y, Some(&x), &reference::ckconv)
}

/// `ckcnn.block`: two convolutions with norms and a shortcut.
pub(super) fn block(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let inputs = golden.count("in_channels")?;
    let x = RecordedTensor::read(golden, "x", inputs, false, device)?;
    let config = CkcnnConfig {
        hidden: outputs(golden)?,
        kernel_hidden: golden.count("kernel_hidden")?,
        omega_0: golden.number("omega_0")?,
        dropout: 0.0,
        reference_bugs: true,
        ..CkcnnConfig::default()
    };
    let mut init = Init::new(0, &check::autodiff(device));
    let block = CkBlock::new(inputs, trained_length(golden)?, false, &config, &mut init)?;
    let block = check::load(golden, block, &reference::ckconv)?;
    let y = check::forward(golden, |ctx| block.forward(x.tensor(), "block", ctx))?;
    check::module(golden, &block, y, Some(&x), &reference::ckconv)
}

/// `ckcnn.network`
pub(super) fn network(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let channels = golden.count("in_channels")?;
    let x = RecordedTensor::read(golden, "x", channels, false, device)?;
    let length = trained_length(golden)?;
    let config = json!({
        "blocks": golden.count("blocks")?, "hidden": golden.count("hidden")?, "omega_0": golden.number("omega_0")?,
        "kernel_hidden": golden.count("kernel_hidden")?, "dropout": 0.0, "faithful": true,
    });
    let mut model = check::build("ckcnn", &config, channels, &[length], golden.count("classes")?, device)?;
    check::network(golden, model.as_mut(), &x, &reference::ckconv)
}

/// Positions of a training input, which may differ from those of `input.x`.
fn trained_length(golden: &Golden) -> Result<usize, GoldenError> {
    golden.count(if golden.has("train_length") { "train_length" } else { "length" })
}

/// Channels of `output.y`, `[batch, channels, positions]`.
fn outputs(golden: &Golden) -> Result<usize, GoldenError> {
    match golden.get("output.y")?.shape.as_slice() {
        &[_, channels, _] if channels > 0 => Ok(channels),
        shape => Err(golden.fault("output.y", format!("has shape {shape:?}, not [batch, channels, positions]"))),
    }
}
