//! Vectorised and parallel activations on the CPU, in f32.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::cpu::buffer::Buffer;
use crate::cpu::simd::level::{Loop, dispatch};
use crate::cpu::simd::real::Real;
use crate::cpu::simd::special;
use crate::cpu::tensor::{tensor, values};

/// Elements per task.
const CHUNK: usize = 16_384;

/// `x · Φ(x)`
pub(super) fn gelu(x: FlexTensor) -> FlexTensor {
    let shape = x.shape();
    let x = values::<f32>(&x);
    let mut y = Buffer::new(x.len());
    y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| dispatch(Forward { x, y }));
    tensor(y, shape)
}

/// `g · (Φ(x) + x · φ(x))`
pub(super) fn gelu_backward(x: FlexTensor, g: FlexTensor) -> FlexTensor {
    let shape = x.shape();
    let (x, g) = (values::<f32>(&x), values::<f32>(&g));
    let mut dx = Buffer::new(x.len());
    dx.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .zip(g.par_chunks(CHUNK))
        .for_each(|((dx, x), g)| dispatch(Backward { x, g, dx }));
    tensor(dx, shape)
}

/// `a · σ(b)` for `x = [a, b]`
pub(super) fn glu(x: FlexTensor) -> FlexTensor {
    let shape = x.shape();
    let (shape, half) = ([shape[0], shape[1] / 2, shape[2]], shape[1] / 2 * shape[2]);
    let x = values::<f32>(&x);
    let mut y = Buffer::new(shape[0] * half);
    y.par_chunks_mut(half).zip(x.par_chunks(2 * half)).for_each(|(y, x)| {
        let (a, b) = x.split_at(half);
        y.par_chunks_mut(CHUNK)
            .zip(a.par_chunks(CHUNK))
            .zip(b.par_chunks(CHUNK))
            .for_each(|((y, a), b)| dispatch(Gate { a, b, y }));
    });
    tensor(y, shape)
}

/// `[g · σ(b), g · a · σ(b) · (1 − σ(b))]` for `x = [a, b]`
pub(super) fn glu_backward(x: FlexTensor, g: FlexTensor) -> FlexTensor {
    let shape = x.shape();
    let half = shape[1] / 2 * shape[2];
    let (x, g) = (values::<f32>(&x), values::<f32>(&g));
    let mut dx = Buffer::new(x.len());
    dx.par_chunks_mut(2 * half).zip(x.par_chunks(2 * half)).zip(g.par_chunks(half)).for_each(|((dx, x), g)| {
        let ((a, b), (da, db)) = (x.split_at(half), dx.split_at_mut(half));
        da.par_chunks_mut(CHUNK)
            .zip(db.par_chunks_mut(CHUNK))
            .zip(a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)))
            .zip(g.par_chunks(CHUNK))
            .for_each(|(((da, db), (a, b)), g)| dispatch(GateBackward { a, b, g, da, db }));
    });
    tensor(dx, shape)
}

struct Forward<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Loop for Forward<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        for (&x, y) in self.x.iter().zip(self.y) {
            *y = special::gelu::<LEVEL>(x);
        }
    }
}

struct Backward<'a> {
    x: &'a [f32],
    g: &'a [f32],
    dx: &'a mut [f32],
}

impl Loop for Backward<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        for ((&x, &g), dx) in self.x.iter().zip(self.g).zip(self.dx) {
            *dx = g * special::gelu_slope::<LEVEL>(x);
        }
    }
}

struct Gate<'a> {
    a: &'a [f32],
    b: &'a [f32],
    y: &'a mut [f32],
}

impl Loop for Gate<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        for ((&a, &b), y) in self.a.iter().zip(self.b).zip(self.y) {
            *y = a * b.sigmoid::<LEVEL>();
        }
    }
}

struct GateBackward<'a> {
    a: &'a [f32],
    b: &'a [f32],
    g: &'a [f32],
    da: &'a mut [f32],
    db: &'a mut [f32],
}

impl Loop for GateBackward<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let halves = self.da.iter_mut().zip(self.db);
        for (((&a, &b), &g), (da, db)) in self.a.iter().zip(self.b).zip(self.g).zip(halves) {
            let gate = b.sigmoid::<LEVEL>();
            *da = g * gate;
            let slope = g * a * (gate * (1.0 - gate));
            // A gate that is shut leaves subnormal numbers, with which processors compute many times slower.
            *db = if slope.abs() < f32::NEGLIGIBLE { 0.0 } else { slope };
        }
    }
}
