//! What a network looks at: its kernels, the eigenvalues of its recurrences, and how far its outputs see.
//!
//! Layers show themselves by [`views`]; how far outputs see is the gradient of a [`Trace`](crate::Trace).
//!
//! Nothing is changed by looking: no weight, no running statistic, no random stream of a training.

mod eigenvalues;
mod kernels;
mod radii;
mod receptive;
mod reduce;
mod spectrum;
#[cfg(test)]
mod tests;
pub mod views;

use vocabulary::record::{Inspection, SCHEMA, inspection::LayerInspection};

use self::views::{LayerView, evenly};
use crate::{ForwardError, Input, Model};

/// Most layers whose kernels are shown one by one.
const LAYERS: usize = 12;

/// Looks at `model`, which has inputs of `shape`, and differentiates it at the samples `inputs`, if there are some.
///
/// # Errors
/// A layer fails, or a tensor cannot be read from the device.
pub fn inspect(model: &dyn Model, shape: &[usize], inputs: Option<&Input>) -> Result<Inspection, ForwardError> {
    let views = model.views(shape)?;
    let shown = evenly(views.len(), LAYERS);
    let mut layers = Vec::new();
    for (index, LayerView { layer, kernels, eigenvalues }) in views.into_iter().enumerate() {
        let one_by_one = shown.contains(&index);
        let kernels = kernels.map(|of| kernels::inspect(of, &layer, one_by_one)).transpose()?;
        let eigenvalues = eigenvalues.filter(|_| one_by_one).map(eigenvalues::inspect);
        layers.push(LayerInspection { layer, kernels, eigenvalues });
    }
    let field = inputs.map(|inputs| receptive::field(model, inputs)).transpose()?;
    let answer = inputs.map(|inputs| receptive::answer(model, inputs)).transpose()?.flatten();
    Ok(Inspection { schema: SCHEMA, shape: shape.to_vec(), layers, field, answer })
}
