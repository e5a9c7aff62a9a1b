//! Attention, the positions that it is told, and the encoder layers around it.

pub mod encoder;
pub mod multi_head;
pub mod positions;

pub use encoder::{EncoderLayer, EncoderLayerSpec, FeedForward};
pub use multi_head::{MultiHeadAttention, MultiHeadSpec};
pub use positions::{Rotary, sinusoidal};
