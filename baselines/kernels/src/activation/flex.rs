//! Vectorised and parallel activations on the CPU in f32; f64 is composed, half precision goes through f32.

use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::DType;
use rayon::prelude::*;

use super::curve::{gelu, gelu_slope};
use super::{ActivationGrad, ActivationOps, composed};
use crate::cpu::{finish, prepare, tensor, values};
use crate::profile;
use crate::room::Room;
use crate::simd::{Loop, Real, dispatch};

/// Elements per task.
const CHUNK: usize = 16_384;

impl ActivationOps for Flex {
    fn exact_gelu(x: FlexTensor) -> FlexTensor {
        let _scope = profile::scope("gelu");
        if x.dtype() == DType::F64 {
            return composed::gelu::<Self>(x);
        }
        let (dtype, shape, x) = (x.dtype(), x.shape(), prepare(x));
        let x = values::<f32>(&x);
        let mut y = Room::new(x.len());
        y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| dispatch(Forward { x, y }));
        finish(tensor(y, shape), dtype)
    }

    fn gated_linear(x: FlexTensor) -> FlexTensor {
        let _scope = profile::scope("glu");
        if x.dtype() == DType::F64 {
            return composed::glu::<Self>(x);
        }
        let (dtype, shape, x) = (x.dtype(), x.shape(), prepare(x));
        let (shape, half) = ([shape[0], shape[1] / 2, shape[2]], shape[1] / 2 * shape[2]);
        let x = values::<f32>(&x);
        let mut y = Room::new(shape[0] * half);
        y.par_chunks_mut(half).zip(x.par_chunks(2 * half)).for_each(|(y, x)| {
            let (a, b) = x.split_at(half);
            y.par_chunks_mut(CHUNK)
                .zip(a.par_chunks(CHUNK))
                .zip(b.par_chunks(CHUNK))
                .for_each(|((y, a), b)| dispatch(Gate { a, b, y }));
        });
        finish(tensor(y, shape), dtype)
    }
}

impl ActivationGrad for Flex {
    fn exact_gelu_backward(x: FlexTensor, g: FlexTensor) -> FlexTensor {
        let _scope = profile::scope("gelu backward");
        if x.dtype() == DType::F64 {
            return composed::gelu_backward::<Self>(x, g);
        }
        let (dtype, shape, x, g) = (x.dtype(), x.shape(), prepare(x), prepare(g));
        let (x, g) = (values::<f32>(&x), values::<f32>(&g));
        let mut dx = Room::new(x.len());
        dx.par_chunks_mut(CHUNK)
            .zip(x.par_chunks(CHUNK))
            .zip(g.par_chunks(CHUNK))
            .for_each(|((dx, x), g)| dispatch(Backward { x, g, dx }));
        finish(tensor(dx, shape), dtype)
    }

    fn gated_linear_backward(x: FlexTensor, g: FlexTensor) -> FlexTensor {
        let _scope = profile::scope("glu backward");
        if x.dtype() == DType::F64 {
            return composed::glu_backward::<Self>(x, g);
        }
        let (dtype, shape, x, g) = (x.dtype(), x.shape(), prepare(x), prepare(g));
        let half = shape[1] / 2 * shape[2];
        let (x, g) = (values::<f32>(&x), values::<f32>(&g));
        let mut dx = Room::new(x.len());
        dx.par_chunks_mut(2 * half).zip(x.par_chunks(2 * half)).zip(g.par_chunks(half)).for_each(|((dx, x), g)| {
            let ((a, b), (da, db)) = (x.split_at(half), dx.split_at_mut(half));
            da.par_chunks_mut(CHUNK)
                .zip(db.par_chunks_mut(CHUNK))
                .zip(a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)))
                .zip(g.par_chunks(CHUNK))
                .for_each(|(((da, db), (a, b)), g)| dispatch(GateBackward { a, b, g, da, db }));
        });
        finish(tensor(dx, shape), dtype)
    }
}

struct Forward<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Loop for Forward<'_> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        for (&x, y) in self.x.iter().zip(self.y) {
            *y = gelu::<LEVEL>(x);
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
            *dx = g * gelu_slope::<LEVEL>(x);
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
