//! Long convolutions with free kernels, `HazyResearch/safari`: its modules and its standalone program.

use baselines::layers::convolution::free_kernel::{Program, Sides};
use baselines::layers::{
    Conventions, FreeKernel, FreeKernelSpec, KernelStart, LongConv, LongConvSpec, Norm, NormKind, Residual,
    SequenceLayer, Smoothing, Stack, StackSpec,
};
use baselines::network::{NetworkSettings, assemble};
use baselines::{Init, InputSpec, OutputSpec, reference};
use burn::tensor::Device;
use serde_json::json;

use crate::parity::{Comparison, Golden, OurOutput, ParityError, RecordedTensor, check};

/// `longconv.kernel`: the kernels alone, `[channels, d_model, taps]`, after smoothing and threshold.
pub(super) fn kernel(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let taps = taps(golden, "kernel_taps")?;
    let smoothing = smoothing(golden)?;
    let spec = FreeKernelSpec {
        channels: golden.count("channels")?,
        d_model: golden.count("d_model")?,
        reach: FreeKernelSpec::causal_reach(taps),
        terms: taps,
        threshold: golden.number("lam")?,
        smoothing,
        window: window(golden)?,
        dropout: 0.0,
        start: KernelStart::Random,
        reference_bugs: true,
    };
    let kernel = FreeKernel::new(&spec, &mut Init::new(0, &check::autodiff(device)));
    let kernel = check::load(golden, kernel, &str::to_owned)?;
    let k = check::forward(golden, |ctx| kernel.sample_and_drop(ctx))?;
    check::outputs(golden, &kernel, &[OurOutput::new("k", k)], &[], &str::to_owned)
}

/// `longconv.layer`: convolution, skip, GELU and gated map, `[batch, d_model, length]` or, unless `transposed`,
/// `[batch, length, d_model]`.
pub(super) fn layer(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let x = RecordedTensor::read(golden, "u", golden.count("d_model")?, !golden.flag("transposed")?, device)?;
    let spec = spec(golden, x.shape[0])?;
    let layer = LongConv::new(&spec, &mut Init::new(0, &check::autodiff(device)));
    let layer = check::load(golden, layer, names(golden)?)?;
    let y = check::forward(golden, |ctx| layer.forward(x.tensor(), "layer", ctx))?;
    check::module(golden, &layer, x.as_recorded(y), Some(&x), names(golden)?)
}

/// `longconv.block`: the layer with its normalisation and residual connection, `[batch, length, d_model]`.
pub(super) fn block(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    golden.only("transposed", &[json!(false)])?;
    golden.only("program", &[json!("safari")])?;
    let x = RecordedTensor::read(golden, "x", golden.count("d_model")?, true, device)?;
    let spec = spec(golden, x.shape[0])?;
    let residual = Residual { prenorm: golden.flag("prenorm")?, dropout: 0.0 };
    let mut init = Init::new(0, &check::autodiff(device));
    let block = (LongConv::new(&spec, &mut init), Norm::new(norm(golden)?, spec.d_model, &mut init));
    let names = |name: &str| match name.split_once('.') {
        Some(("0", rest)) => format!("layer.{}", reference::safari(rest)),
        Some((_, rest)) => format!("norm.norm.{rest}"),
        None => name.to_owned(),
    };
    let block = check::load(golden, block, &names)?;
    let y = check::forward(golden, |ctx| residual.around(x.tensor(), &block.0, &block.1, "block", ctx))?;
    check::module(golden, &block, x.as_recorded(y), Some(&x), &names)
}

