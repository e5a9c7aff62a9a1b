//! Minimal recurrences against plain loops in f64, networks of recurrences against their definition, and what Flax has otherwise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use baselines::kernels::{Precision, linear_scan, minimal_scan, rms_norm};
use baselines::layers::{
    Conventions, Gated, MinCell, MinRnn, MinRnnSpec, Norm, NormKind, Pointwise, RecurrentBlock, RecurrentBody,
    RecurrentConfig, Residual,
};
use baselines::network::InputValues;
use baselines::{Body, BodySpec, Features, Forward, Init, Input, InputSpec, Output, OutputSpec, named, registry};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::json;
use support::{check_gradient, read, tensor, values};

fn init(seed: u64) -> Init {
    Init::new(seed, &Device::flex().autodiff())
}

fn single<const D: usize>(values: &[f64], shape: [usize; D]) -> Tensor<D> {
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
}

fn close(found: &[f64], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let scale = wanted.iter().fold(1e-6_f64, |most, value| most.max(value.abs()));
    for (i, (a, b)) in found.iter().zip(wanted).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}[{i}]: {a} instead of {b} ({scale})");
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn scans_and_root_mean_squares_have_their_gradients() {
    let (a, b) = (values(60, 1), values(60, 2));
    let weigh = |y: Tensor<3>| (y.clone() * tensor(&values(60, 9), y.dims())).sum();
    let shape = [3, 4, 5];
    check_gradient("coefficients", &a, shape, |a| weigh(linear_scan(a, tensor(&b, shape))));
    check_gradient("inputs", &b, shape, |b| weigh(linear_scan(tensor(&a, shape), b)));
    for cell in [MinCell::Gru, MinCell::Lstm] {
        let sums = values(2 * cell.parts() * 2 * 5, 3);
        check_gradient(&format!("{cell:?}"), &sums, [2, cell.parts() * 2, 5], |x| {
            let y = minimal_scan(x, cell);
            (y.clone() * tensor(&values(20, 8), y.dims())).sum()
        });
    }
    check_gradient("RMS norm", &a, shape, |x| weigh(rms_norm(x, 1e-3)));
}

/// A gradient that enters at the last step alone and dies away on its way back.
#[test]
fn gradients_of_long_scans_are_those_of_the_loop() {
    let (rows, length) = (9, 3000);
    let a: Vec<f64> = values(rows * length, 3).iter().map(|v| 0.9 + 0.05 * v).collect();
    let b = values(rows * length, 4);
    let leaves = [&a, &b].map(|values| single(values, [1, rows, length]).require_grad());
    let last = linear_scan(leaves[0].clone(), leaves[1].clone()).narrow(2, length - 1, 1);
    let gradients = last.sum().backward();
    let mut expected = [vec![0.0; a.len()], vec![0.0; a.len()]];
    for row in 0..rows {
        let at = |t: usize| row * length + t;
        let mut states = vec![0.0; length];
        for t in 0..length {
            states[t] = b[at(t)] + if t == 0 { 0.0 } else { a[at(t)] * states[t - 1] };
        }
        let mut carried = 1.0;
        for t in (0..length).rev() {
            expected[0][at(t)] = carried * if t == 0 { 0.0 } else { states[t - 1] };
            expected[1][at(t)] = carried;
            carried *= a[at(t)];
        }
    }
    for (leaf, expected) in leaves.iter().zip(&expected) {
        let found = read(leaf.grad(&gradients).unwrap());
        close(&found, expected, 1e-5, "gradient");
        // No subnormal number is left, with which a processor would go on slowly.
        assert!(found.iter().all(|g| *g == 0.0 || g.abs() >= 1e-30));
    }
}

