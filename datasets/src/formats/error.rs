//! What is wrong in a file.

/// What is wrong in a file, and where; the caller knows which file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct FormatError {
    /// Of what kind it is.
    pub fault: FormatFault,
    /// Line, column or byte.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

/// What can be wrong in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatFault {
    /// It has another format.
    Foreign,
    /// It ends too early.
    Truncated,
    /// It is sound, but uses what is not read here.
    Unsupported,
    /// A part is missing, or parts contradict each other.
    Structure,
    /// A value is none that may stand there.
    Value,
    /// It promises more than it may hold.
    TooLarge,
}

impl FormatError {
    /// At `place` stands something that `message` describes.
    pub fn new(fault: FormatFault, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { fault, place: place.into(), message: message.into() }
    }

    /// See [`FormatFault::Foreign`].
    pub fn foreign(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FormatFault::Foreign, place, message)
    }

    /// See [`FormatFault::Truncated`].
    pub fn truncated(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FormatFault::Truncated, place, message)
    }

    /// See [`FormatFault::Unsupported`].
    pub fn unsupported(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FormatFault::Unsupported, place, message)
    }

    /// See [`FormatFault::Structure`].
    pub fn structure(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FormatFault::Structure, place, message)
    }

    /// See [`FormatFault::Value`].
    pub fn value(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FormatFault::Value, place, message)
    }

    /// See [`FormatFault::TooLarge`].
    pub fn large(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FormatFault::TooLarge, place, message)
    }
}
