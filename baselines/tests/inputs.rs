//! Padded sequences, pairs of inputs, and inputs of another resolution, for every baseline.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use baselines::named;
use baselines::network::InputValues;
use baselines::registry::{self, Entry};
use baselines::{Features, Forward, ForwardError, Init, Input, InputSpec, Model, Output, OutputSpec, Resolution};
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde_json::{Value, json};

const CHANNELS: usize = 2;

fn sequences(length: usize) -> InputSpec {
    InputSpec::Values { channels: CHANNELS, shape: vec![length] }
}

fn build(entry: &Entry, config: &Value, input: &InputSpec, output: &OutputSpec) -> Box<dyn Model> {
    let model = (entry.build)(config, input, output, 7, &Device::flex());
    model.unwrap_or_else(|error| panic!("{}: {error}", entry.info.name))
}

/// Baselines for sequences, small where they can be made so, each in every form that its layers stand in.
fn small() -> Vec<(Entry, Value)> {
    let configs = |name: &str| match name {
        "ccnn" => vec![json!({"blocks": 2, "hidden": 6, "kernel_hidden": 6, "omega_0": 20.0})],
        "ckcnn" => vec![json!({"hidden": 6, "kernel_hidden": 6})],
        "flexnet" => vec![json!({"hidden": 6, "kernel_hidden": 6})],
        "s4" => vec![json!({"d_model": 8, "n_layers": 2, "d_state": 8, "bidirectional": true})],
        "s4d" => vec![json!({"d_model": 8, "n_layers": 2, "d_state": 8})],
        "lru" => [false, true]
            .map(|bidirectional| json!({"d_model": 8, "n_layers": 2, "d_state": 8, "bidirectional": bidirectional}))
            .into(),
        "lstm" | "gru" | "rnn" => vec![json!({"hidden": 8}), json!({"hidden": 8, "layers": 2, "block": "residual"})],
        "mingru" | "minlstm" => vec![
            json!({"d_model": 8, "n_layers": 2, "conv_kernel_size": 3}),
            json!({"d_model": 8, "n_layers": 2, "block": "residual"}),
        ],
        "cnn" | "vgg" | "resnet18" | "resnet44" => vec![json!({"width": 8})],
        "longconv" | "local" => vec![json!({"blocks": 2, "hidden": 6})],
        "transformer" => vec![json!({"d_model": 8, "n_layers": 2, "n_heads": 2})],
        "tcn" => vec![json!({"levels": 3, "hidden": 6})],
        _ => vec![json!({})],
    };
    let entries = registry::entries().into_iter().filter(|entry| entry.info.ranks.contains(&1));
    entries.flat_map(|entry| configs(entry.info.name).into_iter().map(move |config| (entry.clone(), config))).collect()
}

fn noise(elements: usize, seed: u64) -> Vec<f32> {
    let mut init = Init::new(seed, &Device::flex());
    (0..elements).map(|_| init.standard_normal() as f32).collect()
}

/// Samples of the given valid lengths, padded to `length` with `padding`.
fn padded(lengths: &[usize], length: usize, padding: impl Fn(usize) -> f32) -> Vec<f32> {
    let values = noise(lengths.len() * CHANNELS * 64, 3);
    let mut batch = Vec::new();
    for (sample, &valid) in lengths.iter().enumerate() {
        for channel in 0..CHANNELS {
            let row = &values[(sample * CHANNELS + channel) * 64..][..64];
            batch.extend((0..length).map(|t| if t < valid { row[t] } else { padding(t + channel) }));
        }
    }
    batch
}

fn line(values: Vec<f32>, length: usize) -> InputValues {
    let rows = values.len() / CHANNELS / length;
    let data = TensorData::new(values, [rows, CHANNELS, length]);
    InputValues::Values(Features::Line(Tensor::from_data(data, &Device::flex())))
}

