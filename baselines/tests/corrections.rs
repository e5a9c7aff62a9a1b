//! Where the original programs are wrong, and what the setting `faithful` gives back: one test for each line of the table in README.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use baselines::layers::convolution::free_kernel::{Program, Sides};
use baselines::layers::residual::penalty;
use baselines::layers::{KernelStart, LongConv, LongConvSpec, SequenceLayer, Smoothing};
use baselines::network::InputValues;
use baselines::{Features, Forward, Init, Input, InputSpec, Model, Output, OutputSpec, registry};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value, json};

fn build(name: &str, config: &Value, shape: &[usize]) -> Box<dyn Model> {
    let input = InputSpec::Values { channels: 2, shape: shape.to_vec() };
    (registry::find(name).unwrap().build)(config, &input, &OutputSpec::Classes(3), 1, &Device::flex()).unwrap()
}

fn refused(name: &str, config: &Value, shape: &[usize]) -> String {
    let input = InputSpec::Values { channels: 2, shape: shape.to_vec() };
    let built = (registry::find(name).unwrap().build)(config, &input, &OutputSpec::Classes(3), 1, &Device::flex());
    built.err().unwrap_or_else(|| panic!("{name} {config} was accepted")).field
}

fn evaluate(model: &dyn Model, batch: usize, shape: &[usize]) -> Tensor<2> {
    let mut source = Init::new(2, &Device::flex());
    let positions: usize = shape.iter().product();
    let noise: Vec<f32> = (0..batch * 2 * positions).map(|_| source.standard_normal() as f32).collect();
    let x = Tensor::<3>::from_data(TensorData::new(noise, [batch, 2, positions]), &Device::flex());
    let input = Input { values: InputValues::Values(Features::from_flat(x, shape)), lengths: None };
    match model.evaluator().forward(input, &mut Forward::evaluation()).unwrap() {
        Output::Sample(y) => y,
        Output::Step(_) => panic!("an output per sample was expected"),
    }
}

fn norm(x: Tensor<2>) -> f64 {
    f64::from(x.square().sum().into_scalar::<f32>()).sqrt()
}

/// Relative difference between the outputs with and without the bugs of the reference programs.
fn difference(name: &str, config: &Value, length: usize) -> f64 {
    let mut with_bugs = config.clone();
    with_bugs["faithful"] = json!(true);
    let ours = evaluate(&*build(name, config, &[length]), 4, &[length]);
    let theirs = evaluate(&*build(name, &with_bugs, &[length]), 4, &[length]);
    norm(ours.clone() - theirs) / norm(ours)
}

#[test]
fn odd_lengths_are_exact_unless_theirs_are_asked_for() {
    let ccnn = json!({"blocks": 1, "hidden": 8, "kernel_hidden": 8, "omega_0": 30.0, "mask_init": 0.9, "norm": "none"});
    // The error stretches time a little, so that only kernels of high frequency show it.
    let flexnet =
        json!({"blocks": 1, "hidden": 8, "kernel_hidden": 8, "mask_init": 0.9, "norm": "none", "input_scale": 400.0});
    let ckcnn = json!({"blocks": 1, "hidden": 8, "kernel_hidden": 8, "norm": "group"});
    for (name, config) in [("ccnn", &ccnn), ("flexnet", &flexnet), ("ckcnn", &ckcnn)] {
        assert_eq!(difference(name, config, 160), 0.0, "{name}: even lengths are right in the originals");
        assert!(difference(name, config, 161) > 0.01, "{name}: odd lengths are not");
    }
    let short = json!({"blocks": 1, "hidden": 8, "kernel_hidden": 8, "mask_init": 0.075});
    assert_eq!(difference("ccnn", &short, 161), 0.0, "the originals convolve up to 50 taps directly");
    assert_eq!(refused("ckcnn", &json!({"faithful": true}), &[16_001]), "faithful");
}

