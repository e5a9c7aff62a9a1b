//! Runs of a plan: what is checked before they start, the processes that train them, and what their folders record.
//!
//! [`execute`] checks the plan (`checks`) and hands its runs to a pool of worker processes (`workers`). A worker takes one order
//! after another (`protocol`) and carries it out (`run`): `run::complete` decides whether there is something left to train.

mod checks;
pub(crate) mod error;
pub(crate) mod execute;
pub(crate) mod inputs;
mod interrupt;
pub(crate) mod options;
pub(crate) mod outcome;
mod protocol;
mod record;
mod run;
pub(crate) mod workers;
