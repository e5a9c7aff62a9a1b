//! Running statistics of batch normalisation.

#[cfg(feature = "cube")]
mod cube;

use crate::operation::prelude::*;
use crate::value::Value;

/// Running mean and variance, then those of the batch, all `[channels]`, to running mean and variance after the batch.
#[derive(Debug, Clone)]
struct RunningStatistics {
    weight: f64,
    correction: f64,
}

tested!(RunningStatistics);

impl Operation<4> for RunningStatistics {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["running statistics", "running statistics backward"]);
    const FLEX: FlexTypes = FlexTypes::Composed;
    const DIFFERENTIABLE: usize = 0;
    const OUTPUTS: usize = 2;

    fn shape(&self, [mean, others @ ..]: &[Shape; 4]) -> Shape {
        assert!(others.iter().all(|other| other == mean), "statistics {mean:?} and {others:?} of different channels");
        mean.clone()
    }

    fn composed<B: Kernels>(&self, [mean, variance, batch_mean, batch_variance]: [FloatTensor<B>; 4]) -> Tensors<B> {
        let updated = |running: FloatTensor<B>, batch: FloatTensor<B>, weight: f64| {
            (Value::<B>(running).scale(1.0 - self.weight) + Value::<B>(batch).scale(weight)).0
        };
        let mean = updated(mean, batch_mean, self.weight);
        vec![mean, updated(variance, batch_variance, self.weight * self.correction)]
    }

    fn composed_backward<B: Kernels>(&self, _saved: Tensors<B>, _g: FloatTensor<B>, _wanted: [bool; 4]) -> Grads<B, 4> {
        [None, None, None, None]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, inputs: &[CubeTensor; 4]) -> Option<Tensors<Cube>> {
        cube::updated(inputs.each_ref(), self.weight, self.correction).map(Into::into)
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 4>> {
        vec![(Self { weight: 0.1, correction: 1.25 }, [1, 2, 3, 4].map(|seed| Sample::new([70], seed)))]
    }
}

/// Running mean and variance `[channels]` after a batch with these statistics: `running · (1 − weight) + batch · weight`, that of the
/// variance times `correction`. Outside autodiff.
///
/// # Panics
/// If the shapes differ.
pub fn running_statistics(
    [mean, variance]: [Tensor<1>; 2],
    [batch_mean, batch_variance]: [Tensor<1>; 2],
    weight: f64,
    correction: f64,
) -> [Tensor<1>; 2] {
    let inputs = [mean, variance, batch_mean, batch_variance].map(Tensor::into_dispatch);
    take(call(RunningStatistics { weight, correction }, inputs)).map(Tensor::from_dispatch)
}
