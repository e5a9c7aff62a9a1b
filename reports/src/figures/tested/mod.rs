//! Figures of what became of test samples, one by one and over tasks.

mod attributes;
mod confusion;
mod profile;

pub(super) use attributes::accuracy_by_attribute;
pub(super) use confusion::confusion;
pub(super) use profile::performance_profile;
