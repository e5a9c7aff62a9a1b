//! Features of signals.

mod mfcc;

pub use mfcc::{COEFFICIENTS, HOP, Mfcc, TooShort, WINDOW};
