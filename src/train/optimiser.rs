//! Adam and AdamW over named flat tensors, with parameter groups and global clipping.
//!
//! Burn's own optimisers clip per parameter, key their state by random identifiers and cannot give a group a learning
//! rate; here the state is a map of names to tensors that goes into the one checkpoint file.

use std::collections::BTreeMap;

use baselines::kernels::adam::{Update, adam};
use baselines::{Model, Parameter, ParameterGroup};
use burn::tensor::Tensor;

use crate::experiment::Training;
use crate::experiment::training::Optimiser as Kind;

/// Gradients by parameter name, flat.
pub(crate) type Gradients = BTreeMap<String, Tensor<1>>;

/// Adam or AdamW (update rule and defaults of `torch.optim`).
pub(crate) struct Optimiser {
    kind: Kind,
    betas: [f64; 2],
    epsilon: f64,
    weight_decay: f64,
    /// Learning rate that the schedule starts from: what the bounds of groups apply to, as in `torch.optim`, where a group
    /// has a base rate of its own and shares the schedule's factor.
    base_rate: f64,
    /// Group of each parameter that is in one.
    groups: BTreeMap<String, ParameterGroup>,
    /// First and second moments by parameter name.
    moments: BTreeMap<String, [Tensor<1>; 2]>,
    /// Updates made.
    updates: u64,
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
        let trainable: Vec<&Parameter> = model.parameters().iter().filter(|p| p.trainable).collect();
        let mut groups = BTreeMap::new();
        for group in model.groups() {
            let matches = |p: &&&Parameter| group.contains.iter().any(|part| p.name.contains(part.as_str()));
            let members: Vec<_> = trainable.iter().filter(matches).map(|p| p.name.clone()).collect();
            if members.is_empty() {
                return Err(EmptyGroup { name: group.name.clone(), contains: group.contains.clone() });
            }
            groups.extend(members.into_iter().map(|name| (name, group.clone())));
        }
        Ok(Self {
            kind: settings.optimiser,
            betas: settings.betas,
            epsilon: settings.epsilon,
            weight_decay: settings.weight_decay,
            base_rate: settings.learning_rate,
            groups,
            moments: BTreeMap::new(),
            updates: 0,
        })
    }

    /// One update of `model` along `gradients` with the schedule's `learning_rate`.
    pub(crate) fn step(&mut self, model: &mut dyn Model, mut gradients: Gradients, learning_rate: f64) {
        self.updates += 1;
        model.replace(&mut |name, value| {
            let gradient = gradients.remove(name)?;
            let group = self.groups.get(name);
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
            // In its place: tensors are large values, which a map moves about when entries come and go.
            let moments = self.moments.get_mut(name);
            let (value, next) = adam(value, gradient, moments.as_deref().cloned(), update);
            match moments {
                Some(moments) => *moments = next,
                None => _ = self.moments.insert(name.to_owned(), next),
            }
            Some(value)
        });
    }

    /// Number of updates and, by parameter name, the two moments.
    pub(crate) fn state(&self) -> (u64, &BTreeMap<String, [Tensor<1>; 2]>) {
        (self.updates, &self.moments)
    }

    /// Put back what [`state`](Self::state) gave.
    pub(crate) fn restore(&mut self, updates: u64, moments: BTreeMap<String, [Tensor<1>; 2]>) {
        self.updates = updates;
        self.moments = moments;
    }
}

/// Euclidean norm of all gradients together.
pub(crate) fn norm(gradients: &Gradients) -> f64 {
    let squares: Vec<_> = gradients.values().map(|g| (g.clone() * g.clone()).sum()).collect();
    if squares.is_empty() {
        return 0.0;
    }
    let squares = Tensor::cat(squares, 0).into_data().convert::<f64>();
    squares.try_to_vec::<f64>().unwrap_or_default().into_iter().sum::<f64>().sqrt()
}

/// Scale all gradients so that their common norm is at most `limit`; returns the norm before.
pub(crate) fn clip(gradients: &mut Gradients, limit: f64) -> f64 {
    let norm = norm(gradients);
    if norm > limit {
        // The same small term as torch's `clip_grad_norm_`.
        scale(gradients, limit / (norm + 1e-6));
    }
    norm
}

/// Multiply all gradients by `factor`.
pub(crate) fn scale(gradients: &mut Gradients, factor: f64) {
    for gradient in gradients.values_mut() {
        *gradient = gradient.clone() * factor;
    }
}

/// Add `more` to `sum`, name by name.
pub(crate) fn accumulate(sum: &mut Gradients, more: Gradients) {
    for (name, gradient) in more {
        let total = match sum.remove(&name) {
            Some(so_far) => so_far + gradient,
            None => gradient,
        };
        sum.insert(name, total);
    }
}
