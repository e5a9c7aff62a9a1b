//! CCNN, `david-knigge/ccnn`.

use std::collections::BTreeSet;

use baselines::forward::DropoutKind;
use baselines::kernels::Activation;
use baselines::layers::{
    BlockKind, FlexConv, FlexConvSpec, Frequency, KernelInit, KernelNetworkKind, NormKind, ReferenceVersion,
    ResidualBlock, ResidualSpec, Window,
};
use baselines::{Init, Model, named, reference};
use burn::tensor::Device;
use serde_json::{Value, json};

use super::{centred, kernel_network, threshold};
use crate::experiment::{OptimiserKind, Training};
use crate::parity::loss::loss;
use crate::parity::{Comparison, Golden, OurOutput, ParityError, RecordedTensor, check};
use crate::training::Optimiser;

/// Bound of weights after optimiser steps, whose updates hang on the signs of small gradients.
const TRAINED: f64 = 1e-2;

/// `ccnn.magnet`: the kernel network alone, at `input.positions`, `[1, axes, positions…]`.
pub(super) fn magnet(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    kernel_network(golden, Frequency::Omega0(golden.number("omega_0")?), &reference::ccnn, device)
}

/// `ccnn.flexconv`: kernels for all pairs of channels.
pub(super) fn flexconv(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    convolution(golden, false, device)
}

/// `ccnn.separable_flexconv`: a depthwise convolution and a channel mixer.
pub(super) fn separable_flexconv(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    convolution(golden, true, device)
}

fn convolution(golden: &Golden, separable: bool, device: &Device) -> Result<Comparison, ParityError> {
    let x = RecordedTensor::read(golden, "x", golden.count("in_channels")?, false, device)?;
    let spec = spec(golden, &x.shape, separable)?;
    let conv = FlexConv::new(&spec, &mut Init::new(0, &check::autodiff(device)))?;
    let conv = check::load(golden, conv, &reference::ccnn)?;
    let y = check::forward(golden, |ctx| conv.forward(x.tensor(), &x.shape, "conv", ctx))?;
    check::module(golden, &conv, y, Some(&x), &reference::ccnn)
}

/// `ccnn.block`: the residual block of S4 around a separable convolution.
pub(super) fn block(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    golden.only("nonlinearity", &[json!("GELU")])?;
    let x = RecordedTensor::read(golden, "x", golden.count("in_channels")?, false, device)?;
    let separable = golden.flag_or("separable", true)?;
    let residual = ResidualSpec {
        kind: BlockKind::S4,
        norm: norm(golden)?,
        prenorm: golden.flag_or("prenorm", true)?,
        nonlinearity: Activation::Gelu,
        dropout: 0.0,
        dropout_kind: DropoutKind::Channel,
    };
    let spec = spec(golden, &x.shape, separable)?;
    let block = ResidualBlock::new(&spec, residual, &mut Init::new(0, &check::autodiff(device)))?;
    let block = check::load(golden, block, names(golden))?;
    let y = check::forward(golden, |ctx| block.forward(x.tensor(), &x.shape, "block", ctx))?;
    check::module(golden, &block, y, Some(&x), names(golden))
}

/// `ccnn.network`
pub(super) fn network(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let x = RecordedTensor::read(golden, "x", golden.count("in_channels")?, false, device)?;
    let mut model = build(golden, &x, 0.0, device)?;
    check::network(golden, model.as_mut(), &x, names(golden))
}

/// `ccnn.penalty`: the sum of norms that is added to the loss, `output.reg`.
pub(super) fn penalty(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let x = RecordedTensor::read(golden, "x", golden.count("in_channels")?, false, device)?;
    let mut model = build(golden, &x, golden.number("weight")?, device)?;
    check::load_network(golden, model.as_mut(), names(golden))?;
    let penalty = model.penalty()?.ok_or_else(|| ParityError::Unsupported("a penalty of weight 0".into()))?;
    let mut comparison = Comparison::default();
    comparison.output(golden, "output.reg", &[1], &check::host(penalty.clone())?)?;
    check::network_gradients(golden, &mut comparison, model.as_ref(), penalty, names(golden))?;
    Ok(comparison)
}

