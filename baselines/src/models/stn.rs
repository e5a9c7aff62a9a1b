//! A spatial transformer in front of the small convolutional network.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

use crate::layers::conv::{Conv, Geometry};
use crate::layers::{Pointwise, sample_affine};
use crate::models::cnn::{Cnn, CnnBody, CnnConfig};
use crate::{Baseline, Body, BodySpec, BuildError, Built, Features, Forward, Info, Init};

/// Taps and channels of the two convolutions that look where to sample.
const CONVOLUTIONS: [(usize, usize); 2] = [(7, 8), (5, 10)];
/// Hidden units of the map from their features to the affine map.
const HIDDEN: usize = 32;
/// Smallest height and width that leave a position behind both convolutions.
const SMALLEST: usize = 18;

/// A network looks where the picture is and samples it there; a small CNN classifies what it gets. Settings are those of
/// the CNN.
#[derive(Debug)]
pub struct Stn;

/// Localisation network and CNN of [`Stn`].
#[derive(Module, Debug)]
pub struct StnBody {
    /// Conv 7 and Conv 5, each followed by max-pool 2 and ReLU.
    pub localisation: Vec<Conv>,
    /// From their features to 32 hidden units.
    pub hidden: Pointwise,
    /// To the six numbers of the affine map, which starts as the identity.
    pub affine: Pointwise,
    /// Classifies the sampled picture.
    pub cnn: CnnBody,
}

impl StnBody {
    /// Affine maps `[batch, 2, 3]` for pictures `[batch, channels, height, width]`.
    pub fn locate(&self, x: Tensor<4>) -> Tensor<3> {
        let [batch, ..] = x.dims();
        let looked = self.localisation.iter().fold(x, |x, conv| match conv.forward(Features::Plane(x.clone())) {
            Features::Plane(h) => relu(max_pool2d(h, MaxPoolOptions::new([2, 2]))),
            // A convolution keeps the number of axes.
            Features::Line(_) | Features::Volume(_) => x,
        });
        let features = looked.dims()[1..].iter().product::<usize>();
        let hidden = relu(self.hidden.forward(looked.reshape([batch, features, 1])));
        self.affine.forward(hidden).reshape([batch, 2, 3])
    }
}

impl Baseline for Stn {
    type Config = CnnConfig;
    type Body = StnBody;

    const INFO: Info = Info {
        name: "stn",
        summary: "Spatial transformer: an affine map of the picture, learnt from it, then the small CNN",
        source: "Jaderberg et al. 2015, arXiv 1506.02025",
        ranks: 2..=2,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        if spec.shape.iter().any(|&n| n < SMALLEST) {
            let message = format!("needs at least {SMALLEST} positions per axis, the task has {:?}", spec.shape);
            return Err(BuildError::new("", message));
        }
        let mut channels = spec.channels;
        let mut sizes = spec.shape.clone();
        let mut localisation = Vec::new();
        for (taps, outputs) in CONVOLUTIONS {
            localisation.push(Conv::torch(channels, outputs, spec.rank(), Geometry::valid(taps), init));
            channels = outputs;
            sizes.iter_mut().for_each(|n| *n = (*n + 1 - taps) / 2);
        }
        let hidden = Pointwise::torch(channels * sizes.iter().product::<usize>(), HIDDEN, init);
        let affine = Pointwise {
            weight: init.constant([6, HIDDEN], 0.0),
            bias: init.values([6], vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        };
        let Built { body: cnn, features, readout, head } = Cnn::build(config, spec, init)?;
        Ok(Built { body: StnBody { localisation, hidden, affine, cnn }, features, readout, head })
    }

    fn label(config: &Self::Config) -> String {
        format!("stn-{}", config.width)
    }
}

impl Body for StnBody {
    fn forward(&self, x: Features, ctx: &mut Forward<'_>) -> Features {
        let Features::Plane(x) = x else { return self.cnn.forward(x, ctx) };
        let theta = self.locate(x.clone());
        ctx.probe(|| "affine".into(), "activation", &theta);
        self.cnn.forward(Features::Plane(sample_affine(x, theta)), ctx)
    }
}