/// The layer, and its states by a loop in f64, for `x` `[samples, d_model, length]`.
fn minimal(cell: MinCell, spread: f64, x: &[f64], [d_model, d_inner, length]: [usize; 3]) -> (MinRnn, Vec<f64>) {
    let spec = MinRnnSpec { cell, d_model, d_inner, project: false };
    let rnn = MinRnn::new(&spec, &mut init(5));
    let parameters = named::list(&rnn);
    let rnn = named::replace(rnn, &parameters, &mut |_, value| Some(value * spread));
    let weights = read(rnn.gates.weight.val());
    let samples = x.len() / d_model / length;
    let mut states = vec![0.0; samples * d_inner * length];
    for (sample, unit) in (0..samples * d_inner).map(|row| (row / d_inner, row % d_inner)) {
        let mut state = 0.0;
        for t in 0..length {
            let sum = |part: usize| -> f64 {
                let row = &weights[(part * d_inner + unit) * d_model..][..d_model];
                row.iter().enumerate().map(|(c, w)| w * x[(sample * d_model + c) * length + t]).sum()
            };
            let v = sum(0);
            let candidate = if v >= 0.0 { v + 0.5 } else { sigmoid(v) };
            let [old, new] = match cell {
                MinCell::Gru => [1.0 - sigmoid(sum(1)), sigmoid(sum(1))],
                MinCell::Lstm => {
                    let [f, i] = [sigmoid(sum(1)), sigmoid(sum(2))];
                    [f / (f + i), i / (f + i)]
                }
            };
            state = old * state + new * candidate;
            states[(sample * d_inner + unit) * length + t] = state;
        }
    }
    (rnn, states)
}

/// Gates that open and shut widely over a thousand steps: the originals' sums of logarithms miss this by about 1e-4.
#[test]
fn minimal_recurrences_are_their_loops_at_any_length() {
    for cell in [MinCell::Gru, MinCell::Lstm] {
        for (sizes, spread) in [([6, 9, 37], 1.0), ([4, 4, 1024], 8.0)] {
            let x: Vec<f64> = values(2 * sizes[0] * sizes[2], 7).iter().map(|&v| f64::from(3.0 * v as f32)).collect();
            let (rnn, expected) = minimal(cell, spread, &x, sizes);
            let [y, _] = rnn.forward_from(single(&x, [2, sizes[0], sizes[2]]), None, Precision::Float32);
            close(&read(y), &expected, 2e-6, &format!("{cell:?} {sizes:?}"));
        }
    }
}

/// Both gates of minLSTM can be too small for their quotient.
#[test]
fn shut_gates_leave_finite_numbers() {
    let sizes = [1, 3, 5];
    let x = vec![-1.0, 1.0, -1.0, 1.0, 0.0];
    for cell in [MinCell::Gru, MinCell::Lstm] {
        let (rnn, _) = minimal(cell, 2000.0, &x, sizes);
        let leaf = single(&x, [1, 1, 5]).require_grad();
        let [y, _] = rnn.forward_from(leaf.clone(), None, Precision::Float32);
        let gradients = y.clone().sum().backward();
        assert!(read(y).iter().all(|v| v.is_finite()), "{cell:?}");
        assert!(read(leaf.grad(&gradients).unwrap()).iter().all(|v| v.is_finite()), "{cell:?}");
    }
}

/// The original minLSTM adds ½ to the state that it goes on from.
#[test]
fn a_sequence_goes_on_where_it_was_left() {
    for cell in [MinCell::Gru, MinCell::Lstm] {
        let spec = MinRnnSpec { cell, d_model: 4, d_inner: 6, project: true };
        let rnn = MinRnn::new(&spec, &mut init(2));
        let x = single(&values(2 * 4 * 20, 3), [2, 4, 20]);
        let run = |x: Tensor<3>, state| rnn.forward_from(x, state, Precision::Float32);
        let [whole, end] = run(x.clone(), None);
        let [first, state] = run(x.clone().narrow(2, 0, 13), None);
        let [second, state] = run(x.clone().narrow(2, 13, 6), Some(state));
        let [third, last] = run(x.narrow(2, 19, 1), Some(state));
        let parts = Tensor::cat(vec![first, second, third], 2);
        close(&read(parts), &read(whole), 1e-6, &format!("{cell:?}"));
        close(&read(last), &read(end), 1e-6, &format!("{cell:?}, the last state"));
    }
}

