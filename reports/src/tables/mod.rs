//! The tables of a report, one file each, on [`Table`] and its forms.
//!
//! A new column belongs to the file of its table; a new remark to `flag`, and to `remarks`, which says where it holds.

mod arena;
mod cells;
mod comparable;
mod flag;
mod forms;
mod latex;
mod recipes;
mod remarks;
mod results;
mod status;
mod summary;
mod table;
mod tasks;

pub(crate) use arena::long_range_arena;
pub(crate) use cells::{attempts, cells};
pub(crate) use comparable::compared_as;
pub use flag::Flag;
pub(crate) use flag::letter;
pub use forms::text_table;
pub(crate) use recipes::{Recipes, missing_data, name_scales, scales};
pub(crate) use remarks::{by_limit, deviations, flags_of, has_no_value};
pub(crate) use results::results;
pub(crate) use status::{left_out, status};
pub(crate) use summary::summary;
pub use table::{Column, Table, TableEntry};
pub(crate) use tasks::tasks;