#[test]
fn the_learning_rate_of_masks_reaches_them() {
    for (name, masks) in [("ccnn", "mask_width_param"), ("flexnet", "mask_params")] {
        let factor = json!({"blocks": 1, "hidden": 4, "kernel_hidden": 4, "mask_learning_rate_factor": 0.1});
        let model = build(name, &factor, &[20]);
        let [group] = model.groups() else { panic!("{name}: one group was expected") };
        let members: Vec<_> =
            model.parameters().iter().filter(|p| group.contains.iter().any(|part| p.name.contains(part))).collect();
        assert!(!members.is_empty() && members.iter().all(|p| p.name.ends_with(masks)), "{name}: {members:?}");
        assert_eq!(group.learning_rate_factor, 0.1);
    }
    assert!(build("ccnn", &json!({"blocks": 1, "hidden": 4}), &[20]).groups().is_empty());
}

#[test]
fn the_penalty_is_a_sum_of_norms_that_are_not_squared() {
    for name in ["ccnn", "flexnet", "ckcnn"] {
        let config = json!({"blocks": 1, "hidden": 4, "kernel_hidden": 4, "weight_penalty": 0.5, "norm": "none"});
        let mut model = build(name, &config, &[20]);
        // Kernels and biases are linear in the last map of their network and in themselves.
        let linear = |name: &str| {
            name.contains("output_linear")
                || name.contains("kernel_net.2.weight_g")
                || name.contains("kernel_net.2.bias")
                || !name.contains("kernel.") && !name.contains("mask")
        };
        let before = f64::from(model.penalty().unwrap().unwrap().into_scalar::<f32>());
        model.replace(&mut |name, value| linear(name).then(|| value * 3.0));
        let after = f64::from(model.penalty().unwrap().unwrap().into_scalar::<f32>());
        let masks = model.parameters().iter().filter(|p| p.name.contains("mask_width_param")).count() as f64;
        let fixed = 0.5 * masks * 0.075;
        assert!((after - fixed - 3.0 * (before - fixed)).abs() < 1e-4 * after, "{name}: {before} and {after}");
    }
}

#[test]
fn the_gradient_of_a_norm_is_a_direction() {
    let values = support::values(12, 3);
    support::check_gradient("norm", &values, [3, 4], penalty::norm);
    let leaf = support::tensor(&values, [3, 4]).require_grad();
    let gradient = support::read(leaf.grad(&penalty::norm(leaf.clone()).backward()).unwrap());
    assert!((gradient.iter().map(|g| g * g).sum::<f64>() - 1.0).abs() < 1e-12, "not squared: its length is 1");
}

#[test]
fn a_batch_of_one_keeps_its_axis() {
    for name in ["ccnn", "flexnet"] {
        let model = build(name, &json!({"blocks": 1, "hidden": 4, "kernel_hidden": 4}), &[6, 6]);
        assert_eq!(evaluate(&*model, 1, &[6, 6]).dims(), [1, 3], "{name}");
    }
}

#[test]
fn a_kernel_with_a_middle_has_an_odd_size() {
    let small = |extra: Value| {
        let mut config = json!({"blocks": 1, "hidden": 4, "kernel_hidden": 4, "causal": false});
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        config
    };
    assert_eq!(refused("ccnn", &small(json!({"kernel_size": 16})), &[20]), "kernel_size");
    assert_eq!(refused("ccnn", &small(json!({"kernel_size": 16})), &[20, 20]), "kernel_size");
    assert_eq!(refused("flexnet", &json!({"kernel_size": 16}), &[20, 20]), "kernel_size");
    assert_eq!(evaluate(&*build("ccnn", &small(json!({"kernel_size": "same"})), &[20]), 2, &[20]).dims(), [2, 3]);
}

#[test]
fn volumes_and_large_separable_kernels_work() {
    let config = json!({"blocks": 1, "hidden": 4, "kernel_hidden": 4, "mask_init": 1.0, "kernel_size": "full"});
    for shape in [&[4, 5, 6][..], &[40, 40]] {
        let y = evaluate(&*build("ccnn", &config, shape), 2, shape);
        assert!(y.into_data().iter::<f32>().all(f32::is_finite), "{shape:?}");
    }
}

