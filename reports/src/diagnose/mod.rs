//! `bench diagnose`: scale of activations, kernels and logits at initialisation.

mod case;
mod figures;
mod growth;
mod measured;
mod report;
mod table;

pub use measured::{Measured, Variance};
pub use report::write_diagnostics;
