//! SIREN: the kernel network of CKConv.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::layers::linear::WeightNormed;
use crate::read::read;
use crate::{Init, ReadError};
use kernels::scaled_sine;

/// Three weight-normed linear maps with sin(ω₀ ·) between them; biases are multiplied by ω₀ too.
#[derive(Module, Debug)]
pub struct Siren {
    /// Maps 1 → hidden → hidden → outputs.
    pub kernel_net: Vec<WeightNormed>,
    #[module(skip)]
    omega_0: f64,
}

impl Siren {
    /// Draws weights by SIREN's own initialisation if `own`, else by PyTorch's default.
    ///
    /// The reference program writes SIREN's own initialisation to a tensor that weight normalisation then overwrites; its
    /// published weights were trained from the default.
    pub fn new(hidden: usize, outputs: usize, omega_0: f64, own: bool, init: &mut Init) -> Self {
        let widths = [(1, hidden), (hidden, hidden), (hidden, outputs)];
        let bound = |layer: usize, inputs: usize| match layer {
            0 if own => 1.0 / inputs as f64,
            _ if own => (6.0 / inputs as f64).sqrt() / omega_0,
            _ => 1.0 / (inputs as f64).sqrt(),
        };
        let kernel_net = widths
            .into_iter()
            .enumerate()
            .map(|(layer, (inputs, outputs))| WeightNormed::new(inputs, outputs, bound(layer, inputs), init))
            .collect();
        Self { kernel_net, omega_0 }
    }

    /// The same network with its kernel values multiplied by `factor`.
    pub fn scaled(mut self, factor: f64) -> Self {
        if let Some(last) = self.kernel_net.pop() {
            self.kernel_net.push(last.scaled(factor));
        }
        self
    }

    /// Magnitudes of the frequencies of the first map, ω₀ W, in radians per unit of position.
    ///
    /// # Errors
    /// The weights cannot be read from the device.
    pub fn frequencies(&self) -> Result<Vec<f64>, ReadError> {
        let Some(first) = self.kernel_net.first() else { return Ok(Vec::new()) };
        // One input: a row is its length times a sign.
        let lengths = read(first.weight_g.val(), "the frequencies of a kernel network")?;
        Ok(lengths.into_iter().map(|g| (f64::from(g) * self.omega_0).abs()).collect())
    }

    /// Kernel values `[outputs, points]` at `positions`, `[1, points]`.
    pub fn forward(&self, positions: Tensor<2>) -> Tensor<2> {
        let last = self.kernel_net.len().saturating_sub(1);
        self.kernel_net.iter().enumerate().fold(positions, |x, (i, linear)| {
            let x = linear.apply(x);
            if i < last { scaled_sine(x, self.omega_0) } else { x }
        })
    }
}
