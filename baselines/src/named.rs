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

/// Take the gradients of the tensors of `module` out of `gradients`: one entry per tensor of [`list`], `[elements]`. Running
/// statistics have none, and neither has a tensor that the loss does not depend on.
pub fn take_gradients<M: Module>(module: &M, gradients: &mut Gradients) -> Vec<Option<Tensor<1>>> {
    let mut take = Take { gradients, taken: Vec::new() };
    module.visit(&mut take);
    take.taken
}

/// `gradients`, in the order of `parameters`, under their names; those that do not exist are left out.
pub fn by_name(parameters: &[Parameter], gradients: Vec<Option<Tensor<1>>>) -> BTreeMap<String, Tensor<1>> {
    let named = parameters.iter().zip(gradients);
    named.filter_map(|(parameter, gradient)| Some((parameter.name.clone(), gradient?))).collect()
}

/// Replace tensors of `module`, whose [`list`] is `parameters`: `replacement` gets name and value, `[elements]`, of every
/// tensor in that order, and returns the new value or `None` to keep it.
pub fn replace<M: Module>(
    module: M,
    parameters: &[Parameter],
    replacement: &mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>,
) -> M {
    module.map(&mut Replace { parameters: parameters.iter(), replacement })
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

/// Goes by the order of the tensors: names would cost more than small gradients do.
struct Take<'a> {
    gradients: &'a mut Gradients,
    taken: Vec<Option<Tensor<1>>>,
}

impl ModuleVisitor for Take<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = if param.is_require_grad() { param.val().grad_remove(self.gradients) } else { None };
        self.taken.push(gradient.map(|gradient| {
            let elements = gradient.dims().iter().product::<usize>();
            gradient.reshape([elements])
        }));
    }
}

struct Replace<'a> {
    parameters: std::slice::Iter<'a, Parameter>,
    replacement: &'a mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>,
}

impl ModuleMapper for Replace<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(parameter) = self.parameters.next() else { return param };
        let replacement = &mut self.replacement;
        param.map(|value| {
            let (shape, trainable, autodiff) = (value.dims(), value.is_require_grad(), value.is_autodiff());
            let elements = shape.iter().product::<usize>();
            match replacement(&parameter.name, value.clone().inner().reshape([elements])) {
                None => value,
                Some(new) => {
                    let new = new.reshape(shape);
                    if autodiff { new.autodiff().set_require_grad(trainable) } else { new }
                }
            }
        })
    }
}
