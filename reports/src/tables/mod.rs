//! The tables of a report, one file each, on [`Table`] and its forms.
//!
//! A new column belongs to the file of its table; a new remark to `table/flag.rs`, and to `remarks`, which says where it holds.

mod arena;
mod differences;
mod evaluations;
mod recipes;
mod remarks;
mod results;
mod runs;
mod scale;
mod search;
mod status;
mod summary;
mod table;
mod tasks;
mod worst;

pub(crate) use arena::long_range_arena;
pub(crate) use differences::{
    Contests, PAIRED, PairedDifferences, SCORE, ScoreMatrix, TestedRows, across, against, best, contest, pairs_across,
    samples,
};
pub(crate) use evaluations::evaluations;
pub(crate) use recipes::{Recipes, missing_data, name_scales, scales};
pub(crate) use remarks::{by_limit, deviations, flags_of};
pub(crate) use results::results;
pub(crate) use runs::{attempts, runs};
pub(crate) use scale::scale;
pub(crate) use search::search;
pub(crate) use status::{left_out, status};
pub(crate) use summary::summary;
pub(crate) use table::letter;
pub use table::{Column, Flag, Table, TableEntry, text_table};
pub(crate) use tasks::tasks;
pub(crate) use worst::{Worst, WorstOfTasks, probability};
