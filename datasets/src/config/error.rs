//! A setting that does not hold.

/// A setting that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct ConfigError {
    /// Dotted path within the task's settings; empty for the whole.
    pub field: String,
    /// What is wrong, and the remedy.
    pub message: String,
}

impl ConfigError {
    /// `field` does not hold because of `message`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}
