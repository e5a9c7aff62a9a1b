//! Chains on the CPU in f32: one vectorised pass, parallel over rows; f64 is composed, half precision goes through f32.

use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::DType;
use rayon::prelude::*;

use super::{ChainGrad, ChainOps, Curve, composed};
use crate::activation::curve::{gelu, gelu_slope};
use crate::cpu::{finish, prepare, tensor, values};
use crate::profile;
use crate::room::Room;
use crate::simd::{Loop, dispatch};

/// Elements per task.
const CHUNK: usize = 16_384;

impl ChainOps for Flex {
    fn masked(x: FlexTensor, mask: FlexTensor, _factor: f32, curve: Curve) -> FlexTensor {
        let _scope = profile::scope("dropout");
        if x.dtype() == DType::F64 {
            return composed::masked::<Self>(x, mask, curve);
        }
        by_mask(x, mask, None, curve)
    }

    fn added(x: FlexTensor, shortcut: FlexTensor, curve: Curve) -> FlexTensor {
        let _scope = profile::scope("shortcut");
        if x.dtype() == DType::F64 {
            return composed::added::<Self>(x, shortcut, curve);
        }
        by_element([x, shortcut], curve, Rule::Added)
    }

    fn joined(x: FlexTensor, shortcut: FlexTensor, curve: Curve) -> FlexTensor {
        let _scope = profile::scope("shortcut");
        if x.dtype() == DType::F64 {
            return composed::joined::<Self>(x, shortcut, curve);
        }
        by_element([x, shortcut], curve, Rule::Joined)
    }
}

impl ChainGrad for Flex {
    fn masked_backward(x: FlexTensor, mask: FlexTensor, g: FlexTensor, curve: Curve) -> FlexTensor {
        let _scope = profile::scope("dropout backward");
        if x.dtype() == DType::F64 {
            return composed::masked_backward::<Self>(x, mask, g, curve);
        }
        by_mask(x, mask, Some(g), curve)
    }

    fn rectified_backward(y: FlexTensor, g: FlexTensor, factor: f32) -> FlexTensor {
        let _scope = profile::scope("rectifier backward");
        if y.dtype() == DType::F64 {
            return composed::rectified_backward::<Self>(y, g, factor);
        }
        by_element([y, g], Curve::Relu, Rule::Scaled(factor))
    }

    fn curve_backward(x: FlexTensor, g: FlexTensor, curve: Curve) -> FlexTensor {
        let _scope = profile::scope("shortcut backward");
        if x.dtype() == DType::F64 || curve == Curve::Identity {
            return composed::curve_backward::<Self>(x, g, curve);
        }
        by_element([x, g], curve, Rule::Slope)
    }

    fn joined_backward(x: FlexTensor, shortcut: FlexTensor, g: FlexTensor, curve: Curve) -> FlexTensor {
        let _scope = profile::scope("shortcut backward");
        if x.dtype() == DType::F64 || curve == Curve::Identity {
            return composed::joined_backward::<Self>(x, shortcut, g, curve);
        }
        let (dtype, shape) = (x.dtype(), x.shape());
        let operands = [x, shortcut, g].map(prepare);
        let [x, shortcut, g] = operands.each_ref().map(values::<f32>);
        let mut y = Room::new(x.len());
        let pieces = y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK));
        pieces.zip(shortcut.par_chunks(CHUNK)).zip(g.par_chunks(CHUNK)).for_each(|(((y, x), shortcut), g)| {
            dispatch(JoinedSlope { x, shortcut, g, y, curve });
        });
        finish(tensor(y, shape), dtype)
    }
}

/// `mask · σ(x)`, or `mask · g · σ'(x)`.
fn by_mask(x: FlexTensor, mask: FlexTensor, g: Option<FlexTensor>, curve: Curve) -> FlexTensor {
    let (dtype, shape, mask_shape) = (x.dtype(), x.shape(), mask.shape());
    let (x, mask, g) = (prepare(x), prepare(mask), g.map(prepare));
    let (x, mask, g) = (values::<f32>(&x), values::<f32>(&mask), g.as_ref().map(values::<f32>));
    let mut y = Room::new(x.len());
    if mask_shape[2] == shape[2] {
        y.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, y)| {
            let at = chunk * CHUNK..chunk * CHUNK + y.len();
            let (x, g) = (&x[at.clone()], g.map(|g| &g[at.clone()]));
            dispatch(Mask { x, factors: Factors::Each(&mask[at]), g, y, curve });
        });
    } else {
        let length = shape[2];
        y.par_chunks_mut(length).enumerate().for_each(|(row, y)| {
            let at = row * length..(row + 1) * length;
            let (x, g) = (&x[at.clone()], g.map(|g| &g[at.clone()]));
            match mask[row] {
                0.0 => y.fill(0.0),
                factor => dispatch(Mask { x, factors: Factors::One(factor), g, y, curve }),
            }
        });
    }
    finish(tensor(y, shape), dtype)
}

