//! Fourier transforms of sixteen real series at once, one in every lane of vectors.
//!
//! Transforms of one series spend more instructions on moving numbers within vectors than on sums. With a series in every
//! lane there is nothing to move: all lanes do the same. The algorithm is Stockham's, whose results come out in order, with
//! as few passes over the memory as radices up to 16 allow; real series of length n are complex ones of half the length
//! (even samples are real parts, odd ones imaginary parts), whose spectra are taken apart at the end.

mod butterfly;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use butterfly::{Butterfly, Complex, RADICES};

use super::buffer::Buffer;
use super::matmul::tile::PAIR;
use super::simd::real::Real;
use super::simd::vector::{LANES, Lanes, Vector, Vectorised, Vectors, transpose, vectorise};

/// What transforms of one length have in common.
pub(crate) struct Transforms<T> {
    /// Length of the real series.
    n: usize,
    passes: Vec<Pass<T>>,
    /// `exp(−2πi k / n)` for k from 0 to n / 4.
    turns: Vec<[T; 2]>,
}

/// One step of Stockham's algorithm: `groups · stride` transforms of `radix` values.
struct Pass<T> {
    radix: usize,
    /// Factors by which results are multiplied, `[groups, radix − 1]`.
    twiddles: Vec<[T; 2]>,
    groups: usize,
    stride: usize,
}

/// `exp(−2πi k / n)`.
fn turn<T: Real>(k: usize, n: usize) -> [T; 2] {
    let (sin, cos) = (-2.0 * std::f64::consts::PI * (k % n) as f64 / n as f64).sin_cos();
    [T::of(cos), T::of(sin)]
}

/// Element types with transforms.
pub(crate) trait Transformed: Vectors {
    /// The transforms of many series of length `n`, planned once per process.
    fn batched_fft(n: usize) -> Arc<Transforms<Self>>;
}

macro_rules! plans {
    ($plan:ty, $n:expr, $make:expr) => {{
        static PLANS: OnceLock<Mutex<HashMap<usize, Arc<$plan>>>> = OnceLock::new();
        let mut plans = PLANS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(plans.entry($n).or_insert_with(|| Arc::new($make)))
    }};
}

impl Transformed for f32 {
    fn batched_fft(n: usize) -> Arc<Transforms<Self>> {
        plans!(Transforms<f32>, n, Transforms::new(n))
    }
}

impl Transformed for f64 {
    fn batched_fft(n: usize) -> Arc<Transforms<Self>> {
        plans!(Transforms<f64>, n, Transforms::new(n))
    }
}

impl<T: Real> Transforms<T> {
    /// Transforms of length `n`, which is even and has no prime factor beyond 5.
    pub(crate) fn new(n: usize) -> Self {
        let mut passes = Vec::new();
        let (mut length, mut stride) = (n / 2, 1);
        assert!(n.is_multiple_of(2), "{n} is odd");
        for radix in radices(length) {
            let groups = length / radix;
            let twiddles = (0..groups).flat_map(|p| (1..radix).map(move |u| turn(u * p, length))).collect();
            passes.push(Pass { radix, twiddles, groups, stride });
            (length, stride) = (groups, stride * radix);
        }
        Self { n, passes, turns: (0..=n / 4).map(|k| turn(k, n)).collect() }
    }
}

/// Radices whose product is `length`: as few as possible, where one of 16, for which registers do not suffice, counts one and a
/// half times; of those, the ones with the smallest sum.
fn radices(length: usize) -> Vec<usize> {
    if length == 1 {
        return Vec::new();
    }
    // Largest first, so that the others are tried for what remains only.
    fn search(length: usize, largest: usize, chosen: &mut Vec<usize>, best: &mut Option<Vec<usize>>) {
        let effort = |&radix: &usize| if radix == 16 { 3 } else { 2 };
        let cost = |radices: &[usize]| (radices.iter().map(effort).sum::<usize>(), radices.iter().sum::<usize>());
        if length == 1 {
            if best.as_ref().is_none_or(|best| cost(chosen) < cost(best)) {
                *best = Some(chosen.clone());
            }
            return;
        }
        for radix in RADICES.into_iter().filter(|&radix| radix <= largest && length.is_multiple_of(radix)) {
            chosen.push(radix);
            search(length / radix, radix, chosen, best);
            chosen.pop();
        }
    }
    let mut best = None;
    search(length, RADICES[0], &mut Vec::new(), &mut best);
    assert!(best.is_some(), "{length} has other prime factors than 2, 3 and 5");
    best.unwrap_or_default()
}

