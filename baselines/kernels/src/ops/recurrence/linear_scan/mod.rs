//! Linear recurrences of first order whose coefficients change from step to step, every channel by itself.
//!
//! Composed from differentiable operations, a scan keeps every of its log₂(length) stages for the gradient, and a loop over
//! time costs time quadratic in the length; as one operation it is linear. Products of coefficients are never divided by, nor
//! sums of their logarithms subtracted: coefficients may be zero, and nothing cancels.

pub(crate) mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;

use crate::operation::prelude::*;

/// Coefficients and inputs, both `[batch, channels, length]`, to the states of the same shape.
#[derive(Debug, Clone)]
struct LinearScan;

tested!(LinearScan);

impl Operation<2> for LinearScan {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["linear scan", "linear scan backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;

    fn shape(&self, [a, b]: &[Shape; 2]) -> Shape {
        assert!(a == b, "coefficients {a:?} and inputs {b:?} need one shape");
        b.clone()
    }

    /// The coefficients and the states.
    fn save<B: Kernels>(&self, [a, _]: [FloatTensor<B>; 2], outputs: &[FloatTensor<B>]) -> Tensors<B> {
        std::iter::once(a).chain(outputs.iter().cloned()).collect()
    }

    fn composed<B: Kernels>(&self, [a, b]: [FloatTensor<B>; 2]) -> Tensors<B> {
        vec![composed::forward::<B>(a, b)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 2]) -> Grads<B, 2> {
        let [a, h] = take(saved);
        composed::backward::<B>(a, h, g).map(Some)
    }

    fn flex<T: Element>(&self, operands: [FlexTensor; 2]) -> Tensors<Flex> {
        vec![flex::forward::<T>(&operands)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, _wanted: [bool; 2]) -> Grads<Flex, 2> {
        let [a, h] = take(saved);
        flex::backward::<T>(&[a, h, g]).map(Some)
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [a, b]: &[CubeTensor; 2]) -> Option<Tensors<Cube>> {
        Some(vec![cube::forward(a, b)?])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 2]) -> Option<Grads<Cube, 2>> {
        let [a, h] = saved else { return None };
        Some(cube::backward(a, h, g)?.map(Some))
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 2>> {
        let of = |shape: [usize; 3]| (Self, [Sample::new(shape, 1), Sample::new(shape, 2)]);
        // One row after another and several together, powers of two and others.
        vec![of([3, 4, 50]), of([1, 3, 2]), of([2, 9, 64]), of([1, 1, 300])]
    }
}

/// The states `h[t] = a[t] · h[t − 1] + b[t]` with `h[−1] = 0`, element by element, for coefficients `a` and inputs `b`
/// `[batch, channels, length]`; returns the same shape.
///
/// An initial state `s` is part of the first input: `b[0] + a[0] · s`.
///
/// # Panics
/// If the shapes differ.
pub fn linear_scan(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    first(LinearScan, [a.into_dispatch(), b.into_dispatch()])
}
