//! Dense convolutions of many taps on a GPU, in f32, through spectra: what lies between the transforms is one launch each.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors and numbers one by one")]

use burn::backend::{Cube, TensorMetadata};
use burn::signal::SignalOps;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use crate::gpu::{empty, per_element, row_major};
use crate::ops::convolution::long_conv::composed::Plan;
use crate::ops::convolution::long_conv::geometry::Geometry;

/// `[batch, out, height, width]`; `None` where the kernels do not apply.
pub(super) fn forward(x: &CubeTensor, k: &CubeTensor, geometry: Geometry) -> Option<CubeTensor> {
    let [x, k] = row_major([x, k])?;
    let plan = Plan::new::<Cube>(&x, &k, geometry);
    let (data, kernel) = (Spectrum::of_data(&plan, x, plan.offset()), Spectrum::of_kernel(&plan, k));
    Some(plan.rows_of(data.contract(&kernel, true, true), 0))
}

/// The gradients of input and kernel that are `wanted`; `None` where the kernels do not apply.
pub(super) fn backward(
    x: &CubeTensor,
    k: &CubeTensor,
    g: &CubeTensor,
    geometry: Geometry,
    wanted: [bool; 2],
) -> Option<[Option<CubeTensor>; 2]> {
    let [x, k, g] = row_major([x, k, g])?;
    let plan = Plan::new::<Cube>(&x, &k, geometry);
    let slopes = Spectrum::of_data(&plan, g, 0);
    let dx = wanted[0].then(|| {
        let kernel = Spectrum::of_kernel(&plan, k).transposed();
        plan.rows_of(slopes.contract(&kernel, false, true), plan.offset())
    });
    let dk = wanted[1].then(|| {
        let data = Spectrum::of_data(&plan, x, plan.offset());
        plan.taps_of(data.transposed().contract(&slopes.transposed(), true, false))
    });
    Some([dx, dk])
}

/// One-sided spectra `[first, second, frequency]`, and which of the axes is summed over.
#[derive(Clone)]
struct Spectrum {
    re: CubeTensor,
    im: CubeTensor,
    /// Rows and terms of a sum.
    sizes: [usize; 2],
    /// Values from one row to the next, and from one term to the next.
    strides: [usize; 2],
}

impl Spectrum {
    fn of(packed: CubeTensor, n: usize) -> Self {
        let shape = packed.shape();
        let (re, im) = Cube::rfft(packed, 2, Some(n));
        // Spectra lie apart by more than their length where the device aligns rows.
        let alike = re.meta.strides() == im.meta.strides() && re.meta.strides()[2] == 1;
        let [re, im] = if alike { [re, im] } else { [re, im].map(into_contiguous) };
        let strides = [re.meta.strides()[0], re.meta.strides()[1]];
        Self { re, im, sizes: [shape[0], shape[1]], strides }
    }

    /// Of data `[batch, channels, height, width]`, shifted right by `offset`.
    fn of_data(plan: &Plan, x: CubeTensor, offset: usize) -> Self {
        Self::of(pack(x, plan.size, plan.stride, offset, plan.n), plan.n)
    }

    /// Of kernels `[out, in, taps, taps]`.
    fn of_kernel(plan: &Plan, k: CubeTensor) -> Self {
        Self::of(pack(k, plan.taps, plan.stride, 0, plan.n), plan.n)
    }

    /// The same with the sum over the first axis.
    fn transposed(&self) -> Self {
        let ([rows, terms], [row, term]) = (self.sizes, self.strides);
        Self { sizes: [terms, rows], strides: [term, row], ..self.clone() }
    }

    /// Σ a · b over the terms, frequency by frequency, for all pairs of rows; b conjugated where asked for. Pairs are `[a, b]` where
    /// `in_order`, else `[b, a]`.
    fn contract(&self, other: &Self, conjugate: bool, in_order: bool) -> [CubeTensor; 2] {
        let [rows, terms] = self.sizes;
        let [columns, _] = other.sizes;
        let frequencies = self.re.shape()[2];
        let pairs = if in_order { [rows, columns] } else { [columns, rows] };
        let [re, im] = [(); 2].map(|()| empty(&self.re, [pairs[0], pairs[1], frequencies]));
        let (count, dim, n) = per_element(&re);
        let of = |n: usize| n as u32;
        // SAFETY: rows and terms are within the spectra by their sizes and strides, and the kernel leaves out threads beyond the n values.
        unsafe {
            contract_kernel::launch_unchecked(
                &self.re.client,
                count,
                dim,
                self.re.clone().into_tensor_arg(),
                self.im.clone().into_tensor_arg(),
                other.re.clone().into_tensor_arg(),
                other.im.clone().into_tensor_arg(),
                re.clone().into_tensor_arg(),
                im.clone().into_tensor_arg(),
                of(rows),
                of(columns),
                of(terms),
                of(frequencies),
                of(self.strides[0]),
                of(self.strides[1]),
                of(other.strides[0]),
                of(other.strides[1]),
                n,
                conjugate,
                in_order,
            );
        }
        [re, im]
    }
}

