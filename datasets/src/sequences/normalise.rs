//! Normalisation of real-valued sequences with statistics of their training part.
//!
//! Values become `(x − mean) / (deviation + 1e-5)`, the deviation being the unbiased one (over n − 1). Missing values (NaN)
//! do not count and stay what they are. Source: the code of Kidger et al., arXiv 2005.08926, and Romero et al., arXiv
//! 2102.02611; the latter takes one mean and deviation per *step* over all samples and channels, so that even a waveform has
//! 16 000 of them.
//!
//! Where training values do not tell a deviation, the formula would blow up what a test sample has there, so:
//! - a constant channel (its deviation is below 1e-5 and at most 1e-6 of its mean's size, so that rounding counts as none), or
//!   one with a single value, is centred and not scaled: its divisor is 1;
//! - the values of a channel without any training value become missing (NaN);
//! - a step that fewer than a tenth of the values of the fullest step reach, as at the end of recordings of different
//!   lengths, has the mean and deviation of all steps together;
//! - a step whose deviation is below a thousandth of that of all steps together keeps its mean and has that deviation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Values that share a mean and a deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// Those of one channel.
    PerChannel,
    /// Those of one step, in all channels.
    PerStep,
    /// Values stay as they are.
    None,
}

impl Normalisation {
    /// As in settings and versions.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerChannel => "per-channel",
            Self::PerStep => "per-step",
            Self::None => "none",
        }
    }

    fn groups(self, channels: usize, length: usize) -> usize {
        match self {
            Self::PerChannel => channels,
            Self::PerStep => length,
            Self::None => 0,
        }
    }
}

const SMALLEST_DEVIATION: f64 = 1e-5;
/// Deviation of a constant channel, relative to its mean.
const CONSTANT_CHANNEL: f64 = 1e-6;
/// Deviation of a constant step, relative to that of all steps.
const CONSTANT_STEP: f64 = 1e-3;
/// A step with fewer values than those of the fullest one divided by this has no statistics of its own.
const FEW: u64 = 10;

/// Gathers the statistics of training samples of shape `[channels, length]`.
#[derive(Debug, Clone)]
pub struct Moments {
    kind: Normalisation,
    length: usize,
    groups: Vec<Group>,
}

/// Sums over one group, of differences to its first value, so that a large mean takes no digits away from the deviation.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    count: u64,
    first: f64,
    sum: f64,
    squares: f64,
}

impl Group {
    fn add(&mut self, value: f64) {
        if self.count == 0 {
            self.first = value;
        }
        let difference = value - self.first;
        self.count += 1;
        self.sum += difference;
        self.squares += difference * difference;
    }

    /// Of both groups, with the differences of `other` taken to this group's first value.
    fn join(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let shift = other.first - self.first;
        let count = other.count as f64;
        Self {
            count: self.count + other.count,
            first: self.first,
            sum: self.sum + other.sum + count * shift,
            squares: self.squares + other.squares + 2.0 * shift * other.sum + count * shift * shift,
        }
    }

    fn mean(self) -> f64 {
        if self.count == 0 { f64::NAN } else { self.first + self.sum / self.count as f64 }
    }

    /// 0 where there are fewer than two values.
    fn deviation(self) -> f64 {
        let count = self.count as f64;
        let variance = (self.squares - self.sum * self.sum / count) / (count - 1.0);
        if self.count < 2 { 0.0 } else { variance.max(0.0).sqrt() }
    }

    /// Of a channel, or of all steps together.
    fn mean_and_divisor(self) -> (f64, f64) {
        let (mean, deviation) = (self.mean(), self.deviation());
        let constant = deviation <= CONSTANT_CHANNEL * mean.abs() && deviation < SMALLEST_DEVIATION;
        (mean, if constant { 1.0 } else { deviation + SMALLEST_DEVIATION })
    }

    /// Of a step, where the fullest step has `most` values and all steps together are `all`.
    fn of_step(self, most: u64, all: Self) -> (f64, f64) {
        if self.count < 2 || self.count * FEW < most {
            return all.mean_and_divisor();
        }
        let deviation = self.deviation();
        if deviation <= CONSTANT_STEP * all.deviation() {
            return (self.mean(), all.mean_and_divisor().1);
        }
        (self.mean(), deviation + SMALLEST_DEVIATION)
    }
}

impl Moments {
    /// Of no sample yet.
    pub fn new(kind: Normalisation, channels: usize, length: usize) -> Self {
        Self { kind, length: length.max(1), groups: vec![Group::default(); kind.groups(channels, length)] }
    }

