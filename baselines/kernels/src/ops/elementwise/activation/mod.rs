//! Activations whose scalar loops dominate a step on the CPU.

pub(crate) mod composed;
#[cfg(feature = "cube")]
pub(in crate::ops::elementwise) mod cube;
mod flex;

use burn::backend::DispatchTensor;

use crate::operation::prelude::*;

/// `x · Φ(x)`, with the exact normal distribution function. (Burn's own gradient is that of the tanh approximation.)
#[derive(Debug, Clone)]
struct Gelu;

/// `a · σ(b)` for `x = [a, b]`, `[batch, 2 · channels, positions]` to `[batch, channels, positions]`.
#[derive(Debug, Clone)]
struct Glu;

tested!(Gelu, Glu);

impl Operation<1> for Gelu {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["gelu", "gelu backward"]);
    const FLEX: FlexTypes = FlexTypes::F32;

    fn shape(&self, [x]: &[Shape; 1]) -> Shape {
        x.clone()
    }

    fn composed<B: Kernels>(&self, [x]: [FloatTensor<B>; 1]) -> Tensors<B> {
        vec![composed::gelu::<B>(x)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 1]) -> Grads<B, 1> {
        let [x] = take(saved);
        [Some(composed::gelu_backward::<B>(x, g))]
    }

    fn flex<T: Element>(&self, [x]: [FlexTensor; 1]) -> Tensors<Flex> {
        vec![flex::gelu(x)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, _wanted: [bool; 1]) -> Grads<Flex, 1> {
        let [x] = take(saved);
        [Some(flex::gelu_backward(x, g))]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x]: &[CubeTensor; 1]) -> Option<Tensors<Cube>> {
        Some(vec![cube::gelu(x)?])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 1]) -> Option<Grads<Cube, 1>> {
        Some([Some(cube::gelu_backward(&saved[0], g)?)])
    }

    #[cfg(feature = "tch")]
    fn libtorch(&self, [x]: &[TorchTensor; 1]) -> Option<Tensors<LibTorch>> {
        Some(vec![libtorch::new(x.tensor.gelu("none"))])
    }

    #[cfg(feature = "tch")]
    fn libtorch_backward(&self, saved: &[TorchTensor], g: &TorchTensor, _: [bool; 1]) -> Option<Grads<LibTorch, 1>> {
        Some([Some(libtorch::new(saved[0].tensor.gelu_backward(&g.tensor, "none")))])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 1>> {
        vec![(Self, [Sample::new([1000], 1).map(|x| 6.0 * x)])]
    }
}

impl Operation<1> for Glu {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["glu", "glu backward"]);
    const FLEX: FlexTypes = FlexTypes::F32;

    fn shape(&self, [x]: &[Shape; 1]) -> Shape {
        let channels = x[1];
        assert!(channels.is_multiple_of(2), "a gated linear unit needs an even number of channels, not {channels}");
        Shape::from([x[0], channels / 2, x[2]])
    }

    fn composed<B: Kernels>(&self, [x]: [FloatTensor<B>; 1]) -> Tensors<B> {
        vec![composed::glu::<B>(x)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 1]) -> Grads<B, 1> {
        let [x] = take(saved);
        [Some(composed::glu_backward::<B>(x, g))]
    }

    fn flex<T: Element>(&self, [x]: [FlexTensor; 1]) -> Tensors<Flex> {
        vec![flex::glu(x)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, _wanted: [bool; 1]) -> Grads<Flex, 1> {
        let [x] = take(saved);
        [Some(flex::glu_backward(x, g))]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x]: &[CubeTensor; 1]) -> Option<Tensors<Cube>> {
        Some(vec![cube::glu(x)?])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 1]) -> Option<Grads<Cube, 1>> {
        Some([Some(cube::glu_backward(&saved[0], g)?)])
    }

    #[cfg(feature = "tch")]
    fn libtorch(&self, [x]: &[TorchTensor; 1]) -> Option<Tensors<LibTorch>> {
        Some(vec![libtorch::new(x.tensor.glu(1))])
    }

    #[cfg(feature = "tch")]
    fn libtorch_backward(&self, saved: &[TorchTensor], g: &TorchTensor, _: [bool; 1]) -> Option<Grads<LibTorch, 1>> {
        Some([Some(libtorch::new(saved[0].tensor.glu_backward(&g.tensor, 1)))])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 1>> {
        vec![(Self, [Sample::new([3, 8, 5], 1).map(|x| 6.0 * x)])]
    }
}

/// Gaussian error linear unit with the exact normal distribution function, `x · Φ(x)`, element by element.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // Of no rank, so that the kernel is compiled in this crate.
    Tensor::from_dispatch(gelu_of(x.into_dispatch()))
}

fn gelu_of(x: DispatchTensor) -> DispatchTensor {
    call(Gelu, [x]).swap_remove(0)
}

/// The gated linear unit `a · σ(b)` for `x = [a, b]`, `[batch, 2 · channels, positions]` to `[batch, channels, positions]`
/// (Dauphin et al. 2017, arXiv 1612.08083).
///
/// # Panics
/// If the number of channels of `x` is odd.
pub fn glu(x: Tensor<3>) -> Tensor<3> {
    first(Glu, [x.into_dispatch()])
}
