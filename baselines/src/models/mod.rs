//! One file per baseline.

pub mod ccnn;
pub mod ckcnn;
pub mod cnn;
pub mod gru;
pub mod lstm;
pub mod resnet18;
pub mod resnet44;
pub mod rnn;
pub mod stn;
pub mod tcn;
pub mod vgg;
