//! The recurrent network of Elman.

use crate::layers::{Recurrent, RecurrentConfig};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init, reference};
use kernels::RnnCell;

/// The recurrent network of Elman.
#[derive(Debug)]
pub struct Rnn;

impl Baseline for Rnn {
    type Config = RecurrentConfig;
    type Body = Recurrent;

    const INFO: Info = Info {
        name: "rnn",
        summary: "Recurrent network with tanh units",
        source: "Elman 1990, doi:10.1207/s15516709cog1402_1; parametrised as torch.nn.RNN",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        Recurrent::build(RnnCell::Rnn, config, spec, init)
    }

    fn reference_name(_config: &Self::Config, _rank: usize, name: &str) -> Option<String> {
        Some(reference::torch_recurrent(name))
    }

    fn label(config: &Self::Config) -> String {
        format!("rnn-{}-{}", config.layers, config.hidden)
    }
}
