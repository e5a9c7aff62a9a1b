//! Smoothing of kernels along their taps, or along their frequencies.

use std::f64::consts::TAU;

use burn::tensor::{Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use kernels::{Alignment, MatmulF32, long_conv1d};

/// How a kernel is smoothed before its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Smoothing {
    /// Not at all.
    #[default]
    None,
    /// The mean over a window of taps; beyond the ends are zeros, which count.
    MovingAverage,
    /// A sum over a window of frequencies with the weights exp(−d² / 2), those beyond either end of the spectrum left out.
    Frequency,
}

/// A linear map of kernels, `[channels, d_model, taps]`.
#[derive(Debug, Clone)]
pub(super) enum Smoother {
    /// Nothing.
    None,
    /// The mean over so many taps.
    MovingAverage(usize),
    /// Smoothing of frequencies.
    Frequency(Spectral),
}

impl Smoother {
    pub(super) fn new(smoothing: Smoothing, window: usize, taps: usize, reference_bugs: bool) -> Self {
        match smoothing {
            Smoothing::None => Self::None,
            Smoothing::MovingAverage => Self::MovingAverage(window),
            // The reference program goes back without a length, which is then even.
            Smoothing::Frequency if reference_bugs && taps % 2 == 1 && taps > 1 => {
                Self::Frequency(Spectral::to_even(taps, window))
            }
            Smoothing::Frequency => Self::Frequency(Spectral::exact(taps, window)),
        }
    }

    pub(super) fn apply(&self, kernel: Tensor<3>) -> Tensor<3> {
        match self {
            Self::None => kernel,
            Self::MovingAverage(window) => {
                let [_, h, _] = kernel.dims();
                let weights = Tensor::full([h, *window], 1.0 / *window as f64, (&kernel.device(), kernel.dtype()));
                long_conv1d(kernel, weights, Alignment::Centred)
            }
            Self::Frequency(spectral) => spectral.apply(kernel),
        }
    }
}

/// Smoothing of frequencies as a map of taps to taps.
///
/// Over a whole circle of frequencies it would be a product of the taps with `Σ_d w[d] cos(2π d t / n)`. Sums that reach
/// beyond the ends of the half spectrum leave terms out, which few frequencies are concerned by: their part is the product
/// of two narrow matrices.
#[derive(Debug, Clone)]
pub(super) struct Spectral {
    /// Factors on the taps; empty where the whole is in the matrices.
    gain: Vec<f32>,
    /// `[taps, parts]`
    analysis: Vec<f32>,
    /// `[parts, taps after smoothing]`
    synthesis: Vec<f32>,
    /// Real and imaginary parts of frequencies.
    parts: usize,
}

impl Spectral {
    /// The map to as many taps.
    fn exact(taps: usize, window: usize) -> Self {
        let weights = weights(window);
        let last = (taps / 2) as i64;
        // What is left out: to be taken away again.
        let left_out = |frequency: i64| terms(&weights, frequency).filter(|&(at, _)| at < 0 || at > last).collect();
        let concerned = (0..=last).map(|f| (f, left_out(f))).filter(|(_, terms): &(_, Vec<_>)| !terms.is_empty());
        let gain = (0..taps).map(|t| terms(&weights, 0).map(|(d, w)| w * cosine(d, t, taps)).sum::<f64>() as f32);
        Self::of(taps, taps, -1.0, &concerned.collect::<Vec<_>>(), gain.collect())
    }

    /// The map to one tap less, from an odd number: the inverse transform is one of the even length below.
    fn to_even(taps: usize, window: usize) -> Self {
        let weights = weights(window);
        let last = (taps / 2) as i64;
        let kept = |frequency: i64| terms(&weights, frequency).filter(|&(at, _)| at >= 0 && at <= last).collect();
        let all = (0..=last).map(|f| (f, kept(f))).collect::<Vec<(i64, Vec<_>)>>();
        Self::of(taps, taps - 1, 1.0, &all, Vec::new())
    }

    /// The inverse transform, to `after` taps and times `sign`, of the frequencies of `sums`: each is a sum of frequencies of
    /// the kernel with weights.
    fn of(taps: usize, after: usize, sign: f64, sums: &[(i64, Vec<(i64, f64)>)], gain: Vec<f32>) -> Self {
        let parts = 2 * sums.len();
        let (mut analysis, mut synthesis) = (Vec::with_capacity(taps * parts), Vec::with_capacity(parts * after));
        for t in 0..taps {
            for (_, terms) in sums {
                let real = terms.iter().map(|&(at, w)| w * cosine(at, t, taps)).sum::<f64>();
                let imaginary = terms.iter().map(|&(at, w)| -w * sine(at, t, taps)).sum::<f64>();
                analysis.extend([real as f32, imaginary as f32]);
            }
        }
        for &(frequency, _) in sums {
            // The frequencies in between stand for their conjugates, too.
            let alone = frequency == 0 || 2 * frequency == after as i64;
            let scale = sign * if alone { 1.0 } else { 2.0 } / after.max(1) as f64;
            synthesis.extend((0..after).map(|t| (scale * cosine(frequency, t, after)) as f32));
            synthesis.extend((0..after).map(|t| (-scale * sine(frequency, t, after)) as f32));
        }
        Self { gain, analysis, synthesis, parts }
    }

