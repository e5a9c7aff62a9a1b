//! RIFF WAVE recordings, as the speech data sets have them: one channel of 16-bit PCM.

use std::io::Cursor;

use hound::{SampleFormat, WavReader};

use super::FormatError;

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wav {
    /// Samples per second.
    pub rate: u32,
    /// The samples, −32 768 to 32 767.
    pub samples: Vec<i16>,
}

/// Reads a recording. Takes at most as much memory as `bytes`, whatever its header promises.
///
/// # Errors
/// Bytes that are no WAVE file; several channels or another sample format than 16-bit integers; a data chunk that ends
/// early.
pub fn parse(bytes: &[u8]) -> Result<Wav, FormatError> {
    let mut reader = WavReader::new(Cursor::new(bytes))
        .map_err(|error| FormatError::new("header", format!("this is not a WAVE file that can be read: {error}")))?;
    let spec = reader.spec();
    if spec.channels != 1 {
        return Err(FormatError::new("header", format!("{} channels, where one is expected", spec.channels)));
    }
    if spec.sample_format != SampleFormat::Int || spec.bits_per_sample != 16 {
        return Err(FormatError::new(
            "header",
            format!(
                "{}-bit {:?} samples, where 16-bit integers are expected",
                spec.bits_per_sample, spec.sample_format
            ),
        ));
    }
    let promised = reader.len() as usize;
    if promised > bytes.len() / 2 {
        return Err(FormatError::new(
            "data chunk",
            format!("{promised} samples are announced, and the whole file has {} bytes", bytes.len()),
        ));
    }
    let mut samples = Vec::with_capacity(promised);
    for sample in reader.samples::<i16>() {
        let sample = sample.map_err(|error| {
            FormatError::new(format!("sample {}", samples.len()), format!("cannot be read: {error}"))
        })?;
        samples.push(sample);
    }
    Ok(Wav { rate: spec.sample_rate, samples })
}

/// Writes a recording that [`parse`] reads; for tests.
#[cfg(test)]
pub(crate) fn write(rate: u32, samples: &[i16]) -> Vec<u8> {
    #![allow(clippy::unwrap_used)]
    let spec = hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for &sample in samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::formats::hostile;

    fn header(channels: u16, bits: u16, format: u16, data: u32) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        let block = channels * bits / 8;
        bytes.extend(format.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(16_000u32.to_le_bytes());
        bytes.extend((16_000 * u32::from(block)).to_le_bytes());
        bytes.extend(block.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend(data.to_le_bytes());
        bytes
    }

    #[test]
    fn samples_are_little_endian_and_the_rate_is_kept() {
        let mut bytes = header(1, 16, 1, 6);
        bytes.extend([0x01, 0x00, 0xff, 0xff, 0x00, 0x80]);
        assert_eq!(parse(&bytes).unwrap(), Wav { rate: 16_000, samples: vec![1, -1, i16::MIN] });
        assert_eq!(parse(&write(8_000, &[3, -4])).unwrap(), Wav { rate: 8_000, samples: vec![3, -4] });
    }

    #[test]
    fn what_is_not_one_channel_of_16_bits_is_refused() {
        let error = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        assert!(error(&[header(2, 16, 1, 4), vec![0; 4]].concat()).contains("2 channels"));
        assert!(error(&[header(1, 8, 1, 2), vec![0; 2]].concat()).contains("8-bit"));
        assert!(error(&[header(1, 32, 3, 4), vec![0; 4]].concat()).contains("32-bit Float"));
        assert!(error(b"ID3 not a wave").contains("not a WAVE file"));
    }

    #[test]
    fn a_recording_that_ends_early_is_refused() {
        let error = parse(&[header(1, 16, 1, 8), vec![0; 5]].concat()).unwrap_err();
        assert_eq!(error.place, "sample 2");
        let error = parse(&[header(1, 16, 1, 0xffff_fff0), vec![0; 8]].concat()).unwrap_err();
        assert_eq!(error.place, "data chunk");
    }

    proptest! {
        #![proptest_config(hostile::cases())]
        #[test]
        fn no_input_does_harm(bytes in hostile::inputs(write(8_000, &[0, 1, -1, 300, -300, 32_767, -32_768, 5]))) {
            if let Ok(wav) = parse(&bytes) {
                prop_assert!(wav.samples.capacity() <= bytes.len());
            }
        }
    }
}
