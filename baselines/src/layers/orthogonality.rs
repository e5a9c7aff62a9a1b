//! Orthogonality of the units of a layer: penalties, and a product of reflections.
//!
//! A layer of `n` units with `m` weights each, the bias being the last, is a matrix of `n` rows and `m` columns here, as
//! PyTorch has it; texts that multiply from the other side call the units columns.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData};

use crate::{BuildError, Init};
use kernels::MatmulF32;

/// Keeps the length of a zero vector differentiable; far below the square of any weight.
const EPSILON: f64 = 1e-30;

/// Up to this size, a triangular matrix is inverted as a short power series.
const SERIES: usize = 8;

/// Weights and bias of a layer side by side: `[out, in…]` and `[out]` to `[out, in + 1]`.
pub fn with_bias<const D: usize>(weight: Tensor<D>, bias: Tensor<1>) -> Tensor<2> {
    let outputs = bias.dims()[0];
    let inputs = weight.dims()[1..].iter().product::<usize>();
    Tensor::cat(vec![weight.reshape([outputs, inputs]), bias.reshape([outputs, 1])], 1)
}

/// The sum of the squared cosines between every two different rows of `[units, weights]`, each pair counted twice.
///
/// These are the squared off-diagonal entries of the cosine matrix (`orthogonal-convolution` of singlasahil14).
pub fn cosine_similarity_loss(rows: Tensor<2>) -> Tensor<1> {
    let rows = unit_rows(rows);
    let cosines = rows.clone().matmul_f32(rows.transpose());
    let [units, _] = cosines.dims();
    let identity = Tensor::<2>::eye(units, &cosines.device()).cast(cosines.dtype());
    (cosines.clone() * (identity.neg() + 1.0)).square().sum()
}

/// ‖I − MᵀM‖², the squared Frobenius norm, for a matrix `[rows, columns]` (`char-rnn` of singlasahil14).
pub fn orthonormality_loss(matrix: Tensor<2>) -> Tensor<1> {
    let gram = matrix.clone().transpose().matmul_f32(matrix);
    let [columns, _] = gram.dims();
    let identity = Tensor::<2>::eye(columns, &gram.device()).cast(gram.dtype());
    (identity - gram).square().sum()
}

/// A matrix `[n, m]` with orthonormal rows, as a product of reflections along `vectors`, `[n, m]` with n ≤ m.
///
/// It is the first `n` columns of H₁H₂⋯Hₙ, transposed, where Hᵢ = I − 2vᵢvᵢᵀ and vᵢ is row i brought to length 1.
///
/// The product is I − V T Vᵀ in compact form (Schreiber and Van Loan 1989, doi:10.1137/0910005), where T is the inverse of
/// the upper triangle of VᵀV with half its diagonal (Joffrain et al. 2006, doi:10.1145/1141885.1141886): a few matrix
/// products instead of n reflections of the whole matrix.
pub fn reflect(vectors: Tensor<2>) -> Tensor<2> {
    let [n, m] = vectors.dims();
    let rows = unit_rows(vectors);
    let inverse = half_triangle(rows.clone().matmul_f32(rows.clone().transpose()));
    let start = triangle_inverse(inverse.clone().detach());
    // One Newton step from the exact inverse X: X (2 I − A X) is X again, and its derivative −X dA X is that of the
    // inverse, so that no gradient has to pass through the inversion.
    let t = start.clone().mul_scalar(2.0) - start.clone().matmul_f32(inverse).matmul_f32(start);
    let top = rows.clone().narrow(1, 0, n);
    let reflected = top.transpose().matmul_f32(t.transpose()).matmul_f32(rows);
    let (device, dtype) = (reflected.device(), reflected.dtype());
    let identity = Tensor::<2>::eye(n, &device).cast(dtype);
    let first = match m - n {
        0 => identity,
        rest => Tensor::cat(vec![identity, Tensor::zeros([n, rest], (&device, dtype))], 1),
    };
    first - reflected
}

/// The strict upper triangle of `gram`, `[n, n]`, with ½ on the diagonal.
fn half_triangle(gram: Tensor<2>) -> Tensor<2> {
    let [n, _] = gram.dims();
    let half = Tensor::<2>::eye(n, &gram.device()).cast(gram.dtype()).mul_scalar(0.5);
    gram.triu(1) + half
}

