//! What is seen, against what layers and networks compute.

#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value, json};
use vocabulary::record::inspection::{Place, Radii};

use super::inspect;
use super::views::{Kernels, LayerView};
use crate::layers::continuous::generated::GeneratedConv;
use crate::layers::{
    CausalConv, CkConv, CkConvSpec, Conv, FlexConv, FlexConvSpec, Frequency, Geometry, KernelInit, KernelNetworkKind,
    ReferenceVersion, Window,
};
use crate::network::{InputValues, NetworkSettings, assemble};
use crate::read::read;
use crate::{
    Body, Built, Features, Forward, HeadInit, Init, Input, InputSpec, Model, OutputSpec, ReadError, Readout, registry,
};

fn init() -> Init {
    Init::new(5, &Device::flex())
}

/// The answer of a layer with two inputs to an impulse, for each of its kernels and taps, is what it shows.
fn check(what: &str, kernels: &Kernels, shape: &[usize], forward: impl Fn(Tensor<3>) -> Tensor<3>) {
    let [all, taps] = kernels.values.dims();
    let shown = read(kernels.values.clone(), "kernels").unwrap();
    let positions: usize = shape.iter().product();
    let at: Vec<usize> = shape.iter().map(|n| n / 2).collect();
    let flat = |place: &[usize]| place.iter().zip(shape).fold(0, |flat, (at, size)| flat * size + at);
    let silence = read(forward(Tensor::zeros([1, 2, positions], &Device::flex())), "silence").unwrap();
    let outputs = all / 2;
    for input in 0..2 {
        let mut values = vec![0.0f32; 2 * positions];
        values[input * positions + flat(&at)] = 1.0;
        let x = Tensor::from_data(TensorData::new(values, [1, 2, positions]), &Device::flex());
        let y = read(forward(x), "an answer").unwrap();
        for (output, tap) in (0..outputs).flat_map(|output| (0..taps).map(move |tap| (output, tap))) {
            // y[t] = Σ_i k[i] x[t + (i − current) · dilation]
            let mut rest = tap;
            let mut place = vec![0i64; shape.len()];
            for axis in (0..shape.len()).rev() {
                let i = (rest % kernels.shape[axis]) as i64;
                rest /= kernels.shape[axis];
                place[axis] = at[axis] as i64 - (i - kernels.current[axis] as i64) * kernels.dilation as i64;
            }
            if place.iter().zip(shape).any(|(&at, &size)| at < 0 || at >= size as i64) {
                continue;
            }
            let t = flat(&place.iter().map(|&at| at as usize).collect::<Vec<_>>());
            let found = y[output * positions + t] - silence[output * positions + t];
            let wanted = shown[(output * 2 + input) * taps + tap];
            assert!(
                (found - wanted).abs() < 2e-5,
                "{what}: output {output}, input {input}, tap {tap}: {found}, {wanted}"
            );
        }
    }
}

fn flex_conv(sizes: Vec<usize>, causal: bool) -> FlexConv {
    let spec = FlexConvSpec {
        inputs: 2,
        outputs: 3,
        window: Window { sizes, causal, threshold: 0.1 },
        version: ReferenceVersion::FlexNet,
        separable: false,
        kernel_network: KernelNetworkKind::Magnet,
        kernel_hidden: 6,
        kernel_layers: 3,
        frequency: Frequency::Omega0(12.0),
        mask_init: Some(0.2),
        init: KernelInit::Corrected,
        kernel_scale: 1.0,
        reference_bugs: false,
    };
    FlexConv::new(&spec, &mut init()).unwrap()
}

