//! The network of minimal long short-term memory.

use crate::layers::{MinCell, MinRnnBody, MinRnnConfig};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init};

/// The network of minimal long short-term memory.
#[derive(Debug)]
pub struct MinLstm;

impl Baseline for MinLstm {
    type Config = MinRnnConfig;
    type Body = MinRnnBody;

    const INFO: Info = Info {
        name: "minlstm",
        summary: "Minimal long short-term memory, whose gates see the input alone: a linear scan",
        source: "Feng et al. 2024, arXiv 2410.01201; github.com/lucidrains/minGRU-pytorch, minLM.py",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        MinRnnBody::build(MinCell::Lstm, config, spec, init)
    }

    fn unused(config: &Self::Config) -> Vec<&'static str> {
        config.unused()
    }

    fn label(config: &Self::Config) -> String {
        config.label("minlstm")
    }
}
