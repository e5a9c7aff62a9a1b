//! The operations: a folder each, with its declaration, its mathematics and its kernels, in families.

/// Declares the operations of a family, each a folder, whose public items become those of the crate.
macro_rules! operations {
    ($($operation:ident),+ $(,)?) => {
        $(pub(in crate::ops) mod $operation;
        pub use $operation::*;)+
    };
}

mod attention;
mod convolution;
mod elementwise;
mod kernel_network;
mod linear;
mod normalisation;
mod recurrence;
mod training;

pub use attention::*;
pub use convolution::*;
pub use elementwise::*;
pub use kernel_network::*;
pub use linear::*;
pub use normalisation::*;
pub use recurrence::*;
pub use training::*;
