//! Every kernel on a GPU in f32 against the CPU in f64, values and gradients. (The CPU's are checked against plain loops
//! and finite differences.) A software implementation of Vulkan will do.
#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use baselines::device::DeviceChoice;
use baselines::kernels::{
    Activation, AdamState, AdamUpdate, Alignment, MinCell, Precision, StepRule, Taps, activate_and_add, adam,
    add_and_activate, batch_norm, channel_affine, channel_bias, conv2d, cross_entropy, diagonal_kernel, gabor, gelu,
    glu, gru, layer_norm, linear_scan, long_conv1d, long_conv1d_dense, long_conv2d, long_conv2d_dense, low_rank_kernel,
    lstm, masked, minimal_scan, pointwise, rms_norm, rnn, weighted_sum,
};
use baselines::layers::convolution::spatial_transformer::{affine_grid, grid_sample};
use baselines::layers::{FlexConv, FlexConvSpec, Frequency, KernelInit, KernelNetworkKind, ReferenceVersion, Window};
use baselines::{Forward, Init};
use burn::tensor::{DType, Device, Tensor, TensorData};
use support::{read, values};

/// Where to compute, and in which precision.
struct Place {
    device: Device,
    dtype: DType,
}

impl Place {
    /// A tensor of known values with a gradient.
    fn leaf<const D: usize>(&self, seed: u64, shape: [usize; D]) -> Tensor<D> {
        self.tensor(&values(shape.iter().product(), seed), shape).require_grad()
    }

    fn tensor<const D: usize>(&self, values: &[f64], shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), (&self.device.clone().autodiff(), self.dtype))
    }

    /// Σ w · y with fixed weights, so that every output counts differently.
    fn weigh<const D: usize>(&self, y: &Tensor<D>) -> Tensor<1> {
        let weights = values(y.dims().iter().product(), 99);
        (y.clone() * self.tensor(&weights, y.dims())).sum()
    }
}

/// The first adapter.
fn gpu() -> Place {
    let device = DeviceChoice::Wgpu(0).open().expect("a GPU or software Vulkan");
    Place { device, dtype: DType::F32 }
}

/// Whether `compute` gives on the GPU what it gives on the CPU, relative to the largest value of each result.
fn compare(what: &str, tolerance: f64, compute: impl Fn(&Place) -> Vec<Vec<f64>>) {
    let gpu = gpu();
    let expected = compute(&Place { device: Device::flex(), dtype: DType::F64 });
    let found = compute(&gpu);
    assert_eq!(found.len(), expected.len());
    for (which, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{what}, result {which}: length");
        let scale = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        assert!(scale > 1e-6, "{what}, result {which} vanishes");
        for (i, (a, b)) in found.iter().zip(expected).enumerate() {
            let error = (a - b).abs();
            assert!(error <= tolerance * scale.max(1.0), "{what}, result {which}[{i}]: {a} instead of {b}");
        }
    }
}

/// [`compare`] the value of an expression and its gradients by the named leaves. The expression may name the place.
macro_rules! agree {
    ($what:expr, $tolerance:expr, [$($leaf:ident: $shape:expr),+], $y:expr) => {
        agree!(_place, $what, $tolerance, [$($leaf: $shape),+], $y)
    };
    ($place:ident, $what:expr, $tolerance:expr, [$($leaf:ident: $shape:expr),+], $y:expr) => {
        compare(&$what, $tolerance, |place| {
            let $place = place;
            let mut seed = 0;
            $(
                seed += 1;
                let $leaf = place.leaf(seed, $shape);
            )+
            let y = {
                $(let $leaf = $leaf.clone();)+
                $y
            };
            let gradients = place.weigh(&y).backward();
            vec![read(y), $(read($leaf.grad(&gradients).unwrap())),+]
        })
    };
}

