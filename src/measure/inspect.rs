//! What the network of a checkpoint looks at: `bench inspect`.

use baselines::inspect::inspect;
use burn::tensor::Device;
use datasets::{Batch, Library, Split};
use vocabulary::record::Inspection;

use super::evaluate::{EvalError, Opened, Request, open};
use crate::experiment::Run;
use crate::origin::Settings;
use crate::registry::Registry;
use crate::training::{TrainError, to_device};

/// What was seen of a checkpoint.
pub(crate) struct Inspected {
    /// The task and the network, as resolved.
    pub(crate) run: Run,
    pub(crate) inspection: Inspection,
    pub(crate) parameters: usize,
    /// Settings of the task and the network, and where each comes from.
    pub(crate) settings: Settings,
    /// What a reader must know about the samples, the weights and the settings.
    pub(crate) notes: Vec<String>,
}

/// Look at the network of a checkpoint on `device`, and differentiate it at the first `samples` samples of the split asked for.
/// `on_start` is called with what begins, in words.
///
/// Kernels and eigenvalues need no samples: without the files of a task, a note says that there is nothing else.
///
/// # Errors
/// See [`EvalError`]; weights are checked before samples are read.
pub(crate) fn look(
    request: &Request<'_>,
    samples: usize,
    registry: &Registry,
    library: &Library,
    device: &Device,
    on_start: &mut dyn FnMut(&str),
) -> Result<Inspected, EvalError> {
    let opened = open(request, registry, device)?;
    let spec = opened.run.spec();
    let (mut inputs, mut missing, mut dataset) = (None, None, None);
    if samples > 0 {
        on_start(&format!("preparing {}", opened.run.task.label));
        match opened.run.task.task.prepare(library, &()) {
            Ok(prepared) => dataset = Some(prepared),
            Err(error) if error.is_missing() => {
                missing = Some(format!("no receptive field, which needs samples: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(dataset) = &dataset {
        let positions: Vec<usize> = (0..samples.min(dataset.len(request.split))).collect();
        if positions.is_empty() {
            return Err(EvalError::Empty { split: Split::name(request.split) });
        }
        let Batch { inputs: read, lengths, .. } = dataset.read(request.split, &positions)?;
        inputs = Some(to_device(read, lengths, &spec.input, device));
    }
    on_start("looking at the network");
    let inspection = inspect(opened.model.as_ref(), &spec.input.shape(), inputs.as_ref()).map_err(TrainError::from)?;
    let mut notes = opened.notes(dataset.as_deref());
    notes.extend(missing);
    let parameters = baselines::network::count_parameters(opened.model.as_ref());
    let Opened { run, settings, .. } = opened;
    Ok(Inspected { run, inspection, parameters, settings, notes })
}
