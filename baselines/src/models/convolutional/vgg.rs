//! A small VGG network, optionally with orthogonality regularisation.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inspect::views::Kernels;
use crate::layers::convolution::conv::{Geometry, convolve, without_padding};
use crate::layers::convolution::pool::max_pool;
use crate::layers::linear::Pointwise;
use crate::layers::orthogonality::{Householder, cosine_similarity_loss, orthonormality_loss, with_bias};
use crate::{
    Baseline, Body, BodySpec, BuildError, Built, Features, Forward, HeadInit, Info, Init, LayerView, Measure,
    ReadError, Readout, Resolution, check,
};
use kernels::MatmulF32;

/// Positions per axis below which the poolings leave nothing.
const SMALLEST: usize = 9;

/// How the units of a layer are kept orthogonal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Orthogonality {
    /// Not at all.
    #[default]
    None,
    /// By a penalty on the cosines between them.
    Loss,
    /// By writing the weights as a product of Householder reflections, times a scale for every weight.
    Householder,
}

/// A nonlinearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Activation")]
pub enum VggActivation {
    /// max(0, x).
    #[default]
    Relu,
    /// The self-normalising unit (Klambauer et al. 2017, arXiv 1706.02515).
    Selu,
}

impl VggActivation {
    /// Applies the nonlinearity element by element.
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        const ALPHA: f64 = 1.673_263_242_354_377_2;
        const SCALE: f64 = 1.050_700_987_355_480_5;
        match self {
            Self::Relu => relu(x),
            // The exponential sees the negative side only: of a large activation it would be infinite.
            Self::Selu => {
                let negative = x.clone().clamp_max(0.0).exp().sub_scalar(1.0).mul_scalar(ALPHA);
                (relu(x) + negative).mul_scalar(SCALE)
            }
        }
    }
}

/// Settings of [`Vgg`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VggConfig {
    /// Channels of the first two convolutions, at least 1; the last two have twice as many.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub width: usize,
    /// Units of the fully connected layer, at least 1.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub hidden: usize,
    /// Nonlinearity after every layer but the last.
    pub activation: VggActivation,
    /// What keeps the units of a layer, biases included, orthogonal: `none`, `loss` or `householder`.
    pub orthogonality: Orthogonality,
    /// Factor on the sum of squared cosines that is added to the loss, at least 0. Read under `orthogonality: loss` alone.
    #[schemars(range(min = 0.0))]
    pub orthogonality_weight: f64,
    /// Whether `orthogonality` applies to the fully connected layer as well; in the original it is the convolutions alone.
    pub orthogonality_linear: bool,
}

impl Default for VggConfig {
    fn default() -> Self {
        Self {
            width: 32,
            hidden: 512,
            activation: VggActivation::Relu,
            orthogonality: Orthogonality::None,
            orthogonality_weight: 0.1,
            orthogonality_linear: false,
        }
    }
}

/// Conv 5, Conv 3, max-pool 2, Conv 3, Conv 3, max-pool 2, fully connected, linear.
///
/// The second and the fourth convolution have no padding.
#[derive(Debug)]
pub struct Vgg;

/// The body of [`Vgg`].
#[derive(Module, Debug)]
pub struct VggBody {
    /// The convolutions, from the input to the output.
    pub convs: Vec<Units>,
    /// The fully connected layer over all channels and positions.
    pub fc: Units,
    #[module(skip)]
    geometries: Vec<Geometry>,
    #[module(skip)]
    activation: VggActivation,
    /// Factor on the cosine loss, if there is one, and whether it is for the fully connected layer too.
    #[module(skip)]
    loss: Option<(f64, bool)>,
}

/// The weights of a layer.
#[derive(Module, Debug)]
pub enum Units {
    /// Plain weights, `[out, in · taps]`, and biases.
    Free(Pointwise),
    /// A product of reflections.
    Reflected(Householder),
}

impl Units {
    /// `units` units over `inputs` inputs each; free ones start by [`Pointwise::xavier_with_bias`].
    fn new(inputs: usize, units: usize, reflected: bool, init: &mut Init) -> Result<Self, BuildError> {
        if reflected {
            return Ok(Self::Reflected(Householder::new(units, inputs + 1, "orthogonality", init)?));
        }
        Ok(Self::Free(Pointwise::xavier_with_bias(inputs, units, init)))
    }

    /// Weight `[out, in · taps]` and bias `[out]`.
    fn parts(&self) -> (Tensor<2>, Tensor<1>) {
        match self {
            Self::Free(free) => (free.weight.val(), free.bias.val()),
            Self::Reflected(householder) => {
                let rows = householder.rows();
                let [units, columns] = rows.dims();
                let bias = rows.clone().narrow(1, columns - 1, 1).reshape([units]);
                (rows.narrow(1, 0, columns - 1), bias)
            }
        }
    }

    /// Weights and, in the last column, biases: `[out, in · taps + 1]`.
    pub fn rows(&self) -> Tensor<2> {
        match self {
            Self::Free(free) => with_bias(free.weight.val(), free.bias.val()),
            Self::Reflected(householder) => householder.rows(),
        }
    }
}

impl Baseline for Vgg {
    type Config = VggConfig;
    type Body = VggBody;

