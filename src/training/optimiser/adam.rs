//! Adam and AdamW over named flat tensors, with parameter groups and global clipping.
//!
//! Burn's own optimisers clip per parameter, key their state by random identifiers and cannot give a group a learning
//! rate; here the state has the names of the parameters, and goes into the one checkpoint file.

use std::collections::BTreeMap;

use baselines::kernels::adam::{Update, adam};
use baselines::read::read;
use baselines::{Model, Parameter, ParameterGroup, ReadError};
use burn::tensor::Tensor;

use crate::experiment::Training;
use crate::experiment::training::Optimiser as Kind;

/// Gradients in the order of a model's parameters, flat; running statistics have none.
pub(crate) type Gradients = Vec<Option<Tensor<1>>>;

/// Adam or AdamW (update rule and defaults of `torch.optim`).
pub(crate) struct Optimiser {
    kind: Kind,
    betas: [f64; 2],
    epsilon: f64,
    weight_decay: f64,
    /// Learning rate that the schedule starts from: what the bounds of groups apply to, as in `torch.optim`, where a group
    /// has a base rate of its own and shares the schedule's factor.
    base_rate: f64,
    /// Per parameter of the model, in their order.
    slots: Vec<Slot>,
    /// Updates made.
    updates: u64,
}

/// What the optimiser knows of a parameter.
struct Slot {
    /// Its name.
    name: String,
    /// Its group, if it is in one.
    group: Option<ParameterGroup>,
    /// First and second moment, from the first update on.
    moments: Option<[Tensor<1>; 2]>,
}

/// A parameter group that selects nothing.
#[derive(Debug, thiserror::Error)]
#[error("parameter group `{name}` matches no parameter (looked for {contains:?}); correct or remove it")]
pub(crate) struct EmptyGroup {
    name: String,
    contains: Vec<String>,
}

impl Optimiser {
    /// An optimiser for `model`, without state.
    ///
    /// # Errors
    /// A group that matches no trainable parameter.
    pub(crate) fn new(settings: &Training, model: &dyn Model) -> Result<Self, EmptyGroup> {
        let slot = |p: &Parameter| Slot { name: p.name.clone(), group: None, moments: None };
        let mut slots: Vec<Slot> = model.parameters().iter().map(slot).collect();
        for group in model.groups() {
            let matches =
                |p: &Parameter| p.trainable && group.contains.iter().any(|part| p.name.contains(part.as_str()));
            let members: Vec<usize> = (0..slots.len()).filter(|&index| matches(&model.parameters()[index])).collect();
            if members.is_empty() {
                return Err(EmptyGroup { name: group.name.clone(), contains: group.contains.clone() });
            }
            for member in members {
                slots[member].group = Some(group.clone());
            }
        }
        Ok(Self {
            kind: settings.optimiser,
            betas: settings.betas,
            epsilon: settings.epsilon,
            weight_decay: settings.weight_decay,
            base_rate: settings.learning_rate,
            slots,
            updates: 0,
        })
    }

    /// One update of `model`, whose parameters are those that this optimiser was made for, along `gradients` with the
    /// schedule's `learning_rate`.
    pub(crate) fn step(&mut self, model: &mut dyn Model, gradients: Gradients, learning_rate: f64) {
        self.updates += 1;
        let mut slots = self.slots.iter_mut().zip(gradients);
        model.replace(&mut |_, value| {
            let (slot, gradient) = slots.next()?;
            let gradient = gradient?;
            let group = slot.group.as_ref();
            let rate = group.map_or(learning_rate, |g| {
                let bound = g.max_learning_rate.map_or(1.0, |most| (most / self.base_rate).min(1.0));
                learning_rate * bound * g.learning_rate_factor
            });
            let update = Update {
                betas: self.betas,
                epsilon: self.epsilon,
                rate,
                decay: group.and_then(|g| g.weight_decay).unwrap_or(self.weight_decay),
                decoupled: self.kind == Kind::AdamW,
                number: self.updates,
            };
            let (value, moments) = adam(value, gradient, slot.moments.take(), update);
            slot.moments = Some(moments);
            Some(value)
        });
    }

