//! Recurrences whose gates see the input alone, so that they are linear in the state: minGRU and minLSTM (Feng et al. 2024,
//! arXiv 2410.01201), and the network of `lucidrains/minGRU-pytorch` around them.

mod network;
mod rnn;

pub use kernels::MinCell;
pub use network::{MinLm, MinRnnBlock, MinRnnBody, MinRnnConfig};
pub use rnn::{MinRnn, MinRnnSpec};
