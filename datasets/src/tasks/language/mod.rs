//! Texts and expressions.

pub mod char_lm;
pub mod listops;
pub mod retrieval;
pub mod text;
