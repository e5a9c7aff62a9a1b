//! S4 and S4D, `state-spaces/s4`.

use baselines::kernels::Discretisation;
use baselines::layers::state_space::hippo::{self, DiagonalInit, HippoMeasure};
use baselines::layers::{
    S4Block, S4BlockSpec, S4Kernel, S4KernelSpec, S4d, S4dKernel, S4dSpec, SequenceLayer, StateMatrix, check_states,
};
use baselines::{Init, named, reference};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value, json};

use crate::parity::{Comparison, Golden, GoldenError, ParityError, RecordedTensor, check, compare::output_bound};

/// Bound of C after its transformation at the first use, a matrix power that the original takes in single precision.
const TRUNCATED: f64 = 1e-3;

/// Tensors of `s4.hippo` that are defined up to the signs of eigenvectors.
const SIGNED: [&str; 4] = ["P", "B", "V", "diag-legs.B"];

/// `s4.hippo`: initial state matrices, those that `build.compare` names. An eigenvector's sign is arbitrary, so that some
/// of the recorded tensors cannot be compared.
pub(super) fn hippo(golden: &Golden, _device: &Device) -> Result<Comparison, ParityError> {
    golden.only("init", &[json!("legs"), json!("fout"), json!("fourier")])?;
    let n = golden.count("d_state")?;
    if n < 2 || n % 2 == 1 {
        return Err(ParityError::Unsupported(format!("{n} states, which do not come in conjugate pairs")));
    }
    let measure =
        if !golden.has("init") || golden.text("init")? == "legs" { HippoMeasure::Legs } else { HippoMeasure::Fout };
    let mut comparison = Comparison::default();
    for name in golden.setting("compare").as_array().into_iter().flatten() {
        let name = name.as_str().ok_or_else(|| ParityError::Unsupported(format!("`build.compare` has {name}")))?;
        comparison.tensor(golden, name, &initial(name, measure, n)?, output_bound(golden))?;
    }
    // What is recorded beside them is that from which they follow, or of an arbitrary sign.
    for name in golden.names().filter(|name| SIGNED.contains(name) || initial(name, measure, n).is_ok()) {
        comparison.excuse(name.to_owned());
    }
    Ok(comparison)
}

/// Our value of the tensor `name` of a golden of [`hippo()`].
fn initial(name: &str, measure: HippoMeasure, n: usize) -> Result<Vec<f32>, ParityError> {
    let unsupported = || ParityError::Unsupported(format!("the tensor `{name}` is not defined up to rounding"));
    let diagonal = |start: &str| match start {
        "lin" => Some(hippo::diagonal(DiagonalInit::Lin, n)),
        "inv" => Some(hippo::diagonal(DiagonalInit::Inv, n)),
        "legs" => Some(hippo::diagonal(DiagonalInit::Legs, n)),
        _ => None,
    };
    let model = hippo::nplr(measure, n);
    let dense = hippo::transition(measure, n);
    let values: Vec<f64> = match name {
        "W" => model.w.iter().flat_map(|w| [w.re, w.im]).collect(),
        "abs_P" => model.p.iter().map(|p| p.norm()).collect(),
        "abs_B" => model.b.iter().map(|b| b.norm()).collect(),
        "BconjP" => model.b.iter().zip(&model.p).map(|(b, p)| b * p.conj()).flat_map(|v| [v.re, v.im]).collect(),
        "A_dense" => dense.a.transpose().iter().copied().collect(),
        "B_dense" => dense.b.iter().copied().collect(),
        _ => {
            let (start, part) =
                name.strip_prefix("diag-").and_then(|rest| rest.split_once('.')).ok_or_else(unsupported)?;
            let model = diagonal(start).ok_or_else(unsupported)?;
            match (start, part) {
                (_, "A") => model.a.iter().flat_map(|a| [a.re, a.im]).collect(),
                ("lin" | "inv", "B") => model.b.iter().flat_map(|b| [b.re, b.im]).collect(),
                _ => return Err(unsupported()),
            }
        }
    };
    Ok(values.into_iter().map(|value| value as f32).collect())
}

/// `s4.kernel`: the kernels alone, `[channels, d_model, length]`.
pub(super) fn kernel(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let spec = kernel_spec(golden, "")?;
    let kernel = S4Kernel::new(&spec, &mut Init::new(0, &check::autodiff(device)));
    let kernel = check::load(golden, kernel, &reference::s4)?;
    let y = kernel.sample(golden.count("length")?, golden.number("rate")?);
    let mut comparison = check::module(golden, &kernel, y, None, &reference::s4)?;
    truncated(golden, "", &mut comparison, device)?;
    Ok(comparison)
}

