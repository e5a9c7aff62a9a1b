//! The spatial transformer network: a small network chooses an affine view of the image for another one.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::convolution::pool::max_pool;
use crate::layers::convolution::spatial_transformer::{affine_grid, grid_sample};
use crate::layers::{Conv, Geometry, Pointwise};
use crate::models::convolutional::cnn::{Cnn, CnnBody, CnnConfig};
use crate::{
    Baseline, Body, BodySpec, BuildError, Built, Features, Forward, Info, Init, LayerView, ReadError, Resolution,
};

/// Taps and channels of the two convolutions of the localisation network.
const CONVS: [(usize, usize); 2] = [(7, 8), (5, 10)];

/// Hidden units of its fully connected layers.
const HIDDEN: usize = 32;

/// Pixels per axis below which its poolings leave nothing.
const SMALLEST: usize = 18;

/// Settings of [`Stn`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StnConfig {
    /// Channels of the first two convolutions of the classifier, at least 1; its last two have twice as many.
    pub width: usize,
    /// Probability of dropping a feature before the head while training, 0 to 1 (exclusive).
    pub dropout: f64,
}

impl Default for StnConfig {
    fn default() -> Self {
        let CnnConfig { width, dropout } = CnnConfig::default();
        Self { width, dropout }
    }
}

/// The small convolutional network behind a spatial transformer.
#[derive(Debug)]
pub struct Stn;

/// The body of [`Stn`].
#[derive(Module, Debug)]
pub struct StnBody {
    /// From the image to the affine map.
    pub localisation: Localisation,
    /// From the view to features.
    pub cnn: CnnBody,
}

/// The localisation network: from an image to the six numbers of an affine map.
///
/// Conv 7, max-pool 2, ReLU, Conv 5, max-pool 2, ReLU, linear, ReLU, linear.
#[derive(Module, Debug)]
pub struct Localisation {
    /// Without zeros around.
    pub convs: Vec<Conv>,
    /// Over all channels and positions.
    pub fc1: Pointwise,
    /// To the map, at first the identity for every image.
    pub fc2: Pointwise,
}

impl Localisation {
    /// A network for images of `channels` channels and `shape` pixels.
    ///
    /// # Errors
    /// The images are too small for the poolings.
    pub fn new(channels: usize, shape: &[usize], init: &mut Init) -> Result<Self, BuildError> {
        if shape.iter().any(|&n| n < SMALLEST) {
            let message = format!("needs at least {SMALLEST} pixels per axis, the task has {shape:?}");
            return Err(BuildError::new("", message));
        }
        let mut inputs = channels;
        let mut convs = Vec::new();
        let mut positions = shape.to_vec();
        for (kernel, outputs) in CONVS {
            convs.push(Conv::torch(inputs, outputs, shape.len(), Geometry::valid(kernel), init));
            positions.iter_mut().for_each(|n| *n = (*n - (kernel - 1)) / 2);
            inputs = outputs;
        }
        let fc1 = Pointwise::torch(inputs * positions.iter().product::<usize>(), HIDDEN, init);
        let weight = init.constant([6, HIDDEN], 0.0);
        let bias = init.values([6], vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        Ok(Self { convs, fc1, fc2: Pointwise { weight, bias } })
    }

    /// `[batch, channels, height, width]` to affine maps `[batch, 2, 3]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<3> {
        let mut x = Features::Plane(x);
        for conv in &self.convs {
            x = max_pool(conv.forward(x), false).map_flat(relu);
        }
        let flat = x.flatten().flatten::<2>(1, 2);
        let theta = self.fc2.rows(relu(self.fc1.rows(flat)));
        let [batch, _] = theta.dims();
        theta.reshape([batch, 2, 3])
    }
}

impl Baseline for Stn {
    type Config = StnConfig;
    type Body = StnBody;

    const INFO: Info = Info {
        name: "stn",
        summary: "Small convolutional network behind a spatial transformer",
        source: "Jaderberg et al. 2015, arXiv 1506.02025",
        ranks: 2..=2,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        if spec.per_step {
            return Err(BuildError::new("", "has no output per position: the view it takes has positions of its own"));
        }
        let classifier = CnnConfig { width: config.width, dropout: config.dropout };
        let localisation = Localisation::new(spec.channels, &spec.shape, init)?;
        let Built { body, features, readout, head } = Cnn::build(&classifier, spec, init)?;
        Ok(Built { body: StnBody { localisation, cnn: body }, features, readout, head })
    }

    fn resolution() -> Resolution {
        Resolution::Fixed
    }

    fn label(config: &Self::Config) -> String {
        format!("stn-{}", config.width)
    }
}

impl Body for StnBody {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        // Other ranks are refused before a body is built.
        let Features::Plane(x) = x else { return self.cnn.forward(x, ctx) };
        let [_, _, height, width] = x.dims();
        let theta = self.localisation.forward(x.clone());
        ctx.probe(|| "localisation".into(), "activation", &theta);
        let view = grid_sample(x, affine_grid(theta, [height, width]));
        self.cnn.forward(Features::from_flat(view, &[height, width]), ctx)
    }

    fn views(&self, shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        let convs = self.localisation.convs.iter().enumerate();
        let localisation = convs.map(|(i, conv)| LayerView::of_kernels(format!("localisation.convs.{i}"), conv.view()));
        let cnn = self.cnn.views(shape)?;
        let named = cnn.into_iter().map(|view| LayerView { layer: format!("cnn.{}", view.layer), ..view });
        Ok(localisation.chain(named).collect())
    }
}
