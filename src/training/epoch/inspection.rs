//! What the network looks at, kept in the folder of its run.

use baselines::{Model, inspect::inspect};
use datasets::{Batch, Split};
use vocabulary::record::inspection::Stage;

use crate::training::{Job, TrainError, to_device};

/// Most samples of the validation split that are differentiated.
const SAMPLES: usize = 8;

/// Look at `model`, as it is at this `stage`, and write down what was seen. No weight and no random stream is touched.
///
/// Fewer samples than in half a batch of training are differentiated, so that it takes less memory than a step.
pub(in crate::training) fn keep(job: &Job<'_>, model: &dyn Model, stage: Stage) -> Result<(), TrainError> {
    let samples = (job.settings.batch_size / 2).clamp(1, SAMPLES).min(job.dataset.len(Split::Validation));
    let positions: Vec<usize> = (0..samples).collect();
    let inputs = match positions.is_empty() {
        true => None,
        false => {
            let Batch { inputs, lengths, .. } = job.dataset.read(Split::Validation, &positions)?;
            Some(to_device(inputs, lengths, &job.spec.input, job.device))
        }
    };
    let inspection = inspect(model, &job.spec.input.shape(), inputs.as_ref())?;
    Ok(reports::write_inspection(&job.folder, stage, &inspection)?)
}
