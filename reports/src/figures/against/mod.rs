//! Test values against a number that somebody chose: of the network, of the grid, or of the samples that it is tested on.

mod evaluations;
mod field;
mod parameters;
mod reach;

pub(super) use evaluations::evaluations;
pub(super) use field::against_field;
pub(super) use parameters::accuracy_against_parameters;
pub(crate) use reach::accuracy_against_receptive_field;
