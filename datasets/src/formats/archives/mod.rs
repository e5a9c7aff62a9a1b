//! Archives and packed files.

pub mod archive;
pub mod gz;
pub mod tar;
pub mod zip;
