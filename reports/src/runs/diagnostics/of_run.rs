//! What is drawn of the diagnostics of one run.

use std::collections::BTreeMap;

use vocabulary::record::Histogram;

use super::layers::{LayerQuantity, Layers};

/// The diagnostics of one run. Values that overflowed are infinite.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct RunDiagnostics {
    /// Layer and variance of its output at initialisation, in order of the forward pass.
    pub(crate) activations: Vec<(String, f64)>,
    /// Layer and variance of its sampled kernel at initialisation.
    pub(crate) kernels: Vec<(String, f64)>,
    /// Layer and the variance that its generated kernel should have, at initialisation.
    pub(crate) targets: Vec<(String, f64)>,
    /// Scale of the logits by optimiser step.
    pub(crate) logits: BTreeMap<u64, LogitScale>,
    /// How the logits are distributed at some [`Moment`]s.
    pub(crate) histograms: BTreeMap<Moment, Histogram>,
    /// ‖I − WᵀW‖ (Frobenius norm over all layers) by optimiser step; steps with a value that overflowed are left out.
    pub(crate) orthonormality: BTreeMap<u64, f64>,
    /// The same of the units scaled to length 1.
    pub(crate) orthogonality: BTreeMap<u64, f64>,
    /// What was recorded of every layer over training.
    pub(crate) layers: BTreeMap<LayerQuantity, Layers>,
}

/// How large logits are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct LogitScale {
    /// Standard deviation, of the population.
    pub(crate) std: f64,
    /// Largest absolute value.
    pub(crate) max_abs: f64,
}

/// When logits are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// Before the first step.
    Start,
    /// After the first epoch, or what a limit left of it.
    FirstEpoch,
    /// After the last step of a finished training.
    End,
}
