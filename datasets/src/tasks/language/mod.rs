//! Texts and expressions.

pub mod char_lm;
pub mod listops;
mod lra_files;
pub mod retrieval;
pub mod text;
