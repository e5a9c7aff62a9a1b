//! Outputs of ours, and the loss that goldens were recorded with.

use baselines::ReadError;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};

use super::tensors::host;
use super::{Comparison, Golden, GoldenError, ParityError};

/// An output of ours, in the layout of the recorded one.
pub(super) struct OurOutput {
    /// Name in the golden, without `output.`.
    name: &'static str,
    dims: Vec<usize>,
    /// All elements, row-major.
    value: Tensor<1>,
}

impl OurOutput {
    /// The output that is recorded as `output.<name>`.
    pub(super) fn new<const D: usize>(name: &'static str, value: Tensor<D>) -> Self {
        let dims = value.dims().to_vec();
        let elements = dims.iter().product::<usize>();
        Self { name, dims, value: value.reshape([elements]) }
    }

    /// Compare it with the recorded one.
    ///
    /// # Errors
    /// That one is missing or of another shape, or ours cannot be read from the device.
    pub(super) fn compare(&self, golden: &Golden, comparison: &mut Comparison) -> Result<(), ParityError> {
        Ok(comparison.output(golden, &format!("output.{}", self.name), &self.dims, &self.host()?)?)
    }

    fn host(&self) -> Result<Vec<f32>, ReadError> {
        host(self.value.clone())
    }

    /// The factors on its elements in the loss; `None` where it does not count.
    fn cotangent(&self, golden: &Golden) -> Result<Option<Vec<f64>>, GoldenError> {
        let key = format!("cotangent.{}", self.name);
        let Some(stored) = golden.find(&key) else { return Ok(None) };
        let recorded = &golden.get(&format!("output.{}", self.name))?.shape;
        if stored.shape != *recorded || stored.values.len() != self.value.dims()[0] {
            return Err(golden.fault(&key, format!("has shape {:?}, the output {recorded:?}", stored.shape)));
        }
        Ok(Some(stored.values.clone()))
    }
}

/// The loss that goldens were recorded with: Σ output · cotangent where the description says so, else the mean cross-entropy
/// of `input.labels` where there are any, else Σ y² of the only output.
///
/// # Errors
/// Cotangents or labels that do not fit, cotangents of outputs that are not among `ours`, or none at all.
pub(super) fn loss(golden: &Golden, ours: &[OurOutput]) -> Result<Tensor<1>, GoldenError> {
    if golden.has_cotangents() {
        return by_cotangents(golden, ours);
    }
    let [OurOutput { dims, value, .. }] = ours else {
        return Err(golden.fault("output.y", "is not the only output, and the loss needs a `cotangent` for each"));
    };
    let Some(labels) = golden.labels()? else { return Ok(value.clone().square().sum()) };
    let (rows, classes) = (labels.len(), dims.last().copied().unwrap_or(0));
    if value.dims()[0] != rows * classes || labels.iter().any(|&l| l < 0 || l as usize >= classes) {
        return Err(golden.fault("input.labels", format!("does not fit an output of shape {dims:?}")));
    }
    let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [rows, 1]), &value.device());
    Ok(log_softmax(value.clone().reshape([rows, classes]), 1).gather(1, labels).mean().neg())
}

fn by_cotangents(golden: &Golden, ours: &[OurOutput]) -> Result<Tensor<1>, GoldenError> {
    let unknown = golden.under("cotangent.").find(|(name, _)| ours.iter().all(|output| output.name != *name));
    if let Some((name, _)) = unknown {
        return Err(golden.fault(&format!("cotangent.{name}"), "belongs to no output of ours"));
    }
    let mut loss: Option<Tensor<1>> = None;
    for output in ours {
        let Some(cotangent) = output.cotangent(golden)? else { continue };
        let cotangent: Vec<f32> = cotangent.iter().map(|&factor| factor as f32).collect();
        let shape = [cotangent.len()];
        let cotangent = Tensor::<1>::from_data(TensorData::new(cotangent, shape), &output.value.device());
        let term = (output.value.clone() * cotangent).sum();
        loss = Some(match loss {
            Some(sum) => sum + term,
            None => term,
        });
    }
    loss.ok_or_else(|| golden.fault("cotangent", "is missing, and the loss is a sum over cotangents"))
}

/// Compare Σ output · cotangent of `ours` with the recorded loss, as a part of Σ |output · cotangent|.
///
/// # Errors
/// Cotangents that do not fit, or outputs that cannot be read from the device.
pub(super) fn compare_loss(
    golden: &Golden,
    comparison: &mut Comparison,
    ours: &[OurOutput],
) -> Result<(), ParityError> {
    let (mut sum, mut size) = (0.0, 0.0);
    for output in ours {
        let Some(cotangent) = output.cotangent(golden)? else { continue };
        for (value, factor) in output.host()?.into_iter().zip(cotangent) {
            let term = f64::from(value) * factor;
            sum += term;
            size += term.abs();
        }
    }
    Ok(comparison.loss(golden, sum, size)?)
}
