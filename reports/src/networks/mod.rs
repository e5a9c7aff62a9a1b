//! What was measured of networks: at initialisation ([`diagnose`]), and of what they look at ([`inspect`]).

pub(crate) mod diagnose;
pub(crate) mod inspect;
