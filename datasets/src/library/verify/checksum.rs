//! Checksums of files.

use std::fmt;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A checksum as the authors of a data set publish it, in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    /// SHA-256.
    Sha256(String),
    /// MD5, where nothing better is published: it guards against damage, not against forgery.
    Md5(String),
}

impl Checksum {
    /// The checksum of `bytes`, of the same kind as this one.
    pub fn of(&self, bytes: &[u8]) -> Self {
        match self {
            Self::Sha256(_) => Self::Sha256(format!("{:x}", Sha256::digest(bytes))),
            Self::Md5(_) => Self::Md5(format!("{:x}", Md5::digest(bytes))),
        }
    }

    /// The hexadecimal digits.
    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::Md5(hex) => hex,
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hex) => write!(f, "SHA-256 {hex}"),
            Self::Md5(hex) => write!(f, "MD5 {hex}"),
        }
    }
}
