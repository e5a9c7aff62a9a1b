//! Multiplicative networks of Gabor filters, from positions to kernel values in one operation.

mod chain;
#[cfg(feature = "cube")]
mod cube;

use self::chain::{Chain, Composed, OnFlex};
use crate::operation::prelude::*;

/// Inputs beside those of layers: positions, output map, first filter.
const OTHER: usize = 7;
/// Inputs of a layer: its filter and its map.
const PER_LAYER: usize = 6;

/// Inputs of a network of so many layers.
pub(crate) const fn inputs(layers: usize) -> usize {
    OTHER + PER_LAYER * layers
}

/// Inputs, in order: positions `[axes, points]`; weight `[outputs, hidden]` and bias `[outputs]` of the output map; frequencies
/// `[hidden, axes]`, phases `[hidden]`, centres `[hidden, axes]` and inverse widths `[hidden, axes]` or `[hidden, 1]` of the first filter;
/// for every layer the same four of its filter, weight `[hidden, hidden]` and bias `[hidden]`. The output is `[outputs, points]`; where a
/// gradient is wanted, the values in between follow, as [`Chain`] has them.
#[derive(Debug, Clone)]
struct FilterNetwork {
    /// Whether the values in between are kept.
    keep: bool,
}

impl crate::operation::Tested for FilterNetwork {}

#[cfg(test)]
mod contract {
    use super::*;

    #[test]
    fn holds() {
        crate::operation::test::check::<FilterNetwork, { inputs(1) }>();
        crate::operation::test::check::<FilterNetwork, { inputs(3) }>();
    }

    #[cfg(feature = "wgpu")]
    #[test]
    #[ignore = "needs a GPU or software Vulkan"]
    fn holds_on_a_gpu() {
        crate::operation::test::check_on_gpu::<FilterNetwork, { inputs(1) }>();
        crate::operation::test::check_on_gpu::<FilterNetwork, { inputs(3) }>();
    }
}

impl<const N: usize> Operation<N> for FilterNetwork {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["filter network", "filter network backward"]);
    const FLEX: FlexTypes = FlexTypes::F32;
    #[cfg(test)]
    const TOLERANCE: f64 = 2e-4;

    fn shape(&self, shapes: &[Shape; N]) -> Shape {
        let [positions, weight, bias] = [0, 1, 2].map(|input: usize| &shapes[input]);
        let (axes, outputs, hidden) = (positions[0], weight[0], weight[1]);
        assert!(N >= OTHER && (N - OTHER).is_multiple_of(PER_LAYER), "{N} inputs");
        assert!(bias[..] == [outputs], "a bias {bias:?} of {outputs} outputs");
        let filter = |first: usize| {
            let [frequencies, phases, centres, widths] = [0, 1, 2, 3].map(|input: usize| &shapes[first + input]);
            let fits = frequencies[..] == [hidden, axes] && phases[..] == [hidden] && centres[..] == [hidden, axes];
            assert!(fits, "a filter {frequencies:?}, {phases:?}, {centres:?} of {hidden} channels over {axes} axes");
            assert!(widths[..] == [hidden, axes] || widths[..] == [hidden, 1], "inverse widths {widths:?} do not fit");
        };
        filter(3);
        for first in (OTHER..N).step_by(PER_LAYER) {
            filter(first);
            let [weight, bias] = [4, 5].map(|input: usize| &shapes[first + input]);
            assert!(weight[..] == [hidden, hidden] && bias[..] == [hidden], "a layer {weight:?}, {bias:?}");
        }
        Shape::from([outputs, positions[1]])
    }

    fn tracked(self) -> Self {
        Self { keep: true }
    }

    fn save<B: Kernels>(&self, inputs: [FloatTensor<B>; N], outputs: &[FloatTensor<B>]) -> Tensors<B> {
        inputs.into_iter().chain(outputs[1..].iter().cloned()).collect()
    }

    fn composed<B: Kernels>(&self, inputs: [FloatTensor<B>; N]) -> Tensors<B> {
        Chain::<Composed<B>>::forward(&inputs, self.keep)
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; N]) -> Grads<B, N> {
        // A backend whose forward pass is a kernel of its own has kept nothing.
        let saved = if saved.len() > N { saved } else { Chain::<Composed<B>>::again(saved) };
        take(Chain::<Composed<B>>::backward(&saved, N, g, wanted[0]))
    }

    fn flex<T: Element>(&self, inputs: [FlexTensor; N]) -> Tensors<Flex> {
        Chain::<OnFlex>::forward(&inputs, self.keep)
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, wanted: [bool; N]) -> Grads<Flex, N> {
        take(Chain::<OnFlex>::backward(&saved, N, g, wanted[0]))
    }

    #[cfg(feature = "cube")]
    fn cube(&self, inputs: &[CubeTensor; N]) -> Option<Tensors<Cube>> {
        cube::forward(inputs).map(|values| vec![values])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, wanted: [bool; N]) -> Option<Grads<Cube, N>> {
        // Positions are constants wherever there is training; and where the forward pass was composed, so is this one.
        if wanted[0] || saved.len() > N {
            return None;
        }
        let gradients = cube::backward(saved, g)?;
        Some(take(std::iter::once(None).chain(gradients.into_iter().map(Some)).collect()))
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, N>> {
        let of = |(axes, widths, hidden, points, outputs): (usize, usize, usize, usize, usize)| {
            let mut seed = 0;
            let mut sample = |shape: &[usize], scale: f64| {
                seed += 1;
                Sample::new(shape, seed).map(|x| scale * x)
            };
            let mut samples =
                vec![sample(&[axes, points], 1.0), sample(&[outputs, hidden], 1.0), sample(&[outputs], 1.0)];
            for layer in 0..=(N - OTHER) / PER_LAYER {
                samples.extend([sample(&[hidden, axes], 20.0), sample(&[hidden], 3.0)]);
                samples.extend([sample(&[hidden, axes], 1.0), sample(&[hidden, widths], 3.0)]);
                if layer > 0 {
                    samples.extend([sample(&[hidden, hidden], 1.0), sample(&[hidden], 1.0)]);
                }
            }
            (Self { keep: false }, take(samples))
        };
        [(1, 1, 5, 300, 7), (2, 2, 8, 65, 3), (2, 1, 3, 70, 20)].map(of).into()
    }
}

