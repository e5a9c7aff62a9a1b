//! Recurrent layers in the residual block of S4: `S4Block(layer=…)` in the backbone of `state-spaces/s4`.

use baselines::kernels::RnnCell;
use baselines::layers::{Gated, Norm, RecurrentLayer};
use baselines::{Init, reference};
use burn::tensor::Device;
use serde_json::json;

use super::sequence::{self, Scores};
use crate::parity::{Comparison, Golden, ParityError, Rename, check};

/// `rnn_block.block`: normalisation, cell, GELU, gated linear map and residual connection.
pub(super) fn block(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let (cell, rename) = cell(golden)?;
    let (d_model, hidden) = (golden.count("d_model")?, golden.count("hidden")?);
    let x = sequence::input(golden, d_model, device)?;
    let mut init = Init::new(0, &check::autodiff(device));
    let layer = RecurrentLayer::new(cell, [d_model, hidden], 0.0, &mut init);
    let layer = Gated::new(layer, [hidden, d_model], 0.0, &mut init);
    let norm = Norm::new(sequence::norm(golden)?, d_model, &mut init);
    sequence::block(golden, &x, layer, norm, rename)
}

/// `rnn_block.network`: a linear encoder, such blocks, a last normalisation under `prenorm`, and a linear decoder.
pub(super) fn network(golden: &Golden, device: &Device) -> Result<Comparison, ParityError> {
    let (_, rename) = cell(golden)?;
    let config = json!({
        "block": "residual", "layers": golden.count("n_layers")?, "hidden": golden.count("hidden")?,
        "d_model": golden.count("d_model")?, "prenorm": golden.flag("prenorm")?, "norm": sequence::norm(golden)?,
        "dropout": 0.0,
    });
    sequence::network(golden, golden.text("cell")?, config, Scores::Logits, rename, device)
}

/// The cell, and the names of its tensors there: that of tanh units is the program's own, the others are of `torch.nn`.
fn cell(golden: &Golden) -> Result<(RnnCell, Rename<'static>), ParityError> {
    golden.only("bias", &[json!(true)])?;
    golden.only("activation", &[json!("gelu")])?;
    golden.only("postact", &[json!("glu")])?;
    golden.only("bidirectional", &[json!(false)])?;
    match golden.text("cell")? {
        "rnn" => Ok((RnnCell::Rnn, &reference::s4_tanh)),
        "gru" => Ok((RnnCell::Gru, &reference::s4_recurrent)),
        "lstm" => Ok((RnnCell::Lstm, &reference::s4_recurrent)),
        other => Err(ParityError::Unsupported(format!("`build.cell` is {other}"))),
    }
}
