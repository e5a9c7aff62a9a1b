//! The numbers of an update.

/// The numbers of one update (Kingma and Ba 2015; Loshchilov and Hutter 2019; update rule of `torch.optim`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamUpdate {
    /// Decay rates of the two moments, each in [0, 1).
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Learning rate of this parameter.
    pub rate: f64,
    /// Weight decay of this parameter.
    pub decay: f64,
    /// Whether the decay shrinks the parameter (AdamW); otherwise it is added to the gradient (Adam).
    pub decoupled: bool,
    /// Number of this update, from 1.
    pub number: u64,
}

/// The factors that an update multiplies by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Factors {
    /// Of the parameter, added to the gradient.
    pub(super) coupled_decay: f64,
    /// Of the parameter, before it is updated.
    pub(super) shrinkage: f64,
    pub(super) betas: [f64; 2],
    /// Of the root of the second moment.
    pub(super) root: f64,
    pub(super) epsilon: f64,
    /// Of first moment over root.
    pub(super) rate: f64,
}

impl From<AdamUpdate> for Factors {
    fn from(update: AdamUpdate) -> Self {
        let [correction1, correction2] = update.betas.map(|beta| 1.0 - beta.powf(update.number as f64));
        Self {
            coupled_decay: if update.decoupled { 0.0 } else { update.decay },
            shrinkage: if update.decoupled { 1.0 - update.rate * update.decay } else { 1.0 },
            betas: update.betas,
            root: 1.0 / correction2.sqrt(),
            epsilon: update.epsilon,
            rate: update.rate / correction1,
        }
    }
}
