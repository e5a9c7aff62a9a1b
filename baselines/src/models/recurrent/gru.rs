//! The gated recurrent unit network.

use crate::layers::{Recurrent, RecurrentConfig};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init, reference};
use kernels::RnnCell;

/// The gated recurrent unit network.
#[derive(Debug)]
pub struct Gru;

impl Baseline for Gru {
    type Config = RecurrentConfig;
    type Body = Recurrent;

    const INFO: Info = Info {
        name: "gru",
        summary: "Gated recurrent units",
        source: "Cho et al. 2014, arXiv 1406.1078; parametrised as torch.nn.GRU",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        Recurrent::build(RnnCell::Gru, config, spec, init)
    }

    fn reference_name(_config: &Self::Config, _rank: usize, name: &str) -> Option<String> {
        Some(reference::torch_recurrent(name))
    }

    fn label(config: &Self::Config) -> String {
        format!("gru-{}-{}", config.layers, config.hidden)
    }
}
