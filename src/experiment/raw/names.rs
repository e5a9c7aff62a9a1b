//! Names and labels, which become names of folders.

use crate::experiment::diagnostic::{Diagnostic, Position, shorten};

/// Names of experiments and labels become folder names.
pub fn is_safe(name: &str, extra: &[char]) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || extra.contains(&c))
}

/// `text` made of the characters that folder names are safe with.
pub fn make_safe(text: &str) -> String {
    let safe: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+') { c } else { '-' }).collect();
    safe.trim_matches('-').to_owned()
}

/// Longest label; ids of cells stay below 120 characters with it.
pub const MAX_LABEL: usize = 40;

/// Longest name of an experiment.
const MAX_NAME: usize = 80;

/// Whether an experiment, and so its folder, may have this name.
pub fn is_name(name: &str) -> bool {
    is_safe(name, &['.']) && name.len() <= MAX_NAME
}

pub(super) fn check_name(name: &str, at: Position) -> Result<(), Diagnostic> {
    if is_name(name) {
        return Ok(());
    }
    let message = format!("`{}` cannot be the name of a folder", shorten(name));
    Err(Diagnostic::at(at, message)
        .note(format!("use letters, digits, `-`, `_` and `.`, at most {MAX_NAME} characters")))
}

pub(super) fn check_label(label: &str, at: Position) -> Result<(), Diagnostic> {
    if is_safe(label, &[]) && label.len() <= MAX_LABEL {
        return Ok(());
    }
    let message = format!("`{}` cannot be a label, since it becomes part of a folder name", shorten(label));
    Err(Diagnostic::at(at, message).note(format!("use letters, digits, `-` and `_`, at most {MAX_LABEL} characters")))
}
