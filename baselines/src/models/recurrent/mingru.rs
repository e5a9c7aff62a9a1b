//! The network of minimal gated recurrent units.

use crate::layers::{MinCell, MinRnnBody, MinRnnConfig};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init};

/// The network of minimal gated recurrent units.
#[derive(Debug)]
pub struct MinGru;

impl Baseline for MinGru {
    type Config = MinRnnConfig;
    type Body = MinRnnBody;

    const INFO: Info = Info {
        name: "mingru",
        summary: "Minimal gated recurrent units, whose gates see the input alone: a linear scan",
        source: "Feng et al. 2024, arXiv 2410.01201; github.com/lucidrains/minGRU-pytorch, minLM.py",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        MinRnnBody::build(MinCell::Gru, config, spec, init)
    }

    fn unused(config: &Self::Config) -> Vec<&'static str> {
        config.unused()
    }

    fn label(config: &Self::Config) -> String {
        config.label("mingru")
    }
}
