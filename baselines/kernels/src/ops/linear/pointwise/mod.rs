//! A linear map over channels at every position: a convolution of size 1.

pub(in crate::ops) mod composed;
#[cfg(feature = "cube")]
mod cube;
pub(in crate::ops) mod flex;
#[cfg(feature = "tch")]
mod libtorch;

use crate::operation::prelude::*;
use crate::precision::Precision;

/// Input `[batch, in, positions]`, weight `[out, in]` and bias `[out]` to `[batch, out, positions]`.
#[derive(Debug, Clone)]
struct Pointwise {
    precision: Precision,
}

tested!(Pointwise);

impl Operation<3> for Pointwise {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["pointwise", "pointwise backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;

    fn shape(&self, [x, weight, bias]: &[Shape; 3]) -> Shape {
        let (inputs, outputs) = (x[1], bias[0]);
        assert!(
            inputs > 0 && weight[..] == [outputs, inputs],
            "a map of {inputs} channels with {outputs} biases needs at least one channel and a weight \
             [{outputs}, {inputs}], not {weight:?}",
        );
        Shape::from([x[0], outputs, x[2]])
    }

    fn save<B: Kernels>(&self, [x, weight, _]: [FloatTensor<B>; 3], _: &[FloatTensor<B>]) -> Tensors<B> {
        vec![x, weight]
    }

    fn composed<B: Kernels>(&self, inputs: [FloatTensor<B>; 3]) -> Tensors<B> {
        vec![composed::forward::<B>(inputs, self.precision)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; 3]) -> Grads<B, 3> {
        composed::backward::<B>(take(saved), g, wanted, self.precision)
    }

    fn flex<T: Element>(&self, inputs: [FlexTensor; 3]) -> Tensors<Flex> {
        vec![flex::forward::<T>(inputs)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, wanted: [bool; 3]) -> Grads<Flex, 3> {
        let [x, weight] = take(saved);
        flex::backward::<T>([x, weight, g], wanted)
    }

    #[cfg(feature = "cube")]
    fn cube(&self, inputs: &[CubeTensor; 3]) -> Option<Tensors<Cube>> {
        cube::forward(inputs.each_ref(), self.precision).map(|y| vec![y])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, wanted: [bool; 3]) -> Option<Grads<Cube, 3>> {
        let [x, weight] = saved else { return None };
        cube::backward([x, weight], g, wanted, self.precision)
    }

    #[cfg(feature = "tch")]
    fn libtorch(&self, inputs: &[TorchTensor; 3]) -> Option<Tensors<LibTorch>> {
        Some(vec![libtorch::forward(inputs)])
    }

    #[cfg(feature = "tch")]
    fn libtorch_backward(
        &self,
        saved: &[TorchTensor],
        g: &TorchTensor,
        wanted: [bool; 3],
    ) -> Option<Grads<LibTorch, 3>> {
        let [x, weight] = saved else { return None };
        Some(libtorch::backward(x, weight, g, wanted))
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 3>> {
        let of = |batch, positions: usize| {
            let inputs = [Sample::new([batch, 4, positions], 1), Sample::new([6, 4], 2), Sample::new([6], 3)];
            (Self { precision: Precision::Float32 }, inputs)
        };
        vec![of(6, 20), of(2, 130), of(17, 1)]
    }
}

/// `weight` `[out, in]` and `bias` `[out]` applied at every position of `x` `[batch, in, positions]`; returns
/// `[batch, out, positions]`. GPUs round the operands to `precision`.
///
/// # Panics
/// If the shapes do not fit together, or if there are no input channels.
pub fn pointwise(x: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>, precision: Precision) -> Tensor<3> {
    first(Pointwise { precision }, [x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()])
}