    /// One more sample, `[channels, length]`; NaN does not count.
    pub fn add(&mut self, sample: &[f32]) {
        match self.kind {
            Normalisation::PerChannel => {
                for (group, channel) in self.groups.iter_mut().zip(sample.chunks_exact(self.length)) {
                    channel.iter().filter(|value| !value.is_nan()).for_each(|&value| group.add(f64::from(value)));
                }
            }
            Normalisation::PerStep => {
                for channel in sample.chunks_exact(self.length) {
                    let values = self.groups.iter_mut().zip(channel).filter(|(_, value)| !value.is_nan());
                    values.for_each(|(group, &value)| group.add(f64::from(value)));
                }
            }
            Normalisation::None => {}
        }
    }

    /// What both have gathered, of samples of one shape.
    pub fn join(mut self, other: Self) -> Self {
        for (group, other) in self.groups.iter_mut().zip(other.groups) {
            *group = group.join(other);
        }
        self
    }

    /// The normalisation by what was gathered.
    pub fn finish(self) -> Normaliser {
        let groups = match self.kind {
            Normalisation::PerStep => {
                let most = self.groups.iter().map(|group| group.count).max().unwrap_or(0);
                let all = self.groups.iter().copied().fold(Group::default(), Group::join);
                self.groups.into_iter().map(|group| group.of_step(most, all)).collect()
            }
            _ => self.groups.into_iter().map(Group::mean_and_divisor).collect(),
        };
        Normaliser { kind: self.kind, length: self.length, groups }
    }
}

/// Normalises samples.
#[derive(Debug, Clone)]
pub struct Normaliser {
    kind: Normalisation,
    length: usize,
    /// Mean and divisor.
    groups: Vec<(f64, f64)>,
}

