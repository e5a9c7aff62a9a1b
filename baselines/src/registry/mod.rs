//! The registry of baselines.

pub(crate) mod entry;

use crate::models;

pub use entry::{BuildModel, Entry, entry};

/// Every baseline, by name: the order of `bench list baselines`.
pub fn entries() -> Vec<Entry> {
    let mut entries = models::entries();
    entries.sort_by_key(|entry| entry.info.name);
    entries
}

/// The baseline called `name`.
pub fn find(name: &str) -> Option<Entry> {
    entries().into_iter().find(|entry| entry.info.name == name)
}
