//! Layer normalisation without its affine part: mean 0 and variance 1 over the values of a sample at a position.

mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;

use crate::operation::prelude::*;

/// Input `[batch, values, positions]`, normalised over its values; returns the input's shape.
#[derive(Debug, Clone)]
struct LayerNorm {
    epsilon: f64,
}

tested!(LayerNorm);

impl Operation<1> for LayerNorm {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["layer norm", "layer norm backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;

    fn shape(&self, [x]: &[Shape; 1]) -> Shape {
        x.clone()
    }

    fn composed<B: Kernels>(&self, [x]: [FloatTensor<B>; 1]) -> Tensors<B> {
        vec![composed::forward::<B>(x, self.epsilon)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 1]) -> Grads<B, 1> {
        let [x] = take(saved);
        [Some(composed::backward::<B>(x, g, self.epsilon))]
    }

    fn flex<T: Element>(&self, [x]: [FlexTensor; 1]) -> Tensors<Flex> {
        vec![flex::run::<T>(x, None, self.epsilon)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, _wanted: [bool; 1]) -> Grads<Flex, 1> {
        let [x] = take(saved);
        [Some(flex::run::<T>(x, Some(g), self.epsilon))]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x]: &[CubeTensor; 1]) -> Option<Tensors<Cube>> {
        Some(vec![cube::forward(x, self.epsilon)?])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 1]) -> Option<Grads<Cube, 1>> {
        Some([Some(cube::backward(&saved[0], g, self.epsilon)?)])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 1>> {
        let of = |shape: [usize; 3]| (Self { epsilon: 1e-3 }, [Sample::new(shape, 1)]);
        vec![of([3, 7, 5]), of([3, 20, 1]), of([2, 5, 600]), of([2, 600, 5])]
    }
}

/// `(x − mean) / √(variance + epsilon)` for `x` `[batch, values, positions]`, mean and (biased) variance being those over
/// the values of a sample at a position.
pub fn layer_norm(x: Tensor<3>, epsilon: f64) -> Tensor<3> {
    first(LayerNorm { epsilon }, [x.into_dispatch()])
}
