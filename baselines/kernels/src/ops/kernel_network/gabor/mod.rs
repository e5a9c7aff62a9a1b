//! Gabor filters of the position, the layers of multiplicative kernel networks.

pub(in crate::ops) mod composed;
pub(in crate::ops) mod flex;

use crate::operation::prelude::*;

/// Positions `[axes, points]`, frequencies `[hidden, axes]`, phases `[hidden]`, centres `[hidden, axes]` and inverse widths
/// `[hidden, axes]` or `[hidden, 1]` to `[hidden, points]`.
#[derive(Debug, Clone)]
struct Gabor;

tested!(Gabor);

impl Operation<5> for Gabor {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["gabor filter", "gabor filter backward"]);
    const FLEX: FlexTypes = FlexTypes::F32;
    #[cfg(test)]
    const TOLERANCE: f64 = 5e-5;

    fn shape(&self, [positions, weight, bias, mu, gamma]: &[Shape; 5]) -> Shape {
        let (axes, hidden) = (positions[0], weight[0]);
        assert!(
            weight[1] == axes && bias[..] == [hidden] && mu[..] == [hidden, axes],
            "frequencies {weight:?}, phases {bias:?} and centres {mu:?} do not fit positions of {axes} axes",
        );
        let fits = gamma[..] == [hidden, axes] || gamma[..] == [hidden, 1];
        assert!(fits, "inverse widths {gamma:?} do not fit");
        Shape::from([hidden, positions[1]])
    }

    fn composed<B: Kernels>(&self, operands: [FloatTensor<B>; 5]) -> Tensors<B> {
        vec![composed::forward::<B>(operands)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; 5]) -> Grads<B, 5> {
        gradients::<B>(take(saved), g, wanted, composed::backward::<B>)
    }

    fn flex<T: Element>(&self, operands: [FlexTensor; 5]) -> Tensors<Flex> {
        vec![flex::forward(&operands)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, wanted: [bool; 5]) -> Grads<Flex, 5> {
        gradients::<Flex>(take(saved), g, wanted, flex::backward)
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 5>> {
        let of = |(axes, widths, points): (usize, usize, usize)| {
            let at = |shape: &[usize], seed, scale: f64| Sample::new(shape, seed).map(|x| scale * x);
            let (positions, bias) = (at(&[axes, points], 1, 1.0), at(&[5], 3, 3.0));
            let (weight, mu) = (at(&[5, axes], 2, 40.0), at(&[5, axes], 4, 1.0));
            (Self, [positions, weight, bias, mu, at(&[5, widths], 5, 3.0)])
        };
        [(1, 1, 300), (2, 2, 64), (2, 1, 70), (3, 1, 511)].map(of).into()
    }
}

/// The gradient of the positions, which training does not need, is composed on every backend; those of the parameters are
/// what `of_parameters` finds.
fn gradients<B: Kernels>(
    operands: [FloatTensor<B>; 5],
    g: FloatTensor<B>,
    wanted: [bool; 5],
    of_parameters: impl FnOnce([FloatTensor<B>; 5], FloatTensor<B>) -> [FloatTensor<B>; 4],
) -> Grads<B, 5> {
    let positions = wanted[0].then(|| composed::backward_positions::<B>(operands.clone(), g.clone()));
    if wanted[1..] == [false; 4] {
        return [positions, None, None, None, None];
    }
    let [weight, bias, mu, gamma] = of_parameters(operands, g).map(Some);
    [positions, weight, bias, mu, gamma]
}

/// `exp(−½ Σ_d (γ_d (x_d − μ_d))²) · sin(W x + b)` (Fathony et al. 2021; Romero et al. 2022, arXiv 2110.08059, section 3.2)
/// for positions `x` `[axes, points]`, `weight` and `mu` `[hidden, axes]`, `bias` `[hidden]` and `gamma` `[hidden, axes]` or
/// `[hidden, 1]`; returns `[hidden, points]`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn gabor(positions: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, mu: Tensor<2>, gamma: Tensor<2>) -> Tensor<2> {
    let (weight, bias) = (weight.into_dispatch(), bias.into_dispatch());
    first(Gabor, [positions.into_dispatch(), weight, bias, mu.into_dispatch(), gamma.into_dispatch()])
}