fn logits(model: &dyn Model, values: InputValues, lengths: Option<&[usize]>, mut ctx: Forward<'_>) -> Vec<f32> {
    match model.forward(Input { values, lengths: lengths.map(<[usize]>::to_vec) }, &mut ctx).unwrap() {
        Output::Sample(y) => y.into_data().iter::<f32>().collect(),
        Output::Step(_) => panic!("an output per sample was expected"),
    }
}

fn close(found: &[f32], wanted: &[f32], tolerance: f32, what: &str) {
    let scale = wanted.iter().fold(1e-3f32, |most, v| most.max(v.abs()));
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (a, b) in found.iter().zip(wanted) {
        assert!((a - b).abs() <= tolerance * scale, "{what}: {found:?} instead of {wanted:?}");
    }
}

const LENGTHS: [usize; 7] = [32, 20, 11, 7, 1, 29, 16];

#[test]
fn what_lies_in_the_padding_does_not_matter() {
    for (entry, config) in small() {
        let name = entry.info.name;
        let model = build(&entry, &config, &sequences(32), &OutputSpec::Classes(3)).evaluator();
        let clean = padded(&LENGTHS, 32, |_| 0.0);
        let dirty = padded(&LENGTHS, 32, |t| 100.0 * (t as f32).sin());
        let run = |values: &[f32], ctx| logits(&*model, line(values.to_vec(), 32), Some(&LENGTHS), ctx);
        let wanted = run(&clean, Forward::evaluation());
        assert_eq!(run(&dirty, Forward::evaluation()), wanted, "{name}");
        assert_eq!(run(&dirty, Forward::training(0, 0)), run(&clean, Forward::training(0, 0)), "{name}, training");
        let unaware = logits(&*model, line(dirty.clone(), 32), None, Forward::evaluation());
        assert_ne!(unaware, wanted, "{name}: the lengths make no difference");
    }
}

#[test]
fn a_score_does_not_depend_on_the_batch() {
    for (entry, config) in small() {
        let model = build(&entry, &config, &sequences(32), &OutputSpec::Classes(3)).evaluator();
        let batch = padded(&LENGTHS, 32, |_| 0.5);
        let together = logits(&*model, line(batch.clone(), 32), Some(&LENGTHS), Forward::evaluation());
        let alone: Vec<f32> = batch
            .chunks(CHANNELS * 32)
            .zip(LENGTHS)
            .flat_map(|(sample, n)| logits(&*model, line(sample.to_vec(), 32), Some(&[n]), Forward::evaluation()))
            .collect();
        close(&alone, &together, 1e-5, entry.info.name);
    }
}

/// The same weights see the same samples padded to 32 and to 48 positions. Left out are the baselines whose weights or
/// kernels are tied to the padded length: the kernel of CKCNN spans it, and VGG has a layer over all of it.
#[test]
fn the_amount_of_padding_does_not_matter() {
    // Poolings and strides halve the positions up to three times.
    let lengths = [32, 8, 24, 16];
    let mut cases = Vec::new();
    for (entry, mut config) in small() {
        match entry.info.name {
            "ckcnn" | "vgg" => continue,
            "s4" => config["l_max"] = json!(32),
            "ccnn" | "flexnet" | "longconv" => config["kernel_size"] = json!(15),
            _ => {}
        }
        if entry.info.name == "transformer" {
            let mut other = config.clone();
            (other["attention"], other["window"], other["positions"]) = (json!("local"), json!(3), json!("sinusoidal"));
            cases.push((entry.clone(), other));
        }
        if ["ccnn", "longconv"].contains(&entry.info.name) {
            for (key, value) in [("causal", json!(false)), ("norm", json!("group")), ("norm", json!("layer"))] {
                let mut other = config.clone();
                other["causal"] = json!(false);
                other[key] = value;
                cases.push((entry.clone(), other));
            }
        }
        cases.push((entry, config));
    }
    assert!(cases.len() > 10);
    for (entry, config) in cases {
        let [short, long] = [32, 48].map(|length| {
            let model = build(&entry, &config, &sequences(length), &OutputSpec::Classes(3)).evaluator();
            logits(&*model, line(padded(&lengths, length, |_| 1.0), length), Some(&lengths), Forward::evaluation())
        });
        close(&long, &short, 2e-4, &format!("{} {config}", entry.info.name));
    }
}

