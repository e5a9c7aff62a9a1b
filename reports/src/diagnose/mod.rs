//! `bench diagnose`: scale of activations, kernels and logits at initialisation.

mod case;
mod figures;
mod growth;
mod kept;
mod measured;
mod report;
mod table;

pub(crate) use kept::at_initialisation;
pub use kept::{DIAGNOSED, holds_diagnostics};
pub use measured::{Measured, Variance};
pub use report::write_diagnostics;
