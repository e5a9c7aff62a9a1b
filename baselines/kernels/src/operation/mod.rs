//! What makes an operation: one declaration, from which every backend, the gradient, its times and its test follow.

mod autodiff;
mod backend;
mod call;
mod contract;
mod inputs;
pub(crate) mod prelude;
#[cfg(test)]
pub(crate) mod test;

#[cfg(feature = "tch")]
pub(crate) use contract::Tensors;
pub(crate) use contract::{Kernels, Tested};
