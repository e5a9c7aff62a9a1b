//! Scale of layers and logits at initialisation: what was measured in the original programs, and what corrections keep.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use baselines::network::InputValues;
use baselines::{Features, Forward, GeneratedKernel, Init, Input, InputSpec, Output, OutputSpec, Probe, registry};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value, json};

const LENGTH: usize = 784;

/// Probes of a network on a batch of two sequences of noise.
fn probes(baseline: &str, config: &Value, training: bool, seed: u64) -> Vec<Probe> {
    let device = Device::flex();
    let entry = registry::find(baseline).unwrap();
    let input = InputSpec::Values { channels: 1, shape: vec![LENGTH] };
    let model = (entry.build)(config, &input, &OutputSpec::Classes(10), seed, &device).unwrap().evaluator();
    let mut source = Init::new(1_000 + seed, &device);
    let noise: Vec<f32> = (0..2 * LENGTH).map(|_| source.standard_normal() as f32).collect();
    let values = Tensor::<3>::from_data(TensorData::new(noise, [2, 1, LENGTH]), &device);
    let mut probes = Vec::new();
    let ctx = if training { Forward::training(seed, 0) } else { Forward::evaluation() };
    let input = Input { values: InputValues::Values(Features::Line(values)), lengths: None };
    model.forward(input, &mut ctx.without_dropout().with_probes(&mut probes)).unwrap();
    probes
}

/// Geometric mean over seeds of the standard deviation of `quantity` of `layer`.
fn deviation(runs: &[Vec<Probe>], layer: &str, quantity: &str) -> f64 {
    let of = |run: &Vec<Probe>| {
        let found = run.iter().find(|p| p.layer == layer && p.quantity == quantity);
        found.unwrap_or_else(|| panic!("no {quantity} of {layer}")).variance.sqrt().ln()
    };
    (runs.iter().map(of).sum::<f64>() / runs.len() as f64).exp()
}

/// Layer, quantity and standard deviation in the original programs, a geometric mean over seeds, on noise of 784 steps.
type Measured = (&'static str, &'static str, f64);

const RESNET_CORRECTED: [Measured; 8] = [
    ("conv1", "kernel", 0.075_138),
    ("conv1", "activation", 0.598_438),
    ("blocks.0.conv1", "activation", 0.255_817),
    ("blocks.0.conv2", "activation", 0.106_896),
    ("blocks.0", "activation", 0.347_953),
    ("blocks.1.conv2", "activation", 0.115_416),
    ("blocks.1", "activation", 0.349_143),
    ("head", "logits", 0.341_475),
];
const RESNET: [Measured; 4] = [
    ("conv1", "activation", 4.824_76),
    ("blocks.0", "activation", 1017.39),
    ("blocks.1", "activation", 347_498.0),
    ("head", "logits", 426_988.0),
];
const NORMALISED_RESNET_CORRECTED: [Measured; 5] = [
    ("conv1", "kernel", 0.018_106),
    ("conv1", "activation", 0.399_235),
    ("blocks.0", "activation", 0.858_947),
    ("blocks.1", "activation", 1.0622),
    ("head", "logits", 1.000_79),
];
const CKCONV_CORRECTED: [Measured; 7] = [
    ("conv1", "kernel", 0.019_565),
    ("conv1.depthwise", "activation", 0.384_821),
    ("conv1", "activation", 0.387_567),
    ("blocks.0", "activation", 0.331_361),
    ("blocks.1", "activation", 0.519_231),
    ("blocks.3", "activation", 1.587_03),
    ("head", "logits", 1.260_32),
];
const CKCONV: [Measured; 4] = [
    ("conv1.depthwise", "activation", 10.775),
    ("blocks.0", "activation", 280.948),
    ("blocks.3", "activation", 1.339_48e7),
    ("head", "logits", 1.276_45e7),
];
const FLEXNET: [Measured; 5] = [
    ("blocks.0.conv1", "kernel", 0.069_122),
    ("blocks.0.conv1", "activation", 0.554_769),
    ("blocks.0", "activation", 4.401_68),
    ("blocks.1", "activation", 874.786),
    ("head", "logits", 52.2391),
];

