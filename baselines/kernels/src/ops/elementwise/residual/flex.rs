//! Element-wise steps on the CPU, in f32: one vectorised pass, parallel over rows.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::activation::Activation;
use crate::cpu::buffer::Buffer;
use crate::cpu::simd::level::{Loop, dispatch};
use crate::cpu::simd::special::{gelu, gelu_slope};
use crate::cpu::tensor::{tensor, values};

/// Elements per task.
const CHUNK: usize = 16_384;

/// `g · σ'(x + shortcut)` of the operands x, shortcut and g.
pub(super) fn joined_backward(operands: [FlexTensor; 3], activation: Activation) -> FlexTensor {
    let shape = operands[0].shape();
    let [x, shortcut, g] = operands.each_ref().map(values::<f32>);
    let mut y = Buffer::new(x.len());
    let pieces = y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK));
    pieces.zip(shortcut.par_chunks(CHUNK)).zip(g.par_chunks(CHUNK)).for_each(|(((y, x), shortcut), g)| {
        dispatch(JoinedSlope { x, shortcut, g, y, activation });
    });
    tensor(y, shape)
}

/// `mask · σ(x)`, or `mask · g · σ'(x)`.
pub(super) fn by_mask(x: FlexTensor, mask: FlexTensor, g: Option<FlexTensor>, activation: Activation) -> FlexTensor {
    let (shape, mask_shape) = (x.shape(), mask.shape());
    let (x, mask, g) = (values::<f32>(&x), values::<f32>(&mask), g.as_ref().map(values::<f32>));
    let mut y = Buffer::new(x.len());
    if mask_shape[2] == shape[2] {
        y.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, y)| {
            let at = chunk * CHUNK..chunk * CHUNK + y.len();
            let (x, g) = (&x[at.clone()], g.map(|g| &g[at.clone()]));
            dispatch(Mask { x, factors: Factors::Each(&mask[at]), g, y, activation });
        });
    } else {
        let length = shape[2];
        y.par_chunks_mut(length).enumerate().for_each(|(row, y)| {
            let at = row * length..(row + 1) * length;
            let (x, g) = (&x[at.clone()], g.map(|g| &g[at.clone()]));
            match mask[row] {
                0.0 => y.fill(0.0),
                factor => dispatch(Mask { x, factors: Factors::One(factor), g, y, activation }),
            }
        });
    }
    tensor(y, shape)
}

/// What `rule` makes of two operands, element by element.
pub(super) fn by_element(operands: [FlexTensor; 2], activation: Activation, rule: Rule) -> FlexTensor {
    let shape = operands[0].shape();
    let [x, other] = operands.each_ref().map(values::<f32>);
    let mut y = Buffer::new(x.len());
    y.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .zip(other.par_chunks(CHUNK))
        .for_each(|((y, x), other)| dispatch(Pair { x, other, y, activation, rule }));
    tensor(y, shape)
}

/// What becomes of two elements.
#[derive(Clone, Copy)]
pub(super) enum Rule {
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
    activation: Activation,
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
        match (self.rule, self.activation) {
            (Rule::Added | Rule::Joined, Activation::Identity) => all!(|x, other| x + other),
            (Rule::Added, Activation::Gelu) => all!(|x, other| gelu::<LEVEL>(x) + other),
            (Rule::Added, Activation::Relu) => all!(|x, other| relu(x) + other),
            (Rule::Joined, Activation::Gelu) => all!(|x, other| gelu::<LEVEL>(x + other)),
            (Rule::Joined, Activation::Relu) => all!(|x, other| relu(x + other)),
            (Rule::Slope, Activation::Identity) => self.y.copy_from_slice(self.other),
            (Rule::Slope, Activation::Gelu) => all!(|x, other| other * gelu_slope::<LEVEL>(x)),
            (Rule::Scaled(factor), _) => all!(|x, other| if x > 0.0 { factor * other } else { 0.0 }),
            (Rule::Slope, Activation::Relu) => all!(|x, other| if x > 0.0 { other } else { 0.0 }),
        }
    }
}

/// `g · σ'(x + shortcut)`
struct JoinedSlope<'a> {
    x: &'a [f32],
    shortcut: &'a [f32],
    g: &'a [f32],
    y: &'a mut [f32],
    activation: Activation,
}

impl Loop for JoinedSlope<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let operands = self.x.iter().zip(self.shortcut).zip(self.g).zip(self.y);
        match self.activation {
            Activation::Identity => self.g.iter().zip(operands).for_each(|(&g, (_, y))| *y = g),
            Activation::Gelu => {
                for (((&x, &shortcut), &g), y) in operands {
                    *y = g * gelu_slope::<LEVEL>(x + shortcut);
                }
            }
            Activation::Relu => {
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
    activation: Activation,
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
        match self.activation {
            Activation::Identity => all!(|x| x, |_x, g| g),
            Activation::Gelu => all!(|x| gelu::<LEVEL>(x), |x, g| g * gelu_slope::<LEVEL>(x)),
            Activation::Relu => all!(|x| relu(x), |x, g| if x > 0.0 { g } else { 0.0 }),
        }
    }
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    // NaN stays NaN.
    if x < 0.0 { 0.0 } else { x }
}
