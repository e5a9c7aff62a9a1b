//! What was recorded of every layer over training.

use std::collections::BTreeMap;

use crate::statistics::median;

/// A quantity that every layer of a kind has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LayerQuantity {
    /// Norm of the gradients of its parameters.
    Gradient,
    /// Width of the mask of its kernel.
    MaskWidth,
    /// Points of its kernel.
    KernelSize,
    /// Share of the filters of its kernel network above Nyquist's frequency.
    AboveNyquist,
}

/// One quantity of all layers of a network.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Layers {
    /// Smallest, middle and largest of the layers by optimiser step.
    pub(crate) spread: BTreeMap<u64, [f64; 3]>,
    /// The first look: every layer with its value, in order of the forward pass.
    pub(crate) first: Look,
    /// The last look.
    pub(crate) last: Look,
}

/// The layers at one optimiser step.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Look {
    pub(crate) step: u64,
    pub(crate) layers: Vec<(String, f64)>,
}

impl Layers {
    /// From the layers by step, in order of the forward pass.
    pub(super) fn of(steps: BTreeMap<u64, BTreeMap<u32, (&str, f64)>>) -> Self {
        let spread = steps.iter().filter_map(|(step, layers)| {
            let values: Vec<f64> = layers.values().map(|(_, value)| *value).collect();
            let least = values.iter().copied().reduce(f64::min)?;
            let most = values.iter().copied().reduce(f64::max)?;
            Some((*step, [least, median(&values)?, most]))
        });
        let look = |(step, layers): (&u64, &BTreeMap<u32, (&str, f64)>)| Look {
            step: *step,
            layers: layers.values().map(|(layer, value)| ((*layer).to_owned(), *value)).collect(),
        };
        Self {
            spread: spread.collect(),
            first: steps.first_key_value().map(look).unwrap_or_default(),
            last: steps.last_key_value().map(look).unwrap_or_default(),
        }
    }
}
