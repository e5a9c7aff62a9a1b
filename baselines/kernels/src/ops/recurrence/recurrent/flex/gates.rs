//! The gates of one step: all that a recurrence does between its matrix products.

use super::size::Size;
use crate::cpu::simd::level::Loop;
use crate::cpu::simd::real::Real;
use crate::ops::RnnCell;

/// Hidden units per pass of the gate loops: what fits a register of each operand.
const UNITS: usize = 16;

/// Every unit of every row, `UNITS` at a time: `units::<LEVEL, WHOLE>(row, first)` of `$self`.
macro_rules! over_units {
    ($self:ident, $hidden:expr, $rows:expr, $level:ident) => {
        let hidden = $hidden;
        let whole = hidden / UNITS * UNITS;
        for row in 0..$rows {
            for first in (0..whole).step_by(UNITS) {
                $self.units::<$level, true>(row, first);
            }
            if whole < hidden {
                $self.units::<$level, false>(row, whole);
            }
        }
    };
}

/// One step forward for every row of a group.
pub(super) struct Forward<'a, T> {
    pub(super) size: Size,
    /// Projected inputs, and where `recurrent` is empty, recurrent products added.
    pub(super) projected: &'a [T],
    /// Recurrent products of the GRU.
    pub(super) recurrent: &'a [T],
    pub(super) inner_bias: &'a [T],
    pub(super) state: &'a mut [T],
    pub(super) memory: &'a mut [T],
    pub(super) kept: &'a mut [T],
}

impl<T: Real> Loop for Forward<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(mut self) {
        over_units!(self, self.size.hidden, self.state.len() / self.size.hidden, LEVEL);
    }
}

impl<T: Real> Forward<'_, T> {
    /// `UNITS` units of `row` from `first`, or where not `WHOLE` as many as are left.
    #[inline(always)]
    fn units<const LEVEL: usize, const WHOLE: bool>(&mut self, row: usize, first: usize) {
        let Size { cell, hidden, gates, kept: width, .. } = self.size;
        let zero = [T::ZERO; UNITS];
        let state = &mut self.state[row * hidden..][..hidden];
        let projected = &self.projected[row * gates..][..gates];
        let recurrent = match cell {
            RnnCell::Gru => &self.recurrent[row * gates..][..gates],
            _ => &[],
        };
        let memory = &mut self.memory[row * hidden..][..hidden];
        let kept = &mut self.kept[row * width..][..width];
        let n = hidden - first;
        let at = |gate: usize| gate * hidden + first;
        match cell {
            RnnCell::Lstm => {
                let mut i = load::<T, WHOLE>(projected, at(0), n);
                let mut f = load::<T, WHOLE>(projected, at(1), n);
                let mut g = load::<T, WHOLE>(projected, at(2), n);
                let mut o = load::<T, WHOLE>(projected, at(3), n);
                let (mut c, mut h) = (load::<T, WHOLE>(memory, first, n), zero);
                for u in 0..UNITS {
                    i[u] = i[u].sigmoid::<LEVEL>();
                    f[u] = f[u].sigmoid::<LEVEL>();
                    g[u] = g[u].tanh::<LEVEL>();
                    o[u] = o[u].sigmoid::<LEVEL>();
                    c[u] = f[u] * c[u] + i[u] * g[u];
                    h[u] = o[u] * c[u].tanh::<LEVEL>();
                }
                for (k, gate) in [i, f, g, o, c].iter().enumerate() {
                    store::<T, WHOLE>(kept, at(k), n, gate);
                }
                store::<T, WHOLE>(memory, first, n, &c);
                store::<T, WHOLE>(state, first, n, &h);
            }
            RnnCell::Gru => {
                let mut r = load::<T, WHOLE>(projected, at(0), n);
                let mut z = load::<T, WHOLE>(projected, at(1), n);
                let mut m = load::<T, WHOLE>(projected, at(2), n);
                let rr = load::<T, WHOLE>(recurrent, at(0), n);
                let rz = load::<T, WHOLE>(recurrent, at(1), n);
                let mut q = load::<T, WHOLE>(recurrent, at(2), n);
                let (bias, mut h) = (load::<T, WHOLE>(self.inner_bias, first, n), load::<T, WHOLE>(state, first, n));
                for u in 0..UNITS {
                    r[u] = (r[u] + rr[u]).sigmoid::<LEVEL>();
                    z[u] = (z[u] + rz[u]).sigmoid::<LEVEL>();
                    q[u] += bias[u];
                    m[u] = (m[u] + r[u] * q[u]).tanh::<LEVEL>();
                    h[u] = m[u] + z[u] * (h[u] - m[u]);
                }
                for (k, gate) in [r, z, m, q].iter().enumerate() {
                    store::<T, WHOLE>(kept, at(k), n, gate);
                }
                store::<T, WHOLE>(state, first, n, &h);
            }
            RnnCell::Rnn => {
                let mut h = load::<T, WHOLE>(projected, first, n);
                for value in &mut h {
                    *value = value.tanh::<LEVEL>();
                }
                store::<T, WHOLE>(state, first, n, &h);
            }
        }
    }
}

