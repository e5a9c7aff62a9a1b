//! Embedding → body → read-out → head, and the object-safe [`Model`] that the training loop sees.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::{Gradients, Int, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forward::DropoutKind;
use crate::kernels::{ExactProduct, pointwise};
use crate::named;
use crate::{
    Body, BodySpec, BuildError, Built, Features, Forward, HeadInit, Init, InputSpec, OutputSpec, ParameterGroup,
    Readout,
};

/// Inputs of a batch on a device.
#[derive(Debug, Clone)]
pub struct Input {
    /// Values or tokens.
    pub values: InputValues,
    /// Valid positions per sample where lengths differ and the input is padded on the right.
    pub lengths: Option<Vec<usize>>,
}

/// Values or tokens of an [`Input`].
#[derive(Debug, Clone)]
pub enum InputValues {
    /// `[batch, channels, positions…]`
    Values(Features),
    /// `[batch, length]`
    Tokens(Tensor<2, Int>),
}

/// What a network returns.
#[derive(Debug, Clone)]
pub enum Output {
    /// One row per sample: `[batch, outputs]`.
    Sample(Tensor<2>),
    /// One column per position: `[batch, outputs, length]`.
    Step(Tensor<3>),
}

/// A named tensor of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Dotted path, e.g. `body.blocks.0.norm.gamma`.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Whether it receives gradients; running statistics do not.
    pub trainable: bool,
}

impl Parameter {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A network with its type erased, so that the training loop is compiled once.
///
/// Tensors are exchanged flat, `[elements]`, under the names of [`parameters`](Self::parameters), and without autodiff.
pub trait Model: Send {
    /// Logits or predictions for a batch.
    fn forward(&self, input: Input, ctx: &mut Forward<'_>) -> Output;

    /// Term to be added to the loss, already weighted.
    fn penalty(&self) -> Option<Tensor<1>>;

    /// Every tensor, trainable or not, in the order of the modules.
    fn parameters(&self) -> &[Parameter];

    /// Groups with optimiser settings of their own.
    fn groups(&self) -> &[ParameterGroup];

    /// Call `visitor` with every tensor.
    fn visit(&self, visitor: &mut dyn FnMut(&Parameter, Tensor<1>));

    /// Take the gradients of the trainable tensors out of `gradients`. A tensor that the loss does not depend on is absent.
    fn take_gradients(&self, gradients: &mut Gradients) -> BTreeMap<String, Tensor<1>>;

    /// Replace tensors: `replacement` gets name and value, and returns the new value or `None` to keep it.
    fn replace(&mut self, replacement: &mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>);

    /// A copy without autodiff that shares its tensors with this model.
    fn evaluator(&self) -> Box<dyn Model>;
}

/// Number of trainable elements.
pub fn count_parameters(model: &dyn Model) -> usize {
    model.parameters().iter().filter(|p| p.trainable).map(Parameter::len).sum()
}

/// Settings that every baseline accepts beside its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSettings {
    /// Channels of the token embedding (only used where a task feeds tokens).
    pub embedding: usize,
    /// Probability of dropping inputs while training, 0 to 1 (exclusive).
    pub dropout_in: f64,
    /// What input dropout drops together.
    pub dropout_in_kind: DropoutKind,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self { embedding: 64, dropout_in: 0.0, dropout_in_kind: DropoutKind::Element }
    }
}

impl NetworkSettings {
    fn check(&self) -> Result<(), BuildError> {
        if self.embedding == 0 {
            return Err(BuildError::new("embedding", "must be at least 1"));
        }
        if !(0.0..1.0).contains(&self.dropout_in) {
            return Err(BuildError::new("dropout_in", format!("{} is not in [0, 1)", self.dropout_in)));
        }
        Ok(())
    }
}

/// Embedding, body and head; the embedding is absent where a task feeds values.
#[derive(Module, Debug)]
struct Network<B: Body> {
    embedding: Option<Param<Tensor<2>>>,
    body: B,
    head: Head,
}

/// The linear map from features to outputs.
#[derive(Module, Debug)]
pub struct Head {
    /// `[outputs, features]`
    pub weight: Param<Tensor<2>>,
    /// `[outputs]`
    pub bias: Param<Tensor<1>>,
}

impl Head {
    fn new(features: usize, outputs: usize, kind: HeadInit, init: &mut Init) -> Self {
        let shape = [outputs, features];
        match kind {
            HeadInit::KaimingNormal => {
                Self { weight: init.normal(shape, (2.0 / features as f64).sqrt()), bias: init.constant([outputs], 0.0) }
            }
            HeadInit::Normal { std } => Self { weight: init.normal(shape, std), bias: init.constant([outputs], 0.0) },
            HeadInit::Torch => {
                let bound = 1.0 / (features as f64).sqrt();
                Self { weight: init.uniform(shape, -bound, bound), bias: init.uniform([outputs], -bound, bound) }
            }
        }
    }

    /// `[batch, features]` to `[batch, outputs]`.
    fn sample(&self, x: Tensor<2>) -> Tensor<2> {
        x.exact_matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze::<2>()
    }

    /// `[batch, features, length]` to `[batch, outputs, length]`.
    fn step(&self, x: Tensor<3>) -> Tensor<3> {
        pointwise(x, self.weight.val(), self.bias.val())
    }
}

