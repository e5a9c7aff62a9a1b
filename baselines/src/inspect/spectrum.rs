//! The spectra of kernels on a line.

use realfft::RealFftPlanner;
use vocabulary::record::inspection::Spectrum;

use super::reduce::rounded;

/// Most bands of a spectrum.
const BANDS: usize = 96;

/// The spectrum of `kernel`, whose points stand `per_position` to a position, where its taps are `dilation` positions apart.
///
/// The kernel is padded with as many zeros as it is long, and the bands are even. None of a kernel of one point, whose spectrum is
/// flat, nor of one that is not finite.
pub(super) fn spectrum(kernel: &[f32], per_position: usize, dilation: usize) -> Option<Spectrum> {
    if kernel.len() < 2 || kernel.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let length = (2 * kernel.len()).next_power_of_two().max(16);
    let plan = RealFftPlanner::<f64>::new().plan_fft_forward(length);
    let mut values: Vec<f64> = kernel.iter().map(|&value| f64::from(value)).collect();
    values.resize(length, 0.0);
    let mut transformed = plan.make_output_vec();
    plan.process(&mut values, &mut transformed).ok()?;
    let power: Vec<f64> = transformed.iter().map(|value| value.norm_sqr()).collect();
    // The last frequency is half a turn per point.
    let highest = per_position as f64 / dilation as f64;
    let step = highest / (power.len() - 1) as f64;
    let width = power.len().div_ceil(BANDS);
    let bands = power.chunks(width).enumerate().map(|(band, of)| {
        let middle = (band * width) as f64 + (of.len() - 1) as f64 / 2.0;
        let mean = of.iter().sum::<f64>() / of.len() as f64;
        (rounded(middle * step), Some(rounded(mean.sqrt())))
    });
    let (frequencies, magnitudes) = bands.unzip();
    let total: f64 = power.iter().sum();
    let beyond: f64 = power.iter().enumerate().filter(|(i, _)| *i as f64 * step > 1.0).map(|(_, of)| of).sum();
    let above_nyquist = (highest > 1.0 && total > 0.0).then(|| rounded(beyond / total));
    Some(Spectrum { frequencies, magnitudes, per_position, above_nyquist })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_stands_at_its_frequency() {
        // 0.8 of Nyquist's frequency, once per position; and 2.5 of it, four times.
        for (per_position, frequency) in [(1, 0.8), (4, 2.5)] {
            let turn = std::f64::consts::PI * frequency / per_position as f64;
            let kernel: Vec<f32> = (0..400).map(|i| (turn * f64::from(i)).sin() as f32).collect();
            let found = spectrum(&kernel, per_position, 1).unwrap_or_else(|| unreachable!("a finite kernel"));
            let peak = (0..found.frequencies.len())
                .max_by(|&a, &b| found.magnitudes[a].unwrap_or(0.0).total_cmp(&found.magnitudes[b].unwrap_or(0.0)));
            let at = peak.map_or(0.0, |peak| found.frequencies[peak]);
            assert!((at - frequency).abs() < 0.05, "{at} instead of {frequency}");
            match found.above_nyquist {
                None => assert_eq!(per_position, 1),
                Some(share) => assert!(share > 0.95, "{share}"),
            }
        }
        assert_eq!(spectrum(&[1.0], 1, 1), None);
        assert_eq!(spectrum(&[1.0, f32::NAN], 1, 1), None);
        // Taps two positions apart reach half as high.
        let wide = spectrum(&[1.0, -1.0, 1.0], 1, 2).map(|found| found.frequencies.iter().copied().fold(0.0, f64::max));
        assert_eq!(wide, Some(0.5));
    }
}
