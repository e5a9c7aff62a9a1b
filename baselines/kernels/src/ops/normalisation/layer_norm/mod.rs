//! Layer normalisation without its affine part: mean 0 and variance 1 over the values of a sample at a position, or, where
//! their mean stays, a mean square of 1.

mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;
#[cfg(feature = "tch")]
mod libtorch;

use crate::operation::prelude::*;

/// Input `[batch, values, positions]`, normalised over its values; returns the input's shape.
#[derive(Debug, Clone)]
struct LayerNorm {
    epsilon: f64,
    /// Whether the mean is subtracted.
    centred: bool,
}

tested!(LayerNorm);

impl Operation<1> for LayerNorm {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["layer norm", "layer norm backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;

    fn shape(&self, [x]: &[Shape; 1]) -> Shape {
        x.clone()
    }

    fn composed<B: Kernels>(&self, [x]: [FloatTensor<B>; 1]) -> Tensors<B> {
        vec![composed::forward::<B>(x, self.epsilon, self.centred)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 1]) -> Grads<B, 1> {
        let [x] = take(saved);
        [Some(composed::backward::<B>(x, g, self.epsilon, self.centred))]
    }

    fn flex<T: Element>(&self, [x]: [FlexTensor; 1]) -> Tensors<Flex> {
        vec![flex::run::<T>(x, None, self.epsilon, self.centred)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, _wanted: [bool; 1]) -> Grads<Flex, 1> {
        let [x] = take(saved);
        [Some(flex::run::<T>(x, Some(g), self.epsilon, self.centred))]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x]: &[CubeTensor; 1]) -> Option<Tensors<Cube>> {
        Some(vec![cube::forward(x, self.epsilon, self.centred)?])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 1]) -> Option<Grads<Cube, 1>> {
        Some([Some(cube::backward(&saved[0], g, self.epsilon, self.centred)?)])
    }

    #[cfg(feature = "tch")]
    fn libtorch_recorded(&self, inputs: [&TchTensor; 1]) -> Option<Vec<TchTensor>> {
        Some(libtorch::forward(inputs, self.epsilon, self.centred))
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 1>> {
        let of = |centred, shape: [usize; 3]| (Self { epsilon: 1e-3, centred }, [Sample::new(shape, 1)]);
        let shapes = [[3, 7, 5], [3, 20, 1], [2, 5, 600], [2, 600, 5]];
        [true, false].into_iter().flat_map(|centred| shapes.map(|shape| of(centred, shape))).collect()
    }
}

/// `(x − mean) / √(variance + epsilon)` for `x` `[batch, values, positions]`, mean and (biased) variance being those over
/// the values of a sample at a position.
pub fn layer_norm(x: Tensor<3>, epsilon: f64) -> Tensor<3> {
    first(LayerNorm { epsilon, centred: true }, [x.into_dispatch()])
}

/// `x / √(mean(x²) + epsilon)` for `x` `[batch, values, positions]`, the mean being that over the values of a sample at a
/// position (Zhang and Sennrich 2019, arXiv 1910.07467).
pub fn rms_norm(x: Tensor<3>, epsilon: f64) -> Tensor<3> {
    first(LayerNorm { epsilon, centred: false }, [x.into_dispatch()])
}
