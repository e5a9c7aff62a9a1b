//! What stands in a [`Stack`](super::Stack).

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;

use crate::{Forward, LayerView, Measure, ReadError};

/// A map over sequences that keeps their shape.
pub trait SequenceLayer: Module + ModuleDisplay {
    /// `[batch, channels, length]` to the same shape. Probes are taken as `layer`.
    fn forward(&self, x: Tensor<3>, layer: &str, ctx: &mut Forward<'_>) -> Tensor<3>;

    /// What the layer shows as `layer`, for inputs of `length` samples; see [`Body::views`](crate::Body::views).
    ///
    /// # Errors
    /// A value that decides what is shown cannot be read from the device.
    fn view(&self, layer: String, _length: usize) -> Result<LayerView, ReadError> {
        Ok(LayerView { layer, kernels: None, eigenvalues: None })
    }

    /// See [`Body::kernel_length`](crate::Body::kernel_length).
    fn kernel_length(&self) -> Option<usize> {
        None
    }

    /// What the layer adds to the loss, already weighted; see [`Body::penalty`](crate::Body::penalty).
    fn penalty(&self) -> Option<Tensor<1>> {
        None
    }

    /// The numbers that this judges, of the layer called `layer`; see [`Body::measures`](crate::Body::measures).
    fn measures(&self, _layer: &str) -> Vec<Measure> {
        Vec::new()
    }
}
