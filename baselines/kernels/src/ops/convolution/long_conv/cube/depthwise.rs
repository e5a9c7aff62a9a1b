//! Depthwise convolutions by direct summation on a GPU, for kernels of up to [`MOST_TAPS`] taps; in f32.
//!
//! A cube stages a tile of one channel, with the margin that the kernel reaches, in shared memory and sums from there.
//! Kernels are compiled for the size of the tile and of the shared memory, not for the number of taps, so that a kernel
//! whose crop changes from step to step is not compiled again each time. The gradient of the kernel is summed tile after
//! tile in a fixed order, without atomics: per group of threads, then over the groups, then over parts of the batch.

#![allow(unsafe_code, reason = "launches without bounds checks")]
#![allow(clippy::too_many_arguments, reason = "kernels take their tensors one by one")]

use burn::backend::{Cube, TensorMetadata};
use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use crate::ops::convolution::long_conv::geometry::Geometry;
use crate::value::Value;

/// Taps beyond which the FFT takes over.
const MOST_TAPS: usize = 1024;
/// Sums of a thread.
const SUMS: usize = 4;
/// Most threads of a cube.
const THREADS: usize = 256;
/// Most cubes along one axis, on every device.
const CUBES: usize = 65_535;
/// Cubes that keep a GPU busy.
const BUSY: usize = 512;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Tile {
    /// Outputs of a cube.
    rows: usize,
    /// Outputs of a cube per row.
    columns: usize,
    threads: usize,
    /// Space for the taps and for a tile with its margin, in values.
    taps: usize,
    data: usize,
    /// Whether the kernel is read backwards.
    flip: bool,
    /// Threads side by side on taps, and taps of each, where the kernel's gradient is summed.
    side: usize,
    each: usize,
}

/// One convolution.
struct Plan {
    size: [usize; 2],
    taps: [usize; 2],
    left: [usize; 2],
    batch: usize,
    channels: usize,
    tile: Tile,
}

impl Plan {
    /// `None` where direct summation does not apply.
    fn new(x: &CubeTensor, k: &CubeTensor, geometry: Geometry) -> Option<Self> {
        let (xs, ks) = (x.shape(), k.shape());
        let (size, taps) = ([xs[2], xs[3]], [ks[2], ks[3]]);
        let all = taps[0] * taps[1];
        if !geometry.depthwise || all > MOST_TAPS || [x.dtype, k.dtype] != [DType::F32; 2] {
            return None;
        }
        let hardware = &x.client.properties().hardware;
        let room = hardware.max_shared_memory_size / size_of::<f32>();
        let most_threads = THREADS.min(hardware.max_units_per_cube as usize);
        let (side, each) = match all {
            0..=128 => (32, all.div_ceil(32)),
            129..=256 => (64, SUMS),
            _ => (most_threads, SUMS),
        };
        let mut columns = size[1].next_power_of_two().min(if size[0] == 1 { 1024 } else { 32 });
        let mut rows = size[0].next_power_of_two().min(1024 / columns);
        let tile = loop {
            let data = ((rows + taps[0] - 1) * (columns + taps[1] - 1)).next_multiple_of(256);
            let room_for_taps = all.next_multiple_of(64);
            // The kernel's gradient needs the tile once more, and a place per sum.
            let needed = data + room_for_taps.max(rows * columns + most_threads * each);
            if needed <= room {
                let threads = (rows * columns).div_ceil(SUMS).next_multiple_of(32).min(most_threads);
                break Tile { rows, columns, threads, taps: room_for_taps, data, flip: false, side, each };
            }
            match (rows, columns) {
                (1, ..=32) => return None,
                (1, _) => columns /= 2,
                _ => rows /= 2,
            }
        };
        Some(Self { size, taps, left: geometry.left, batch: xs[0], channels: xs[1], tile })
    }

    /// Tiles down and across.
    fn tiles(&self) -> [usize; 2] {
        [self.size[0].div_ceil(self.tile.rows), self.size[1].div_ceil(self.tile.columns)]
    }

