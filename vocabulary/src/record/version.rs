//! The version of the records.

/// Version of every record of a run folder; a reader refuses a newer one.
pub const SCHEMA: u32 = 1;
