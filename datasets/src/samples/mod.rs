//! Prepared samples, whatever task they are of: stored, fewer, in another order, at another resolution, compared, drawn.

pub mod control;
pub mod duplicates;
pub(crate) mod limit;
pub mod preview;
pub mod resample;
pub(crate) mod stored;
pub(crate) mod stored_files;

pub use self::{limit::limit, stored::Stored};

pub(crate) use self::stored::Annotate;
pub(crate) use self::stored_files::store_files;
