//! Initial weights from our own seeded stream, identical on every device.

use burn::module::Param;
use burn::tensor::{Device, Shape, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::BuildError;

/// Largest number of parameters of a network: with gradients and the moments of Adam they take 8 GiB.
pub const MOST_PARAMETERS: usize = 1 << 29;

/// Number of parameters that a smaller tensor counts as: very many small tensors take more than their numbers.
const LEAST: usize = 1 << 10;

/// A seeded source of initial parameters on a device.
///
/// A network of more than [`MOST_PARAMETERS`] unwinds before its memory is allocated, and [`within_bounds`] turns that into
/// an error: a slip in a size must not fill the machine's memory.
#[derive(Debug)]
pub struct Init {
    device: Device,
    rng: ChaCha8Rng,
    left: usize,
}

/// Field of a [`BuildError`] that no single setting causes.
pub const WHOLE: &str = "network";

/// Payload of the unwinding of a network that is too large.
struct TooLarge;

/// Runs `build` with a bound on the size of the network.
///
/// # Errors
/// An error of `build`, or the network has more than [`MOST_PARAMETERS`] parameters.
pub fn within_bounds<T>(build: impl FnOnce() -> Result<T, BuildError>) -> Result<T, BuildError> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(build)) {
        Ok(built) => built,
        Err(panic) if panic.is::<TooLarge>() => {
            let message = format!("would have more than {MOST_PARAMETERS} parameters; give it smaller sizes");
            Err(BuildError::new(WHOLE, message))
        }
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

impl Init {
    /// A stream that depends on `seed` alone; a model that is to be trained needs an autodiff device.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self { device: device.clone(), rng: ChaCha8Rng::seed_from_u64(seed), left: MOST_PARAMETERS }
    }

    /// Device of the parameters.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The random stream, for distributions that have no method here.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// Counts the numbers of `shape`, and takes them from those that the network may still have.
    fn take(&mut self, shape: &[usize]) -> usize {
        let number = shape.iter().try_fold(1_usize, |number, size| number.checked_mul(*size));
        match number.filter(|number| *number <= self.left) {
            Some(number) => {
                self.left = self.left.saturating_sub(number.max(LEAST));
                number
            }
            // Not a panic, whose hook would print before the error is reported.
            None => std::panic::resume_unwind(Box::new(TooLarge)),
        }
    }

    /// A parameter of `values`, row-major.
    pub fn values<const D: usize>(&mut self, shape: [usize; D], values: Vec<f32>) -> Param<Tensor<D>> {
        self.take(&shape);
        self.place(shape, values)
    }

    fn place<const D: usize>(&self, shape: [usize; D], values: Vec<f32>) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::from_data(TensorData::new(values, Shape::from(shape)), &self.device))
    }

    /// A parameter of equal values.
    pub fn constant<const D: usize>(&mut self, shape: [usize; D], value: f64) -> Param<Tensor<D>> {
        let n = self.take(&shape);
        self.place(shape, vec![value as f32; n])
    }

    /// A parameter drawn from U(low, high).
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], low: f64, high: f64) -> Param<Tensor<D>> {
        let n = self.take(&shape);
        let values = (0..n).map(|_| (low + (high - low) * self.rng.random::<f64>()) as f32).collect();
        self.place(shape, values)
    }

    /// A parameter drawn from N(0, std²).
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], std: f64) -> Param<Tensor<D>> {
        self.normal_by(shape, |_| std)
    }

    /// A parameter whose element i, row-major, is drawn from N(0, std(i)²).
    pub fn normal_by<const D: usize>(&mut self, shape: [usize; D], std: impl Fn(usize) -> f64) -> Param<Tensor<D>> {
        let n = self.take(&shape);
        let values = (0..n).map(|i| (std(i) * self.standard_normal()) as f32).collect();
        self.place(shape, values)
    }

    /// A parameter drawn from N(0, std²) without what lies beyond twice `std`.
    pub fn truncated_normal<const D: usize>(&mut self, shape: [usize; D], std: f64) -> Param<Tensor<D>> {
        let n = self.take(&shape);
        let mut inside = || loop {
            let draw = self.standard_normal();
            if draw.abs() <= 2.0 {
                return draw;
            }
        };
        let values = (0..n).map(|_| (std * inside()) as f32).collect();
        self.place(shape, values)
    }

    /// A draw of N(0, 1), by the method of Box and Muller.
    pub fn standard_normal(&mut self) -> f64 {
        let u: f64 = 1.0 - self.rng.random::<f64>();
        let v: f64 = self.rng.random();
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}
