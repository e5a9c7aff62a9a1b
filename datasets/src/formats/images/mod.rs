//! Images, as single files and as files of many records.

pub mod cifar;
pub mod idx;
pub mod png;
pub mod stl;
