//! The taps of a causal convolution from a kernel that begins at the current sample, with a skip connection.

#[cfg(feature = "cube")]
mod cube;

use burn::backend::Backend;
use burn::backend::TensorMetadata;

use crate::operation::prelude::*;
use crate::value::Value;

/// Kernel `[channels, taps]` and skip `[channels, 1]` to taps `[channels, taps]`, oldest first.
#[derive(Debug, Clone)]
struct CausalTaps;

tested!(CausalTaps);

fn flipped<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_flip(x, &[1])
}

impl Operation<2> for CausalTaps {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["causal taps", "causal taps backward"]);
    const FLEX: FlexTypes = FlexTypes::Composed;

    fn shape(&self, [kernel, skip]: &[Shape; 2]) -> Shape {
        assert!(skip[..] == [kernel[0], 1], "a skip connection {skip:?} of {} channels", kernel[0]);
        kernel.clone()
    }

    fn save<B: Kernels>(&self, _inputs: [FloatTensor<B>; 2], _outputs: &[FloatTensor<B>]) -> Tensors<B> {
        Vec::new()
    }

    fn composed<B: Kernels>(&self, [kernel, skip]: [FloatTensor<B>; 2]) -> Tensors<B> {
        let kernel = Value::<B>(kernel);
        let taps = kernel.dim(1);
        let current = kernel.clone().narrow(1, 0..1) + Value(skip);
        let before = || Value::<B>(flipped::<B>(kernel.narrow(1, 1..taps).0));
        vec![if taps == 1 { current.0 } else { Value::cat(vec![before(), current], 1).0 }]
    }

    fn composed_backward<B: Kernels>(&self, _saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; 2]) -> Grads<B, 2> {
        let taps = g.shape()[1];
        let skip = wanted[1].then(|| Value::<B>(g.clone()).narrow(1, taps - 1..taps).0);
        [wanted[0].then(|| flipped::<B>(g)), skip]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [kernel, skip]: &[CubeTensor; 2]) -> Option<Tensors<Cube>> {
        cube::forward(kernel, skip).map(|taps| vec![taps])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, _saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 2]) -> Option<Grads<Cube, 2>> {
        cube::backward(g).map(|gradients| gradients.map(Some))
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 2>> {
        let of = |taps| (Self, [Sample::new([5, taps], 1), Sample::new([5, 1], 2)]);
        vec![of(70), of(1)]
    }
}

/// Taps of a causal convolution, oldest first, `[channels, taps]`: those of `kernel` `[channels, taps]`, whose first tap multiplies the
/// current sample, with `skip` `[channels, 1]` added to that one.
///
/// # Panics
/// If the shapes do not fit together.
pub fn causal_taps(kernel: Tensor<2>, skip: Tensor<2>) -> Tensor<2> {
    first(CausalTaps, [kernel.into_dispatch(), skip.into_dispatch()])
}
