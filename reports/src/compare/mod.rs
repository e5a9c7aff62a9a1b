//! `bench compare`: differences between runs that agree in everything but one field.
//!
//! ```text
//! field → candidate → pairing → rows → comparison
//! ```

mod candidate;
mod comparison;
mod field;
mod pairing;
mod rows;

pub use comparison::compare;
pub use field::Field;
