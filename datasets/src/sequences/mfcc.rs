//! Mel-frequency cepstral coefficients, as torchaudio defines them and the Speech Commands tasks use them.
//!
//! For a signal `x` at `rate` Hz:
//!
//! 1. *Frames.* `x` is continued by reflection (without repeating the end points) by 100 samples on either side; frame `t`
//!    holds 200 samples from `100 t` on, so that it is centred on sample `100 t`, and there are `1 + ⌊n / 100⌋` frames.
//! 2. *Power.* Each frame is weighted with the periodic Hann window `0.5 − 0.5 cos(2π j / 200)`; its power spectrum is the
//!    squared magnitude of the 101 coefficients of its discrete Fourier transform, without any scaling.
//! 3. *Mel filters.* 64 triangles over the 101 frequencies `0 … rate/2`, of height one, whose corners lie at 66 points that
//!    are equally spaced from 0 to rate/2 on the HTK mel scale, `2595 log₁₀(1 + f / 700)`. At these sizes some of the lowest
//!    triangles lie between two frequencies and are zero everywhere.
//! 4. *Logarithm.* `ln(energy + 1e-6)`.
//! 5. *Cosines.* The first 20 coefficients of the orthonormal DCT-II over the 64 logarithms.
//!
//! That is `MFCC(sample_rate=rate, n_mfcc=20, log_mels=True, melkwargs=dict(n_fft=200, n_mels=64))` of torchaudio. It is
//! computed in double precision without vector instructions of a particular processor, and rounded to single precision
//! at the end.

use std::{f64::consts::PI, sync::Arc};

use rustfft::{Fft, FftPlannerScalar, num_complex::Complex};

/// Coefficients per frame.
pub const COEFFICIENTS: usize = 20;
/// Samples of a frame.
pub const WINDOW: usize = 200;
/// Samples from one frame to the next.
pub const HOP: usize = WINDOW / 2;

const FREQUENCIES: usize = WINDOW / 2 + 1;
const FILTERS: usize = 64;
const FLOOR: f64 = 1e-6;

/// The transform for one sampling rate.
#[derive(Clone)]
pub struct Mfcc {
    fft: Arc<dyn Fft<f64>>,
    window: Vec<f64>,
    /// First frequency and weights of every filter.
    filters: Vec<(usize, Vec<f64>)>,
    /// `[COEFFICIENTS, FILTERS]`
    cosines: Vec<f64>,
}

/// A signal that is too short to be continued by reflection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} samples are too few for a frame: more than {HOP} are needed")]
pub struct TooShort(pub usize);

impl Mfcc {
    /// The transform for signals of `rate` samples per second.
    pub fn new(rate: u32) -> Self {
        Self {
            fft: FftPlannerScalar::new().plan_fft_forward(WINDOW),
            window: (0..WINDOW).map(|j| 0.5 - 0.5 * (2.0 * PI * j as f64 / WINDOW as f64).cos()).collect(),
            filters: filters(rate),
            cosines: cosines(),
        }
    }

    /// Frames of a signal of `samples` samples.
    pub fn frames(samples: usize) -> usize {
        1 + samples / HOP
    }

    /// The coefficients of `signal`, `[COEFFICIENTS, frames]` row by row.
    ///
    /// # Errors
    /// A signal of [`HOP`] samples or fewer.
    pub fn transform(&self, signal: &[f64]) -> Result<Vec<f32>, TooShort> {
        if signal.len() <= HOP {
            return Err(TooShort(signal.len()));
        }
        let frames = Self::frames(signal.len());
        let mut coefficients = vec![0.0f32; COEFFICIENTS * frames];
        let mut spectrum = vec![Complex::default(); WINDOW];
        let mut scratch = vec![Complex::default(); self.fft.get_inplace_scratch_len()];
        let mut logarithms = [0.0f64; FILTERS];
        for frame in 0..frames {
            for (j, (value, weight)) in spectrum.iter_mut().zip(&self.window).enumerate() {
                *value = Complex::new(reflected(signal, frame * HOP + j) * weight, 0.0);
            }
            self.fft.process_with_scratch(&mut spectrum, &mut scratch);
            for (logarithm, (first, weights)) in logarithms.iter_mut().zip(&self.filters) {
                let energy: f64 =
                    spectrum[*first..].iter().zip(weights).map(|(value, weight)| value.norm_sqr() * weight).sum();
                *logarithm = (energy + FLOOR).ln();
            }
            for (k, row) in self.cosines.chunks_exact(FILTERS).enumerate() {
                let sum: f64 = row.iter().zip(&logarithms).map(|(cosine, logarithm)| cosine * logarithm).sum();
                coefficients[k * frames + frame] = sum as f32;
            }
        }
        Ok(coefficients)
    }
}

