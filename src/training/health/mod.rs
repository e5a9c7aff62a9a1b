//! What is wrong with a training: values that are not finite, and a loss that stays at chance.

pub(super) mod finite;
pub(super) mod stuck_at_chance;

pub(super) use finite::{Cause, NotFinite, Where};
pub(super) use stuck_at_chance::StuckAtChance;
