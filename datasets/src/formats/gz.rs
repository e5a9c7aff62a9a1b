//! Single files packed by gzip.

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// Why a file does not unpack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GzError {
    /// Not gzip, cut off, or with a wrong sum.
    #[error("the file does not unpack: {0}")]
    Damaged(String),
    /// It unpacks to more than the caller allows.
    #[error("the file unpacks to more than {0} bytes")]
    TooLarge(u64),
}

/// Unpacks a gzip file to at most `most` bytes. Takes no more memory than twice that, nor than 2 100 times the input (gzip
/// packs no denser than 1 : 1 032).
///
/// # Errors
/// A damaged stream, or one that is longer than `most`.
pub fn unpack(bytes: &[u8], most: u64) -> Result<Vec<u8>, GzError> {
    let mut values = Vec::new();
    let mut reader = MultiGzDecoder::new(bytes).take(most.saturating_add(1));
    reader.read_to_end(&mut values).map_err(|error| GzError::Damaged(error.to_string()))?;
    if values.len() as u64 > most { Err(GzError::TooLarge(most)) } else { Ok(values) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn files_unpack_up_to_their_bound() {
        let bytes = packed(&[7; 5_000]);
        assert_eq!(unpack(&bytes, 5_000).unwrap(), [7; 5_000]);
        assert_eq!(unpack(&bytes, 4_999), Err(GzError::TooLarge(4_999)));
        assert_eq!(
            unpack(&[bytes.clone(), bytes].concat(), 10_000).unwrap().len(),
            10_000,
            "members follow each other"
        );
    }

    #[test]
    fn every_cut_and_a_wrong_sum_are_refused() {
        let bytes = packed(b"some text, some text");
        for cut in 1..bytes.len() {
            assert!(matches!(unpack(&bytes[..cut], 100), Err(GzError::Damaged(_))), "{cut}");
        }
        let mut wrong = bytes.clone();
        let sum = bytes.len() - 8;
        wrong[sum] ^= 1;
        assert!(matches!(unpack(&wrong, 100), Err(GzError::Damaged(_))));
    }
}