impl Plan {
    /// The rows of data from `offset` on, `[first, second, height, width]`.
    fn rows_of(&self, [re, im]: [CubeTensor; 2], offset: usize) -> CubeTensor {
        unpack(Cube::irfft(re, im, 2, Some(self.n)), self.size, self.stride, offset)
    }

    /// The taps of kernels, `[first, second, taps, taps]`.
    fn taps_of(&self, [re, im]: [CubeTensor; 2]) -> CubeTensor {
        unpack(Cube::irfft(re, im, 2, Some(self.n)), self.taps, self.stride, 0)
    }
}

/// Planes `[first, second, height, width]` as lines of `n` values, rows `stride` apart, from `offset` on.
fn pack(planes: CubeTensor, [height, width]: [usize; 2], stride: usize, offset: usize, n: usize) -> CubeTensor {
    let shape = planes.shape();
    let lines = empty(&planes, [shape[0], shape[1], n]);
    let (count, dim, elements) = per_element(&lines);
    let of = |n: usize| n as u32;
    // SAFETY: the kernel leaves out threads beyond the elements, and places beyond the planes.
    unsafe {
        pack_kernel::launch_unchecked(
            &lines.client.clone(),
            count,
            dim,
            planes.into_tensor_arg(),
            lines.clone().into_tensor_arg(),
            of(height),
            of(width),
            of(stride),
            of(offset),
            of(n),
            elements,
        );
    }
    lines
}

/// The inverse of [`pack`].
fn unpack(lines: CubeTensor, [height, width]: [usize; 2], stride: usize, offset: usize) -> CubeTensor {
    let lines = into_contiguous(lines);
    let shape = lines.shape();
    let planes = empty(&lines, [shape[0], shape[1], height, width]);
    let (count, dim, elements) = per_element(&planes);
    let of = |n: usize| n as u32;
    // SAFETY: lines are long enough for all rows from the offset on, and the kernel leaves out threads beyond the elements.
    unsafe {
        unpack_kernel::launch_unchecked(
            &planes.client.clone(),
            count,
            dim,
            lines.into_tensor_arg(),
            planes.clone().into_tensor_arg(),
            of(height),
            of(width),
            of(stride),
            of(offset),
            of(shape[2]),
            elements,
        );
    }
    planes
}

#[cube(launch_unchecked)]
fn pack_kernel(
    planes: &Tensor<f32>,
    lines: &mut Tensor<f32>,
    height: u32,
    width: u32,
    stride: u32,
    offset: u32,
    length: u32,
    n: u32,
) {
    if ABSOLUTE_POS < n as usize {
        let at = ABSOLUTE_POS as u32;
        let plane = at / length;
        let place = at % length;
        let mut value = 0.0f32;
        if place >= offset {
            let row = (place - offset) / stride;
            let column = (place - offset) % stride;
            if row < height && column < width {
                value = planes[((plane * height + row) * width + column) as usize];
            }
        }
        lines[ABSOLUTE_POS] = value;
    }
}

#[cube(launch_unchecked)]
fn unpack_kernel(
    lines: &Tensor<f32>,
    planes: &mut Tensor<f32>,
    height: u32,
    width: u32,
    stride: u32,
    offset: u32,
    length: u32,
    n: u32,
) {
    if ABSOLUTE_POS < n as usize {
        let at = ABSOLUTE_POS as u32;
        let column = at % width;
        let row = at / width % height;
        let plane = at / width / height;
        planes[ABSOLUTE_POS] = lines[(plane * length + offset + row * stride + column) as usize];
    }
}

#[cube(launch_unchecked)]
fn contract_kernel(
    a_re: &Tensor<f32>,
    a_im: &Tensor<f32>,
    b_re: &Tensor<f32>,
    b_im: &Tensor<f32>,
    re: &mut Tensor<f32>,
    im: &mut Tensor<f32>,
    rows: u32,
    columns: u32,
    terms: u32,
    frequencies: u32,
    a_row: u32,
    a_term: u32,
    b_row: u32,
    b_term: u32,
    n: u32,
    #[comptime] conjugate: bool,
    #[comptime] in_order: bool,
) {
    if ABSOLUTE_POS < n as usize {
        let at = ABSOLUTE_POS as u32;
        let frequency = at % frequencies;
        let pair = at / frequencies;
        let row = if comptime!(in_order) { pair / columns } else { pair % rows };
        let column = if comptime!(in_order) { pair % columns } else { pair / rows };
        let mut sum_re = 0.0f32;
        let mut sum_im = 0.0f32;
        for term in 0..terms {
            let a = (row * a_row + term * a_term + frequency) as usize;
            let b = (column * b_row + term * b_term + frequency) as usize;
            let other = if comptime!(conjugate) { -b_im[b] } else { b_im[b] };
            sum_re += a_re[a] * b_re[b] - a_im[a] * other;
            sum_im += a_re[a] * other + a_im[a] * b_re[b];
        }
        re[ABSOLUTE_POS] = sum_re;
        im[ABSOLUTE_POS] = sum_im;
    }
}
