//! Published test accuracies, and which of them stands beside a row of ours.
//!
//! A row is compared with a published value where task ([`counterpart()`]), network ([`models`]) and training
//! ([`full_training`]) agree.

mod beside;
mod counterpart;
mod networks;
mod protocols;
mod setting;
#[cfg(test)]
mod tests;
mod training;
mod values;

pub(crate) use beside::beside;
pub(crate) use counterpart::{Counterpart, counterpart, is_another_set};
pub(crate) use networks::models;
pub(crate) use training::full_training;
pub(crate) use values::{Published, all};
