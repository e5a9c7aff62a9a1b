//! The run that wrote a checkpoint, and how what is evaluated differs from it.

use std::path::PathBuf;

use serde_json::{Map, Value};
use vocabulary::record::{RunRecord, State};

use crate::experiment::Cell;
use crate::files::run_folder;
use crate::files::weights::Own;

/// The run whose folder a checkpoint lies in.
pub(super) struct SourceRun {
    /// Its folder.
    pub(super) folder: PathBuf,
    /// Its record.
    pub(super) record: RunRecord,
}

impl SourceRun {
    /// How the samples, which have the hash `data_hash`, differ from those of training.
    pub(super) fn about_samples(&self, cell: &Cell, data_hash: &str) -> Option<String> {
        let (then, now) = (&self.record.task, cell.task.task.spec());
        if then.name != cell.task.name {
            return Some(format!("the weights are of training on {}", then.label));
        }
        if then.version != now.version {
            return Some(format!(
                "training was on version {} of the task, these samples are of version {}",
                then.version, now.version
            ));
        }
        let without_null = |config: &Value| -> Map<String, Value> {
            let fields = config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
            fields.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        // Other settings are other samples, and the settings say so.
        let same = without_null(&then.config) == without_null(&cell.task.config);
        let before = then.data_hash.as_deref().filter(|before| same && *before != data_hash)?;
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        Some(format!(
            "the data are not those of training: their hash is {}, then it was {}",
            short(data_hash),
            short(before)
        ))
    }

    /// Where training stood, unless it came to its end.
    pub(super) fn about_run(&self, own: &Own) -> Option<String> {
        if own.cell_hash != self.record.hash {
            return Some(
                "the checkpoint was written under another configuration than that of the cell it lies in, whose settings \
                 are used here"
                    .to_owned(),
            );
        }
        let epoch = own.position.epoch;
        let of = self.record.training["epochs"].as_u64().map(|all| format!(" of {all}")).unwrap_or_default();
        let status = run_folder::read_status(&self.folder).ok().flatten()?;
        match (status.state, status.reason) {
            (State::Done, None) => None,
            (State::Done, Some(reason)) => {
                Some(format!("training ended early ({reason}): the weights are of epoch {epoch}{of} at the latest"))
            }
            (state, _) => Some(format!(
                "the cell is {}, not done: the weights are of epoch {epoch}{of} at the latest",
                state.name()
            )),
        }
    }
}
