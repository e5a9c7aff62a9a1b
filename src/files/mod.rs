//! Files that hold the tensors of a network, whichever program wrote them.

pub(crate) mod dtype;
pub(crate) mod pytorch;
pub(crate) mod state_dict;
pub(crate) mod weights;
