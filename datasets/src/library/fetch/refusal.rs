//! Why a source does not give a file.

use crate::library::verify::checksum::Checksum;

/// A source and why it does not give the file that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{from}: {why}")]
pub struct Refused {
    /// Its address.
    pub from: String,
    /// Why.
    pub why: Refusal,
}

/// Why a source does not give a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address cannot be read, in words.
    #[error("{0}")]
    Address(String),
    /// A file of this machine that cannot be read, in the words of the system.
    #[error("{0}")]
    Unreadable(String),
    /// No answer, in the words of the network.
    #[error("{0}")]
    NoAnswer(String),
    /// Another answer than the file.
    #[error("the server answered {said}")]
    Status {
        /// Number of the answer, e.g. 404.
        status: u16,
        /// The number with its words, and the proxy that may have given it.
        said: String,
    },
    /// Another part than was asked for.
    #[error("the server sent a part of the file, and not that which was asked for")]
    OtherPart,
    /// Packed for the way, by the encoding named.
    #[error("the server sends the file packed ({0}), although it was asked not to")]
    Encoded(String),
    /// Something else than the file, often a page that asks for a password.
    #[error("there is {}{} instead of {expected}", if *.page { "a web page" } else { "something else" }, bracketed(.content_type))]
    Instead {
        /// Whether it is a web page.
        page: bool,
        /// What the server says that it is.
        content_type: Option<String>,
        /// What the file is.
        expected: &'static str,
    },
    /// The connection broke.
    #[error("the connection broke{}: {error}", .after.as_ref().map(|bytes| format!(" after {bytes} bytes")).unwrap_or_default())]
    Broke {
        /// After how many bytes, if any: `10` or `10 of 20`.
        after: Option<String>,
        /// In the words of the network.
        error: String,
    },
    /// The connection broke too often.
    #[error("the connection broke too often")]
    BrokeTooOften,
    /// It ended early.
    #[error("it ended after {at} of {of} bytes")]
    Ended {
        /// Bytes that came.
        at: u64,
        /// Bytes that were expected.
        of: u64,
    },
    /// More bytes than are accepted.
    #[error("the file there is longer than {0} bytes")]
    Longer(u64),
    /// The server says that it has more bytes than are accepted.
    #[error("the file there has {found} bytes, and at most {most} are expected")]
    TooLarge {
        /// Bytes there.
        found: u64,
        /// Most bytes that are accepted.
        most: u64,
    },
    /// Another size than the file has.
    #[error("the file there has {found} bytes, expected {expected}")]
    Size {
        /// Bytes there.
        found: u64,
        /// Bytes of the file.
        expected: u64,
    },
    /// Less than an earlier attempt has brought.
    #[error("the file there has {found} bytes, and {held} had come already")]
    Shorter {
        /// Bytes there.
        found: u64,
        /// Bytes that are here.
        held: u64,
    },
    /// Another content than the file.
    #[error("the file there has {bytes} bytes and {found}, expected {}{expected}", sized(.expected_bytes))]
    Altered {
        /// Bytes there.
        bytes: u64,
        /// Checksum there.
        found: Box<Checksum>,
        /// Bytes of the file, where they are known.
        expected_bytes: Option<u64>,
        /// Checksum of the file.
        expected: Box<Checksum>,
    },
    /// An archive that is damaged or has nothing of the set, in words.
    #[error("{0}")]
    Content(String),
}

fn bracketed(content_type: &Option<String>) -> String {
    content_type.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default()
}

fn sized(bytes: &Option<u64>) -> String {
    bytes.map(|bytes| format!("{bytes} bytes and ")).unwrap_or_default()
}
