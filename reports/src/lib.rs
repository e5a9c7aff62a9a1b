//! Reports of the long-range sequence benchmark, made from run folders alone.

pub mod record;
