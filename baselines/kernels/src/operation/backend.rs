//! The backends that run operations: kernels where there are any, the composed form elsewhere, and both timed.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::DType;

#[cfg(feature = "tch")]
use super::contract::Tensors;
use super::contract::{KernelGradients, Kernels, Operation};
use super::inputs::Inputs;
use crate::cpu::tensor::{finish, prepare};
#[cfg(feature = "tch")]
use crate::libtorch;
use crate::profile;

impl Kernels for Flex {
    fn run<O: Operation<N>, const N: usize>(operation: O, inputs: Inputs<Self>) -> Vec<FlexTensor> {
        let _scope = profile::scope(O::TIMED_AS.map(|[forward, _]| forward));
        let inputs = inputs.array::<N>();
        let dtype = inputs[0].dtype();
        let outputs = match O::FLEX.working_type(dtype) {
            None => return operation.composed::<Self>(inputs),
            Some(DType::F64) => operation.flex::<f64>(inputs.map(prepare)),
            Some(_) => operation.flex::<f32>(inputs.map(prepare)),
        };
        // Those beyond are kept in the working type.
        let finished = |(at, output)| if at < O::OUTPUTS { finish(output, dtype) } else { output };
        outputs.into_iter().enumerate().map(finished).collect()
    }
}

impl KernelGradients for Flex {
    fn backward<O: Operation<N>, const N: usize>(
        operation: O,
        saved: Vec<FlexTensor>,
        g: FlexTensor,
        wanted: [bool; N],
    ) -> [Option<FlexTensor>; N] {
        let _scope = profile::scope(O::TIMED_AS.map(|[_, backward]| backward));
        let dtype = g.dtype();
        let all = |saved: Vec<FlexTensor>| saved.into_iter().map(prepare).collect();
        let gradients = match O::FLEX.working_type(dtype) {
            None => return operation.composed_backward::<Self>(saved, g, wanted),
            Some(DType::F64) => operation.flex_backward::<f64>(all(saved), prepare(g), wanted),
            Some(_) => operation.flex_backward::<f32>(all(saved), prepare(g), wanted),
        };
        gradients.map(|gradient| gradient.map(|gradient| finish(gradient, dtype)))
    }
}

#[cfg(feature = "cube")]
impl Kernels for burn::backend::Cube {
    fn run<O: Operation<N>, const N: usize>(operation: O, inputs: Inputs<Self>) -> Vec<FloatTensor<Self>> {
        let inputs = inputs.array::<N>();
        let device = inputs[0].device();
        profile::timed::<Self, _>(O::TIMED_AS.map(|[forward, _]| forward), &device, || {
            operation.cube(&inputs).unwrap_or_else(|| operation.composed::<Self>(inputs))
        })
    }
}

#[cfg(feature = "cube")]
impl KernelGradients for burn::backend::Cube {
    fn backward<O: Operation<N>, const N: usize>(
        operation: O,
        saved: Vec<FloatTensor<Self>>,
        g: FloatTensor<Self>,
        wanted: [bool; N],
    ) -> [Option<FloatTensor<Self>>; N] {
        profile::timed::<Self, _>(O::TIMED_AS.map(|[_, backward]| backward), &g.device(), || {
            let found = operation.cube_backward(&saved, &g, wanted);
            found.unwrap_or_else(|| operation.composed_backward::<Self>(saved, g, wanted))
        })
    }
}

#[cfg(feature = "tch")]
impl Kernels for burn::backend::LibTorch {
    fn run<O: Operation<N>, const N: usize>(operation: O, inputs: Inputs<Self>) -> Vec<FloatTensor<Self>> {
        let inputs = inputs.array::<N>();
        let device = inputs[0].device();
        profile::timed::<Self, _>(O::TIMED_AS.map(|[forward, _]| forward), &device, || {
            let recorded = || libtorch::run(&inputs, |inputs| operation.libtorch_recorded(inputs));
            let found = operation.libtorch(&inputs).or_else(recorded);
            found.unwrap_or_else(|| operation.composed::<Self>(inputs))
        })
    }
}

#[cfg(feature = "tch")]
impl KernelGradients for burn::backend::LibTorch {
    fn tracked<O: Operation<N>, const N: usize>(operation: O, inputs: [FloatTensor<Self>; N]) -> [Tensors<Self>; 2] {
        profile::timed::<Self, _>(O::TIMED_AS.map(|[forward, _]| forward), &inputs[0].device(), || {
            let record = || libtorch::record(&inputs, O::DIFFERENTIABLE, |inputs| operation.libtorch_recorded(inputs));
            let found = operation.libtorch_tracked(&inputs).or_else(record);
            found.unwrap_or_else(|| {
                let operation = operation.tracked();
                let outputs = operation.composed::<Self>(inputs.clone());
                let saved = operation.save::<Self>(inputs, &outputs);
                [outputs, saved]
            })
        })
    }

    fn backward<O: Operation<N>, const N: usize>(
        operation: O,
        saved: Vec<FloatTensor<Self>>,
        g: FloatTensor<Self>,
        wanted: [bool; N],
    ) -> [Option<FloatTensor<Self>>; N] {
        profile::timed::<Self, _>(O::TIMED_AS.map(|[_, backward]| backward), &g.device(), || {
            let found = match libtorch::is_record(&saved) {
                true => libtorch::gradients(&saved, &g, wanted),
                false => operation.libtorch_backward(&saved, &g, wanted),
            };
            found.unwrap_or_else(|| operation.composed_backward::<Self>(saved, g, wanted))
        })
    }
}
