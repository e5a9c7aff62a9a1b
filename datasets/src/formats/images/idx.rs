//! The idx format of the MNIST files: `0 0 type rank`, one big-endian `u32` per dimension, then the values.

use crate::formats::archives::gz::{self, GzError};

/// Unsigned bytes with their shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idx {
    /// One size per dimension, outermost first.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub values: Vec<u8>,
}

/// Bytes that are no idx file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdxError {
    /// The compressed file is damaged, or larger than any of this project.
    #[error(transparent)]
    Packing(#[from] GzError),
    /// Shorter than its own header says.
    #[error("the header needs {expected} bytes, the file has {found}")]
    Header {
        /// Bytes the header needs.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// Another format.
    #[error("the file begins with {0:02x?}; an idx file of bytes begins with 00 00 08 and its rank, 1 to 4")]
    Magic([u8; 4]),
    /// A shape whose product is not the number of values.
    #[error("shape {shape:?} does not fit {found} values")]
    Shape {
        /// Shape in the header.
        shape: Vec<usize>,
        /// Values after the header.
        found: usize,
    },
}

const MOST_BYTES: u64 = 1 << 30;
const UNSIGNED_BYTE: u8 = 8;

/// Unpacks a gzip stream, up to 1 GiB.
///
/// # Errors
/// A damaged or endless stream.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, IdxError> {
    Ok(gz::unpack(bytes, MOST_BYTES)?)
}

/// Reads an unpacked idx file of unsigned bytes. Takes at most as much memory as `bytes`, and 64 bytes.
///
/// # Errors
/// Another format, or a shape that does not fit the number of values.
pub fn parse(bytes: &[u8]) -> Result<Idx, IdxError> {
    let magic: [u8; 4] = bytes.first_chunk().copied().ok_or(IdxError::Header { expected: 4, found: bytes.len() })?;
    let rank = usize::from(magic[3]);
    if magic[..3] != [0, 0, UNSIGNED_BYTE] || !(1..=4).contains(&rank) {
        return Err(IdxError::Magic(magic));
    }
    let start = 4 + 4 * rank;
    let header = bytes.get(4..start).ok_or(IdxError::Header { expected: start, found: bytes.len() })?;
    let shape: Vec<usize> =
        header.chunks_exact(4).map(|size| u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize).collect();
    let values = &bytes[start..];
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    if count != Some(values.len()) {
        return Err(IdxError::Shape { shape, found: values.len() });
    }
    Ok(Idx { shape, values: values.to_vec() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn shapes_are_big_endian() {
        let bytes = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        let idx = parse(&unpack(&packed(&bytes)).unwrap()).unwrap();
        assert_eq!(idx, Idx { shape: vec![2, 3], values: vec![1, 2, 3, 4, 5, 6] });
    }

    #[test]
    fn every_cut_is_refused() {
        let bytes = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        for cut in 0..bytes.len() {
            assert!(parse(&bytes[..cut]).is_err(), "{cut}");
        }
        let packed = packed(&bytes);
        for cut in 0..packed.len() {
            assert!(unpack(&packed[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn other_types_and_overflowing_shapes_are_refused() {
        assert_eq!(parse(&[0, 0, 13, 1, 0, 0, 0, 0]), Err(IdxError::Magic([0, 0, 13, 1])));
        let mut huge = vec![0, 0, 8, 4];
        huge.extend([0xff; 16]);
        assert!(matches!(parse(&huge), Err(IdxError::Shape { .. })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), rank in 0u8..6) {
            let _ = unpack(&bytes);
            let _ = parse(&bytes);
            let mut likely = vec![0, 0, 8, rank];
            likely.extend(bytes);
            if let Ok(idx) = parse(&likely) {
                prop_assert_eq!(idx.shape.iter().product::<usize>(), idx.values.len());
            }
        }
    }
}
