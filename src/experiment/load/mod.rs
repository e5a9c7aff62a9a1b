//! Reading an experiment file, what it includes, and the arguments that change it.

mod include;
mod read;

use std::path::Path;

use sha2::{Digest, Sha256};

use self::include::Includer;
use self::read::read;
use super::raw::{Overrides, RawExperiment, is_name, is_safe, make_safe, only, seeds_argument, setting};
use super::{Content, Diagnostic, ExperimentError, Plan, Position, Sources, resolve::resolve, yaml::parse};
use crate::registry::Registry;

/// Read the experiment at `path`, with the tasks and baselines of `registry`.
///
/// # Errors
/// What is wrong, with file, line and column; nothing is written and no data are read.
pub fn load(path: &Path, overrides: &Overrides, registry: &Registry) -> Result<Plan, ExperimentError> {
    let text = read(path)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    plan(&Text { name: &path.display().to_string(), text, path: Some(path) }, &stem, overrides, registry)
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
    plan(&Text { name, text, path: None }, name, overrides, registry)
}

/// An experiment as it is read.
pub(super) struct Text<'a> {
    /// How errors call it.
    pub(super) name: &'a str,
    pub(super) text: String,
    /// The file that it is of; without one it can include nothing.
    pub(super) path: Option<&'a Path>,
}

/// The plan of a file's text; `stem` is the name where it gives none.
pub(super) fn plan(
    file: &Text<'_>,
    stem: &str,
    overrides: &Overrides,
    registry: &Registry,
) -> Result<Plan, ExperimentError> {
    let mut sources = Sources::default();
    let source = sources.file(file.name.to_owned(), file.text.clone());
    let result = (|| {
        let start = Position { source, line: 1, column: 1, width: 1 };
        let root = parse(&file.text, source, 0)?.filter(|root| root.content != Content::Null).ok_or_else(|| {
            Diagnostic::at(start, "the file is empty").note("an experiment needs at least `tasks:` and `baselines:`")
        })?;
        let folder = file.path.map(|path| path.parent().unwrap_or(Path::new("")));
        let root = Includer::new(&mut sources, file.path).resolve(&root, folder)?;
        let mut raw = RawExperiment::read(&root, source)?;
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
