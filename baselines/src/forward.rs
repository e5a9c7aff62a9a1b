//! The context that travels through a forward pass: mode, random stream, probes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use burn::tensor::{Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vocabulary::record::Histogram;

use crate::read::{read, read_all};
use crate::{Features, ReadError};
use kernels::{Activation, DropoutMask, Precision, masked};

/// What is dropped together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DropoutKind {
    /// Every element by itself.
    Element,
    /// A whole channel of a sample, over all its positions.
    #[default]
    Channel,
}

/// An observation of one activation or kernel, taken where a model calls [`Forward::probe`].
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Layer that it was taken at, e.g. `blocks.0.conv`.
    pub layer: String,
    /// `activation`, `kernel` or `logits`.
    pub quantity: &'static str,
    /// Mean over all elements.
    pub mean: f64,
    /// Variance over all elements (biased).
    pub variance: f64,
    /// Largest magnitude.
    pub max_abs: f64,
    /// Of a generated kernel: the variance under which its convolution keeps that of white inputs.
    pub target_variance: Option<f64>,
    /// Of logits: how they are distributed.
    pub histogram: Option<Histogram>,
}

impl Probe {
    fn of(layer: String, quantity: &'static str, values: &[f32]) -> Self {
        let n = values.len().max(1) as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        // Not a number counts as the largest: `f64::max` would pass over it.
        let larger = |most: f64, v: f64| if v.is_nan() || v > most { v } else { most };
        let max_abs = values.iter().map(|&v| f64::from(v.abs())).fold(0.0, larger);
        let histogram = (quantity == "logits").then(|| Histogram::of(values)).flatten();
        Self { layer, quantity, mean, variance, max_abs, target_variance: None, histogram }
    }
}

/// Why the result of a forward pass must not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// A value that decides what is computed cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A layer has changed the number of positions without a call of [`Forward::reduce`].
    #[error(
        "valid lengths are known for {known} positions, and a layer has {found}: the layer that changed their number has \
         to call `Forward::reduce`"
    )]
    Lengths {
        /// Positions that the valid lengths refer to.
        known: usize,
        /// Positions of the layer.
        found: usize,
    },
}

/// Mode, random stream and probes of one forward pass.
///
/// Dropout masks come from a stream keyed by (seed, step, number of the call within the pass), never from a backend's
/// generator: they are the same on every device and after a resume.
#[derive(Debug)]
pub struct Forward<'a> {
    training: bool,
    drops: bool,
    seed: u64,
    step: u64,
    site: u64,
    resolution: f64,
    precision: Precision,
    padding: Option<Padding>,
    deciding: BTreeMap<String, Vec<f32>>,
    probes: Option<&'a mut Vec<Probe>>,
    failure: OnceLock<ForwardError>,
}

/// Valid positions of a batch padded on the right, at the present stage of a network.
#[derive(Debug, Clone)]
struct Padding {
    /// Per row.
    valid: Vec<usize>,
    /// Positions that they are counted in.
    length: usize,
}

impl<'a> Forward<'a> {
    /// A training pass: batch statistics and dropout, masks keyed by `seed` and `step`.
    pub fn training(seed: u64, step: u64) -> Self {
        Self { training: true, seed, step, ..Self::evaluation() }
    }

    /// An evaluation pass: running statistics, no dropout.
    pub fn evaluation() -> Self {
        Self {
            training: false,
            drops: true,
            seed: 0,
            step: 0,
            site: 0,
            resolution: 1.0,
            precision: Precision::Float32,
            padding: None,
            deciding: BTreeMap::new(),
            probes: None,
            failure: OnceLock::new(),
        }
    }

    /// Records every probe into `probes`.
    pub fn with_probes(mut self, probes: &'a mut Vec<Probe>) -> Self {
        self.probes = Some(probes);
        self
    }

    /// Turns all dropout off, that of inputs included.
    pub fn without_dropout(mut self) -> Self {
        self.drops = false;
        self
    }

    /// Sets the samples per axis of the inputs to `resolution` times those of training.
    ///
    /// Kernels that are functions of the position are sampled on the finer or coarser grid.
    pub fn at_resolution(mut self, resolution: f64) -> Self {
        self.resolution = resolution;
        self
    }

    /// Rounds the operands of large matrix products to `precision` on GPUs.
    ///
    /// [`DeviceChoice::check`](crate::device::DeviceChoice::check) tells whether a device can.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Precision of the operands of large matrix products on GPUs, also of gradients.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Samples per axis relative to those of training.
    pub fn resolution(&self) -> f64 {
        self.resolution
    }

    /// Sets how many of the `length` positions of every row are valid, at least 1 each; `None` if all are.
    pub fn set_lengths(&mut self, valid: Option<&[usize]>, length: usize) {
        self.padding = valid
            .filter(|valid| valid.iter().any(|&n| n < length))
            .map(|valid| Padding { valid: valid.iter().map(|&n| n.clamp(1, length.max(1))).collect(), length });
    }

