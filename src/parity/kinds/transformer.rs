//! Transformers, `IdoAmos/not-from-scratch`.

use baselines::kernels::Attention;
use baselines::layers::{EncoderLayer, EncoderLayerSpec, MultiHeadAttention, MultiHeadSpec, NormKind, Rotary};
use baselines::{Init, reference};
use burn::tensor::{Device, Tensor};
use serde_json::json;

use crate::parity::{Comparison, Golden, OurOutput, ParityError, RecordedTensor, check};

/// `transformer.rope`: queries or keys turned by their positions, `[batch, heads, length, channels of a head]`.
pub(super) fn rope(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let heads = golden.count("n_heads")?;
    let x = RecordedTensor::read(golden, "x", heads, false, device)?;
    let rotary = rotary(golden)?;
    let &[length, dim] = x.shape.as_slice() else {
        return Err(golden.fault("input.x", "has not four axes").into());
    };
    if dim != rotary.head_dim {
        return Err(golden.fault("input.x", format!("has not {} channels per head", rotary.head_dim)).into());
    }
    let batch = x.tensor().dims()[0];
    let channels_first: Tensor<4> = x.tensor().reshape([batch, heads, length, dim]).swap_dims(2, 3);
    let y = rotary.turn(channels_first.reshape([batch, heads * dim, length]));
    let y = y.reshape([batch, heads, dim, length]).swap_dims(2, 3);
    Ok(check::function(golden, &[OurOutput::new("y", y)], &[&x])?.0)
}

/// `transformer.layer`: self-attention alone, `[batch, length, d_model]`.
pub(super) fn layer(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let x = input(golden, "d_model", device)?;
    let layer = MultiHeadAttention::new(&attention(golden)?, &mut Init::new(0, &check::autodiff(device)));
    let layer = check::load(golden, layer, &reference::not_from_scratch_attention)?;
    let y = check::forward(golden, |ctx| layer.forward(x.tensor(), ctx))?;
    check::module(golden, &layer, x.as_recorded(y), Some(&x), &reference::not_from_scratch_attention)
}

/// `transformer.block`: attention and feed-forward network with their norms and residual connections.
pub(super) fn block(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    golden.only("ff_activation", &[json!("gelu")])?;
    let attention = attention(golden)?;
    let spec = EncoderLayerSpec {
        attention,
        inner: golden.count("ff_expand")? * attention.d_model,
        norm: norm(golden)?,
        prenorm: golden.flag("prenorm")?,
        dropout: 0.0,
    };
    let x = input(golden, "d_model", device)?;
    let names = |name: &str| reference::not_from_scratch_layer(0, name);
    let block = EncoderLayer::new(&spec, &mut Init::new(0, &check::autodiff(device)));
    let block = check::load(golden, block, &names)?;
    let y = check::forward(golden, |ctx| block.forward(x.tensor(), "block", ctx))?;
    check::module(golden, &block, x.as_recorded(y), Some(&x), &names)
}

/// `transformer.network`: encoder, layers, norm, mean over positions, decoder; input `[batch, length, channels]`.
pub(super) fn network(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    golden.only("ff_activation", &[json!("gelu")])?;
    golden.only("pooling", &[json!("mean")])?;
    golden.only("theta", &[json!(10_000), json!(10_000.0)])?;
    golden.only("bias", &[json!(true)])?;
    let x = input(golden, "input_size", device)?;
    let positions = match (golden.flag("rotary")?, golden.text("positions")?) {
        (true, "none") => "rotary",
        (false, given @ ("none" | "sinusoidal")) => given,
        (rotary, given) => {
            return Err(ParityError::Unsupported(format!("rotary positions {rotary} with positions {given}")));
        }
    };
    let config = json!({
        "d_model": golden.count("d_model")?, "n_layers": golden.count("n_layers")?,
        "n_heads": golden.count("n_heads")?, "ff_expand": golden.count("ff_expand")?, "positions": positions,
        "causal": golden.flag("causal")?, "prenorm": golden.flag("prenorm")?, "norm": norm(golden)?,
        "decoder": golden.text("decoder")?, "dropout": 0.0,
    });
    let (channels, classes) = (golden.count("input_size")?, golden.count("classes")?);
    let mut model = check::build("transformer", &config, channels, &x.shape, classes, device)?;
    let (sinusoidal, mlp) = (positions == "sinusoidal", golden.text("decoder")? == "mlp");
    let names = |name: &str| reference::not_from_scratch(name, sinusoidal, mlp);
    check::network(golden, model.as_mut(), &x, &names)
}

/// `input.x`, `[batch, length, channels]`, of as many channels as `build.<channels>` says.
fn input(golden: &Golden, channels: &str, device: &Device) -> Result<RecordedTensor, ParityError> {
    Ok(RecordedTensor::read(golden, "x", golden.count(channels)?, true, device)?)
}

fn rotary(golden: &Golden) -> Result<Rotary, ParityError> {
    match golden.count("head_dim")? {
        dim if dim > 0 && dim % 2 == 0 => Ok(Rotary { head_dim: dim, theta: golden.number("theta")? }),
        dim => Err(ParityError::Unsupported(format!("{dim} channels per head, which do not come in pairs"))),
    }
}

/// The attention that `build` describes.
fn attention(golden: &Golden) -> Result<MultiHeadSpec, ParityError> {
    golden.only("bias", &[json!(true)])?;
    let (d_model, heads) = (golden.count("d_model")?, golden.count("n_heads")?);
    if heads == 0 || heads * golden.count("head_dim")? != d_model {
        return Err(ParityError::Unsupported(format!("{heads} heads of {d_model} channels")));
    }
    Ok(MultiHeadSpec {
        d_model,
        attention: Attention { heads, causal: golden.flag("causal")?, window: None },
        rotary: if golden.flag("rotary")? { Some(rotary(golden)?) } else { None },
    })
}

fn norm(golden: &Golden) -> Result<NormKind, ParityError> {
    match golden.text("norm")? {
        "BatchNorm" => Ok(NormKind::Batch),
        "LayerNorm" => Ok(NormKind::Layer),
        other => Err(ParityError::Unsupported(format!("`build.norm` is {other}"))),
    }
}