    fn apply(&self, kernel: Tensor<3>) -> Tensor<3> {
        let [channels, h, taps] = kernel.dims();
        let device = kernel.device();
        let after = self.synthesis.len() / self.parts.max(1);
        let matrix = |values: &[f32], shape: [usize; 2]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), &device)
        };
        let rows = kernel.reshape([channels * h, taps]);
        let scaled = (!self.gain.is_empty()).then(|| rows.clone() * matrix(&self.gain, [1, taps]));
        let narrow = (self.parts > 0).then(|| {
            rows.matmul_f32(matrix(&self.analysis, [taps, self.parts]))
                .matmul_f32(matrix(&self.synthesis, [self.parts, after]))
        });
        match (scaled, narrow) {
            (Some(scaled), Some(narrow)) => (scaled + narrow).reshape([channels, h, taps]),
            (Some(only), None) => only.reshape([channels, h, taps]),
            (None, Some(only)) => only.reshape([channels, h, after]),
            (None, None) => Tensor::zeros([channels, h, taps], &device),
        }
    }
}

/// exp(−d² / 2) for d from the middle of the window.
fn weights(window: usize) -> Vec<(i64, f64)> {
    let half = (window / 2) as i64;
    (-half..=half).map(|d| (d, (-0.5 * (d * d) as f64).exp())).collect()
}

/// The frequencies around `frequency` and their weights.
fn terms(weights: &[(i64, f64)], frequency: i64) -> impl Iterator<Item = (i64, f64)> {
    weights.iter().map(move |&(d, w)| (frequency + d, w))
}

/// cos(2π f t / n)
fn cosine(frequency: i64, t: usize, n: usize) -> f64 {
    angle(frequency, t, n).cos()
}

/// sin(2π f t / n)
fn sine(frequency: i64, t: usize, n: usize) -> f64 {
    angle(frequency, t, n).sin()
}

fn angle(frequency: i64, t: usize, n: usize) -> f64 {
    let n = n.max(1) as i64;
    TAU * (frequency * t as i64).rem_euclid(n) as f64 / n as f64
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::read::read;

    /// Real and imaginary parts of the frequencies 0 to n / 2 of `k`.
    fn half_spectrum(k: &[f64]) -> Vec<[f64; 2]> {
        let n = k.len();
        let sum = |f: usize, wave: fn(i64, usize, usize) -> f64| {
            k.iter().enumerate().map(|(t, k)| k * wave(f as i64, t, n)).sum::<f64>()
        };
        (0..=n / 2).map(|f| [sum(f, cosine), -sum(f, sine)]).collect()
    }

    /// What the definition gives: transform, weighted sums of neighbours, and back to `after` taps.
    fn by_definition(k: &[f64], window: usize, after: usize) -> Vec<f64> {
        let (spectrum, half) = (half_spectrum(k), (window / 2) as i64);
        let smooth = (0..spectrum.len() as i64).map(|f| {
            let mut sum = [0.0; 2];
            for d in -half..=half {
                if let Some(value) = usize::try_from(f + d).ok().and_then(|at| spectrum.get(at)) {
                    let w = (-0.5 * (d * d) as f64).exp();
                    sum = [sum[0] + w * value[0], sum[1] + w * value[1]];
                }
            }
            sum
        });
        let smooth = smooth.collect::<Vec<_>>();
        let at = |t: usize| {
            let waves = smooth.iter().enumerate().map(|(f, [re, im])| {
                let twice = if f == 0 || 2 * f == after { 1.0 } else { 2.0 };
                twice * (re * cosine(f as i64, t, after) - im * sine(f as i64, t, after)) / after as f64
            });
            waves.sum()
        };
        (0..after).map(at).collect()
    }

    #[test]
    fn frequencies_are_smoothed_as_defined() {
        for (taps, window, bugs) in [
            (32, 7, false),
            (33, 7, false),
            (33, 7, true),
            (34, 3, true),
            (9, 1, false),
            (5, 7, false),
            (5, 7, true),
            (1, 3, false),
            (2, 9, false),
        ] {
            let k: Vec<f64> = (0..taps).map(|t| ((3 * t * t + 5 * t + 1) as f64).sin()).collect();
            let smoother = Smoother::new(Smoothing::Frequency, window, taps, bugs);
            let values: Vec<f32> = k.iter().map(|&k| k as f32).collect();
            let kernel = Tensor::<3>::from_data(TensorData::new(values, [1, 1, taps]), &Device::flex());
            let found = read(smoother.apply(kernel), "a kernel").unwrap_or_else(|error| unreachable!("{error}"));
            let after = if bugs { taps / 2 * 2 } else { taps };
            let wanted = by_definition(&k, window, after);
            assert_eq!(found.len(), wanted.len(), "{taps} {window} {bugs}");
            for (found, wanted) in found.iter().zip(&wanted) {
                assert!((f64::from(*found) - wanted).abs() < 1e-5, "{taps} {window} {bugs}: {found} {wanted}");
            }
        }
    }

    #[test]
    fn a_moving_average_counts_the_zeros_beyond_the_ends() {
        let kernel = Tensor::<3>::from_data([[[3.0f32, 0.0, 6.0, 9.0]]], &Device::flex());
        let found = Smoother::new(Smoothing::MovingAverage, 3, 4, false).apply(kernel);
        let found = read(found, "a kernel").unwrap_or_else(|error| unreachable!("{error}"));
        for (found, wanted) in found.iter().zip([1.0, 3.0, 5.0, 5.0]) {
            assert!((found - wanted).abs() < 1e-6, "{found} {wanted}");
        }
    }
}
