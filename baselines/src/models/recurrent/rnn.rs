//! The recurrent network of Elman.

use serde_json::Value;

use crate::layers::{RecurrentBlock, RecurrentBody, RecurrentConfig};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init, reference};
use kernels::RnnCell;

/// The recurrent network of Elman.
#[derive(Debug)]
pub struct Rnn;

impl Baseline for Rnn {
    type Config = RecurrentConfig;
    type Body = RecurrentBody;

    const INFO: Info = Info {
        name: "rnn",
        summary: "Recurrent network with tanh units",
        source: "Elman 1990, doi:10.1207/s15516709cog1402_1; parametrised as torch.nn.RNN",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        RecurrentBody::build(RnnCell::Rnn, config, spec, init)
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
            RecurrentBlock::Residual => reference::s4_tanh(name),
        })
    }

    fn label(config: &Self::Config) -> String {
        config.label("rnn")
    }
}
