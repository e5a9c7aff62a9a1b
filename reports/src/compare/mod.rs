//! `bench compare`: differences between runs that agree in everything but one field.
//!
//! ```text
//! field → run → pairing → rows → comparison
//! ```

mod comparison;
mod field;
mod pairing;
mod rows;
mod run;

pub use comparison::compare;
pub use field::Field;
