//! Where the settings of a network come from: arguments, the record of its run, the name of its file, or its tensors.

mod evidence;
pub(crate) mod file_name;
mod settings;

pub(crate) use settings::{Settings, contradictions};
