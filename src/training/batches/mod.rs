//! From samples to batches on the device: their order, reading ahead, random streams, and the transfer.

pub(crate) mod epoch_order;
pub(crate) mod prefetch;
pub(crate) mod seeds;
pub(crate) mod to_device;