impl Normaliser {
    /// Normalises one sample, `[channels, length]`, in place; NaN stays NaN.
    pub fn apply(&self, sample: &mut [f32]) {
        let normalised = |value: f32, (mean, divisor): (f64, f64)| ((f64::from(value) - mean) / divisor) as f32;
        match self.kind {
            Normalisation::PerChannel => {
                for (channel, &group) in sample.chunks_exact_mut(self.length).zip(&self.groups) {
                    channel.iter_mut().for_each(|value| *value = normalised(*value, group));
                }
            }
            Normalisation::PerStep => {
                for channel in sample.chunks_exact_mut(self.length) {
                    let values = channel.iter_mut().zip(&self.groups);
                    values.for_each(|(value, &group)| *value = normalised(*value, group));
                }
            }
            Normalisation::None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two samples of two channels and two steps.
    const SAMPLES: [[f32; 4]; 2] = [[1.0, 2.0, 10.0, f32::NAN], [3.0, 6.0, 30.0, 50.0]];

    fn normalised(kind: Normalisation) -> Vec<[f32; 4]> {
        let mut moments = Moments::new(kind, 2, 2);
        SAMPLES.iter().for_each(|sample| moments.add(sample));
        let normaliser = moments.finish();
        let apply = |mut sample: [f32; 4]| {
            normaliser.apply(&mut sample);
            sample
        };
        SAMPLES.into_iter().map(apply).collect()
    }

    fn close(value: f32, expected: f64) {
        assert!((f64::from(value) - expected).abs() < 1e-6, "{value} instead of {expected}");
    }

    #[test]
    fn per_channel_has_one_mean_and_unbiased_deviation_per_channel() {
        let values = normalised(Normalisation::PerChannel);
        // 1, 2, 3, 6: mean 3, variance 14/3. 10, 30, 50: mean 30, deviation 20.
        close(values[1][1], 3.0 / ((14.0f64 / 3.0).sqrt() + 1e-5));
        close(values[0][2], -20.0 / (20.0 + 1e-5));
        assert!(values[0][3].is_nan());
    }

    #[test]
    fn per_step_pools_the_channels() {
        let values = normalised(Normalisation::PerStep);
        // First step: 1, 3, 10, 30; mean 11, squares 100 + 64 + 1 + 361.
        close(values[0][0], -10.0 / ((526.0f64 / 3.0).sqrt() + 1e-5));
        // Second step: 2, 6, 50; mean 58/3.
        let mean = 58.0 / 3.0;
        let deviation = [2.0, 6.0, 50.0f64].iter().map(|value| (value - mean).powi(2) / 2.0).sum::<f64>().sqrt();
        close(values[1][3], (50.0 - mean) / (deviation + 1e-5));
    }

    #[test]
    fn joined_statistics_are_those_of_all_samples() {
        for kind in [Normalisation::PerChannel, Normalisation::PerStep] {
            let gather = |samples: &[[f32; 4]]| {
                let mut moments = Moments::new(kind, 2, 2);
                samples.iter().for_each(|sample| moments.add(sample));
                moments
            };
            let joined = gather(&SAMPLES[..1]).join(gather(&[])).join(gather(&SAMPLES[1..])).finish();
            for (sample, expected) in SAMPLES.into_iter().zip(normalised(kind)) {
                let mut values = sample;
                joined.apply(&mut values);
                for (value, expected) in values.into_iter().zip(expected).filter(|(_, expected)| !expected.is_nan()) {
                    close(value, f64::from(expected));
                }
            }
        }
    }

    #[test]
    fn nothing_changes_without_normalisation_or_with_a_single_value() {
        assert_eq!(normalised(Normalisation::None)[1], SAMPLES[1]);
        let mut moments = Moments::new(Normalisation::PerStep, 1, 2);
        moments.add(&[5.0, f32::NAN]);
        let mut sample = [6.0, 7.0];
        moments.finish().apply(&mut sample);
        assert_eq!(sample, [1.0, 2.0]);
    }

    #[test]
    fn constant_and_absent_channels_are_not_blown_up() {
        let mut moments = Moments::new(Normalisation::PerChannel, 3, 2);
        // 0.1 as f32 and its neighbour: what rounding leaves of a constant.
        let jitter = f32::from_bits(0.1f32.to_bits() + 1);
        (0..50).for_each(|_| moments.add(&[7.0, 7.0, 0.1, jitter, f32::NAN, f32::NAN]));
        let mut sample = [9.0, 7.0, 0.6, 0.1, 5.0, 6.0];
        moments.finish().apply(&mut sample);
        assert_eq!(sample[..2], [2.0, 0.0]);
        close(sample[2], 0.5);
        assert!(sample[3].abs() < 1e-6);
        assert!(sample[4].is_nan() && sample[5].is_nan());
    }

    #[test]
    fn late_and_constant_steps_are_scaled_by_all_steps() {
        let mut moments = Moments::new(Normalisation::PerStep, 1, 4);
        for index in 0..40u8 {
            let value = f32::from(index % 2);
            // The second step hardly changes; the fourth is reached by three samples, which are almost silent there.
            let last = if index < 3 { 1e-6 * f32::from(index) } else { f32::NAN };
            moments.add(&[value, 0.5 + 1e-6 * value, value, last]);
        }
        let mut sample = [1.0, 1.5, 0.0, 1.0];
        moments.finish().apply(&mut sample);
        // Deviation of 40 ones and zeros each; 123 values in all: 40 of 0.5, 40 of 1, 43 of 0.
        let own = (10.0f64 / 39.0).sqrt();
        let mean = 60.0 / 123.0;
        let all = ((40.0 * (0.5f64 - mean).powi(2) + 40.0 * (1.0 - mean).powi(2) + 43.0 * mean.powi(2)) / 122.0).sqrt();
        assert!((f64::from(sample[0]) - 0.5 / own).abs() < 1e-4);
        assert!((f64::from(sample[1]) - 1.0 / all).abs() < 1e-4, "{sample:?}");
        assert!((f64::from(sample[3]) - (1.0 - mean) / all).abs() < 1e-4, "{sample:?}");
    }

    #[test]
    fn silence_stays_silence() {
        for kind in [Normalisation::PerChannel, Normalisation::PerStep] {
            let mut moments = Moments::new(kind, 1, 3);
            (0..5).for_each(|_| moments.add(&[0.0; 3]));
            let mut sample = [0.0, 0.25, -1.0];
            moments.finish().apply(&mut sample);
            assert_eq!(sample, [0.0, 0.25, -1.0]);
        }
    }

    #[test]
    fn a_large_mean_leaves_the_deviation_exact() {
        let mut moments = Moments::new(Normalisation::PerChannel, 1, 2);
        (0..1_000).for_each(|_| moments.add(&[8_388_608.0, 8_388_609.0]));
        let mut sample = [8_388_609.0, 8_388_608.0];
        moments.finish().apply(&mut sample);
        close(sample[0], 0.5 / ((500.0f64 / 1999.0).sqrt() + 1e-5));
    }
}
