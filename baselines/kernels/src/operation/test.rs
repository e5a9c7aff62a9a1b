//! The test of every operation: its kernels against its composed form, and that against finite differences.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(any(feature = "tch", feature = "wgpu"))]
use burn::backend::DispatchTensor;
use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Dispatch, Flex, TensorMetadata};
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::call::call;
use super::contract::Kernels;
use super::contract::{Operation, Sample};
use super::inputs::Inputs;

/// A device, a type to compute in, and the error that is allowed, relative to the largest value of a result.
struct Place {
    device: Device,
    dtype: DType,
    tolerance: f64,
}

/// Holds `O` against its composed form, in f32 and f64, and against central differences.
pub(crate) fn check<O: Operation<N>, const N: usize>() {
    let places = [
        Place { device: Device::flex(), dtype: DType::F64, tolerance: 1e-10 },
        Place { device: Device::flex(), dtype: DType::F32, tolerance: O::TOLERANCE },
    ];
    let examples = O::examples();
    assert!(!examples.is_empty(), "an operation needs examples");
    for (operation, samples) in examples {
        let what = format!("{operation:?} on {:?}", samples.each_ref().map(|sample| &sample.shape));
        let exact = composed(&operation, &samples, DType::F64);
        agree(&what, &composed(&operation, &samples, DType::F32), &exact, O::TOLERANCE);
        for place in &places {
            agree(&what, &fused(&operation, &samples, place), &exact, place.tolerance);
        }
        differences(&what, &operation, &samples, &exact[O::OUTPUTS..]);
    }
}

/// Holds `O` on LibTorch, on the CPU, against its composed form.
#[cfg(feature = "tch")]
pub(crate) fn check_on_libtorch<O: Operation<N>, const N: usize>() {
    #[expect(deprecated, reason = "LibTorch is offered as long as Burn ships it")]
    let device = Device::libtorch();
    on::<O, N>(&Place { device: device.clone(), dtype: DType::F32, tolerance: 1e-4 });
    on::<O, N>(&Place { device, dtype: DType::F64, tolerance: 1e-10 });
}

/// Holds `O` on the first GPU against its composed form on the CPU.
#[cfg(feature = "wgpu")]
pub(crate) fn check_on_gpu<O: Operation<N>, const N: usize>() {
    let devices = Device::enumerate(burn::tensor::DeviceType::Wgpu);
    let device = devices.first().expect("a GPU or software Vulkan").clone();
    on::<O, N>(&Place { device, dtype: DType::F32, tolerance: 1e-4 });
}

/// Holds `O` at `place` against its composed form on the CPU.
#[cfg(any(feature = "tch", feature = "wgpu"))]
fn on<O: Operation<N>, const N: usize>(place: &Place) {
    for (operation, samples) in O::examples() {
        let what = format!("{operation:?} on {:?}", samples.each_ref().map(|sample| &sample.shape));
        let exact = composed(&operation, &samples, DType::F64);
        agree(&what, &fused(&operation, &samples, place), &exact, place.tolerance);
        let alone = untracked(&operation, &samples, place);
        agree(&format!("{what}, without gradients"), &alone, &exact[..O::OUTPUTS], place.tolerance);
    }
}

fn data(sample: &Sample, dtype: DType) -> TensorData {
    TensorData::new(sample.values.clone(), sample.shape.clone()).convert_dtype(dtype)
}

fn flex(sample: &Sample, dtype: DType) -> FlexTensor {
    FlexTensor::from_data(data(sample, dtype))
}

fn read(tensor: FlexTensor) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

/// Weights of the outputs in a loss, so that every one counts differently.
fn weights(shape: Vec<usize>) -> Sample {
    Sample::new(shape, 99)
}

/// Outputs and gradients of the composed form on the CPU.
fn composed<O: Operation<N>, const N: usize>(operation: &O, samples: &[Sample; N], dtype: DType) -> Vec<Vec<f64>> {
    let operation = operation.clone().tracked();
    let inputs = samples.each_ref().map(|sample| flex(sample, dtype));
    let outputs = operation.composed::<Flex>(inputs.clone());
    assert_eq!(outputs[0].shape(), operation.shape(&inputs.each_ref().map(TensorMetadata::shape)), "the first shape");
    let g = flex(&weights(outputs[0].shape().to_vec()), dtype);
    let mut results: Vec<Vec<f64>> = outputs.iter().take(O::OUTPUTS).cloned().map(read).collect();
    let saved = operation.save::<Flex>(inputs, &outputs);
    let wanted = std::array::from_fn(|input| input < O::DIFFERENTIABLE);
    let gradients = operation.composed_backward::<Flex>(saved, g, wanted);
    for gradient in gradients.into_iter().take(O::DIFFERENTIABLE) {
        results.push(read(gradient.expect("a gradient of every differentiable input")));
    }
    results
}

