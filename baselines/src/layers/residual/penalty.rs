//! Norms that penalties add to the loss.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// ‖values‖₂, not squared. Its gradient at zero is zero.
pub fn norm<const D: usize>(values: Tensor<D>) -> Tensor<1> {
    // Far below the square of any weight, but not zero, where the root has no derivative.
    (values.square().sum() + 1e-30).sqrt()
}

/// Sum of ‖p‖₂ over the trainable parameters of `module`, without those of modules called `kernel`.
///
/// The kernels that those generate are judged instead.
pub fn parameter_norms<M: Module>(module: &M) -> Option<Tensor<1>> {
    let mut norms = Norms { within_kernels: 0, sum: None };
    module.visit(&mut norms);
    norms.sum
}

struct Norms {
    within_kernels: usize,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Norms {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.within_kernels += usize::from(name == "kernel");
    }

    fn exit_module(&mut self, name: &str, _container_type: &str) {
        self.within_kernels -= usize::from(name == "kernel");
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.within_kernels > 0 || !param.is_require_grad() {
            return;
        }
        let norm = norm(param.val());
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + norm,
            None => norm,
        });
    }
}