/// `s4.block`: convolution, activation and output map.
pub(super) fn block(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let x = RecordedTensor::read(golden, "u", golden.count("d_model")?, false, device)?;
    let prefix = "layer.kernel.";
    let bidirectional = golden.flag("bidirectional")?;
    let mut kernel = kernel_spec(golden, prefix)?;
    kernel.channels /= if bidirectional { 2 } else { 1 };
    let spec = S4BlockSpec { length: kernel.l_max, kernel, bidirectional, dropout: 0.0 };
    let block = S4Block::new(&spec, &mut Init::new(0, &check::autodiff(device)));
    let block = check::load(golden, block, &reference::s4)?;
    let rate = golden.number("rate")?;
    let y = check::forward(golden, |ctx| block.forward_at(x.tensor(), rate, "block", ctx))?;
    let mut comparison = check::module(golden, &block, y, Some(&x), &reference::s4)?;
    truncated(golden, prefix, &mut comparison, device)?;
    Ok(comparison)
}

/// `s4.network`: the network of `example.py` around blocks of S4.
pub(super) fn network(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    golden.only("rate", &[json!(1.0), json!(1)])?;
    let kernel = kernel_spec(golden, "s4_layers.0.layer.kernel.")?;
    let bidirectional = golden.flag("bidirectional")?;
    let diagonal = matches!(kernel.matrix, StateMatrix::Diagonal(..));
    let mut config = stack(golden)?;
    config["variant"] = json!(golden.text("variant")?);
    config["init"] = json!(if diagonal { "lin" } else { "legs" });
    config["disc"] = json!(golden.text("disc")?);
    config["bidirectional"] = json!(bidirectional);
    config["channels"] = json!(kernel.channels / if bidirectional { 2 } else { 1 });
    config["n_ssm"] = json!(kernel.n_ssm);
    config["l_max"] = json!(kernel.l_max);
    let mut comparison = run(golden, "s4", &config, device)?;
    for layer in 0..golden.count("n_layers")? {
        truncated(golden, &format!("s4_layers.{layer}.layer.kernel."), &mut comparison, device)?;
    }
    Ok(comparison)
}

/// `s4d.kernel`: the kernels alone, `[d_model, length]`.
pub(super) fn s4d_kernel(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let kernel = S4dKernel::new(&s4d_spec(golden)?, &mut Init::new(0, &check::autodiff(device)));
    let kernel = check::load(golden, kernel, &reference::s4)?;
    let y = kernel.sample(golden.count("length")?, 1.0);
    check::module(golden, &kernel, y, None, &reference::s4)
}

/// `s4d.layer`: convolution, activation and output map.
pub(super) fn s4d_layer(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let x = RecordedTensor::read(golden, "u", golden.count("d_model")?, false, device)?;
    let layer = S4d::new(&s4d_spec(golden)?, &mut Init::new(0, &check::autodiff(device)));
    let layer = check::load(golden, layer, &reference::s4)?;
    let y = check::forward(golden, |ctx| layer.forward(x.tensor(), "layer", ctx))?;
    check::module(golden, &layer, y, Some(&x), &reference::s4)
}

/// `s4d.network`: the network of `example.py`.
pub(super) fn s4d_network(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    golden.only("disc", &[json!("zoh"), json!("bilinear")])?;
    let mut config = stack(golden)?;
    config["disc"] = if golden.has("disc") { golden.setting("disc").clone() } else { json!("zoh") };
    run(golden, "s4d", &config, device)
}

/// What the networks have in common.
fn stack(golden: &Golden) -> Result<Value, ParityError> {
    golden.only("pooling", &[json!("mean")])?;
    golden.only("norm", &[json!("LayerNorm"), json!("BatchNorm")])?;
    let batch = golden.setting("norm").as_str() == Some("BatchNorm");
    Ok(json!({
        "d_model": golden.count("d_model")?, "n_layers": golden.count("n_layers")?, "d_state": golden.count("d_state")?,
        "prenorm": golden.flag("prenorm")?, "norm": if batch { "batch" } else { "layer" }, "dropout": 0.0,
    }))
}

fn run(golden: &Golden, baseline: &str, config: &Value, device: &Device) -> Result<Comparison, ParityError> {
    let channels = golden.count("input_size")?;
    let channels_first = golden.note("input_layout").as_str().is_some_and(|layout| layout.starts_with("(B,C"));
    let x = RecordedTensor::read(golden, "x", channels, !channels_first, device)?;
    let mut model = check::build(baseline, config, channels, &x.shape, golden.count("classes")?, device)?;
    check::network(golden, model.as_mut(), &x, &reference::s4)
}

