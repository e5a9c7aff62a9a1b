//! What the reference programs compute for sequences of odd length.
//!
//! CKCNN, FlexNet and CCNN convolve by the FFT and go back with `irfft` without a length, which then returns one sample
//! less than went in where that number is odd: the spectrum of n samples is read as that of n − 1. Published numbers on
//! sequences of odd length (MFCC features of 161 steps) were trained with it.

use std::f64::consts::{PI, TAU};

use burn::tensor::{Device, Tensor, TensorData};

use crate::BuildError;
use kernels::{Alignment, MatmulF32};

/// Longest sequence for which the error is reproduced, by a matrix of twice its square.
const LONGEST: usize = 4096;

/// Whether the error can be reproduced for inputs of `shape`, where `reference_bugs` asks for it.
///
/// # Errors
/// A sequence of odd length that is too long; the error names the setting `faithful`.
pub(crate) fn check(reference_bugs: bool, shape: &[usize]) -> Result<(), BuildError> {
    match *shape {
        [length] if reference_bugs && length % 2 == 1 && length > LONGEST => {
            let message = format!("is possible for sequences of odd length up to {LONGEST} only, not {length}");
            Err(BuildError::new("faithful", message))
        }
        _ => Ok(()),
    }
}

/// A convolution of a sequence in full, every partial overlap included: what an FFT of that size holds.
#[derive(Debug)]
pub(crate) struct FullConvolution {
    /// Samples of the full convolution.
    pub(crate) samples: usize,
    length: usize,
    /// Samples before the one that belongs to the first position.
    lead: usize,
}

impl FullConvolution {
    /// That of `length` positions, an odd number, with `taps` taps; an even number of taps counts as one more.
    pub(crate) fn of(length: usize, taps: usize, alignment: Alignment) -> Self {
        let reach = taps - taps % 2;
        let lead = if alignment == Alignment::Causal { 0 } else { taps / 2 };
        Self { samples: length + reach, length, lead }
    }

    /// `x`, `[batch, channels, length]`, with zeros after it, so that a causal convolution of it is the full one.
    pub(crate) fn pad(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, channels, length] = x.dims();
        let zeros = Tensor::zeros([batch, channels, self.samples - length], (&x.device(), x.dtype()));
        Tensor::cat(vec![x, zeros], 2)
    }

    /// Maps the full convolution, `[batch, channels, samples]`, to what the programs return, `[batch, channels, length]`.
    pub(crate) fn reproduce_reference_bug(&self, full: Tensor<3>) -> Tensor<3> {
        let [batch, channels, n] = full.dims();
        let matrix = matrix(n, self.length, self.lead, &full.device());
        full.reshape([batch * channels, n]).matmul_f32(matrix).reshape([batch, channels, self.length])
    }
}

/// `[n, length]`: the real transform of n samples (read from `lead` on, around the end) followed by the inverse one of
/// n − 1 samples.
fn matrix(n: usize, length: usize, lead: usize, device: &Device) -> Tensor<2> {
    let shorter = n - 1;
    let highest = (shorter / 2) as f64;
    let mut values = vec![0f32; n * length];
    for (s, row) in values.chunks_mut(length).enumerate() {
        let place = ((s + n - lead % n) % n) as f64 / n as f64;
        for (t, value) in row.iter_mut().enumerate() {
            let time = t as f64 / shorter as f64;
            // 1 + 2 Σ cos(2π f · turn) over all bins but the first and the last.
            let turn = time - place;
            let sine = (PI * turn).sin();
            let inner =
                if sine == 0.0 { 2.0 * highest - 1.0 } else { (PI * (2.0 * highest - 1.0) * turn).sin() / sine };
            // The last bin is read as that of the highest frequency, which stands once and is real.
            let last = (TAU * highest * time).cos() * (TAU * highest * place).cos();
            *value = ((inner + last) / shorter as f64) as f32;
        }
    }
    Tensor::from_data(TensorData::new(values, [n, length]), device)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The definition, with complex sums.
    fn plain(full: &[f64], length: usize, lead: usize) -> Vec<f64> {
        let n = full.len();
        let bins = n / 2 + 1;
        let spectrum: Vec<[f64; 2]> = (0..bins)
            .map(|f| {
                (0..n).fold([0.0; 2], |[re, im], s| {
                    let angle = -TAU * (f * s) as f64 / n as f64;
                    let value = full[(s + lead) % n];
                    [re + value * angle.cos(), im + value * angle.sin()]
                })
            })
            .collect();
        let shorter = 2 * (bins - 1);
        (0..length)
            .map(|t| {
                let term = |f: usize| {
                    let angle = TAU * (f * t) as f64 / shorter as f64;
                    let [re, im] = spectrum[f];
                    // Imaginary parts of the first and the last bin are dropped.
                    if f == 0 || f == bins - 1 { re * angle.cos() } else { 2.0 * (re * angle.cos() - im * angle.sin()) }
                };
                (0..bins).map(term).sum::<f64>() / shorter as f64
            })
            .collect()
    }

    #[test]
    fn the_spectrum_is_read_as_that_of_one_sample_less() {
        for (n, length, lead) in [(3, 2, 0), (13, 7, 0), (13, 7, 3), (41, 21, 10)] {
            let samples: Vec<f64> = (0..n).map(|i| ((i * i + 3 * i) % 7) as f64 - 3.0).collect();
            let data = TensorData::new(samples.iter().map(|&v| v as f32).collect::<Vec<_>>(), [1, 1, n]);
            let full = FullConvolution { samples: n, length, lead };
            let found = full.reproduce_reference_bug(Tensor::from_data(data, &Device::flex()));
            let found = found.into_data().try_to_vec::<f32>().unwrap();
            for (a, b) in found.iter().zip(plain(&samples, length, lead)) {
                assert!((f64::from(*a) - b).abs() < 1e-5, "{n} {lead}: {a} instead of {b}");
            }
        }
    }
}