const BOTH: [Alignment; 2] = [Alignment::Causal, Alignment::Centred];

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn maps_and_normalisations_on_a_gpu() {
    agree!("gelu", 1e-5, [x: [3, 4, 50]], gelu(x.swap_dims(0, 2) * 6.0));
    agree!("glu", 1e-5, [x: [3, 4, 5]], glu(x * 4.0));
    agree!("layer norm", 1e-4, [x: [3, 7, 5]], layer_norm(x, 1e-3));
    agree!("RMS norm", 1e-4, [x: [2, 5, 600]], rms_norm(x, 1e-3));
    // Enough positions for a thread each.
    agree!("layer norm", 1e-4, [x: [2, 5, 600]], layer_norm(x, 1e-3));
    agree!("layer norm", 1e-4, [x: [2, 600, 5]], layer_norm(x.swap_dims(1, 2), 1e-3));
    agree!("batch norm", 1e-4, [x: [3, 4, 5], scale: [4], shift: [4]], batch_norm(x, scale, shift, 1e-3).0);
    agree!("pointwise", 1e-5, [x: [3, 4, 5], w: [6, 4], b: [6]], pointwise(x, w, b, Precision::Float32));
    agree!("affine", 1e-5, [x: [3, 4, 5], scale: [4], shift: [4]], channel_affine(x, scale, shift));
    agree!("bias", 1e-5, [x: [3, 4, 5], shift: [4]], channel_bias(x, shift));
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn chains_on_a_gpu() {
    let factor = 1.25;
    for curve in [Activation::Identity, Activation::Gelu, Activation::Relu] {
        for positions in [5, 1] {
            let mask = |place: &Place| {
                let kept = |value: f64| if value > -0.3 { f64::from(factor) } else { 0.0 };
                let kept: Vec<f64> = values(12 * positions, 7).into_iter().map(kept).collect();
                place.tensor(&kept, [3, 4, positions])
            };
            let what = format!("{curve:?} under a mask of {positions}");
            agree!(place, what, 1e-5, [x: [3, 4, 5]], masked(x * 4.0, mask(place), factor, curve));
        }
        let shapes = [3, 4, 5];
        agree!(format!("{curve:?}, added"), 1e-5, [x: shapes, y: shapes], activate_and_add(x * 4.0, y, curve));
        agree!(format!("{curve:?} of a sum"), 1e-5, [x: shapes, y: shapes], add_and_activate(x * 4.0, y, curve));
    }
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn weighted_sums_on_a_gpu() {
    for samples in [1, 3] {
        let weights = |place: &Place| place.tensor(&values(samples * 50, 7), [samples, 1, 50]);
        let what = format!("weights of {samples} samples");
        agree!(place, what, 1e-5, [x: [3, 4, 50]], weighted_sum(x, weights(place)));
    }
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn cross_entropies_on_a_gpu() {
    let labels: Vec<i32> = (0..60).map(|i| i * 7 % 6 - 1).collect();
    agree!("cross-entropy", 1e-5, [x: [3, 5, 20]], cross_entropy(x * 4.0, &labels));
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn gabor_filters_on_a_gpu() {
    for (axes, widths) in [(1, 1), (2, 1), (2, 2)] {
        let positions = |place: &Place| place.tensor(&values(axes * 70, 8), [axes, 70]);
        agree!(
            place,
            format!("{axes} axes, {widths} widths"),
            1e-4,
            [w: [6, axes], b: [6], mu: [6, axes], gamma: [6, widths]],
            gabor(positions(place), w * 9.0, b, mu, gamma * 2.0)
        );
    }
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn updates_on_a_gpu() {
    let update = |decoupled, number| AdamUpdate {
        betas: [0.9, 0.98],
        epsilon: 1e-8,
        rate: 0.01,
        decay: 0.05,
        decoupled,
        number,
    };
    // More parameters than fit into one launch, of one element to several cubes, by two rules.
    let sizes: Vec<usize> = (0..130).map(|i| [1, 3, 300, 2000][i % 4] + i).collect();
    for decoupled in [false, true] {
        compare("adam", 1e-5, |place| {
            let flat = |n: usize, seed: usize| place.tensor(&values(n, seed as u64), [n]).inner();
            let rule = |at: usize, number| update(decoupled != at.is_multiple_of(7), number);
            let start: Vec<Tensor<1>> = sizes.iter().map(|&n| flat(n, n)).collect();
            let state =
                |value: Tensor<1>, seed, moments| AdamState { gradient: flat(value.dims()[0], seed), value, moments };
            let step = |at: usize, value, moments| (state(value, at + 3, moments), rule(at, 1));
            let first = adam(start.iter().cloned().enumerate().map(|(at, value)| step(at, value, None)).collect());
            let kept = first.clone();
            let step = |(at, (value, moments)): (usize, _)| (state(value, at + 500, Some(moments)), rule(at, 2));
            let second = adam(first.into_iter().enumerate().map(step).collect());
            // What others refer to is as it was.
            let all = start.into_iter().chain([kept, second].concat().into_iter().flat_map(|(v, [m, s])| [v, m, s]));
            all.map(read).collect()
        });
        // One gradient of two parameters.
        compare("adam", 1e-5, |place| {
            let flat = |seed| place.tensor(&values(300, seed), [300]).inner();
            let gradient = flat(5);
            let state = |value| (AdamState { value, gradient: gradient.clone(), moments: None }, update(decoupled, 1));
            let updated = adam(vec![state(flat(1)), state(flat(2))]);
            updated.into_iter().flat_map(|(value, [first, second])| [value, first, second]).map(read).collect()
        });
    }
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn convolutions_of_few_taps_on_a_gpu() {
    for (size, kernel, stride, dilation, padding) in [
        ([5, 6], [3, 3], [1, 1], [1, 1], [1, 1]),
        ([5, 6], [3, 3], [2, 2], [1, 1], [1, 1]),
        ([6, 5], [1, 1], [2, 2], [1, 1], [0, 0]),
        ([1, 9], [1, 3], [1, 1], [1, 2], [0, 2]),
        ([7, 8], [2, 3], [3, 2], [2, 1], [0, 3]),
    ] {
        let taps = Taps { stride, dilation, padding };
        let (x, w) = ([2, 3, size[0], size[1]], [4, 3, kernel[0], kernel[1]]);
        agree!(format!("{taps:?}"), 1e-5, [x: x, w: w], conv2d(x, w, taps));
    }
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn resampled_images_on_a_gpu() {
    let view = |image, theta: Tensor<3>| grid_sample(image, affine_grid(theta * 0.9 + 0.05, [4, 6]));
    agree!("resampling", 1e-4, [image: [2, 2, 5, 7], theta: [2, 2, 3]], view(image, theta));
}

/// On a GPU, kernels are rounded up to a multiple of 32 taps. Nothing comes of the taps that this adds.
#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn generated_kernels_on_a_gpu() {
    let gpu = gpu();
    // From few taps to the whole grid, and as many again on a finer one.
    let cases = [(100, 0.05, 1.0), (101, 0.13, 1.0), (101, 0.2, 2.0), (40, 0.4, 1.0), (60, 0.9, 1.0)];
    for (version, causal) in
        [ReferenceVersion::Ccnn, ReferenceVersion::FlexNet].into_iter().flat_map(|l| [(l, true), (l, false)])
    {
        for (length, mask_init, resolution) in cases {
            let spec = FlexConvSpec {
                inputs: 2,
                outputs: 3,
                window: Window { sizes: vec![length], causal, threshold: 0.1 },
                version,
                separable: version == ReferenceVersion::Ccnn,
                kernel_network: KernelNetworkKind::Magnet,
                kernel_hidden: 6,
                kernel_layers: 3,
                frequency: Frequency::Omega0(12.0),
                mask_init: Some(mask_init),
                init: KernelInit::Corrected,
                kernel_scale: 1.0,
                reference_bugs: false,
            };
            let compute = |device: &Device| {
                let device = device.clone().autodiff();
                let layer = FlexConv::new(&spec, &mut Init::new(3, &device)).unwrap();
                let samples = (length as f64 * resolution) as usize;
                let leaf = |seed, shape: [usize; 3]| {
                    let data = values(shape.iter().product(), seed).into_iter().map(|v| v as f32).collect::<Vec<_>>();
                    Tensor::<3>::from_data(TensorData::new(data, shape), &device)
                };
                let x = leaf(1, [2, 2, samples]).require_grad();
                let mut probes = Vec::new();
                let mut ctx = Forward::evaluation().at_resolution(resolution).with_probes(&mut probes);
                let y = layer.forward(x.clone(), &[samples], "layer", &mut ctx);
                let gradients = (y.clone() * leaf(2, [2, 3, samples])).sum().backward();
                let width = match (&layer.mask_width_param, &layer.mask_params) {
                    (Some(width), _) => read(width.val().grad(&gradients).unwrap()),
                    (_, params) => read(params.as_ref().unwrap().val().grad(&gradients).unwrap()),
                };
                let statistics = probes.iter().flat_map(|probe| [probe.mean, probe.variance]).collect();
                [read(y), read(x.grad(&gradients).unwrap()), width, statistics]
            };
            let (found, expected) = (compute(&gpu.device), compute(&Device::flex()));
            for (which, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_eq!(found.len(), expected.len());
                let scale = expected.iter().fold(1e-6_f64, |most, value| most.max(value.abs()));
                for (a, b) in found.iter().zip(expected) {
                    let error = (a - b).abs() / scale;
                    assert!(error < 1e-4, "{spec:?} at resolution {resolution}, result {which}: {a} instead of {b}");
                }
            }
        }
    }
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn recurrences_on_a_gpu() {
    // One, two and four samples to a group of threads, with and without a rest; more units than threads.
    for [batch, input, length, hidden] in [[1, 1, 2, 1], [3, 2, 9, 5], [67, 1, 4, 3], [131, 2, 3, 4], [2, 3, 3, 150]] {
        let what = format!("{batch} x {input} x {length}, {hidden} units");
        let shapes = |gates: usize| ([gates * hidden, input], [gates * hidden, hidden], [gates * hidden]);
        let x = [batch, input, length];
        let (wi, wh, b) = shapes(4);
        agree!(format!("LSTM {what}"), 2e-5, [x: x, wi: wi, wh: wh, bi: b, bh: b], lstm(x, wi, wh, bi, bh, Precision::Float32));
        let (wi, wh, b) = shapes(3);
        agree!(format!("GRU {what}"), 2e-5, [x: x, wi: wi, wh: wh, bi: b, bh: b], gru(x, wi, wh, bi, bh, Precision::Float32));
        let (wi, wh, b) = shapes(1);
        agree!(format!("RNN {what}"), 2e-5, [x: x, wi: wi, wh: wh, bi: b, bh: b], rnn(x, wi, wh, bi, bh, Precision::Float32));
    }
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn linear_recurrences_on_a_gpu() {
    // Two rows of two steps, either way (of a single one, no gradient reaches the decays), more rows than a group of threads has, and
    // gaps between the steps of a row.
    for shape in [[1, 2, 2], [2, 3, 50], [7, 100, 33]] {
        let what = format!("scan of {shape:?}");
        agree!(what, 2e-5, [a: shape, b: shape], linear_scan(a * 0.9, b));
        agree!(what, 2e-5, [a: shape, b: shape], linear_scan(a.swap_dims(1, 2) * 0.9, b.swap_dims(1, 2)));
        let [batch, states, length] = shape;
        agree!("minGRU", 5e-5, [x: [batch, 2 * states, length]], minimal_scan(x * 4.0, MinCell::Gru));
        agree!("minLSTM", 5e-5, [x: [batch, 3 * states, length]], minimal_scan(x * 4.0, MinCell::Lstm));
    }
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn depthwise_lines_on_a_gpu() {
    for alignment in BOTH {
        // A single tap, a tile, several tiles, blocks of taps, and beyond direct summation.
        for (length, taps) in [(1, 1), (7, 2), (9, 30), (100, 33), (1100, 40), (300, 190), (600, 520), (1200, 1100)] {
            let what = format!("{alignment:?}, {taps} taps on {length}");
            agree!(what, 2e-5, [x: [2, 3, length], k: [3, taps]], long_conv1d(x, k, alignment));
        }
        agree!("one channel", 2e-5, [x: [37, 1, 33], k: [1, 20]], long_conv1d(x, k, alignment));
    }
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn depthwise_planes_on_a_gpu() {
    for alignment in BOTH {
        for (size, taps) in
            [([1, 1], [3, 3]), ([5, 4], [3, 3]), ([7, 12], [20, 3]), ([40, 36], [7, 9]), ([16, 16], [31, 31])]
        {
            let what = format!("{alignment:?}, {taps:?} taps on {size:?}");
            let x = [2, 3, size[0], size[1]];
            agree!(what, 2e-5, [x: x, k: [3, taps[0], taps[1]]], long_conv2d(x, k, alignment));
        }
    }
}

/// The operands of a convolution need not lie in memory in the order of their axes.
#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn transposed_operands_on_a_gpu() {
    let conv = |x: Tensor<4>, k: Tensor<3>| {
        long_conv2d(x.swap_dims(1, 2), k.swap_dims(1, 2), Alignment::Causal).swap_dims(0, 3)
    };
    agree!("convolution", 2e-5, [x: [2, 6, 3, 5], k: [3, 4, 5]], conv(x, k));
    let lstm = |x: Tensor<3>, wi: Tensor<2>, wh: Tensor<2>, bi, bh| {
        lstm(x.swap_dims(1, 2), wi.swap_dims(0, 1), wh.swap_dims(0, 1), bi, bh, Precision::Float32).swap_dims(0, 1)
    };
    let shapes = ([3, 5, 2], [2, 16], [4, 16], [16]);
    agree!(
        "LSTM",
        2e-5,
        [x: shapes.0, wi: shapes.1, wh: shapes.2, bi: shapes.3, bh: shapes.3],
        lstm(x, wi, wh, bi, bh)
    );
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn dense_convolutions_on_a_gpu() {
    for alignment in BOTH {
        agree!("short line", 2e-5, [x: [3, 2, 20], k: [5, 2, 7]], long_conv1d_dense(x, k, alignment));
        agree!("long line", 2e-5, [x: [3, 2, 90], k: [5, 2, 90]], long_conv1d_dense(x, k, alignment));
        agree!("small plane", 2e-5, [x: [2, 3, 5, 7], k: [2, 3, 3, 3]], long_conv2d_dense(x, k, alignment));
        agree!("large plane", 2e-5, [x: [2, 3, 10, 9], k: [2, 3, 9, 9]], long_conv2d_dense(x, k, alignment));
    }
}

#[test]
#[ignore = "needs a GPU or software Vulkan"]
fn state_space_kernels_on_a_gpu() {
    for rule in [StepRule::Zoh, StepRule::Bilinear, StepRule::Discrete] {
        let kernel = |c_re, c_im, x_re: Tensor<2>, x_im: Tensor<2>| {
            diagonal_kernel([c_re, c_im], [(x_re + 1.5) * -0.05, x_im * 1.5], rule, 130)
        };
        let shape = [3, 4];
        agree!(
            format!("{rule:?}"),
            1e-4,
            [c_re: shape, c_im: shape, x_re: shape, x_im: shape],
            kernel(c_re, c_im, x_re, x_im)
        );
    }
    let kernel = |v_re: Tensor<4>, v_im: Tensor<4>, a_re: Tensor<2>, a_im: Tensor<2>| {
        low_rank_kernel([v_re * 0.1, v_im * 0.1], [(a_re + 1.5) * -0.05, a_im], 60)
    };
    let (v, a) = ([2, 3, 2, 4], [2, 4]);
    agree!("low rank", 1e-3, [v_re: v, v_im: v, a_re: a, a_im: a], kernel(v_re, v_im, a_re, a_im));
}
