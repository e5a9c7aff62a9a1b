//! Runs of a plan: what is checked before they start, the processes that train them, and what their folders record.
//!
//! [`execute()`] checks the plan (`checks`) and hands its runs to a pool of worker processes (`workers`). A worker takes one order
//! after another (`protocol`) and carries it out (`run`): `run::resume` decides whether there is something left to train. Which
//! trials of a search go on beyond a rung is decided by `search`, from what stands in their folders.

mod checks;
mod error;
mod execute;
mod inputs;
mod interrupt;
mod options;
mod outcome;
mod protocol;
mod record;
mod run;
mod search;
mod workers;

pub(crate) use checks::{data as check_data, not_done};
pub(crate) use error::RunnerError;
pub(crate) use execute::{Finished, execute};
pub(crate) use inputs::initial_weights;
use inputs::{InitialError, InputError, Inputs};
use interrupt::{Interrupt, Request};
pub(crate) use options::{MemoryLimit, Options};
pub(crate) use outcome::Outcome;
use protocol::{Event, Order, Part, Reporter, Setup};
use record::{identity, provenance};
pub(crate) use search::{Selected, SelectedError, write as write_selected};
pub(crate) use workers::serve;
