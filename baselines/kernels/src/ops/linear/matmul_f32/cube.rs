//! Matrix products on a GPU.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::DType;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::cubecl::tf32;
use burn_cubecl::kernel::cast;
use burn_cubecl::kernel::matmul::{MatmulStrategy, init_matmul_output, matmul};
use burn_cubecl::tensor::CubeTensor;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::matmul::multi_level;
use cubek::matmul::strategy::Strategy;
use cubek::std::InputBinding;

use crate::precision::Precision;

/// Terms of a sum that is cut into parts at least.
const LONG: usize = 2048;
/// Terms of a part at about.
const PART: usize = 512;
/// Parts at most.
const PARTS: usize = 128;
/// Rows and columns that a cube takes, at about; below so many cubes most of a GPU is idle.
const BLOCK: usize = 64;
const CUBES: usize = 64;

/// `a` by `b` with operands rounded to `precision`, summed in f32.
pub(super) fn product(a: CubeTensor, b: CubeTensor, precision: Precision) -> CubeTensor {
    match parts(&a, &b) {
        Some(parts) => split(a, b, parts, precision),
        None => whole(a, b, precision),
    }
}

/// Into how many parts the sums of one small product are cut, as those of weight gradients, over all samples and positions; `None`
/// where that does not pay.
fn parts(a: &CubeTensor, b: &CubeTensor) -> Option<usize> {
    let (a, b) = (a.shape(), b.shape());
    let rank = a.num_dims();
    let (m, k, n) = (a[rank - 2], a[rank - 1], b[rank - 1]);
    let one = a[..rank - 2].iter().product::<usize>() == 1;
    let few = m.div_ceil(BLOCK) * n.div_ceil(BLOCK) < CUBES;
    let wanted = (k / PART).clamp(1, PARTS);
    (one && few && k >= LONG).then(|| (2..=wanted).rev().find(|&parts| k.is_multiple_of(parts)))?
}

/// [`whole`] as the sum of products of `parts` stretches of the inner axis.
fn split(a: CubeTensor, b: CubeTensor, parts: usize, precision: Precision) -> CubeTensor {
    let mut shape = a.shape();
    let rank = shape.num_dims();
    let (m, k, n) = (shape[rank - 2], shape[rank - 1], b.shape()[rank - 1]);
    shape[rank - 1] = n;
    let [a, b] = [(a, [m, k]), (b, [k, n])].map(|(x, shape)| Cube::float_reshape(x, shape.into()));
    // Views of the operands as they lie, row-major or transposed.
    let a = match a.is_contiguous() {
        true => Cube::float_permute(Cube::float_reshape(a, [m, parts, k / parts].into()), &[1, 0, 2]),
        false => {
            let columns = Cube::float_permute(a, &[1, 0]);
            Cube::float_permute(Cube::float_reshape(columns, [parts, k / parts, m].into()), &[0, 2, 1])
        }
    };
    let b = match b.is_contiguous() {
        true => Cube::float_reshape(b, [parts, k / parts, n].into()),
        false => {
            let rows = Cube::float_permute(b, &[1, 0]);
            Cube::float_permute(Cube::float_reshape(rows, [n, parts, k / parts].into()), &[1, 2, 0])
        }
    };
    Cube::float_reshape(Cube::float_sum_dim(whole(a, b, precision), 0), shape)
}

fn whole(a: CubeTensor, b: CubeTensor, precision: Precision) -> CubeTensor {
    if [a.dtype, b.dtype] != [DType::F32; 2] {
        return Cube::float_matmul(a, b);
    }
    match precision {
        Precision::Float32 if rounds(&a) => unrounded(a, b),
        Precision::Float32 | Precision::Tf32 => Cube::float_matmul(a, b),
        Precision::Bfloat16 => {
            let (a, b) = (cast(a, DType::BF16), cast(b, DType::BF16));
            let out = init_matmul_output(&a, &b, DType::F32);
            match matmul(a.clone(), b.clone(), Some(out), MatmulStrategy::default(), DType::F32) {
                Ok(product) => product,
                // No kernel for these shapes takes operands narrower than the result.
                Err(_) => cast(Cube::float_matmul(a, b), DType::F32),
            }
        }
    }
}

/// Whether Burn's own product may round f32 to TF32 on the device of `tensor`.
fn rounds(tensor: &CubeTensor) -> bool {
    tensor.client.properties().supports_type(tf32::elem_type_native())
}

/// By the kernel that uses no tensor cores.
fn unrounded(a: CubeTensor, b: CubeTensor) -> CubeTensor {
    let out = init_matmul_output(&a, &b, DType::F32);
    let f32 = f32::elem_type_native();
    let mut types = MatmulElems::from_globals(&MatmulGlobalElems { lhs: f32, rhs: f32, out: f32 });
    let client = a.client.clone();
    let [left, right] = [a, b].map(|operand| InputBinding::new(operand.binding(), f32));
    let strategy = Strategy::MultiLevel(multi_level::Strategy::SimpleUnit(Default::default()));
    let launched =
        cubek::matmul::launch::launch_ref(&strategy, &client, left, right, out.clone().binding(), &mut types);
    #[expect(clippy::expect_used, reason = "a device without this kernel fails as in Burn's own product")]
    launched.expect("a product that needs no tensor cores runs on every device");
    out
}
