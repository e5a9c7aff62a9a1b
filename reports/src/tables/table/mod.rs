//! What a table is: columns and rows, the remarks behind its values, and its forms as text.

mod flag;
mod forms;
mod latex;
mod rows;

pub use flag::Flag;
pub(crate) use flag::letter;
pub use forms::text_table;
pub use rows::{Column, Table, TableEntry};
