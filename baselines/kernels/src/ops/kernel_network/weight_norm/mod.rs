//! Weights of a given length and direction per row.

mod composed;
#[cfg(feature = "cube")]
mod cube;

use crate::operation::prelude::*;

/// Directions `[outputs, inputs]` and lengths `[outputs, 1]` to weights `[outputs, inputs]`.
#[derive(Debug, Clone)]
struct WeightNorm;

tested!(WeightNorm);

impl Operation<2> for WeightNorm {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["weight norm", "weight norm backward"]);
    const FLEX: FlexTypes = FlexTypes::Composed;

    fn shape(&self, [directions, lengths]: &[Shape; 2]) -> Shape {
        assert!(lengths[..] == [directions[0], 1], "lengths {lengths:?} of rows {directions:?}");
        directions.clone()
    }

    fn composed<B: Kernels>(&self, [directions, lengths]: [FloatTensor<B>; 2]) -> Tensors<B> {
        vec![composed::forward::<B>(directions, lengths)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 2]) -> Grads<B, 2> {
        let [directions, lengths] = take(saved);
        composed::backward::<B>(directions, lengths, g).map(Some)
    }

    #[cfg(feature = "cube")]
    fn cube(&self, inputs: &[CubeTensor; 2]) -> Option<Tensors<Cube>> {
        cube::forward(inputs.each_ref()).map(|weight| vec![weight])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 2]) -> Option<Grads<Cube, 2>> {
        let [directions, lengths] = saved else { return None };
        cube::backward([directions, lengths], g).map(|gradients| gradients.map(Some))
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 2>> {
        let of = |outputs, inputs| (Self, [Sample::new([outputs, inputs], 1), Sample::new([outputs, 1], 2)]);
        vec![of(7, 5), of(300, 32)]
    }
}

/// `lengths · v / ‖v‖` for every row `v` of `directions` `[outputs, inputs]`, with `lengths` `[outputs, 1]` (Salimans and Kingma 2016).
///
/// # Panics
/// If the shapes do not fit together.
pub fn weight_norm(directions: Tensor<2>, lengths: Tensor<2>) -> Tensor<2> {
    first(WeightNorm, [directions.into_dispatch(), lengths.into_dispatch()])
}
