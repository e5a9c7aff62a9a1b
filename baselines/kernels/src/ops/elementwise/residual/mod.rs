//! Element-wise steps of residual blocks, fused: activation and dropout, activation and shortcut.
//!
//! The backward pass needs as little as possible, and rather an output, which the next operation keeps anyway, than an
//! input: nothing for the identity, the output of a rectifier, the operands of a GELU.

mod activation;
mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;
#[cfg(feature = "tch")]
mod libtorch;

use self::flex::Rule;
use crate::operation::prelude::*;

pub use activation::Activation;

/// `mask · σ(x)`: input `[batch, channels, positions]` and a constant mask of its shape, or of one position that stands for
/// all. The mask holds zeros and `factor`, which is positive.
#[derive(Debug, Clone)]
struct Masked {
    factor: f32,
    activation: Activation,
}

/// `σ(x) + shortcut`
#[derive(Debug, Clone)]
struct ActivateAndAdd(Activation);

/// `σ(x + shortcut)`
#[derive(Debug, Clone)]
struct AddAndActivate(Activation);

tested!(Masked, ActivateAndAdd, AddAndActivate);

impl Operation<2> for Masked {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["dropout", "dropout backward"]);
    const FLEX: FlexTypes = FlexTypes::F32;
    const DIFFERENTIABLE: usize = 1;

    fn shape(&self, [x, mask]: &[Shape; 2]) -> Shape {
        assert!(self.factor > 0.0, "a factor of {} is not positive", self.factor);
        let fits = mask[..2] == x[..2] && [x[2], 1].contains(&mask[2]);
        assert!(fits, "a mask {mask:?} does not fit {x:?}");
        x.clone()
    }

    fn save<B: Kernels>(&self, [x, mask]: [FloatTensor<B>; 2], outputs: &[FloatTensor<B>]) -> Tensors<B> {
        match self.activation {
            Activation::Identity => vec![mask],
            Activation::Relu => vec![outputs[0].clone()],
            Activation::Gelu => vec![x, mask],
        }
    }

    fn composed<B: Kernels>(&self, [x, mask]: [FloatTensor<B>; 2]) -> Tensors<B> {
        vec![composed::masked::<B>(x, mask, self.activation)]
    }

    fn composed_backward<B: Kernels>(
        &self,
        mut saved: Tensors<B>,
        g: FloatTensor<B>,
        _wanted: [bool; 2],
    ) -> Grads<B, 2> {
        let last = saved.pop();
        let dx = match (self.activation, last, saved.pop()) {
            (Activation::Relu, Some(y), _) => composed::rectified_backward::<B>(y, g, self.factor),
            (activation, Some(mask), Some(x)) => composed::masked_backward::<B>(x, mask, g, activation),
            (_, Some(mask), None) => composed::masked::<B>(g, mask, Activation::Identity),
            (_, None, _) => g,
        };
        [Some(dx), None]
    }

    fn flex<T: Element>(&self, [x, mask]: [FlexTensor; 2]) -> Tensors<Flex> {
        vec![flex::by_mask(x, mask, None, self.activation)]
    }

    fn flex_backward<T: Element>(&self, mut saved: Tensors<Flex>, g: FlexTensor, _wanted: [bool; 2]) -> Grads<Flex, 2> {
        let last = saved.pop();
        let dx = match (self.activation, last, saved.pop()) {
            (Activation::Relu, Some(y), _) => flex::by_element([y, g], Activation::Relu, Rule::Scaled(self.factor)),
            (activation, Some(mask), Some(x)) => flex::by_mask(x, mask, Some(g), activation),
            (_, Some(mask), None) => flex::by_mask(g, mask, None, Activation::Identity),
            (_, None, _) => g,
        };
        [Some(dx), None]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x, mask]: &[CubeTensor; 2]) -> Option<Tensors<Cube>> {
        cube::forward(x, mask, self.activation, cube::Rule::Masked).map(|y| vec![y])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 2]) -> Option<Grads<Cube, 2>> {
        let dx = match (self.activation, saved) {
            (Activation::Relu, [y]) => cube::rectified_backward(y, g, self.factor),
            (Activation::Gelu, [x, mask]) => cube::backward(x, mask, g, self.activation, cube::Rule::Masked),
            (Activation::Identity, [mask]) => cube::forward(g, mask, self.activation, cube::Rule::Masked),
            _ => None,
        };
        dx.map(|dx| [Some(dx), None])
    }

    #[cfg(feature = "tch")]
    fn libtorch(&self, [x, mask]: &[TorchTensor; 2]) -> Option<Tensors<LibTorch>> {
        Some(vec![libtorch::masked(x, mask, self.activation)])
    }

    #[cfg(feature = "tch")]
    fn libtorch_backward(&self, saved: &[TorchTensor], g: &TorchTensor, _: [bool; 2]) -> Option<Grads<LibTorch, 2>> {
        Some([Some(libtorch::masked_backward(saved, g, self.factor, self.activation)?), None])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 2>> {
        let of = |(activation, positions): (Activation, usize)| {
            let factor = 1.25;
            let kept = |value: f64| if value > -0.3 { f64::from(factor) } else { 0.0 };
            let x = Sample::new([3, 5, 37], 1).map(|x| 4.0 * x);
            (Self { factor, activation }, [x, Sample::new([3, 5, positions], 2).map(kept)])
        };
        ACTIVATIONS.iter().flat_map(|&activation| [(activation, 37), (activation, 1)]).map(of).collect()
    }
}

