//! Whether a data set is complete and intact, and where it came from.

pub(crate) mod check;
pub(crate) mod checksum;
pub(crate) mod details;
pub(crate) mod members;
pub(crate) mod provenance;
pub(crate) mod record;
pub(crate) mod sums;
pub(crate) mod versions;
