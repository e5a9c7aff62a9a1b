//! What the program keeps in files and reads from them: atomic writes, checkpoints, the folder of a run, and tensors,
//! whichever program wrote them.

pub(crate) mod atomic;
pub(crate) mod checkpoint;
pub(crate) mod dtype;
pub(crate) mod pytorch;
pub(crate) mod run_folder;
pub(crate) mod state_dict;
pub(crate) mod tensors;
pub(crate) mod weights;
