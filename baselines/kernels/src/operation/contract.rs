//! The declaration of an operation.

use std::fmt::Debug;

#[cfg(feature = "cube")]
use burn::backend::Cube;
#[cfg(feature = "tch")]
use burn::backend::LibTorch;
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};
use burn::signal::SignalOps;
use burn::tensor::{DType, Shape};
#[cfg(feature = "cube")]
use burn_cubecl::tensor::CubeTensor;

use super::inputs::Inputs;
use crate::cpu::element::Element;
#[cfg(feature = "tch")]
use crate::libtorch::TorchTensor;

/// Tensors of a backend, in an order that an operation settles.
pub(crate) type Tensors<B> = Vec<FloatTensor<B>>;

/// The gradients of `N` inputs.
pub(crate) type Grads<B, const N: usize> = [Option<FloatTensor<B>>; N];

/// A backend that runs operations.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(crate) trait Kernels: Backend + SignalOps {
    /// The outputs of `operation`.
    fn run<O: Operation<N>, const N: usize>(
        operation: O,
        #[extension_type] inputs: Inputs<Self>,
    ) -> Vec<FloatTensor<Self>>;
}

/// A backend that runs operations with their backward passes.
pub(crate) trait KernelGradients: Kernels {
    /// The outputs of `operation` where a gradient will be wanted, and what its backward pass needs.
    fn tracked<O: Operation<N>, const N: usize>(operation: O, inputs: [FloatTensor<Self>; N]) -> [Tensors<Self>; 2] {
        let operation = operation.tracked();
        let outputs = Self::run(operation.clone(), Inputs(inputs.clone().into()));
        let saved = operation.save::<Self>(inputs, &outputs);
        [outputs, saved]
    }

    /// The gradients of the inputs, where `wanted`.
    fn backward<O: Operation<N>, const N: usize>(
        operation: O,
        saved: Vec<FloatTensor<Self>>,
        g: FloatTensor<Self>,
        wanted: [bool; N],
    ) -> [Option<FloatTensor<Self>>; N];
}

/// A fused operation on `N` float tensors. Its value holds the attributes.
///
/// Every function takes inputs of one dtype on one device, none of them empty, whose shapes [`shape`](Self::shape) has
/// accepted; all outputs have the dtype of the first input. The composed form runs on every backend without a kernel of its
/// own. Gradients are hand-written, and gradients of gradients are not available.
pub(crate) trait Operation<const N: usize>: Tested + Clone + Debug + Send + Sync + 'static {
    /// What `bench speed --profile` calls the passes, forward and backward; `None` for a part of other operations.
    const TIMED_AS: Option<[&'static str; 2]>;
    /// The types that the kernel for the CPU computes in.
    const FLEX: FlexTypes;
    /// Inputs, from the first on, that have a gradient. The others are constants.
    const DIFFERENTIABLE: usize = N;
    /// Outputs. The first has a gradient, the others are constants.
    const OUTPUTS: usize = 1;

    /// Shape of the first output. Where it or an input has no elements, all outputs are zeros of this shape and nothing runs.
    ///
    /// # Panics
    /// If the shapes of the inputs do not fit together.
    fn shape(&self, inputs: &[Shape; N]) -> Shape;

    /// The same operation where a gradient is wanted. Its forward pass may append outputs that only [`save`](Self::save)
    /// sees, in a layout and a type that the backend chooses.
    fn tracked(self) -> Self {
        self
    }

    /// Returns what the backward pass needs, as little as possible.
    fn save<B: Kernels>(&self, inputs: [FloatTensor<B>; N], _outputs: &[FloatTensor<B>]) -> Tensors<B> {
        inputs.into()
    }

    /// The outputs from ordinary tensor operations.
    fn composed<B: Kernels>(&self, inputs: [FloatTensor<B>; N]) -> Tensors<B>;

    /// The gradients of the inputs, at least where `wanted`, from what was [saved](Self::save) and the gradient `g` of the
    /// first output, from ordinary tensor operations.
    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; N]) -> Grads<B, N>;

    /// [`composed`](Self::composed) by a kernel for the CPU, on tensors without gaps of type `T`.
    fn flex<T: Element>(&self, inputs: [FlexTensor; N]) -> Tensors<Flex> {
        self.composed::<Flex>(inputs)
    }

    /// [`composed_backward`](Self::composed_backward) by a kernel for the CPU, on tensors without gaps of type `T`.
    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, wanted: [bool; N]) -> Grads<Flex, N> {
        self.composed_backward::<Flex>(saved, g, wanted)
    }

    /// [`composed`](Self::composed) by a kernel for GPUs; `None` where there is none for these inputs.
    #[cfg(feature = "cube")]
    fn cube(&self, _inputs: &[CubeTensor; N]) -> Option<Tensors<Cube>> {
        None
    }

    /// [`composed_backward`](Self::composed_backward) by a kernel for GPUs; `None` where there is none for these inputs.
    #[cfg(feature = "cube")]
    fn cube_backward(&self, _saved: &[CubeTensor], _g: &CubeTensor, _wanted: [bool; N]) -> Option<Grads<Cube, N>> {
        None
    }

    /// [`composed`](Self::composed) by functions of LibTorch whose gradients it finds itself; `None` where there are none for
    /// these inputs. Nothing else is needed for the backward pass.
    #[cfg(feature = "tch")]
    fn libtorch_recorded(&self, _inputs: [&tch::Tensor; N]) -> Option<Vec<tch::Tensor>> {
        None
    }

    /// [`composed`](Self::composed) by functions of LibTorch, outside its gradient graph; `None` where there are none for these
    /// inputs.
    #[cfg(feature = "tch")]
    fn libtorch(&self, _inputs: &[TorchTensor; N]) -> Option<Tensors<LibTorch>> {
        None
    }

    /// [`libtorch`](Self::libtorch) where a gradient is wanted: the outputs, and what
    /// [`libtorch_backward`](Self::libtorch_backward) needs, by default what [`save`](Self::save) returns.
    #[cfg(feature = "tch")]
    fn libtorch_tracked(&self, inputs: &[TorchTensor; N]) -> Option<[Tensors<LibTorch>; 2]> {
        let operation = self.clone().tracked();
        let outputs = operation.libtorch(inputs)?;
        let saved = operation.save::<LibTorch>(inputs.clone(), &outputs);
        Some([outputs, saved])
    }

    /// [`composed_backward`](Self::composed_backward) by functions of LibTorch, from what
    /// [`libtorch_tracked`](Self::libtorch_tracked) has kept; `None` where the composed form is to run.
    #[cfg(feature = "tch")]
    fn libtorch_backward(
        &self,
        _saved: &[TorchTensor],
        _g: &TorchTensor,
        _wanted: [bool; N],
    ) -> Option<Grads<LibTorch, N>> {
        None
    }

    /// The error in f32, relative to the largest value of a result, that its test allows on the CPU.
    #[cfg(test)]
    const TOLERANCE: f64 = 2e-5;

    /// Attributes and small inputs that its test runs it on: at least one, and one for each path that a kernel may take.
    #[cfg(test)]
    fn examples() -> Vec<Example<Self, N>>;
}