#[test]
fn ckcnn_starts_from_the_default_or_from_what_was_meant() {
    let largest = |initialisation: &str| {
        let model = build("ckcnn", &json!({"blocks": 1, "initialisation": initialisation}), &[20]);
        let mut found = 0f32;
        model.visit(&mut |parameter, value| {
            if parameter.name.ends_with("cconv2.kernel.kernel_net.1.weight_v") {
                found = value.abs().max().into_scalar::<f32>();
            }
        });
        f64::from(found)
    };
    let (lost, meant) = (1.0 / 32f64.sqrt(), (6.0 / 32.0_f64).sqrt() / 31.091_957);
    assert!(largest("off") > 0.9 * lost && largest("off") <= lost);
    assert!(largest("original") > 0.9 * meant && largest("original") <= 1.0001 * meant);
}

#[test]
fn tcn_starts_from_the_default_but_for_its_shortcut() {
    let model = build("tcn", &json!({"levels": 1, "hidden": 200, "kernel_size": 7}), &[20]);
    let mut deviations = std::collections::BTreeMap::new();
    model.visit(&mut |parameter, value| {
        let variance = f64::from(value.square().mean().into_scalar::<f32>());
        deviations.insert(parameter.name.clone(), variance.sqrt());
    });
    let of = |name: &str| deviations[&format!("body.network.0.{name}")];
    // U(±1/√fan_in) has the deviation 1/√(3 fan_in).
    let default = 1.0 / (3.0 * 200.0 * 7.0_f64).sqrt();
    assert!((of("conv2.weight_v") / default - 1.0).abs() < 0.05, "{deviations:?}");
    assert!((of("downsample.weight") / 0.01 - 1.0).abs() < 0.2, "{deviations:?}");
}

#[test]
fn filters_of_a_causal_kernel_start_at_the_mask_in_ccnn_alone() {
    let centres = |name: &str| {
        let model = build(name, &json!({"blocks": 1, "mask_init": 0.1}), &[40]);
        let mut all: Vec<f32> = Vec::new();
        model.visit(&mut |parameter, value| {
            if parameter.name.ends_with(".mu") {
                all.extend(value.into_data().iter::<f32>());
            }
        });
        all
    };
    assert!(centres("ccnn").iter().all(|mu| (0.83..=1.0).contains(mu)));
    let flexnet = centres("flexnet");
    assert!(flexnet.iter().all(|mu| mu.abs() <= 0.1667) && flexnet.iter().any(|&mu| mu < 0.0));
}

/// A causal long convolution of an input shorter than its kernel, by lags and as the reference program transforms it.
#[test]
fn causal_long_convolutions_see_no_future_of_short_inputs() {
    let sees_the_future = |reference_bugs: Option<Program>| {
        let spec = LongConvSpec {
            d_model: 3,
            channels: 2,
            l_max: 32,
            sides: Sides::Causal,
            threshold: 0.0,
            smoothing: Smoothing::None,
            window: 1,
            kernel_dropout: 0.0,
            start: KernelStart::FanIn,
            dropout: 0.0,
            reference_bugs,
        };
        let layer = LongConv::new(&spec, &mut Init::new(4, &Device::flex()));
        let outputs = |last: f32| {
            let mut values = vec![0.5f32; 3 * 19];
            (0..3).for_each(|channel| values[channel * 19 + 18] = last);
            let x = Tensor::<3>::from_data(TensorData::new(values, [1, 3, 19]), &Device::flex());
            layer.forward(x, "layer", &mut Forward::evaluation()).narrow(2, 0, 18)
        };
        (outputs(0.5) - outputs(2.0)).abs().max().into_scalar::<f32>() > 1e-4
    };
    assert!(!sees_the_future(None));
    assert!(sees_the_future(Some(Program::Safari)));
}

#[test]
fn maps_of_attention_start_independently() {
    let model = build("transformer", &json!({"n_layers": 1}), &[20]);
    let mut maps: Vec<Vec<f32>> = Vec::new();
    model.visit(&mut |parameter, value| {
        if parameter.name.starts_with("body.layers.0.attention.") && parameter.name.ends_with("weight") {
            maps.push(value.into_data().iter::<f32>().collect());
        }
    });
    assert_eq!(maps.len(), 4);
    assert!((0..4).all(|i| (0..i).all(|j| maps[i] != maps[j])));
}
