//! From samples to batches on the device: their order, reading ahead, random streams, and the transfer.

mod epoch_order;
pub(crate) mod prefetch;
mod seeds;
mod to_device;

pub(crate) use epoch_order::EpochOrder;
pub(crate) use seeds::Seeds;
pub(crate) use to_device::to_device;
