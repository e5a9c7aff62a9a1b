//! A factor and an offset per channel.

mod composed;
#[cfg(feature = "cube")]
pub(in crate::ops) mod cube;
mod flex;

use crate::operation::prelude::*;

/// `x · scale + shift`: input `[batch, channels, positions]`, scale and shift `[channels]` to the input's shape.
#[derive(Debug, Clone)]
struct ChannelAffine;

tested!(ChannelAffine, ChannelShift);

impl Operation<3> for ChannelAffine {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["channel affine", "channel affine backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;

    fn shape(&self, [x, scale, shift]: &[Shape; 3]) -> Shape {
        assert!(
            scale[..] == [x[1]] && shift[..] == [x[1]],
            "{} channels need as many factors and offsets, not {scale:?} and {shift:?}",
            x[1],
        );
        x.clone()
    }

    fn save<B: Kernels>(&self, [x, scale, _]: [FloatTensor<B>; 3], _: &[FloatTensor<B>]) -> Tensors<B> {
        vec![x, scale]
    }

    fn composed<B: Kernels>(&self, [x, scale, shift]: [FloatTensor<B>; 3]) -> Tensors<B> {
        vec![composed::forward::<B>(x, scale, shift)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; 3]) -> Grads<B, 3> {
        let [x, scale] = take(saved);
        composed::backward::<B>(x, scale, g, wanted)
    }

    fn flex<T: Element>(&self, inputs: [FlexTensor; 3]) -> Tensors<Flex> {
        vec![flex::forward::<T>(inputs)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, wanted: [bool; 3]) -> Grads<Flex, 3> {
        let [x, scale] = take(saved);
        flex::backward::<T>([x, scale, g], wanted)
    }

    #[cfg(feature = "cube")]
    fn cube(&self, inputs: &[CubeTensor; 3]) -> Option<Tensors<Cube>> {
        cube::forward(inputs.each_ref()).map(|y| vec![y])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 3]) -> Option<Grads<Cube, 3>> {
        let [x, scale] = saved else { return None };
        cube::backward(x, scale, g).map(|gradients| gradients.map(Some))
    }

    #[cfg(feature = "tch")]
    fn libtorch(&self, [x, scale, shift]: &[TorchTensor; 3]) -> Option<Tensors<LibTorch>> {
        let [scale, shift] = [scale, shift].map(|channels| channels.tensor.view([1, -1, 1]));
        Some(vec![libtorch::new(shift.addcmul(&x.tensor, &scale))])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 3>> {
        vec![(Self, [Sample::new([3, 4, 50], 1), Sample::new([4], 2), Sample::new([4], 3)])]
    }
}

/// `x + shift`: input `[batch, channels, positions]` and shift `[channels]` to the input's shape.
#[derive(Debug, Clone)]
struct ChannelShift;

impl Operation<2> for ChannelShift {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["channel shift", "channel shift backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;

    fn shape(&self, [x, shift]: &[Shape; 2]) -> Shape {
        assert!(shift[..] == [x[1]], "{} channels need as many offsets, not {shift:?}", x[1]);
        x.clone()
    }

    fn save<B: Kernels>(&self, _: [FloatTensor<B>; 2], _: &[FloatTensor<B>]) -> Tensors<B> {
        Vec::new()
    }

    fn composed<B: Kernels>(&self, [x, shift]: [FloatTensor<B>; 2]) -> Tensors<B> {
        vec![composed::shift::<B>(x, shift)]
    }

    fn composed_backward<B: Kernels>(&self, _saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; 2]) -> Grads<B, 2> {
        let sum = wanted[1].then(|| composed::sum::<B>(g.clone()));
        [Some(g), sum]
    }

    fn flex<T: Element>(&self, [x, shift]: [FlexTensor; 2]) -> Tensors<Flex> {
        vec![flex::shifted::<T>(x, shift)]
    }

    fn flex_backward<T: Element>(&self, _saved: Tensors<Flex>, g: FlexTensor, wanted: [bool; 2]) -> Grads<Flex, 2> {
        let sums = wanted[1].then(|| flex::sums::<T>(&g));
        [Some(g), sums]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x, shift]: &[CubeTensor; 2]) -> Option<Tensors<Cube>> {
        cube::shifted(x, shift).map(|y| vec![y])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, _saved: &[CubeTensor], g: &CubeTensor, wanted: [bool; 2]) -> Option<Grads<Cube, 2>> {
        let sums = if wanted[1] { Some(cube::sums(g)?) } else { None };
        Some([Some(g.clone()), sums])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 2>> {
        vec![(Self, [Sample::new([3, 4, 50], 1), Sample::new([4], 2)])]
    }
}

/// `x · scale + shift` for `x` `[batch, channels, positions]`, with `scale` and `shift` `[channels]`.
///
/// # Panics
/// If `scale` or `shift` does not have one value per channel.
pub fn channel_affine(x: Tensor<3>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<3> {
    first(ChannelAffine, [x.into_dispatch(), scale.into_dispatch(), shift.into_dispatch()])
}

/// `x + bias` for `x` `[batch, channels, positions]` and `bias` `[channels]`.
///
/// # Panics
/// If `bias` does not have one value per channel.
pub fn channel_bias(x: Tensor<3>, bias: Tensor<1>) -> Tensor<3> {
    first(ChannelShift, [x.into_dispatch(), bias.into_dispatch()])
}
