//! Batch normalisation with the statistics of the batch.

mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;
#[cfg(feature = "tch")]
mod libtorch;

use crate::operation::prelude::*;

/// Input `[batch, channels, positions]`, scale and offset `[channels]` to the normalised input, mean and biased variance
/// `[channels]`.
#[derive(Debug, Clone)]
struct BatchNorm {
    epsilon: f64,
}

tested!(BatchNorm);

impl Operation<3> for BatchNorm {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["batch norm", "batch norm backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;
    const OUTPUTS: usize = 3;

    fn shape(&self, [x, gamma, beta]: &[Shape; 3]) -> Shape {
        assert!(x.num_elements() > 0, "batch normalisation of an empty tensor {x:?} has no statistics");
        assert!(
            gamma[..] == [x[1]] && beta[..] == [x[1]],
            "batch normalisation of {} channels needs as many scales and offsets, not {gamma:?} and {beta:?}",
            x[1],
        );
        x.clone()
    }

    fn save<B: Kernels>(&self, [x, gamma, _]: [FloatTensor<B>; 3], outputs: &[FloatTensor<B>]) -> Tensors<B> {
        vec![x, gamma, outputs[1].clone(), outputs[2].clone()]
    }

    fn composed<B: Kernels>(&self, [x, gamma, beta]: [FloatTensor<B>; 3]) -> Tensors<B> {
        composed::forward::<B>(x, gamma, beta, self.epsilon).into()
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 3]) -> Grads<B, 3> {
        composed::backward::<B>(take(saved), g, self.epsilon).map(Some)
    }

    fn flex<T: Element>(&self, inputs: [FlexTensor; 3]) -> Tensors<Flex> {
        flex::forward::<T>(inputs, self.epsilon).into()
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, _wanted: [bool; 3]) -> Grads<Flex, 3> {
        flex::backward::<T>(take(saved), g, self.epsilon).map(Some)
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x, gamma, beta]: &[CubeTensor; 3]) -> Option<Tensors<Cube>> {
        let (y, mean, variance) = cube::forward(x, gamma, beta, self.epsilon)?;
        Some(vec![y, mean, variance])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 3]) -> Option<Grads<Cube, 3>> {
        let [x, gamma, mean, variance] = saved else { return None };
        Some(cube::backward(x, gamma, mean, variance, g, self.epsilon)?.map(Some))
    }

    #[cfg(feature = "tch")]
    fn libtorch_recorded(&self, inputs: [&TchTensor; 3]) -> Option<Vec<TchTensor>> {
        Some(libtorch::forward(inputs, self.epsilon))
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 3>> {
        let of = |[batch, positions]: [usize; 2]| {
            let per_channel = |seed| Sample::new([4], seed);
            (Self { epsilon: 1e-3 }, [Sample::new([batch, 4, positions], 1), per_channel(2), per_channel(3)])
        };
        vec![of([3, 5]), of([6, 20]), of([20, 1])]
    }
}

/// Normalise every channel of `x` `[batch, channels, positions]` to zero mean and unit variance over batch and
/// positions, then scale by `gamma` and shift by `beta`, both `[channels]`. Also returns the mean and the *biased*
/// variance `[channels]` for running statistics; no gradient flows through these two.
///
/// # Panics
/// If `gamma` or `beta` does not have one value per channel, or if `x` is empty.
pub fn batch_norm(x: Tensor<3>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> (Tensor<3>, Tensor<1>, Tensor<1>) {
    let inputs = [x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch()];
    let [y, mean, variance] = take(call(BatchNorm { epsilon }, inputs));
    (Tensor::from_dispatch(y), Tensor::from_dispatch(mean), Tensor::from_dispatch(variance))
}
