//! The files beside the data sets that a run is made of, as they were when `bench run` began.
//!
//! The runs of one command are to be comparable. A text, an order of pixels or a file of weights that changes while they wait
//! for their turn would give the later ones other samples or another start, and no setting would say so.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vocabulary::record::fields::FILES;

use crate::experiment::Run;
use crate::files::weights;

/// Files and the SHA-256 of each. A file that was not there is none of them: an earlier run may write it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inputs {
    /// What the samples are made of.
    samples: BTreeMap<PathBuf, String>,
    /// What the network begins with.
    weights: BTreeMap<PathBuf, String>,
}

/// A file is no longer the one that the command began with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {} since `bench run` began; run it again", path.display(), if *gone { "is gone" } else { "has changed" })]
pub(crate) struct InputError {
    path: PathBuf,
    gone: bool,
}

impl Inputs {
    /// Those of every one of `runs`, in their order. What lies in the run folder `out` is written by runs.
    pub(crate) fn of(runs: &[Run], out: &Path) -> Vec<Self> {
        let out = out.canonicalize().unwrap_or_else(|_| out.to_owned());
        // Seeds and grids share files.
        let mut seen: HashMap<PathBuf, Option<String>> = HashMap::new();
        let mut digest = |path: &Path| seen.entry(path.to_owned()).or_insert_with(|| weights::digest(path)).clone();
        let one = |run: &Run| {
            let files = FILES.iter().filter_map(|setting| run.task.config.get(*setting)?.as_str()).map(PathBuf::from);
            let own = |path: &&PathBuf| path.canonicalize().is_ok_and(|path| !path.starts_with(&out));
            let weights = run.training.initial_weights.as_ref().filter(own).cloned();
            let mut known = |path: PathBuf| digest(&path).map(|digest| (path, digest));
            Self {
                samples: files.filter_map(&mut known).collect(),
                weights: weights.and_then(known).into_iter().collect(),
            }
        };
        runs.iter().map(one).collect()
    }

    /// Refuse what has changed. Weights that are gone are missed where they are needed: a run that has begun does without.
    ///
    /// # Errors
    /// The first such file.
    pub(crate) fn check(&self) -> Result<(), InputError> {
        for (path, digest) in &self.samples {
            let now = weights::digest(path);
            if now.as_ref() != Some(digest) {
                return Err(InputError { path: path.clone(), gone: now.is_none() });
            }
        }
        for (path, digest) in &self.weights {
            if weights::digest(path).is_some_and(|now| now != *digest) {
                return Err(InputError { path: path.clone(), gone: false });
            }
        }
        Ok(())
    }
}