impl Operation<2> for ActivateAndAdd {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["shortcut", "shortcut backward"]);
    const FLEX: FlexTypes = FlexTypes::F32;

    fn shape(&self, [x, shortcut]: &[Shape; 2]) -> Shape {
        assert!(x == shortcut, "{x:?} and its shortcut {shortcut:?} differ");
        x.clone()
    }

    fn save<B: Kernels>(&self, [x, _]: [FloatTensor<B>; 2], _: &[FloatTensor<B>]) -> Tensors<B> {
        if self.0 == Activation::Identity { Vec::new() } else { vec![x] }
    }

    fn composed<B: Kernels>(&self, [x, shortcut]: [FloatTensor<B>; 2]) -> Tensors<B> {
        vec![composed::added::<B>(x, shortcut, self.0)]
    }

    fn composed_backward<B: Kernels>(
        &self,
        mut saved: Tensors<B>,
        g: FloatTensor<B>,
        wanted: [bool; 2],
    ) -> Grads<B, 2> {
        let slope = |x: Option<FloatTensor<B>>| match x {
            Some(x) => composed::activation_backward::<B>(x, g.clone(), self.0),
            None => g.clone(),
        };
        [wanted[0].then(|| slope(saved.pop())), Some(g)]
    }

    fn flex<T: Element>(&self, inputs: [FlexTensor; 2]) -> Tensors<Flex> {
        vec![flex::by_element(inputs, self.0, Rule::Added)]
    }

    fn flex_backward<T: Element>(&self, mut saved: Tensors<Flex>, g: FlexTensor, wanted: [bool; 2]) -> Grads<Flex, 2> {
        let slope = |x: Option<FlexTensor>| match x {
            Some(x) => flex::by_element([x, g.clone()], self.0, Rule::Slope),
            None => g.clone(),
        };
        [wanted[0].then(|| slope(saved.pop())), Some(g)]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x, shortcut]: &[CubeTensor; 2]) -> Option<Tensors<Cube>> {
        cube::forward(x, shortcut, self.0, cube::Rule::Added).map(|y| vec![y])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, wanted: [bool; 2]) -> Option<Grads<Cube, 2>> {
        let dx = match saved {
            [x] if wanted[0] => Some(cube::backward(x, g, g, self.0, cube::Rule::Added)?),
            _ => wanted[0].then(|| g.clone()),
        };
        Some([dx, Some(g.clone())])
    }

    #[cfg(feature = "tch")]
    fn libtorch(&self, [x, shortcut]: &[TorchTensor; 2]) -> Option<Tensors<LibTorch>> {
        Some(vec![libtorch::added(x, shortcut, self.0)])
    }

    #[cfg(feature = "tch")]
    fn libtorch_backward(
        &self,
        saved: &[TorchTensor],
        g: &TorchTensor,
        wanted: [bool; 2],
    ) -> Option<Grads<LibTorch, 2>> {
        let slope = || saved.first().map_or_else(|| g.clone(), |x| libtorch::slope(x, g, self.0));
        Some([wanted[0].then(slope), Some(g.clone())])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 2>> {
        ACTIVATIONS.map(|activation| (Self(activation), shortcut())).into()
    }
}