/// How series lie in a transform: rows of `width` numbers, `stride` apart, from `offset` on.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) width: usize,
    pub(crate) stride: usize,
    pub(crate) offset: usize,
}

/// Sixteen series, or their spectra.
pub(crate) struct BatchedFft<T> {
    plan: Arc<Transforms<T>>,
    values: Buffer<T>,
    /// Passes go from one buffer to the other.
    other: Buffer<T>,
}

impl<T: Transformed> BatchedFft<T> {
    /// Space for series of length `n`.
    pub(crate) fn new(n: usize) -> Self {
        let buffer = || Buffer::new((n / 2 + 1) * PAIR);
        Self { plan: T::batched_fft(n), values: buffer(), other: buffer() }
    }

    /// The series `rows`, zero elsewhere.
    pub(crate) fn load(&mut self, rows: [Option<&[T]>; LANES], layout: Layout) {
        vectorise(Load { rows, layout, series: self.values.as_chunks_mut().0 });
    }

    /// Turns the series into their spectra, conjugated where asked for.
    pub(crate) fn forward(&mut self, conjugate: bool) {
        let plan = &*self.plan;
        vectorise(Forward { plan, from: self.values.as_chunks_mut().0, to: self.other.as_chunks_mut().0, conjugate });
        self.swap();
    }

    /// Turns spectra, conjugated where asked for, into `scale` times the sums over all frequencies.
    pub(crate) fn inverse(&mut self, scale: T, conjugate: bool) {
        let plan = &*self.plan;
        let (from, to) = (self.values.as_chunks_mut().0, self.other.as_chunks_mut().0);
        vectorise(Inverse { plan, from, to, scale, conjugate });
        self.swap();
    }

    /// The spectra that [`forward`](Self::forward) left, frequency by frequency: `[n / 2 + 1, 2, 16]`.
    pub(crate) fn bins(&self) -> &[T] {
        &self.values
    }

    /// Multiplies the spectra by others, laid out as [`bins`](Self::bins) are.
    pub(crate) fn multiply(&mut self, by: &[T]) {
        vectorise(Multiply { bins: self.values.as_chunks_mut().0, by: by.as_chunks().0 });
    }

    /// Sets all spectra to zero.
    pub(crate) fn clear(&mut self) {
        self.values.fill(T::ZERO);
    }

    /// Adds `a · conj b` to the spectra.
    pub(crate) fn add_product(&mut self, a: &Self, b: &Self) {
        let [a, b] = [a, b].map(|factor| factor.values.as_chunks().0);
        vectorise(AddProduct { bins: self.values.as_chunks_mut().0, a, b });
    }

    fn swap(&mut self) {
        if !self.plan.passes.len().is_multiple_of(2) {
            std::mem::swap(&mut self.values, &mut self.other);
        }
    }

    /// Writes the series that [`inverse`](Self::inverse) left to `rows`.
    pub(crate) fn store(&self, rows: [Option<&mut [T]>; LANES], layout: Layout) {
        vectorise(Store { rows, layout, series: self.values.as_chunks().0 });
    }

    /// The spectra that [`forward`](Self::forward) left, series by series: `block(i)` takes frequencies 16 i to 16 i + 15 of
    /// as many series as it has pairs of real and imaginary parts.
    pub(crate) fn take<'s>(&self, block: impl FnMut(usize) -> &'s mut [T])
    where
        T: 's,
    {
        vectorise(Take { bins: self.values.as_chunks().0, block });
    }

    /// Spectra for [`inverse`](Self::inverse), as [`take`](Self::take) has them.
    pub(crate) fn give<'s>(&mut self, block: impl FnMut(usize) -> &'s [T])
    where
        T: 's,
    {
        vectorise(Give { bins: self.values.as_chunks_mut().0, block });
    }
}

