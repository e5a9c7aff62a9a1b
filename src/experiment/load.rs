//! Reading an experiment file and the arguments that change it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::arguments::{Overrides, only, seeds_argument, setting};
use super::raw::{RawExperiment, is_name, is_safe, make_safe};
use super::{Content, Diagnostic, ExperimentError, Mistake, Plan, Position, Sources, resolve::resolve, yaml::parse};
use crate::registry::Registry;

/// Largest file that is read; the longest recipe has a few kilobytes.
const MAX_BYTES: u64 = 4 << 20;

/// Read the experiment at `path`, with the tasks and baselines of `registry`.
///
/// # Errors
/// What is wrong, with file, line and column; nothing is written and no data are read.
pub fn load(path: &Path, overrides: &Overrides, registry: &Registry) -> Result<Plan, ExperimentError> {
    let text = read(path)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    plan(&path.display().to_string(), text, &stem, overrides, registry)
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
    plan(name, text, name, overrides, registry)
}

fn read(path: &Path) -> Result<String, ExperimentError> {
    let name = path.display();
    let refuse = |kind, message| ExperimentError { kind, message };
    let mut bytes = Vec::new();
    // Pipes and devices have no size of their own.
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| refuse(Mistake::Unreadable, format!("cannot read experiment file `{name}`: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("`{name}` is no experiment file: it has more than {MAX_BYTES} bytes");
        return Err(refuse(Mistake::TooLarge, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let column = good.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
        refuse(Mistake::NotUtf8, format!("{name}:{line}:{column}: not UTF-8 text; save the file as UTF-8"))
    })
}

/// The plan of a file's text. `path` is how errors call the file, `stem` the name where it gives none.
pub(super) fn plan(
    path: &str,
    text: String,
    stem: &str,
    overrides: &Overrides,
    registry: &Registry,
) -> Result<Plan, ExperimentError> {
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
