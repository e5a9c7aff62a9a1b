//! The weights of a checkpoint as the reference program of its baseline would store them.

use std::collections::HashMap;

use burn::tensor::Device;
use safetensors::tensor::{Dtype, TensorView};

use super::evaluate::{EvalError, Opened, Request, open};
use crate::experiment::Run;
use crate::files::tensors;
use crate::registry::Registry;

/// A state dict with the names and shapes of a reference program.
pub(crate) struct ReferenceWeights {
    /// The task and the network, as resolved.
    pub(crate) run: Run,
    /// What a reader must know of the weights and the settings.
    pub(crate) notes: Vec<String>,
    /// Tensors in the file.
    pub(crate) tensors: usize,
    /// A safetensors file.
    pub(crate) file: Vec<u8>,
}

/// The weights of the checkpoint of `request` under the names of the reference program.
///
/// # Errors
/// See [`EvalError`]; a baseline without a reference program.
pub(crate) fn reference_weights(
    request: &Request<'_>,
    registry: &Registry,
    device: &Device,
) -> Result<ReferenceWeights, EvalError> {
    let opened = open(request, registry, device)?;
    let notes = opened.notes(None);
    let Opened { run, model, .. } = opened;
    let (entry, config, rank) = (&run.baseline.entry, &run.baseline.config, run.spec().input.rank());
    let none = || EvalError::NoReference { baseline: entry.info.name.to_owned() };
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, (shape, values)) in tensors::weights(model.as_ref())? {
        let theirs = (entry.reference_name)(config, rank, &name).ok_or_else(none)?;
        let shape = (entry.reference_shape)(config, rank, &name, &shape).unwrap_or(shape);
        tensors.push((theirs, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect()));
    }
    let failed = |error: safetensors::SafeTensorError| EvalError::Encode(error.to_string());
    let views = tensors.iter().map(|(name, shape, bytes)| {
        TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    // What PyTorch's programs look for.
    let about = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let file = safetensors::serialize(views, Some(about)).map_err(failed)?;
    Ok(ReferenceWeights { notes, tensors: tensors.len(), file, run })
}