/// The Gabor filter of a layer.
#[derive(Debug, Clone)]
pub struct GaborFilter {
    /// Frequencies `[hidden, axes]`.
    pub weight: Tensor<2>,
    /// Phases `[hidden]`.
    pub bias: Tensor<1>,
    /// Centres `[hidden, axes]`.
    pub mu: Tensor<2>,
    /// Inverse widths `[hidden, axes]`, or `[hidden, 1]`.
    pub gamma: Tensor<2>,
}

/// Weight `[outputs, inputs]` and bias `[outputs]` of a linear map.
pub type LinearMap = (Tensor<2>, Tensor<1>);

/// Most layers of a [`filter_network`].
pub const MOST_LAYERS: usize = 3;

/// A multiplicative filter network (Fathony et al. 2021; Romero et al. 2022, arXiv 2110.08059, section 3.2) with filters
/// [`gabor`](super::gabor()): h ← f₀(x); h ← fₗ(x) ⊙ (Wₗ h + bₗ) for each of 1 to [`MOST_LAYERS`] `layers`; out = W h + b. For `positions`
/// `[axes, points]`; returns `[outputs, points]`.
///
/// # Panics
/// If the shapes do not fit together, or there are fewer or more layers.
pub fn filter_network(
    positions: Tensor<2>,
    first: GaborFilter,
    layers: Vec<(GaborFilter, LinearMap)>,
    output: LinearMap,
) -> Tensor<2> {
    let count = layers.len();
    let filter = |GaborFilter { weight, bias, mu, gamma }: GaborFilter| {
        [weight.into_dispatch(), bias.into_dispatch(), mu.into_dispatch(), gamma.into_dispatch()]
    };
    let map = |(weight, bias): LinearMap| [weight.into_dispatch(), bias.into_dispatch()];
    let mut inputs = vec![positions.into_dispatch()];
    inputs.extend(map(output));
    inputs.extend(filter(first));
    for (gabor, linear) in layers {
        inputs.extend(filter(gabor));
        inputs.extend(map(linear));
    }
    fn run<const N: usize>(inputs: Vec<burn::backend::DispatchTensor>) -> Tensor<2> {
        crate::operation::prelude::first(FilterNetwork { keep: false }, take::<_, N>(inputs))
    }
    match count {
        1 => run::<{ self::inputs(1) }>(inputs),
        2 => run::<{ self::inputs(2) }>(inputs),
        3 => run::<{ self::inputs(3) }>(inputs),
        _ => unreachable!("a network of {count} layers; 1 to {MOST_LAYERS} are supported"),
    }
}
