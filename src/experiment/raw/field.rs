//! Fields of settings by path, and the grid: fields and the values that each takes.

use super::values::mapping_or_nothing;
use crate::experiment::{Content, Diagnostic, Node, Position, shorten, with_suggestion};

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

/// A field and the values it takes.
#[derive(Debug, Clone)]
pub struct GridAxis {
    /// The field.
    pub field: Field,
    /// Position of the key.
    pub at: Position,
    /// At least one, all different.
    pub values: Vec<Node>,
}

pub(super) fn grid(value: &Node) -> Result<Vec<GridAxis>, Diagnostic> {
    let mut axes: Vec<GridAxis> = Vec::new();
    for pair in mapping_or_nothing(value, "grid")? {
        let field = Field::parse(&pair.key, pair.at, &[])?;
        if let Some(other) = axes.iter().find(|a| a.field.covers(&field) || field.covers(&a.field)) {
            let message = format!("`{}` and `{}` vary the same settings", other.field.text(), field.text());
            return Err(Diagnostic::at(pair.at, message));
        }
        let Content::List(values) = &pair.value.content else {
            let message =
                format!("the grid over `{}` needs a list of values; found {}", pair.key, pair.value.describe());
            return Err(Diagnostic::at(pair.value.at, message));
        };
        if values.is_empty() {
            let message = format!("the grid over `{}` is empty", pair.key);
            return Err(Diagnostic::at(pair.value.at, message).note("give at least one value, or remove the line"));
        }
        for (index, value) in values.iter().enumerate() {
            value.check_numbers()?;
            // However they are written: `4` and `4.0` would be two runs of one configuration.
            if values[..index].iter().any(|other| other.to_settings() == value.to_settings()) {
                let message = format!("the grid over `{}` has {} twice", pair.key, value.describe());
                return Err(Diagnostic::at(value.at, message));
            }
        }
        axes.push(GridAxis { field, at: pair.at, values: values.clone() });
    }
    Ok(axes)
}
