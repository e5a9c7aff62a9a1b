//! The fused kernels at the shapes of the benchmark's models: `cargo bench --workspace --bench kernels`.

use std::hint::black_box;
use std::time::Duration;

use baselines::kernels::{
    Activation, Alignment, Precision, StepRule, Taps, activate_and_add, add_and_activate, batch_norm, channel_affine,
    channel_bias, conv2d, cross_entropy, diagonal_kernel, gabor, gelu, glu, gru, layer_norm, long_conv1d,
    long_conv1d_dense, long_conv2d, long_conv2d_dense, low_rank_kernel, lstm, masked, pointwise, rnn, weighted_sum,
};
use burn::tensor::{Device, Tensor, TensorData};
use criterion::{BenchmarkId, Criterion, criterion_group};

fn tensor<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|i: usize| (i as f32 * 0.731).sin() * 0.1).collect();
    let tensor = Tensor::from_data(TensorData::new(values, shape), device);
    if device.is_autodiff() { tensor.require_grad() } else { tensor }
}

/// Forward alone on the plain device, then forward and backward on the autodiff device.
fn measure<const D: usize>(
    c: &mut Criterion,
    group: &str,
    shape: &str,
    operation: impl Fn(&Device) -> Box<dyn Fn() -> Tensor<D>>,
) {
    let mut group = c.benchmark_group(group);
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800));
    let forward = operation(&Device::flex());
    group.bench_function(BenchmarkId::new("forward", shape), |b| b.iter(|| black_box(forward())));
    let tracked = operation(&Device::flex().autodiff());
    group.bench_function(BenchmarkId::new("backward", shape), |b| b.iter(|| black_box(tracked().sum().backward())));
    group.finish();
}

fn long_convolutions(c: &mut Criterion) {
    for (batch, channels, length, taps) in [
        (16, 110, 784, 17),
        (16, 110, 784, 65),
        (16, 110, 784, 128),
        (16, 110, 784, 338),
        (16, 110, 784, 784),
        (64, 40, 784, 65),
        (2, 110, 16_384, 16_384),
    ] {
        let shape = format!("{batch}x{channels}x{length}, {taps} taps");
        measure(c, "long_conv1d", &shape, |device| {
            let x = tensor([batch, channels, length], device);
            let k = tensor([channels, taps], device);
            Box::new(move || long_conv1d(x.clone(), k.clone(), Alignment::Causal))
        });
    }
    for (batch, channels, size, taps) in [(16, 140, 32, 5), (16, 140, 32, 9), (16, 140, 32, 15), (16, 140, 32, 33)] {
        measure(c, "long_conv2d", &format!("{batch}x{channels}x{size}x{size}, {taps}x{taps} taps"), |device| {
            let x = tensor([batch, channels, size, size], device);
            let k = tensor([channels, taps, taps], device);
            Box::new(move || long_conv2d(x.clone(), k.clone(), Alignment::Centred))
        });
    }
    measure(c, "long_conv1d_dense", "64x30x784, 30x30x784", |device| {
        let x = tensor([64, 30, 784], device);
        let k = tensor([30, 30, 784], device);
        Box::new(move || long_conv1d_dense(x.clone(), k.clone(), Alignment::Causal))
    });
    for taps in [5, 9] {
        measure(c, "long_conv2d_dense", &format!("16x24x32x32, 24x24x{taps}x{taps}"), |device| {
            let x = tensor([16, 24, 32, 32], device);
            let k = tensor([24, 24, taps, taps], device);
            Box::new(move || long_conv2d_dense(x.clone(), k.clone(), Alignment::Centred))
        });
    }
}

fn recurrences(c: &mut Criterion) {
    type Layer = fn(Tensor<3>, Tensor<2>, Tensor<2>, Tensor<1>, Tensor<1>, Precision) -> Tensor<3>;
    for (name, layer, gates) in [("lstm", lstm as Layer, 4), ("gru", gru, 3), ("rnn", rnn, 1)] {
        measure(c, name, "64x1x784, 128 hidden", |device| {
            let x = tensor([64, 1, 784], device);
            let (w_ih, w_hh) = (tensor([gates * 128, 1], device), tensor([gates * 128, 128], device));
            let (b_ih, b_hh) = (tensor([gates * 128], device), tensor([gates * 128], device));
            let run = move |x: Tensor<3>| {
                layer(x, w_ih.clone(), w_hh.clone(), b_ih.clone(), b_hh.clone(), Precision::Float32)
            };
            Box::new(move || run(x.clone()))
        });
    }
}