    /// The cross-correlation of `x` with `k`, `before` taps of which lie before the current sample; `k` is read backwards
    /// where `flip`.
    fn convolve(&self, x: CubeTensor, k: CubeTensor, before: [usize; 2], flip: bool) -> CubeTensor {
        let y = like(&x, Shape::from([self.batch, self.channels, self.size[0], self.size[1]]));
        let [down, across] = self.tiles();
        let planes = self.batch * self.channels;
        let cubes = CubeCount::Static(planes.min(CUBES) as u32, (down * across).min(CUBES) as u32, 1);
        let tile = Tile { flip, ..self.tile };
        // SAFETY: shared memory holds the tile with its margin and all taps (see `new`); the kernel checks positions
        // against the tensors' shapes before it reads or writes.
        unsafe {
            convolve_kernel::launch_unchecked(
                &x.client.clone(),
                cubes,
                CubeDim::new_1d(tile.threads as u32),
                x.into_tensor_arg(),
                k.into_tensor_arg(),
                y.clone().into_tensor_arg(),
                before[0] as u32,
                before[1] as u32,
                tile,
            );
        }
        y
    }

    /// The gradient of the kernel.
    fn kernel_gradient(&self, x: CubeTensor, g: CubeTensor) -> CubeTensor {
        let all = self.taps[0] * self.taps[1];
        let blocks = all.div_ceil(self.tile.side * self.tile.each);
        let parts = (BUSY / (self.channels * blocks)).clamp(1, self.batch);
        let sums = like(&x, Shape::from([parts, self.channels, self.taps[0], self.taps[1]]));
        let cubes = CubeCount::Static(self.channels.min(CUBES) as u32, parts as u32, blocks as u32);
        let tile = Tile { threads: self.gradient_threads(&x), ..self.tile };
        // SAFETY: as for `convolve_kernel`; a place per sum is reserved, too.
        unsafe {
            gradient_kernel::launch_unchecked(
                &x.client.clone(),
                cubes,
                CubeDim::new_1d(tile.threads as u32),
                x.into_tensor_arg(),
                g.into_tensor_arg(),
                sums.clone().into_tensor_arg(),
                self.left[0] as u32,
                self.left[1] as u32,
                tile,
            );
        }
        Value::<Cube>(sums).sum(0).reshape([self.channels, 1, self.taps[0], self.taps[1]]).0
    }

    /// As many whole groups of threads side by side as a cube holds.
    fn gradient_threads(&self, x: &CubeTensor) -> usize {
        let most = THREADS.min(x.client.properties().hardware.max_units_per_cube as usize);
        most / self.tile.side * self.tile.side
    }
}

/// The forward pass by direct summation; `None` where it does not apply.
pub(super) fn forward(x: &CubeTensor, k: &CubeTensor, geometry: Geometry) -> Option<CubeTensor> {
    let plan = Plan::new(x, k, geometry)?;
    Some(plan.convolve(x.clone(), k.clone(), geometry.left, false))
}

/// The backward pass by direct summation; `None` where it does not apply.
pub(super) fn backward(
    x: &CubeTensor,
    k: &CubeTensor,
    g: &CubeTensor,
    geometry: Geometry,
    wanted: [bool; 2],
) -> Option<[Option<CubeTensor>; 2]> {
    let plan = Plan::new(x, k, geometry)?;
    let after = [0, 1].map(|axis| plan.taps[axis] - 1 - geometry.left[axis]);
    let dx = wanted[0].then(|| plan.convolve(g.clone(), k.clone(), after, true));
    let dk = wanted[1].then(|| plan.kernel_gradient(x.clone(), g.clone()));
    Some([dx, dk])
}

fn like(tensor: &CubeTensor, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(tensor.client.clone(), tensor.device.clone(), shape, tensor.dtype)
}

