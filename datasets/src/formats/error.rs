//! What is wrong in a file.

/// What is wrong in a file, and where; the caller knows which file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct FormatError {
    /// Line, column or byte.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

impl FormatError {
    /// At `place` stands something that `message` describes.
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}