/// Sample `place − HOP` of the continued signal, which must be longer than [`HOP`].
fn reflected(signal: &[f64], place: usize) -> f64 {
    let last = signal.len() - 1;
    let distance = place.abs_diff(HOP);
    signal[if place < HOP || distance <= last { distance } else { 2 * last - distance }]
}

fn filters(rate: u32) -> Vec<(usize, Vec<f64>)> {
    let nyquist = f64::from(rate / 2);
    let mel = |frequency: f64| 2595.0 * (1.0 + frequency / 700.0).log10();
    let hertz = |mel: f64| 700.0 * (10f64.powf(mel / 2595.0) - 1.0);
    let corner = |index: usize| hertz(mel(nyquist) * index as f64 / (FILTERS + 1) as f64);
    let frequency = |index: usize| nyquist * index as f64 / (FREQUENCIES - 1) as f64;
    (0..FILTERS)
        .map(|filter| {
            let (low, middle, high) = (corner(filter), corner(filter + 1), corner(filter + 2));
            let weight = |index: usize| {
                let (up, down) =
                    ((frequency(index) - low) / (middle - low), (high - frequency(index)) / (high - middle));
                up.min(down).max(0.0)
            };
            let first = (0..FREQUENCIES).find(|&index| weight(index) > 0.0).unwrap_or(0);
            let weights = (first..FREQUENCIES).map(weight).take_while(|&weight| weight > 0.0).collect();
            (first, weights)
        })
        .collect()
}