impl Operation<2> for AddAndActivate {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["shortcut", "shortcut backward"]);
    const FLEX: FlexTypes = FlexTypes::F32;

    fn shape(&self, inputs: &[Shape; 2]) -> Shape {
        ActivateAndAdd(self.0).shape(inputs)
    }

    fn save<B: Kernels>(&self, inputs: [FloatTensor<B>; 2], outputs: &[FloatTensor<B>]) -> Tensors<B> {
        match self.0 {
            Activation::Identity => Vec::new(),
            Activation::Relu => vec![outputs[0].clone()],
            Activation::Gelu => inputs.into(),
        }
    }

    fn composed<B: Kernels>(&self, [x, shortcut]: [FloatTensor<B>; 2]) -> Tensors<B> {
        vec![composed::joined::<B>(x, shortcut, self.0)]
    }

    fn composed_backward<B: Kernels>(
        &self,
        mut saved: Tensors<B>,
        g: FloatTensor<B>,
        _wanted: [bool; 2],
    ) -> Grads<B, 2> {
        let last = saved.pop();
        let d = match (last, saved.pop()) {
            (Some(shortcut), Some(x)) => composed::joined_backward::<B>(x, shortcut, g, self.0),
            (Some(y), None) => composed::rectified_backward::<B>(y, g, 1.0),
            (None, _) => g,
        };
        [Some(d.clone()), Some(d)]
    }

    fn flex<T: Element>(&self, inputs: [FlexTensor; 2]) -> Tensors<Flex> {
        vec![flex::by_element(inputs, self.0, Rule::Joined)]
    }

    fn flex_backward<T: Element>(&self, mut saved: Tensors<Flex>, g: FlexTensor, _wanted: [bool; 2]) -> Grads<Flex, 2> {
        let last = saved.pop();
        let d = match (last, saved.pop()) {
            (Some(shortcut), Some(x)) => flex::joined_backward([x, shortcut, g], self.0),
            (Some(y), None) => flex::by_element([y, g], Activation::Relu, Rule::Scaled(1.0)),
            (None, _) => g,
        };
        [Some(d.clone()), Some(d)]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x, shortcut]: &[CubeTensor; 2]) -> Option<Tensors<Cube>> {
        cube::forward(x, shortcut, self.0, cube::Rule::Joined).map(|y| vec![y])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 2]) -> Option<Grads<Cube, 2>> {
        let d = match saved {
            [x, shortcut] => cube::backward(x, shortcut, g, self.0, cube::Rule::Joined)?,
            [y] => cube::rectified_backward(y, g, 1.0)?,
            _ => g.clone(),
        };
        Some([Some(d.clone()), Some(d)])
    }

    #[cfg(feature = "tch")]
    fn libtorch(&self, [x, shortcut]: &[TorchTensor; 2]) -> Option<Tensors<LibTorch>> {
        Some(vec![libtorch::joined(x, shortcut, self.0)])
    }

    #[cfg(feature = "tch")]
    fn libtorch_backward(&self, saved: &[TorchTensor], g: &TorchTensor, _: [bool; 2]) -> Option<Grads<LibTorch, 2>> {
        let d = libtorch::joined_backward(saved, g, self.0);
        Some([Some(d.clone()), Some(d)])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 2>> {
        ACTIVATIONS.map(|activation| (Self(activation), shortcut())).into()
    }
}

#[cfg(test)]
const ACTIVATIONS: [Activation; 3] = [Activation::Identity, Activation::Gelu, Activation::Relu];

#[cfg(test)]
fn shortcut() -> [Sample; 2] {
    [Sample::new([3, 5, 37], 1).map(|x| 4.0 * x), Sample::new([3, 5, 37], 2)]
}

/// `mask · σ(x)` for `x` `[batch, channels, positions]` and a mask of the same shape or `[batch, channels, 1]`, which holds
/// zeros and `factor`. No gradient reaches the mask.
///
/// # Panics
/// If the shapes do not fit together, or `factor` is not positive.
pub fn masked(x: Tensor<3>, mask: Tensor<3>, factor: f32, activation: Activation) -> Tensor<3> {
    first(Masked { factor, activation }, [x.into_dispatch(), mask.into_dispatch()])
}

/// `σ(x) + shortcut`, `[batch, channels, positions]` both.
///
/// # Panics
/// If the shapes differ.
pub fn activate_and_add(x: Tensor<3>, shortcut: Tensor<3>, activation: Activation) -> Tensor<3> {
    first(ActivateAndAdd(activation), [x.into_dispatch(), shortcut.into_dispatch()])
}

/// `σ(x + shortcut)`, `[batch, channels, positions]` both.
///
/// # Panics
/// If the shapes differ.
pub fn add_and_activate(x: Tensor<3>, shortcut: Tensor<3>, activation: Activation) -> Tensor<3> {
    first(AddAndActivate(activation), [x.into_dispatch(), shortcut.into_dispatch()])
}
