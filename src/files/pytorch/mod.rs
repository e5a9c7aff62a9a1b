//! State dicts written by `torch.save`, without Python.
//!
//! Both containers are read: the zip archive of PyTorch 1.6 and later (`<name>/data.pkl` and one stored file per storage)
//! and the stream of pickles before it. Nothing in a pickle is executed: a function that builds no tensor leaves an inert
//! value, which is of no consequence beside the weights and an error in their place. Sizes are bounded by what the file
//! holds and by what the network needs, before anything is allocated.
//!
//! Burn's `pytorch-reader` (0.22.1) reads the same containers and is not used. It refuses a whole file for one tensor or
//! dict that no network needs: complex, 8-bit, quantised, of an unknown storage, or in a subclass of `dict`. It joins the
//! keys of nested dicts with points, so that of `{"model": {"a.b": x}, "model.a": {"b": y}}` one tensor is lost without a
//! word, and two models of one file are indistinguishable. It neither lists what it did not execute nor names the tensor
//! that it refuses.

mod container;
mod error;
mod file;
mod pickle;
#[cfg(test)]
mod tests;

#[cfg(test)]
use error::Instead;
pub(crate) use error::{PytorchError, about_module};
pub(crate) use file::{PytorchFile, StateDict, open};