fn s4d_spec(golden: &Golden) -> Result<S4dSpec, ParityError> {
    golden.only("disc", &[json!("zoh"), json!("bilinear")])?;
    let bilinear = golden.setting("disc").as_str() == Some("bilinear");
    let (d_state, length) = (golden.count("d_state")?, golden.count("length")?);
    check_states(d_state, 0.001, 0.1)?;
    Ok(S4dSpec {
        d_model: golden.count("d_model")?,
        d_state,
        init: DiagonalInit::Lin,
        disc: if bilinear { Discretisation::Bilinear } else { Discretisation::Zoh },
        dt_min: 0.001,
        dt_max: 0.1,
        length,
        dropout: 0.0,
    })
}

/// The kernel whose parameters begin with `prefix`, for the length that its C was recorded for.
fn kernel_spec(golden: &Golden, prefix: &str) -> Result<S4KernelSpec, ParityError> {
    golden.only("variant", &[json!("dplr"), json!("diag")])?;
    let disc = match golden.text("disc")? {
        "zoh" => Discretisation::Zoh,
        "bilinear" => Discretisation::Bilinear,
        other => return Err(ParityError::Unsupported(format!("`build.disc` is {other}"))),
    };
    let diagonal = golden.text("variant")? == "diag";
    let axis = |name: &str, axis: usize| {
        let key = format!("param.{prefix}{name}");
        let shape = &golden.get(&key)?.shape;
        let fault = || golden.fault(&key, format!("has shape {shape:?}, not four axes with elements"));
        shape.get(axis).copied().filter(|&n| n > 0 && shape.len() == 4).ok_or_else(fault)
    };
    let (d_model, n_ssm) = (axis("C", 1)?, axis("B", 1)?);
    let d_state = golden.count("d_state")?;
    check_states(d_state, 0.001, 0.1)?;
    if !d_model.is_multiple_of(n_ssm) {
        return Err(ParityError::Unsupported(format!("{n_ssm} state matrices for {d_model} channels")));
    }
    if !diagonal && axis("P", 0)? != 1 {
        return Err(ParityError::Unsupported("a low-rank part of rank two or more".into()));
    }
    Ok(S4KernelSpec {
        d_model,
        d_state,
        channels: axis("C", 0)?,
        n_ssm,
        matrix: if diagonal {
            StateMatrix::Diagonal(DiagonalInit::Lin, disc)
        } else {
            StateMatrix::LowRank(HippoMeasure::Legs)
        },
        dt_min: 0.001,
        dt_max: 0.1,
        l_max: match golden.find(&format!("buffer_after.{prefix}l_kernel")).and_then(|stored| stored.values.first()) {
            Some(&length) if length >= 1.0 => length as usize,
            _ => l_max(golden)?,
        },
    })
}

/// The length that a kernel was asked for before its first use.
fn l_max(golden: &Golden) -> Result<usize, GoldenError> {
    let given = [golden.setting("l_max"), golden.note("l_max")].into_iter().find_map(Value::as_u64);
    match given.and_then(|length| usize::try_from(length).ok()).filter(|&length| length > 0) {
        Some(length) => Ok(length),
        None => golden.count("length"),
    }
}

/// Where C was recorded before and after the first use, compare ours after it.
fn truncated(golden: &Golden, prefix: &str, comparison: &mut Comparison, device: &Device) -> Result<(), ParityError> {
    let key = format!("param_at_construction.{prefix}C");
    let Some(c) = golden.find(&key).filter(|_| golden.find(&format!("param.{prefix}P")).is_some()) else {
        return Ok(());
    };
    let spec = kernel_spec(golden, prefix)?;
    let kernel = S4Kernel::new(&spec, &mut Init::new(0, device));
    let parameters = named::list(&kernel);
    let mut fault = None;
    let kernel = named::replace(kernel, &parameters, &mut |name, old| {
        let recorded = if name == "c" { Ok(c) } else { golden.get(&format!("param.{prefix}{}", reference::s4(name))) };
        match recorded {
            Ok(stored) if stored.values.len() == old.dims()[0] => {
                Some(Tensor::from_data(TensorData::new(stored.to_f32(), old.dims()), device))
            }
            Ok(stored) => {
                fault =
                    Some(golden.fault(name, format!("has shape {:?}, which does not fit the others", stored.shape)));
                None
            }
            Err(error) => {
                fault = Some(error);
                None
            }
        }
    });
    if let Some(fault) = fault {
        return Err(fault.into());
    }
    let (mut values, first) = kernel.truncated(0, l_max(golden)?);
    if first < spec.l_max {
        let started = named::replace(kernel, &parameters, &mut |name, old| {
            let values = (name == "c").then(|| values.clone())?;
            Some(Tensor::from_data(TensorData::new(values, old.dims()), device))
        });
        (values, _) = started.truncated(first, spec.l_max);
    }
    comparison.tensor(golden, &format!("param.{prefix}C"), &values, TRUNCATED)?;
    Ok(())
}
