//! Long ListOps: the value of a long nested expression.
//!
//! Source: Nangia & Bowman, arXiv 1804.06028; the long form and its generator: Tay et al., "Long Range Arena", arXiv
//! 2011.04006. The arena draws its trees without a seed, so its released files cannot be made again: generated sets have the
//! same distribution and their own name. `source: lra` reads the released files.

mod config;
mod difficulty;
mod expression;
mod generated;
mod generator;
mod released;
#[cfg(test)]
mod tests;

pub use self::{
    config::{Config, ListOpsSource},
    expression::{END, ExpressionError, OPERATORS, Operator, PAD, Token, UNKNOWN, VOCABULARY, evaluate, tokenise},
};
use crate::config::ConfigError;
use crate::task::{Info, Task, TaskDefinition};

/// Long ListOps.
pub struct ListOps;

impl TaskDefinition for ListOps {
    type Config = Config;
    const INFO: Info = Info {
        name: "listops",
        summary: "ListOps: value of a nested expression of MIN, MAX, MED and SM (10 classes; majority class 17 %)",
        source: "Nangia & Bowman, arXiv 1804.06028; Tay et al., arXiv 2011.04006; generated, any length range",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        match config.source {
            ListOpsSource::Generated => generated::build(config),
            ListOpsSource::Lra => released::build(config),
        }
    }
}
