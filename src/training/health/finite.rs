//! Values that are infinite or not a number: what they are, and where they come from.

use std::fmt;
use std::path::PathBuf;

use baselines::{Model, ReadError, read::read};
use datasets::{Batch, DataError, Dataset, Inputs, Split, Targets};

use crate::files::{Weights, tensors};
use crate::training::Gradients;

/// Positions of samples that a message names.
const NAMED: usize = 8;
/// Samples read at once in search of those that are not finite.
const SEARCHED: usize = 64;

/// A value that is infinite or not a number, which ends a training.
#[derive(Debug)]
pub(crate) struct NotFinite {
    /// What it is, in words.
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) place: Where,
    /// Where it comes from, as far as is known.
    pub(crate) cause: Cause,
    /// The checkpoint that training began with.
    pub(crate) initial_weights: Option<PathBuf>,
}

/// A place in a training.
#[derive(Debug)]
pub(crate) struct Where {
    /// Epoch, from 1.
    pub(crate) epoch: u64,
    pub(crate) step: u64,
    pub(crate) seed: u64,
    /// Positions in the training split of the batch; empty where no batch is at fault.
    pub(crate) samples: Vec<usize>,
}

/// Where a value that is not finite comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Inputs or targets of these samples of the training split.
    Samples(Vec<usize>),
    /// A parameter or running statistic, broken by an update or a forward pass before.
    Weights { name: String },
    /// A moment of the optimiser, for this parameter.
    Moments { name: String },
    /// The weights that training began with, this tensor among them.
    InitialWeights { name: String },
    /// Finite samples and the finite weights of the beginning.
    Initialisation,
    /// The penalty alone, of finite weights.
    Penalty,
    /// The backward pass: the loss is finite.
    Gradient {
        /// Whether the network adds a penalty to it.
        penalty: bool,
    },
    /// The forward pass with weights that training has reached.
    Training,
    /// The forward pass in evaluation mode, of a network that trained with finite losses.
    Evaluation {
        split: Split,
        /// Those of them whose inputs or targets are not finite.
        samples: Vec<usize>,
    },
}

impl Cause {
    /// That of the tensor of a checkpoint with this name.
    pub(crate) fn of_tensor(tensor: &str) -> Self {
        let moment = tensor.strip_prefix("optimiser.first.").or_else(|| tensor.strip_prefix("optimiser.second."));
        match moment {
            Some(name) => Self::Moments { name: name.to_owned() },
            None => Self::Weights { name: tensor.trim_start_matches("model.").trim_start_matches("best.").to_owned() },
        }
    }
}

impl std::error::Error for NotFinite {}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Where { epoch, step, seed, samples } = &self.place;
        write!(f, "{} became {} in epoch {epoch}, step {step} (seed {seed}", self.what, self.value)?;
        if !samples.is_empty() {
            write!(f, ", batch of samples {}", named(samples))?;
        }
        f.write_str("); ")?;
        let intact = "the last checkpoint is intact; ";
        match &self.cause {
            Cause::Samples(samples) => write!(f, "{}", of_samples(Split::Train, samples)),
            Cause::InitialWeights { name } => match &self.initial_weights {
                Some(path) => write!(
                    f,
                    "`{name}` of training.initial_weights ({}) is not finite: begin with another checkpoint",
                    path.display()
                ),
                None => write!(f, "`{name}` is not finite before the first update: correct the settings of the baseline"),
            },
            Cause::Initialisation => f.write_str(
                "no update was made yet, and samples and weights are finite: the network overflows as it was initialised; \
                 correct the baseline's initialisation, normalisation or size (`bench diagnose` shows the scale of every \
                 layer), not the learning rate",
            ),
            Cause::Penalty => write!(
                f,
                "the loss of the task and all weights are finite: {intact}lower the weight of the baseline's penalty, or \
                 training.learning_rate"
            ),
            Cause::Weights { name } => write!(
                f,
                "`{name}` is not finite since the update before, although the loss was: its gradient, moments or running \
                 statistics overflowed; {intact}lower training.learning_rate or set training.grad_clip"
            ),
            Cause::Moments { name } => write!(
                f,
                "the gradients of `{name}` are so large that the optimiser's moments overflow, and it would no longer learn; \
                 {intact}set training.grad_clip or lower training.learning_rate"
            ),
            Cause::Gradient { penalty } => {
                let penalty = if *penalty { "the weight of the baseline's penalty or " } else { "" };
                write!(
                    f,
                    "the loss is finite, its gradient is not; {intact}lower {penalty}training.learning_rate, or look for a \
                     root or a quotient of zero in the baseline"
                )
            }
            Cause::Training => write!(f, "{intact}lower training.learning_rate or set training.grad_clip"),
            Cause::Evaluation { split, samples } if !samples.is_empty() => write!(f, "{}", of_samples(*split, samples)),
            Cause::Evaluation { .. } => write!(
                f,
                "the training loss is finite: in evaluation mode the network overflows (running statistics of the \
                 normalisation are far from those of the batches); {intact}lower training.learning_rate or train for longer"
            ),
        }
    }
}