/// `longconv.network`: encoder, blocks, mean over positions, decoder; input `[batch, length, channels]`.
pub(super) fn network(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    golden.only("transposed", &[json!(false)])?;
    golden.only("pooling", &[json!("mean")])?;
    let inputs = golden.count("input_size")?;
    let x = RecordedTensor::read(golden, "x", inputs, true, device)?;
    let layer = spec(golden, x.shape[0])?;
    let prenorm = golden.flag("prenorm")?;
    let stack = StackSpec {
        inputs,
        d_model: layer.d_model,
        n_layers: golden.count("n_layers")?,
        residual: Residual { prenorm, dropout: 0.0 },
        norm: norm(golden)?,
        out_norm: prenorm && program(golden)? == Program::Safari,
        conventions: Conventions::Torch,
    };
    let input = InputSpec::Values { channels: inputs, shape: x.shape.clone() };
    let output = OutputSpec::Classes(golden.count("classes")?);
    let mut init = Init::new(0, &check::autodiff(device));
    let mut model = assemble(&NetworkSettings::default(), &input, &output, Vec::new(), &mut init, |_, init| {
        Ok(Stack::build(&stack, init, |init| LongConv::new(&layer, init)))
    })?;
    check::network(golden, model.as_mut(), &x, names(golden)?)
}

fn program(golden: &Golden) -> Result<Program, ParityError> {
    match golden.text("program")? {
        "safari" => Ok(Program::Safari),
        "standalone" => Ok(Program::Standalone),
        other => Err(ParityError::Unsupported(format!("`build.program` is {other}"))),
    }
}

fn names(golden: &Golden) -> Result<&'static dyn Fn(&str) -> String, ParityError> {
    Ok(match program(golden)? {
        Program::Safari => &reference::safari,
        Program::Standalone => &reference::safari_standalone,
    })
}

/// The layer that `build` describes, for inputs of `length`.
fn spec(golden: &Golden, length: usize) -> Result<LongConvSpec, ParityError> {
    golden.only("activation", &[json!("gelu")])?;
    golden.only("postact", &[json!("glu")])?;
    let l_max = taps(golden, "l_max")?;
    let sides = match (golden.flag("causal")?, golden.flag("bidirectional")?) {
        (true, false) => Sides::Causal,
        (true, true) => Sides::Both,
        (false, false) => Sides::Wrapped,
        (false, true) => return Err(ParityError::Unsupported("two kernels per channel of twice the length".into())),
    };
    let smoothing = smoothing(golden)?;
    // Where the program does not wrap around, its results are those of lags that are right.
    let wraps = if sides == Sides::Wrapped { length != l_max } else { length < l_max };
    let odd = smoothing == Smoothing::Frequency && sides != Sides::Wrapped && l_max % 2 == 1;
    Ok(LongConvSpec {
        d_model: golden.count("d_model")?,
        channels: golden.count("channels")?,
        l_max,
        sides,
        threshold: golden.number("lam")?,
        smoothing,
        window: window(golden)?,
        kernel_dropout: 0.0,
        start: KernelStart::Random,
        dropout: 0.0,
        reference_bugs: if wraps || odd { Some(program(golden)?) } else { None },
    })
}

/// A number of taps, at least one.
fn taps(golden: &Golden, field: &str) -> Result<usize, ParityError> {
    match golden.count(field)? {
        0 => Err(ParityError::Unsupported(format!("`build.{field}` is 0"))),
        taps => Ok(taps),
    }
}

fn smoothing(golden: &Golden) -> Result<Smoothing, ParityError> {
    match golden.text("smoothing")? {
        "none" => Ok(Smoothing::None),
        "moving_average" => Ok(Smoothing::MovingAverage),
        "frequency" => Ok(Smoothing::Frequency),
        other => Err(ParityError::Unsupported(format!("`build.smoothing` is {other}"))),
    }
}

/// The width of the smoothing, which has a middle.
fn window(golden: &Golden) -> Result<usize, ParityError> {
    if !golden.has("ma_window_len") {
        return Ok(1);
    }
    match golden.count("ma_window_len")? {
        window if window % 2 == 1 => Ok(window),
        window => Err(ParityError::Unsupported(format!("`build.ma_window_len` is {window}, which has no middle"))),
    }
}

fn norm(golden: &Golden) -> Result<NormKind, ParityError> {
    match golden.text("norm")? {
        "BatchNorm" => Ok(NormKind::Batch),
        "LayerNorm" => Ok(NormKind::Layer),
        other => Err(ParityError::Unsupported(format!("`build.norm` is {other}"))),
    }
}