#[test]
fn the_scale_of_layers_is_that_of_the_original_programs() {
    let resnet = |initialisation: &str, mask: f64, norm: &str| {
        json!({"blocks": 2, "hidden": 30, "block": "resnet", "separable": false, "nonlinearity": "relu", "norm": norm,
            "initialisation": initialisation, "mask_init": mask})
    };
    let ckconv = |initialisation: &str| {
        json!({"blocks": 4, "hidden": 110, "mask": "none", "kernel_network": "siren", "omega_0": 31.09, "norm": "none",
            "initialisation": initialisation})
    };
    let cases: [(&str, Value, bool, u64, &[Measured]); 6] = [
        ("ccnn", resnet("corrected", 0.075, "none"), false, 6, &RESNET_CORRECTED),
        ("ccnn", resnet("off", 0.075, "none"), false, 6, &RESNET),
        ("ccnn", resnet("corrected", 0.75, "batch"), true, 6, &NORMALISED_RESNET_CORRECTED),
        ("ccnn", ckconv("corrected"), false, 4, &CKCONV_CORRECTED),
        ("ccnn", ckconv("off"), false, 4, &CKCONV),
        ("flexnet", json!({}), false, 20, &FLEXNET),
    ];
    for (baseline, config, training, seeds, layers) in cases {
        let runs: Vec<_> = (0..seeds).map(|seed| probes(baseline, &config, training, seed)).collect();
        for &(layer, quantity, expected) in layers {
            let found = deviation(&runs, layer, quantity);
            let ratio = found / expected;
            eprintln!("{baseline} {config} {layer} {quantity}: {found:.4} ({ratio:.2} of the original's)");
            assert!(
                (1.0 / 1.5..1.5).contains(&ratio),
                "{baseline} {config}: {quantity} of {layer} {found}, not {expected}"
            );
        }
    }
}

/// Without normalisation, corrected CKCNNs keep the scale of what convolutions give: the first of a block and the second
/// each among themselves, and all together.
#[test]
fn corrected_ckcnns_keep_the_variance_of_convolutions() {
    for blocks in [2, 4] {
        let config = json!({"blocks": blocks, "hidden": 30, "norm": "none", "initialisation": "corrected"});
        let runs: Vec<_> = (0..3).map(|seed| probes("ckcnn", &config, false, seed)).collect();
        let variances = |conv: &str| -> Vec<f64> {
            let of = |block| deviation(&runs, &format!("backbone.{block}.{conv}"), "activation").powi(2);
            (0..blocks).map(of).collect()
        };
        let (first, second) = (variances("cconv1"), variances("cconv2"));
        let logits = deviation(&runs, "head", "logits");
        eprintln!("{blocks} blocks: {first:.3?} {second:.3?}, logits {logits:.3}");
        let spread = |values: &[f64]| {
            values.iter().fold(0.0, |most: f64, v| most.max(*v))
                / values.iter().fold(f64::MAX, |least, v| least.min(*v))
        };
        assert!(spread(&first) < 4.0 && spread(&second) < 4.0, "{blocks} blocks: {first:?}, {second:?}");
        assert!(spread(&[first, second].concat()) < 12.0);
        assert!((0.01..1.0).contains(&logits), "{blocks} blocks: {logits}");
    }
}

/// A mask that is not there has no width to learn, and its kernels cover the grid.
#[test]
fn kernels_without_a_mask_cover_their_grid() {
    let entry = registry::find("ccnn").unwrap();
    let input = InputSpec::Values { channels: 2, shape: vec![40] };
    let build = |config: Value| (entry.build)(&config, &input, &OutputSpec::Classes(3), 0, &Device::flex());
    let small = |mask: &str| json!({"blocks": 1, "hidden": 4, "kernel_hidden": 4, "mask": mask, "norm": "none"});
    let has_widths = |config| build(config).unwrap().parameters().iter().any(|p| p.name.contains("mask_width"));
    assert!(has_widths(small("gaussian")) && !has_widths(small("none")));
    let mut refused = small("none");
    refused["mask_learning_rate_factor"] = json!(0.1);
    assert_eq!(build(refused).err().unwrap().field, "mask_learning_rate_factor");
    // An impulse at the first of 40 steps is still seen at the last.
    for (mask, seen) in [("none", true), ("gaussian", false)] {
        let input = |first: f32| {
            let values = (0..80).map(|at| if at % 40 == 0 { first } else { 0.0 }).collect::<Vec<_>>();
            let values = Tensor::<3>::from_data(TensorData::new(values, [1, 2, 40]), &Device::flex());
            Input { values: InputValues::Values(Features::Line(values)), lengths: None }
        };
        let model = (entry.build)(
            &small(mask),
            &InputSpec::Values { channels: 2, shape: vec![40] },
            &OutputSpec::PerStep(3),
            0,
            &Device::flex(),
        )
        .unwrap()
        .evaluator();
        let last = |first| match model.forward(input(first), &mut Forward::evaluation()).unwrap() {
            Output::Step(y) => y.narrow(2, 39, 1).into_data().iter::<f32>().collect::<Vec<_>>(),
            Output::Sample(_) => panic!("an output per step was expected"),
        };
        assert_eq!(last(0.0) != last(1.0), seen, "{mask}");
    }
}