/// The first of `samples`.
fn named(samples: &[usize]) -> String {
    let more = if samples.len() > NAMED { "…" } else { "" };
    format!("{:?}{more}", &samples[..samples.len().min(NAMED)])
}

fn of_samples(split: Split, samples: &[usize]) -> String {
    format!(
        "samples {} of the {} split hold values that are infinite or not a number: look at the files with `bench \
         data verify`, the learning rate is not to blame",
        named(samples),
        split.name()
    )
}

/// What is not finite of the loss of a step: the task's loss, the penalty, or their sum in 32 bits.
pub(crate) fn broken_loss(loss: f64, penalty: Option<f64>) -> Option<(String, f64)> {
    let sum = f64::from((loss + penalty.unwrap_or(0.0)) as f32);
    let parts = [
        ("the training loss", loss),
        ("the penalty that the network adds to the training loss", penalty.unwrap_or(0.0)),
        ("the sum of the training loss and its penalty", sum),
    ];
    parts.into_iter().find(|(_, value)| !value.is_finite()).map(|(what, value)| (what.to_owned(), value))
}

/// Where the loss of `batch`, which holds the samples at `positions`, comes from after `step` updates; `penalty` says that it
/// is the penalty alone.
pub(crate) fn cause(
    batch: &Batch,
    positions: &[usize],
    model: &dyn Model,
    step: u64,
    penalty: bool,
) -> Result<Cause, ReadError> {
    let unfit = unfit(batch, positions);
    // Running statistics may have been broken by this very forward pass, and do not enter it.
    let mut weights = tensors::weights(model)?;
    for parameter in model.parameters().iter().filter(|parameter| !parameter.trainable) {
        weights.remove(&parameter.name);
    }
    Ok(match tensor(&weights) {
        _ if !unfit.is_empty() => Cause::Samples(unfit),
        Some((name, _)) if step == 0 => Cause::InitialWeights { name },
        Some((name, _)) => Cause::Weights { name },
        None if penalty => Cause::Penalty,
        None if step == 0 => Cause::Initialisation,
        None => Cause::Training,
    })
}

/// The first tensor that holds a value that is not finite, and the value.
pub(crate) fn tensor(weights: &Weights) -> Option<(String, f64)> {
    weights.iter().find_map(|(name, (_, values))| {
        let value = values.iter().find(|value| !value.is_finite())?;
        Some((name.clone(), f64::from(*value)))
    })
}

/// The first parameter whose gradient holds a value that is not finite, and the value.
pub(crate) fn gradient(model: &dyn Model, gradients: &Gradients) -> Result<(String, f64), ReadError> {
    for (parameter, gradient) in model.parameters().iter().zip(gradients) {
        let Some(gradient) = gradient else { continue };
        let values = read(gradient.clone(), &parameter.name)?;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Ok((parameter.name.clone(), f64::from(*value)));
        }
    }
    Ok(("all parameters together".to_owned(), f64::INFINITY))
}

/// The positions of samples of a batch, which are at `positions`, that hold inputs or targets that are not finite.
fn unfit(batch: &Batch, positions: &[usize]) -> Vec<usize> {
    let mut unfit: Vec<usize> = Vec::new();
    let mut look = |values: &[f32]| {
        let per_sample = (values.len() / batch.size.max(1)).max(1);
        for (values, position) in values.chunks(per_sample).zip(positions) {
            if values.iter().any(|value| !value.is_finite()) && !unfit.contains(position) {
                unfit.push(*position);
            }
        }
    };
    if let Inputs::Values(values) = &batch.inputs {
        look(values);
    }
    if let Targets::Values(values) = &batch.targets {
        look(values);
    }
    unfit
}

/// The positions of the samples of `split` that hold inputs or targets that are not finite, as far as a message names them.
pub(crate) fn unfit_samples(dataset: &dyn Dataset, split: Split) -> Result<Vec<usize>, DataError> {
    let mut found = Vec::new();
    let samples = dataset.len(split);
    for start in (0..samples).step_by(SEARCHED) {
        let positions: Vec<usize> = (start..(start + SEARCHED).min(samples)).collect();
        found.extend(unfit(&dataset.read(split, &positions)?, &positions));
        if found.len() > NAMED {
            break;
        }
    }
    Ok(found)
}

