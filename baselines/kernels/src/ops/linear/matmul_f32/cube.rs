//! Matrix products on a GPU.

use burn::backend::Cube;
use burn::backend::ops::FloatTensorOps;
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

/// `a` by `b` with operands rounded to `precision`, summed in f32.
pub(super) fn product(a: CubeTensor, b: CubeTensor, precision: Precision) -> CubeTensor {
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
