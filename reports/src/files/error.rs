//! What can go wrong between a run folder and its report.

use std::path::{Path, PathBuf};

use vocabulary::record::SCHEMA;

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "report-")]
pub enum ReportError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}; check free space and permissions, or choose another folder with --out")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file in the place of a folder that is no archive of ours.
    #[error("{path} cannot be read as an archive of `bench pack`: {reason}")]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Runs that change while they are packed.
    #[error("{path}: still running: {}; wait for them, or leave them out with --skip-running", runs.join(", "))]
    StillRunning {
        /// The folder.
        path: PathBuf,
        /// The runs.
        runs: Vec<String>,
    },
    /// A folder without runs.
    #[error("{path}: no runs here; give a folder that `bench run` wrote, or one that holds such folders")]
    NoRuns {
        /// The folder.
        path: PathBuf,
    },
    /// A file of a later version of the program.
    #[error("{path}: schema {found} is newer than {SCHEMA}, the newest this program reads; update bench")]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// A file that does not hold what it should.
    #[error("{path}:{line}: {message}; the file is damaged, run it again with --fresh")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, from 1 (0 where it is not known).
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// One run in two folders would be counted as two seeds.
    #[error("the run {run} of experiment {experiment} is in {first} and in {second}; give only one of them")]
    Duplicate {
        /// Experiment name.
        experiment: String,
        /// Run folder name.
        run: String,
        /// Where it was found first.
        first: PathBuf,
        /// Where it was found again.
        second: PathBuf,
    },
    /// A field no run has.
    #[error("no run has the field `{field}`; use one of: {known}")]
    UnknownField {
        /// As given.
        field: String,
        /// Fields that exist in these runs.
        known: String,
    },
    /// A baseline no run is of.
    #[error("no run is of the baseline `{name}`; use one of: {known}")]
    UnknownBaseline {
        /// As given.
        name: String,
        /// Baselines of these runs.
        known: String,
    },
    /// A field in which the runs of a pair cannot differ.
    #[error("runs cannot be compared by `{field}`: {reason}")]
    NotComparable {
        /// As given.
        field: String,
        /// Why not.
        reason: String,
    },
    /// One run in two folders would have two partners.
    #[error(
        "{first} and {second} agree in everything but their names (both have {field} {value}), so nothing says which one to \
         compare; give only one of them, or compare them by `experiment`"
    )]
    Repeated {
        /// The compared field.
        field: String,
        /// Its value.
        value: String,
        /// The first run.
        first: PathBuf,
        /// The second run.
        second: PathBuf,
    },
    /// A data frame operation failed.
    #[error("cannot aggregate the metrics: {0}")]
    Frame(String),
    /// A figure failed.
    #[error("cannot draw the figure {figure}: {message}")]
    Draw {
        /// File name of the figure.
        figure: String,
        /// What failed.
        message: String,
    },
    /// The page failed.
    #[error("cannot lay out the page: {0}")]
    Page(String),
    /// The embedded table of published values is damaged.
    #[error("the built-in table of published values is damaged: {0}")]
    Published(String),
}

impl ReportError {
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }
}
