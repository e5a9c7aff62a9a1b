//! The tensors of a module under dotted names, flat and without autodiff.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use serde::Serialize;

/// Name and shape of a tensor of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Dotted path, e.g. `body.blocks.0.norm.gamma`.
    pub name: String,
    /// Length of every axis.
    pub shape: Vec<usize>,
    /// Whether it receives gradients; running statistics do not.
    pub trainable: bool,
}

impl Parameter {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The layer that it belongs to: `conv1`, `blocks.0.conv1`, `convs.0`, `head`.
    ///
    /// A layer is a module of the body, or, where the body has a list of modules, one of an element of it; kernel networks
    /// belong to their convolution.
    pub fn layer(&self) -> &str {
        let name = self.name.strip_prefix("body.").unwrap_or(&self.name);
        let ends = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let (mut start, mut indexed, mut layer) = (0, false, name);
        for (depth, end) in ends.enumerate() {
            let part = &name[start..end];
            let is_leaf = end == name.len();
            match depth {
                0 => layer = &name[..end],
                1 if is_number(part) => (indexed, layer) = (true, &name[..end]),
                2 if indexed && !is_leaf => layer = &name[..end],
                _ => break,
            }
            start = end + 1;
        }
        layer
    }
}

/// Every tensor of `module`, trainable or not, in the order of its fields.
pub fn list<M: Module>(module: &M) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    module.visit(&mut NamedVisitor::new(|parameter, _| parameters.push(parameter)));
    parameters
}

/// Calls `visitor` with every tensor of `module`, `[elements]`.
pub fn visit<M: Module>(module: &M, visitor: &mut dyn FnMut(&Parameter, Tensor<1>)) {
    module.visit(&mut NamedVisitor::new(|parameter: Parameter, value| visitor(&parameter, value)));
}

/// Takes the gradients of `module` out of `gradients`, `[elements]`, one entry per tensor of [`list`].
///
/// Running statistics have none, nor has a tensor that the loss does not depend on.
pub fn take_gradients<M: Module>(module: &M, gradients: &mut Gradients) -> Vec<Option<Tensor<1>>> {
    let mut take = GradientTaker { gradients, taken: Vec::new() };
    module.visit(&mut take);
    take.taken
}

/// Names `gradients`, which are in the order of `parameters`; absent ones are left out.
pub fn by_name(parameters: &[Parameter], gradients: Vec<Option<Tensor<1>>>) -> BTreeMap<String, Tensor<1>> {
    let named = parameters.iter().zip(gradients);
    named.filter_map(|(parameter, gradient)| Some((parameter.name.clone(), gradient?))).collect()
}

/// Replaces tensors of `module`, whose [`list`] is `parameters`.
///
/// `replacement` maps name and value, `[elements]`, to a new value, or to `None` to keep it.
pub fn replace<M: Module>(
    module: M,
    parameters: &[Parameter],
    replacement: &mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>,
) -> M {
    module.map(&mut TensorReplacer { parameters: parameters.iter(), replacement })
}

/// Visits every float tensor with its dotted name.
struct NamedVisitor<F> {
    path: Vec<String>,
    visit: F,
}

impl<F: FnMut(Parameter, Tensor<1>)> NamedVisitor<F> {
    fn new(visit: F) -> Self {
        Self { path: Vec::new(), visit }
    }
}

impl<F: FnMut(Parameter, Tensor<1>)> ModuleVisitor for NamedVisitor<F> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        if !is_choice(container_type) {
            self.path.push(name.to_owned());
        }
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        if !is_choice(container_type) {
            self.path.pop();
        }
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let shape = value.dims().to_vec();
        let parameter = Parameter { name: self.path.join("."), shape, trainable: param.is_require_grad() };
        let elements = parameter.len();
        (self.visit)(parameter, value.inner().reshape([elements]));
    }
}

/// Whether a module is one of several, which shows in no name: a network without a choice has the same names.
fn is_choice(container_type: &str) -> bool {
    container_type.starts_with("Enum:")
}

/// Takes gradients by the order of the tensors: names would cost more than small gradients do.
struct GradientTaker<'a> {
    gradients: &'a mut Gradients,
    taken: Vec<Option<Tensor<1>>>,
}

impl ModuleVisitor for GradientTaker<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = if param.is_require_grad() { param.val().grad_remove(self.gradients) } else { None };
        self.taken.push(gradient.map(|gradient| {
            let elements = gradient.dims().iter().product::<usize>();
            gradient.reshape([elements])
        }));
    }
}

/// Maps every float tensor through `replacement`.
struct TensorReplacer<'a> {
    parameters: std::slice::Iter<'a, Parameter>,
    replacement: &'a mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>,
}

impl ModuleMapper for TensorReplacer<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_belongs_to_a_module_of_the_body_or_of_an_element_of_its_lists() {
        for (name, layer) in [
            ("embedding", "embedding"),
            ("head.weight", "head"),
            ("body.conv1.kernel.filters.0.mu", "conv1"),
            ("body.norm1.gamma", "norm1"),
            ("body.blocks.0.conv1.kernel.filters.0.linear.weight", "blocks.0.conv1"),
            ("body.blocks.10.linear1.weight", "blocks.10.linear1"),
            ("body.backbone.1.cconv2.bias", "backbone.1.cconv2"),
            ("body.convs.3.weight", "convs.3"),
            ("body.layers.0.0.weight", "layers.0.0"),
            ("", ""),
        ] {
            let parameter = Parameter { name: name.into(), shape: vec![1], trainable: true };
            assert_eq!(parameter.layer(), layer, "{name}");
        }
    }
}
