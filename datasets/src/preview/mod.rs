//! Pictures of samples, for people.

pub(crate) mod contact_sheet;

pub use self::contact_sheet::{ContactSheet, draw};
