//! The long short-term memory network.

use serde_json::Value;

use crate::layers::{RecurrentBlock, RecurrentBody, RecurrentConfig};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init, reference};
use kernels::RnnCell;

/// The long short-term memory network.
#[derive(Debug)]
pub struct Lstm;

impl Baseline for Lstm {
    type Config = RecurrentConfig;
    type Body = RecurrentBody;

    const INFO: Info = Info {
        name: "lstm",
        summary: "Long short-term memory",
        source: "Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; parametrised as torch.nn.LSTM",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        RecurrentBody::build(RnnCell::Lstm, config, spec, init)
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
        config.label("lstm")
    }
}
