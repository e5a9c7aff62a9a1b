//! What all kinds share: weights in, one forward pass, the golden's loss backwards, comparison by name.

use std::collections::{BTreeMap, BTreeSet};

use baselines::network::{Input, InputValues};
use baselines::read::read;
use baselines::{
    Features, Forward, ForwardError, InputSpec, Model, Output, OutputSpec, Parameter, ReadError, named, reference,
    registry,
};
use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use serde_json::Value;

use super::compare::VANISHING;
use super::{Comparison, Golden, GoldenError, ParityError};
use crate::files::{Fitted, state_dict};

/// From our name of a tensor to the original's.
pub(super) type Rename<'a> = &'a dyn Fn(&str) -> String;

/// Bound of running statistics after one forward pass.
const STATISTICS: f64 = 1e-4;

/// Bound of the losses of a few optimiser steps.
pub(super) const LOSSES: f64 = 1e-3;

/// A device that records gradients.
pub(super) fn autodiff(device: &Device) -> Device {
    device.clone().autodiff()
}

/// A forward pass in the golden's mode; dropout is off in all goldens.
fn pass(golden: &Golden) -> Forward<'static> {
    let pass = if golden.is_training() { Forward::training(0, 0) } else { Forward::evaluation() };
    pass.with_precision(golden.precision)
}

/// What `forward` gives in such a pass.
///
/// # Errors
/// The pass failed.
pub(super) fn forward<T>(golden: &Golden, forward: impl FnOnce(&mut Forward<'_>) -> T) -> Result<T, ForwardError> {
    let mut ctx = pass(golden);
    let y = forward(&mut ctx);
    ctx.outcome()?;
    Ok(y)
}

/// `module` with the golden's `param.*` and running statistics.
///
/// # Errors
/// Tensors that are missing, left over or of another shape.
pub(super) fn load<M: Module>(golden: &Golden, module: M, rename: Rename<'_>) -> Result<M, ParityError> {
    let parameters = named::list(&module);
    let fitted = fit(golden, &parameters, rename)?;
    Ok(named::replace(module, &parameters, &mut |name, old| state_dict::replacement(&fitted, name, &old)))
}

/// The same for a network.
///
/// # Errors
/// Tensors that are missing, left over or of another shape.
pub(super) fn load_network(golden: &Golden, model: &mut dyn Model, rename: Rename<'_>) -> Result<(), ParityError> {
    let fitted = fit(golden, model.parameters(), rename)?;
    state_dict::load(model, &fitted);
    Ok(())
}

fn fit(golden: &Golden, parameters: &[Parameter], rename: Rename<'_>) -> Result<Fitted, ParityError> {
    let found = state_dict::fit(&golden.shapes(), parameters, rename, &reference::is_bookkeeping)?;
    found.read(parameters, |name| Ok(golden.weight(name)?.values.clone()), ParityError::from)
}

/// From our name of a tensor of `parameters` to that under which the golden has it, which for weight normalisation is one of
/// two.
fn names<'a>(golden: &Golden, parameters: &[Parameter], rename: Rename<'a>) -> impl Fn(&str) -> String + use<'a> {
    let (found, _) = state_dict::find_all(&golden.shapes(), parameters, rename);
    move |name| found.key(name).map_or_else(|| rename(name), str::to_owned)
}

/// A recorded input as `[batch, channels, positions]` that gradients can be asked of, and its positions per axis.
pub(super) struct RecordedTensor {
    /// Name in the golden, without `input.`.
    name: &'static str,
    /// As recorded, with all positions on one axis.
    value: Tensor<3>,
    /// Whether positions come before channels.
    channels_last: bool,
    /// Positions per axis.
    pub(super) shape: Vec<usize>,
}

impl RecordedTensor {
    /// Read `input.<name>`: `[batch, channels, positions…]`, or `[batch, length, channels]` if `channels_last`.
    ///
    /// # Errors
    /// A tensor that is missing, of another rank, or of another number of channels.
    pub(super) fn read(
        golden: &Golden,
        name: &'static str,
        channels: usize,
        channels_last: bool,
        device: &Device,
    ) -> Result<Self, GoldenError> {
        let key = format!("input.{name}");
        let stored = golden.get(&key)?;
        let wrong = |wanted: &str| golden.fault(&key, format!("has shape {:?}, not {wanted}", stored.shape));
        let &[batch, second, ref rest @ ..] = stored.shape.as_slice() else {
            return Err(wrong("[batch, channels, positions]"));
        };
        let flat = [batch, second, rest.iter().product()];
        let (found, shape) = match (channels_last, rest) {
            (true, &[last]) => (last, vec![second]),
            (false, [_] | [_, _] | [_, _, _]) => (second, rest.to_vec()),
            _ => return Err(wrong("one to three axes of positions")),
        };
        if found != channels {
            return Err(wrong(&format!("{channels} channels")));
        }
        if stored.values.is_empty() {
            return Err(wrong("a shape with elements"));
        }
        let value = Tensor::from_data(TensorData::new(stored.to_f32(), flat), &autodiff(device)).require_grad();
        Ok(Self { name, value, channels_last, shape })
    }

