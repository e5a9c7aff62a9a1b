//! Weighted sums over positions: the read-out of most networks.

mod flex;

use crate::operation::prelude::*;
use crate::value::Value;

/// `Σ weights[t] · x[t]`: input `[batch, channels, positions]` and weights `[batch, 1, positions]` or `[1, 1, positions]`,
/// which are constant, to `[batch, channels, 1]`.
#[derive(Debug, Clone)]
struct WeightedSum;

tested!(WeightedSum);

impl Operation<2> for WeightedSum {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["weighted sum", "weighted sum backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;
    const DIFFERENTIABLE: usize = 1;

    fn shape(&self, [x, weights]: &[Shape; 2]) -> Shape {
        let fits = weights[1..] == [1, x[2]] && [1, x[0]].contains(&weights[0]);
        assert!(fits, "weights {weights:?} do not fit {x:?}");
        Shape::from([x[0], x[1], 1])
    }

    fn save<B: Kernels>(&self, [_, weights]: [FloatTensor<B>; 2], _: &[FloatTensor<B>]) -> Tensors<B> {
        vec![weights]
    }

    fn composed<B: Kernels>(&self, [x, weights]: [FloatTensor<B>; 2]) -> Tensors<B> {
        vec![(Value::<B>(x) * Value(weights)).sum(2).0]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 2]) -> Grads<B, 2> {
        let [weights] = take(saved);
        [Some((Value::<B>(g) * Value(weights)).0), None]
    }

    fn flex<T: Element>(&self, [x, weights]: [FlexTensor; 2]) -> Tensors<Flex> {
        vec![flex::forward::<T>(x, weights)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, _wanted: [bool; 2]) -> Grads<Flex, 2> {
        let [weights] = take(saved);
        [Some(flex::backward::<T>(weights, g)), None]
    }

    #[cfg(feature = "tch")]
    fn libtorch(&self, [x, weights]: &[TorchTensor; 2]) -> Option<Tensors<LibTorch>> {
        let (x, weights) = (&x.tensor, &weights.tensor);
        // The states of a recurrence lie step by step; a matrix product would bring them into order first.
        Some(vec![libtorch::new(match x.is_contiguous() {
            true => x.matmul(&weights.transpose(1, 2)),
            false => (x * weights).sum_dim_intlist([2_i64].as_slice(), true, None),
        })])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 2>> {
        let x = || Sample::new([3, 5, 70], 1);
        // The first and the last weights are zero.
        let window =
            Sample { shape: vec![1, 1, 70], values: (0..70).map(|t| f64::from(u8::from(t % 69 > 20))).collect() };
        let of = |weights| (Self, [x(), weights]);
        vec![of(Sample::new([1, 1, 70], 2)), of(Sample::new([3, 1, 70], 3)), of(window)]
    }
}

/// `Σ weights[t] · x[t]` over the positions of `x` `[batch, channels, positions]`, with weights `[batch, 1, positions]` or
/// `[1, 1, positions]`; returns `[batch, channels]`. No gradient reaches the weights.
///
/// # Panics
/// If the shapes do not fit together.
pub fn weighted_sum(x: Tensor<3>, weights: Tensor<3>) -> Tensor<2> {
    let [batch, channels, _] = x.dims();
    let sum: Tensor<3> = first(WeightedSum, [x.into_dispatch(), weights.into_dispatch()]);
    sum.reshape([batch, channels])
}
