//! Parsers of file formats. Each takes the bytes of one file, checks every length it reads against what is there, and
//! allocates no more than a small multiple of its input, which its documentation names. [`parsers`] names them all for the
//! tests.

pub mod archive;
pub mod cifar;
pub mod gz;
pub mod idx;
pub mod mat;
pub mod npy_text;
mod parsers;
pub mod png;
pub mod psv;
pub mod stl;
pub mod tar;
pub mod ts;
pub mod tsv;
pub mod wav;
pub mod zip;

pub use parsers::{Parser, parsers};

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

/// The beginning of `text`, short enough for a message.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(24).flat_map(char::escape_debug).collect()
}

/// `bytes` as text, or the place of the first byte that is none.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, FormatError> {
    std::str::from_utf8(bytes)
        .map_err(|error| FormatError::new(format!("byte {}", error.valid_up_to()), "the file is not UTF-8 text"))
}

/// Inputs for the tests that no input can make a parser panic, hang or ask for much memory.
#[cfg(test)]
pub(crate) mod hostile {
    #![allow(clippy::unwrap_used)]
    use proptest::{collection::vec, prelude::*, sample::Index, test_runner::Config};

    /// How many inputs every parser sees.
    pub(crate) fn cases() -> Config {
        Config { cases: 10_000, failure_persistence: None, ..Config::default() }
    }

    /// Half arbitrary bytes, half `valid` with some bytes replaced, inserted or cut off.
    pub(crate) fn inputs(valid: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
        let edits = vec((any::<Index>(), any::<u8>(), 0..4u8), 1..12);
        let mutated = (edits, any::<Option<Index>>()).prop_map(move |(edits, cut)| {
            let mut bytes = valid.clone();
            for (place, byte, kind) in edits {
                let place = place.index(bytes.len().max(1)).min(bytes.len());
                match kind {
                    0 if place < bytes.len() => drop(bytes.remove(place)),
                    1 => bytes.insert(place, byte),
                    2 if place < bytes.len() => bytes[place] ^= 1 << (byte % 8),
                    _ if place < bytes.len() => bytes[place] = byte,
                    _ => {}
                }
            }
            if let Some(cut) = cut.filter(|_| !bytes.is_empty()) {
                let keep = cut.index(bytes.len());
                // Cut in one case of four: the others keep their end.
                if keep % 4 == 0 {
                    bytes.truncate(keep);
                }
            }
            bytes
        });
        prop_oneof![vec(any::<u8>(), 0..600), mutated]
    }
}
