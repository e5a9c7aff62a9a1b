//! What networks show of themselves: kernels and eigenvalues of layers, and passes whose input can be differentiated.
//!
//! [`inspect`](crate::inspect) makes numbers of it.

mod choice;
mod eigenvalues;
mod layer;
mod trace;

pub(crate) use self::choice::{evenly, shown_matrices};
pub(crate) use self::eigenvalues::{discretised, low_rank};
pub use self::layer::{Eigenvalues, FineKernels, Kernels, LayerView, Mask};
pub use self::trace::Trace;
