//! Residual blocks and networks of sequences, as several kinds have them.

use baselines::layers::{Norm, NormKind, Residual, SequenceLayer};
use baselines::{InputSpec, Model, Output, OutputSpec, registry};
use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor};
use serde_json::{Value, json};

use crate::parity::{Comparison, Golden, GoldenError, OurOutput, ParityError, RecordedTensor, Rename, check};

/// A layer in its residual block.
#[derive(Module, Debug)]
pub(super) struct Block<L: SequenceLayer> {
    layer: L,
    norm: Norm,
}

/// Compare the block of `layer` and `norm` with that of a golden.
pub(super) fn block<L: SequenceLayer>(
    golden: &Golden,
    x: &RecordedTensor,
    layer: L,
    norm: Norm,
    rename: Rename<'_>,
) -> Result<Comparison, ParityError> {
    let residual = Residual { prenorm: golden.flag("prenorm")?, dropout: 0.0 };
    let block = check::load(golden, Block { layer, norm }, rename)?;
    let y = check::forward(golden, |ctx| residual.around(x.tensor(), &block.layer, &block.norm, "block", ctx))?;
    check::module(golden, &block, x.as_recorded(y), Some(x), rename)
}

/// The input `x` of `channels` channels, `[batch, length, channels]` unless `input_layout` says otherwise.
pub(super) fn input(golden: &Golden, channels: usize, device: &Device) -> Result<RecordedTensor, GoldenError> {
    let channels_first = golden.note("input_layout").as_str().is_some_and(|layout| layout.starts_with("(B,C"));
    RecordedTensor::read(golden, "x", channels, !channels_first, device)
}

/// `build.norm`.
pub(super) fn norm(golden: &Golden) -> Result<NormKind, ParityError> {
    golden.only("norm", &[json!("LayerNorm"), json!("BatchNorm")])?;
    Ok(if golden.text("norm")? == "BatchNorm" { NormKind::Batch } else { NormKind::Layer })
}

/// `build.pooling` as the setting of a read-out; null where there is an output per position.
pub(super) fn readout(golden: &Golden) -> Result<Value, ParityError> {
    golden.only("pooling", &[json!("mean"), json!("last"), json!("none")])?;
    Ok(match golden.text("pooling")? {
        "none" => Value::Null,
        pooling => json!(pooling),
    })
}

/// What the outputs of a network are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scores {
    /// Logits.
    Logits,
    /// Logarithms of probabilities.
    LogProbabilities,
}

/// Compare the registered `baseline` with a network: `config` without the read-out, which is `build.pooling`.
pub(super) fn network(
    golden: &Golden,
    baseline: &str,
    mut config: Value,
    scores: Scores,
    rename: Rename<'_>,
    device: &Device,
) -> Result<Comparison, ParityError> {
    let (channels, classes) = (golden.count("input_size")?, golden.count("classes")?);
    let x = input(golden, channels, device)?;
    let readout = readout(golden)?;
    let target = if readout.is_null() { OutputSpec::PerStep(classes) } else { OutputSpec::Classes(classes) };
    if !readout.is_null() {
        config["readout"] = readout;
    }
    let unknown = || ParityError::Unsupported(format!("no baseline `{baseline}`"));
    let entry = registry::find(baseline).ok_or_else(unknown)?;
    let spec = InputSpec::Values { channels, shape: x.shape.clone() };
    let mut model = (entry.build)(&config, &spec, &target, 0, device)?;
    check::load_network(golden, model.as_mut(), rename)?;
    let y = output(golden, model.as_ref(), &x, scores)?;
    check::network_outputs(golden, model.as_ref(), &[y], &[&x], rename)
}

fn output(golden: &Golden, model: &dyn Model, x: &RecordedTensor, scores: Scores) -> Result<OurOutput, ParityError> {
    Ok(match check::forward(golden, |ctx| model.forward(x.input(), ctx))?? {
        Output::Sample(y) => OurOutput::new("y", scores.of(y)),
        Output::Step(y) => OurOutput::new("y", x.as_recorded(scores.of(y))),
    })
}

impl Scores {
    /// From logits, `[batch, classes, …]`.
    fn of<const D: usize>(self, logits: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Logits => logits,
            Self::LogProbabilities => log_softmax(logits, 1),
        }
    }
}
