//! Every task by name.

pub use super::entry::{Entry, entry};
use crate::tasks::{images, language, synthetic, time_series};

/// The tasks of the Long Range Arena, which come first in every list.
const LONG_RANGE_ARENA: [&str; 6] = ["listops", "text", "retrieval", "image", "pathfinder", "pathx"];

/// Every task, in the order of `bench list tasks`.
pub fn entries() -> Vec<Entry> {
    let place = |entry: &Entry| LONG_RANGE_ARENA.iter().position(|&name| name == entry.info.name);
    let mut entries = [images::entries(), time_series::entries(), language::entries(), synthetic::entries()].concat();
    entries.sort_by_key(|entry| place(entry).unwrap_or(LONG_RANGE_ARENA.len()));
    entries
}

/// The task called `name`.
pub fn find(name: &str) -> Option<Entry> {
    entries().into_iter().find(|entry| entry.info.name == name)
}