fn elementwise(c: &mut Criterion) {
    measure(c, "gelu", "16x110x784", |device| {
        let x = tensor([16, 110, 784], device);
        Box::new(move || gelu(x.clone()))
    });
    measure(c, "batch_norm", "16x110x784", |device| {
        let (x, gamma, beta) = (tensor([16, 110, 784], device), tensor([110], device), tensor([110], device));
        Box::new(move || batch_norm(x.clone(), gamma.clone(), beta.clone(), 1e-5).0)
    });
    measure(c, "channel_affine", "64x40x784", |device| {
        let (x, scale, shift) = (tensor([64, 40, 784], device), tensor([40], device), tensor([40], device));
        Box::new(move || channel_affine(x.clone(), scale.clone(), shift.clone()))
    });
    measure(c, "glu", "8x256x1024", |device| {
        let x = tensor([8, 256, 1024], device);
        Box::new(move || glu(x.clone()))
    });
    measure(c, "layer_norm", "8x128x1024", |device| {
        let x = tensor([8, 128, 1024], device);
        Box::new(move || layer_norm(x.clone(), 1e-5))
    });
    measure(c, "gelu and dropout", "16x140x784", |device| {
        let (x, mask) = (tensor([16, 140, 784], device), Tensor::ones([16, 140, 1], device));
        Box::new(move || masked(x.clone(), mask.clone(), 1.0, Activation::Gelu))
    });
    measure(c, "gelu and shortcut", "16x140x784", |device| {
        let (x, shortcut) = (tensor([16, 140, 784], device), tensor([16, 140, 784], device));
        Box::new(move || activate_and_add(x.clone(), shortcut.clone(), Activation::Gelu))
    });
    measure(c, "relu of a sum", "16x64x1024", |device| {
        let (x, shortcut) = (tensor([16, 64, 1024], device), tensor([16, 64, 1024], device));
        Box::new(move || add_and_activate(x.clone(), shortcut.clone(), Activation::Relu))
    });
    measure(c, "weighted_sum", "16x140x784", |device| {
        let (x, weights) = (tensor([16, 140, 784], device), Tensor::ones([1, 1, 784], device));
        Box::new(move || weighted_sum(x.clone(), weights.clone()))
    });
    measure(c, "cross_entropy", "64x66x784", |device| {
        let labels: Vec<i32> = (0..64 * 784).map(|i| i % 66).collect();
        let logits = tensor([64, 66, 784], device);
        Box::new(move || cross_entropy(logits.clone(), &labels))
    });
    measure(c, "channel_bias", "64x40x784", |device| {
        let (x, bias) = (tensor([64, 40, 784], device), tensor([40], device));
        Box::new(move || channel_bias(x.clone(), bias.clone()))
    });
    for points in [65, 784] {
        measure(c, "gabor", &format!("32 channels, {points} points"), |device| {
            let positions = tensor::<2>([1, points], device);
            let (weight, bias, mu, gamma) =
                (tensor([32, 1], device), tensor([32], device), tensor([32, 1], device), tensor([32, 1], device));
            Box::new(move || gabor(positions.clone(), weight.clone(), bias.clone(), mu.clone(), gamma.clone()))
        });
    }
    for (channels, size, stride) in [(64, 32, 1), (128, 32, 2), (512, 4, 1)] {
        measure(c, "conv2d", &format!("16x{channels}x{size}x{size}, 3x3 taps, stride {stride}"), |device| {
            let x = tensor([16, channels, size, size], device);
            let weight = tensor([channels, channels, 3, 3], device);
            let taps = Taps { stride: [stride; 2], dilation: [1, 1], padding: [1, 1] };
            Box::new(move || conv2d(x.clone(), weight.clone(), taps))
        });
    }
    for (batch, channels, positions) in [(64, 40, 784), (2, 110, 16_384)] {
        measure(c, "pointwise", &format!("{batch}x{channels}x{positions}, {channels} outputs"), |device| {
            let x = tensor([batch, channels, positions], device);
            let (weight, bias) = (tensor([channels, channels], device), tensor([channels], device));
            Box::new(move || pointwise(x.clone(), weight.clone(), bias.clone(), Precision::Float32))
        });
    }
}

fn state_space_kernels(c: &mut Criterion) {
    // Steps times eigenvalues with negative real parts, as leaves: every backward pass begins with a graph of its own.
    let eigenvalues = |shape, device: &Device| {
        let real = (tensor::<2>(shape, device).abs().neg() - 0.01).detach();
        [if device.is_autodiff() { real.require_grad() } else { real }, tensor(shape, device)]
    };
    for (rows, states, length) in [(128, 32, 1024), (128, 32, 16_384)] {
        let shape = format!("{rows}x{states} to {length}");
        measure(c, "diagonal_kernel", &shape, |device| {
            let (c, x) =
                ([tensor([rows, states], device), tensor([rows, states], device)], eigenvalues([rows, states], device));
            Box::new(move || diagonal_kernel(c.clone(), x.clone(), StepRule::Zoh, length))
        });
        measure(c, "low_rank_kernel", &shape, |device| {
            let v = [0, 1].map(|_| tensor([2, 2, rows, states], device));
            let a = eigenvalues([rows, states], device);
            Box::new(move || low_rank_kernel(v.clone(), a.clone(), length))
        });
    }
}

criterion_group!(kernels, elementwise, long_convolutions, recurrences, state_space_kernels);

fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    // As in `bench`: whoever starts a kernel is one of the threads that compute it.
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global()?;
    kernels();
    Criterion::default().configure_from_args().final_summary();
    Ok(())
}