    /// `[batch, channels, positions]`.
    pub(super) fn tensor(&self) -> Tensor<3> {
        if self.channels_last { self.value.clone().swap_dims(1, 2) } else { self.value.clone() }
    }

    /// For a network.
    pub(super) fn input(&self) -> Input {
        Input { values: InputValues::Values(Features::from_flat(self.tensor(), &self.shape)), lengths: None }
    }
}

/// The loss that goldens were recorded with: the mean cross-entropy of `input.labels` where there are any, else Σ y².
pub(super) fn loss<const D: usize>(golden: &Golden, y: Tensor<D>) -> Result<Tensor<1>, GoldenError> {
    let Some(labels) = golden.labels()? else { return Ok(y.square().sum()) };
    let dims = y.dims();
    let (rows, classes) = (labels.len(), dims[dims.len() - 1]);
    if dims.iter().product::<usize>() != rows * classes || labels.iter().any(|&l| l < 0 || l as usize >= classes) {
        return Err(golden.fault("input.labels", format!("does not fit an output of shape {dims:?}")));
    }
    let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [rows, 1]), &y.device());
    Ok(log_softmax(y.reshape([rows, classes]), 1).gather(1, labels).mean().neg())
}

/// Compare the output `y` of `module` with `output.y`, and all gradients where they were recorded.
///
/// # Errors
/// Tensors that are missing.
pub(super) fn module<M: Module, const D: usize>(
    golden: &Golden,
    module: &M,
    y: Tensor<D>,
    input: Option<&RecordedTensor>,
    rename: Rename<'_>,
) -> Result<Comparison, ParityError> {
    let parameters = named::list(module);
    let names = names(golden, &parameters, rename);
    let mut comparison = Comparison::default();
    comparison.output(golden, "output.y", &y.dims(), &host(y.clone())?)?;
    if golden.under("grad.").next().is_some() {
        let mut gradients = loss(golden, y)?.backward();
        inputs(golden, &mut comparison, input, &gradients)?;
        let ours = named::by_name(&parameters, named::take_gradients(module, &mut gradients));
        self::gradients(golden, &mut comparison, &parameters, ours, &names)?;
    }
    let mut statistics = Vec::new();
    named::visit(module, &mut |parameter, value| statistics.push((names(&parameter.name), value)));
    self::statistics(golden, &mut comparison, "buffer_after", STATISTICS, statistics)?;
    Ok(comparison)
}

/// Run `model` on `input`, and compare output, gradients and running statistics.
///
/// # Errors
/// Tensors that are missing.
pub(super) fn network(
    golden: &Golden,
    model: &mut dyn Model,
    input: &RecordedTensor,
    rename: Rename<'_>,
) -> Result<Comparison, ParityError> {
    load_network(golden, model, rename)?;
    let y = logits(golden, model, input)?;
    let names = names(golden, model.parameters(), rename);
    let mut comparison = Comparison::default();
    comparison.output(golden, "output.y", &y.dims(), &host(y.clone())?)?;
    if golden.under("grad.").next().is_some() {
        let mut gradients = loss(golden, y)?.backward();
        inputs(golden, &mut comparison, Some(input), &gradients)?;
        self::gradients(golden, &mut comparison, model.parameters(), by_name(model, &mut gradients), &names)?;
    }
    statistics(golden, &mut comparison, "buffer_after", STATISTICS, running(model, &names))?;
    Ok(comparison)
}

/// Compare all gradients of `loss`.
///
/// # Errors
/// A gradient cannot be read from the device.
pub(super) fn network_gradients(
    golden: &Golden,
    comparison: &mut Comparison,
    model: &dyn Model,
    loss: Tensor<1>,
    rename: Rename<'_>,
) -> Result<(), ReadError> {
    let names = names(golden, model.parameters(), rename);
    gradients(golden, comparison, model.parameters(), by_name(model, &mut loss.backward()), &names)
}

/// The gradients of `model` under its names.
fn by_name(model: &dyn Model, gradients: &mut Gradients) -> BTreeMap<String, Tensor<1>> {
    named::by_name(model.parameters(), model.take_gradients(gradients))
}

