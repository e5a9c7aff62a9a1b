//! What was measured beside what the reference programs compute at initialisation.
//!
//! ```text
//! recorded (reports/data) → setting (which network is which), layers (which layer is which) → verdict → table
//! ```

mod layers;
mod recorded;
mod setting;
mod table;
mod verdict;

pub use setting::Network;
pub(super) use table::tables;
