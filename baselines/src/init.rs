//! Initial weights from our own seeded stream, identical on every device.

use burn::module::Param;
use burn::tensor::{Device, Shape, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A seeded source of initial parameters on a device.
#[derive(Debug)]
pub struct Init {
    device: Device,
    rng: ChaCha8Rng,
}

impl Init {
    /// A stream that depends on `seed` alone. Pass an autodiff device for a model that is to be trained.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self { device: device.clone(), rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Where parameters are placed.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The random stream, for distributions that have no method here.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// A parameter with the given values, row-major.
    pub fn values<const D: usize>(&mut self, shape: [usize; D], values: Vec<f32>) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::from_data(TensorData::new(values, Shape::from(shape)), &self.device))
    }

    /// A constant parameter.
    pub fn constant<const D: usize>(&mut self, shape: [usize; D], value: f64) -> Param<Tensor<D>> {
        let n = shape.iter().product();
        self.values(shape, vec![value as f32; n])
    }

    /// U(low, high).
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], low: f64, high: f64) -> Param<Tensor<D>> {
        let n = shape.iter().product();
        let values = (0..n).map(|_| (low + (high - low) * self.rng.random::<f64>()) as f32).collect();
        self.values(shape, values)
    }

    /// N(0, std²).
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], std: f64) -> Param<Tensor<D>> {
        let n = shape.iter().product();
        let values = (0..n).map(|_| (std * self.standard_normal()) as f32).collect();
        self.values(shape, values)
    }

    /// One draw of N(0, 1), by Box and Muller.
    pub fn standard_normal(&mut self) -> f64 {
        let u: f64 = 1.0 - self.rng.random::<f64>();
        let v: f64 = self.rng.random();
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}
