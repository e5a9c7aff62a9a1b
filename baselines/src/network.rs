//! Embedding → body → read-out → head, and the object-safe [`Model`] that the training loop sees.

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{Gradients, Int, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::forward::DropoutKind;
use crate::layers::linear::Pointwise;
use crate::named::{self, Parameter};
use crate::read::read_scalar;
use crate::{
    Body, BodySpec, BuildError, Built, Features, Forward, ForwardError, GeneratedKernel, HeadInit, Init, InputSpec,
    LayerMeasure, LayerView, Measure, OutputSpec, ParameterGroup, ReadError, Readout, Trace,
};
use kernels::weighted_sum;

/// A batch of inputs on a device.
#[derive(Debug, Clone)]
pub struct Input {
    /// Real values or token ids.
    pub values: InputValues,
    /// Valid positions per row of a batch padded on the right, at least 1 each; `None` without padding.
    ///
    /// Padding is zeroed before the first layer. Layers that look ahead see zeros there at every depth, so that a sequence
    /// gets what it would get alone; group normalisation and the read-out leave it out. Only batch normalisation counts
    /// padding in its training statistics, as the reference programs do.
    pub lengths: Option<Vec<usize>>,
}

/// The content of an [`Input`].
#[derive(Debug, Clone)]
pub enum InputValues {
    /// `[batch, channels, positions…]`
    Values(Features),
    /// `[batch, length]`
    Tokens(Tensor<2, Int>),
}

/// Logits or predictions of a batch.
#[derive(Debug, Clone)]
pub enum Output {
    /// Per sample, `[batch, outputs]`.
    Sample(Tensor<2>),
    /// Per position, `[batch, outputs, length]`.
    Step(Tensor<3>),
}

/// A network with its type erased, so that the training loop compiles once.
///
/// Tensors cross this interface flat, `[elements]`, without autodiff, under the names of [`parameters`](Self::parameters).
pub trait Model: Send {
    /// Logits or predictions for a batch.
    ///
    /// # Errors
    /// A layer cannot read what decides its result, or has lost the valid lengths.
    fn forward(&self, input: Input, ctx: &mut Forward<'_>) -> Result<Output, ForwardError>;

    /// A term to add to the loss, already weighted; see [`Body::penalty`].
    ///
    /// # Errors
    /// A value that it depends on cannot be read from the device.
    fn penalty(&self) -> Result<Option<Tensor<1>>, ReadError>;

    /// The numbers that a penalty judges, in the order of the layers; see [`Body::measures`].
    ///
    /// Costs about one penalty and a transfer per layer: call it once in a while.
    ///
    /// # Errors
    /// The numbers cannot be read from the device.
    fn measures(&self) -> Result<Vec<LayerMeasure>, ReadError>;

    /// Every tensor, trainable or not, in the order of the fields.
    fn parameters(&self) -> &[Parameter];

    /// Parameters with optimiser settings of their own.
    fn groups(&self) -> &[ParameterGroup];

    /// Calls `visitor` with every tensor.
    fn visit(&self, visitor: &mut dyn FnMut(&Parameter, Tensor<1>));

    /// Takes the gradients out of `gradients`, one entry per tensor of [`parameters`](Self::parameters).
    ///
    /// Running statistics have none, nor has a tensor that the loss does not depend on.
    fn take_gradients(&self, gradients: &mut Gradients) -> Vec<Option<Tensor<1>>>;

    /// Replaces tensors: `replacement` maps name and value to a new value, or to `None` to keep it.
    fn replace(&mut self, replacement: &mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>);

    /// See [`Body::generated_kernels`].
    ///
    /// # Errors
    /// They cannot be read from the device.
    fn generated_kernels(&self) -> Result<Vec<GeneratedKernel>, ReadError>;

    /// The frequencies of all [`generated_kernels`](Self::generated_kernels), in units of Nyquist's.
    ///
    /// # Errors
    /// They cannot be read from the device.
    fn filter_frequencies(&self) -> Result<Vec<f64>, ReadError> {
        Ok(self.generated_kernels()?.into_iter().flat_map(|kernel| kernel.frequencies).collect())
    }

    /// See [`Body::views`].
    ///
    /// # Errors
    /// A value that decides what is shown cannot be read from the device.
    fn views(&self, shape: &[usize]) -> Result<Vec<LayerView>, ReadError>;

    /// A forward pass in evaluation mode, under autodiff whether or not this model is: its input can be differentiated.
    ///
    /// # Errors
    /// As for [`forward`](Self::forward).
    fn trace(&self, input: Input, ctx: &mut Forward<'_>) -> Result<Trace, ForwardError>;

    /// See [`Body::kernel_length`].
    fn kernel_length(&self) -> Option<usize>;

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
    /// In front of the head, with ReLU in between; absent where the head is one linear map.
    hidden: Option<Pointwise>,
    head: Pointwise,
}

/// The linear map from `features` to `outputs`.
fn head(features: usize, outputs: usize, kind: HeadInit, init: &mut Init) -> Pointwise {
    match kind {
        HeadInit::KaimingNormal => Pointwise::kaiming_normal(features, outputs, init),
        HeadInit::Normal { std } => {
            Pointwise { weight: init.normal([outputs, features], std), bias: init.constant([outputs], 0.0) }
        }
        HeadInit::Torch | HeadInit::TorchMlp => Pointwise::torch(features, outputs, init),
        HeadInit::LecunNormal => Pointwise::lecun_normal(features, outputs, init),
        HeadInit::XavierWithBias => Pointwise::xavier_with_bias(features, outputs, init),
    }
}

/// Builds embedding and head around the body that `build` makes, and erases the type.
///
/// # Errors
/// An error of `build`, or a network setting out of its range.
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
    let Built { body, features, readout, head: kind } = build(&spec, init)?;
    if readout == Readout::Last && spec.rank() != 1 && !per_step {
        return Err(BuildError::new("readout", "`last` needs a sequence; use `mean` for images"));
    }
    let pairs = matches!(output, OutputSpec::Pair(_));
    let features = if pairs { PAIR_FEATURES * features } else { features };
    let hidden = (kind == HeadInit::TorchMlp).then(|| Pointwise::torch(features, features, init));
    let network = Network { embedding, body, hidden, head: head(features, output.outputs(), kind, init) };
    let parameters = named::list(&network);
    Ok(Box::new(Erased {
        network: Some(network),
        parameters,
        groups,
        readout,
        per_step,
        pairs,
        settings: settings.clone(),
    }))
}

/// Features of a pair per feature of one input.
const PAIR_FEATURES: usize = 4;

/// Joins consecutive rows u and v to `[u, v, u − v, u · v]`: `[2 · batch, features]` to `[batch, 4 · features]`.
///
/// Both inputs went through the same network, two towers with shared weights, as in Long Range Arena, arXiv 2011.04006.
fn join_pairs(features: Tensor<2>) -> Tensor<2> {
    let [rows, channels] = features.dims();
    let both = features.reshape([rows / 2, 2, channels]);
    let tower = |i: usize| both.clone().narrow(1, i, 1).reshape([rows / 2, channels]);
    let (u, v) = (tower(0), tower(1));
    Tensor::cat(vec![u.clone(), v.clone(), u.clone() - v.clone(), u * v], 1)
}

/// The one implementation of [`Model`].
struct Erased<B: Body> {
    /// Always present between calls; taken out while it is mapped by value.
    network: Option<Network<B>>,
    parameters: Vec<Parameter>,
    groups: Vec<ParameterGroup>,
    readout: Readout,
    per_step: bool,
    pairs: bool,
    settings: NetworkSettings,
}

impl<B: Body> Erased<B> {
    #[expect(clippy::expect_used, reason = "the network is taken out only within `replace`, which puts it back")]
    fn network(&self) -> &Network<B> {
        self.network.as_ref().expect("network is present between calls")
    }

    fn read_out(&self, features: Tensor<3>, ctx: &Forward<'_>) -> Tensor<2> {
        let [batch, _, positions] = features.dims();
        let valid = ctx.valid(positions);
        let device = features.device();
        // Weights `[batch, positions]` of one series per length, or of one for all.
        let share = |n: usize| match self.readout {
            Readout::Mean => (0..positions).map(|t| if t < n { 1.0 / n as f32 } else { 0.0 }).collect::<Vec<_>>(),
            Readout::Last => (0..positions).map(|t| if t + 1 == n { 1.0 } else { 0.0 }).collect(),
        };
        let valid = valid.unwrap_or_else(|| vec![positions]);
        let rows = valid.len();
        debug_assert!(rows == 1 || rows == batch, "{rows} lengths for {batch} samples");
        let weights = valid.into_iter().flat_map(share).collect::<Vec<f32>>();
        weighted_sum(features, Tensor::from_data(TensorData::new(weights, [rows, 1, positions]), &device))
    }

    /// Logits per sample of the features that `network` makes.
    fn sample_logits(
        &self,
        network: &Network<B>,
        features: Tensor<3>,
        ctx: &Forward<'_>,
    ) -> Result<Tensor<2>, ForwardError> {
        let mut features = self.read_out(features, ctx);
        // A failed pass ends here, before more is computed from its features.
        ctx.outcome()?;
        if self.pairs {
            features = join_pairs(features);
        }
        if let Some(hidden) = &network.hidden {
            features = relu(hidden.rows(features));
        }
        Ok(network.head.rows(features))
    }
}

impl<B: Body> Network<B> {
    /// What the body is given.
    fn embed(&self, values: InputValues) -> Features {
        match (values, &self.embedding) {
            (InputValues::Tokens(tokens), Some(embedding)) => {
                let embedded = burn::tensor::module::embedding(embedding.val(), tokens);
                Features::Line(embedded.swap_dims(1, 2))
            }
            (InputValues::Tokens(tokens), None) => {
                let [batch, length] = tokens.dims();
                Features::Line(tokens.float().reshape([batch, 1, length]))
            }
            (InputValues::Values(features), _) => features,
        }
    }
}

/// Padding is zeroed before the network sees it.
fn without_padding(features: Features, ctx: &Forward<'_>) -> Features {
    match ctx.is_padded() {
        true => {
            let dims = features.dims();
            Features::from_flat(ctx.mask_padding(features.flatten()), &dims[2..])
        }
        false => features,
    }
}

impl<B: Body + Sync + 'static> Model for Erased<B> {
    fn forward(&self, input: Input, ctx: &mut Forward<'_>) -> Result<Output, ForwardError> {
        let network = self.network();
        let features = network.embed(input.values);
        let dims = features.dims();
        ctx.set_lengths(input.lengths.as_deref(), dims[2..].iter().product());
        let features = ctx.dropout(features, self.settings.dropout_in, self.settings.dropout_in_kind);
        ctx.read_deciding(network.body.deciding());
        let mut features = network.body.forward(without_padding(features, ctx), ctx).flatten();
        if self.per_step {
            if let Some(hidden) = &network.hidden {
                features = relu(hidden.forward(features, ctx.precision()));
            }
            let logits = network.head.forward(features, ctx.precision());
            ctx.probe(|| "head".into(), "logits", &logits);
            return ctx.outcome().map(|()| Output::Step(logits));
        }
        let logits = self.sample_logits(network, features, ctx)?;
        ctx.probe(|| "head".into(), "logits", &logits);
        ctx.outcome().map(|()| Output::Sample(logits))
    }

    fn penalty(&self) -> Result<Option<Tensor<1>>, ReadError> {
        self.network().body.penalty(&self.network().head)
    }

    fn measures(&self) -> Result<Vec<LayerMeasure>, ReadError> {
        let measures = self.network().body.measures()?;
        let read = |measure: Measure| {
            let Measure { layer, quantity, value } = measure;
            let value = f64::from(read_scalar(value, &format!("{quantity} of {layer}"))?);
            Ok(LayerMeasure { layer, quantity, value })
        };
        measures.into_iter().map(read).collect()
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

    fn take_gradients(&self, gradients: &mut Gradients) -> Vec<Option<Tensor<1>>> {
        named::take_gradients(self.network(), gradients)
    }

    fn replace(&mut self, replacement: &mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>) {
        if let Some(network) = self.network.take() {
            self.network = Some(named::replace(network, &self.parameters, replacement));
        }
    }

    fn generated_kernels(&self) -> Result<Vec<GeneratedKernel>, ReadError> {
        self.network().body.generated_kernels()
    }

    fn views(&self, shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        self.network().valid().body.views(shape)
    }

    fn trace(&self, input: Input, ctx: &mut Forward<'_>) -> Result<Trace, ForwardError> {
        let plain = self.network().valid();
        let features = plain.embed(input.values);
        let shape = features.dims().split_off(2);
        let embedded = features.flatten().inner().autodiff().require_grad();
        let positions = shape.iter().product();
        ctx.set_lengths(input.lengths.as_deref(), positions);
        let lengths = ctx.valid(positions);
        let network = plain.train();
        let features = without_padding(Features::from_flat(embedded.clone(), &shape), ctx);
        ctx.read_deciding(network.body.deciding());
        let features = network.body.forward(features, ctx);
        let feature_shape = features.dims().split_off(2);
        let features = features.flatten();
        let feature_lengths = ctx.valid(features.dims()[2]);
        let answers = match self.per_step {
            true => None,
            false => Some(self.sample_logits(&network, features.clone(), ctx)?),
        };
        ctx.outcome()?;
        Ok(Trace { embedded, shape, lengths, features, feature_shape, feature_lengths, answers, readout: self.readout })
    }

    fn kernel_length(&self) -> Option<usize> {
        self.network().body.kernel_length()
    }

    fn evaluator(&self) -> Box<dyn Model> {
        Box::new(Self {
            network: Some(self.network().valid()),
            parameters: self.parameters.clone(),
            groups: self.groups.clone(),
            readout: self.readout,
            per_step: self.per_step,
            pairs: self.pairs,
            settings: self.settings.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn features_of_a_pair_are_both_their_difference_and_their_product() {
        let features = [[1.0f32, 2.0], [3.0, 5.0], [-1.0, 0.5], [2.0, 4.0]];
        let joined = join_pairs(Tensor::from_data(features, &Device::flex()));
        assert_eq!(joined.dims(), [2, 8]);
        let wanted = [[1.0f32, 2.0, 3.0, 5.0, -2.0, -3.0, 3.0, 10.0], [-1.0, 0.5, 2.0, 4.0, -3.0, -3.5, -2.0, 2.0]];
        joined.into_data().assert_eq(&TensorData::from(wanted), true);
    }

    /// d/du of Σ w · [u, v, u − v, u · v] is w₁ + w₃ + w₄ v, and d/dv is w₂ − w₃ + w₄ u.
    #[test]
    fn gradients_reach_both_inputs_of_a_pair() {
        let device = Device::flex().autodiff();
        let features = Tensor::<2>::from_data([[2.0f32], [5.0]], &device).require_grad();
        let weights = Tensor::<2>::from_data([[1.0f32, 10.0, 100.0, 1000.0]], &device);
        let gradients = (join_pairs(features.clone()) * weights).sum().backward();
        let found = features.grad(&gradients).map(|gradient| gradient.into_data());
        let wanted = TensorData::from([[1.0f32 + 100.0 + 5000.0], [10.0 - 100.0 + 2000.0]]);
        assert_eq!(found, Some(wanted));
    }
}
