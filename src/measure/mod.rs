//! Measurements of networks beside training: the score of a checkpoint and its weights under other names, the
//! time of steps, the scale of activations, and what a network looks at.

pub(crate) mod diagnose;
pub(crate) mod estimate;
pub(crate) mod evaluate;
pub(crate) mod inspect;
pub(crate) mod reference;
pub(crate) mod speed;
