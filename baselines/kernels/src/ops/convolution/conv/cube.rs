//! Dense convolutions on a GPU, in f32, as matrix products with the unfolded input. No kernel is chosen by timing, and none is compiled
//! for a number of taps.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::manual_is_multiple_of, reason = "kernels have no such function")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors and numbers one by one")]

use std::ops::Range;

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, TensorMetadata};
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::{empty, per_element, row_major};
use crate::precision::Precision;
use crate::value::Value;

/// Values of an unfolded input at most; samples beyond are taken in turns.
const MOST: usize = 1 << 26;

/// How the taps lie over an input, per axis.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Lie {
    pub(in crate::ops) stride: [usize; 2],
    pub(in crate::ops) dilation: [usize; 2],
    /// Positions before the first that the first tap of the first output lies at.
    pub(in crate::ops) before: [usize; 2],
    /// Outputs.
    pub(in crate::ops) size: [usize; 2],
}

/// `[batch, out, outputs…]` from `x` `[batch, in, height, width]` and `k` `[out, in, taps, taps]`; `None` where the kernel does not apply.
pub(in crate::ops) fn forward(x: &CubeTensor, k: &CubeTensor, lie: Lie) -> Option<CubeTensor> {
    let [x, k] = row_major([x, k])?;
    let plan = Plan::new(&x, &k, lie)?;
    let weight = plan.weight(&k);
    let parts = plan.turns().map(|items| weight.clone().matmul(plan.unfold(&x, items), Precision::Float32));
    let y = together(parts.collect());
    Some(Cube::float_reshape(y.0, [plan.batch, plan.outputs, lie.size[0], lie.size[1]].into()))
}

/// The gradients of input and kernel that are `wanted`; `None` where the kernels do not apply.
pub(in crate::ops) fn backward(
    x: &CubeTensor,
    k: &CubeTensor,
    g: &CubeTensor,
    lie: Lie,
    wanted: [bool; 2],
) -> Option<[Option<CubeTensor>; 2]> {
    let [x, k, g] = row_major([x, k, g])?;
    let plan = Plan::new(&x, &k, lie)?;
    let g = Value::<Cube>(g).reshape([plan.batch, plan.outputs, plan.positions()]);
    let weight = plan.weight(&k).permute(&[0, 2, 1]);
    let of = |items: &Range<usize>| g.clone().narrow(0, items.clone());
    let dx = wanted[0].then(|| {
        let parts = plan.turns().map(|items| {
            let unfolded = weight.clone().matmul(of(&items), Precision::Float32);
            plan.fold(&x, &unfolded.0, items)
        });
        together(parts.collect()).0
    });
    let dk = wanted[1].then(|| {
        let parts = plan.turns().map(|items| {
            let g = of(&items);
            let products = g.matmul(plan.unfold(&x, items).permute(&[0, 2, 1]), Precision::Float32);
            if products.dim(0) == 1 { products } else { products.sum(0) }
        });
        let sum = parts.reduce(|sum, part| sum + part);
        sum.map(|sum| Cube::float_reshape(sum.0, k.shape()))
    });
    Some([dx, dk.flatten()])
}

/// The parts one after the other.
fn together(mut parts: Vec<Value<Cube>>) -> Value<Cube> {
    if parts.len() == 1 { parts.remove(0) } else { Value::cat(parts, 0) }
}

struct Plan {
    batch: usize,
    inputs: usize,
    outputs: usize,
    taps: [usize; 2],
    lie: Lie,
}

impl Plan {
    /// `None` where the unfolded input of a single sample is too large.
    fn new(x: &CubeTensor, k: &CubeTensor, lie: Lie) -> Option<Self> {
        let (xs, ks) = (x.shape(), k.shape());
        let plan = Self { batch: xs[0], inputs: xs[1], outputs: ks[0], taps: [ks[2], ks[3]], lie };
        (plan.of_item() <= MOST).then_some(plan)
    }

    fn positions(&self) -> usize {
        self.lie.size[0] * self.lie.size[1]
    }

    fn rows(&self) -> usize {
        self.inputs * self.taps[0] * self.taps[1]
    }

    /// Values of the unfolded input of a sample.
    fn of_item(&self) -> usize {
        self.rows() * self.positions()
    }

    /// Samples that are unfolded together.
    fn turns(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (batch, each) = (self.batch, (MOST / self.of_item().max(1)).max(1));
        (0..batch).step_by(each).map(move |first| first..(first + each).min(batch))
    }

    fn weight(&self, k: &CubeTensor) -> Value<Cube> {
        Value::<Cube>(k.clone()).reshape([1, self.outputs, self.rows()])
    }

