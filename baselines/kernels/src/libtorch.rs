//! What operations share that run in functions of LibTorch.
//!
//! Gradients are written by hand where LibTorch has the functions, or found by LibTorch itself: `record` runs a function in its
//! gradient graph, and `gradients` walks that backwards. No other tensor of Burn's is in the graph.

use burn::backend::LibTorch;
use burn::backend::tensor::FloatTensor;
use tch::{Cuda, Tensor};

use crate::operation::Tensors;

/// A tensor of Burn's on LibTorch.
pub(crate) type TorchTensor = FloatTensor<LibTorch>;

/// Whether LibTorch was built with CUDA.
pub fn has_cuda() -> bool {
    tch::utils::has_cuda()
}

/// GPUs that LibTorch can use: none where it was built without CUDA, or there is no driver.
pub fn gpus() -> usize {
    if Cuda::is_available() { usize::try_from(Cuda::device_count()).unwrap_or(0) } else { 0 }
}

/// Has LibTorch compute with `threads` threads on the CPU, and keep the memory that its tensors leave for the next ones.
pub fn prepare(threads: usize) {
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
    heap::keep();
}

/// Gives memory that no tensor needs any more back to the system.
pub(crate) fn release_idle() {
    heap::release();
}

/// The allocator of the C library, which LibTorch has its memory from. It gives every large block back at once, and the system
/// clears each page of the next one: a third to a half of the CPU time of a step.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
mod heap {
    use std::ffi::c_int;

    const M_TRIM_THRESHOLD: c_int = -1;
    const M_TOP_PAD: c_int = -2;
    const M_MMAP_MAX: c_int = -4;

    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
        fn malloc_trim(pad: usize) -> c_int;
    }

    /// Blocks of every size come from the heap, which grows in large steps and does not shrink by itself.
    pub(super) fn keep() {
        for (parameter, value) in [(M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, 64 << 20)] {
            // SAFETY: the function may be called at any time, by any thread, and refuses what it does not know.
            unsafe { mallopt(parameter, value) };
        }
    }

    pub(super) fn release() {
        // SAFETY: the function may be called at any time, by any thread.
        unsafe { malloc_trim(0) };
    }
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod heap {
    pub(super) fn keep() {}

    pub(super) fn release() {}
}

/// A tensor with memory of its own.
pub(crate) fn new(tensor: Tensor) -> TorchTensor {
    TorchTensor::new(tensor)
}

/// The values of `tensor` outside LibTorch's gradient graph. Neither is written to while the other exists.
fn constant(tensor: &TorchTensor) -> TorchTensor {
    TorchTensor::from_existing(tensor.tensor.detach(), tensor.storage.clone())
}

/// The same values as an input that LibTorch differentiates by.
fn leaf(tensor: &TorchTensor) -> TorchTensor {
    TorchTensor::from_existing(tensor.tensor.detach().set_requires_grad(true), tensor.storage.clone())
}

/// What `function` makes of `inputs`, if anything.
pub(crate) fn run<const N: usize>(
    inputs: &[TorchTensor; N],
    function: impl FnOnce([&Tensor; N]) -> Option<Vec<Tensor>>,
) -> Option<Tensors<LibTorch>> {
    let outputs = tch::no_grad(|| function(inputs.each_ref().map(|input| &input.tensor)))?;
    Some(outputs.into_iter().map(new).collect())
}

/// What `function` makes of `inputs`, if anything, and the record from which [`gradients`] finds those of the first
/// `differentiable` inputs, given that of the first output.
pub(crate) fn record<const N: usize>(
    inputs: &[TorchTensor; N],
    differentiable: usize,
    function: impl FnOnce([&Tensor; N]) -> Option<Vec<Tensor>>,
) -> Option<[Tensors<LibTorch>; 2]> {
    let mut at = 0;
    let inputs = inputs.each_ref().map(|input| {
        at += 1;
        if at <= differentiable { leaf(input) } else { constant(input) }
    });
    let outputs = tch::with_grad(|| function(inputs.each_ref().map(|input| &input.tensor)))?;
    let mut outputs: Vec<TorchTensor> = outputs.into_iter().map(new).collect();
    let results = outputs.iter().map(constant).collect();
    // Whatever is in the graph is kept, lest somebody writes to it.
    let others = outputs.split_off(1);
    outputs.extend(inputs.into_iter().take(differentiable));
    outputs.extend(others);
    Some([results, outputs])
}

/// Whether what an operation has saved is a [record]: nothing else is in LibTorch's gradient graph.
pub(crate) fn is_record(saved: &[TorchTensor]) -> bool {
    saved.first().is_some_and(|output| output.tensor.requires_grad())
}

/// The gradients of the inputs of a function that was [recorded](record), where `wanted`, from that of its first output.
pub(crate) fn gradients<const N: usize>(
    record: &[TorchTensor],
    g: &TorchTensor,
    wanted: [bool; N],
) -> Option<[Option<TorchTensor>; N]> {
    let (output, leaves) = record.split_first()?;
    let chosen = || leaves.iter().zip(wanted).filter(|(_, wanted)| *wanted);
    let of: Vec<&Tensor> = chosen().map(|(leaf, _)| &leaf.tensor).collect();
    if of.is_empty() {
        return Some([const { None }; N]);
    }
    // The derivative of `output · g` by the output is g; both in the order in which the output lies in memory.
    let strides = output.tensor.stride();
    let mut axes: Vec<i64> = (0..).take(strides.len()).collect();
    axes.sort_by_key(|&axis| std::cmp::Reverse(strides[axis as usize]));
    let flat = |tensor: &Tensor| tensor.permute(&axes).reshape([-1]);
    let product = tch::with_grad(|| flat(&output.tensor).dot(&flat(&g.tensor)));
    let mut found = Tensor::run_backward(&[product], &of, false, false).into_iter();
    Some(wanted.map(|wanted| if wanted { found.next().map(new) } else { None }))
}