    /// Carries the valid lengths into a stage that makes `outputs(n)` positions of `n`.
    ///
    /// A stage with strides or poolings calls this once, after masking its input and before anything uses its output. Nothing
    /// is rounded twice: every row gets the length that the stage would make of it alone.
    pub fn reduce(&mut self, outputs: impl Fn(usize) -> usize) {
        if let Some(padding) = &mut self.padding {
            padding.valid.iter_mut().for_each(|n| *n = outputs(*n));
            padding.length = outputs(padding.length);
        }
    }

    /// Whether some positions are padding.
    pub fn is_padded(&self) -> bool {
        self.padding.is_some()
    }

    /// Valid positions per row of features with `positions` positions; `None` without padding.
    ///
    /// The pass fails if [`reduce`](Self::reduce) has led to another number of positions.
    pub fn valid(&self, positions: usize) -> Option<Vec<usize>> {
        let Padding { valid, length } = self.padding.as_ref()?;
        if *length != positions {
            self.fail(ForwardError::Lengths { known: *length, found: positions });
            return None;
        }
        Some(valid.clone())
    }

    /// Reads [`Body::deciding`](crate::Body::deciding) in one transfer.
    pub(crate) fn read_deciding(&mut self, tensors: Vec<(String, Tensor<1>)>) {
        if tensors.is_empty() {
            return;
        }
        let (layers, tensors): (Vec<String>, Vec<Tensor<1>>) = tensors.into_iter().unzip();
        match read_all(tensors, "the widths of masks") {
            Ok(values) => self.deciding = layers.into_iter().zip(values).collect(),
            Err(error) => self.fail(error),
        }
    }

    /// The values of what [`Body::deciding`](crate::Body::deciding) has for `layer`; `None` where they were not read.
    pub fn decides(&self, layer: &str) -> Option<&[f32]> {
        self.deciding.get(layer).map(Vec::as_slice)
    }

    /// Makes the pass fail. A body that calls this returns anything of the right shape, which is discarded.
    pub fn fail(&self, error: impl Into<ForwardError>) {
        // The first failure explains those that follow.
        if self.failure.get().is_none() {
            self.failure.get_or_init(|| error.into());
        }
    }

    /// Whether the pass is sound so far.
    ///
    /// # Errors
    /// The first failure.
    pub fn outcome(&self) -> Result<(), ForwardError> {
        self.failure.get().cloned().map_or(Ok(()), Err)
    }

    /// Zeros the padded positions of `x`, `[batch, channels, positions]`.
    ///
    /// A layer that looks ahead calls this, lest padding leak into valid positions; `state-spaces/s4` does so too.
    pub fn mask_padding(&self, x: Tensor<3>) -> Tensor<3> {
        match self.padding_mask(&x) {
            Some(mask) => x * mask,
            None => x,
        }
    }

    /// 1 in valid and 0 in padded positions, `[batch, 1, positions]`; `None` without padding.
    pub(crate) fn padding_mask(&self, x: &Tensor<3>) -> Option<Tensor<3>> {
        let [batch, _, positions] = x.dims();
        let valid = self.valid(positions)?;
        let mask = valid.iter().flat_map(|&n| (0..positions).map(move |t| if t < n { 1.0 } else { 0.0 }));
        let mask = TensorData::new(mask.collect::<Vec<f32>>(), [batch, 1, positions]);
        Some(Tensor::from_data(mask, &x.device()))
    }

    /// Whether batch statistics and dropout apply.
    pub fn is_training(&self) -> bool {
        self.training
    }

    /// Records mean, variance and largest magnitude of `values` under `layer`.
    ///
    /// Free without [`with_probes`](Self::with_probes).
    pub fn probe<const D: usize>(
        &mut self,
        layer: impl FnOnce() -> String,
        quantity: &'static str,
        values: &Tensor<D>,
    ) {
        let Some(probes) = self.probes.as_deref_mut() else { return };
        let layer = layer();
        match read(values.clone(), &format!("the {quantity} of {layer}")) {
            Ok(values) => probes.push(Probe::of(layer, quantity, &values)),
            Err(error) => self.fail(error),
        }
    }

    /// [`probe`](Self::probe) for a kernel whose convolution adds up `terms` products per output.
    ///
    /// Its target is the variance 1 / `terms`: gain² / (channels · size) with a gain of 1 (CCNN, section 4.2).
    pub fn probe_kernel<const D: usize>(&mut self, layer: &str, values: &Tensor<D>, terms: usize) {
        self.probe(|| layer.to_owned(), "kernel", values);
        if let Some(probe) = self.probes.as_deref_mut().and_then(|probes| probes.last_mut())
            && (probe.layer.as_str(), probe.quantity) == (layer, "kernel")
        {
            probe.target_variance = Some(1.0 / terms.max(1) as f64);
        }
    }

