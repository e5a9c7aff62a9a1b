//! The tensors of a module under dotted names, flat and without autodiff.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

use crate::Parameter;

/// Every tensor of `module`, trainable or not, in the order of its fields.
pub fn list<M: Module>(module: &M) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    module.visit(&mut Walk::new(|parameter, _| parameters.push(parameter)));
    parameters
}

/// Call `visitor` with every tensor of `module`, `[elements]`.
pub fn visit<M: Module>(module: &M, visitor: &mut dyn FnMut(&Parameter, Tensor<1>)) {
    module.visit(&mut Walk::new(|parameter: Parameter, value| visitor(&parameter, value)));
}

/// Take the gradients of the trainable tensors of `module` out of `gradients`, each `[elements]`. A tensor that the loss
/// does not depend on is absent.
pub fn take_gradients<M: Module>(module: &M, gradients: &mut Gradients) -> BTreeMap<String, Tensor<1>> {
    let mut take = Take { path: Vec::new(), gradients, taken: BTreeMap::new() };
    module.visit(&mut take);
    take.taken
}

/// Replace tensors of `module`: `replacement` gets name and value, `[elements]`, and returns the new value or `None` to
/// keep it.
pub fn replace<M: Module>(module: M, replacement: &mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>) -> M {
    module.map(&mut Replace { path: Vec::new(), replacement })
}

/// Visits every float tensor with its dotted name.
struct Walk<F> {
    path: Vec<String>,
    visit: F,
}

impl<F: FnMut(Parameter, Tensor<1>)> Walk<F> {
    fn new(visit: F) -> Self {
        Self { path: Vec::new(), visit }
    }
}

impl<F: FnMut(Parameter, Tensor<1>)> ModuleVisitor for Walk<F> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let shape = value.dims().to_vec();
        let parameter = Parameter { name: self.path.join("."), shape, trainable: param.is_require_grad() };
        let elements = parameter.len();
        (self.visit)(parameter, value.inner().reshape([elements]));
    }
}

struct Take<'a> {
    path: Vec<String>,
    gradients: &'a mut Gradients,
    taken: BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for Take<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad()
            && let Some(gradient) = param.val().grad_remove(self.gradients)
        {
            let elements = gradient.dims().iter().product::<usize>();
            self.taken.insert(self.path.join("."), gradient.reshape([elements]));
        }
    }
}

struct Replace<'a> {
    path: Vec<String>,
    replacement: &'a mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>,
}

impl ModuleMapper for Replace<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        let replacement = &mut self.replacement;
        param.map(|value| {
            let (shape, trainable, autodiff) = (value.dims(), value.is_require_grad(), value.is_autodiff());
            let elements = shape.iter().product::<usize>();
            match replacement(&name, value.clone().inner().reshape([elements])) {
                None => value,
                Some(new) => {
                    let new = new.reshape(shape);
                    if autodiff { new.autodiff().set_require_grad(trainable) } else { new }
                }
            }
        })
    }
}
