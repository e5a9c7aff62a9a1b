//! What the program keeps in files and reads from them: atomic writes, checkpoints, the folder of a run and its lease, and tensors,
//! whichever program wrote them.

pub(crate) mod atomic;
pub(crate) mod checkpoint;
mod clock;
mod dtype;
pub(crate) mod lease;
mod pytorch;
pub(crate) mod run_folder;
pub(crate) mod state_dict;
pub(crate) mod tensors;
pub(crate) mod weights;

pub(crate) use checkpoint::CheckpointError;
pub(crate) use dtype::Dtype;
pub(crate) use lease::{Hold, LeaseError, Patience};
use pytorch::PytorchError;
pub(crate) use run_folder::{FolderError, RunFolder};
pub(crate) use state_dict::{BadValue, Fitted, Shapes, StateDictMismatch};
pub(crate) use tensors::Weights;
pub(crate) use weights::WeightsError;