    /// What the taps of every output see, `[items, in · taps, outputs]`.
    fn unfold(&self, x: &CubeTensor, items: Range<usize>) -> Value<Cube> {
        let unfolded = empty(x, [items.len(), self.rows(), self.positions()]);
        let (count, dim, n) = per_element(&unfolded);
        let Lie { stride, dilation, before, size } = self.lie;
        let of = |n: usize| n as u32;
        // SAFETY: the kernel leaves out threads beyond the n values, and positions beyond x.
        unsafe {
            unfold_kernel::launch_unchecked(
                &x.client,
                count,
                dim,
                x.clone().into_tensor_arg(),
                unfolded.clone().into_tensor_arg(),
                of(items.start),
                of(self.taps[0]),
                of(self.taps[1]),
                of(size[0]),
                of(size[1]),
                of(stride[0]),
                of(stride[1]),
                of(dilation[0]),
                of(dilation[1]),
                of(before[0]),
                of(before[1]),
                n,
            );
        }
        Value(unfolded)
    }

    /// The sums of what [`unfold`](Self::unfold) has taken from every position of `items`, in a fixed order.
    fn fold(&self, x: &CubeTensor, unfolded: &CubeTensor, items: Range<usize>) -> Value<Cube> {
        // A product's rows lie apart by more than their length where the device aligns them.
        let unfolded = into_contiguous(unfolded.clone());
        let mut shape = x.shape();
        shape[0] = items.len();
        let folded = empty(x, shape);
        let (count, dim, n) = per_element(&folded);
        let Lie { stride, dilation, before, size } = self.lie;
        let of = |n: usize| n as u32;
        // SAFETY: the kernel leaves out threads beyond the n values, and outputs beyond the last.
        unsafe {
            fold_kernel::launch_unchecked(
                &x.client,
                count,
                dim,
                unfolded.into_tensor_arg(),
                folded.clone().into_tensor_arg(),
                of(self.taps[0]),
                of(self.taps[1]),
                of(size[0]),
                of(size[1]),
                of(stride[0]),
                of(stride[1]),
                of(dilation[0]),
                of(dilation[1]),
                of(before[0]),
                of(before[1]),
                n,
            );
        }
        Value(folded)
    }
}

#[cube(launch_unchecked)]
fn unfold_kernel(
    x: &Tensor<f32>,
    unfolded: &mut Tensor<f32>,
    first: u32,
    rows: u32,
    columns: u32,
    down: u32,
    across: u32,
    stride_down: u32,
    stride_across: u32,
    dilation_down: u32,
    dilation_across: u32,
    above: u32,
    left: u32,
    n: u32,
) {
    if ABSOLUTE_POS < n as usize {
        let at = ABSOLUTE_POS as u32;
        let column = at % across;
        let row = at / across % down;
        let rest = at / across / down;
        let tap_column = rest % columns;
        let tap_row = rest / columns % rows;
        // Sample and channel, as x has them.
        let plane = rest / columns / rows + first * x.shape(1) as u32;
        // Shifted by the zeros in front, so that nothing is negative.
        let from_row = row * stride_down + tap_row * dilation_down;
        let from_column = column * stride_across + tap_column * dilation_across;
        let height = x.shape(2) as u32;
        let width = x.shape(3) as u32;
        let mut value = 0.0f32;
        if from_row >= above && from_row < above + height && from_column >= left && from_column < left + width {
            value = x[((plane * height + from_row - above) * width + from_column - left) as usize];
        }
        unfolded[ABSOLUTE_POS] = value;
    }
}

#[cube(launch_unchecked)]
fn fold_kernel(
    unfolded: &Tensor<f32>,
    folded: &mut Tensor<f32>,
    rows: u32,
    columns: u32,
    down: u32,
    across: u32,
    stride_down: u32,
    stride_across: u32,
    dilation_down: u32,
    dilation_across: u32,
    above: u32,
    left: u32,
    n: u32,
) {
    if ABSOLUTE_POS < n as usize {
        let at = ABSOLUTE_POS as u32;
        let width = folded.shape(3) as u32;
        let height = folded.shape(2) as u32;
        let from_column = at % width + left;
        let from_row = at / width % height + above;
        let plane = at / width / height;
        let mut sum = 0.0f32;
        for tap_row in 0..rows {
            let reach = tap_row * dilation_down;
            if from_row >= reach && (from_row - reach) % stride_down == 0u32 && (from_row - reach) / stride_down < down
            {
                let row = (from_row - reach) / stride_down;
                for tap_column in 0..columns {
                    let reach = tap_column * dilation_across;
                    if from_column >= reach
                        && (from_column - reach) % stride_across == 0u32
                        && (from_column - reach) / stride_across < across
                    {
                        let column = (from_column - reach) / stride_across;
                        let tap = (plane * rows + tap_row) * columns + tap_column;
                        sum += unfolded[((tap * down + row) * across + column) as usize];
                    }
                }
            }
        }
        folded[ABSOLUTE_POS] = sum;
    }
}
