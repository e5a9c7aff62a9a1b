//! The part of Python's pickle language that state dicts are written in.
//!
//! A pickle is a program that may call any function. This interpreter knows the few that build tensors; a call of any
//! other leaves an inert [`Object`] that carries its name, and nothing is ever executed. Values live in an arena and refer
//! to each other by index, so that a pickle that nests or shares values without end needs no recursion and no copies, and
//! the number of values and references is bounded.

mod call;
mod machine;
mod opcodes;
#[cfg(test)]
mod tests;
mod value;

use machine::Machine;
pub(super) use value::{Elements, Id, Object, PickleValue, Pickled, Storage, TensorView};

use super::PytorchError;

/// Run the pickle at the start of `bytes`.
///
/// # Errors
/// Bytes that are no pickle, one that makes too many values, or an instruction that no checkpoint has.
pub(super) fn run(bytes: &[u8]) -> Result<Pickled, PytorchError> {
    let mut machine = Machine::new(bytes);
    while !machine.step()? {}
    machine.finish()
}