#[test]
fn kernels_are_what_layers_convolve_with() {
    for (shape, causal) in [(vec![41], true), (vec![41], false), (vec![17, 15], false)] {
        let conv = flex_conv(shape.clone(), causal);
        let kernels = conv.view().unwrap();
        check(&format!("FlexConv on {shape:?}"), &kernels, &shape, |x| {
            conv.forward(x, &shape, "conv", &mut Forward::evaluation())
        });
        // 0.2 of half the grid.
        assert!(
            (kernels.mask[0].width - 0.2 * (shape[0] - 1) as f64 / 2.0).abs() < 1e-5 && kernels.mask[0].mean == 0.0
        );
        assert_eq!(kernels.fine.is_some(), shape.len() == 1);
    }
    let spec = CkConvSpec {
        inputs: 2,
        outputs: 3,
        length: 23,
        kernel_hidden: 5,
        omega_0: 9.0,
        init: KernelInit::Off,
        rectified: false,
        reference_bugs: false,
    };
    let conv = CkConv::new(&spec, &mut init()).unwrap();
    check("CKConv", &conv.view().unwrap(), &[23], |x| conv.forward(x, "conv", &mut Forward::evaluation()));
    let conv = Conv::torch(2, 3, 2, Geometry::same(3), &mut init());
    check("a convolution", &conv.view(), &[7, 8], |x| conv.forward(Features::from_flat(x, &[7, 8])).flatten());
    let conv = CausalConv::torch([2, 3], 4, 3, &mut init());
    check("a causal convolution", &conv.view(), &[30], |x| conv.forward(x));
}

/// Every fourth point of a finer kernel is one of those that are convolved with, divided by four.
#[test]
fn finer_kernels_are_the_same_functions() {
    let conv = flex_conv(vec![41], true);
    let kernels = conv.view().unwrap();
    let fine = kernels.fine.clone().unwrap();
    let (coarse, many) = (read(kernels.values.clone(), "k").unwrap(), read(fine.values.clone(), "k").unwrap());
    let ([_, taps], [_, points]) = (kernels.values.dims(), fine.values.dims());
    for back in 0..taps {
        let (a, b) = (coarse[taps - 1 - back], 4.0 * many[points - 1 - 4 * back]);
        assert!((a - b).abs() < 1e-4, "{back} taps back: {a} {b}");
    }
}

/// A network of one layer.
#[derive(Module, Debug)]
struct One {
    centred: Option<Conv>,
    causal: Option<CausalConv>,
}

impl Body for One {
    fn forward(&self, x: Features, _ctx: &mut Forward<'_>) -> Features {
        match (&self.centred, &self.causal) {
            (Some(conv), _) => conv.forward(x),
            (None, Some(conv)) => Features::Line(conv.forward(x.flatten())),
            (None, None) => x,
        }
    }

    fn views(&self, _shape: &[usize]) -> Result<Vec<LayerView>, ReadError> {
        Ok(self.centred.iter().map(|conv| LayerView::of_kernels("conv", conv.view())).collect())
    }
}

fn one(body: One, shape: &[usize], readout: Readout) -> Box<dyn Model> {
    let input = InputSpec::Values { channels: 2, shape: shape.to_vec() };
    let built = |_: &_, _: &mut Init| Ok(Built { body, features: 3, readout, head: HeadInit::Torch });
    assemble(&NetworkSettings::default(), &input, &OutputSpec::Classes(4), Vec::new(), &mut init(), built).unwrap()
}

fn noise(rows: usize, channels: usize, shape: &[usize]) -> Input {
    let positions = shape.iter().product::<usize>();
    let mut source = init();
    let values: Vec<f32> = (0..rows * channels * positions).map(|_| source.standard_normal() as f32).collect();
    let flat = Tensor::from_data(TensorData::new(values, [rows, channels, positions]), &Device::flex());
    Input { values: InputValues::Values(Features::from_flat(flat, shape)), lengths: None }
}

/// The lags at which a field is not zero.
fn lags(field: &vocabulary::record::inspection::ReceptiveField) -> Vec<i64> {
    let all = field.curve.at.iter().zip(&field.curve.values);
    all.filter(|(_, value)| value.is_some_and(|value| value > 0.0)).map(|(&at, _)| at).collect()
}

#[test]
fn a_convolution_of_three_taps_sees_one_position_to_each_side() {
    for shape in [vec![20], vec![9, 12]] {
        let conv = Conv::torch(2, 3, shape.len(), Geometry::same(3), &mut init());
        let model = one(One { centred: Some(conv), causal: None }, &shape, Readout::Mean);
        let seen = inspect(model.as_ref(), &shape, Some(&noise(3, 2, &shape))).unwrap();
        let field = seen.field.unwrap();
        assert_eq!((field.of, field.samples, field.radii.r99), (Place::Middle, 3, Some(1)), "{shape:?}");
        assert_eq!(lags(&field), if shape.len() == 1 { vec![-1, 0, 1] } else { vec![0, 1] });
        let answer = seen.answer.unwrap();
        match field.map {
            None => assert!(answer.curve.unwrap().values.iter().all(|value| value.is_some_and(|value| value > 0.0))),
            Some(map) => {
                let lit = map.values.iter().filter(|value| value.is_some_and(|value| value != 0)).count();
                assert_eq!((map.shape, map.origin, lit), ([9, 12], [4, 6], 9));
                assert!(answer.map.is_some());
            }
        }
        assert_eq!(seen.layers[0].kernels.as_ref().unwrap().count, 6);
    }
}