/// Copies `[rows, columns]` values of a plane of `x` from (`row`, `column`), counted from (`top`, `left`) beyond its corner,
/// with zeros outside of it.
#[cube]
fn stage(
    x: &Tensor<f32>,
    plane: usize,
    row: usize,
    column: usize,
    top: usize,
    left: usize,
    rows: usize,
    columns: usize,
    data: &mut Shared<[f32]>,
) {
    let mut at = UNIT_POS as usize;
    while at < rows * columns {
        let r = row + at / columns;
        let q = column + at % columns;
        let mut value = 0.0f32;
        if r >= top && r < top + x.shape(2) && q >= left && q < left + x.shape(3) {
            value = x[plane + (r - top) * x.stride(2) + (q - left) * x.stride(3)];
        }
        data[at] = value;
        at += CUBE_DIM as usize;
    }
}

/// `y[r, q] = Σ k[s, t] x[r − top + s, q − left + t]` for planes `[batch, channels, height, width]` and kernels
/// `[channels, 1, height, width]`.
#[cube(launch_unchecked)]
fn convolve_kernel(x: &Tensor<f32>, k: &Tensor<f32>, y: &mut Tensor<f32>, top: u32, left: u32, #[comptime] tile: Tile) {
    let rows = comptime!(tile.rows);
    let columns = comptime!(tile.columns);
    let threads = comptime!(tile.threads);
    let kernel_rows = k.shape(2);
    let kernel_columns = k.shape(3);
    let channels = x.shape(1);
    let height = y.shape(2);
    let width = y.shape(3);
    let across = width.div_ceil(columns);
    let tiles = height.div_ceil(rows) * across;
    let reach = columns + kernel_columns - 1;
    let mut taps = Shared::<[f32]>::new_slice(comptime!(tile.taps));
    let mut data = Shared::<[f32]>::new_slice(comptime!(tile.data));

    let mut plane = CUBE_POS_X as usize;
    while plane < x.shape(0) * channels {
        let item = plane / channels;
        let channel = plane % channels;
        let mut at = UNIT_POS as usize;
        while at < kernel_rows * kernel_columns {
            let mut s = at / kernel_columns;
            let mut t = at % kernel_columns;
            if comptime!(tile.flip) {
                s = kernel_rows - 1 - s;
                t = kernel_columns - 1 - t;
            }
            taps[at] = k[channel * k.stride(0) + s * k.stride(2) + t * k.stride(3)];
            at += threads;
        }
        let mut place = CUBE_POS_Y as usize;
        while place < tiles {
            let row = place / across * rows;
            let column = place % across * columns;
            let from = item * x.stride(0) + channel * x.stride(1);
            let (top, left) = (top as usize, left as usize);
            stage(x, from, row, column, top, left, rows + kernel_rows - 1, reach, &mut data);
            sync_cube();

            let mut first = UNIT_POS as usize;
            while first < rows * columns {
                let mut sums = Array::<f32>::new(SUMS);
                let mut bases = Array::<usize>::new(SUMS);
                #[unroll]
                for i in 0..SUMS {
                    let output = first + i * threads;
                    sums[i] = 0.0f32;
                    // Sums beyond the tile are taken at its corner and not written.
                    bases[i] = select(output < rows * columns, output / columns * reach + output % columns, 0usize);
                }
                for s in 0..kernel_rows {
                    for t in 0..kernel_columns {
                        let tap = taps[s * kernel_columns + t];
                        let offset = s * reach + t;
                        #[unroll]
                        for i in 0..SUMS {
                            sums[i] += tap * data[bases[i] + offset];
                        }
                    }
                }
                #[unroll]
                for i in 0..SUMS {
                    let output = first + i * threads;
                    let r = row + output / columns;
                    let q = column + output % columns;
                    if output < rows * columns && r < height && q < width {
                        let at = item * y.stride(0) + channel * y.stride(1) + r * y.stride(2) + q * y.stride(3);
                        y[at] = sums[i];
                    }
                }
                first += comptime!(tile.threads * SUMS);
            }
            sync_cube();
            place += CUBE_COUNT_Y as usize;
        }
        plane += CUBE_COUNT_X as usize;
    }
}

