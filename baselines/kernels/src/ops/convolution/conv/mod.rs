//! Convolutions of few taps over images, dense over channels.

mod composed;
#[cfg(feature = "cube")]
pub(in crate::ops) mod cube;
mod flex;
#[cfg(feature = "tch")]
mod libtorch;
mod taps;

#[cfg(feature = "cube")]
use burn::backend::TensorMetadata;

use crate::operation::prelude::*;

pub use taps::Taps;

/// Input `[batch, in, height, width]` and weight `[out, in, taps, taps]` to `[batch, out, height, width]`.
#[derive(Debug, Clone)]
struct Conv(Taps);

tested!(Conv);

impl Operation<2> for Conv {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["convolution", "convolution backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;

    fn shape(&self, [x, weight]: &[Shape; 2]) -> Shape {
        let Self(taps) = self;
        assert!(x[1] == weight[1], "a weight for {} channels does not fit {}", weight[1], x[1]);
        assert!(weight[2] * weight[3] > 0, "a convolution needs taps");
        assert!(taps.stride.into_iter().chain(taps.dilation).all(|n| n > 0), "strides and dilations begin at 1");
        Shape::from([x[0], weight[0], taps.outputs(0, x[2], weight[2]), taps.outputs(1, x[3], weight[3])])
    }

    fn composed<B: Kernels>(&self, [x, weight]: [FloatTensor<B>; 2]) -> Tensors<B> {
        vec![composed::forward::<B>(x, weight, self.0)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; 2]) -> Grads<B, 2> {
        let [x, weight] = take(saved);
        composed::backward::<B>(x, weight, g, self.0, wanted)
    }

    fn flex<T: Element>(&self, [x, weight]: [FlexTensor; 2]) -> Tensors<Flex> {
        vec![flex::forward::<T>(x, weight, self.0)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, wanted: [bool; 2]) -> Grads<Flex, 2> {
        let [x, weight] = take(saved);
        flex::backward::<T>(x, weight, g, self.0, wanted)
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x, weight]: &[CubeTensor; 2]) -> Option<Tensors<Cube>> {
        cube::forward(x, weight, self.lie(x, weight)).map(|y| vec![y])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, wanted: [bool; 2]) -> Option<Grads<Cube, 2>> {
        let [x, weight] = saved else { return None };
        cube::backward(x, weight, g, self.lie(x, weight), wanted)
    }

    #[cfg(feature = "tch")]
    fn libtorch_recorded(&self, inputs: [&TchTensor; 2]) -> Option<Vec<TchTensor>> {
        Some(libtorch::forward(inputs, self.0))
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 2>> {
        let of = |size: [usize; 2], kernel: [usize; 2], stride, dilation, padding| {
            let x = Sample::new([2, 3, size[0], size[1]], 1);
            (Self(Taps { stride, dilation, padding }), [x, Sample::new([4, 3, kernel[0], kernel[1]], 2)])
        };
        vec![
            of([5, 6], [3, 3], [1, 1], [1, 1], [1, 1]),
            of([5, 6], [3, 3], [2, 2], [1, 1], [1, 1]),
            of([6, 5], [1, 1], [2, 2], [1, 1], [0, 0]),
            of([1, 9], [1, 3], [1, 1], [1, 2], [0, 2]),
            of([7, 8], [2, 3], [3, 2], [2, 1], [0, 3]),
        ]
    }
}

#[cfg(feature = "cube")]
impl Conv {
    fn lie(&self, x: &CubeTensor, weight: &CubeTensor) -> cube::Lie {
        let Self(taps) = self;
        let (xs, ws) = (x.shape(), weight.shape());
        let size = [0, 1].map(|axis| taps.outputs(axis, xs[2 + axis], ws[2 + axis]));
        cube::Lie { stride: taps.stride, dilation: taps.dilation, before: taps.padding, size }
    }
}

/// Cross-correlation of `x` `[batch, in, height, width]` with `weight` `[out, in, taps, taps]`, as
/// `torch.nn.functional.conv2d` without a bias: `[batch, out, height, width]`.
///
/// # Panics
/// If the numbers of channels differ, or a stride or a dilation is zero, or there are no taps.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, taps: Taps) -> Tensor<4> {
    first(Conv(taps), [x.into_dispatch(), weight.into_dispatch()])
}