/// The types that a kernel for the CPU computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlexTypes {
    /// There is no kernel: the composed form computes in the type of its inputs.
    Composed,
    /// In f32, and half precision in f32; f64 is composed.
    F32,
    /// In f32 and f64, and half precision in f32.
    F32AndF64,
}

impl FlexTypes {
    /// The type that a kernel computes inputs of `dtype` in; `None` without a kernel.
    pub(crate) fn working_type(self, dtype: DType) -> Option<DType> {
        match (self, dtype) {
            (Self::Composed, _) | (Self::F32, DType::F64) => None,
            (Self::F32AndF64, DType::F64) => Some(DType::F64),
            (Self::F32 | Self::F32AndF64, _) => Some(DType::F32),
        }
    }
}

/// The mark of an operation that [`tested`] knows. No operation compiles without.
pub(crate) trait Tested {}

/// Registers operations with the test that holds each against its composed form and finite differences.
macro_rules! tested {
    ($($operation:ty),+) => {
        $(impl $crate::operation::Tested for $operation {})+

        #[cfg(test)]
        mod contract {
            use super::*;

            #[test]
            fn holds() {
                $($crate::operation::test::check::<$operation, _>();)+
            }

            #[cfg(feature = "tch")]
            #[test]
            fn holds_on_libtorch() {
                $($crate::operation::test::check_on_libtorch::<$operation, _>();)+
            }

            #[cfg(feature = "wgpu")]
            #[test]
            #[ignore = "needs a GPU or software Vulkan"]
            fn holds_on_a_gpu() {
                $($crate::operation::test::check_on_gpu::<$operation, _>();)+
            }
        }
    };
}
pub(crate) use tested;

/// An operation and the inputs that its test runs it on.
#[cfg(test)]
pub(crate) type Example<O, const N: usize> = (O, [Sample; N]);

/// Values of a tensor in a test.
#[cfg(test)]
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

#[cfg(test)]
impl Sample {
    /// Values in (−1, 1) from a fixed stream, another one for every `seed`.
    pub(crate) fn new(shape: impl Into<Vec<usize>>, seed: u64) -> Self {
        let shape = shape.into();
        let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        };
        let values = (0..shape.iter().product()).map(|_| next()).collect();
        Self { shape, values }
    }

    /// The same with every value mapped.
    pub(crate) fn map(mut self, by: impl Fn(f64) -> f64) -> Self {
        self.values.iter_mut().for_each(|value| *value = by(*value));
        self
    }
}
