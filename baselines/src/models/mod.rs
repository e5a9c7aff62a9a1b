//! One file per baseline.

pub mod ccnn;
pub mod ckcnn;
pub mod cnn;
pub mod flexnet;
pub mod gru;
pub mod lstm;
pub mod rnn;