fn cosines() -> Vec<f64> {
    let filters = FILTERS as f64;
    let value = |k: usize, n: usize| {
        let scale = if k == 0 { (1.0 / filters).sqrt() } else { (2.0 / filters).sqrt() };
        scale * (PI / filters * (n as f64 + 0.5) * k as f64).cos()
    };
    (0..COEFFICIENTS).flat_map(|k| (0..FILTERS).map(move |n| value(k, n))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The signal of the fixtures' README, as 16-bit integers.
    fn signal(samples: usize) -> Vec<f64> {
        (0..samples)
            .map(|t| {
                let noise = (t * 7919 % 1021) as f64 / 1021.0 - 0.5;
                let t = t as f64 / 16_000.0;
                let value = 0.4 * (2.0 * PI * (200.0 * t + t * t * 8000.0)).sin()
                    + 0.2 * (2.0 * PI * 3000.0 * t).sin()
                    + 0.05 * noise;
                (value * 32_768.0).round_ties_even()
            })
            .collect()
    }

    fn scaled(samples: usize, divisor: f64) -> Vec<f64> {
        signal(samples).into_iter().map(|value| value / divisor).collect()
    }

    /// The definition once more, by nothing but sums: explicit padding, a discrete Fourier transform by its formula, and
    /// filters from the differences of their corners.
    fn slow(rate: f64, signal: &[f64]) -> Vec<f64> {
        let n = signal.len() as i64;
        let padded: Vec<f64> = (-100..n + 100)
            .map(|place| {
                let inside = if place < 0 {
                    -place
                } else if place >= n {
                    2 * n - 2 - place
                } else {
                    place
                };
                signal[inside as usize]
            })
            .collect();
        let corners: Vec<f64> = (0..66)
            .map(|point| {
                let top = 2595.0 * (1.0 + rate / 2.0 / 700.0).log10();
                700.0 * ((10f64).powf(top / 65.0 * point as f64 / 2595.0) - 1.0)
            })
            .collect();
        let frames = 1 + signal.len() / 100;
        let mut result = vec![0.0; 20 * frames];
        for frame in 0..frames {
            let power: Vec<f64> = (0..=100)
                .map(|bin| {
                    let (mut real, mut imaginary) = (0.0, 0.0);
                    for j in 0..200 {
                        let weight = (PI * j as f64 / 200.0).sin().powi(2);
                        let value = padded[frame * 100 + j] * weight;
                        let angle = -2.0 * PI * bin as f64 * j as f64 / 200.0;
                        real += value * angle.cos();
                        imaginary += value * angle.sin();
                    }
                    real * real + imaginary * imaginary
                })
                .collect();
            let logarithms: Vec<f64> = (0..64)
                .map(|filter| {
                    let energy: f64 = (0..=100)
                        .map(|bin| {
                            let frequency = rate / 2.0 * bin as f64 / 100.0;
                            let rise = (frequency - corners[filter]) / (corners[filter + 1] - corners[filter]);
                            let fall = (corners[filter + 2] - frequency) / (corners[filter + 2] - corners[filter + 1]);
                            power[bin] * rise.min(fall).max(0.0)
                        })
                        .sum();
                    (energy + 1e-6).ln()
                })
                .collect();
            for k in 0..20 {
                let sum: f64 = (0..64)
                    .map(|m| {
                        logarithms[m] * (PI * k as f64 * (2 * m + 1) as f64 / 128.0).cos() * (2.0f64 / 64.0).sqrt()
                    })
                    .sum();
                result[k * frames + frame] = if k == 0 { sum / 2f64.sqrt() } else { sum };
            }
        }
        result
    }

    fn distance(values: &[f32], expected: &[f64]) -> f64 {
        assert_eq!(values.len(), expected.len());
        values.iter().zip(expected).map(|(value, expected)| (f64::from(*value) - expected).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn it_is_what_the_formulas_say() {
        for (rate, samples, divisor) in
            [(16_000, 16_000, 32_768.0), (8_000, 1_148, 32_768.0), (16_000, 101, 1.0), (8_000, 250, 2f64.powi(30))]
        {
            let signal = scaled(samples, divisor);
            let values = Mfcc::new(rate).transform(&signal).unwrap();
            assert_eq!(values.len(), COEFFICIENTS * Mfcc::frames(samples));
            let error = distance(&values, &slow(f64::from(rate), &signal));
            // Values reach 200; single precision rounds them by 1e-5 at most.
            assert!(error < 2e-5, "{rate} Hz, {samples} samples: {error}");
        }
        assert_eq!(Mfcc::frames(16_000), 161);
    }

    #[test]
    fn it_is_what_torchaudio_computes() {
        assert_eq!(signal(2_000).iter().sum::<f64>(), 148_745.0, "the signal of the fixtures");
        for (rate, divisor, fixture) in [
            (16_000, 2f64.powi(15), include_str!("../../tests/fixtures/mfcc/torchaudio-16000-unit.txt")),
            (16_000, 2f64.powi(30), include_str!("../../tests/fixtures/mfcc/torchaudio-16000-double.txt")),
            (8_000, 2f64.powi(15), include_str!("../../tests/fixtures/mfcc/torchaudio-8000-unit.txt")),
        ] {
            let lines = fixture.lines().filter(|line| !line.starts_with('#'));
            let expected: Vec<f64> =
                lines.flat_map(|line| line.split(' ').map(|field| field.parse().unwrap())).collect();
            let error = distance(&Mfcc::new(rate).transform(&scaled(2_000, divisor)).unwrap(), &expected);
            // The fixture holds seven digits of numbers up to 110.
            assert!(error < 1e-4, "{rate} Hz: {error}");
        }
    }

    #[test]
    fn a_signal_that_cannot_be_reflected_is_refused() {
        assert_eq!(Mfcc::new(8_000).transform(&[0.0; 100]), Err(TooShort(100)));
    }
}
