//! Parsers of file formats.
//!
//! Each takes the bytes of one file, checks every length it reads against what is there, and allocates no more than a small
//! multiple of its input, which its documentation names. [`parsers()`] names them all for the tests.

pub mod archives;
pub(crate) mod error;
#[cfg(test)]
pub(crate) mod hostile;
pub mod images;
pub mod mat;
mod parsers;
pub mod tables;
pub(crate) mod text;
pub mod wav;

pub use self::{
    error::{FormatError, FormatFault},
    parsers::{Parser, parsers},
};
