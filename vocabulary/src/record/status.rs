//! `status.json`: where a run stands, why, and what it ran on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray};

use super::version::SCHEMA;

/// The status of a run, as in `status.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Where the run stands.
    pub state: State,
    /// Why the run ended before its last epoch, did not begin, or goes on later.
    #[serde(default)]
    pub reason: Option<StopReason>,
    /// Reason in words.
    #[serde(default)]
    pub message: Option<String>,
    /// What kind of error that was, e.g. `run-longer`: a word that stays when the message is reworded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Times the run was started.
    pub attempts: u32,
    /// Start of the first attempt, RFC 3339 UTC.
    #[serde(default)]
    pub started: Option<String>,
    /// Last change of this file, RFC 3339 UTC.
    #[serde(default)]
    pub updated: Option<String>,
    /// Seconds of training, summed over attempts.
    pub seconds: f64,
    /// Finished epochs.
    pub epoch: u64,
    /// The epoch after them, where `training.max_time` or `training.max_steps` ended it before its last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_epoch: Option<PartialEpoch>,
    /// Host name.
    #[serde(default)]
    pub host: Option<String>,
    /// CPU threads used.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Program and library versions: `bench`, `burn`.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Git commit of the sources that the program was built from, with `-dirty` where they had changes; absent where that
    /// is not known. Older files hold the commit of the working folder.
    #[serde(default)]
    pub git: Option<String>,
    /// What every attempt ran on, in order; `host`, `threads`, `versions` and `git` above are those of the last one. Older
    /// files have no list, and a run begun by an older program names its last attempt alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<Attempt>,
}

impl Status {
    /// The status of a run that has not begun.
    #[must_use]
    pub fn pending() -> Self {
        Self {
            schema: SCHEMA,
            state: State::Pending,
            reason: None,
            message: None,
            kind: None,
            attempts: 0,
            started: None,
            updated: None,
            seconds: 0.0,
            epoch: 0,
            partial_epoch: None,
            host: None,
            threads: None,
            versions: BTreeMap::new(),
            git: None,
            provenance: Vec::new(),
        }
    }

    /// What the attempts ran on. Of a file without a list, the last attempt; of one that an older program began, the list
    /// holds the last of the attempts before it.
    #[must_use]
    pub fn attempts_on_record(&self) -> Vec<Attempt> {
        if !self.provenance.is_empty() || self.attempts == 0 {
            return self.provenance.clone();
        }
        let dirty = self.git.as_ref().map(|git| git.ends_with("-dirty"));
        vec![Attempt {
            attempt: self.attempts,
            started: self.started.clone().filter(|_| self.attempts == 1),
            host: self.host.clone(),
            threads: self.threads,
            versions: self.versions.clone(),
            commit: self.git.as_deref().map(|git| git.trim_end_matches("-dirty").to_owned()),
            dirty,
            ..Attempt::default()
        }]
    }

    /// Epochs trained, a partial one as a fraction.
    #[must_use]
    pub fn epochs(&self) -> f64 {
        let partial = self.partial_epoch.map_or(0.0, |part| part.steps as f64 / part.of.max(1) as f64);
        self.epoch as f64 + partial
    }

    /// [`epochs`](Self::epochs) as in tables: whole numbers as such, others with two digits.
    #[must_use]
    pub fn epochs_text(&self) -> String {
        if self.partial_epoch.is_none() { self.epoch.to_string() } else { format!("{:.2}", self.epochs()) }
    }
}

/// Where a run stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Not begun.
    Pending,
    /// A process works on it; or was killed while it did, where nobody holds the lock.
    Running,
    /// Finished.
    Done,
    /// Ended by an error.
    Failed,
    /// Stopped by a signal; resumable.
    Interrupted,
    /// Not run, or not to its end, see the reason.
    Skipped,
}

impl State {
    /// Returns the name in files and tables.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Why a run ended before its last epoch, did not begin, or goes on later.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum StopReason {
    /// `training.max_time` is over; the run is done.
    MaxTime,
    /// `training.max_steps` were taken; the run is done.
    MaxSteps,
    /// The validation metric did not improve for `training.early_stopping` epochs; the run is done.
    EarlyStopping,
    /// A loss, gradient or parameter is not finite.
    Nan,
    /// Memory of the machine or of the device ran out.
    OutOfMemory,
    /// The disk is full.
    DiskFull,
    /// Files of the task are not there.
    MissingData,
    /// The baseline does not take inputs of this task.
    NotApplicable,
    /// A signal, or the end of the command, stopped it; it goes on when it is run again.
    Interrupted,
    /// A trial of a search that waits after the last epoch of a rung until the other trials are there.
    Rung,
    /// A trial of a search that was worse than others after the last epoch of a rung; it was trained that far and never tested.
    Pruned,
    /// Its process was killed; it goes on from the last checkpoint when it is run again.
    Killed,
    /// Any other error; the message says which.
    Error,
    /// A reason that a newer program gave.
    #[serde(other)]
    Other,
}

impl StopReason {
    /// Returns the name in files and tables, e.g. `max_time`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether `training.max_time` or `training.max_steps` ended the training.
    pub fn is_limit(self) -> bool {
        matches!(self, Self::MaxTime | Self::MaxSteps)
    }
}

/// How far an epoch came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialEpoch {
    /// Optimiser steps taken.
    pub steps: u64,
    /// Optimiser steps of a whole epoch.
    pub of: u64,
}

/// Where and with what a run was trained in one attempt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Begin, RFC 3339 UTC; absent where an older program did not record it.
    #[serde(default)]
    pub started: Option<String>,
    /// Epochs that were finished when it began.
    #[serde(default)]
    pub from_epoch: Option<u64>,
    /// Host name.
    #[serde(default)]
    pub host: Option<String>,
    /// Device with its index, e.g. `cpu`, `cuda:1`.
    #[serde(default)]
    pub device: Option<String>,
    /// What the device is, e.g. `NVIDIA H200`; absent where it does not say.
    #[serde(default)]
    pub device_name: Option<String>,
    /// CPU threads used.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Versions of the program, of Burn and of the compiler.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Git commit of the sources of the build; absent where it is not known, as for an archive without history.
    #[serde(default)]
    pub commit: Option<String>,
    /// Whether the sources had changes that the commit does not hold; absent where it is not known.
    #[serde(default)]
    pub dirty: Option<bool>,
}

impl Attempt {
    /// Commit with `-dirty` where the sources had changes, or `unknown`.
    #[must_use]
    pub fn source(&self) -> String {
        match (&self.commit, self.dirty) {
            (Some(commit), Some(true)) => format!("{commit}-dirty"),
            (Some(commit), _) => commit.clone(),
            (None, _) => "unknown".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_of_files_are_those_of_tables() {
        for reason in StopReason::VARIANTS {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
            assert_eq!(serde_json::from_value::<StopReason>(reason.name().into()).unwrap(), *reason);
        }
        for state in State::VARIANTS {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        let newer: StopReason = serde_json::from_str("\"of_tomorrow\"").unwrap();
        assert_eq!(newer, StopReason::Other, "a status of a newer program is read");
    }
}