/// Logits of every sequence by itself, without padding, and of all in one batch padded to `length`: they agree, and so do the
/// losses of whatever label. Left out are CKCNN, whose kernel spans the padded length, and baselines with a layer over all
/// positions, which are other networks at other lengths.
fn padded_batches_score_as_single_sequences(length: usize, lengths: &[usize]) {
    const CLASSES: usize = 3;
    let values = noise(lengths.len() * CHANNELS * length, 5);
    let row = |sample: usize, channel: usize| &values[(sample * CHANNELS + channel) * length..][..length];
    let batch: Vec<f32> = lengths
        .iter()
        .enumerate()
        .flat_map(|(sample, &n)| {
            (0..CHANNELS).flat_map(move |channel| {
                row(sample, channel).iter().enumerate().map(move |(t, v)| if t < n { *v } else { 9.0 })
            })
        })
        .collect();
    let loss = |logits: &[f32], label: usize| {
        let most = logits.iter().fold(f32::NEG_INFINITY, |most, &v| most.max(v));
        let sum: f64 = logits.iter().map(|v| f64::from(v - most).exp()).sum();
        sum.ln() - f64::from(logits[label] - most)
    };
    let mut seen = 0;
    for (entry, mut config) in small().into_iter().filter(|(entry, _)| entry.resolution != Resolution::Fixed) {
        let name = entry.info.name;
        match name {
            "ckcnn" => continue,
            "s4" => config["l_max"] = json!(length),
            "ccnn" | "flexnet" | "longconv" => config["kernel_size"] = json!(15),
            _ => {}
        }
        let mut configs = vec![config.clone()];
        if ["ccnn", "longconv"].contains(&name) {
            config["causal"] = json!(false);
            configs.push(config.clone());
            config["norm"] = json!("group");
            configs.push(config);
        }
        for config in configs {
            let model = build(&entry, &config, &sequences(length), &OutputSpec::Classes(CLASSES)).evaluator();
            let padded = logits(&*model, line(batch.clone(), length), Some(lengths), Forward::evaluation());
            let (mut losses, mut scale) = ([0.0; 2], 1.0_f64);
            for (sample, &n) in lengths.iter().enumerate() {
                if n == 1 && name == "cnn" {
                    // Refuses to be built for so few.
                    continue;
                }
                let alone = (0..CHANNELS).flat_map(|channel| row(sample, channel)[..n].to_vec()).collect();
                // The step of state-space layers follows the length that they were built for.
                let model = build(&entry, &config, &sequences(n), &OutputSpec::Classes(CLASSES)).evaluator();
                let alone = logits(&*model, line(alone, n), None, Forward::evaluation());
                let padded = &padded[sample * CLASSES..][..CLASSES];
                close(padded, &alone, 2e-5, &format!("{name} {config}: {n} of {length}"));
                scale = alone.iter().fold(scale, |scale, v| scale.max(f64::from(v.abs())));
                losses[0] += loss(padded, sample % CLASSES) / lengths.len() as f64;
                losses[1] += loss(&alone, sample % CLASSES) / lengths.len() as f64;
            }
            assert!((losses[0] - losses[1]).abs() <= 1e-6 * scale, "{name} {config}: {losses:?}");
            seen += 1;
        }
    }
    assert!(seen >= 12, "{seen}");
}

#[test]
fn short_sequences_in_a_padded_batch_score_as_alone() {
    // Three strides leave one or two positions of the shortest.
    padded_batches_score_as_single_sequences(81, &(1..=81).collect::<Vec<_>>());
}

#[test]
fn long_sequences_in_a_padded_batch_score_as_alone() {
    padded_batches_score_as_single_sequences(300, &(59..300).collect::<Vec<_>>());
}

