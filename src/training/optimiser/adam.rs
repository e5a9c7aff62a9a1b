//! Adam and AdamW over named flat tensors, with parameter groups.
//!
//! Burn's own optimisers clip per parameter, key their state by random identifiers and cannot give a group a learning
//! rate; here the state has the names of the parameters, and goes into the one checkpoint file.

use std::collections::BTreeMap;

use baselines::kernels::{AdamState, AdamUpdate, adam};
use baselines::{Model, Parameter, ParameterGroup};
use burn::tensor::Tensor;

use super::Gradients;
use crate::experiment::{OptimiserKind, Training};

/// Adam or AdamW (update rule and defaults of `torch.optim`).
pub(crate) struct Optimiser {
    kind: OptimiserKind,
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
        let mut places = Vec::new();
        let mut steps = Vec::new();
        let mut slots = self.slots.iter_mut().zip(gradients).enumerate();
        model.visit(&mut |_, value| {
            let Some((place, (slot, Some(gradient)))) = slots.next() else { return };
            let group = slot.group.as_ref();
            let rate = group.map_or(learning_rate, |g| {
                let bound = g.max_learning_rate.map_or(1.0, |most| (most / self.base_rate).min(1.0));
                learning_rate * bound * g.learning_rate_factor
            });
            let update = AdamUpdate {
                betas: self.betas,
                epsilon: self.epsilon,
                rate,
                decay: group.and_then(|g| g.weight_decay).unwrap_or(self.weight_decay),
                decoupled: self.kind == OptimiserKind::AdamW,
                number: self.updates,
            };
            places.push(place);
            steps.push((AdamState { value, gradient, moments: slot.moments.take() }, update));
        });
        let mut values: Vec<Option<Tensor<1>>> = self.slots.iter().map(|_| None).collect();
        for (place, (value, moments)) in places.into_iter().zip(adam(steps)) {
            self.slots[place].moments = Some(moments);
            values[place] = Some(value);
        }
        let mut values = values.into_iter();
        model.replace(&mut |_, _| values.next().flatten());
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
