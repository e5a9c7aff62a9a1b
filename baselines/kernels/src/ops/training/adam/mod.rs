//! Updates of Adam and AdamW, one pass over parameter, gradient and moments.

mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;
#[cfg(feature = "tch")]
mod libtorch;
mod many;
mod update;

use crate::operation::prelude::*;

pub use update::AdamUpdate;

/// Parameter, gradient and both moments, all of one shape, to parameter and moments after the update. It has no gradient.
#[derive(Debug, Clone)]
struct Adam(AdamUpdate);

tested!(Adam);

impl Operation<4> for Adam {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["adam", "adam backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;
    const DIFFERENTIABLE: usize = 0;
    const OUTPUTS: usize = 3;

    fn shape(&self, [value, others @ ..]: &[Shape; 4]) -> Shape {
        for other in others {
            assert_eq!(other, value, "gradient and moments have the shape of the parameter");
        }
        value.clone()
    }

    fn composed<B: Kernels>(&self, operands: [FloatTensor<B>; 4]) -> Tensors<B> {
        composed::step::<B>(operands, self.0).into()
    }

    fn composed_backward<B: Kernels>(&self, _saved: Tensors<B>, _g: FloatTensor<B>, _wanted: [bool; 4]) -> Grads<B, 4> {
        [None, None, None, None]
    }

    fn flex<T: Element>(&self, operands: [FlexTensor; 4]) -> Tensors<Flex> {
        flex::step::<T>(&operands, self.0).into()
    }

    #[cfg(feature = "cube")]
    fn cube(&self, operands: &[CubeTensor; 4]) -> Option<Tensors<Cube>> {
        let updated = cube::applies(operands).then(|| cube::step(vec![operands.clone()], self.0))?;
        Some(updated.into_iter().flatten().collect())
    }

    #[cfg(feature = "tch")]
    fn libtorch(&self, operands: &[TorchTensor; 4]) -> Option<Tensors<LibTorch>> {
        Some(libtorch::step(operands, self.0).into())
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 4>> {
        let update =
            |decoupled| AdamUpdate { betas: [0.9, 0.98], epsilon: 1e-8, rate: 0.01, decay: 0.05, decoupled, number: 3 };
        let operands =
            |n: usize| [1, 2, 3, 4].map(|seed| Sample::new([n], seed).map(|x| if seed < 4 { x } else { x.abs() }));
        // More than the share of one task, and less than a vector.
        let all = [false, true].map(|decoupled| [3, 40_000].map(|n| (Self(update(decoupled)), operands(n))));
        all.into_iter().flatten().collect()
    }
}

/// A parameter with what its update needs, all flat `[elements]` and outside autodiff.
#[derive(Debug, Clone)]
pub struct AdamState {
    /// The parameter.
    pub value: Tensor<1>,
    /// Its gradient.
    pub gradient: Tensor<1>,
    /// First and second moment; without them both begin at zero.
    pub moments: Option<[Tensor<1>; 2]>,
}

/// One update of all parameters along their gradients, each by its own rule: parameters and moments after it, in order. On a
/// GPU, those of one rule are updated together.
///
/// # Panics
/// If the shapes of a parameter, its gradient and its moments differ.
pub fn adam(parameters: Vec<(AdamState, AdamUpdate)>) -> Vec<(Tensor<1>, [Tensor<1>; 2])> {
    many::update(parameters)
}