/// Whoever changes the number of positions without a word makes the pass fail, where lengths are given.
#[test]
fn lengths_of_images_do_not_go_through_strides() {
    let entry = registry::find("resnet44").unwrap();
    let config = json!({"width": 4, "blocks": 1});
    let spec = InputSpec::Values { channels: 1, shape: vec![8, 8] };
    let model = build(&entry, &config, &spec, &OutputSpec::Classes(2)).evaluator();
    let image = |lengths: Option<Vec<usize>>| {
        let values = TensorData::new(noise(64, 1), [1, 1, 8, 8]);
        let values = InputValues::Values(Features::Plane(Tensor::from_data(values, &Device::flex())));
        model.forward(Input { values, lengths }, &mut Forward::evaluation())
    };
    assert!(image(None).is_ok());
    assert!(matches!(image(Some(vec![40])), Err(ForwardError::Lengths { .. })));
}

#[test]
fn padding_of_tokens_does_not_matter_either() {
    let spec = InputSpec::Tokens { vocabulary: 9, length: 24 };
    let lengths = [24, 10, 3];
    for (entry, config) in small() {
        let model = build(&entry, &config, &spec, &OutputSpec::Classes(3)).evaluator();
        let run = |filler: i32| {
            let ids = lengths.iter().enumerate().flat_map(|(sample, &n)| {
                (0..24).map(move |t| if t < n { (sample + 5 * t) as i32 % 9 } else { filler })
            });
            let ids = Tensor::<2, Int>::from_data(TensorData::new(ids.collect::<Vec<_>>(), [3, 24]), &Device::flex());
            logits(&*model, InputValues::Tokens(ids), Some(&lengths), Forward::evaluation())
        };
        assert_eq!(run(0), run(8), "{}", entry.info.name);
    }
}

#[test]
fn pairs_are_read_by_two_towers_of_every_baseline() {
    for (entry, config) in small() {
        let name = entry.info.name;
        let autodiff = build(&entry, &config, &sequences(32), &OutputSpec::Pair(2));
        let model = autodiff.evaluator();
        // Three pairs: rows 2 i and 2 i + 1 belong together.
        let lengths = [32, 9, 17, 30, 5, 12];
        let batch = padded(&lengths, 32, |_| 0.0);
        let sample = |row: usize| batch[row * CHANNELS * 32..][..CHANNELS * 32].to_vec();
        let rows = |order: &[usize]| {
            let lengths: Vec<usize> = order.iter().map(|&row| lengths[row]).collect();
            let values = order.iter().flat_map(|&row| sample(row)).collect();
            logits(&*model, line(values, 32), Some(&lengths), Forward::evaluation())
        };
        let all = rows(&[0, 1, 2, 3, 4, 5]);
        assert_eq!(all.len(), 6, "{name}: two logits per pair");
        close(&rows(&[2, 3]), &all[2..4], 1e-5, name);
        close(&rows(&[4, 5, 2, 3, 0, 1]), &[&all[4..], &all[2..4], &all[..2]].concat(), 1e-5, name);
        // The order within a pair counts: the head sees u, v and u − v.
        assert!(rows(&[3, 2]).iter().zip(&all[2..4]).any(|(a, b)| (a - b).abs() > 1e-6), "{name}");
        // Both lengths of a pair count.
        let shorter = logits(&*model, line(batch.clone(), 32), Some(&[32, 4, 17, 30, 5, 6]), Forward::evaluation());
        assert!(shorter[..2] != all[..2] && shorter[4..] != all[4..], "{name}");
        close(&shorter[2..4], &all[2..4], 1e-5, name);
        let values = TensorData::new(batch.clone(), [6, CHANNELS, 32]);
        let values = Tensor::<3>::from_data(values, &Device::flex().autodiff());
        let input = Input { values: InputValues::Values(Features::Line(values)), lengths: Some(lengths.to_vec()) };
        let Output::Sample(y) = autodiff.forward(input, &mut Forward::training(0, 0)).unwrap() else {
            panic!("{name}")
        };
        let gradients =
            named::by_name(autodiff.parameters(), autodiff.take_gradients(&mut y.square().sum().backward()));
        for parameter in autodiff.parameters().iter().filter(|p| p.trainable) {
            assert!(gradients.contains_key(&parameter.name), "{name}: no gradient for {}", parameter.name);
        }
    }
}