/// Inverse of an upper triangular matrix with ½ on the diagonal, by halves.
///
/// The upper right quarter of the inverse is −A⁻¹BC⁻¹. A power series of the whole would lose digits to cancellation where
/// vectors are nearly parallel.
fn triangle_inverse(matrix: Tensor<2>) -> Tensor<2> {
    let [n, _] = matrix.dims();
    if n <= SERIES {
        return short_inverse(matrix);
    }
    let half = n / 2;
    let quarter = |rows: usize, columns: usize| {
        let size = |i: usize| if i == 0 { half } else { n - half };
        matrix.clone().narrow(0, rows * half, size(rows)).narrow(1, columns * half, size(columns))
    };
    let (a, c) = (triangle_inverse(quarter(0, 0)), triangle_inverse(quarter(1, 1)));
    let corner = a.clone().matmul_f32(quarter(0, 1)).matmul_f32(c.clone()).neg();
    let zeros = Tensor::zeros([n - half, half], (&matrix.device(), matrix.dtype()));
    Tensor::cat(vec![Tensor::cat(vec![a, corner], 1), Tensor::cat(vec![zeros, c], 1)], 0)
}

/// [`triangle_inverse`] of at most [`SERIES`] rows: 2 (I − N)(I + N²)(I + N⁴) for the matrix ½ (I + N), since N⁸ = 0.
fn short_inverse(matrix: Tensor<2>) -> Tensor<2> {
    let [n, _] = matrix.dims();
    let identity = Tensor::<2>::eye(n, &matrix.device()).cast(matrix.dtype());
    let nilpotent = matrix.mul_scalar(2.0) - identity.clone();
    let second = nilpotent.clone().matmul_f32(nilpotent.clone());
    let fourth = second.clone().matmul_f32(second.clone());
    (identity.clone() - nilpotent).matmul_f32(identity.clone() + second).matmul_f32(identity + fourth).mul_scalar(2.0)
}

/// Every row of `[rows, columns]` divided by its length.
fn unit_rows(rows: Tensor<2>) -> Tensor<2> {
    let lengths = (rows.clone().square().sum_dim(1) + EPSILON).sqrt();
    rows / lengths
}

/// The weights of a layer as a product of reflections, times a scale for every weight.
///
/// They are orthonormal at first, and free to leave that later by the scale alone.
#[derive(Module, Debug)]
pub struct Householder {
    /// The vectors of the reflections one after the other without their leading zeros.
    ///
    /// Vector i of n (from 1) has `weights − n + i` elements: `[units · weights − units · (units − 1) / 2]`.
    pub vectors: Param<Tensor<1>>,
    /// `[units, weights]`, at first one.
    pub scale: Param<Tensor<2>>,
}

impl Householder {
    /// Draws vectors U(−1, 1) for `units` units of `weights` weights each, bias included.
    ///
    /// # Errors
    /// There are more units than weights, so that they cannot all be orthogonal; the error names `field`.
    pub fn new(units: usize, weights: usize, field: &str, init: &mut Init) -> Result<Self, BuildError> {
        if units > weights {
            return Err(BuildError::new(
                field,
                format!(
                    "{units} units of {weights} weights each cannot be orthogonal; lower `width` or use `loss` instead"
                ),
            ));
        }
        let free = units * weights - units * (units - 1) / 2;
        Ok(Self { vectors: init.uniform([free], -1.0, 1.0), scale: init.constant([units, weights], 1.0) })
    }

    /// Weights and, in the last column, biases: `[units, weights]`.
    pub fn rows(&self) -> Tensor<2> {
        let [units, weights] = self.scale.dims();
        reflect(unpack(self.vectors.val(), units, weights)) * self.scale.val()
    }
}

/// Unpacks vectors without their leading zeros to `[units, weights]`.
pub fn unpack(packed: Tensor<1>, units: usize, weights: usize) -> Tensor<2> {
    let mut at = Vec::with_capacity(units * weights);
    let mut next = 1;
    for i in 0..units {
        let zeros = units - 1 - i;
        at.extend(std::iter::repeat_n(0, zeros));
        at.extend((zeros..weights).map(|j| next + (j - zeros) as i32));
        next += (weights - zeros) as i32;
    }
    let (device, dtype) = (packed.device(), packed.dtype());
    let at = Tensor::<1, Int>::from_data(TensorData::new(at, [units * weights]), &device);
    let padded = Tensor::cat(vec![Tensor::zeros([1], (&device, dtype)), packed], 0);
    padded.select(0, at).reshape([units, weights])
}