/// Says that the validation loss of epoch `epoch` is not finite, although the training loss is, and what to do; `samples` are
/// those to blame.
pub(crate) fn validation_warning(loss: f64, epoch: u64, samples: &[usize]) -> String {
    let why = if samples.is_empty() {
        "the training loss is finite, so that the network overflows in evaluation mode alone; if it stays so, lower \
         training.learning_rate"
            .to_owned()
    } else {
        of_samples(Split::Validation, samples)
    };
    format!("the validation loss is {loss} in epoch {epoch}: {why}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use baselines::registry;
    use burn::tensor::Device;
    use serde_json::json;

    use super::*;

    fn batch(inputs: Vec<f32>, targets: Vec<f32>) -> Batch {
        Batch { size: 2, inputs: Inputs::Values(inputs), targets: Targets::Values(targets), lengths: None }
    }

    /// A network, with one value of the parameter at `index` replaced.
    fn network(broken: Option<usize>) -> Box<dyn Model> {
        let input = baselines::InputSpec::Values { channels: 1, shape: vec![3] };
        let entry = registry::find("gru").unwrap();
        let config = json!({"hidden": 2});
        let mut model =
            (entry.build)(&config, &input, &baselines::OutputSpec::Regression(1), 0, &Device::flex()).unwrap();
        let mut index = 0;
        model.replace(&mut |_, value| {
            index += 1;
            (Some(index - 1) == broken).then(|| value * f32::INFINITY)
        });
        model
    }

    #[test]
    fn the_first_cause_is_named() {
        let fine = batch(vec![0.5; 6], vec![1.0, 2.0]);
        let (whole, broken) = (network(None), network(Some(1)));
        let name = whole.parameters()[1].name.clone();
        let of = |batch: &Batch, model: &dyn Model, step, penalty| cause(batch, &[7, 9], model, step, penalty).unwrap();
        let mut inputs = vec![0.5; 6];
        inputs[4] = f32::NAN;
        assert_eq!(of(&batch(inputs, vec![1.0, 2.0]), broken.as_ref(), 0, false), Cause::Samples(vec![9]));
        let targets = batch(vec![0.5; 6], vec![f32::INFINITY, 2.0]);
        assert_eq!(of(&targets, whole.as_ref(), 3, false), Cause::Samples(vec![7]));
        assert_eq!(of(&fine, broken.as_ref(), 0, false), Cause::InitialWeights { name: name.clone() });
        assert_eq!(of(&fine, broken.as_ref(), 4, false), Cause::Weights { name });
        assert_eq!(of(&fine, whole.as_ref(), 0, false), Cause::Initialisation);
        assert_eq!(of(&fine, whole.as_ref(), 4, true), Cause::Penalty);
        assert_eq!(of(&fine, whole.as_ref(), 4, false), Cause::Training);
    }

    #[test]
    fn the_loss_the_penalty_and_their_sum_are_told_apart() {
        let what = |loss, penalty| broken_loss(loss, penalty).map(|(what, _)| what).unwrap_or_default();
        assert!(what(f64::NAN, Some(1.0)).contains("training loss"));
        assert!(what(1.0, Some(f64::INFINITY)).contains("penalty that"));
        assert!(what(3e38, Some(3e38)).contains("sum"));
        assert_eq!((broken_loss(3e38, None), broken_loss(1.0, Some(2.0))), (None, None));
    }

    #[test]
    fn remedies_follow_the_cause() {
        let message = |cause| {
            let place = Where { epoch: 2, step: 7, seed: 3, samples: vec![1, 2] };
            let initial_weights = Some(PathBuf::from("first.safetensors"));
            NotFinite { what: "the training loss".into(), value: f64::NAN, place, cause, initial_weights }.to_string()
        };
        let lower = "training.learning_rate";
        let training = message(Cause::Training);
        assert!([lower, "epoch 2", "step 7", "seed 3"].iter().all(|part| training.contains(part)), "{training}");
        let samples = message(Cause::Samples(vec![5]));
        assert!(samples.contains("[5]") && !samples.contains(lower), "{samples}");
        let weights = message(Cause::InitialWeights { name: "head.bias".into() });
        assert!(weights.contains("first.safetensors") && !weights.contains(lower), "{weights}");
        assert!(!message(Cause::Initialisation).contains(lower));
        let with = message(Cause::Gradient { penalty: true });
        assert!(with.contains(lower) && with.contains("penalty"), "{with}");
        let without = message(Cause::Gradient { penalty: false });
        assert!(without.contains(lower) && !without.contains("penalty"), "{without}");
        let of = Cause::of_tensor("optimiser.second.body.cell.weight");
        assert_eq!(of, Cause::Moments { name: "body.cell.weight".into() });
        assert_eq!(Cause::of_tensor("model.head.bias"), Cause::Weights { name: "head.bias".into() });
    }
}