    /// Inverted dropout with probability `p` on features `[batch, channels, positions…]`; the identity outside training.
    pub fn dropout(&mut self, x: Features, p: f64, kind: DropoutKind) -> Features {
        if !self.drops_at(p) {
            return x;
        }
        x.map_flat(|x| self.dropout_tensor(x, p, kind))
    }

    /// [`dropout`](Self::dropout) for features `[batch, channels, positions]`.
    pub fn dropout_tensor(&mut self, x: Tensor<3>, p: f64, kind: DropoutKind) -> Tensor<3> {
        self.activate_and_drop(x, Activation::Identity, p, kind)
    }

    /// An activation, then dropout, in one pass over features `[batch, channels, positions]`.
    pub fn activate_and_drop(&mut self, x: Tensor<3>, activation: Activation, p: f64, kind: DropoutKind) -> Tensor<3> {
        if !self.drops_at(p) {
            return activation.apply(x);
        }
        let [batch, channels, positions] = x.dims();
        let positions = if kind == DropoutKind::Channel { 1 } else { positions };
        // 64 bits: the step in the upper 48, the site in the lower 16.
        let stream = (self.step << 16) | self.site;
        self.site += 1;
        let mask = DropoutMask { shape: [batch, channels, positions], probability: p, seed: self.seed, stream };
        masked(x.clone(), mask.like(&x), mask.factor(), activation)
    }

    fn drops_at(&self, p: f64) -> bool {
        self.training && self.drops && p > 0.0
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn lengths_go_through_every_stage_by_themselves() {
        let mut ctx = Forward::evaluation();
        ctx.set_lengths(Some(&[0, 1, 59, 73, 81]), 81);
        assert_eq!(ctx.valid(81), Some(vec![1, 1, 59, 73, 81]));
        for wanted in [[1, 1, 30, 37, 41], [1, 1, 15, 19, 21], [1, 1, 8, 10, 11]] {
            ctx.reduce(|n| (n + 2 - 3) / 2 + 1);
            assert_eq!(ctx.valid(wanted[4]), Some(wanted.to_vec()));
        }
        assert_eq!(ctx.outcome(), Ok(()));
        // A layer that has forgotten to tell.
        assert_eq!(ctx.valid(6), None);
        assert_eq!(ctx.outcome(), Err(ForwardError::Lengths { known: 11, found: 6 }));
        ctx.set_lengths(Some(&[81, 81]), 81);
        ctx.reduce(|n| n / 2);
        assert_eq!(ctx.valid(40), None);
    }

    #[test]
    fn every_pass_has_a_precision_of_its_own() {
        let all = [Precision::Float32, Precision::Tf32, Precision::Bfloat16];
        let passes = all.map(|precision| Forward::training(1, 2).with_precision(precision));
        assert_eq!(passes.each_ref().map(Forward::precision), all);
        assert_eq!(Forward::evaluation().precision(), Precision::Float32);
    }

    #[test]
    fn the_first_failure_stays() {
        let ctx = Forward::evaluation();
        ctx.fail(ReadError::new("a mask", "gone"));
        ctx.fail(ForwardError::Lengths { known: 2, found: 1 });
        assert_eq!(ctx.outcome(), Err(ForwardError::Read(ReadError::new("a mask", "gone"))));
    }

    #[test]
    fn a_probe_of_something_that_is_not_a_number_says_so() {
        let of = |values: &[f32]| Probe::of(String::new(), "activation", values);
        assert!(of(&[1.0, f32::NAN, 2.0]).max_abs.is_nan());
        assert_eq!(of(&[1.0, f32::NEG_INFINITY, 2.0]).max_abs, f64::INFINITY);
        assert_eq!((of(&[1.0, -3.0]).variance, of(&[1.0, -3.0]).max_abs), (4.0, 3.0));
        assert_eq!(of(&[1.0]).histogram, None);
    }

    #[test]
    fn a_kernel_has_the_variance_that_it_should_have_beside_its_own() {
        let values = Tensor::<1>::from_data([1.0f32, -1.0], &Device::flex());
        let mut probes = Vec::new();
        let mut ctx = Forward::evaluation().with_probes(&mut probes);
        ctx.probe_kernel("conv1", &values, 20);
        ctx.probe(|| "head".into(), "logits", &values);
        assert_eq!((probes[0].variance, probes[0].target_variance), (1.0, Some(0.05)));
        assert_eq!(probes[1].target_variance, None);
        assert!(probes[1].histogram.as_ref().is_some_and(|found| (found.counts[0], found.counts[31]) == (1, 1)));
        Forward::evaluation().probe_kernel("conv1", &values, 20);
    }
}
