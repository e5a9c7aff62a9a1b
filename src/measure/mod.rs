//! Measurements of networks beside training: the score of a checkpoint, the time of steps, and the scale of activations.

pub(crate) mod diagnose;
pub(crate) mod estimate;
pub(crate) mod evaluate;
pub(crate) mod speed;
