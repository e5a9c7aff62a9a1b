//! What is wrong with a training: values that are not finite, and a loss that stays at chance.

pub(crate) mod finite;
pub(super) mod stuck_at_chance;