/// A sum of slow waves, `[1, CHANNELS, samples]`, at `resolution` times 129 samples over the same time.
fn slow(resolution: f64) -> (Vec<f32>, usize) {
    let samples = (128.0 * resolution) as usize + 1;
    let wave = |channel: usize, i: usize| {
        let t = i as f64 / (samples - 1) as f64 * std::f64::consts::TAU;
        ((1.5 + channel as f64) * t + 0.3).sin() + 0.5 * (2.5 * t).cos() + 0.3
    };
    let values = (0..CHANNELS).flat_map(|channel| (0..samples).map(move |i| wave(channel, i) as f32));
    (values.collect(), samples)
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let norm = |v: &mut dyn Iterator<Item = f32>| v.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}

/// A slow signal gives nearly the same features at half and at twice the resolution where kernels and steps follow, and
/// clearly other ones where they do not.
#[test]
fn features_of_slow_signals_survive_another_resolution() {
    let mut seen = 0;
    for (entry, mut config) in small().into_iter().filter(|(entry, _)| entry.resolution == Resolution::Continuous) {
        let name = entry.info.name;
        match name {
            "ccnn" => config = json!({"blocks": 2, "hidden": 8, "kernel_hidden": 8, "omega_0": 1.0, "mask_init": 0.3}),
            "flexnet" => config = json!({"hidden": 8, "kernel_hidden": 8, "input_scale": 4.0, "mask_init": 0.3}),
            "ckcnn" => config = json!({"hidden": 8, "kernel_hidden": 8, "omega_0": 5.0}),
            "s4" | "s4d" => config["dt_max"] = json!(0.02),
            _ => {}
        }
        seen += 1;
        let model = build(&entry, &config, &sequences(129), &OutputSpec::Regression(12)).evaluator();
        let run = |grid: f64, resolution: f64| {
            let (values, samples) = slow(grid);
            logits(&*model, line(values, samples), None, Forward::evaluation().at_resolution(resolution))
        };
        let trained = run(1.0, 1.0);
        for resolution in [0.5, 2.0] {
            let error = distance(&run(resolution, resolution), &trained);
            eprintln!("{name} at {resolution}: {error:.4}");
            assert!(error < 0.03, "{name} at {resolution}: {error}");
        }
        // Frequencies below Nyquist at all these resolutions.
        let frequencies = model.filter_frequencies().unwrap();
        assert!(frequencies.iter().all(|&f| f < 0.5), "{name}: {frequencies:?}");
        assert_eq!(frequencies.is_empty(), ["s4", "s4d", "lru"].contains(&name), "{name}");
    }
    assert!(seen >= 6);
}

#[test]
fn images_follow_the_resolution_too() {
    for (name, config) in [
        (
            "ccnn",
            json!({"blocks": 1, "hidden": 8, "kernel_hidden": 8, "omega_0": 0.5, "kernel_size": 17, "mask_init": 0.3}),
        ),
        (
            "flexnet",
            json!({"blocks": 1, "hidden": 8, "kernel_hidden": 8, "input_scale": 2.0, "kernel_size": 17, "mask_init": 0.3}),
        ),
    ] {
        let entry = registry::find(name).unwrap();
        let spec = InputSpec::Values { channels: 1, shape: vec![33, 25] };
        let model = build(&entry, &config, &spec, &OutputSpec::Regression(12)).evaluator();
        let run = |grid: f64, resolution: f64| {
            let [height, width] = [32.0, 24.0].map(|n| (n * grid) as usize + 1);
            let pixel = |i: usize| {
                let at = [i / width, i % width].map(|n| n as f64 / grid / 32.0 * 4.0);
                ((at[0] + 0.4).sin() + (1.3 * at[1]).cos()) as f32
            };
            let data = TensorData::new((0..height * width).map(pixel).collect::<Vec<_>>(), [1, 1, height, width]);
            let image = Features::Plane(Tensor::from_data(data, &Device::flex()));
            logits(&*model, InputValues::Values(image), None, Forward::evaluation().at_resolution(resolution))
        };
        let trained = run(1.0, 1.0);
        for resolution in [0.5, 2.0] {
            let followed = distance(&run(resolution, resolution), &trained);
            let ignored = distance(&run(resolution, 1.0), &trained);
            eprintln!("{name} at {resolution}: {followed:.4}, ignored {ignored:.4}");
            assert!(followed < 0.1 && followed < 0.25 * ignored, "{name} at {resolution}: {followed}, {ignored}");
        }
    }
}

