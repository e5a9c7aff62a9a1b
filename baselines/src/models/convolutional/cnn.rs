//! The small convolutional network of common tutorials.

use burn::module::Module;
use burn::tensor::activation::relu;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forward::DropoutKind;
use crate::layers::convolution::conv::{Conv, Geometry, without_padding};
use crate::layers::convolution::pool::max_pool;
use crate::{
    Baseline, Body, BodySpec, BuildError, Built, Features, Forward, HeadInit, Info, Init, LayerView, ReadError,
    Readout, check,
};

/// Taps per axis of every convolution.
const TAPS: usize = 3;

/// Settings of [`Cnn`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CnnConfig {
    /// Channels of the first two convolutions, at least 1; the last two have twice as many.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub width: usize,
    /// Probability of dropping a feature before the head while training, 0 to 1 (exclusive).
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub dropout: f64,
}

impl Default for CnnConfig {
    fn default() -> Self {
        Self { width: 64, dropout: 0.5 }
    }
}

/// Conv 3, ReLU, Conv 3, ReLU, max-pool 2, Conv 3, ReLU, Conv 3, ReLU, global average, dropout, linear.
///
/// The pooling keeps the last of an odd number of positions by itself (PyTorch's `ceil_mode`): so the end of a sequence counts
/// whether or not it is padded to an even length.
#[derive(Debug)]
pub struct Cnn;

/// The body of [`Cnn`]; averaging and the linear map follow outside.
#[derive(Module, Debug)]
pub struct CnnBody {
    /// From the input to the output.
    pub convs: Vec<Conv>,
    #[module(skip)]
    dropout: f64,
    /// Halves the positions after two convolutions; left out where the task wants an output per position.
    #[module(skip)]
    pool: bool,
}

impl Baseline for Cnn {
    type Config = CnnConfig;
    type Body = CnnBody;

    const INFO: Info = Info {
        name: "cnn",
        summary: "Small convolutional network, 4 layers of kernel 3",
        source: "common tutorials",
        ranks: 1..=2,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        check::at_least_one("width", config.width)?;
        check::probability("dropout", config.dropout)?;
        let pool = !spec.per_step;
        if pool && spec.shape.iter().any(|&n| n < 2) {
            return Err(BuildError::new(
                "",
                format!("needs at least 2 positions per axis, the task has {:?}", spec.shape),
            ));
        }
        let (narrow, wide) = (config.width, 2 * config.width);
        // PyTorch's default would shrink the mean square of the activations sixfold per layer, and after the average the head
        // would see nearly the same features for every image.
        let convs = [(spec.channels, narrow), (narrow, narrow), (narrow, wide), (wide, wide)]
            .into_iter()
            .map(|(inputs, outputs)| Conv::kaiming_fan_in(inputs, outputs, spec.rank(), Geometry::same(TAPS), init))
            .collect();
        let body = CnnBody { convs, dropout: config.dropout, pool };
        Ok(Built { body, features: wide, readout: Readout::Mean, head: HeadInit::Torch })
    }

    fn label(config: &Self::Config) -> String {
        format!("cnn-{}", config.width)
    }
}

impl Body for CnnBody {
    fn forward(&self, mut x: Features, ctx: &mut Forward<'_>) -> Features {
        for (i, conv) in self.convs.iter().enumerate() {
            x = without_padding(x, ctx);
            if i == 2 && self.pool {
                x = max_pool(x, true);
                ctx.reduce(|n| n.div_ceil(2));
            }
            x = conv.forward(x).map_flat(|h| {
                let h = relu(h);
                ctx.probe(|| format!("convs.{i}"), "activation", &h);
                h
            });
        }
        // Dropping a channel before the average is dropping a feature after it.
        ctx.dropout(x, self.dropout, DropoutKind::Channel)
    }

    fn views(&self, _shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        let convs = self.convs.iter().enumerate();
        Ok(convs.map(|(i, conv)| LayerView::of_kernels(format!("convs.{i}"), conv.view())).collect())
    }
}