/// Build a network around the body that `build` makes, and erase its type.
///
/// # Errors
/// What `build` refuses, and settings out of range.
pub fn assemble<B: Body + Sync + 'static>(
    settings: &NetworkSettings,
    input: &InputSpec,
    output: &OutputSpec,
    groups: Vec<ParameterGroup>,
    init: &mut Init,
    build: impl FnOnce(&BodySpec, &mut Init) -> Result<Built<B>, BuildError>,
) -> Result<Box<dyn Model>, BuildError> {
    settings.check()?;
    let per_step = matches!(output, OutputSpec::PerStep(_));
    let (embedding, channels) = match input {
        InputSpec::Values { channels, .. } => (None, *channels),
        InputSpec::Tokens { vocabulary, .. } => {
            (Some(init.normal([*vocabulary, settings.embedding], 1.0)), settings.embedding)
        }
    };
    let spec = BodySpec { channels, shape: input.shape(), per_step };
    let Built { body, features, readout, head } = build(&spec, init)?;
    if readout == Readout::Last && spec.rank() != 1 && !per_step {
        return Err(BuildError::new("readout", "`last` needs a sequence; use `mean` for images"));
    }
    let head = Head::new(features, output.outputs(), head, init);
    let network = Network { embedding, body, head };
    let parameters = named::list(&network);
    Ok(Box::new(Erased { network: Some(network), parameters, groups, readout, per_step, settings: settings.clone() }))
}

/// The one implementation of [`Model`].
struct Erased<B: Body> {
    /// Always present between calls; taken out while it is mapped by value.
    network: Option<Network<B>>,
    parameters: Vec<Parameter>,
    groups: Vec<ParameterGroup>,
    readout: Readout,
    per_step: bool,
    settings: NetworkSettings,
}

impl<B: Body> Erased<B> {
    #[expect(clippy::expect_used, reason = "the network is taken out only within `replace`, which puts it back")]
    fn network(&self) -> &Network<B> {
        self.network.as_ref().expect("network is present between calls")
    }

    fn read_out(&self, features: Tensor<3>, input_length: usize, lengths: Option<&[usize]>) -> Tensor<2> {
        let [batch, channels, positions] = features.dims();
        let valid = lengths.map(|lengths| {
            // A body may have reduced the positions: scale the lengths along.
            lengths
                .iter()
                .map(|&n| (n * positions).div_ceil(input_length.max(1)).clamp(1, positions))
                .collect::<Vec<_>>()
        });
        let device = features.device();
        match (self.readout, valid) {
            (Readout::Mean, None) => features.mean_dim(2).reshape([batch, channels]),
            (Readout::Mean, Some(valid)) => {
                let weights = valid
                    .iter()
                    .flat_map(|&n| (0..positions).map(move |t| if t < n { 1.0 / n as f32 } else { 0.0 }))
                    .collect::<Vec<f32>>();
                let weights = Tensor::<3>::from_data(TensorData::new(weights, [batch, 1, positions]), &device);
                (features * weights).sum_dim(2).reshape([batch, channels])
            }
            (Readout::Last, None) => features.narrow(2, positions - 1, 1).reshape([batch, channels]),
            (Readout::Last, Some(valid)) => {
                let at = valid.iter().map(|&n| (n - 1) as i32).collect::<Vec<_>>();
                let at = Tensor::<1, Int>::from_data(TensorData::new(at, [batch]), &device);
                let at = at.reshape([batch, 1, 1]).repeat_dim(1, channels);
                features.gather(2, at).reshape([batch, channels])
            }
        }
    }
}

impl<B: Body + Sync + 'static> Model for Erased<B> {
    fn forward(&self, input: Input, ctx: &mut Forward<'_>) -> Output {
        let network = self.network();
        let features = match (input.values, &network.embedding) {
            (InputValues::Tokens(tokens), Some(embedding)) => {
                let embedded = burn::tensor::module::embedding(embedding.val(), tokens);
                Features::Line(embedded.swap_dims(1, 2))
            }
            (InputValues::Tokens(tokens), None) => {
                let [batch, length] = tokens.dims();
                Features::Line(tokens.float().reshape([batch, 1, length]))
            }
            (InputValues::Values(features), _) => features,
        };
        let input_length = features.dims()[2..].iter().product();
        let features = ctx.dropout(features, self.settings.dropout_in, self.settings.dropout_in_kind);
        let features = network.body.forward(features, ctx).flatten();
        if self.per_step {
            let logits = network.head.step(features);
            ctx.probe(|| "head".into(), "logits", &logits);
            return Output::Step(logits);
        }
        let logits = network.head.sample(self.read_out(features, input_length, input.lengths.as_deref()));
        ctx.probe(|| "head".into(), "logits", &logits);
        Output::Sample(logits)
    }

    fn penalty(&self) -> Option<Tensor<1>> {
        self.network().body.penalty(&self.network().head)
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn groups(&self) -> &[ParameterGroup] {
        &self.groups
    }

    fn visit(&self, visitor: &mut dyn FnMut(&Parameter, Tensor<1>)) {
        named::visit(self.network(), visitor);
    }

    fn take_gradients(&self, gradients: &mut Gradients) -> BTreeMap<String, Tensor<1>> {
        named::take_gradients(self.network(), gradients)
    }

    fn replace(&mut self, replacement: &mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>) {
        if let Some(network) = self.network.take() {
            self.network = Some(named::replace(network, replacement));
        }
    }

    fn evaluator(&self) -> Box<dyn Model> {
        Box::new(Self {
            network: Some(self.network().valid()),
            parameters: self.parameters.clone(),
            groups: self.groups.clone(),
            readout: self.readout,
            per_step: self.per_step,
            settings: self.settings.clone(),
        })
    }
}