    /// Number of updates and, by parameter name, the two moments.
    pub(crate) fn state(&self) -> (u64, impl Iterator<Item = (&str, &[Tensor<1>; 2])>) {
        let moments = self.slots.iter().filter_map(|slot| Some((slot.name.as_str(), slot.moments.as_ref()?)));
        (self.updates, moments)
    }

    /// Put back what [`state`](Self::state) gave.
    pub(crate) fn restore(&mut self, updates: u64, mut moments: BTreeMap<String, [Tensor<1>; 2]>) {
        self.updates = updates;
        for slot in &mut self.slots {
            slot.moments = moments.remove(&slot.name);
        }
    }
}

/// Euclidean norm of all gradients together; infinite or not a number only where one of them is.
///
/// # Errors
/// It cannot be read from the device.
pub(crate) fn norm(gradients: &Gradients) -> Result<f64, ReadError> {
    let squares: Vec<_> = gradients.iter().flatten().map(|g| (g.clone() * g.clone()).sum()).collect();
    if squares.is_empty() {
        return Ok(0.0);
    }
    let squares = read(Tensor::cat(squares, 0), "the norm of the gradients")?;
    let norm = squares.into_iter().map(f64::from).sum::<f64>().sqrt();
    if norm.is_finite() {
        return Ok(norm);
    }
    // The squares of large gradients overflow in 32 bits, those of 64 do not.
    let squares = gradients.iter().flatten().map(squares_in_64_bits).sum::<Result<f64, _>>()?;
    Ok(squares.sqrt())
}

fn squares_in_64_bits(gradient: &Tensor<1>) -> Result<f64, ReadError> {
    Ok(read(gradient.clone(), "a gradient")?.into_iter().map(|value| f64::from(value) * f64::from(value)).sum())
}

/// Scale all gradients so that their common norm is at most `limit`; returns the norm before. Gradients whose norm is not
/// finite stay as they are.
///
/// # Errors
/// As [`norm`].
pub(crate) fn clip(gradients: &mut Gradients, limit: f64) -> Result<f64, ReadError> {
    let norm = norm(gradients)?;
    if norm.is_finite() && norm > limit {
        // The same small term as torch's `clip_grad_norm_`.
        scale(gradients, limit / (norm + 1e-6));
    }
    Ok(norm)
}

/// Multiply all gradients by `factor`.
pub(crate) fn scale(gradients: &mut Gradients, factor: f64) {
    for gradient in gradients.iter_mut().flatten() {
        *gradient = gradient.clone() * factor;
    }
}

/// Add `more` to `sum`, which is empty at first, parameter by parameter.
pub(crate) fn accumulate(sum: &mut Gradients, more: Gradients) {
    if sum.is_empty() {
        *sum = more;
        return;
    }
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = match (sum.take(), more) {
            (Some(sum), Some(more)) => Some(sum + more),
            (sum, more) => sum.or(more),
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::tensor::Device;

    use super::*;

    fn gradients(values: [[f32; 1]; 2]) -> Gradients {
        let device = Device::flex();
        values.map(|values| Some(Tensor::from_data(values, &device))).into_iter().chain([None]).collect()
    }

    fn values(gradients: &Gradients) -> Vec<f32> {
        gradients.iter().flatten().flat_map(|g| g.to_data().try_to_vec::<f32>().unwrap()).collect()
    }

    #[test]
    fn gradients_whose_squares_overflow_are_clipped_like_others() {
        let mut large = gradients([[3e30], [4e30]]);
        assert!((clip(&mut large, 1.0).unwrap() / 5e30 - 1.0).abs() < 1e-6);
        let clipped = values(&large);
        assert!((clipped[0] - 0.6).abs() < 1e-5 && (clipped[1] - 0.8).abs() < 1e-5, "{clipped:?}");
    }

    #[test]
    fn a_norm_that_is_not_finite_is_told_and_clips_nothing() {
        let mut broken = gradients([[f32::INFINITY], [4.0]]);
        assert_eq!(clip(&mut broken, 1.0).unwrap(), f64::INFINITY);
        assert_eq!(values(&broken)[1], 4.0);
        assert!(norm(&gradients([[f32::NAN], [1.0]])).unwrap().is_nan());
    }
}
