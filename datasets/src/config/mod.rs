//! What the settings of several tasks have in common.

pub(crate) mod error;
pub(crate) mod image_form;
pub(crate) mod ranges;
pub(crate) mod settings;
