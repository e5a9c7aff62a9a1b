//! Gradients of all parameters: their sum over batches, their norm, and clipping.

use std::collections::BTreeMap;

use baselines::{Parameter, ReadError, read::read};
use burn::tensor::Tensor;

/// Gradients in the order of a model's parameters, flat; running statistics have none.
pub(crate) type Gradients = Vec<Option<Tensor<1>>>;

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

/// The gradients of a layer's parameters together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerGradient {
    /// See [`Parameter::layer`].
    pub(crate) layer: String,
    /// Euclidean norm.
    pub(crate) norm: f64,
}

/// Norms of the gradients of every layer, in order of `parameters`; layers without any are left out.
///
/// # Errors
/// They cannot be read from the device.
pub(crate) fn by_layer(parameters: &[Parameter], gradients: &Gradients) -> Result<Vec<LayerGradient>, ReadError> {
    let present: Vec<(&str, &Tensor<1>)> =
        parameters.iter().zip(gradients).filter_map(|(p, gradient)| Some((p.layer(), gradient.as_ref()?))).collect();
    let squares: Vec<_> = present.iter().map(|(_, g)| ((*g).clone() * (*g).clone()).sum()).collect();
    if squares.is_empty() {
        return Ok(Vec::new());
    }
    let squares = read(Tensor::cat(squares, 0), "the norms of the gradients")?;
    let mut sums: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for ((layer, gradient), square) in present.into_iter().zip(squares) {
        // The squares of large gradients overflow in 32 bits, those of 64 do not.
        let square = if square.is_finite() { f64::from(square) } else { squares_in_64_bits(gradient)? };
        let place = sums.len();
        sums.entry(layer).or_insert((place, 0.0)).1 += square;
    }
    let mut layers: Vec<_> = sums.into_iter().collect();
    layers.sort_by_key(|(_, (place, _))| *place);
    let norm = |(layer, (_, sum)): (&str, (usize, f64))| LayerGradient { layer: layer.to_owned(), norm: sum.sqrt() };
    Ok(layers.into_iter().map(norm).collect())
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
    fn the_gradients_of_a_layer_are_taken_together() {
        let parameter = |name: &str| Parameter { name: name.into(), shape: vec![1], trainable: true };
        let parameters = ["body.norm1.gamma", "body.conv1.bias", "body.norm1.mean", "body.conv1.weight"].map(parameter);
        let device = Device::flex();
        let of = |value: f32| Some(Tensor::<1>::from_data([value], &device));
        let found = by_layer(&parameters, &vec![of(2.0), of(3.0), None, of(4e30)]).unwrap();
        let layers: Vec<&str> = found.iter().map(|layer| layer.layer.as_str()).collect();
        assert_eq!((layers, found[0].norm), (vec!["norm1", "conv1"], 2.0));
        assert!((found[1].norm / 4e30 - 1.0).abs() < 1e-6);
        assert_eq!(by_layer(&parameters, &vec![None; 4]).unwrap(), []);
    }

    #[test]
    fn a_norm_that_is_not_finite_is_told_and_clips_nothing() {
        let mut broken = gradients([[f32::INFINITY], [4.0]]);
        assert_eq!(clip(&mut broken, 1.0).unwrap(), f64::INFINITY);
        assert_eq!(values(&broken)[1], 4.0);
        assert!(norm(&gradients([[f32::NAN], [1.0]])).unwrap().is_nan());
    }
}
