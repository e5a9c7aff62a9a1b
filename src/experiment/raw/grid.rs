//! The grid: fields and the values that each takes.

use super::field::Field;
use super::values::mapping_or_nothing;
use crate::experiment::diagnostic::{Diagnostic, Position};
use crate::experiment::yaml::{Content, Node};

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
            // However they are written: `4` and `4.0` would be two cells of one configuration.
            if values[..index].iter().any(|other| other.to_settings() == value.to_settings()) {
                let message = format!("the grid over `{}` has {} twice", pair.key, value.describe());
                return Err(Diagnostic::at(value.at, message));
            }
        }
        axes.push(GridAxis { field, at: pair.at, values: values.clone() });
    }
    Ok(axes)
}
