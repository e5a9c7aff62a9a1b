//! Remarks behind the values of tables.

use std::collections::BTreeSet;

/// A remark behind a value; its letter is its place among the remarks in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// Training ended by `training.max_time`.
    StoppedByTime,
    /// Training ended by `training.max_steps`.
    StoppedBySteps,
    /// Training ended by early stopping.
    StoppedEarly,
    /// Training began with given weights.
    InitialWeights,
    /// The learning rate was planned for another number of epochs at first.
    Extended,
    /// Settings were chosen among the trials of a search.
    Searched,
    /// Some runs of the row have not finished.
    Unfinished,
    /// Some runs of the row failed.
    Failed,
    /// Some runs of the row finished with a test value that is not finite.
    NoValue,
    /// Some runs of the row were skipped.
    Skipped,
    /// The data of some runs of the row are not there.
    MissingData,
    /// The baseline does not fit the task.
    NotApplicable,
    /// No run of this pair.
    Missing,
    /// An average that would leave out tasks.
    Incomplete,
    /// One or two seeds.
    FewSeeds,
    /// Seeds of the row come from different program versions or commits.
    MixedVersions,
    /// Seeds of the row were trained on unlike devices.
    MixedDevices,
    /// One run was trained by several builds of the program.
    SeveralBuilds,
    /// One run was trained on several devices.
    SeveralDevices,
    /// Several tasks of ours correspond to one published task.
    SeveralTasks,
    /// Fewer samples than the published result.
    ReducedData,
    /// Another difficulty or length than the published result.
    OtherDifficulty,
    /// Another setting of the task than that of the published result.
    OtherProtocol,
    /// Another scale than that of the recipe as written.
    OtherScale,
    /// Another network size than the published result.
    OtherSize,
    /// Another network of the same name than the published one.
    OtherNetwork,
    /// A shorter training than that of the published result.
    OtherTraining,
    /// The last line of the metrics was cut.
    CutLine,
}

impl Flag {
    /// The remark in a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Self::StoppedByTime => "stopped by time",
            Self::StoppedBySteps => "stopped by steps",
            Self::StoppedEarly => "stopped early",
            Self::InitialWeights => "given weights",
            Self::Extended => "extended",
            Self::Searched => "searched",
            Self::Unfinished => "unfinished",
            Self::Failed => "failed",
            Self::NoValue => "no value",
            Self::Skipped => "skipped",
            Self::MissingData => "missing data",
            Self::NotApplicable => "n/a",
            Self::Missing => "not run",
            Self::Incomplete => "incomplete",
            Self::FewSeeds => "fewer than three seeds",
            Self::MixedVersions => "mixed versions",
            Self::MixedDevices => "unlike devices",
            Self::SeveralBuilds => "several builds",
            Self::SeveralDevices => "several devices",
            Self::SeveralTasks => "several tasks",
            Self::ReducedData => "reduced data",
            Self::OtherDifficulty => "other difficulty",
            Self::OtherProtocol => "other protocol",
            Self::OtherScale => "other scale",
            Self::OtherSize => "other size",
            Self::OtherNetwork => "other network",
            Self::OtherTraining => "other training",
            Self::CutLine => "cut line",
        }
    }

    /// The remark in full.
    pub fn text(self) -> &'static str {
        match self {
            Self::StoppedByTime => {
                "Stopped by time: `training.max_time` ended the training before its last epoch. More time may give a better value."
            }
            Self::StoppedBySteps => {
                "Stopped by steps: `training.max_steps` ended the training before its last epoch. More steps may give a better value."
            }
            Self::StoppedEarly => "Stopped early: the validation metric had not improved for the set number of epochs.",
            Self::InitialWeights => {
                "Given weights: training began with those of `training.initial_weights`, which have learnt from other samples already; no difference to a published value is given."
            }
            Self::Extended => {
                "Extended: some steps were taken while the learning rate was planned for another number of epochs, so this is not a training of that many epochs from the beginning; it is never averaged with such, and no difference to a published value is given."
            }
            Self::Searched => {
                "Searched: the settings are those of the best trial on validation, and the seeds those by which it was chosen, so that the value is somewhat flattered; the tables of the search have all trials."
            }
            Self::Unfinished => "Not all runs have finished; only finished ones enter the mean.",
            Self::Failed => "Some runs failed; they do not enter the mean. The table of runs gives the reason.",
            Self::NoValue => {
                "No value: a finished run has a test value that is not finite; it does not enter the mean, which so is that of the others and is never the best."
            }
            Self::Skipped => "Some runs were skipped; they do not enter the mean. The table of runs gives the reason.",
            Self::MissingData => {
                "Missing: the files of the task are not there; the table of missing data gives the command that fetches them."
            }
            Self::NotApplicable => "n/a: the baseline does not accept the input of this task.",
            Self::Missing => "not run: the experiment has no run of this pair.",
            Self::Incomplete => {
                "No average: some of the tasks that belong to it have no value, and an average of the others would mislead."
            }
            Self::FewSeeds => {
                "Fewer than three seeds: read the value of every seed; the spread says little and no interval is given."
            }
            Self::MixedVersions => "The runs of this row come from different commits or versions of the program.",
            Self::MixedDevices => {
                "Unlike devices: the runs of this row were trained on different ones, so that their times do not compare."
            }
            Self::SeveralBuilds => {
                "Several builds: one run was trained in several attempts by different builds of the program; the table of attempts lists them."
            }
            Self::SeveralDevices => {
                "Several devices: one run was trained in several attempts on different devices; the table of attempts lists them."
            }
            Self::SeveralTasks => {
                "Several tasks: more than one of ours corresponds to this published task, so that none of them enters an average."
            }
            Self::ReducedData => {
                "Reduced data: our splits are smaller than (or differ from) those of the published result, so no difference is given."
            }
            Self::OtherDifficulty => {
                "Other difficulty: our setting of the task is not the published one, so no difference is given."
            }
            Self::OtherProtocol => {
                "Other protocol: a setting of the task (order, form, normalisation, split, seed of the samples) is not the published one, so no difference is given."
            }
            Self::OtherScale => {
                "Other scale: the recipe was cut to a budget, so that no difference to the published value is given."
            }
            Self::OtherSize => {
                "Other size: the published network is the nearest one, but not of our size, so no difference is given."
            }
            Self::OtherNetwork => {
                "Other network: a setting that makes the published network (blocks, kernels, mask, normalisation, layers, readout) has another value, so no difference is given."
            }
            Self::OtherTraining => {
                "Other training: fewer or shorter epochs, larger batches or an earlier stop than in the recipe of the published result, or no such recipe is known, so no difference is given."
            }
            Self::CutLine => {
                "The last line of a run's metrics was cut (a process was killed while it wrote) and is left out."
            }
        }
    }
}

/// Letter of a remark among those in use: a, b, …
pub(crate) fn letter(flag: Flag, used: &BTreeSet<Flag>) -> char {
    let index = used.iter().position(|f| *f == flag).unwrap_or(0);
    char::from(b'a' + (index.min(25)) as u8)
}
