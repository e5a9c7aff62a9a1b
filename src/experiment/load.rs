//! Reading an experiment file and the arguments that change it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::arguments::{Overrides, only, seeds_argument, setting};
use super::diagnostic::Rendered;
use super::raw::{RawExperiment, is_name, is_safe, make_safe};
use super::{Content, Diagnostic, Plan, Position, Sources, resolve::resolve, yaml::parse};
use crate::registry::Registry;

/// Largest file that is read; the longest recipe has a few kilobytes.
const MAX_BYTES: u64 = 4 << 20;

/// An experiment that cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// The file cannot be read.
    #[error("cannot read experiment file `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is far too large.
    #[error("`{path}` is no experiment file: it has more than {MAX_BYTES} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not text.
    #[error("{path}:{line}:{column}: not UTF-8 text; save the file as UTF-8")]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Line of the first wrong byte, from 1.
        line: usize,
        /// Its column in bytes, from 1.
        column: usize,
    },
    /// Something in the file or the arguments does not hold.
    #[error("{0}")]
    Invalid(Rendered),
}

/// Read the experiment at `path`, with the tasks and baselines of `registry`.
///
/// # Errors
/// What is wrong, with file, line and column; nothing is written and no data are read.
pub fn load(path: &Path, overrides: &Overrides, registry: &Registry) -> Result<Plan, ExperimentError> {
    let text = read(path)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    plan(&path.display().to_string(), text, &stem, overrides, registry).map_err(ExperimentError::Invalid)
}

/// The experiment `text`, which errors call `name`, with the tasks and baselines of `registry`.
///
/// # Errors
/// As [`load`].
pub fn load_text(
    name: &str,
    text: String,
    overrides: &Overrides,
    registry: &Registry,
) -> Result<Plan, ExperimentError> {
    plan(name, text, name, overrides, registry).map_err(ExperimentError::Invalid)
}

fn read(path: &Path) -> Result<String, ExperimentError> {
    let refuse = |source| ExperimentError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // Pipes and devices have no size of their own.
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(refuse)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ExperimentError::TooLarge { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let column = good.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
        ExperimentError::NotUtf8 { path: path.to_owned(), line, column }
    })
}

/// The plan of a file's text. `path` is how errors call the file, `stem` the name where it gives none.
pub(super) fn plan(
    path: &str,
    text: String,
    stem: &str,
    overrides: &Overrides,
    registry: &Registry,
) -> Result<Plan, Rendered> {
    let mut sources = Sources::default();
    let file = sources.file(path.to_owned(), text.clone());
    let result = (|| {
        let start = Position { source: file, line: 1, column: 1, width: 1 };
        let root = parse(&text, file, 0)?.filter(|root| root.content != Content::Null).ok_or_else(|| {
            Diagnostic::at(start, "the file is empty").note("an experiment needs at least `tasks:` and `baselines:`")
        })?;
        let mut raw = RawExperiment::read(&root)?;
        let mut settings = Vec::new();
        for argument in &overrides.set {
            settings.push(setting(argument, &mut sources)?);
        }
        if let Some(argument) = &overrides.seeds {
            raw.seeds = seeds_argument(argument, &mut sources)?;
            raw.seeds_given = true;
        }
        let only = overrides.only.as_ref().map(|argument| only(argument, &mut sources)).transpose()?;
        resolve(raw, &settings, &only.unwrap_or_default(), &folder_name(stem), registry)
    })();
    result.map_err(|diagnostic: Diagnostic| sources.render(&diagnostic))
}

/// The name of an experiment that has none but that of its file: that as it is, where it can be the name of a folder, else
/// something like it that no other has.
fn folder_name(stem: &str) -> String {
    const MOST_KEPT: usize = 60;
    if is_name(stem) {
        return stem.to_owned();
    }
    let safe: String = make_safe(&stem.replace('+', "-")).chars().take(MOST_KEPT).collect();
    let like = if is_safe(&safe, &[]) { safe.as_str() } else { "experiment" };
    let digest: String = Sha256::digest(stem.as_bytes()).iter().take(3).map(|byte| format!("{byte:02x}")).collect();
    format!("{like}-{digest}")
}
