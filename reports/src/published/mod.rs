//! Published test accuracies, and which of them stands beside a row of ours.
//!
//! A row is compared with a published value where task ([`counterpart()`]), network ([`models`]) and training
//! ([`full_training`]) agree; where several papers print several values, with their [`Range`].
//!
//! The values, each with its source, seeds and protocol, are `reports/data/published.csv`, as printed. The tests of `check` recompute
//! the averages of `averages.csv` and look for rows that are shifted, repeated or contradictory; what they find stands in
//! `errata.csv`, which says what is used, and is shown by `reports/ERRATA.md`.

mod beside;
#[cfg(test)]
mod check;
mod counterpart;
mod errata;
mod networks;
mod protocols;
mod provenance;
mod range;
mod setting;
#[cfg(test)]
mod tests;
mod training;
mod values;

pub(crate) use beside::{Beside, beside, values_of};
pub(crate) use counterpart::{Counterpart, counterpart, is_another_set};
pub(crate) use errata::all;
pub(crate) use networks::models;
pub(crate) use range::Range;
pub(crate) use training::full_training;
pub(crate) use values::{Published, parse};