/// Original names of the parameters whose gradients are nothing but rounding, so that the signs of an optimiser's updates
/// are undetermined.
///
/// # Errors
/// A gradient cannot be read from the device.
pub(super) fn vanishing(
    gradients: &BTreeMap<String, Tensor<1>>,
    rename: Rename<'_>,
) -> Result<BTreeSet<String>, ReadError> {
    let length = |values: Vec<f32>| values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    let measured = |(name, g): (_, &Tensor<1>)| Ok((name, length(host(g.clone())?)));
    let lengths: Vec<(&String, f64)> = gradients.iter().map(measured).collect::<Result<_, ReadError>>()?;
    let largest = lengths.iter().map(|&(_, length)| length).fold(0.0, f64::max);
    Ok(lengths.into_iter().filter(|&(_, length)| length < VANISHING * largest).map(|(name, _)| rename(name)).collect())
}

/// Logits of `model` in the golden's mode, `[batch, outputs]`.
///
/// # Errors
/// A network with an output per position.
pub(super) fn logits(golden: &Golden, model: &dyn Model, input: &RecordedTensor) -> Result<Tensor<2>, ParityError> {
    match model.forward(input.input(), &mut pass(golden))? {
        Output::Sample(y) => Ok(y),
        Output::Step(_) => Err(ParityError::Unsupported("an output per position".into())),
    }
}

/// Every tensor of `model` under its original name.
pub(super) fn running(model: &dyn Model, rename: Rename<'_>) -> Vec<(String, Tensor<1>)> {
    let mut all = Vec::new();
    model.visit(&mut |parameter, value| all.push((rename(&parameter.name), value)));
    all
}

/// The registered baseline `name` built with `config` for `input`, a classifier.
///
/// # Errors
/// Settings that the baseline refuses.
pub(super) fn build(
    name: &str,
    config: &Value,
    channels: usize,
    shape: &[usize],
    classes: usize,
    device: &Device,
) -> Result<Box<dyn Model>, ParityError> {
    let entry = registry::find(name).ok_or_else(|| ParityError::Unsupported(format!("no baseline `{name}`")))?;
    let input = InputSpec::Values { channels, shape: shape.to_vec() };
    Ok((entry.build)(config, &input, &OutputSpec::Classes(classes), 0, device)?)
}

/// Values on the host.
///
/// # Errors
/// They cannot be read from the device.
pub(super) fn host<const D: usize>(value: Tensor<D>) -> Result<Vec<f32>, ReadError> {
    read(value, "a tensor")
}

fn inputs(
    golden: &Golden,
    comparison: &mut Comparison,
    input: Option<&RecordedTensor>,
    gradients: &Gradients,
) -> Result<(), ParityError> {
    let Some(recorded) = input else { return Ok(()) };
    // An input that the output does not depend on has no gradient: that compares as another shape, and fails.
    let gradient = recorded.value.grad(gradients).map(host).transpose()?.unwrap_or_default();
    Ok(comparison.input_gradient(golden, recorded.name, &gradient)?)
}

/// Compare the gradients `ours` of `parameters` with those recorded.
fn gradients(
    golden: &Golden,
    comparison: &mut Comparison,
    parameters: &[Parameter],
    ours: BTreeMap<String, Tensor<1>>,
    rename: Rename<'_>,
) -> Result<(), ReadError> {
    let ours = ours.into_iter().map(|(name, g)| Ok((rename(&name), host(g)?)));
    let ours = ours.collect::<Result<BTreeMap<String, Vec<f32>>, ReadError>>()?;
    let known: BTreeSet<String> = parameters.iter().map(|parameter| rename(&parameter.name)).collect();
    comparison.gradients(golden, &known, &ours);
    Ok(())
}

/// Compare the running statistics among `tensors` with those recorded after the forward pass, under `prefix`. Where some
/// were, or the pass changes those recorded before it, all of ours have to be among them.
pub(super) fn statistics(
    golden: &Golden,
    comparison: &mut Comparison,
    prefix: &str,
    bound: f64,
    tensors: Vec<(String, Tensor<1>)>,
) -> Result<(), ParityError> {
    let changed = golden.is_training() && golden.under("buffer.").any(|(name, _)| name.contains("running_"));
    let any = changed || golden.names().any(|name| name.split('.').next() == Some(prefix));
    for (name, value) in tensors.into_iter().filter(|(name, _)| any && name.contains("running_")) {
        let key = format!("{prefix}.{name}");
        if golden.find(&key).is_none() {
            comparison.unmatched(format!("{key} (ours)"));
        } else if !comparison.excuses(&key) {
            comparison.tensor(golden, &key, &host(value)?, bound)?;
        }
    }
    Ok(())
}
