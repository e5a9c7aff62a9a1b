//! FlexNet and FlexTCN, `rjbruin/flexconv`.

use baselines::layers::{FlexConv, FlexConvSpec, Frequency, KernelInit, KernelNetworkKind, ReferenceVersion, Window};
use baselines::{Init, reference};
use burn::tensor::Device;
use serde_json::{Value, json};

use super::{centred, kernel_network, threshold};
use crate::parity::{Comparison, Golden, ParityError, RecordedTensor, check};

/// `flexnet.magnet`: the kernel network alone, at `input.positions`, `[1, axes, positions…]`.
pub(super) fn magnet(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    kernel_network(golden, Frequency::InputScale(golden.number("input_scale")?), &reference::flexconv, device)
}

/// `flexnet.conv`: one convolution, causal for sequences and centred for images.
pub(super) fn conv(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let inputs = golden.count("in_channels")?;
    let x = RecordedTensor::read(golden, "x", inputs, false, device)?;
    let causal = x.shape.len() == 1;
    described(golden, &x)?;
    let size = kernel_size(golden)?;
    let sizes: Vec<usize> = x.shape.iter().map(|&n| size.unwrap_or(n)).collect();
    centred(&sizes, causal)?;
    let spec = FlexConvSpec {
        inputs,
        outputs: golden.count("out_channels")?,
        window: Window { sizes, causal, threshold: threshold(golden)? },
        version: ReferenceVersion::FlexNet,
        separable: false,
        kernel_network: KernelNetworkKind::Magnet,
        kernel_hidden: golden.count("kernel_hidden")?,
        kernel_layers: golden.count("no_layers")?,
        frequency: Frequency::InputScale(golden.number("input_scale")?),
        mask_init: Some(golden.number("mask_init")?),
        init: KernelInit::Original,
        kernel_scale: golden.number_or_one("sampling_rate_norm")?,
        // Only where the original convolves by the FFT is its error on odd lengths to be reproduced.
        reference_bugs: golden.flag_or("use_fft", false)?,
    };
    let conv = FlexConv::new(&spec, &mut Init::new(0, &check::autodiff(device)))?;
    let conv = check::load(golden, conv, &reference::flexconv)?;
    let y = check::forward(golden, |ctx| conv.forward(x.tensor(), &x.shape, "conv", ctx))?;
    check::module(golden, &conv, y, Some(&x), &reference::flexconv)
}

/// `flexnet.network` and `flextcn.network`: of images or of sequences.
pub(super) fn network(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let channels = golden.count("in_channels")?;
    let x = RecordedTensor::read(golden, "x", channels, false, device)?;
    described(golden, &x)?;
    let norm = match golden.setting("norm").as_str() {
        None | Some("BatchNorm") => "batch",
        Some(other) => return Err(ParityError::Unsupported(format!("`build.norm` is {other}"))),
    };
    let mut config = json!({
        "hidden": golden.count("hidden")?, "kernel_hidden": golden.count("kernel_hidden")?,
        "kernel_layers": golden.count("no_layers")?, "input_scale": golden.number("input_scale")?,
        "kernel_size": kernel_size(golden)?, "mask_init": golden.number("mask_init")?,
        "mask_threshold": threshold(golden)?, "sampling_rate_norm": golden.number_or_one("sampling_rate_norm")?,
        "norm": norm, "dropout": 0.0, "faithful": golden.flag_or("use_fft", false)?,
    });
    let blocks = golden.count("blocks")?;
    let factors = golden.setting("width_factors");
    config["width_factors"] = if factors.is_null() { json!(vec![1.0; blocks]) } else { factors.clone() };
    let mut model = check::build("flexnet", &config, channels, &x.shape, golden.count("classes")?, device)?;
    let rename = if x.shape.len() == 1 { reference::flextcn } else { reference::flexconv };
    check::network(golden, model.as_mut(), &x, &rename)
}

/// Settings that have one value only, and must fit the input.
fn described(golden: &Golden, x: &RecordedTensor) -> Result<(), ParityError> {
    golden.only("data_dim", &[json!(x.shape.len())])?;
    golden.only("causal", &[json!(x.shape.len() == 1)])?;
    golden.only("mask_type", &[json!("gaussian")])?;
    golden.only("nonlinearity", &[json!("ReLU")])
}

/// Positions per axis; none where they are those of the input.
fn kernel_size(golden: &Golden) -> Result<Option<usize>, ParityError> {
    let refuse = |value: &Value| ParityError::Unsupported(format!("`build.kernel_size` is {value}"));
    match golden.setting("kernel_size") {
        Value::Null => Ok(None),
        Value::String(text) if text == "same" => Ok(None),
        value @ Value::String(text) => text.parse().map(Some).map_err(|_| refuse(value)),
        value => value.as_u64().and_then(|n| usize::try_from(n).ok()).map(Some).ok_or_else(|| refuse(value)),
    }
}