/// `ccnn.training`: losses of `steps` updates on one batch (the last after them), and the weights after the first and the
/// last update.
pub(super) fn training(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let x = RecordedTensor::read(golden, "x", golden.count("in_channels")?, false, device)?;
    let steps = golden.count("steps")?;
    let settings = optimiser(golden)?;
    let mut model = build(golden, &x, 0.0, device)?;
    check::load_network(golden, model.as_mut(), names(golden))?;
    let mut optimiser =
        Optimiser::new(&settings, model.as_ref()).map_err(|error| ParityError::Unsupported(error.to_string()))?;
    let mut comparison = Comparison::default();
    let mut losses = Vec::new();
    let mut undetermined = BTreeSet::new();
    for step in 1..=steps + 1 {
        let logits = OurOutput::new("y", check::logits(golden, model.as_ref(), &x)?);
        let loss = loss(golden, &[logits])?;
        losses.extend(check::host(loss.clone())?);
        if step > steps {
            // Statistics are recorded after the last forward pass. The means follow the biases before the norms, whose
            // gradients vanish and whose updates are therefore of any sign; the variances do not.
            let prefix = format!("buffer_after{steps}");
            let tensors = check::running(model.as_ref(), names(golden));
            let means = tensors.iter().filter(|(name, _)| name.ends_with("running_mean"));
            means.for_each(|(name, _)| comparison.excuse(format!("{prefix}.{name}")));
            check::statistics(golden, &mut comparison, &prefix, TRAINED, tensors)?;
            break;
        }
        let mut gradients = loss.backward();
        let gradients = model.take_gradients(&mut gradients);
        if step == 1 {
            let gradients = named::by_name(model.parameters(), gradients.clone());
            undetermined = check::vanishing(&gradients, names(golden))?;
        }
        optimiser.step(model.as_mut(), gradients, settings.learning_rate);
        let tensors = check::running(model.as_ref(), names(golden));
        let prefix = format!("param_after{step}");
        // Those of the last update are what the whole is about.
        let recorded = step == steps || golden.names().any(|name| name.split('.').next() == Some(&prefix));
        for (name, value) in tensors.into_iter().filter(|(name, _)| recorded && !name.contains("running_")) {
            let key = format!("{prefix}.{name}");
            if golden.find(&key).is_none() {
                comparison.unmatched(format!("{key} (ours)"));
            } else if undetermined.contains(&name) {
                comparison.excuse(key);
            } else {
                comparison.tensor(golden, &key, &check::host(value)?, TRAINED)?;
            }
        }
    }
    comparison.tensor(golden, "output.losses", &losses, check::LOSSES)?;
    Ok(comparison)
}

/// The convolution that `build` describes, for inputs of `shape`.
fn spec(golden: &Golden, shape: &[usize], separable: bool) -> Result<FlexConvSpec, ParityError> {
    golden.only("mask_type", &[json!("gaussian")])?;
    golden.only("data_dim", &[json!(shape.len())])?;
    let causal = golden.flag("causal")?;
    if causal && shape.len() != 1 {
        return Err(ParityError::Unsupported("a causal convolution of images".into()));
    }
    let sizes = match kernel_size(golden)? {
        Value::String(rule) if rule == "full" => shape.iter().map(|&n| 2 * n - 1).collect(),
        Value::String(_) => shape.to_vec(),
        size => vec![size.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0); shape.len()],
    };
    centred(&sizes, causal)?;
    Ok(FlexConvSpec {
        inputs: golden.count("in_channels")?,
        outputs: golden.count("out_channels")?,
        window: Window { sizes, causal, threshold: threshold(golden)? },
        version: ReferenceVersion::Ccnn,
        separable,
        kernel_network: KernelNetworkKind::Magnet,
        kernel_hidden: golden.count("kernel_hidden")?,
        kernel_layers: golden.count("no_layers")?,
        frequency: Frequency::Omega0(golden.number("omega_0")?),
        mask_init: Some(golden.number("mask_init")?),
        init: KernelInit::Off,
        kernel_scale: golden.number_or_one("kernel_scale")?,
        // Only where the original convolves by the FFT is its error on odd lengths to be reproduced.
        reference_bugs: golden.flag_or("use_fft", false)?,
    })
}

