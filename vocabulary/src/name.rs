//! Names that are read from text.

use std::fmt;

/// A name that is none of those accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// What was written.
    pub name: String,
    /// What can be.
    pub accepted: Vec<&'static str>,
}

impl UnknownName {
    /// `name` is none of `accepted`.
    pub(crate) fn new(name: &str, accepted: impl IntoIterator<Item = &'static str>) -> Self {
        Self { name: name.to_owned(), accepted: accepted.into_iter().collect() }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown name `{}`; expected {}", self.name, self.accepted.join(", "))
    }
}

impl std::error::Error for UnknownName {}
