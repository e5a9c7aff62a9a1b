//! YAML as a tree in which every key and value knows where it was written.
//!
//! Scalars are typed as in YAML 1.2's core schema. Anchors, tags and second documents are refused: an experiment file
//! has better means for what runs share, and a refused feature cannot be misread.

mod parse;
#[cfg(test)]
mod tests;
mod tree;

pub use parse::parse;
pub use tree::{Content, Lookup, Node, Numeral, Pair};