#[test]
fn a_network_that_looks_back_only_is_looked_at_from_its_end() {
    for readout in [Readout::Last, Readout::Mean] {
        let causal = CausalConv::torch([2, 3], 3, 2, &mut init());
        let model = one(One { centred: None, causal: Some(causal) }, &[20], readout);
        let mut input = noise(2, 2, &[20]);
        let field = inspect(model.as_ref(), &[20], Some(&input)).unwrap().field.unwrap();
        assert_eq!((field.of, field.radii.r99, lags(&field)), (Place::Last, Some(4), vec![0, 2, 4]), "{readout:?}");
        // From the last valid position of each.
        input.lengths = Some(vec![20, 9]);
        let field = inspect(model.as_ref(), &[20], Some(&input)).unwrap().field.unwrap();
        assert_eq!((field.of, lags(&field)), (Place::Last, vec![0, 2, 4]), "{readout:?}");
    }
}

fn built(name: &str, config: &Value, shape: &[usize]) -> Box<dyn Model> {
    let input = InputSpec::Values { channels: 2, shape: shape.to_vec() };
    let entry = registry::find(name).unwrap();
    (entry.build)(config, &input, &OutputSpec::Classes(3), 1, &Device::flex()).unwrap()
}

/// Looking changes nothing, and what was seen fits into a file and comes back.
#[test]
fn every_baseline_is_looked_at_and_stays_as_it_was() {
    let shapes: [&[usize]; 2] = [&[40], &[20, 20]];
    for (entry, shape) in registry::entries().iter().flat_map(|entry| shapes.map(|shape| (entry, shape))) {
        let name = entry.info.name;
        if !entry.info.ranks.contains(&shape.len()) {
            continue;
        }
        let model = built(name, &json!({}), shape);
        let input = noise(2, 2, shape);
        let state = || {
            let mut all = Vec::new();
            model.visit(&mut |_, value| all.push(value.into_data()));
            all
        };
        let before = state();
        let seen = inspect(model.as_ref(), shape, Some(&input)).unwrap();
        assert!(state().iter().zip(&before).all(|(a, b)| a.as_bytes() == b.as_bytes()), "{name}");
        let again = inspect(model.evaluator().as_ref(), shape, Some(&input)).unwrap();
        assert_eq!(seen, again, "{name}");
        assert_eq!(
            seen.layers.is_empty(),
            ["gru", "lstm", "mingru", "minlstm", "rnn", "transformer"].contains(&name),
            "{name}"
        );
        let field = seen.field.as_ref().unwrap();
        assert!(field.radii.r50.is_some() && field.radii.r50 <= field.radii.r90, "{name}: {:?}", field.radii);
        assert!(seen.answer.is_some(), "{name}");
        let text = serde_json::to_string(&seen).unwrap();
        assert_eq!(serde_json::from_str::<vocabulary::record::Inspection>(&text).unwrap(), seen, "{name}");
    }
}

/// As many as networks of papers have.
#[test]
fn files_stay_small() {
    const MOST: usize = 200_000;
    for (name, shape) in [("ccnn", vec![1024]), ("s4", vec![784]), ("lru", vec![784]), ("flexnet", vec![32, 32])] {
        let model = built(name, &json!({}), &shape);
        let seen = inspect(model.as_ref(), &shape, None).unwrap();
        let size = serde_json::to_string(&seen).unwrap().len();
        assert!(size < MOST, "{name}: {size} bytes");
        assert!(
            seen.field.is_none() && seen.layers.iter().any(|layer| !layer.kernels.as_ref().unwrap().shown.is_empty())
        );
    }
}

