//! Factors and offsets per channel on the CPU: one pass, parallel over rows of one channel.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;

use crate::cpu::rows::{map_rows, over_rows, sum};
use crate::cpu::simd::real::Real;
use crate::cpu::tensor::{tensor, values};

pub(super) fn forward<T: Real>(operands: [FlexTensor; 3]) -> FlexTensor {
    let shape = operands[0].shape();
    let [x, scale, shift] = operands.each_ref().map(values::<T>);
    let y = map_rows(x, [shape[1], shape[2]], |channel| (scale[channel], shift[channel]));
    tensor(y, shape)
}

pub(super) fn backward<T: Real>(operands: [FlexTensor; 3], wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
    let shape = operands[0].shape();
    let [x, scale, g] = operands.each_ref().map(values::<T>);
    let (channels, length) = (shape[1], shape[2]);
    let per_channel = |of_row: &(dyn Fn(&[T], &[T]) -> f64 + Sync)| {
        let of = |_, row: usize| of_row(&g[row * length..][..length], &x[row * length..][..length]);
        tensor(over_rows(channels, x.len() / length, of).map(T::of).collect::<Vec<T>>(), [channels])
    };
    let d_scale = wanted[1].then(|| per_channel(&|g, x| sum(g, T::ZERO, Some((x, T::ZERO)))));
    let d_shift = wanted[2].then(|| per_channel(&|g, _| sum(g, T::ZERO, None)));
    let dx = wanted[0].then(|| map_rows(g, [channels, length], |channel| (scale[channel], T::ZERO)));
    [dx.map(|dx| tensor(dx, shape)), d_scale, d_shift]
}

pub(super) fn shifted<T: Real>(x: FlexTensor, shift: FlexTensor) -> FlexTensor {
    let shape = x.shape();
    let (x, shift) = (values::<T>(&x), values::<T>(&shift));
    tensor(map_rows(x, [shape[1], shape[2]], |channel| (T::ONE, shift[channel])), shape)
}

pub(super) fn sums<T: Real>(g: &FlexTensor) -> FlexTensor {
    let (channels, length) = (g.shape()[1], g.shape()[2]);
    let g = values::<T>(g);
    let of = |_, row: usize| sum(&g[row * length..][..length], T::ZERO, None);
    tensor(over_rows(channels, g.len() / length, of).map(T::of).collect::<Vec<T>>(), [channels])
}
