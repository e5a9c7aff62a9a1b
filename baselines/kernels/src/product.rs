//! Matrix products of a stated precision.
//!
//! Burn's own product on CUDA rounds 32-bit operands to TF32 wherever it finds that faster. What must not be rounded asks
//! for [`Precision::Float32`] here, and gets it on every device.

#[cfg(feature = "cube")]
mod cube;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind, binary},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use crate::precision::Precision;

/// The product as a backend operation.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait ProductOps: Backend {
    /// `[…, m, k]` by `[…, k, n]`, none of them empty.
    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>, precision: Precision) -> FloatTensor<Self>;
}

impl ProductOps for Flex {
    /// The CPU never rounds.
    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>, _precision: Precision) -> FloatTensor<Self> {
        by_backend::<Self>(a, b)
    }
}

#[cfg(feature = "cube")]
impl ProductOps for burn::backend::Cube {
    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>, precision: Precision) -> FloatTensor<Self> {
        cube::product(a, b, precision)
    }
}

#[cfg(feature = "tch")]
impl ProductOps for burn::backend::LibTorch {
    /// LibTorch rounds nothing unless it is told to.
    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>, _precision: Precision) -> FloatTensor<Self> {
        by_backend::<Self>(a, b)
    }
}

/// Burn's own product.
fn by_backend<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>) -> FloatTensor<B> {
    B::float_matmul(a, b)
}

#[derive(Debug)]
struct ProductBackward(Precision);

impl<B: ProductOps> Backward<B, 2> for ProductBackward {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let (a, b) = ops.state;
        binary::<B, _, _>(
            ops.parents,
            ops.node,
            grads,
            |g| B::product(g, transposed::<B>(b), self.0),
            |g| B::product(transposed::<B>(a), g, self.0),
        );
    }
}

fn transposed<B: Backend>(matrix: FloatTensor<B>) -> FloatTensor<B> {
    let rank = matrix.shape().num_dims();
    B::float_swap_dims(matrix, rank - 2, rank - 1)
}

impl<B: ProductOps, C: CheckpointStrategy> ProductOps for Autodiff<B, C> {
    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>, precision: Precision) -> FloatTensor<Self> {
        let guards = [a.node(), b.node()];
        let (a, b) = (a.into_primitive(), b.into_primitive());
        match ProductBackward(precision).prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let product = B::product(a.clone(), b.clone(), precision);
                prep.finish((a, b), product)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::product(a, b, precision)),
        }
    }
}

/// Matrix products that no device rounds.
pub trait ExactProduct {
    /// `[m, k]` by `[k, n]`, neither of them empty; differentiable.
    ///
    /// # Panics
    /// If the sizes do not fit together.
    #[must_use]
    fn exact_matmul(self, other: Self) -> Self;
}

impl ExactProduct for Tensor<2> {
    fn exact_matmul(self, other: Self) -> Self {
        let ([m, k], [rows, n]) = (self.dims(), other.dims());
        assert!(k == rows, "a product of matrices {m} × {k} and {rows} × {n}");
        let (a, b) = (self.into_dispatch(), other.into_dispatch());
        Self::from_dispatch(<Dispatch as ProductOps>::product(a, b, Precision::Float32))
    }
}
