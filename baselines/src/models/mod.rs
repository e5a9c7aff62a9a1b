//! The baselines, one file each.

pub mod ccnn;
pub mod ckcnn;
pub mod cnn;
pub mod flexnet;
pub mod gru;
pub mod lru;
pub mod lstm;
pub mod resnet18;
pub mod resnet44;
pub mod rnn;
pub mod s4;
pub mod s4d;
pub mod stn;
pub mod tcn;
pub mod vgg;
