//! What convolutions with generated kernels have in common.

use burn::tensor::Tensor;

use crate::inspect::views::{Kernels, LayerView};
use crate::layers::residual::penalty::norm;
use crate::{GeneratedKernel, Measure, ReadError};

/// A convolution whose kernel a network generates.
pub trait GeneratedConv {
    /// Kernel values of a training input, `[kernels, taps]`.
    ///
    /// # Errors
    /// The part of the kernel that is kept cannot be read from the device.
    fn kernel(&self) -> Result<Tensor<2>, ReadError>;

    /// Shift after the convolution, `[channels]`.
    fn bias(&self) -> Tensor<1>;

    /// The kernels of a training input, and where their taps lie.
    ///
    /// # Errors
    /// The part of the kernel that is kept cannot be read from the device.
    fn view(&self) -> Result<Kernels, ReadError>;

    /// Mask, size and frequencies of the kernels, under the name `layer`.
    ///
    /// # Errors
    /// They cannot be read from the device.
    fn generated(&self, layer: String) -> Result<GeneratedKernel, ReadError>;
}

/// What all of the named `convolutions` generate.
pub(crate) fn generated_kernels<'a, C: GeneratedConv + 'a>(
    convolutions: impl Iterator<Item = (String, &'a C)>,
) -> Result<Vec<GeneratedKernel>, ReadError> {
    convolutions.map(|(layer, conv)| conv.generated(layer)).collect()
}

/// What the named `convolutions` show.
pub(crate) fn views<'a, C: GeneratedConv + 'a>(
    convolutions: impl Iterator<Item = (String, &'a C)>,
) -> Result<Vec<LayerView>, ReadError> {
    convolutions.map(|(layer, conv)| Ok(LayerView::of_kernels(layer, conv.view()?))).collect()
}

/// The measure `kernel_norm` of every named convolution: ‖k‖₂ of its kernel.
pub(crate) fn kernel_norms<'a, C: GeneratedConv + 'a>(
    convolutions: impl Iterator<Item = (String, &'a C)>,
) -> Result<Vec<Measure>, ReadError> {
    convolutions.map(|(layer, conv)| Ok(Measure::new(layer, "kernel_norm", norm(conv.kernel()?)))).collect()
}

/// The norms of kernels and biases, summed and multiplied by `weight`; `None` under a weight of zero.
pub(crate) fn weight_penalty<'a, C: GeneratedConv + 'a>(
    convolutions: impl Iterator<Item = (String, &'a C)>,
    weight: f64,
) -> Result<Option<Tensor<1>>, ReadError> {
    if weight == 0.0 {
        return Ok(None);
    }
    let norms = convolutions.map(|(_, conv)| Ok(norm(conv.kernel()?) + norm(conv.bias())));
    let norms = norms.collect::<Result<Vec<_>, ReadError>>()?;
    Ok(norms.into_iter().reduce(|sum, norm| sum + norm).map(|sum| sum * weight))
}
