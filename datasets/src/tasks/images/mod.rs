//! Photographs, digits and clothing, as pictures and as sequences of pixels.

pub mod cifar;
pub mod fashion;
pub mod grey;
pub mod mnist;
mod pictures;
pub mod stl10;
