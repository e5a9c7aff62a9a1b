//! Files packed by gzip.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Unpacks what may be several members behind each other. Zeros and line feeds between and behind members are padding, as
/// `tar` writes it to pipes and tapes; `gzip` and GNU tar pass over zeros, too. Anything else there is an error.
pub struct Members<R> {
    /// None while members change hands.
    decoder: Option<GzDecoder<R>>,
    ended: bool,
}

impl<R: BufRead> Members<R> {
    /// Reads from `packed`.
    pub fn new(packed: R) -> Self {
        Self { decoder: Some(GzDecoder::new(packed)), ended: false }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            let Some(decoder) = &mut self.decoder else { break };
            match decoder.read(buffer)? {
                0 => {}
                count => return Ok(count),
            }
            match pad(decoder.get_mut())? {
                None => self.ended = true,
                Some(0x1f) => self.decoder = self.decoder.take().map(|done| GzDecoder::new(done.into_inner())),
                Some(byte) => {
                    let message =
                        format!("byte {byte:#04x} stands behind the packed data, where nothing or padding is expected");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
        }
        Ok(0)
    }
}

/// Passes over padding; the byte behind it, if there is one.
fn pad(packed: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let filled = packed.fill_buf()?;
        if filled.is_empty() {
            return Ok(None);
        }
        let padding = filled.iter().take_while(|byte| matches!(byte, 0 | b'\n' | b'\r')).count();
        let next = filled.get(padding).copied();
        packed.consume(padding);
        if next.is_some() {
            return Ok(next);
        }
    }
}

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
    let mut reader = Members::new(bytes).take(most.saturating_add(1));
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
    fn padding_behind_and_between_members_is_passed_over() {
        let (one, other) = (packed(b"some "), packed(b"text"));
        for padding in [&b""[..], b"\0", b"\n", b"\r\n", &[0; 100_000]] {
            let bytes = [one.as_slice(), padding, &other, padding].concat();
            assert_eq!(unpack(&bytes, 100).unwrap(), b"some text");
        }
        for garbage in [&b"x"[..], b"\0\0garbage", b"\x1f", b"\x1f\x8b"] {
            let bytes = [one.as_slice(), garbage].concat();
            assert!(matches!(unpack(&bytes, 100), Err(GzError::Damaged(_))), "{garbage:?}");
        }
        // Padding alone is no file.
        for bytes in [&b""[..], b"\0\0", b"\n"] {
            assert!(matches!(unpack(bytes, 100), Err(GzError::Damaged(_))), "{bytes:?}");
        }
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