/// The network that `build` describes.
fn build(
    golden: &Golden,
    x: &RecordedTensor,
    weight_penalty: f64,
    device: &Device,
) -> Result<Box<dyn Model>, ParityError> {
    golden.only("mask_type", &[json!("gaussian")])?;
    golden.only("data_dim", &[json!(x.shape.len())])?;
    golden.only("nonlinearity", &[json!("GELU")])?;
    golden.only("kernel_scale", &[json!(1.0), json!(1)])?;
    let config = json!({
        "blocks": golden.count("blocks")?, "hidden": golden.count("hidden")?, "omega_0": golden.number("omega_0")?,
        "kernel_hidden": golden.count("kernel_hidden")?, "kernel_layers": golden.count("no_layers")?,
        "kernel_size": kernel_size(golden)?, "causal": golden.flag("causal")?,
        "mask_init": golden.number("mask_init")?,
        "mask_threshold": threshold(golden)?,
        "separable": golden.flag_or("separable", true)?,
        "prenorm": golden.flag_or("prenorm", true)?,
        "norm": norm(golden)?, "dropout": 0.0, "weight_penalty": weight_penalty, "faithful": golden.flag_or("use_fft", false)?,
    });
    check::build("ccnn", &config, golden.count("in_channels")?, &x.shape, golden.count("classes")?, device)
}

/// A number, which the original programs take as text too, or `same` or `full`.
fn kernel_size(golden: &Golden) -> Result<Value, ParityError> {
    match golden.setting("kernel_size") {
        Value::Number(number) => Ok(Value::Number(number.clone())),
        Value::String(text) if ["same", "full"].contains(&text.as_str()) => Ok(json!(text)),
        Value::String(text) if text.parse::<usize>().is_ok() => Ok(json!(text.parse::<usize>().unwrap_or(0))),
        other => Err(ParityError::Unsupported(format!("`build.kernel_size` is {other}"))),
    }
}

/// The names of tensors, which depend on the kind of normalisation.
fn names(golden: &Golden) -> &'static dyn Fn(&str) -> String {
    match golden.setting("norm").as_str() {
        Some("LayerNorm") => &reference::ccnn_layer_norm,
        _ => &reference::ccnn,
    }
}

fn norm(golden: &Golden) -> Result<NormKind, ParityError> {
    match golden.setting("norm").as_str() {
        None | Some("BatchNorm") => Ok(NormKind::Batch),
        Some("LayerNorm") => Ok(NormKind::Layer),
        Some(other) => Err(ParityError::Unsupported(format!("`build.norm` is {other}"))),
    }
}

/// `build.optimizer` in our terms.
fn optimiser(golden: &Golden) -> Result<Training, ParityError> {
    let about = golden.setting("optimizer");
    let number = |value: &Value| value.as_f64();
    let settings = || {
        Some(Training {
            optimiser: match about["name"].as_str()? {
                "Adam" => OptimiserKind::Adam,
                "AdamW" => OptimiserKind::AdamW,
                _ => return None,
            },
            learning_rate: number(&about["lr"])?,
            betas: [number(&about["betas"][0])?, number(&about["betas"][1])?],
            epsilon: number(&about["eps"])?,
            weight_decay: number(&about["weight_decay"])?,
            ..Training::default()
        })
    };
    settings().ok_or_else(|| ParityError::Unsupported(format!("`build.optimizer` is {about}")))
}