/// With one pair of states, every kernel obeys the recurrence of its eigenvalue: k[m + 2] = 2 Re(λ) k[m + 1] − |λ|² k[m]. The
/// stored output vectors of a low-rank matrix give the kernel of finite length, which obeys it all the same.
#[test]
fn kernels_obey_the_recurrence_of_the_eigenvalues() {
    let small = json!({"d_model": 4, "n_layers": 1, "d_state": 2});
    let diagonal = json!({"d_model": 4, "n_layers": 1, "d_state": 2, "variant": "diag", "init": "lin", "disc": "zoh"});
    let both = json!({"d_model": 4, "n_layers": 1, "d_state": 2, "bidirectional": true});
    for (name, config) in [("s4d", &small), ("s4", &diagonal), ("s4", &small), ("s4", &both)] {
        let model = built(name, config, &[30]);
        let view = model.views(&[30]).unwrap().remove(0);
        let (kernels, eigenvalues) = (view.kernels.unwrap(), view.eigenvalues.unwrap());
        let [count, taps] = kernels.values.dims();
        assert_eq!((count, eigenvalues.count), (4, 4));
        let values = read(kernels.values, "kernels").unwrap();
        let current = kernels.current[0];
        for (channel, of) in &eigenvalues.shown {
            // Sum and product of both eigenvalues, which are conjugates, or real.
            let (sum, product) = match of[..] {
                [[re, im]] => (2.0 * re, re * re + im * im),
                [[a, _], [b, _]] => (a + b, a * b),
                _ => unreachable!("{of:?}"),
            };
            let k = |m: usize| f64::from(values[channel * taps + current - m]);
            for m in 0..20 {
                let (found, wanted) = (k(m + 2), sum * k(m + 1) - product * k(m));
                assert!((found - wanted).abs() < 1e-4, "{name} {config}, channel {channel}, {m}: {found} {wanted}");
            }
        }
    }
}

/// −1/2 + iπn, held over steps Δ: exp(Δ (−1/2 + iπn)).
#[test]
fn eigenvalues_of_s4d_lin_are_known() {
    let model = built("s4d", &json!({"d_model": 3, "n_layers": 2, "d_state": 8}), &[16]);
    let mut steps = Vec::new();
    model.visit(&mut |parameter, value| {
        if parameter.name.ends_with("layers.1.kernel.log_dt") {
            steps = value.into_data().iter::<f32>().map(|log| f64::from(log).exp()).collect();
        }
    });
    let view = model.views(&[16]).unwrap().remove(1);
    let eigenvalues = view.eigenvalues.unwrap();
    assert_eq!((eigenvalues.count, eigenvalues.shown.len(), eigenvalues.conjugates), (3, 3, true));
    for (channel, of) in &eigenvalues.shown {
        for (n, [re, im]) in of.iter().enumerate() {
            let (size, turn) = ((-0.5 * steps[*channel]).exp(), std::f64::consts::PI * n as f64 * steps[*channel]);
            assert!((re - size * turn.cos()).abs() < 1e-5 && (im - (size * turn.sin()).abs()).abs() < 1e-5, "{n}");
        }
    }
}

/// The kernels of the recurrence are the powers of its eigenvalues.
#[test]
fn kernels_of_the_lru_are_powers() {
    let model = built("lru", &json!({"d_model": 3, "n_layers": 1, "d_state": 4}), &[9]);
    let view = model.views(&[9]).unwrap().remove(0);
    let (kernels, eigenvalues) = (view.kernels.unwrap(), view.eigenvalues.unwrap());
    assert_eq!((kernels.values.dims(), kernels.current[0]), ([8, 9], 8));
    let values = read(kernels.values, "kernels").unwrap();
    for (n, [re, im]) in eigenvalues.shown[0].1.iter().enumerate() {
        let last = [8, 7].map(|tap| f64::from(values[n * 9 + tap]));
        assert!((last[0] - 1.0).abs() < 1e-5 && (last[1] - re).abs() < 1e-5);
        assert!((f64::from(values[(4 + n) * 9 + 7]) - im).abs() < 1e-5);
    }
}

#[test]
fn without_samples_there_is_no_field() {
    let model = built("rnn", &json!({"hidden": 3}), &[12]);
    let seen = inspect(model.as_ref(), &[12], None).unwrap();
    assert!(seen.field.is_none() && seen.answer.is_none() && seen.layers.is_empty());
    let seen = inspect(model.as_ref(), &[12], Some(&noise(1, 2, &[12]))).unwrap();
    assert_ne!(seen.field.map(|field| field.radii), Some(Radii::default()));
}
