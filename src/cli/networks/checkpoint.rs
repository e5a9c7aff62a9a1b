//! What every command that reads a checkpoint is told of it.

use std::path::{Path, PathBuf};

use clap::Args;
use datasets::Split;

use crate::measure::evaluate::Request;

/// A checkpoint, and what it does not say itself.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct CheckpointArgs {
    /// best.safetensors or last.safetensors of a run, or a state dict: .pt of PyTorch, or .safetensors
    #[arg(value_name = "CHECKPOINT")]
    pub(in crate::cli) checkpoint: PathBuf,
    /// Task [default: that of the checkpoint's run]
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Baseline [default: that of the checkpoint's run]
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Change a setting, e.g. baseline.omega_0=30.5 or task.permutation=order.txt; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl CheckpointArgs {
    /// To read the network alone, or to look at it sample by sample of `split`.
    pub(in crate::cli) fn request(&self, split: Split) -> Request<'_> {
        Request {
            checkpoint: &self.checkpoint,
            task: self.task.as_deref(),
            baseline: self.baseline.as_deref(),
            set: &self.set,
            split,
            batch_size: 1,
            resolutions: &[1.0],
            at_scale: false,
        }
    }

    /// `<stem>-<ending>` beside the checkpoint, e.g. `best-inspect`.
    pub(in crate::cli) fn beside(&self, ending: &str) -> PathBuf {
        beside(&self.checkpoint, ending)
    }
}

fn beside(checkpoint: &Path, ending: &str) -> PathBuf {
    let stem = checkpoint.file_stem().unwrap_or_default().to_string_lossy();
    checkpoint.with_file_name(format!("{stem}-{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_a_checkpoint_goes_beside_it() {
        assert_eq!(beside(Path::new("a/best.safetensors"), "inspect"), Path::new("a/best-inspect"));
        assert_eq!(beside(Path::new("w.2.pt"), "inspect"), Path::new("w.2-inspect"));
        assert_eq!(beside(Path::new("w.pt"), "reference.safetensors"), Path::new("w-reference.safetensors"));
    }
}
