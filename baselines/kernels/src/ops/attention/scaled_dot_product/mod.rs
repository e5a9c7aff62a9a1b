//! Scaled dot-product attention in memory that grows with the length, not with its square.
//!
//! Queries are taken in chunks, and the scores of a chunk are made anew in the backward pass from the logarithm of the sum of
//! every row (Dao et al. 2022, arXiv 2205.14135).

mod composed;
#[cfg(feature = "tch")]
mod libtorch;
mod spec;

use self::composed::Sums;
pub use self::spec::Attention;
use self::spec::{SCORES, ScaledDotProduct};
use crate::operation::prelude::*;
use crate::precision::Precision;

tested!(ScaledDotProduct);

impl Operation<4> for ScaledDotProduct {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["attention", "attention backward"]);
    const FLEX: FlexTypes = FlexTypes::Composed;
    const DIFFERENTIABLE: usize = 3;

    fn shape(&self, [q, k, v, valid]: &[Shape; 4]) -> Shape {
        assert!(q == k && q == v, "queries {q:?}, keys {k:?} and values {v:?} differ");
        let heads = self.attention.heads;
        assert!(heads > 0 && q[1].is_multiple_of(heads), "{heads} heads do not divide {} channels", q[1]);
        assert!(valid[..] == [q[0], q[2]], "valid keys {valid:?} do not fit {q:?}");
        q.clone()
    }

    fn tracked(self) -> Self {
        Self { tracked: true, ..self }
    }

    fn save<B: Kernels>(&self, inputs: [FloatTensor<B>; 4], outputs: &[FloatTensor<B>]) -> Tensors<B> {
        inputs.into_iter().chain(outputs.iter().cloned()).collect()
    }

    fn composed<B: Kernels>(&self, inputs: [FloatTensor<B>; 4]) -> Tensors<B> {
        let Sums { y, logarithms } = composed::forward::<B>(inputs, self);
        if self.tracked { vec![y, logarithms] } else { vec![y] }
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 4]) -> Grads<B, 4> {
        let [q, k, v, valid, y, logarithms] = take(saved);
        let [dq, dk, dv] = composed::backward::<B>([q, k, v, valid], Sums { y, logarithms }, g, self);
        [Some(dq), Some(dk), Some(dv), None]
    }

    #[cfg(feature = "tch")]
    fn libtorch_recorded(&self, inputs: [&TchTensor; 4]) -> Option<Vec<TchTensor>> {
        libtorch::forward(inputs, self)
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 4>> {
        let of = |length: usize, causal: bool, window: Option<usize>, scores: usize| {
            let attention = Attention { heads: 2, causal, window };
            let [q, k, v] = [1, 2, 3].map(|seed| Sample::new([2, 6, length], seed).map(|x| 2.0 * x));
            let valid = Sample::new([2, length], 4).map(|x| if x > -0.6 { 1.0 } else { 0.0 });
            (Self { attention, precision: Precision::Float32, masked: true, scores, tracked: false }, [q, k, v, valid])
        };
        // In one piece, and in chunks of as few queries as there are at least.
        let masked = vec![
            of(7, false, None, SCORES),
            of(7, true, None, SCORES),
            of(50, false, None, 1),
            of(50, true, None, 1),
            of(50, false, Some(3), 1),
            of(50, true, Some(20), 1),
            of(40, false, Some(100), 1),
            of(40, true, Some(1), 1),
        ];
        let (operation, inputs) = of(50, false, None, 1);
        masked.into_iter().chain([(Self { masked: false, ..operation }, inputs)]).collect()
    }
}

/// `softmax(q kᵀ / √d) v` within every head of d channels, for `q`, `k` and `v` `[batch, channels, length]`.
///
/// The softmax is over the keys that `attention` allows and that are 1 in `valid`, `[batch, length]`, or all without it; a
/// query without any gets zeros. Returns the shape of `v`. GPUs round the operands of products to `precision`.
///
/// # Panics
/// If the shapes do not fit together, or the heads do not divide the channels.
pub fn scaled_dot_product(
    [q, k, v]: [Tensor<3>; 3],
    valid: Option<Tensor<2>>,
    attention: Attention,
    precision: Precision,
) -> Tensor<3> {
    let [batch, _, length] = q.dims();
    let masked = valid.is_some();
    let valid = valid.unwrap_or_else(|| Tensor::ones([batch, length], (&q.device(), q.dtype())));
    let operation = ScaledDotProduct { attention, precision, masked, scores: SCORES, tracked: false };
    first(operation, [q.into_dispatch(), k.into_dispatch(), v.into_dispatch(), valid.into_dispatch()])
}
