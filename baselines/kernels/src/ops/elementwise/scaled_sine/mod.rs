//! Sines of a multiple.

#[cfg(feature = "cube")]
mod cube;

use crate::operation::prelude::*;
use crate::value::Value;

/// Anything to `sin(factor · x)`.
#[derive(Debug, Clone)]
struct ScaledSine {
    factor: f64,
}

tested!(ScaledSine);

impl ScaledSine {
    fn phase<B: Kernels>(&self, x: FloatTensor<B>) -> FloatTensor<B> {
        Value::<B>(x).scale(self.factor).0
    }
}

impl Operation<1> for ScaledSine {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["sine", "sine backward"]);
    const FLEX: FlexTypes = FlexTypes::Composed;

    fn shape(&self, [x]: &[Shape; 1]) -> Shape {
        x.clone()
    }

    fn composed<B: Kernels>(&self, [x]: [FloatTensor<B>; 1]) -> Tensors<B> {
        vec![B::float_sin(self.phase::<B>(x))]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 1]) -> Grads<B, 1> {
        let [x] = take(saved);
        let slope = Value::<B>(B::float_cos(self.phase::<B>(x))).scale(self.factor);
        [Some((Value::<B>(g) * slope).0)]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x]: &[CubeTensor; 1]) -> Option<Tensors<Cube>> {
        cube::forward(x, self.factor as f32).map(|y| vec![y])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 1]) -> Option<Grads<Cube, 1>> {
        let [x] = saved else { return None };
        cube::backward(x, g, self.factor as f32).map(|dx| [Some(dx)])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 1>> {
        vec![(Self { factor: 21.5 }, [Sample::new([7, 130], 1)])]
    }
}

/// `sin(factor · x)`, element by element.
pub fn scaled_sine<const D: usize>(x: Tensor<D>, factor: f64) -> Tensor<D> {
    first(ScaledSine { factor }, [x.into_dispatch()])
}
