//! Every baseline against counts, numbers by hand, and recorded tensors of the original programs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use baselines::forward::DropoutKind;
use baselines::layers::{Norm, NormKind};
use baselines::named;
use baselines::network::{InputValues, count_parameters};
use baselines::{Features, Forward, Init, Input, InputSpec, Model, Output, OutputSpec, Probe, registry};
use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

fn values(channels: usize, shape: &[usize]) -> InputSpec {
    InputSpec::Values { channels, shape: shape.to_vec() }
}

fn build(name: &str, config: Value, input: &InputSpec, output: &OutputSpec, seed: u64) -> Box<dyn Model> {
    let entry = registry::find(name).unwrap();
    (entry.build)(&config, input, output, seed, &Device::flex()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn noise(shape: &[usize], seed: u64) -> Features {
    let mut init = Init::new(seed, &Device::flex().autodiff());
    let data: Vec<f32> = (0..shape.iter().product::<usize>()).map(|_| init.standard_normal() as f32).collect();
    let data = TensorData::new(data, shape.to_vec());
    let device = Device::flex().autodiff();
    match shape.len() {
        3 => Features::Line(Tensor::from_data(data, &device)),
        4 => Features::Plane(Tensor::from_data(data, &device)),
        _ => Features::Volume(Tensor::from_data(data, &device)),
    }
}

fn run(model: &dyn Model, x: Features, ctx: &mut Forward<'_>) -> Output {
    model.forward(Input { values: InputValues::Values(x), lengths: None }, ctx).unwrap()
}

fn sample(output: Output) -> Tensor<2> {
    let Output::Sample(y) = output else { panic!("an output per sample was expected") };
    y
}

/// Of a block of 140 channels without its kernels: bias of the convolution, two linear maps, norm.
const RESIDUAL_140: usize = 140 + 2 * (140 * 140 + 140) + 280;

#[test]
fn parameter_counts_are_those_of_the_originals() {
    let smnist = values(1, &[784]);
    let cifar = values(3, &[32, 32]);
    let ccnn_6 = json!({"blocks": 6, "hidden": 380, "kernel_hidden": 64});
    for (name, config, input, classes, expected) in [
        ("ccnn", json!({}), &smnist, 10, 198_769),
        ("ccnn", json!({}), &values(3, &[1024]), 10, 199_117),
        ("ccnn", json!({}), &cifar, 10, 201_042),
        ("ccnn", json!({}), &cifar, 100, 213_732),
        ("ccnn", json!({"hidden": 110}), &smnist, 10, 133_729),
        ("ccnn", json!({"hidden": 110, "kernel_hidden": 64}), &smnist, 10, 196_961),
        ("ccnn", ccnn_6.clone(), &smnist, 10, 1_993_091),
        ("ccnn", ccnn_6, &cifar, 10, 1_999_366),
        ("ckcnn", json!({}), &smnist, 10, 98_286),
        ("ckcnn", json!({"norm": "none"}), &smnist, 10, 98_046),
        ("ckcnn", json!({"hidden": 100}), &smnist, 10, 1_030_546),
        ("ckcnn", json!({}), &values(3, &[1024]), 10, 100_386),
        ("lstm", json!({}), &smnist, 10, 68_362),
        ("gru", json!({}), &smnist, 10, 51_594),
        ("rnn", json!({}), &smnist, 10, 18_058),
        ("cnn", json!({}), &values(1, &[28, 28]), 10, 260_298),
        ("s4d", json!({"n_layers": 6}), &smnist, 10, 301_066),
        ("s4", json!({"n_layers": 6}), &smnist, 10, 399_370),
        // Without P, and with one kernel more per channel.
        ("s4", json!({"n_layers": 6, "variant": "diag", "init": "lin"}), &smnist, 10, 399_370 - 6 * 128 * 64),
        ("s4", json!({"n_layers": 6, "bidirectional": true}), &smnist, 10, 399_370 + 6 * 128 * 64),
        // λ, γ, B, C, D, the gated map and the norm, six times, between the encoder and the head.
        ("lru", json!({"d_state": 64}), &smnist, 10, 6 * (3 * 64 + 4 * 64 * 128 + 128 + 33_024 + 256) + 256 + 1290),
        // A second C where states also run backwards.
        (
            "lru",
            json!({"d_state": 64, "bidirectional": true}),
            &smnist,
            10,
            6 * (3 * 64 + 6 * 64 * 128 + 128 + 33_024 + 256) + 256 + 1290,
        ),
        // Encoder, three times gates, gated map and norm, the last norm, and the head.
        (
            "gru",
            json!({"block": "residual", "hidden": 64, "d_model": 32, "layers": 3}),
            &smnist,
            10,
            64 + 3 * (3 * 64 * (32 + 64 + 2) + 64 * 65 + 64) + 64 + 330,
        ),
        (
            "lstm",
            json!({"block": "residual", "hidden": 64, "prenorm": false, "norm": "layer"}),
            &smnist,
            10,
            128 + 4 * 64 * (64 + 64 + 2) + 128 * 65 + 128 + 650,
        ),
        // Encoder, four times two norms, gates, the map back and the feed-forward map, the last norm, and the head.
        ("mingru", json!({}), &smnist, 10, 256 + 4 * (256 + 128 * 192 * 3 + 128 * 1024 + 640) + 128 + 1290),
        ("minlstm", json!({}), &smnist, 10, 256 + 4 * (256 + 128 * 192 * 4 + 128 * 1024 + 640) + 128 + 1290),
        (
            "mingru",
            json!({"conv_kernel_size": 3, "expansion": 1.0, "n_layers": 1}),
            &smnist,
            10,
            256 + 128 * 4 + 128 * 129 + 256 + 128 * 128 * 2 + 128 * 1024 + 640 + 128 + 1290,
        ),
        (
            "minlstm",
            json!({"block": "residual", "expansion": 1.0}),
            &smnist,
            10,
            256 + 4 * (128 * 128 * 3 + 256 * 129 + 256) + 256 + 1290,
        ),
        // Without an encoder where the input has as many channels.
        ("mingru", json!({"d_model": 3, "expansion": 1.0, "ff_mult": 1.0, "n_layers": 1}), &values(3, &[9]), 2, 59),
        ("ccnn", json!({"hidden": 110, "block": "resnet"}), &smnist, 10, 164_073),
        // CCNN-4,140 with 784 weights per channel in place of its kernel networks.
        ("longconv", json!({}), &smnist, 10, 784 + 281 + 280 + 4 * (784 * 140 + RESIDUAL_140) + 280 + 1410),
        ("longconv", json!({}), &cifar, 10, 3 * 1090 + 560 + 280 + 4 * (1089 * 140 + RESIDUAL_140) + 280 + 1410),
        ("local", json!({}), &smnist, 10, 280 + 280 + 4 * (5 * 140 + RESIDUAL_140) + 280 + 1410),
        ("local", json!({"kernel_size": 3}), &cifar, 10, 560 + 280 + 4 * (9 * 140 + RESIDUAL_140) + 280 + 1410),
        // Four maps of attention, two norms, two maps of the feed-forward network, four times.
        ("transformer", json!({}), &smnist, 10, 128 + 4 * (4 * 4160 + 256 + 16_640 + 16_448) + 128 + 650),
        ("transformer", json!({"decoder": "mlp"}), &smnist, 10, 200_842 + 4160),
        ("flexnet", json!({}), &cifar, 10, 671_650),
        ("flexnet", json!({}), &smnist, 10, 105_548),
        ("tcn", json!({}), &smnist, 10, 66_910),
        ("vgg", json!({}), &cifar, 10, 1_252_394),
        ("vgg", json!({"orthogonality": "loss"}), &cifar, 10, 1_252_394),
        ("vgg", json!({"orthogonality": "householder"}), &cifar, 10, 1_314_474),
        ("stn", json!({}), &values(1, &[28, 28]), 10, 265_818),
        ("resnet18", json!({}), &cifar, 10, 11_173_962),
        ("resnet44", json!({}), &cifar, 10, 658_586),
    ] {
        let model = build(name, config.clone(), input, &OutputSpec::Classes(classes), 0);
        assert_eq!(count_parameters(&*model), expected, "{name} {config} {input:?}");
    }
    // Pathfinder: one logit.
    let model = build("ccnn", json!({}), &values(1, &[1024]), &OutputSpec::Binary, 0);
    assert_eq!(count_parameters(&*model), 197_500);
}

#[test]
fn every_baseline_takes_every_rank_and_length_that_it_does_not_refuse() {
    let small = |name: &str| match name {
        "ccnn" => json!({"blocks": 1, "hidden": 4, "kernel_hidden": 4}),
        "ckcnn" | "flexnet" => json!({"blocks": 1, "hidden": 4, "kernel_hidden": 4}),
        "cnn" | "stn" => json!({"width": 4}),
        "s4" => json!({"d_model": 4, "n_layers": 2, "d_state": 4, "channels": 2, "n_ssm": 2, "bidirectional": true}),
        "s4d" | "lru" => json!({"d_model": 4, "n_layers": 2, "d_state": 4}),
        "vgg" => json!({"width": 4, "hidden": 4}),
        "tcn" => json!({"levels": 3, "hidden": 4, "kernel_size": 3}),
        "longconv" => json!({"blocks": 1, "hidden": 4, "kernel_dropout": 0.2}),
        "local" => json!({"blocks": 1, "hidden": 4}),
        "transformer" => json!({"d_model": 4, "n_layers": 2, "n_heads": 2}),
        "mingru" => json!({"d_model": 4, "n_layers": 2, "conv_kernel_size": 3}),
        "minlstm" => json!({"d_model": 4, "n_layers": 2}),
        "resnet18" | "resnet44" => json!({"width": 4, "blocks": 2}),
        _ => json!({"hidden": 4, "layers": 2, "dropout": 0.1}),
    };
    for entry in registry::entries() {
        let name = entry.info.name;
        // What a baseline cannot do by its nature it refuses without blaming a setting: sizes, which it names, or outputs.
        let attempt = |input: &InputSpec, output: &OutputSpec| {
            let error = match (entry.build)(&small(name), input, output, 1, &Device::flex()) {
                Ok(model) => return Some(model),
                Err(error) => error,
            };
            let named = error.message.contains(&format!("{:?}", input.shape()));
            assert!(error.field.is_empty() && (named || matches!(output, OutputSpec::PerStep(_))), "{name}: {error}");
            None
        };
        for rank in entry.info.ranks.clone() {
            let mut taken = 0;
            for length in [2, 5, 8, 37] {
                if rank == 3 && length > 8 {
                    continue;
                }
                let shape = match rank {
                    1 => vec![length],
                    2 => vec![length, length + 1],
                    _ => vec![length, 3, 4],
                };
                let Some(model) = attempt(&values(3, &shape), &OutputSpec::Classes(7)) else { continue };
                taken += 1;
                for batch in [1, 2] {
                    let mut dims = vec![batch, 3];
                    dims.extend(&shape);
                    let x = noise(&dims, 2);
                    let y = sample(run(&*model, x.clone(), &mut Forward::training(0, 0)));
                    assert_eq!(y.dims(), [batch, 7], "{name} {dims:?}");
                    let mut gradients = y.square().sum().backward();
                    let gradients = named::by_name(model.parameters(), model.take_gradients(&mut gradients));
                    let trainable = model.parameters().iter().filter(|p| p.trainable);
                    let without = trainable.filter(|p| !gradients.contains_key(&p.name)).map(|p| p.name.as_str());
                    assert_eq!(without.collect::<Vec<_>>(), [""; 0], "{name} {dims:?}: no gradient");
                    let finite = |g: &Tensor<1>| g.clone().into_data().iter::<f32>().all(f32::is_finite);
                    assert!(gradients.values().all(finite), "{name} {dims:?}: a gradient that is not finite");
                    let y = sample(run(&*model.evaluator(), inner(x), &mut Forward::evaluation()));
                    assert!(y.into_data().iter::<f32>().all(f32::is_finite), "{name} {dims:?}");
                }
            }
            assert!(taken > 0, "{name} takes no input of {rank} axes");
            let shape = vec![6; rank];
            let Some(model) = attempt(&values(2, &shape), &OutputSpec::PerStep(5)) else { continue };
            let mut dims = vec![2, 2];
            dims.extend(&shape);
            let Output::Step(y) = run(&*model, noise(&dims, 3), &mut Forward::training(0, 0)) else {
                panic!("{name}: an output per step was expected")
            };
            assert_eq!(y.dims(), [2, 5, 6_usize.pow(rank as u32)], "{name}");
        }
    }
}

fn inner(x: Features) -> Features {
    match x {
        Features::Line(x) => Features::Line(x.inner()),
        Features::Plane(x) => Features::Plane(x.inner()),
        Features::Volume(x) => Features::Volume(x.inner()),
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let (line, plane) = (values(1, &[16]), values(1, &[8, 8]));
    for (name, config, input, field) in [
        ("ccnn", json!({"hidden": 0}), &line, "hidden"),
        ("ccnn", json!({"blocks": 0}), &line, "blocks"),
        ("ccnn", json!({"kernel_layers": 0}), &line, "kernel_layers"),
        ("ccnn", json!({"omega_0": -1.0}), &line, "omega_0"),
        ("ccnn", json!({"mask_init": 0.0}), &line, "mask_init"),
        ("ccnn", json!({"mask_threshold": 1.0}), &line, "mask_threshold"),
        ("ccnn", json!({"mask_threshold": 1.0}), &line, "mask_threshold"),
        ("flexnet", json!({"width_factors": [1.0], "blocks": 2}), &line, "width_factors"),
        ("flexnet", json!({"width_factors": []}), &line, "width_factors"),
        ("flexnet", json!({"kernel_size": 4}), &plane, "kernel_size"),
        ("ccnn", json!({"kernel_network": "siren", "kernel_layers": 1}), &line, "kernel_layers"),
        ("ccnn", json!({"kernel_network": "random-fourier", "kernel_hidden": 5}), &line, "kernel_hidden"),
        ("ckcnn", json!({"faithful": true}), &values(1, &[4097]), "faithful"),
        ("ccnn", json!({"dropout": 1.0}), &line, "dropout"),
        ("ccnn", json!({"causal": true}), &plane, "causal"),
        ("ccnn", json!({"causal": "perhaps"}), &plane, "causal"),
        ("ccnn", json!({"kernel_size": 6}), &plane, "kernel_size"),
        ("ccnn", json!({"kernel_size": 0}), &line, "kernel_size"),
        ("ccnn", json!({"kernel_size": "huge"}), &line, "kernel_size"),
        ("ckcnn", json!({"omega_0": 0.0}), &line, "omega_0"),
        ("ckcnn", json!({"weight_penalty": -1.0}), &line, "weight_penalty"),
        ("lstm", json!({"hidden": 0}), &line, "hidden"),
        ("gru", json!({"layers": 0}), &line, "layers"),
        ("rnn", json!({"dropout": 1.5}), &line, "dropout"),
        ("cnn", json!({"width": 0}), &line, "width"),
        ("s4", json!({"d_model": 0}), &line, "d_model"),
        ("s4", json!({"n_layers": 0}), &line, "n_layers"),
        ("s4", json!({"d_state": 5}), &line, "d_state"),
        ("s4", json!({"dt_min": 0.2}), &line, "dt_max"),
        ("s4", json!({"dt_min": 0.0}), &line, "dt_min"),
        ("s4", json!({"disc": "zoh"}), &line, "disc"),
        ("s4", json!({"init": "lin"}), &line, "init"),
        ("s4", json!({"variant": "diag", "init": "fout"}), &line, "init"),
        ("s4", json!({"channels": 0}), &line, "channels"),
        ("s4", json!({"n_ssm": 3}), &line, "n_ssm"),
        ("s4", json!({"l_max": 0}), &line, "l_max"),
        ("s4d", json!({"dropout": 1.0}), &line, "dropout"),
        ("s4d", json!({"d_state": 0}), &line, "d_state"),
        ("s4d", json!({"init": "fout"}), &line, "init"),
        ("lru", json!({"d_state": 0}), &line, "d_state"),
        ("lru", json!({"r_max": 1.0}), &line, "r_max"),
        ("lru", json!({"r_min": 0.9, "r_max": 0.5}), &line, "r_max"),
        ("lru", json!({"max_phase": 0.0}), &line, "max_phase"),
        ("longconv", json!({"lam": -0.1}), &line, "lam"),
        ("longconv", json!({"kernel_size": 0}), &line, "kernel_size"),
        ("longconv", json!({"kernel_size": 4}), &plane, "kernel_size"),
        ("longconv", json!({"causal": true}), &plane, "causal"),
        ("longconv", json!({"smoothing_window": 4}), &line, "smoothing_window"),
        ("longconv", json!({"smoothing": "frequency"}), &plane, "smoothing"),
        ("longconv", json!({"kernel_dropout": 1.0}), &line, "kernel_dropout"),
        ("longconv", json!({"hidden": 0}), &line, "hidden"),
        ("local", json!({"kernel_size": 4}), &line, "kernel_size"),
        ("local", json!({"kernel_size": 63}), &line, "kernel_size"),
        ("local", json!({"kernel_size": 1}), &line, "kernel_size"),
        ("local", json!({"norm": "group"}), &line, "norm"),
        ("local", json!({"causal": true}), &plane, "causal"),
        ("local", json!({"readout": "last"}), &plane, "readout"),
        ("transformer", json!({"n_heads": 3}), &line, "n_heads"),
        ("transformer", json!({"d_model": 12, "n_heads": 4}), &line, "n_heads"),
        ("transformer", json!({"window": 0}), &line, "window"),
        ("transformer", json!({"ff_expand": 0}), &line, "ff_expand"),
        ("transformer", json!({"dropout": 1.0}), &line, "dropout"),
        ("gru", json!({"block": "residual", "d_model": 0}), &line, "d_model"),
        ("mingru", json!({"d_model": 0}), &line, "d_model"),
        ("mingru", json!({"n_layers": 0}), &line, "n_layers"),
        ("mingru", json!({"expansion": 0.0}), &line, "expansion"),
        ("minlstm", json!({"d_model": 3, "expansion": 0.3}), &line, "expansion"),
        ("minlstm", json!({"ff_mult": 1e9}), &line, "ff_mult"),
        ("mingru", json!({"conv_kernel_size": 0}), &line, "conv_kernel_size"),
        ("minlstm", json!({"dropout": 1.0}), &line, "dropout"),
        ("cnn", json!({}), &values(1, &[1]), ""),
        ("tcn", json!({"levels": 31}), &line, "levels"),
        ("tcn", json!({"kernel_size": 0}), &line, "kernel_size"),
        ("vgg", json!({"hidden": 0}), &line, "hidden"),
        ("vgg", json!({"orthogonality_weight": -0.1}), &line, "orthogonality_weight"),
        ("vgg", json!({"orthogonality": "householder"}), &line, "orthogonality"),
        ("vgg", json!({}), &values(1, &[8]), ""),
        ("stn", json!({"width": 0}), &values(1, &[28, 28]), "width"),
        ("stn", json!({"dropout": 1.0}), &values(1, &[28, 28]), "dropout"),
        ("stn", json!({}), &plane, ""),
        ("lstm", json!({"orthonormality": -1.0}), &line, "orthonormality"),
        ("resnet18", json!({"width": 0}), &line, "width"),
        ("resnet44", json!({"blocks": 0}), &line, "blocks"),
    ] {
        let entry = registry::find(name).unwrap();
        let result = (entry.build)(&config, input, &OutputSpec::Classes(2), 0, &Device::flex());
        let error = result.err().unwrap_or_else(|| panic!("{name} {config} was accepted"));
        assert_eq!(error.field, field, "{name} {config}: {error}");
    }
    let lstm = registry::find("lstm").unwrap();
    assert!((lstm.build)(&json!({}), &plane, &OutputSpec::Classes(2), 0, &Device::flex()).is_err());
    for (written, meant) in [(json!("same"), "same"), (json!("full"), "full"), (json!("auto"), "auto")] {
        let resolved = (registry::find("ccnn").unwrap().resolve)(&json!({"kernel_size": written})).unwrap();
        assert_eq!(resolved["kernel_size"], meant);
    }
}

/// `[2, 2, 3]`: channel 0 holds 1 2 3 and 4 5 6, channel 1 holds 0 0 0 and 6 0 0.
fn two_channels() -> Tensor<3> {
    let data = [[[1.0f32, 2.0, 3.0], [0.0, 0.0, 0.0]], [[4.0, 5.0, 6.0], [6.0, 0.0, 0.0]]];
    Tensor::from_data(TensorData::from(data), &Device::flex().autodiff())
}

fn assert_close<const D: usize>(actual: Tensor<D>, expected: &[f32]) {
    let expected = TensorData::new(expected.to_vec(), actual.dims());
    actual.into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(2e-6));
}

#[test]
fn batch_norm_is_that_of_pytorch() {
    let norm = Norm::new(NormKind::Batch, 2, &mut Init::new(0, &Device::flex().autodiff()));
    let y = norm.forward(two_channels(), &Forward::training(0, 0));
    // Means 3.5 and 1; biased variances 35/12 and 5.
    let (a, b) = ((35.0f32 / 12.0 + 1e-5).sqrt(), (5.0f32 + 1e-5).sqrt());
    let expected = [
        -2.5 / a,
        -1.5 / a,
        -0.5 / a,
        -1.0 / b,
        -1.0 / b,
        -1.0 / b,
        0.5 / a,
        1.5 / a,
        2.5 / a,
        5.0 / b,
        -1.0 / b,
        -1.0 / b,
    ];
    assert_close(y, &expected);
    // Unbiased variances 3.5 and 6, momentum 0.1.
    let mean = norm.running_mean.as_ref().unwrap().value();
    let variance = norm.running_var.as_ref().unwrap().value();
    assert!(!mean.is_require_grad());
    assert_close(mean, &[0.35, 0.1]);
    assert_close(variance, &[0.9 + 0.35, 0.9 + 0.6]);
    let y = norm.forward(two_channels(), &Forward::evaluation());
    let first = |x: f32| (x - 0.35) / (1.25f32 + 1e-5).sqrt();
    let second = |x: f32| (x - 0.1) / (1.5f32 + 1e-5).sqrt();
    let expected = [1.0, 2.0, 3.0].map(first).into_iter().chain([0.0; 3].map(second));
    let expected = expected.chain([4.0, 5.0, 6.0].map(first)).chain([6.0, 0.0, 0.0].map(second));
    assert_close(y, &expected.collect::<Vec<_>>());
    // Evaluation leaves the statistics alone.
    assert_close(norm.running_mean.as_ref().unwrap().value(), &[0.35, 0.1]);
}

#[test]
fn group_and_layer_norm_are_those_of_pytorch() {
    let mut init = Init::new(0, &Device::flex().autodiff());
    let norm = Norm::new(NormKind::Group, 2, &mut init);
    let y = norm.forward(two_channels(), &Forward::training(0, 0));
    // Sample 0: mean 1, variance 8/6. Sample 1: mean 3.5, variance 79/12 - 0.0 = 113/6 - 3.5².
    let (a, b) = ((8.0f32 / 6.0).sqrt(), (113.0f32 / 6.0 - 12.25).sqrt());
    let first = [1.0f32, 2.0, 3.0, 0.0, 0.0, 0.0].map(|v| (v - 1.0) / a);
    let second = [4.0f32, 5.0, 6.0, 6.0, 0.0, 0.0].map(|v| (v - 3.5) / b);
    assert_close(y, &[first, second].concat());

    let norm = Norm::new(NormKind::Layer, 2, &mut init);
    let y = norm.forward(two_channels(), &Forward::training(0, 0));
    let half = |d: f32| (d / 2.0) / ((d / 2.0).powi(2) + 1e-5).sqrt();
    let expected = [
        half(1.0),
        half(2.0),
        half(3.0),
        -half(1.0),
        -half(2.0),
        -half(3.0),
        half(-2.0),
        half(5.0),
        half(6.0),
        half(2.0),
        -half(5.0),
        -half(6.0),
    ];
    assert_close(y, &expected);
}

/// Standard deviations of every probe, over seeds.
fn deviations(
    name: &str,
    config: &Value,
    seeds: u64,
    ctx: fn() -> Forward<'static>,
) -> BTreeMap<(String, &'static str), Vec<f64>> {
    let mut found = BTreeMap::<_, Vec<f64>>::new();
    for seed in 0..seeds {
        let model = build(name, config.clone(), &values(1, &[784]), &OutputSpec::Classes(10), seed).evaluator();
        let mut probes: Vec<Probe> = Vec::new();
        run(&*model, inner(noise(&[2, 1, 784], 100 + seed)), &mut ctx().with_probes(&mut probes));
        for probe in probes {
            found.entry((probe.layer, probe.quantity)).or_default().push(probe.variance.sqrt());
        }
    }
    found
}

fn check_deviations(found: &BTreeMap<(String, &'static str), Vec<f64>>, expected: &[(&str, &str, f64, f64, f64)]) {
    for &(layer, quantity, geometric_mean, low, high) in expected {
        let key =
            found.keys().find(|(l, q)| l == layer && *q == quantity).unwrap_or_else(|| panic!("{layer} {quantity}"));
        let values = &found[key];
        let mean = (values.iter().map(|v| v.ln()).sum::<f64>() / values.len() as f64).exp();
        // The extremes are those of 20 seeds of the reference program, so some four standard deviations of the logarithm
        // apart: a quarter of their distance is four standard errors of a mean over 16 seeds.
        let spread = (high / low).powf(0.25);
        assert!(
            mean > geometric_mean / spread && mean < geometric_mean * spread,
            "{layer} {quantity}: the mean over seeds is {mean}, the reference's {geometric_mean}"
        );
    }
}

#[test]
fn ccnn_starts_with_the_reference_variances() {
    let config = json!({"hidden": 110, "dropout": 0.0});
    check_deviations(
        &deviations("ccnn", &config, 16, || Forward::training(0, 0)),
        &[
            ("conv1.depthwise", "activation", 0.579, 0.411, 0.883),
            ("conv1", "kernel", 0.0727, 0.0506, 0.1050),
            ("blocks.0.conv1", "activation", 0.843, 0.756, 0.915),
            ("blocks.0", "activation", 0.741, 0.706, 0.775),
            ("blocks.3", "activation", 1.1085, 1.062, 1.233),
            ("head", "logits", 0.0651, 0.0205, 0.2055),
        ],
    );
    let config = json!({"hidden": 110, "initialisation": "off"});
    check_deviations(
        &deviations("ccnn", &config, 16, Forward::evaluation),
        &[
            ("conv1", "kernel", 0.586, 0.408, 0.847),
            ("conv1.depthwise", "activation", 4.67, 3.31, 7.12),
            ("blocks.3", "activation", 1919.8, 996.2, 3785.2),
            ("head", "logits", 2714.0, 1355.0, 6401.0),
        ],
    );
}

#[test]
fn ckcnn_starts_with_the_reference_variances() {
    check_deviations(
        &deviations("ckcnn", &json!({}), 16, Forward::evaluation),
        &[
            ("backbone.0.cconv1", "kernel", 0.715, 0.612, 0.767),
            ("backbone.0.cconv1", "activation", 14.11, 10.26, 17.06),
            ("backbone.0.cconv2", "kernel", 0.706, 0.689, 0.722),
            ("backbone.0.cconv2", "activation", 652.4, 503.2, 841.7),
            ("backbone.1", "activation", 1.046, 0.866, 1.253),
            ("head", "logits", 0.125, 0.084, 0.197),
        ],
    );
    check_deviations(
        &deviations("ckcnn", &json!({"norm": "none"}), 16, Forward::evaluation),
        &[("head", "logits", 2.16e8, 8.2e7, 4.63e8)],
    );
}

/// The mean square of the activations stays near one from the first ReLU on; max-pooling raises it, zeros around lower it.
#[test]
fn cnn_starts_with_the_variance_of_its_input() {
    for shape in [vec![256], vec![16, 16]] {
        let model = build("cnn", json!({}), &values(3, &shape), &OutputSpec::Classes(10), 0).evaluator();
        let mut dims = vec![4, 3];
        dims.extend(&shape);
        let mut probes: Vec<Probe> = Vec::new();
        run(&*model, inner(noise(&dims, 1)), &mut Forward::evaluation().with_probes(&mut probes));
        let convs = probes.iter().filter(|p| p.layer.starts_with("convs.")).collect::<Vec<_>>();
        assert_eq!(convs.len(), 4);
        for probe in convs {
            let square = probe.variance + probe.mean.powi(2);
            assert!(square > 0.5 && square < 4.0, "{}: mean square {square}", probe.layer);
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    for (shape, config) in [
        (vec![12], json!({})),
        (vec![12], json!({"separable": false, "causal": false})),
        (vec![5, 6], json!({"norm": "layer"})),
        (vec![12], json!({"weight_penalty": 0.1})),
        (vec![12], json!({"block": "resnet", "kernel_network": "siren"})),
        (vec![5, 6], json!({"block": "tcn", "kernel_network": "gabor"})),
        (vec![12], json!({"prenorm": false, "kernel_network": "fourier"})),
        (vec![12], json!({"kernel_network": "random-fourier", "initialisation": "original", "kernel_hidden": 4})),
        (vec![5, 6], json!({"kernel_network": "mlp", "initialisation": "original"})),
        (vec![61], json!({"faithful": true, "mask_init": 0.9})),
        (vec![3, 4, 3], json!({})),
        (vec![3, 4, 3], json!({"separable": false})),
    ] {
        let mut config = config;
        for (key, value) in [
            ("blocks", json!(1)),
            ("hidden", json!(6)),
            ("kernel_hidden", json!(3)),
            ("omega_0", json!(0.5)),
            ("mask_init", json!(0.45)),
            ("dropout", json!(0.2)),
        ] {
            if config.get(key).is_none() {
                config[key] = value;
            }
        }
        gradients_agree("ccnn", &config, &shape);
    }
}

/// Gradients of every parameter along one direction, against central differences of a loss with dropout.
fn gradients_agree(name: &str, config: &Value, shape: &[usize]) {
    let mut model = build(name, config.clone(), &values(2, shape), &OutputSpec::Classes(3), 11);
    let mut dims = vec![4, 2];
    dims.extend(shape);
    let x = noise(&dims, 6);
    let weights = Tensor::<2>::from_data(
        TensorData::new((0..12).map(|i| (i as f32 * 1.7).sin()).collect(), [4, 3]),
        &Device::flex().autodiff(),
    );
    let loss = |model: &dyn Model| {
        let y = sample(run(model, x.clone(), &mut Forward::training(9, 4)));
        let loss = (y * weights.clone()).sum();
        match model.penalty().unwrap() {
            Some(penalty) => loss + penalty,
            None => loss,
        }
    };
    let gradients = named::by_name(model.parameters(), model.take_gradients(&mut loss(&*model).backward()));
    let scale = gradients.values().map(norm).fold(0.0, f64::max);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for (parameter, gradient) in &gradients {
        let n = gradient.dims()[0];
        let direction: Vec<f32> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
        let direction = Tensor::<1>::from_data(TensorData::new(direction, [n]), &Device::flex());
        let analytic = scalar((gradient.clone() * direction.clone()).sum());
        let step = 5e-4;
        let mut shifted = |by: f64| {
            model.replace(&mut |other, value| (other == parameter).then(|| value + direction.clone() * by));
            scalar(loss(&*model).inner())
        };
        let (up, down) = (shifted(step), shifted(-2.0 * step));
        shifted(step);
        let numeric = (up - down) / (2.0 * step);
        let tolerance = 0.02 * analytic.abs() + 2e-3 * scale;
        assert!(
            (numeric - analytic).abs() < tolerance,
            "{name} {config} {parameter}: {numeric} numeric, {analytic} analytic"
        );
    }
}

#[test]
fn gradients_of_free_kernels_and_attention_agree_with_finite_differences() {
    for (name, config, shape) in [
        ("longconv", json!({}), vec![12]),
        ("longconv", json!({"causal": false, "smoothing": "frequency", "weight_penalty": 0.1}), vec![12]),
        ("longconv", json!({"separable": false, "smoothing": "moving-average", "smoothing_window": 3}), vec![12]),
        ("longconv", json!({"initialisation": "double-exponential", "lam": 0.0, "kernel_dropout": 0.3}), vec![12]),
        // Without the threshold, whose kinks differences step over.
        ("longconv", json!({"block": "resnet", "lam": 0.0}), vec![5, 6]),
        ("local", json!({"kernel_size": 3}), vec![12]),
        ("local", json!({"kernel_size": 3, "separable": false}), vec![3, 4, 3]),
        ("transformer", json!({}), vec![12]),
        ("transformer", json!({"positions": "sinusoidal", "prenorm": false, "decoder": "mlp"}), vec![12]),
        ("transformer", json!({"causal": true, "attention": "local", "window": 2, "norm": "batch"}), vec![12]),
    ] {
        let mut config = config;
        let small = match name {
            "transformer" => json!({"d_model": 8, "n_layers": 1, "n_heads": 2, "dropout": 0.2}),
            _ => json!({"blocks": 1, "hidden": 6, "dropout": 0.2}),
        };
        config.as_object_mut().unwrap().extend(small.as_object().unwrap().clone());
        gradients_agree(name, &config, &shape);
    }
}

fn norm(values: &Tensor<1>) -> f64 {
    scalar(values.clone().square().sum()).sqrt()
}

fn scalar(value: Tensor<1>) -> f64 {
    value.into_data().iter::<f64>().next().unwrap()
}

#[test]
fn running_statistics_travel_with_the_parameters() {
    let config = json!({"blocks": 1, "hidden": 4, "kernel_hidden": 4, "dropout_kind": DropoutKind::Element});
    let model = build("ccnn", config, &values(1, &[9]), &OutputSpec::Classes(2), 0);
    let names = model.parameters().iter().filter(|p| !p.trainable).map(|p| p.name.as_str()).collect::<Vec<_>>();
    let mut expected = Vec::new();
    for norm in ["norm1", "blocks.0.norm1", "out_norm"] {
        expected.extend(["running_mean", "running_var"].map(|state| format!("body.{norm}.{state}")));
    }
    assert_eq!(names, expected);
    let read = |model: &dyn Model| {
        let mut found = BTreeMap::new();
        model.visit(&mut |p, value| {
            if p.name.contains(".running_") {
                found.insert(p.name.clone(), value.into_data().try_to_vec::<f32>().unwrap());
            }
        });
        found
    };
    let before = read(&*model);
    run(&*model, noise(&[3, 1, 9], 1), &mut Forward::training(0, 0));
    let after = read(&*model);
    assert!(before.iter().all(|(name, value)| &after[name] != value), "every statistic is updated by a training pass");
    assert_eq!(read(&*model.evaluator()), after);
}

#[test]
fn every_kernel_network_starts_in_every_way() {
    for network in ["magnet", "gabor", "fourier", "siren", "random-fourier", "mlp"] {
        let kernel = |initialisation: &str| {
            let config = json!({
                "kernel_network": network, "initialisation": initialisation, "omega_0": 20.0, "mask_init": 0.4, "hidden": 64,
            });
            let model = build("ccnn", config, &values(1, &[784]), &OutputSpec::Classes(2), 3).evaluator();
            let mut probes: Vec<Probe> = Vec::new();
            run(&*model, inner(noise(&[2, 1, 784], 4)), &mut Forward::evaluation().with_probes(&mut probes));
            let found = probes.iter().find(|p| p.layer == "blocks.0.conv1" && p.quantity == "kernel").unwrap();
            found.variance.sqrt()
        };
        let [corrected, original, off] = ["corrected", "original", "off"].map(kernel);
        // 338 taps are left under the mask. Biases of the output are zero, so that the whole kernel is scaled.
        let factor = off / corrected;
        assert!((factor - 338f64.sqrt()).abs() < 1e-3 * factor, "{network}: {off} and {corrected}");
        assert!(original > 0.0 && original < 1.0 && original != off, "{network}: {original} and {off}");
        assert!(off > 0.05 && off < 2.0, "{network}: {off}");
    }
}