/// The block is what its definition says, step by step, and the whole network that of its blocks.
#[test]
fn a_recurrence_in_a_residual_block_is_what_the_definition_says() {
    for (prenorm, norm) in [(true, NormKind::Layer), (false, NormKind::Layer), (true, NormKind::Batch)] {
        let config = RecurrentConfig {
            hidden: 5,
            layers: 2,
            block: RecurrentBlock::Residual,
            d_model: Some(4),
            prenorm,
            norm,
            ..RecurrentConfig::default()
        };
        let spec = BodySpec { channels: 2, shape: vec![9], per_step: false };
        let cell = baselines::kernels::RnnCell::Gru;
        let body = RecurrentBody::build(cell, &config, &spec, &mut init(3)).unwrap().body;
        let x = single(&values(3 * 2 * 9, 4), [3, 2, 9]);
        let mut ctx = Forward::evaluation();
        let found = body.forward(Features::Line(x.clone()), &mut ctx).flatten();
        let RecurrentBody::Second(stack) = &body else { panic!("no residual blocks") };
        let mut expected = stack.encoder.forward(x, Precision::Float32);
        for (layer, norm) in stack.layers.iter().zip(&stack.norms) {
            let input = if prenorm { norm.forward(expected.clone(), &ctx) } else { expected.clone() };
            let states = layer.layer.forward(input, Precision::Float32);
            let curved = baselines::kernels::gelu(states);
            let parts = layer.output_linear.forward(curved, Precision::Float32).chunk(2, 1);
            let gated = parts[0].clone() * burn::tensor::activation::sigmoid(parts[1].clone());
            expected = expected + gated;
            if !prenorm {
                expected = norm.forward(expected, &ctx);
            }
        }
        assert_eq!(stack.out_norm.is_some(), prenorm);
        if let Some(norm) = &stack.out_norm {
            expected = norm.forward(expected, &ctx);
        }
        close(&read(found), &read(expected), 1e-6, &format!("{prenorm} {norm:?}"));
    }
}

/// Dropout acts in front of the gated map and behind it, on whole channels and while training alone.
#[test]
fn residual_blocks_drop_channels() {
    let layer = || {
        let spec = MinRnnSpec { cell: MinCell::Gru, d_model: 16, d_inner: 16, project: false };
        let mut init = init(6);
        Gated::new(MinRnn::new(&spec, &mut init), [16, 16], 0.5, &mut init)
    };
    let norm = Norm::new(NormKind::None, 16, &mut init(1));
    let x = single(&values(2 * 16 * 7, 8), [2, 16, 7]);
    let around = |dropout: f64, mut ctx: Forward<'_>| {
        let residual = Residual { prenorm: true, dropout };
        read(residual.around(x.clone(), &layer(), &norm, "layer", &mut ctx) - x.clone())
    };
    let calm = around(0.5, Forward::evaluation());
    assert_eq!(calm, around(0.0, Forward::evaluation()));
    assert_ne!(calm, around(0.0, Forward::training(1, 1)), "nothing is dropped within the layer");
    let dropped = around(0.5, Forward::training(1, 1));
    let zeros = dropped.chunks(7).filter(|channel| channel.iter().all(|v| v.abs() < 1e-7)).count();
    assert!((6..=26).contains(&zeros), "{zeros} of 32 channels");
}

/// The same settings under every form of block, and each of them another network.
#[test]
fn every_recurrence_stands_in_the_block_of_s4_too() {
    let input = InputSpec::Values { channels: 2, shape: vec![30] };
    for (name, plain) in [("rnn", "none"), ("gru", "none"), ("lstm", "none"), ("mingru", "feed-forward")] {
        let entry = registry::find(name).unwrap();
        let model = |block: &str| {
            let config = json!({ "block": block });
            assert!((entry.label)(&config).unwrap().contains("residual") == (block == "residual"));
            (entry.build)(&config, &input, &OutputSpec::Classes(3), 1, &Device::flex()).unwrap()
        };
        let names = |block: &str| -> Vec<String> {
            model(block).parameters().iter().map(|parameter| parameter.name.clone()).collect()
        };
        let residual = names("residual");
        assert!(residual.iter().any(|name| name == "body.norms.0.running_mean"), "{name}: {residual:?}");
        assert!(residual.iter().any(|name| name == "body.layers.0.output_linear.weight"), "{name}: {residual:?}");
        assert!(residual.iter().all(|name| !name.contains("First") && !name.contains("Second")), "{residual:?}");
        let before = names(plain);
        assert_ne!(before, residual);
        let first = if name == "mingru" { "body.encoder.weight" } else { "body.layers.0.weight_ih" };
        assert_eq!(before[0], first, "{name}");
    }
}

