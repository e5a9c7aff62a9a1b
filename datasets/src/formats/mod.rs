//! Parsers of the original files, one file each. They take bytes, allocate no more than the size of the input justifies,
//! and say what is wrong and where; the caller adds the path. [`parsers`] names them all for the tests.

pub mod archive;
pub mod gz;
pub mod idx;
mod parsers;
pub mod tar;
pub mod zip;

pub use parsers::{Parser, parsers};