    const INFO: Info = Info {
        name: "vgg",
        summary: "Small VGG network, optionally with orthogonality regularisation",
        source: "github.com/singlasahil14/orthogonal-convolution; after Simonyan and Zisserman 2014, arXiv 1409.1556",
        ranks: 1..=2,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        check::at_least_one("width", config.width)?;
        check::at_least_one("hidden", config.hidden)?;
        check::not_negative("orthogonality_weight", config.orthogonality_weight)?;
        if spec.per_step {
            return Err(BuildError::new("", "has no output per position: its fully connected layer mixes them all"));
        }
        let positions = spec.shape.iter().map(|&n| pooled(n)).collect::<Option<Vec<_>>>().ok_or_else(|| {
            BuildError::new("", format!("needs at least {SMALLEST} positions per axis, the task has {:?}", spec.shape))
        })?;
        let reflected = config.orthogonality == Orthogonality::Householder;
        let (narrow, wide) = (config.width, 2 * config.width);
        let geometries = vec![Geometry::same(5), Geometry::valid(3), Geometry::same(3), Geometry::valid(3)];
        let channels = [(spec.channels, narrow), (narrow, narrow), (narrow, wide), (wide, wide)];
        let convs = channels
            .into_iter()
            .zip(&geometries)
            .map(|((inputs, outputs), geometry)| {
                Units::new(inputs * geometry.taps(spec.rank()), outputs, reflected, init)
            })
            .collect::<Result<_, _>>()?;
        let inputs = wide * positions.iter().product::<usize>();
        let fc = Units::new(inputs, config.hidden, reflected && config.orthogonality_linear, init)?;
        let loss = config.orthogonality == Orthogonality::Loss && config.orthogonality_weight > 0.0;
        let body = VggBody {
            convs,
            fc,
            geometries,
            activation: config.activation,
            loss: loss.then_some((config.orthogonality_weight, config.orthogonality_linear)),
        };
        Ok(Built { body, features: config.hidden, readout: Readout::Mean, head: HeadInit::XavierWithBias })
    }

    fn resolution() -> Resolution {
        Resolution::Fixed
    }

    fn label(config: &Self::Config) -> String {
        let suffix = match config.orthogonality {
            Orthogonality::None => String::new(),
            Orthogonality::Loss => format!("-loss-{}", config.orthogonality_weight),
            Orthogonality::Householder => "-householder".into(),
        };
        format!("vgg-{}-{}{suffix}", config.width, config.hidden)
    }
}

/// Positions of an axis of `n` after the convolutions and poolings, if any are left.
fn pooled(n: usize) -> Option<usize> {
    let first = n.checked_sub(2)?.div_ceil(2);
    let second = first.checked_sub(2)? / 2;
    (second > 0).then_some(second)
}

impl Body for VggBody {
    fn forward(&self, mut x: Features, ctx: &mut Forward<'_>) -> Features {
        for (i, (conv, &geometry)) in self.convs.iter().zip(&self.geometries).enumerate() {
            let (weight, bias) = conv.parts();
            let [outputs, _] = weight.dims();
            let inputs = x.dims()[1];
            let weight = weight.reshape([outputs as i32, inputs as i32, -1]);
            let h = convolve(without_padding(x, ctx), weight, Some(bias), geometry);
            ctx.reduce(|n| geometry.outputs(n));
            x = h.map_flat(|h| {
                let h = self.activation.apply(h);
                ctx.probe(|| format!("convs.{i}"), "activation", &h);
                h
            });
            match i {
                // The first pooling also takes a window that is half outside.
                1 => {
                    x = max_pool(without_padding(x, ctx), true);
                    ctx.reduce(|n| n.div_ceil(2));
                }
                3 => {
                    x = max_pool(without_padding(x, ctx), false);
                    ctx.reduce(|n| n / 2);
                }
                _ => {}
            }
        }
        // The layer over all positions has a weight for each of them: beyond the end of a sequence it sees zeros.
        let x = without_padding(x, ctx);
        ctx.set_lengths(None, 1);
        let x = x.flatten().flatten::<2>(1, 2);
        let (weight, bias) = self.fc.parts();
        let h = self.activation.apply(x.matmul_f32(weight.transpose()) + bias.unsqueeze::<2>());
        ctx.probe(|| "fc".into(), "activation", &h);
        Features::Line(h.unsqueeze_dim(2))
    }

    fn views(&self, shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        let convs = self.convs.iter().zip(&self.geometries).enumerate();
        let view = |(i, (conv, geometry)): (usize, (&Units, &Geometry))| {
            let (weight, _) = conv.parts();
            let ([outputs, columns], taps) = (weight.dims(), geometry.taps(shape.len()));
            let weight = weight.reshape([outputs, columns / taps.max(1), taps]);
            LayerView::of_kernels(
                format!("convs.{i}"),
                Kernels::of_weights(weight, geometry.kernel, geometry.dilation, false),
            )
        };
        Ok(convs.map(view).collect())
    }

    fn penalty(&self, _head: &Pointwise) -> Result<Option<Tensor<1>>, ReadError> {
        let Some((weight, linear)) = self.loss else { return Ok(None) };
        let fc = linear.then_some(&self.fc);
        let sum = self.convs.iter().chain(fc).map(|units| cosine_similarity_loss(units.rows()));
        Ok(sum.reduce(|sum, term| sum + term).map(|sum| sum * weight))
    }

    fn measures(&self) -> Result<Vec<Measure>, ReadError> {
        let convs = self.convs.iter().enumerate().map(|(i, conv)| (format!("convs.{i}"), conv));
        let layers = convs.chain(std::iter::once(("fc".to_owned(), &self.fc)));
        let measures = layers.flat_map(|(layer, units)| {
            let rows = units.rows();
            [
                Measure::new(layer.clone(), "orthogonality", cosine_similarity_loss(rows.clone())),
                Measure::new(layer, "orthonormality", orthonormality_loss(rows.transpose())),
            ]
        });
        Ok(measures.collect())
    }
}
