//! What the program keeps in files: atomic writes, tensors by name, checkpoints, and the folder of a run.

pub(crate) mod atomic;
pub(crate) mod checkpoint;
pub(crate) mod run_folder;
pub(crate) mod tensors;
