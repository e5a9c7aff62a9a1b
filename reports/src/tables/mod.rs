//! The tables of a report, one file each, on [`Table`] and its forms.
//!
//! A new column belongs to the file of its table; a new remark to `table/flag.rs`, and to `remarks`, which says where it holds.

mod arena;
mod differences;
mod evaluations;
mod provenance;
mod remarks;
mod results;
mod scale;
mod search;
mod summary;
mod table;
mod worst;

pub(crate) use arena::long_range_arena;
pub(crate) use differences::{
    Contests, PAIRED, PairedDifferences, SCORE, ScoreMatrix, TestedRows, across, against, best, contest, pairs_across,
    samples,
};
pub(crate) use evaluations::evaluations;
pub(crate) use provenance::{Recipes, attempts, left_out, missing_data, name_scales, runs, scales, status, tasks};
pub(crate) use remarks::{by_limit, deviations, flags_of};
pub(crate) use results::results;
pub(crate) use scale::scale;
pub(crate) use search::search;
pub(crate) use summary::summary;
pub(crate) use table::letter;
pub use table::{Column, Flag, Table, TableEntry, text_table};
pub(crate) use worst::{Worst, WorstOfTasks, probability};
