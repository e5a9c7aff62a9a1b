//! The gated recurrent unit network.

use serde_json::Value;

use crate::layers::{RecurrentBlock, RecurrentBody, RecurrentConfig};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init, reference};
use kernels::RnnCell;

/// The gated recurrent unit network.
#[derive(Debug)]
pub struct Gru;

impl Baseline for Gru {
    type Config = RecurrentConfig;
    type Body = RecurrentBody;

    const INFO: Info = Info {
        name: "gru",
        summary: "Gated recurrent units",
        source: "Cho et al. 2014, arXiv 1406.1078; parametrised as torch.nn.GRU",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        RecurrentBody::build(RnnCell::Gru, config, spec, init)
    }

    fn added() -> Vec<(&'static str, Value)> {
        RecurrentConfig::added()
    }

    fn unused(config: &Self::Config) -> Vec<&'static str> {
        config.unused()
    }

    fn reference_name(config: &Self::Config, _rank: usize, name: &str) -> Option<String> {
        Some(match config.block {
            RecurrentBlock::None => reference::torch_recurrent(name),
            RecurrentBlock::Residual => reference::s4_recurrent(name),
        })
    }

    fn label(config: &Self::Config) -> String {
        config.label("gru")
    }
}