/// One step backward for every row of a group. On entry `d_state` holds what later steps sent back; on exit, for
/// the GRU, what reaches the earlier state other than through the recurrent weights.
pub(super) struct Backward<'a, T> {
    pub(super) size: Size,
    pub(super) g: &'a [T],
    pub(super) kept: &'a [T],
    /// Activations of the step before, empty at the first.
    pub(super) memory_before: &'a [T],
    pub(super) state_before: &'a [T],
    pub(super) state: &'a [T],
    pub(super) d_state: &'a mut [T],
    pub(super) d_memory: &'a mut [T],
    /// Gradient of the projected input.
    pub(super) from_x: &'a mut [T],
    /// Gradient of the recurrent product where it differs (GRU), else empty.
    pub(super) from_h: &'a mut [T],
}

impl<T: Real> Loop for Backward<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(mut self) {
        over_units!(self, self.size.hidden, self.d_state.len() / self.size.hidden, LEVEL);
    }
}

impl<T: Real> Backward<'_, T> {
    /// `UNITS` units of `row` from `first`, or where not `WHOLE` as many as are left.
    #[inline(always)]
    fn units<const LEVEL: usize, const WHOLE: bool>(&mut self, row: usize, first: usize) {
        let Size { cell, hidden, gates, kept: width, .. } = self.size;
        let zero = [T::ZERO; UNITS];
        let one = T::ONE;
        let at_row = row * hidden..(row + 1) * hidden;
        let d_state = &mut self.d_state[at_row.clone()];
        let kept = &self.kept[row * width..][..width];
        let from_x = &mut self.from_x[row * gates..][..gates];
        let n = hidden - first;
        let at = |gate: usize| gate * hidden + first;
        let mut d = load::<T, WHOLE>(d_state, first, n);
        let g = load::<T, WHOLE>(&self.g[at_row.clone()], first, n);
        for u in 0..UNITS {
            d[u] += g[u];
        }
        match cell {
            RnnCell::Lstm => {
                let mut i = load::<T, WHOLE>(kept, at(0), n);
                let mut f = load::<T, WHOLE>(kept, at(1), n);
                let mut g = load::<T, WHOLE>(kept, at(2), n);
                let mut o = load::<T, WHOLE>(kept, at(3), n);
                let h = load::<T, WHOLE>(&self.state[at_row.clone()], first, n);
                let before = match self.memory_before {
                    [] => zero,
                    all => load::<T, WHOLE>(all, row * width + at(4), n),
                };
                let memory = &mut self.d_memory[at_row.clone()];
                let mut dc = load::<T, WHOLE>(memory, first, n);
                for u in 0..UNITS {
                    // h = o tanh c. Where o is next to nothing, whatever depends on tanh c is too.
                    let tanh_c = h[u] / if o[u] > T::NEGLIGIBLE { o[u] } else { one };
                    let d_c = dc[u] + d[u] * o[u] * (one - tanh_c * tanh_c);
                    let (iu, fu, gu) = (i[u], f[u], g[u]);
                    dc[u] = d_c * fu;
                    o[u] = d[u] * tanh_c * o[u] * (one - o[u]);
                    i[u] = d_c * gu * iu * (one - iu);
                    f[u] = d_c * before[u] * fu * (one - fu);
                    g[u] = d_c * iu * (one - gu * gu);
                }
                for (k, gate) in [i, f, g, o].iter().enumerate() {
                    store_gradient::<T, WHOLE>(from_x, at(k), n, gate);
                }
                store_gradient::<T, WHOLE>(memory, first, n, &dc);
            }
            RnnCell::Gru => {
                let mut r = load::<T, WHOLE>(kept, at(0), n);
                let mut z = load::<T, WHOLE>(kept, at(1), n);
                let mut m = load::<T, WHOLE>(kept, at(2), n);
                let mut q = load::<T, WHOLE>(kept, at(3), n);
                let before = load::<T, WHOLE>(&self.state_before[at_row.clone()], first, n);
                for u in 0..UNITS {
                    let (ru, zu, mu) = (r[u], z[u], m[u]);
                    let d_m = d[u] * (one - zu) * (one - mu * mu);
                    z[u] = d[u] * (before[u] - mu) * zu * (one - zu);
                    r[u] = d_m * q[u] * ru * (one - ru);
                    m[u] = d_m;
                    q[u] = d_m * ru;
                    d[u] *= zu;
                }
                for (k, gate) in [r, z, m].iter().enumerate() {
                    store_gradient::<T, WHOLE>(from_x, at(k), n, gate);
                }
                let from_h = &mut self.from_h[row * gates..][..gates];
                for (k, gate) in [r, z, q].iter().enumerate() {
                    store_gradient::<T, WHOLE>(from_h, at(k), n, gate);
                }
                store_gradient::<T, WHOLE>(d_state, first, n, &d);
            }
            RnnCell::Rnn => {
                let h = load::<T, WHOLE>(&self.state[at_row.clone()], first, n);
                for u in 0..UNITS {
                    d[u] *= one - h[u] * h[u];
                }
                store_gradient::<T, WHOLE>(from_x, first, n, &d);
            }
        }
    }
}