fn by_element(operands: [FlexTensor; 2], curve: Curve, rule: Rule) -> FlexTensor {
    let (dtype, shape) = (operands[0].dtype(), operands[0].shape());
    let operands = operands.map(prepare);
    let [x, other] = operands.each_ref().map(values::<f32>);
    let mut y = Room::new(x.len());
    y.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .zip(other.par_chunks(CHUNK))
        .for_each(|((y, x), other)| dispatch(Pair { x, other, y, curve, rule }));
    finish(tensor(y, shape), dtype)
}

/// What becomes of two elements.
#[derive(Clone, Copy)]
enum Rule {
    /// `σ(x) + other`
    Added,
    /// `σ(x + other)`
    Joined,
    /// `other · σ'(x)`
    Slope,
    /// `factor · other` where `x` is positive, else zero
    Scaled(f32),
}

struct Pair<'a> {
    x: &'a [f32],
    other: &'a [f32],
    y: &'a mut [f32],
    curve: Curve,
    rule: Rule,
}

impl Loop for Pair<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        // One loop for every case, without a branch in it.
        macro_rules! all {
            (|$x:ident, $other:ident| $value:expr) => {
                for ((&$x, &$other), y) in self.x.iter().zip(self.other).zip(self.y) {
                    *y = $value;
                }
            };
        }
        match (self.rule, self.curve) {
            (Rule::Added | Rule::Joined, Curve::Identity) => all!(|x, other| x + other),
            (Rule::Added, Curve::Gelu) => all!(|x, other| gelu::<LEVEL>(x) + other),
            (Rule::Added, Curve::Relu) => all!(|x, other| relu(x) + other),
            (Rule::Joined, Curve::Gelu) => all!(|x, other| gelu::<LEVEL>(x + other)),
            (Rule::Joined, Curve::Relu) => all!(|x, other| relu(x + other)),
            (Rule::Slope, Curve::Identity) => self.y.copy_from_slice(self.other),
            (Rule::Slope, Curve::Gelu) => all!(|x, other| other * gelu_slope::<LEVEL>(x)),
            (Rule::Scaled(factor), _) => all!(|x, other| if x > 0.0 { factor * other } else { 0.0 }),
            (Rule::Slope, Curve::Relu) => all!(|x, other| if x > 0.0 { other } else { 0.0 }),
        }
    }
}

/// `g · σ'(x + shortcut)`
struct JoinedSlope<'a> {
    x: &'a [f32],
    shortcut: &'a [f32],
    g: &'a [f32],
    y: &'a mut [f32],
    curve: Curve,
}

impl Loop for JoinedSlope<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let operands = self.x.iter().zip(self.shortcut).zip(self.g).zip(self.y);
        match self.curve {
            Curve::Identity => self.g.iter().zip(operands).for_each(|(&g, (_, y))| *y = g),
            Curve::Gelu => {
                for (((&x, &shortcut), &g), y) in operands {
                    *y = g * gelu_slope::<LEVEL>(x + shortcut);
                }
            }
            Curve::Relu => {
                for (((&x, &shortcut), &g), y) in operands {
                    *y = if x + shortcut > 0.0 { g } else { 0.0 };
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Factors<'a> {
    One(f32),
    Each(&'a [f32]),
}

/// `mask · σ(x)`, or `mask · g · σ'(x)`.
struct Mask<'a> {
    x: &'a [f32],
    factors: Factors<'a>,
    g: Option<&'a [f32]>,
    y: &'a mut [f32],
    curve: Curve,
}

impl Loop for Mask<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        macro_rules! all {
            (|$x:ident| $value:expr, |$at:ident, $g:ident| $slope:expr) => {
                match (self.factors, self.g) {
                    (Factors::One(factor), None) => {
                        for (&$x, y) in self.x.iter().zip(self.y) {
                            *y = factor * $value;
                        }
                    }
                    (Factors::Each(factors), None) => {
                        for ((&$x, &factor), y) in self.x.iter().zip(factors).zip(self.y) {
                            *y = factor * $value;
                        }
                    }
                    (Factors::One(factor), Some(g)) => {
                        for ((&$at, &$g), y) in self.x.iter().zip(g).zip(self.y) {
                            *y = factor * $slope;
                        }
                    }
                    (Factors::Each(factors), Some(g)) => {
                        for (((&$at, &$g), &factor), y) in self.x.iter().zip(g).zip(factors).zip(self.y) {
                            *y = factor * $slope;
                        }
                    }
                }
            };
        }
        match self.curve {
            Curve::Identity => all!(|x| x, |_x, g| g),
            Curve::Gelu => all!(|x| gelu::<LEVEL>(x), |x, g| g * gelu_slope::<LEVEL>(x)),
            Curve::Relu => all!(|x| relu(x), |x, g| if x > 0.0 { g } else { 0.0 }),
        }
    }
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    // NaN stays NaN.
    if x < 0.0 { 0.0 } else { x }
}
