//! Commands that look at networks beside training: at initialisation, on a split, inside, and against the clock.

pub(crate) mod checkpoint;
pub(crate) mod diagnose;
pub(crate) mod eval;
pub(crate) mod inspect;
pub(crate) mod speed;