/// `UNITS` values from `first`, or where not `WHOLE` the `n` that are left, then zeros. (Local arrays spare the vectoriser the
/// question whether slices overlap. Copies of whole arrays are instructions, those of slices calls.)
#[inline(always)]
fn load<T: Real, const WHOLE: bool>(values: &[T], first: usize, n: usize) -> [T; UNITS] {
    match values[first..].first_chunk::<UNITS>() {
        Some(units) if WHOLE => *units,
        _ => std::array::from_fn(|u| if u < n { values[first + u] } else { T::ZERO }),
    }
}

#[inline(always)]
fn store<T: Real, const WHOLE: bool>(values: &mut [T], first: usize, n: usize, units: &[T; UNITS]) {
    match values[first..].first_chunk_mut::<UNITS>() {
        Some(values) if WHOLE => *values = *units,
        _ => values[first..first + n].copy_from_slice(&units[..n]),
    }
}

/// [`store`], with gradients too small to matter as zeros. Gradients that vanish over many steps would otherwise become
/// subnormal numbers, with which processors compute many times slower.
#[inline(always)]
fn store_gradient<T: Real, const WHOLE: bool>(values: &mut [T], first: usize, n: usize, units: &[T; UNITS]) {
    let mut kept = *units;
    for unit in &mut kept {
        // Both comparisons in any case, or there would be a jump per value. NaN is not small.
        let small = (*unit <= T::NEGLIGIBLE) & (*unit >= -T::NEGLIGIBLE);
        *unit = if small { T::ZERO } else { *unit };
    }
    store::<T, WHOLE>(values, first, n, &kept);
}
