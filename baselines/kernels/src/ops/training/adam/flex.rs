//! The update on the CPU: one vectorised pass, parallel over stretches of large parameters.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::update::{AdamUpdate, Factors};
use crate::cpu::buffer::Buffer;
use crate::cpu::simd::level::{Loop, dispatch};
use crate::cpu::simd::real::Real;
use crate::cpu::tensor::{tensor, values};

/// Elements of a task.
const CHUNK: usize = 16 << 10;

pub(super) fn step<T: Real>(operands: &[FlexTensor; 4], update: AdamUpdate) -> [FlexTensor; 3] {
    let shape = operands[0].shape();
    let [value, gradient, first, second] = operands.each_ref().map(values::<T>);
    let factors = Factors::from(update);
    let [mut new_value, mut new_first, mut new_second] = [(); 3].map(|()| Buffer::<T>::new(value.len()));
    if value.len() <= CHUNK {
        let results = [&mut *new_value, &mut *new_first, &mut *new_second];
        dispatch(Step { results, operands: [value, gradient, first, second], factors });
    } else {
        let moments = new_first.par_chunks_mut(CHUNK).zip(new_second.par_chunks_mut(CHUNK));
        let results = new_value.par_chunks_mut(CHUNK).zip(moments);
        results.enumerate().for_each(|(chunk, (value_out, (first_out, second_out)))| {
            let operands = [value, gradient, first, second].map(|whole| &whole[chunk * CHUNK..][..value_out.len()]);
            dispatch(Step { results: [value_out, first_out, second_out], operands, factors });
        });
    }
    [new_value, new_first, new_second].map(|values| tensor(values, shape.clone()))
}

struct Step<'a, T> {
    /// Parameter and moments after the update.
    results: [&'a mut [T]; 3],
    /// Parameter, gradient and moments before it.
    operands: [&'a [T]; 4],
    factors: Factors,
}

impl<T: Real> Loop for Step<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        let Factors { coupled_decay, shrinkage, betas, root, epsilon, rate } = self.factors;
        let [coupled_decay, shrinkage, root, epsilon, rate] =
            [coupled_decay, shrinkage, root, epsilon, rate].map(T::of);
        let [beta1, beta2] = betas.map(T::of);
        let [rest1, rest2] = betas.map(|beta| T::of(1.0 - beta));
        let [values, firsts, seconds] = self.results;
        let [value, gradient, first, second] = self.operands;
        let before = value.iter().zip(gradient).zip(first.iter().zip(second));
        for (((value, first), second), ((&old, &gradient), (&old_first, &old_second))) in
            values.iter_mut().zip(firsts).zip(seconds).zip(before)
        {
            let gradient = coupled_decay.fma::<LEVEL>(old, gradient);
            *first = beta1 * old_first + rest1 * gradient;
            *second = beta2 * old_second + rest2 * (gradient * gradient);
            let denominator = second.sqrt() * root + epsilon;
            *value = old * shrinkage - *first / denominator * rate;
        }
    }
}
