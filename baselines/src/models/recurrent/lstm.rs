//! The long short-term memory network.

use crate::layers::{Recurrent, RecurrentConfig};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init, reference};
use kernels::RnnCell;

/// The long short-term memory network.
#[derive(Debug)]
pub struct Lstm;

impl Baseline for Lstm {
    type Config = RecurrentConfig;
    type Body = Recurrent;

    const INFO: Info = Info {
        name: "lstm",
        summary: "Long short-term memory",
        source: "Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; parametrised as torch.nn.LSTM",
        ranks: 1..=1,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        Recurrent::build(RnnCell::Lstm, config, spec, init)
    }

    fn reference_name(_config: &Self::Config, _rank: usize, name: &str) -> Option<String> {
        Some(reference::torch_recurrent(name))
    }

    fn label(config: &Self::Config) -> String {
        format!("lstm-{}-{}", config.layers, config.hidden)
    }
}
