//! What attention is told of positions.

use burn::tensor::{Device, Tensor, TensorData};

/// Rotary position embedding (Su et al. 2021, arXiv 2104.09864): pairs of channels turned by an angle that grows with the
/// position.
///
/// Source: github.com/IdoAmos/not-from-scratch, `src/models/sequence/mha.py`, which turns neighbouring channels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotary {
    /// Channels of a head, an even number.
    pub head_dim: usize,
    /// Base θ of the frequencies: pair m of d channels turns by θ^(−2m / d) radians per position.
    pub theta: f64,
}

impl Rotary {
    /// Frequencies per pair of channels, in radians per position: rounded to single precision, as in the reference program.
    pub fn frequencies(&self) -> impl Iterator<Item = f64> {
        let Self { head_dim, theta } = *self;
        (0..head_dim / 2).map(move |m| f64::from(theta.powf(-2.0 * m as f64 / head_dim as f64) as f32))
    }

    /// Cosine and sine of the angles, `[1, pairs, 1, length]`.
    fn angles(&self, pairs: usize, length: usize, device: &Device) -> [Tensor<4>; 2] {
        let frequencies: Vec<f64> = self.frequencies().collect();
        let table = |of: fn(f64) -> f64| {
            let row = |frequency: &f64| {
                let frequency = *frequency;
                (0..length).map(move |at| of(frequency * at as f64) as f32)
            };
            let values: Vec<f32> = frequencies.iter().cycle().take(pairs).flat_map(row).collect();
            Tensor::from_data(TensorData::new(values, [1, pairs, 1, length]), device)
        };
        [table(f64::cos), table(f64::sin)]
    }

    /// Turns queries or keys, `[batch, channels, length]`, the channels of every head together.
    pub fn turn(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, channels, length] = x.dims();
        let pairs = channels / 2;
        let [cos, sin] = self.angles(pairs, length, &x.device());
        let x = x.reshape([batch, pairs, 2, length]);
        let (a, b) = (x.clone().narrow(2, 0, 1), x.narrow(2, 1, 1));
        let first = a.clone() * cos.clone() - b.clone() * sin.clone();
        Tensor::cat(vec![first, a * sin + b * cos], 2).reshape([batch, channels, length])
    }
}

/// The table of Vaswani et al. 2017 (arXiv 1706.03762, section 3.5), `[1, channels, length]`.
///
/// Channel 2i of C is `sin(p · 10000^(−2i / C))` at position p, and channel 2i + 1 its cosine.
pub fn sinusoidal(channels: usize, length: usize, device: &Device) -> Tensor<3> {
    let row = |channel: usize| {
        let frequency = 10_000f64.powf(-((channel / 2 * 2) as f64) / channels as f64);
        (0..length).map(move |at| {
            let angle = at as f64 * frequency;
            (if channel.is_multiple_of(2) { angle.sin() } else { angle.cos() }) as f32
        })
    };
    let values: Vec<f32> = (0..channels).flat_map(row).collect();
    Tensor::from_data(TensorData::new(values, [1, channels, length]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::read;

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        read(tensor, "a tensor").unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// A product of a query at p and a key at s depends on p − s alone.
    #[test]
    fn products_of_turned_vectors_depend_on_their_distance() {
        let rotary = Rotary { head_dim: 4, theta: 10_000.0 };
        let length = 9;
        let constant = |seed: f32| {
            let of = |i: usize| (1.3 * i as f32 + seed).sin();
            let data: Vec<f32> = (0..4).flat_map(|channel| std::iter::repeat_n(of(channel), length)).collect();
            values(rotary.turn(Tensor::from_data(TensorData::new(data, [1, 4, length]), &Device::flex())))
        };
        let (q, k) = (constant(0.2), constant(0.9));
        let product = |p: usize, s: usize| (0..4).map(|c| q[c * length + p] * k[c * length + s]).sum::<f32>();
        for distance in 0..4 {
            for p in distance..length {
                let (here, there) = (product(p, p - distance), product(distance, 0));
                assert!((here - there).abs() < 1e-5, "{p}, {distance}: {here} {there}");
            }
        }
        assert!((product(3, 0) - product(0, 0)).abs() > 1e-2);
    }

    #[test]
    fn sinusoidal_positions_are_those_of_the_paper() {
        let table = values(sinusoidal(4, 3, &Device::flex()));
        for (at, p) in [0.0f64, 1.0, 2.0].into_iter().enumerate() {
            let wanted = [p.sin(), p.cos(), (p / 100.0).sin(), (p / 100.0).cos()];
            for (channel, wanted) in wanted.into_iter().enumerate() {
                assert!((f64::from(table[channel * 3 + at]) - wanted).abs() < 1e-6, "{channel} at {p}");
            }
        }
    }
}
