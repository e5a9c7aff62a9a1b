//! Minimal recurrences and their network, `lucidrains/minGRU-pytorch`.

use baselines::layers::{BiasFree, MinCell, MinRnn, MinRnnBlock, MinRnnBody, MinRnnConfig, MinRnnSpec};
use baselines::{Body, BodySpec, Features, Init, reference};
use burn::module::{Module, Param};
use burn::tensor::module::embedding;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde_json::json;

use super::sequence;
use crate::parity::{Comparison, Golden, OurOutput, ParityError, RecordedTensor, check};

/// `mingru.layer` and `minlstm.layer`: the outputs and the last state.
pub(super) fn layer(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let (cell, gates) = cell(golden)?;
    let spec = MinRnnSpec {
        cell,
        d_model: golden.count("d_model")?,
        d_inner: golden.count("d_inner")?,
        project: golden.flag("proj_out")?,
    };
    let x = sequence::input(golden, spec.d_model, device)?;
    let goes_on = golden.flag_or("prev_hidden", false)?;
    let dims = [x.tensor().dims()[0], spec.d_inner, 1];
    let state = goes_on.then(|| RecordedTensor::view(golden, "prev_hidden", dims, device)).transpose()?;
    let rename = |name: &str| reference::min_lm(gates, name);
    let rnn = MinRnn::new(&spec, &mut Init::new(0, &check::autodiff(device)));
    let rnn = check::load(golden, rnn, &rename)?;
    let before = state.as_ref().map(RecordedTensor::tensor);
    let [y, last] = check::forward(golden, |ctx| rnn.forward_from(x.tensor(), before, ctx.precision()))?;
    let outputs = [OurOutput::new("y", x.as_recorded(y)), OurOutput::new("next_prev_hidden", last.swap_dims(1, 2))];
    let inputs: Vec<&RecordedTensor> = std::iter::once(&x).chain(&state).collect();
    check::outputs(golden, &rnn, &outputs, &inputs, &rename)
}

/// The network of a language model: our baseline between an embedding and logits without a bias.
#[derive(Module, Debug)]
struct LanguageModel {
    embedding: Param<Tensor<2>>,
    body: MinRnnBody,
    head: BiasFree,
}

/// `mingru.network` and `minlstm.network`: logits at every position for `input.tokens`, `[batch, length]`.
pub(super) fn network(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    golden.only("norm", &[json!("RMSNorm")])?;
    golden.only("prenorm", &[json!(true)])?;
    golden.only("pooling", &[json!("none")])?;
    let (_, gates) = cell(golden)?;
    let tokens = tokens(golden, device)?;
    let rename = |name: &str| reference::min_lm(gates, name);
    let model = check::load(golden, model(golden, tokens.dims()[1], device)?, &rename)?;
    let y = check::forward(golden, |ctx| {
        let x = embedding(model.embedding.val(), tokens).swap_dims(1, 2);
        let features = model.body.forward(Features::Line(x), ctx).flatten();
        model.head.forward(features, ctx.precision()).swap_dims(1, 2)
    })?;
    check::module(golden, &model, y, None, &rename)
}

fn model(golden: &Golden, length: usize, device: &Device) -> Result<LanguageModel, ParityError> {
    let (cell, _) = cell(golden)?;
    let (d_model, vocabulary) = (golden.count("d_model")?, golden.count("vocab")?);
    let taps = golden.flag_or("enable_conv", false)?.then(|| golden.count("conv_kernel_size")).transpose()?;
    let config = MinRnnConfig {
        d_model,
        n_layers: golden.count("n_layers")?,
        expansion: golden.number("expansion_factor")?,
        block: MinRnnBlock::FeedForward,
        ff_mult: golden.number("ff_mult")?,
        conv_kernel_size: taps,
        dropout: 0.0,
        ..MinRnnConfig::default()
    };
    let spec = BodySpec { channels: d_model, shape: vec![length], per_step: true };
    let mut init = Init::new(0, &check::autodiff(device));
    Ok(LanguageModel {
        embedding: init.constant([vocabulary, d_model], 0.0),
        body: MinRnnBody::build(cell, &config, &spec, &mut init)?.body,
        head: BiasFree::torch(d_model, vocabulary, &mut init),
    })
}

/// The tokens, `[batch, length]`.
fn tokens(golden: &Golden, device: &Device) -> Result<Tensor<2, Int>, ParityError> {
    let name = "input.tokens";
    let (stored, vocabulary) = (golden.get(name)?, golden.count("vocab")?);
    let &[batch, length] = stored.shape.as_slice() else {
        return Err(golden.fault(name, format!("has shape {:?}, not [batch, length]", stored.shape)).into());
    };
    let token =
        |&value: &f64| (value.trunc() == value && (0.0..vocabulary as f64).contains(&value)).then_some(value as i32);
    let tokens: Option<Vec<i32>> = stored.values.iter().map(token).collect();
    let tokens =
        tokens.ok_or_else(|| golden.fault(name, format!("has a value that is none of {vocabulary} tokens")))?;
    if batch == 0 || length == 0 {
        return Err(golden.fault(name, "has no values").into());
    }
    Ok(Tensor::from_data(TensorData::new(tokens, [batch, length]), &check::autodiff(device)))
}

/// The cell, and what the program calls its map to candidates and gates.
fn cell(golden: &Golden) -> Result<(MinCell, &'static str), ParityError> {
    match golden.kind.split('.').next() {
        Some("mingru") => Ok((MinCell::Gru, "to_hidden_and_gate")),
        Some("minlstm") => Ok((MinCell::Lstm, "to_hidden_and_f_i_gate")),
        _ => Err(ParityError::Unsupported(format!("`{}` is no minimal recurrence", golden.kind))),
    }
}