/// Frequencies grow with ω₀ in proportion, and what lies above the Nyquist frequency is seen by hand for one filter.
#[test]
fn filters_above_the_nyquist_frequency_are_counted_against_the_grid() {
    let of = |name: &str, config: Value| {
        build(&registry::find(name).unwrap(), &config, &sequences(101), &OutputSpec::Classes(2))
            .filter_frequencies()
            .unwrap()
    };
    for (name, field, other) in [
        ("ccnn", "omega_0", json!({"blocks": 1, "hidden": 4, "kernel_hidden": 6})),
        ("ccnn", "omega_0", json!({"blocks": 1, "hidden": 4, "kernel_hidden": 6, "kernel_network": "siren"})),
        ("ccnn", "omega_0", json!({"blocks": 1, "hidden": 4, "kernel_hidden": 6, "kernel_network": "random-fourier"})),
        ("flexnet", "input_scale", json!({"hidden": 4, "kernel_hidden": 6})),
        ("ckcnn", "omega_0", json!({"hidden": 4, "kernel_hidden": 6})),
    ] {
        let at = |omega: f64| {
            let mut config = other.clone();
            config[field] = json!(omega);
            of(name, config)
        };
        let (once, thrice) = (at(10.0), at(30.0));
        assert!(!once.is_empty(), "{name} {other}");
        for (a, b) in once.iter().zip(&thrice) {
            assert!((3.0 * a - b).abs() < 1e-4 * b, "{name} {other}: {a} {b}");
        }
    }
    assert!(of("ccnn", json!({"blocks": 1, "hidden": 4, "kernel_hidden": 6, "kernel_network": "mlp"})).is_empty());
    // ω₀ g = 31.4 radians per unit on a grid of step 0.02: 0.2 of the π radians per step that it can show.
    let entry = registry::find("ckcnn").unwrap();
    let config = json!({"blocks": 1, "hidden": 4, "kernel_hidden": 3, "omega_0": 10.0 * std::f64::consts::PI});
    let mut model = build(&entry, &config, &sequences(101), &OutputSpec::Classes(2));
    model.replace(&mut |name, value| name.ends_with("kernel_net.0.weight_g").then(|| value.ones_like()));
    let frequencies = model.filter_frequencies().unwrap();
    assert_eq!(frequencies.len(), 2 * 3);
    assert!(frequencies.iter().all(|f| (f - 0.2).abs() < 1e-6), "{frequencies:?}");
}

#[test]
fn every_baseline_says_what_another_resolution_does_to_it() {
    let of = |resolution| {
        let entries = registry::entries().into_iter().filter(move |entry| entry.resolution == resolution);
        entries.map(|entry| entry.info.name).collect::<Vec<_>>()
    };
    assert_eq!(of(Resolution::Continuous), ["ccnn", "ckcnn", "flexnet", "lru", "s4", "s4d"]);
    assert_eq!(of(Resolution::Fixed), ["stn", "vgg"]);
    for (entry, config) in small().into_iter().filter(|(entry, _)| entry.resolution != Resolution::Fixed) {
        let model = build(&entry, &config, &sequences(129), &OutputSpec::Classes(2)).evaluator();
        for resolution in [0.5, 0.75, 2.0] {
            let (values, samples) = slow(resolution);
            let ctx = Forward::evaluation().at_resolution(resolution);
            let y = logits(&*model, line(values, samples), None, ctx);
            assert!(y.len() == 2 && y.iter().all(|v| v.is_finite()), "{}", entry.info.name);
        }
    }
}
