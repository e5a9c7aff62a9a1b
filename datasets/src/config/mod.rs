//! What the settings of several tasks have in common.

pub(crate) mod error;
pub(crate) mod input_rank;
pub(crate) mod ranges;
pub(crate) mod settings;

pub(crate) use self::{
    error::ConfigError,
    input_rank::{InputRank, form_is_also_dimensions},
    ranges::{MOST_SAMPLES, any_sizes, sizes_of_parts, sizes_within, within},
    settings::settings,
};