/// `fill` would be compiled for the oldest processor.
#[inline(always)]
fn clear<T: Real>(series: &mut [Lanes<T>]) {
    for lanes in series {
        *lanes = [T::ZERO; LANES];
    }
}

struct Load<'a, T> {
    rows: [Option<&'a [T]>; LANES],
    layout: Layout,
    series: &'a mut [Lanes<T>],
}

impl<T: Real> Vectorised<T> for Load<'_, T> {
    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        let Layout { width, stride, offset } = self.layout;
        let zero = [T::ZERO; LANES];
        let lines = self.rows.iter().flatten().map(|row| row.len() / width).next().unwrap_or(0);
        let (before, series) = self.series.split_at_mut(offset);
        clear(before);
        for (line, series) in series.chunks_mut(stride).enumerate() {
            if line >= lines {
                clear(series);
                continue;
            }
            let (series, gap) = series.split_at_mut(width);
            clear(gap);
            let mut at = 0;
            while at + LANES <= width {
                let mut rows = [&zero; LANES];
                for (lane, row) in rows.iter_mut().enumerate() {
                    let values = self.rows[lane].and_then(|row| row[line * width + at..].first_chunk());
                    *row = values.unwrap_or(&zero);
                }
                transpose::<T, V>(rows, &mut series[at..at + LANES], 1);
                at += LANES;
            }
            for at in at..width {
                for (lane, row) in self.rows.iter().enumerate() {
                    series[at][lane] = row.map_or(T::ZERO, |row| row[line * width + at]);
                }
            }
        }
    }
}

struct Store<'a, T> {
    rows: [Option<&'a mut [T]>; LANES],
    layout: Layout,
    series: &'a [Lanes<T>],
}

impl<T: Real> Vectorised<T> for Store<'_, T> {
    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let Layout { width, stride, offset } = self.layout;
        let lines = self.rows.iter().flatten().map(|row| row.len() / width).next().unwrap_or(0);
        for line in 0..lines {
            // Real and imaginary parts are swapped: see `Inverse`.
            let first = offset + line * stride;
            let mut at = 0;
            while at + LANES <= width {
                let mut rows = [&self.series[0]; LANES];
                for (i, row) in rows.iter_mut().enumerate() {
                    *row = &self.series[(first + at + i) ^ 1];
                }
                let mut block = [[T::ZERO; LANES]; LANES];
                transpose::<T, V>(rows, &mut block, 1);
                for (row, block) in self.rows.iter_mut().zip(&block) {
                    if let Some(row) = row {
                        row[line * width + at..][..LANES].copy_from_slice(block);
                    }
                }
                at += LANES;
            }
            for at in at..width {
                let values = &self.series[(first + at) ^ 1];
                for (row, &value) in self.rows.iter_mut().zip(values) {
                    if let Some(row) = row {
                        row[line * width + at] = value;
                    }
                }
            }
        }
    }
}

struct Take<'a, T, F> {
    bins: &'a [Lanes<T>],
    block: F,
}

impl<'s, T: Real + 's, F: FnMut(usize) -> &'s mut [T]> Vectorised<T> for Take<'_, T, F> {
    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let zero = [T::ZERO; LANES];
        for (block, bins) in self.bins.chunks(PAIR).enumerate() {
            let out = (self.block)(block).as_chunks_mut().0;
            for part in 0..2 {
                let mut rows = [&zero; LANES];
                for (row, bin) in rows.iter_mut().zip(bins[part..].iter().step_by(2)) {
                    *row = bin;
                }
                transpose::<T, V>(rows, &mut out[part..], 2);
            }
        }
    }
}

struct Give<'a, T, F> {
    bins: &'a mut [Lanes<T>],
    block: F,
}

impl<'s, T: Real + 's, F: FnMut(usize) -> &'s [T]> Vectorised<T> for Give<'_, T, F> {
    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let zero = [T::ZERO; LANES];
        for (block, bins) in self.bins.chunks_mut(PAIR).enumerate() {
            let pairs = (self.block)(block).as_chunks().0;
            for part in 0..2 {
                let mut rows = [&zero; LANES];
                for (row, pair) in rows.iter_mut().zip(pairs[part..].iter().step_by(2)) {
                    *row = pair;
                }
                transpose::<T, V>(rows, &mut bins[part..], 2);
            }
        }
    }
}

