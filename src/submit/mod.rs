//! Runs on a cluster: a job array over what is not done, a job for the report after it, and where they stand. Or the same without
//! one: a process of this machine that trains them, some at a time.
//!
//! A submission is a folder below the experiment's, `submissions/<number>`: the scripts as they were given to the scheduler, the
//! list of runs that the numbers of array tasks mean, the logs, and `submission.json` with the jobs. Every task of an array is
//! `bench run … --cell ID` on the resolved file of the experiment, so that neither a later change of the file nor of the list
//! gives a number another meaning. What has become of a run is told by its own folder; the scheduler is asked only for what waits.

mod error;
mod local;
mod queue;
mod record;
mod script;
mod slurm;
mod stages;

pub(crate) use error::SubmitError;
pub(crate) use local::Local;
pub(crate) use queue::{counted, queue};
pub(crate) use record::{ArrayJob, Engine, Submission};
pub(crate) use script::{Resources, Script, array_script, local_script, report_script};
pub(crate) use slurm::Slurm;
pub(crate) use stages::stages;
