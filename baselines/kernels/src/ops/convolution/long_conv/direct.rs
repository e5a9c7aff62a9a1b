//! Inner loops of direct summation. Rows of data lie `stride` apart.

use crate::cpu::simd::level::Loop;
use crate::cpu::simd::real::Real;

/// `out[i] = Σ_r Σ_c taps[r · columns + c] · data[r · stride + c + i]`
pub(crate) struct Correlate<'a, T> {
    pub(crate) out: &'a mut [T],
    pub(crate) data: &'a [T],
    pub(crate) taps: &'a [T],
    pub(crate) columns: usize,
    pub(crate) stride: usize,
}

impl<T: Real> Loop for Correlate<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(mut self) {
        let n = self.out.len();
        if n < 16 {
            for i in 0..n {
                self.tile::<1, LEVEL>(i);
            }
            return;
        }
        let mut i = 0;
        while i < n {
            // The last tile of each size moves back over values that are already there.
            match n - i {
                64.. => {
                    self.tile::<64, LEVEL>(i);
                    i += 64;
                }
                33.. if n >= 64 => {
                    self.tile::<64, LEVEL>(n - 64);
                    i = n;
                }
                17.. if n >= 32 => {
                    let first = i.min(n - 32);
                    self.tile::<32, LEVEL>(first);
                    i = first + 32;
                }
                _ => {
                    let first = i.min(n - 16);
                    self.tile::<16, LEVEL>(first);
                    i = first + 16;
                }
            }
        }
    }
}

impl<T: Real> Correlate<'_, T> {
    #[inline(always)]
    fn tile<const N: usize, const LEVEL: usize>(&mut self, first: usize) {
        let mut sums = [T::ZERO; N];
        for (row, taps) in self.taps.chunks_exact(self.columns).enumerate() {
            let data = &self.data[row * self.stride + first..][..self.columns + N - 1];
            for (&tap, window) in taps.iter().zip(data.array_windows::<N>()) {
                for lane in 0..N {
                    sums[lane] = tap.fma::<LEVEL>(window[lane], sums[lane]);
                }
            }
        }
        self.out[first..first + N].copy_from_slice(&sums);
    }
}

/// `out[s · columns + t] = Σ_r Σ_c weights[r · width + c] · data[(r + s) · stride + c + t]`
pub(crate) struct Dots<'a, T> {
    pub(crate) out: &'a mut [T],
    pub(crate) data: &'a [T],
    pub(crate) weights: &'a [T],
    pub(crate) width: usize,
    pub(crate) columns: usize,
    pub(crate) stride: usize,
}

impl<T: Real> Loop for Dots<'_, T> {
    #[inline(always)]
    fn run<const LEVEL: usize>(self) {
        const LANES: usize = 32;
        for (at, out) in self.out.iter_mut().enumerate() {
            let data = &self.data[at / self.columns * self.stride + at % self.columns..];
            let mut sums = [T::ZERO; LANES];
            let mut rest = T::ZERO;
            for (row, weights) in self.weights.chunks_exact(self.width).enumerate() {
                let data = &data[row * self.stride..][..self.width];
                let (weights, weights_rest) = weights.as_chunks::<LANES>();
                let (data, data_rest) = data.as_chunks::<LANES>();
                for (weights, data) in weights.iter().zip(data) {
                    for lane in 0..LANES {
                        sums[lane] = weights[lane].fma::<LEVEL>(data[lane], sums[lane]);
                    }
                }
                for (&weight, &value) in weights_rest.iter().zip(data_rest) {
                    rest = weight.fma::<LEVEL>(value, rest);
                }
            }
            *out = sums.iter().fold(rest, |sum, &value| sum + value);
        }
    }
}
