//! JSON schemas: that of experiment files, and what the schemas of settings say of their parts.

mod compose;
mod evaluate;
mod part;

pub use compose::compose;
pub use part::{SchemaPart, fields};