/// What an output of `lru` depends on: in one direction the past alone, in both the future, too.
#[test]
fn linear_recurrent_units_look_ahead_in_both_directions_alone() {
    let length = 24;
    let spec = InputSpec::Values { channels: 1, shape: vec![length] };
    let entry = registry::find("lru").unwrap();
    for bidirectional in [false, true] {
        let config = json!({"d_model": 6, "n_layers": 1, "d_state": 5, "bidirectional": bidirectional});
        let model = (entry.build)(&config, &spec, &OutputSpec::PerStep(2), 3, &Device::flex()).unwrap().evaluator();
        let run = |changed: Option<usize>| {
            let mut x = values(length, 2);
            if let Some(at) = changed {
                x[at] += 1.0;
            }
            let x = Features::Line(single(&x, [1, 1, length]).inner());
            let input = Input { values: InputValues::Values(x), lengths: None };
            match model.forward(input, &mut Forward::evaluation()).unwrap() {
                Output::Step(y) => read(y),
                Output::Sample(_) => panic!("an output per step was expected"),
            }
        };
        let before = run(None);
        let moved: Vec<f64> = run(Some(12)).iter().zip(&before).map(|(a, b)| (a - b).abs()).collect();
        let largest =
            |steps: std::ops::Range<usize>| steps.map(|t| moved[t].max(moved[length + t])).fold(0.0, f64::max);
        assert!(largest(12..length) > 1e-3, "{bidirectional}");
        let earlier = largest(0..12);
        assert!(if bidirectional { earlier > 1e-4 } else { earlier < 1e-5 }, "{bidirectional}: {earlier}");
    }
}

#[test]
fn flax_has_another_gelu_and_other_running_statistics() {
    let x: Vec<f64> = (-20..=20).map(|i| f64::from(i) / 4.0).collect();
    let curved = |conventions: Conventions| read(conventions.gelu(single(&x, [1, 1, x.len()])));
    let (exact, approximate) = (curved(Conventions::Torch), curved(Conventions::Flax));
    let wanted: Vec<f64> = x
        .iter()
        .map(|v| 0.5 * v * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (v + 0.044715 * v.powi(3))).tanh()))
        .collect();
    close(&approximate, &wanted, 1e-6, "GELU with a tanh");
    let most = exact.iter().zip(&approximate).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!((1e-4..1e-3).contains(&most), "{most}");

    // Values 1 2 3 4: mean 2.5, biased variance 1.25, unbiased 5/3.
    for (conventions, mean, variance) in
        [(Conventions::Torch, 0.25, 0.9 + 0.5 / 3.0), (Conventions::Flax, 0.025, 0.99 + 0.0125)]
    {
        let norm = Norm::of(conventions, NormKind::Batch, 1, &mut init(0));
        norm.forward(single(&[1.0, 2.0, 3.0, 4.0], [1, 1, 4]), &Forward::training(0, 0));
        close(&read(norm.running_mean.as_ref().unwrap().value()), &[mean], 1e-6, "mean");
        close(&read(norm.running_var.as_ref().unwrap().value()), &[variance], 1e-6, "variance");
    }

    // Two channels that differ by 2e-3: the variance is of the order of the epsilons.
    let of = |conventions: Conventions| {
        let norm = Norm::of(conventions, NormKind::Layer, 2, &mut init(0));
        read(norm.forward(single(&[1e-3, -1e-3], [1, 2, 1]), &Forward::evaluation()))[0]
    };
    let wanted = |epsilon: f64| 1e-3 / (1e-6 + epsilon).sqrt();
    close(&[of(Conventions::Torch), of(Conventions::Flax)], &[wanted(1e-5), wanted(1e-6)], 1e-4, "layer norm");
}

#[test]
fn linear_maps_of_flax_start_from_a_cut_off_normal_distribution() {
    let map = Pointwise::lecun_normal(64, 400, &mut init(4));
    let weights = read(map.weight.val());
    let n = weights.len() as f64;
    let variance = weights.iter().map(|w| w * w).sum::<f64>() / n;
    assert!((variance * 64.0 - 1.0).abs() < 0.03, "{variance}");
    // Two standard deviations of what is drawn, 0.88 of which are left.
    let most = weights.iter().fold(0.0_f64, |most, w| most.max(w.abs()));
    let bound = 2.0 / 8.0 / 0.879_625_66;
    assert!(most <= bound + 1e-6 && most > 0.95 * bound, "{most}");
    assert!(read(map.bias.val()).iter().all(|b| *b == 0.0));
}