/// Adds up what the groups of threads found for the taps from `block` on, in a fixed order. `UNIT_POS` is of the first group.
#[cube]
fn add_groups(found: &Shared<[f32]>, sums: &mut Tensor<f32>, channel: usize, block: usize, #[comptime] tile: Tile) {
    let side = comptime!(tile.side);
    let each = comptime!(tile.each);
    let groups = comptime!(tile.threads / tile.side);
    let kernel_columns = sums.shape(3);
    let all = sums.shape(2) * kernel_columns;
    let within = UNIT_POS as usize;
    #[unroll]
    for i in 0..each {
        let tap = block + within + i * side;
        if tap < all {
            let mut sum = 0.0f32;
            for other in 0..groups {
                sum += found[(other * side + within) * each + i];
            }
            let at = CUBE_POS_Y as usize * sums.stride(0) + channel * sums.stride(1);
            let at = at + tap / kernel_columns * sums.stride(2) + tap % kernel_columns * sums.stride(3);
            sums[at] = sum;
        }
    }
}

/// `sums[part, channel, s, t] = Σ g[r, q] x[r − top + s, q − left + t]` over the positions and over every `parts`-th sample.
#[cube(launch_unchecked)]
fn gradient_kernel(
    x: &Tensor<f32>,
    g: &Tensor<f32>,
    sums: &mut Tensor<f32>,
    top: u32,
    left: u32,
    #[comptime] tile: Tile,
) {
    let rows = comptime!(tile.rows);
    let columns = comptime!(tile.columns);
    let side = comptime!(tile.side);
    let each = comptime!(tile.each);
    let groups = comptime!(tile.threads / tile.side);
    let parts = sums.shape(0);
    let kernel_rows = sums.shape(2);
    let kernel_columns = sums.shape(3);
    let all = kernel_rows * kernel_columns;
    let across = g.shape(3).div_ceil(columns);
    let tiles = g.shape(2).div_ceil(rows) * across;
    let reach = columns + kernel_columns - 1;
    let group = UNIT_POS as usize / side;
    let within = UNIT_POS as usize % side;
    let block = CUBE_POS_Z as usize * comptime!(tile.side * tile.each);
    let mut data = Shared::<[f32]>::new_slice(comptime!(tile.data));
    let mut slopes = Shared::<[f32]>::new_slice(comptime!(tile.rows * tile.columns));
    let mut found = Shared::<[f32]>::new_slice(comptime!(tile.threads * tile.each));

    let mut offsets = Array::<usize>::new(each);
    #[unroll]
    for i in 0..each {
        let tap = block + within + i * side;
        // Taps beyond the kernel are taken at its corner and not written.
        offsets[i] = select(tap < all, tap / kernel_columns * reach + tap % kernel_columns, 0usize);
    }

    let mut channel = CUBE_POS_X as usize;
    while channel < x.shape(1) {
        let mut own = Array::<f32>::new(each);
        #[unroll]
        for i in 0..each {
            own[i] = 0.0f32;
        }
        let mut item = CUBE_POS_Y as usize;
        while item < x.shape(0) {
            for place in 0..tiles {
                let row = place / across * rows;
                let column = place % across * columns;
                let from = item * x.stride(0) + channel * x.stride(1);
                let (top, left) = (top as usize, left as usize);
                stage(x, from, row, column, top, left, rows + kernel_rows - 1, reach, &mut data);
                let from = item * g.stride(0) + channel * g.stride(1);
                stage(g, from, row, column, 0usize, 0usize, rows, columns, &mut slopes);
                sync_cube();
                let mut position = group;
                while position < rows * columns {
                    let slope = slopes[position];
                    let base = position / columns * reach + position % columns;
                    #[unroll]
                    for i in 0..each {
                        own[i] += slope * data[base + offsets[i]];
                    }
                    position += groups;
                }
                sync_cube();
            }
            item += parts;
        }
        #[unroll]
        for i in 0..each {
            found[UNIT_POS as usize * each + i] = own[i];
        }
        sync_cube();
        if group == 0 {
            add_groups(&found, sums, channel, block, tile);
        }
        sync_cube();
        channel += CUBE_COUNT_X as usize;
    }
}
