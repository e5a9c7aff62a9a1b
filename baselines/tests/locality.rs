//! The receptive field of `local`: what an output depends on, and what it does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use baselines::models::convolutional::local::LocalConfig;
use baselines::network::InputValues;
use baselines::{Features, Forward, Init, Input, InputSpec, Model, Output, OutputSpec, registry};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value, json};

const CHANNELS: usize = 2;

fn build(config: &Value, shape: &[usize]) -> Box<dyn Model> {
    let entry = registry::find("local").unwrap();
    let input = InputSpec::Values { channels: CHANNELS, shape: shape.to_vec() };
    (entry.build)(config, &input, &OutputSpec::PerStep(3), 5, &Device::flex()).unwrap_or_else(|error| panic!("{error}"))
}

fn noise(shape: &[usize]) -> Vec<f32> {
    let mut init = Init::new(9, &Device::flex());
    (0..CHANNELS * shape.iter().product::<usize>()).map(|_| init.standard_normal() as f32).collect()
}

/// Outputs at every position, `[outputs, positions]`, and the input that they can be differentiated by.
fn outputs(model: &dyn Model, values: &[f32], shape: &[usize]) -> (Tensor<3>, Tensor<1>) {
    let data = TensorData::new(values.to_vec(), [values.len()]);
    let flat = Tensor::<1>::from_data(data, &Device::flex().autodiff()).require_grad();
    let positions = shape.iter().product();
    let features = Features::from_flat(flat.clone().reshape([1, CHANNELS, positions]), shape);
    let input = Input { values: InputValues::Values(features), lengths: None };
    match model.forward(input, &mut Forward::evaluation()).unwrap() {
        Output::Step(y) => (y, flat),
        Output::Sample(_) => panic!("an output per position was expected"),
    }
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// How far `to` lies behind and ahead of `from` along the axis where it is farthest: positive where it lies ahead.
fn offsets(from: usize, to: usize, shape: &[usize]) -> Vec<i64> {
    let (mut from, mut to) = (from, to);
    let along = shape.iter().rev().map(|&size| {
        let offset = (to % size) as i64 - (from % size) as i64;
        (from, to) = (from / size, to / size);
        offset
    });
    along.collect()
}

fn within(offsets: &[i64], [back, ahead]: [usize; 2]) -> bool {
    offsets.iter().all(|&offset| offset >= -(back as i64) && offset <= ahead as i64)
}

/// Forwards, a change of one input changes the outputs that see it and no other; backwards, an output has gradients at the
/// inputs that it sees and at no other. In the corners of the field some do depend on it.
#[test]
fn an_output_depends_on_its_receptive_field_alone() {
    for (config, shape) in [
        (json!({"blocks": 2, "kernel_size": 5}), vec![30]),
        (json!({"blocks": 3, "kernel_size": 3, "prenorm": false, "norm": "layer"}), vec![30]),
        (json!({"blocks": 1, "kernel_size": 7, "block": "resnet", "separable": false}), vec![30]),
        (json!({"blocks": 1, "kernel_size": 5, "block": "tcn"}), vec![30]),
        (json!({"blocks": 2, "kernel_size": 5, "causal": true}), vec![30]),
        (json!({"blocks": 2, "kernel_size": 3}), vec![11, 13]),
        (json!({"blocks": 1, "kernel_size": 5, "separable": false, "norm": "none"}), vec![11, 13]),
    ] {
        let mut config = config;
        config["hidden"] = json!(6);
        let field = serde_json::from_value::<LocalConfig>(config.clone()).unwrap().receptive_field();
        let model = build(&config, &shape);
        let values = noise(&shape);
        let positions: usize = shape.iter().product();
        let middle = positions / 2;
        let (y, input) = outputs(&*model, &values, &shape);
        let before = host(y.clone().inner());
        let gradient = input.grad(&y.narrow(2, middle, 1).sum().backward()).unwrap();
        let gradient = host(gradient);
        let mut changed = values.clone();
        (0..CHANNELS).for_each(|channel| changed[channel * positions + middle] += 0.7);
        let after = host(outputs(&*model, &changed, &shape).0.inner());
        let mut farthest = [0_i64; 2];
        for other in 0..positions {
            let sees = within(&offsets(middle, other, &shape), field);
            let depends = (0..CHANNELS).any(|channel| gradient[channel * positions + other] != 0.0);
            assert!(sees || !depends, "{config}: the output at {middle} depends on {other}");
            if depends {
                let along = offsets(middle, other, &shape);
                farthest =
                    [farthest[0].min(*along.iter().min().unwrap()), farthest[1].max(*along.iter().max().unwrap())];
            }
            // The output at `other` sees the input in the middle.
            let sees = within(&offsets(other, middle, &shape), field);
            let differs = (0..3).any(|row| before[row * positions + other] != after[row * positions + other]);
            assert_eq!(sees, differs, "{config}: {middle} is changed, and the output at {other}");
        }
        assert_eq!(farthest, [-(field[0] as i64), field[1] as i64], "{config}");
    }
}

#[test]
fn the_receptive_field_is_that_of_the_formula() {
    let of = |config: Value| serde_json::from_value::<LocalConfig>(config).unwrap().receptive_field();
    assert_eq!(of(json!({"blocks": 4, "kernel_size": 61})), [120, 120]);
    assert_eq!(of(json!({"blocks": 4, "kernel_size": 5, "block": "resnet"})), [16, 16]);
    assert_eq!(of(json!({"blocks": 3, "kernel_size": 3, "causal": true})), [6, 0]);
}
