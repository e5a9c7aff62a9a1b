//! Fields of settings by path.

use crate::experiment::diagnostic::{Diagnostic, Position, shorten, with_suggestion};

/// Which settings a path leads into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `training.…`
    Training,
    /// `task.…`
    Task,
    /// `baseline.…`
    Baseline,
}

impl Target {
    /// As in paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Task => "task",
            Self::Baseline => "baseline",
        }
    }
}

/// A field by path, e.g. `baseline.kernel.hidden`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Which settings.
    pub target: Target,
    /// Keys below, at least one.
    pub path: Vec<String>,
}

impl Field {
    /// Read `training.X`, `task.X` or `baseline.X`.
    pub fn parse(text: &str, at: Position, more: &[&str]) -> Result<Self, Diagnostic> {
        let mut parts = text.split('.');
        let first = parts.next().unwrap_or_default();
        let path: Vec<String> = parts.map(str::to_owned).collect();
        let target = match first {
            "training" => Target::Training,
            "task" => Target::Task,
            "baseline" => Target::Baseline,
            _ => {
                let known = ["training", "task", "baseline"].into_iter().chain(more.iter().copied());
                let message = format!("`{}` is not the path of a field", shorten(text));
                return Err(Diagnostic::at(at, with_suggestion(message, first, known))
                    .note("a path is training.FIELD, task.FIELD or baseline.FIELD, e.g. training.learning_rate"));
            }
        };
        if path.is_empty() || path.iter().any(String::is_empty) {
            let message = format!("`{}` names no field", shorten(text));
            return Err(Diagnostic::at(at, message).note(format!("write {}.FIELD", target.name())));
        }
        Ok(Self { target, path })
    }

    /// Whether setting `self` sets `other` too: the same path, or one that contains it.
    pub fn covers(&self, other: &Self) -> bool {
        self.target == other.target && other.path.starts_with(&self.path)
    }

    /// As written.
    pub fn text(&self) -> String {
        format!("{}.{}", self.target.name(), self.path.join("."))
    }
}
