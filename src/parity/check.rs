//! What all kinds share: weights in, one forward pass, the golden's loss backwards, comparison by name.

use std::collections::{BTreeMap, BTreeSet};

use baselines::{
    Forward, ForwardError, InputSpec, Model, Output, OutputSpec, Parameter, ReadError, named, reference, registry,
};
use burn::module::Module;
use burn::tensor::{Device, Gradients, Tensor};
use serde_json::Value;

use super::compare::VANISHING;
use super::golden::is_statistic;
use super::loss::{OurOutput, compare_loss, loss};
pub(super) use super::tensors::{autodiff, host};
use super::{Comparison, Golden, ParityError, RecordedTensor};
use crate::files::{Fitted, state_dict};

/// From our name of a tensor to the original's.
pub(super) type Rename<'a> = &'a dyn Fn(&str) -> String;

/// Bound of running statistics after one forward pass.
const STATISTICS: f64 = 1e-4;

/// Bound of the losses of a few optimiser steps.
pub(super) const LOSSES: f64 = 1e-3;

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
    load_part(golden, module, &|_| true, rename)
}

/// The same for those tensors of `module` that `recorded` accepts, where a golden is of a part of it.
///
/// # Errors
/// Tensors that are missing, left over or of another shape.
pub(super) fn load_part<M: Module>(
    golden: &Golden,
    module: M,
    recorded: &dyn Fn(&str) -> bool,
    rename: Rename<'_>,
) -> Result<M, ParityError> {
    let parameters = named::list(&module);
    let part: Vec<Parameter> = parameters.iter().filter(|parameter| recorded(&parameter.name)).cloned().collect();
    let fitted = fit(golden, &part, rename)?;
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
    outputs(golden, module, &[OurOutput::new("y", y)], input.as_slice(), rename)
}

/// Compare all of `ours`, what `module` makes of `inputs`, and all gradients where they were recorded.
///
/// # Errors
/// Tensors that are missing.
pub(super) fn outputs<M: Module>(
    golden: &Golden,
    module: &M,
    ours: &[OurOutput],
    inputs: &[&RecordedTensor],
    rename: Rename<'_>,
) -> Result<Comparison, ParityError> {
    let parameters = named::list(module);
    let names = names(golden, &parameters, rename);
    let (mut comparison, gradients) = function(golden, ours, inputs)?;
    if let Some(mut gradients) = gradients {
        let ours = named::by_name(&parameters, named::take_gradients(module, &mut gradients));
        self::gradients(golden, &mut comparison, &parameters, ours, &names)?;
    }
    let mut statistics = Vec::new();
    named::visit(module, &mut |parameter, value| statistics.push((names(&parameter.name), value)));
    self::statistics(golden, &mut comparison, "buffer_after", STATISTICS, statistics)?;
    Ok(comparison)
}

/// Compare all of `ours`, what a function without parameters makes of `inputs`, and the gradients of `inputs`; with all
/// gradients, where some were recorded.
///
/// # Errors
/// Tensors that are missing.
pub(super) fn function(
    golden: &Golden,
    ours: &[OurOutput],
    inputs: &[&RecordedTensor],
) -> Result<(Comparison, Option<Gradients>), ParityError> {
    let mut comparison = Comparison::default();
    for output in ours {
        output.compare(golden, &mut comparison)?;
    }
    let recorded = ["grad.", "grad_input."].into_iter().any(|prefix| golden.under(prefix).next().is_some());
    if !recorded {
        return Ok((comparison, None));
    }
    let loss = loss(golden, ours)?;
    if golden.has_cotangents() {
        compare_loss(golden, &mut comparison, ours)?;
    }
    let gradients = loss.backward();
    for input in inputs {
        comparison.input_gradient(golden, input.name(), input.gradient(&gradients)?)?;
    }
    Ok((comparison, Some(gradients)))
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
    network_outputs(golden, model, &[OurOutput::new("y", y)], &[input], rename)
}

/// Compare `ours`, what `model`, which has the golden's weights, made of `inputs`, then gradients and running statistics.
///
/// # Errors
/// Tensors that are missing.
pub(super) fn network_outputs(
    golden: &Golden,
    model: &dyn Model,
    ours: &[OurOutput],
    inputs: &[&RecordedTensor],
    rename: Rename<'_>,
) -> Result<Comparison, ParityError> {
    let names = names(golden, model.parameters(), rename);
    let (mut comparison, gradients) = function(golden, ours, inputs)?;
    if let Some(mut gradients) = gradients {
        self::gradients(golden, &mut comparison, model.parameters(), by_name(model, &mut gradients), &names)?;
    }
    statistics(golden, &mut comparison, "buffer_after", STATISTICS, running(model, &names))?;
    Ok(comparison)
}

/// Compare all gradients of `loss`.
///
/// # Errors
/// A gradient cannot be read from the device, or is missing in double precision.
pub(super) fn network_gradients(
    golden: &Golden,
    comparison: &mut Comparison,
    model: &dyn Model,
    loss: Tensor<1>,
    rename: Rename<'_>,
) -> Result<(), ParityError> {
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

/// Compare the gradients `ours` of `parameters` with those recorded.
fn gradients(
    golden: &Golden,
    comparison: &mut Comparison,
    parameters: &[Parameter],
    ours: BTreeMap<String, Tensor<1>>,
    rename: Rename<'_>,
) -> Result<(), ParityError> {
    let ours = ours.into_iter().map(|(name, g)| Ok((rename(&name), host(g)?)));
    let ours = ours.collect::<Result<BTreeMap<String, Vec<f32>>, ReadError>>()?;
    let known: BTreeSet<String> = parameters.iter().map(|parameter| rename(&parameter.name)).collect();
    Ok(comparison.gradients(golden, &known, &ours)?)
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
    let changed = golden.is_training() && golden.under("buffer.").any(|(name, _)| is_statistic(name));
    let any = changed || golden.names().any(|name| name.split('.').next() == Some(prefix));
    for (name, value) in tensors.into_iter().filter(|(name, _)| any && is_statistic(name)) {
        let key = format!("{prefix}.{name}");
        if golden.find(&key).is_none() {
            comparison.unmatched(format!("{key} (ours)"));
        } else if !comparison.excuses(&key) {
            comparison.tensor(golden, &key, &host(value)?, bound)?;
        }
    }
    Ok(())
}