/// The variance that a kernel should have is that of as many terms as its convolution sums, whatever its initialisation.
#[test]
fn kernels_know_the_variance_that_they_should_have() {
    let targets = |baseline: &str, config: Value| {
        let found = probes(baseline, &config, false, 0);
        let kernels = found.into_iter().filter(|probe| probe.quantity == "kernel");
        kernels.map(|probe| (probe.layer, probe.target_variance.unwrap())).collect::<Vec<_>>()
    };
    for initialisation in ["corrected", "off"] {
        // 65 of 784 points are left by the mask; a separable convolution sums them alone, a dense one over the channels.
        let small = json!({"blocks": 1, "hidden": 6, "initialisation": initialisation});
        assert_eq!(targets("ccnn", small.clone())[0], ("conv1".into(), 1.0 / 65.0));
        let mut dense = small;
        dense["separable"] = json!(false);
        assert_eq!(targets("ccnn", dense)[1], ("blocks.0.conv1".into(), 1.0 / (6.0 * 65.0)));
        let ckcnn = json!({"blocks": 1, "hidden": 6, "initialisation": initialisation});
        let found = targets("ckcnn", ckcnn);
        assert_eq!(found[0].1, 1.0 / 784.0);
        assert_eq!(found[1].1, 1.0 / (6.0 * 784.0));
    }
}

/// What a layer generates is told layer by layer, with the mask that it has learnt.
#[test]
fn generated_kernels_follow_their_mask() {
    let entry = registry::find("flexnet").unwrap();
    let input = InputSpec::Values { channels: 2, shape: vec![17, 17] };
    let config = json!({"blocks": 1, "hidden": 4, "kernel_hidden": 4, "mask_init": 0.1});
    let mut model = (entry.build)(&config, &input, &OutputSpec::Classes(3), 0, &Device::flex()).unwrap();
    let before = model.generated_kernels().unwrap();
    let layers: Vec<&str> = before.iter().map(|kernel| kernel.layer.as_str()).collect();
    assert_eq!(layers, ["conv1", "blocks.0.conv1", "blocks.0.conv2"]);
    assert!(before.iter().all(|kernel| (kernel.mask_width.unwrap() - 0.1).abs() < 1e-6 && kernel.taps == 9));
    model.replace(&mut |name, value| {
        (name == "body.conv1.mask_params").then(|| Tensor::from_data([0.0f32, -10.0, 0.0, 30.0], &value.device()))
    });
    let after = model.generated_kernels().unwrap();
    assert_eq!((after[0].mask_width, after[0].taps), (Some(20.0), 17 * 17));
    assert_eq!(after[1], before[1]);
    let of = |frequencies: &[f64]| GeneratedKernel { frequencies: frequencies.to_vec(), ..after[0].clone() };
    assert_eq!(of(&[0.5, 1.5, 1.0, 2.0]).above_nyquist(), Some(0.5));
    assert_eq!(of(&[]).above_nyquist(), None);
    let gru = registry::find("gru").unwrap();
    let input = InputSpec::Values { channels: 2, shape: vec![9] };
    let model = (gru.build)(&json!({"hidden": 3}), &input, &OutputSpec::Classes(3), 0, &Device::flex()).unwrap();
    assert!(model.generated_kernels().unwrap().is_empty());
}
