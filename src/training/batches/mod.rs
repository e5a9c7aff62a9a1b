//! From samples to batches on the device: their order, random streams, reading ahead, and the transfer.

mod order;
pub(crate) mod prefetch;
mod to_device;

pub(crate) use order::{EpochOrder, Seeds};
pub(crate) use to_device::to_device;
