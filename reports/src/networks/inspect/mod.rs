//! What networks look at: kernels, receptive fields and eigenvalues, of one network (`bench inspect`) and of the runs of a report.

mod curves;
mod kept;
mod layers;
mod network;
mod page;
mod runs;

pub(crate) use curves::{
    disc, eigenvalue_points, field_points, kernel_points, largest_points, map_tile, spectrum_points,
};
pub use kept::write_inspection;
pub(crate) use network::{DECADES, EIGENVALUES, LAG, field_panel, kernel_panel, largest_panel, spectrum_panel};
pub use page::{SeenNetwork, inspect};
pub(crate) use runs::{Inspections, Seen, table};
