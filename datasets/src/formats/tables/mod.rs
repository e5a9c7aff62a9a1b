//! Text files with a record per line.

pub mod npy_text;
pub mod psv;
pub mod ts;
pub mod tsv;
