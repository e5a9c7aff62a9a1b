//! Matrix products of a stated precision.
//!
//! Burn's own product on CUDA rounds 32-bit operands to TF32 wherever it finds that faster. What must not be rounded asks
//! for [`Precision::Float32`] here, and gets it on every device. The CPU and LibTorch never round.

#[cfg(feature = "cube")]
mod cube;

use burn::backend::{Backend, TensorMetadata};

use crate::operation::prelude::*;
use crate::precision::Precision;

/// `[…, m, k]` by `[…, k, n]`.
#[derive(Debug, Clone)]
pub(crate) struct Matmul {
    #[cfg_attr(not(feature = "cube"), expect(dead_code, reason = "GPUs alone round"))]
    pub(crate) precision: Precision,
}

tested!(Matmul);

impl Operation<2> for Matmul {
    const TIMED_AS: Option<[&'static str; 2]> = None;
    const FLEX: FlexTypes = FlexTypes::Composed;

    fn shape(&self, [a, b]: &[Shape; 2]) -> Shape {
        let rank = a.num_dims();
        let fits = b.num_dims() == rank && a[rank - 1] == b[rank - 2] && a[..rank - 2] == b[..rank - 2];
        assert!(fits, "a product of matrices {a:?} and {b:?}");
        let mut shape = a.clone();
        shape[rank - 1] = b[rank - 1];
        shape
    }

    fn composed<B: Kernels>(&self, [a, b]: [FloatTensor<B>; 2]) -> Tensors<B> {
        vec![B::float_matmul(a, b)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, wanted: [bool; 2]) -> Grads<B, 2> {
        let [a, b] = take(saved);
        [
            wanted[0].then(|| self.of::<B>(g.clone(), transposed::<B>(b))),
            wanted[1].then(|| self.of::<B>(transposed::<B>(a), g)),
        ]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [a, b]: &[CubeTensor; 2]) -> Option<Tensors<Cube>> {
        Some(vec![cube::product(a.clone(), b.clone(), self.precision)])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 2>> {
        let of =
            |a: &[usize], b: &[usize]| (Self { precision: Precision::Float32 }, [Sample::new(a, 1), Sample::new(b, 2)]);
        // Long sums, of the product or of a gradient, over operands as they lie and over transposed ones.
        let long = [
            of(&[5, 4096], &[4096, 3]),
            of(&[2500, 5], &[5, 3]),
            of(&[5, 3], &[3, 2560]),
            of(&[1, 4, 3000], &[1, 3000, 2]),
        ];
        [of(&[5, 7], &[7, 3]), of(&[2, 5, 7], &[2, 7, 3])].into_iter().chain(long).collect()
    }
}

impl Matmul {
    /// The product outside autodiff.
    pub(crate) fn of<B: Kernels>(&self, a: FloatTensor<B>, b: FloatTensor<B>) -> FloatTensor<B> {
        let [product] = take(B::run(self.clone(), Inputs(vec![a, b])));
        product
    }
}

fn transposed<B: Backend>(matrix: FloatTensor<B>) -> FloatTensor<B> {
    let rank = matrix.shape().num_dims();
    B::float_swap_dims(matrix, rank - 2, rank - 1)
}

/// Matrix products that no device rounds.
pub trait MatmulF32 {
    /// `[m, k]` by `[k, n]`; differentiable.
    ///
    /// # Panics
    /// If the sizes do not fit together.
    #[must_use]
    fn matmul_f32(self, other: Self) -> Self;
}

impl MatmulF32 for Tensor<2> {
    fn matmul_f32(self, other: Self) -> Self {
        first(Matmul { precision: Precision::Float32 }, [self.into_dispatch(), other.into_dispatch()])
    }
}