struct Multiply<'a, T> {
    bins: &'a mut [Lanes<T>],
    by: &'a [Lanes<T>],
}

impl<T: Real> Vectorised<T> for Multiply<'_, T> {
    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        for k in 0..self.bins.len() / 2 {
            for lane in (0..LANES).step_by(V::WIDTH) {
                let (a, b) = (Complex::<V>::load(self.bins, k, lane), Complex::<V>::load(self.by, k, lane));
                let re = a.im.fnma(b.im, a.re.mul(b.re));
                let im = a.im.fma(b.re, a.re.mul(b.im));
                Complex { re, im }.store(self.bins, k, lane);
            }
        }
    }
}

struct AddProduct<'a, T> {
    bins: &'a mut [Lanes<T>],
    a: &'a [Lanes<T>],
    b: &'a [Lanes<T>],
}

impl<T: Real> Vectorised<T> for AddProduct<'_, T> {
    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        for k in 0..self.bins.len() / 2 {
            for lane in (0..LANES).step_by(V::WIDTH) {
                let sum = Complex::<V>::load(self.bins, k, lane);
                let (a, b) = (Complex::<V>::load(self.a, k, lane), Complex::<V>::load(self.b, k, lane));
                let re = a.im.fma(b.im, a.re.fma(b.re, sum.re));
                let im = a.re.fnma(b.im, a.im.fma(b.re, sum.im));
                Complex { re, im }.store(self.bins, k, lane);
            }
        }
    }
}

struct Forward<'a, T> {
    plan: &'a Transforms<T>,
    from: &'a mut [Lanes<T>],
    to: &'a mut [Lanes<T>],
    conjugate: bool,
}

impl<T: Real> Vectorised<T> for Forward<'_, T> {
    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        let bins = self.plan.run::<V>(self.from, self.to);
        // With Z the spectrum of half the length, E = (Z[k] + conj Z[m − k]) / 2 is that of the even samples and
        // O = (Z[k] − conj Z[m − k]) / 2i that of the odd ones; E + exp(−2πi k / n) O is the one that is sought.
        let m = self.plan.n / 2;
        let half = V::splat(T::of(0.5));
        let sign = V::splat(if self.conjugate { -T::ONE } else { T::ONE });
        for lane in (0..LANES).step_by(V::WIDTH) {
            let z = Complex::<V>::load(bins, 0, lane);
            let zero = V::splat(T::ZERO);
            Complex { re: z.re.add(z.im), im: zero }.store(bins, 0, lane);
            Complex { re: z.re.sub(z.im), im: zero }.store(bins, m, lane);
        }
        for (k, &turn) in self.plan.turns.iter().enumerate().skip(1) {
            for lane in (0..LANES).step_by(V::WIDTH) {
                let (a, b) = (Complex::<V>::load(bins, k, lane), Complex::<V>::load(bins, m - k, lane));
                let even = Complex { re: a.re.add(b.re).mul(half), im: a.im.sub(b.im).mul(half) };
                let odd = Complex { re: a.im.add(b.im).mul(half), im: b.re.sub(a.re).mul(half) };
                let odd = odd.times(turn);
                let (sum, rest) = (even.add(odd), even.sub(odd));
                Complex { re: sum.re, im: sum.im.mul(sign) }.store(bins, k, lane);
                Complex { re: rest.re, im: V::splat(T::ZERO).sub(rest.im.mul(sign)) }.store(bins, m - k, lane);
            }
        }
    }
}

struct Inverse<'a, T> {
    plan: &'a Transforms<T>,
    from: &'a mut [Lanes<T>],
    to: &'a mut [Lanes<T>],
    scale: T,
    conjugate: bool,
}

