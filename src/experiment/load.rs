//! Reading an experiment file and the arguments that change it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Plan;
use super::diagnostic::{Diagnostic, Rendered, Sources, with_suggestion};
use super::resolve::{Only, Setting, resolve};
use super::written::{Written, is_name, is_safe, make_safe, seeds};
use super::yaml::{Content, Node, Position, parse, shorten};
use crate::registry::Registry;

/// Largest file that is read; the longest recipe has a few kilobytes.
const MAX_BYTES: u64 = 4 << 20;

/// Arguments that change an experiment.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--set PATH=VALUE`, in order.
    pub set: Vec<String>,
    /// `--only task=PATTERN,baseline=PATTERN`.
    pub only: Option<String>,
    /// `--seeds 0,1,2`.
    pub seeds: Option<String>,
}

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
        let mut written = Written::read(&root)?;
        let mut settings = Vec::new();
        for argument in &overrides.set {
            settings.push(setting(argument, &mut sources)?);
        }
        if let Some(argument) = &overrides.seeds {
            written.seeds = seeds_argument(argument, &mut sources)?;
            written.seeds_given = true;
        }
        let only = overrides.only.as_ref().map(|argument| only(argument, &mut sources)).transpose()?;
        resolve(written, &settings, &only.unwrap_or_default(), &folder_name(stem), registry)
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

/// Read `PATH=VALUE`.
fn setting(argument: &str, sources: &mut Sources) -> Result<Setting, Diagnostic> {
    let source = sources.argument("--set", argument.to_owned());
    let at = |column: usize, width: usize| Position { source, line: 1, column, width: width.max(1) };
    let Some((path, value)) = argument.split_once('=') else {
        return Err(Diagnostic::at(at(1, argument.chars().count()), "expected PATH=VALUE")
            .note("e.g. --set training.epochs=20"));
    };
    let before = path.chars().count() + 1;
    let node = parse(value, source, before)?;
    let value = node.unwrap_or(Node { at: at(before + 1, 1), content: Content::Null });
    Ok(Setting { path: path.trim().to_owned(), at: at(1, before - 1), value })
}

/// Read `0,1,2`.
fn seeds_argument(argument: &str, sources: &mut Sources) -> Result<Vec<u64>, Diagnostic> {
    let source = sources.argument("--seeds", argument.to_owned());
    let at = Position { source, line: 1, column: 1, width: argument.chars().count().max(1) };
    let list = argument.trim().trim_start_matches('[').trim_end_matches(']');
    let node = parse(&format!("[{list}]"), source, 0)
        .map_err(|_| Diagnostic::at(at, "expected seeds separated by commas").note("e.g. --seeds 0,1,2"))?;
    // The brackets are ours, so that columns within would be off by one: point at the whole argument.
    seeds(&node.unwrap_or(Node::empty(at))).map_err(|diagnostic| Diagnostic { at: Some(at), ..diagnostic })
}

/// Read `task=PATTERN,baseline=PATTERN`.
fn only(argument: &str, sources: &mut Sources) -> Result<Only, Diagnostic> {
    let source = sources.argument("--only", argument.to_owned());
    let mut only = Only::default();
    let mut column = 1;
    for part in argument.split(',') {
        let width = part.chars().count();
        let at = Position { source, line: 1, column, width: width.max(1) };
        column += width + 1;
        let example = "e.g. --only 'task=pathfinder*,baseline=ccnn*'";
        let Some((key, pattern)) = part.split_once('=').filter(|(_, pattern)| !pattern.trim().is_empty()) else {
            return Err(Diagnostic::at(at, "expected task=PATTERN or baseline=PATTERN").note(example));
        };
        let slot = match key.trim() {
            "task" => &mut only.task,
            "baseline" => &mut only.baseline,
            other => {
                let message = with_suggestion(format!("unknown key `{}`", shorten(other)), other, ["task", "baseline"]);
                return Err(Diagnostic::at(at, message).accepted("keys", &["task", "baseline"]).note(example));
            }
        };
        if slot.is_some() {
            return Err(
                Diagnostic::at(at, format!("`{}` stands twice", key.trim())).note("a pattern may hold `*` and `?`")
            );
        }
        *slot = Some((pattern.trim().to_owned(), at));
    }
    Ok(only)
}