/// Outputs and gradients through the gradient graph of `place`.
fn fused<O: Operation<N>, const N: usize>(operation: &O, samples: &[Sample; N], place: &Place) -> Vec<Vec<f64>> {
    let device = place.device.clone().autodiff();
    let flat = |sample: &Sample| {
        let data = TensorData::new(sample.values.clone(), [sample.values.len()]);
        Tensor::<1>::from_data(data, (&device, place.dtype))
    };
    let leaves: [Tensor<1>; N] = std::array::from_fn(|input| {
        let leaf = flat(&samples[input]);
        if input < O::DIFFERENTIABLE { leaf.require_grad() } else { leaf }
    });
    let inputs = std::array::from_fn(|input| {
        Dispatch::float_reshape(leaves[input].clone().into_dispatch(), samples[input].shape.clone().into())
    });
    let outputs = call(operation.clone(), inputs);
    assert_eq!(outputs.len(), O::OUTPUTS, "{operation:?}");
    let shape = outputs[0].shape().to_vec();
    let outputs: Vec<Tensor<1>> = outputs
        .into_iter()
        .map(|output| {
            let n = output.shape().num_elements();
            Tensor::from_dispatch(Dispatch::float_reshape(output, [n].into()))
        })
        .collect();
    let values = |tensor: Tensor<1>| tensor.into_data().convert::<f64>().try_to_vec().unwrap();
    let mut results: Vec<Vec<f64>> = outputs.iter().cloned().map(values).collect();
    if O::DIFFERENTIABLE > 0 {
        let gradients = (outputs[0].clone() * flat(&weights(shape))).sum().backward();
        results.extend(leaves[..O::DIFFERENTIABLE].iter().map(|leaf| values(leaf.grad(&gradients).unwrap())));
    }
    results
}

/// Outputs at `place` where no gradient is wanted.
#[cfg(any(feature = "tch", feature = "wgpu"))]
fn untracked<O: Operation<N>, const N: usize>(operation: &O, samples: &[Sample; N], place: &Place) -> Vec<Vec<f64>> {
    let inputs = samples.each_ref().map(|sample| {
        let values = TensorData::new(sample.values.clone(), [sample.values.len()]);
        let flat = Tensor::<1>::from_data(values, (&place.device, place.dtype));
        Dispatch::float_reshape(flat.into_dispatch(), sample.shape.clone().into())
    });
    let values = |output: DispatchTensor| {
        let n = output.shape().num_elements();
        let flat = Tensor::<1>::from_dispatch(Dispatch::float_reshape(output, [n].into()));
        flat.into_data().convert::<f64>().try_to_vec().unwrap()
    };
    call(operation.clone(), inputs).into_iter().take(O::OUTPUTS).map(values).collect()
}

fn agree(what: &str, found: &[Vec<f64>], expected: &[Vec<f64>], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: results");
    for (which, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{what}, result {which}: length");
        let scale = expected.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
        for (i, (a, b)) in found.iter().zip(expected).enumerate() {
            assert!((a - b).abs() <= tolerance * scale, "{what}, result {which}[{i}]: {a} instead of {b} ({scale})");
        }
    }
}

/// Whether `gradients` are central differences of the weighted first output, at up to 40 elements of every input.
fn differences<O: Operation<N>, const N: usize>(
    what: &str,
    operation: &O,
    samples: &[Sample; N],
    gradients: &[Vec<f64>],
) {
    let step = 1e-6;
    let loss = |samples: &[Sample; N]| {
        let inputs = samples.each_ref().map(|sample| flex(sample, DType::F64));
        let output = Flex::run(operation.clone(), Inputs(inputs.into())).swap_remove(0);
        let weights = weights(output.shape().to_vec());
        read(output).iter().zip(&weights.values).map(|(y, w)| y * w).sum::<f64>()
    };
    for (input, gradient) in gradients.iter().enumerate() {
        let scale = gradient.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
        assert!(scale > 1e-3, "{what}: the gradient of input {input} vanishes");
        for i in (0..gradient.len()).step_by(gradient.len().div_ceil(40)) {
            let moved = |by: f64| {
                let mut samples = samples.clone();
                samples[input].values[i] += by;
                loss(&samples)
            };
            let numeric = (moved(step) - moved(-step)) / (2.0 * step);
            let error = (numeric - gradient[i]).abs();
            let analytic = gradient[i];
            assert!(
                error < 1e-6 * scale.max(1.0),
                "{what}, input {input}[{i}]: {numeric} numeric, {analytic} analytic"
            );
        }
    }
}

#[test]
fn contributing_shows_a_declaration_that_compiles() {
    let source = include_str!("../ops/elementwise/channel_affine/mod.rs");
    let (_, section) = include_str!("../../../../CONTRIBUTING.md").split_once("## An operation\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let shown: Vec<&str> = section.split("```").skip(1).step_by(2).collect();
    assert_eq!(shown.len(), 2);
    for block in shown {
        let code = block.trim_start_matches("rust,ignore").trim();
        assert!(source.contains(code), "CONTRIBUTING.md shows other code than `channel_affine`:\n{code}");
    }
}