impl<T: Real> Vectorised<T> for Inverse<'_, T> {
    #[inline(always)]
    fn run<V: Vector<T>>(self) {
        // The steps of `Forward`, backwards. Real and imaginary parts are swapped before and after the passes, which makes
        // them those of the inverse transform.
        let (m, bins) = (self.plan.n / 2, self.from);
        let scale = V::splat(self.scale);
        let sign = V::splat(if self.conjugate { -self.scale } else { self.scale });
        for lane in (0..LANES).step_by(V::WIDTH) {
            // The first and the last bin of a real series are real.
            let (a, b) = (Complex::<V>::load(bins, 0, lane).re, Complex::<V>::load(bins, m, lane).re);
            Complex { re: a.sub(b).mul(scale), im: a.add(b).mul(scale) }.store(bins, 0, lane);
        }
        for (k, &[cos, sin]) in self.plan.turns.iter().enumerate().skip(1) {
            for lane in (0..LANES).step_by(V::WIDTH) {
                let (a, b) = (Complex::<V>::load(bins, k, lane), Complex::<V>::load(bins, m - k, lane));
                let even = Complex { re: a.re.add(b.re).mul(scale), im: a.im.sub(b.im).mul(sign) };
                let odd = Complex { re: a.re.sub(b.re).mul(scale), im: a.im.add(b.im).mul(sign) };
                let odd = odd.times([cos, T::ZERO - sin]);
                // Z[k] = E + i O and Z[m − k] = conj E + i conj O, swapped.
                Complex { re: even.im.add(odd.re), im: even.re.sub(odd.im) }.store(bins, k, lane);
                Complex { re: odd.re.sub(even.im), im: even.re.add(odd.im) }.store(bins, m - k, lane);
            }
        }
        self.plan.run::<V>(bins, self.to);
    }
}

impl<T: Real> Transforms<T> {
    /// All passes; the slice that holds the result.
    #[inline(always)]
    fn run<'a, V: Vector<T>>(&self, mut from: &'a mut [Lanes<T>], mut to: &'a mut [Lanes<T>]) -> &'a mut [Lanes<T>] {
        for pass in &self.passes {
            match pass.radix {
                2 => pass.run::<V, 2>(from, to),
                3 => pass.run::<V, 3>(from, to),
                4 => pass.run::<V, 4>(from, to),
                5 => pass.run::<V, 5>(from, to),
                6 => pass.run::<V, 6>(from, to),
                8 => pass.run::<V, 8>(from, to),
                9 => pass.run::<V, 9>(from, to),
                10 => pass.run::<V, 10>(from, to),
                12 => pass.run::<V, 12>(from, to),
                _ => pass.run::<V, 16>(from, to),
            }
            std::mem::swap(&mut from, &mut to);
        }
        from
    }
}

