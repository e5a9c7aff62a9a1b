//! `bench diagnose`: scale of activations, kernels and logits at initialisation.

mod case;
mod figures;
mod growth;
mod kept;
mod measured;
mod reference;
mod report;
mod table;

pub use kept::{DIAGNOSED, holds_diagnostics};
pub(crate) use kept::{Section, at_initialisation};
pub use measured::{Measured, Variance};
pub use reference::Network;
pub use report::write_diagnostics;
