//! Run folders as data: read from disk, told apart, grouped over seeds, and put into data frames.
//!
//! ```text
//! discover, read → load (holder settles who still runs) → variant → group, frame
//! ```

pub(crate) mod added;
pub(crate) mod cell;
mod discover;
pub(crate) mod frame;
pub(crate) mod group;
pub mod holder;
pub(crate) mod load;
pub(crate) mod parquet;
pub(crate) mod read;
pub(crate) mod settings;
mod variant;