impl<T: Real> Pass<T> {
    #[inline(always)]
    fn run<V: Vector<T> + Butterfly<T, RADIX>, const RADIX: usize>(&self, from: &[Lanes<T>], to: &mut [Lanes<T>]) {
        let Self { twiddles, groups, stride, .. } = self;
        for (group, twiddles) in twiddles.chunks_exact(RADIX - 1).enumerate() {
            for at in 0..*stride {
                for lane in (0..LANES).step_by(V::WIDTH) {
                    let zero = V::splat(T::ZERO);
                    let mut values = [Complex { re: zero, im: zero }; RADIX];
                    for (i, value) in values.iter_mut().enumerate() {
                        *value = Complex::load(from, at + stride * (group + groups * i), lane);
                    }
                    let results = V::butterfly(values);
                    let first = at + stride * RADIX * group;
                    results[0].store(to, first, lane);
                    for i in 1..RADIX {
                        // The factors of the first group are one.
                        let result = if group == 0 { results[i] } else { results[i].times(twiddles[i - 1]) };
                        result.store(to, first + stride * i, lane);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frequency k of `series`, by definition.
    fn frequency(series: &[f64], k: usize) -> [f64; 2] {
        let n = series.len();
        series.iter().enumerate().fold([0.0, 0.0], |[re, im], (t, x)| {
            let [cos, sin] = turn::<f64>(k * t, n);
            [re + x * cos, im + x * sin]
        })
    }

    fn check<T: Transformed>(n: usize, tolerance: f64) {
        let series: Vec<Vec<f64>> =
            (0..LANES - 1).map(|i| (0..n).map(|t| (0.7 * (t * (i + 3)) as f64 + i as f64).sin()).collect()).collect();
        let values: Vec<Vec<T>> = series.iter().map(|row| row.iter().map(|&x| T::of(x)).collect()).collect();
        let layout = Layout { width: n, stride: n, offset: 0 };
        for conjugate in [false, true] {
            let mut fft = BatchedFft::<T>::new(n);
            fft.load(std::array::from_fn(|i| values.get(i).map(Vec::as_slice)), layout);
            fft.forward(conjugate);
            let blocks = (n / 2 + 1).div_ceil(LANES);
            let mut spectra = vec![vec![T::ONE; values.len() * PAIR]; blocks];
            let mut rows_left = spectra.iter_mut();
            fft.take(|_| rows_left.next().map(Vec::as_mut_slice).unwrap_or_default());
            for (i, series) in series.iter().enumerate() {
                for k in 0..LANES * blocks {
                    let pair = &spectra[k / LANES][i * PAIR..][..PAIR];
                    let [re, im] = if k <= n / 2 { frequency(series, k) } else { [0.0, 0.0] };
                    let im = if conjugate { -im } else { im };
                    let error = (pair[k % LANES].double() - re).hypot(pair[LANES + k % LANES].double() - im);
                    assert!(error <= tolerance * n as f64, "n {n}, series {i}, frequency {k}: error {error}");
                }
            }
            let mut fft = BatchedFft::<T>::new(n);
            fft.give(|block| &spectra[block]);
            fft.inverse(T::of(1.0 / n as f64), conjugate);
            let mut back = vec![vec![T::ZERO; n]; values.len()];
            let mut rows = back.iter_mut();
            fft.store(std::array::from_fn(|_| rows.next().map(Vec::as_mut_slice)), layout);
            for (i, (series, back)) in series.iter().zip(&back).enumerate() {
                for (t, (x, y)) in series.iter().zip(back).enumerate() {
                    assert!(
                        (x - y.double()).abs() <= tolerance,
                        "n {n}, series {i}, sample {t}: {x} and {}",
                        y.double()
                    );
                }
            }
        }
    }

    #[test]
    fn spectra_are_those_of_the_definition_and_lead_back() {
        // All radices alone and together, even and odd halves.
        for n in
            [2, 4, 6, 8, 10, 16, 18, 20, 30, 32, 48, 60, 64, 90, 120, 128, 150, 160, 240, 250, 256, 270, 360, 480, 600]
        {
            check::<f32>(n, 2e-6);
            check::<f64>(n, 1e-14);
        }
    }

    #[test]
    fn lengths_are_reached_in_few_passes() {
        for (length, expected) in [
            (1, &[][..]),
            (16, &[16]),
            (18, &[6, 3]),
            (432, &[9, 8, 6]),
            (600, &[10, 10, 6]),
            (1024, &[16, 8, 8]),
            (2048, &[8, 8, 8, 4]),
        ] {
            assert_eq!(radices(length), expected);
        }
    }

    #[test]
    fn rows_of_a_picture_lie_a_stride_apart() {
        let (width, stride, offset, n) = (18, 23, 24, 96);
        let picture: Vec<f32> = (0..3 * width).map(|i| i as f32 + 1.0).collect();
        let layout = Layout { width, stride, offset };
        let mut fft = BatchedFft::<f32>::new(n);
        fft.load(std::array::from_fn(|i| (i == 3).then_some(&picture[..])), layout);
        for (at, values) in fft.values.as_chunks::<LANES>().0.iter().take(n).enumerate() {
            let place = at.checked_sub(offset).filter(|place| place % stride < width && place / stride < 3);
            let expected = place.map_or(0.0, |place| picture[place / stride * width + place % stride]);
            assert_eq!(values[3], expected, "sample {at}");
            assert_eq!(values[2], 0.0);
        }
        fft.forward(false);
        fft.inverse(1.0 / n as f32, false);
        let mut back = vec![0.0; picture.len()];
        let mut row = Some(&mut back[..]);
        fft.store(std::array::from_fn(|i| if i == 3 { row.take() } else { None }), layout);
        picture.iter().zip(&back).for_each(|(x, y)| assert!((x - y).abs() < 1e-4, "{x} and {y}"));
    }
}
