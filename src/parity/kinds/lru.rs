//! Linear recurrent units, `NicolasZucchet/minimal-LRU`, in Flax.

use baselines::layers::{Conventions, Lru, LruSpec, Norm};
use baselines::{Init, reference};
use burn::tensor::Device;
use serde_json::json;

use super::sequence::{self, Scores};
use crate::parity::{Comparison, Golden, ParityError, check};

/// `lru.layer`: the recurrence with its skip connection, without what follows it in a block.
pub(super) fn layer(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    golden.only("bidirectional", &[json!(false)])?;
    let x = sequence::input(golden, golden.count("d_model")?, device)?;
    let lru = Lru::new(&spec(golden)?, &mut Init::new(0, &check::autodiff(device)));
    let is_recurrence = |name: &str| !name.starts_with("output_linear.");
    let lru = check::load_part(golden, lru, &is_recurrence, &reference::lru_recurrence)?;
    let y = lru.recur(x.tensor(), 1.0, golden.precision);
    check::module(golden, &lru, x.as_recorded(y), Some(&x), &reference::lru_recurrence)
}

/// `lru.block`: normalisation, recurrence, GELU, gated linear map and residual connection.
pub(super) fn block(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    settings(golden)?;
    let d_model = golden.count("d_model")?;
    let x = sequence::input(golden, d_model, device)?;
    let mut init = Init::new(0, &check::autodiff(device));
    let lru = Lru::new(&spec(golden)?, &mut init);
    let norm = Norm::of(Conventions::Flax, sequence::norm(golden)?, d_model, &mut init);
    sequence::block(golden, &x, lru, norm, &reference::lru)
}

/// `lru.network`: a linear encoder, such blocks, and a linear decoder whose scores are logarithms of probabilities.
pub(super) fn network(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    settings(golden)?;
    golden.only("output", &[json!("log_softmax")])?;
    let config = json!({
        "d_model": golden.count("d_model")?, "n_layers": golden.count("n_layers")?, "d_state": golden.count("d_state")?,
        "prenorm": golden.flag("prenorm")?, "norm": sequence::norm(golden)?, "dropout": 0.0,
        "conventions": Conventions::Flax,
    });
    sequence::network(golden, "lru", config, Scores::LogProbabilities, &reference::lru, device)
}

/// Refuse what the blocks of the original do not have.
fn settings(golden: &Golden) -> Result<(), ParityError> {
    golden.only("bidirectional", &[json!(false)])?;
    golden.only("activation", &[json!("gelu_tanh")])?;
    golden.only("postact", &[json!("full_glu")])?;
    golden.only("bn_momentum", &[json!(0.99)])?;
    let epsilon = if golden.text("norm")? == "LayerNorm" { 1e-6 } else { 1e-5 };
    golden.only("norm_eps", &[json!(epsilon)])
}

/// The layer; how its eigenvalues start does not matter, since all of them are the golden's.
fn spec(golden: &Golden) -> Result<LruSpec, ParityError> {
    Ok(LruSpec {
        d_model: golden.count("d_model")?,
        d_state: golden.count("d_state")?,
        r_min: 0.5,
        r_max: 0.9,
        max_phase: 1.0,
        bidirectional: false,
        conventions: Conventions::Flax,
        dropout: 0.0,
    })
}
