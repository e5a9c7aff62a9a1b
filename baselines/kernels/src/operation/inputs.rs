//! The inputs of an operation, on their way from tensors of any backend to those of one.

use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Backend, BackendTensor, Dispatch, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind, ExtensionType,
};

/// The inputs of an operation, in order; at least one.
pub(crate) struct Inputs<B: Backend>(pub(crate) Vec<FloatTensor<B>>);

impl<B: Backend> Inputs<B> {
    /// The inputs of an operation that has `N`.
    pub(crate) fn array<const N: usize>(self) -> [FloatTensor<B>; N] {
        take(self.0)
    }
}

/// The `N` tensors of `tensors`.
///
/// # Panics
/// If there are not as many.
pub(crate) fn take<T, const N: usize>(tensors: Vec<T>) -> [T; N] {
    let found = tensors.len();
    <[T; N]>::try_from(tensors).unwrap_or_else(|_| unreachable!("{found} tensors instead of {N}"))
}

impl<B: Backend> ExtensionType<B> for Inputs<B> {
    type Target = Inputs<Dispatch>;

    fn map_to_dispatch<F>(self, map_kind: F, autodiff: DispatchAutodiffContext) -> Self::Target
    where
        F: Fn(BackendTensor<B>) -> DispatchTensorKind,
    {
        let wrap = |tensor| DispatchTensor { kind: map_kind(BackendTensor::Float(tensor)), autodiff };
        Inputs(self.0.into_iter().map(wrap).collect())
    }

    fn map_from_dispatch<F>(target: Self::Target, unwrap_kind: F) -> Self
    where
        F: Fn(DispatchTensor) -> BackendTensor<B>,
    {
        Self(target.0.into_iter().map(|tensor| unwrap_kind(tensor).float()).collect())
    }

    fn routing_tensor(target: &Self::Target) -> Option<&DispatchTensor> {
        target.0.first()
    }

    fn routing_float_tensor(target: &Self::Target) -> Option<&DispatchTensor> {
        target.0.first()
    }

    fn autodiff_context(target: &Self::Target) -> DispatchAutodiffContext {
        let contexts = target.0.iter().map(|tensor| tensor.autodiff);
        contexts.fold(DispatchAutodiffContext::Disabled, DispatchAutodiffContext::merge)
    }
}
