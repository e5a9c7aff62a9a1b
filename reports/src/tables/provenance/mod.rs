//! What was run: tasks, runs, their attempts and states, and the recipes that they are of.

mod recipes;
mod runs;
mod status;
mod tasks;

pub(crate) use recipes::{Recipes, missing_data, name_scales, scales};
pub(crate) use runs::{attempts, runs};
pub(crate) use status::{left_out, status};
pub(crate) use tasks::tasks;
