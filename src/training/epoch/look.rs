//! Looks at a network while it is trained: what becomes lines of `diagnostics.jsonl`.
//!
//! A look changes nothing: it runs a copy in evaluation mode, and takes no random number.

use baselines::{Forward, Model, Probe};
use datasets::{Batch, Split};

use crate::training::metrics::lines;
use crate::training::state::Session;
use crate::training::{Job, TrainError, to_device};

/// Samples of the validation split that the probes look at.
const PROBED_SAMPLES: usize = 16;

/// Which histograms are recorded with a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::training) enum Histograms {
    None,
    OfLogits,
}

/// Record variances and logit scale on the first validation samples, in evaluation mode, what penalties judge, and the kernels
/// that layers generate.
pub(in crate::training) fn probe(session: &mut Session<'_>, histograms: Histograms) -> Result<(), TrainError> {
    let Session { job, state, journals, .. } = session;
    let model = state.model.evaluator();
    let probes = probes(job, model.as_ref())?;
    let seen = lines::Seen { probes: &probes, measures: &model.measures()?, kernels: &model.generated_kernels()? };
    let step = state.progress.step;
    journals.diagnostics.append(&lines::diagnostics(job.labels, job.seed, step, &seen))?;
    if histograms == Histograms::OfLogits {
        journals.diagnostics.append(&lines::histograms(job.labels, job.seed, step, &probes))?;
    }
    Ok(())
}

/// Record how the logits of the last weights are distributed.
pub(in crate::training) fn probe_at_end(session: &mut Session<'_>) -> Result<(), TrainError> {
    let Session { job, state, journals, .. } = session;
    let probes = probes(job, state.model.evaluator().as_ref())?;
    journals.diagnostics.append(&lines::histograms(job.labels, job.seed, state.progress.step, &probes))?;
    Ok(())
}

/// What the probes of `model` see on the first validation samples; nothing where there are none.
fn probes(job: &Job<'_>, model: &dyn Model) -> Result<Vec<Probe>, TrainError> {
    let positions: Vec<usize> = (0..job.dataset.len(Split::Validation).min(PROBED_SAMPLES)).collect();
    let mut probes = Vec::new();
    if !positions.is_empty() {
        let Batch { inputs, lengths, .. } = job.dataset.read(Split::Validation, &positions)?;
        let placed = to_device(inputs, lengths, &job.spec.input, job.device);
        let ctx = Forward::evaluation().with_precision(job.settings.precision);
        model.forward(placed, &mut ctx.with_probes(&mut probes))?;
    }
    Ok(probes)
}
