//! RIFF WAVE recordings, as the speech data sets have them: one channel of 16-bit PCM.
//!
//! Source: IBM and Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", 1991, and Microsoft's
//! `WAVEFORMATEXTENSIBLE`. Chunks may come in any order; those that are neither `fmt ` nor `data` are passed over.

use crate::formats::error::{FormatError, FormatFault};

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wav {
    /// Samples per second.
    pub rate: u32,
    /// The samples, −32 768 to 32 767.
    pub samples: Vec<i16>,
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xfffe;
/// What follows the format's number in the identifier of an extensible format.
const EXTENSIBLE_REST: &[u8] = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71";
/// Sizes that programs write into the data chunk when they do not know the end yet: ffmpeg and GStreamer, sox, libsndfile,
/// arecord.
const UNKNOWN_SIZES: [u32; 4] = [0xffff_ffff, 0x7fff_f000, 0x7fff_ffff, 0x8000_0000];
/// Identifiers of chunks that stand in files of recordings.
const KNOWN: [&[u8; 4]; 11] =
    [b"data", b"fmt ", b"LIST", b"fact", b"bext", b"id3 ", b"ID3 ", b"cue ", b"smpl", b"JUNK", b"PAD "];
/// Chunks that are looked at to tell whether a chunk begins somewhere.
const MOST_AHEAD: usize = 16;

/// Reads a recording. Takes at most as much memory as `bytes`, whatever its header promises.
///
/// A chunk of odd size is followed by a byte of padding; files that leave it out are read, too. A data chunk of size 0 with
/// samples behind it, or of a size that stands for "not known", goes to the end of the file: it was written to a pipe.
///
/// # Errors
/// Bytes that are no WAVE file; several channels or another sample format than 16-bit integers; two data chunks, or one
/// that ends early.
pub fn parse(bytes: &[u8]) -> Result<Wav, FormatError> {
    let refused = |fault, message: String| {
        FormatError::new(fault, "header", format!("this is not a WAVE file that can be read: {message}"))
    };
    match (bytes.get(..4), bytes.get(8..12)) {
        (Some(b"RIFF"), Some(b"WAVE")) => {}
        (Some(kind @ (b"RIFX" | b"RF64" | b"BW64")), _) => {
            return Err(refused(
                FormatFault::Unsupported,
                format!("it has the form {}, and RIFF is expected", String::from_utf8_lossy(kind)),
            ));
        }
        _ => return Err(refused(FormatFault::Foreign, "it does not begin with RIFF and WAVE".to_owned())),
    }
    let mut format: Option<Format> = None;
    let mut data: Option<(usize, u32)> = None;
    let mut at = 12;
    while let Some(chunk) = Chunk::at(bytes, at) {
        match &chunk.id {
            b"fmt " if format.is_none() => format = Some(Format::parse(chunk.content(bytes))?),
            b"data" if data.is_some() => return Err(FormatError::structure("data chunk", "there is a second one")),
            b"data" => {
                data = Some((chunk.start, chunk.size));
                if chunk.is_streamed(bytes) {
                    data = Some((chunk.start, (bytes.len() - chunk.start) as u32));
                    break;
                }
            }
            _ => {}
        }
        at = chunk.next(bytes);
    }
    let format = format.ok_or_else(|| refused(FormatFault::Structure, "there is no chunk `fmt `".to_owned()))?;
    let (start, size) = data.ok_or_else(|| refused(FormatFault::Structure, "there is no chunk `data`".to_owned()))?;
    let announced = size as usize;
    if announced > bytes.len() {
        return Err(FormatError::truncated(
            "data chunk",
            format!("{} samples are announced, and the whole file has {} bytes", announced / 2, bytes.len()),
        ));
    }
    let held = &bytes[start..bytes.len().min(start + announced)];
    if held.len() < announced || !announced.is_multiple_of(2) {
        return Err(FormatError::truncated(
            format!("sample {}", held.len() / 2),
            "cannot be read: the file or its chunk ends here",
        ));
    }
    Ok(Wav {
        rate: format.rate,
        samples: held.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect(),
    })
}

/// A chunk's header.
struct Chunk {
    id: [u8; 4],
    size: u32,
    /// Where its content begins.
    start: usize,
}

impl Chunk {
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let head: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        let [a, b, c, d, size @ ..] = head;
        Some(Self { id: [a, b, c, d], size: u32::from_le_bytes(size), start: at + 8 })
    }

    fn content<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start..bytes.len().min(self.end())]
    }

    fn end(&self) -> usize {
        self.start.saturating_add(self.size as usize)
    }

    /// Whether an identifier stands at `at`: four letters, digits or spaces.
    fn named(bytes: &[u8], at: usize) -> bool {
        let id = bytes.get(at..at.saturating_add(4));
        id.is_some_and(|id| id.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b' '))
    }

    /// Where the next chunk begins.
    fn next(&self, bytes: &[u8]) -> usize {
        let end = self.end();
        let padded = end.saturating_add(1);
        // Some programs forget the padding. A name alone does not tell: behind `data`, without its first letter, the low byte
        // of a size may be a letter, too. So what decides is where each reading leads; if to chunks both, it is padded.
        let forgotten = || Self::leads(bytes, end) && !Self::leads(bytes, padded);
        if self.size.is_multiple_of(2) || forgotten() { end } else { padded }
    }

    /// Whether chunks stand from `at` to one that is known, or to the end of the file.
    fn leads(bytes: &[u8], mut at: usize) -> bool {
        for _ in 0..MOST_AHEAD {
            if at == bytes.len() {
                return true;
            }
            let Some(chunk) = Self::at(bytes, at).filter(|_| Self::named(bytes, at)) else { return false };
            if KNOWN.contains(&&chunk.id) {
                return true;
            }
            if chunk.end() > bytes.len() {
                return false;
            }
            let (end, odd) = (chunk.end(), !chunk.size.is_multiple_of(2));
            at = if odd && !Self::named(bytes, end) { end.saturating_add(1).min(bytes.len()) } else { end };
        }
        true
    }

    /// Whether this data chunk goes to the end of the file, whatever its size says.
    fn is_streamed(&self, bytes: &[u8]) -> bool {
        let rest = bytes.len() - self.start;
        match self.size {
            // An empty recording may be followed by other chunks.
            0 => rest > 0 && !Self::follow(bytes, self.start),
            size => UNKNOWN_SIZES.contains(&size) && size as usize > rest,
        }
    }

    /// Whether there are chunks from `at` to the end of the file.
    fn follow(bytes: &[u8], mut at: usize) -> bool {
        while at < bytes.len() {
            match Self::at(bytes, at) {
                Some(chunk) if Self::named(bytes, at) && chunk.end() <= bytes.len() => at = chunk.next(bytes),
                _ => return false,
            }
        }
        true
    }
}

/// What the format chunk says that matters here.
struct Format {
    rate: u32,
}

impl Format {
    /// Of one channel and 16-bit integers, or an error.
    fn parse(chunk: &[u8]) -> Result<Self, FormatError> {
        let refused = |message: String| FormatError::unsupported("header", message);
        let word = |at: usize| chunk.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
        let (Some(kind), Some(channels), Some(low), Some(high), Some(block), Some(bits)) =
            (word(0), word(2), word(4), word(6), word(12), word(14))
        else {
            return Err(FormatError::truncated(
                "header",
                format!("the chunk `fmt ` has {} bytes, at least 16 are needed", chunk.len()),
            ));
        };
        let kind = match (kind, word(24)) {
            (EXTENSIBLE, Some(inner)) if chunk.get(26..40) == Some(EXTENSIBLE_REST) => inner,
            (kind, _) => kind,
        };
        if channels != 1 {
            return Err(refused(format!("{channels} channels, where one is expected")));
        }
        if kind != PCM || bits != 16 {
            let kind = match kind {
                PCM => "Int".to_owned(),
                FLOAT => "Float".to_owned(),
                other => format!("format {other}"),
            };
            return Err(refused(format!("{bits}-bit {kind} samples, where 16-bit integers are expected")));
        }
        if block != 2 {
            return Err(refused(format!("{block} bytes per sample, where two are expected")));
        }
        Ok(Self { rate: u32::from(low) | u32::from(high) << 16 })
    }
}

/// A recording that [`parse`] reads.
pub(crate) fn write(rate: u32, samples: &[i16]) -> Vec<u8> {
    let size = 2 * samples.len() as u32;
    let mut bytes = [b"RIFF".as_slice(), &(36 + size).to_le_bytes(), b"WAVEfmt \x10\0\0\0\x01\0\x01\0"].concat();
    bytes.extend(rate.to_le_bytes());
    bytes.extend((2 * rate).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(size.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
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

    const SAMPLES: [i16; 5] = [0, 399, -1, i16::MAX, i16::MIN];

    /// A file of `chunks`, in that order.
    fn file(chunks: &[(&[u8; 4], Vec<u8>)], padded: bool) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVE".to_vec();
        for (id, content) in chunks {
            bytes.extend(*id);
            bytes.extend((content.len() as u32).to_le_bytes());
            bytes.extend(content);
            if padded && !content.len().is_multiple_of(2) {
                bytes.push(0);
            }
        }
        bytes
    }

    fn format() -> Vec<u8> {
        header(1, 16, 1, 0)[20..36].to_vec()
    }

    fn data() -> Vec<u8> {
        SAMPLES.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    #[test]
    fn samples_are_little_endian_and_the_rate_is_kept() {
        let mut bytes = header(1, 16, 1, 6);
        bytes.extend([0x01, 0x00, 0xff, 0xff, 0x00, 0x80]);
        assert_eq!(parse(&bytes).unwrap(), Wav { rate: 16_000, samples: vec![1, -1, i16::MIN] });
        assert_eq!(parse(&write(8_000, &[3, -4])).unwrap(), Wav { rate: 8_000, samples: vec![3, -4] });
    }

    #[test]
    fn other_chunks_are_passed_over_with_their_padding_or_without() {
        let odd = || (b"LIST", b"INFOISFT\x0d\0\0\0a program 1.0".to_vec());
        assert_eq!(odd().1.len() % 2, 1);
        let even = || (b"fact", vec![5, 0, 0, 0]);
        let orders = [
            vec![(b"fmt ", format()), odd(), (b"data", data())],
            vec![odd(), (b"fmt ", format()), odd(), even(), (b"data", data()), odd()],
            vec![(b"data", data()), (b"fmt ", format())],
            vec![(b"fmt ", [format(), vec![0, 0]].concat()), (b"data", data()), even()],
            vec![(b"fmt ", [format(), vec![0]].concat()), (b"data", data())],
        ];
        for chunks in &orders {
            for padded in [true, false] {
                let wav = parse(&file(chunks, padded)).unwrap();
                assert_eq!((wav.rate, wav.samples.as_slice()), (16_000, &SAMPLES[..]), "{chunks:?} {padded}");
            }
        }
        // An empty recording, alone and with something behind it.
        assert!(parse(&file(&[(b"fmt ", format()), (b"data", vec![])], true)).unwrap().samples.is_empty());
        assert!(parse(&file(&[(b"fmt ", format()), (b"data", vec![]), odd()], true)).unwrap().samples.is_empty());
    }

    #[test]
    fn forgotten_padding_is_told_from_padding_whatever_the_next_size_is() {
        for low in 0..=255u8 {
            for last in [0, b'a', 0xff] {
                for padded in [true, false] {
                    let odd = |id: &'static [u8; 4]| (id, [vec![last; 12], vec![last]].concat());
                    let samples = vec![0; 0x300 + usize::from(low / 2 * 2)];
                    let other = vec![7; 0x300 + usize::from(low)];
                    for (chunks, what) in [
                        (vec![(b"fmt ", format()), odd(b"LIST"), (b"data", samples.clone())], "data"),
                        (
                            vec![
                                (b"fmt ", format()),
                                odd(b"abcd"),
                                (b"efgh", other.clone()),
                                odd(b"ijkl"),
                                (b"data", samples.clone()),
                            ],
                            "unknown ones",
                        ),
                    ] {
                        let wav = parse(&file(&chunks, padded));
                        let found = wav.map(|wav| wav.samples.len()).map_err(|error| error.to_string());
                        assert_eq!(found, Ok(samples.len() / 2), "{what} {low:#x} {last} {padded}");
                    }
                }
            }
        }
    }

    #[test]
    fn extensible_headers_say_what_they_hold() {
        let extensible = |kind: u16, bits: u16| {
            let mut format = format();
            format[..2].copy_from_slice(&EXTENSIBLE.to_le_bytes());
            format.extend(22u16.to_le_bytes());
            format.extend(bits.to_le_bytes());
            format.extend(4u32.to_le_bytes());
            format.extend(kind.to_le_bytes());
            format.extend(EXTENSIBLE_REST);
            file(&[(b"fmt ", format), (b"data", data())], true)
        };
        assert_eq!(parse(&extensible(PCM, 16)).unwrap().samples, SAMPLES);
        assert_eq!(parse(&extensible(FLOAT, 16)).unwrap_err().place, "header");
        let mut other = extensible(PCM, 16);
        let at = other.len() - data().len() - 8 - 1;
        other[at] ^= 1;
        assert_eq!(parse(&other).unwrap_err().place, "header");
    }

    #[test]
    fn recordings_that_were_written_to_a_pipe_go_to_their_end() {
        for size in [0, 0xffff_ffff, 0x7fff_f000, 0x7fff_ffff, 0x8000_0000] {
            let bytes = [header(1, 16, 1, size), data()].concat();
            assert_eq!(parse(&bytes).unwrap().samples, SAMPLES, "{size:x}");
            let error = parse(&[bytes, vec![1]].concat()).unwrap_err();
            assert_eq!(error.place, "sample 5", "half a sample at the end");
        }
    }

    fn refused(bytes: &[u8]) -> (FormatFault, String) {
        parse(bytes).map_err(|error| (error.fault, error.place)).unwrap_err()
    }

    #[test]
    fn what_is_not_one_channel_of_16_bits_is_refused() {
        let recording = |kind: &[u8]| [kind, &header(1, 16, 1, 2)[4..], &[0; 2]].concat();
        assert!(parse(&recording(b"RIFF")).is_ok());
        for (bytes, fault) in [
            ([header(2, 16, 1, 4), vec![0; 4]].concat(), FormatFault::Unsupported),
            ([header(1, 8, 1, 2), vec![0; 2]].concat(), FormatFault::Unsupported),
            ([header(1, 24, 1, 3), vec![0; 3]].concat(), FormatFault::Unsupported),
            ([header(1, 32, 3, 4), vec![0; 4]].concat(), FormatFault::Unsupported),
            (b"ID3 not a wave".to_vec(), FormatFault::Foreign),
            (recording(b"RIFX"), FormatFault::Unsupported),
            (recording(b"RF64"), FormatFault::Unsupported),
            (file(&[(b"fmt ", format())], true), FormatFault::Structure),
            (file(&[(b"data", data())], true), FormatFault::Structure),
            (file(&[(b"fmt ", vec![1, 0]), (b"data", data())], true), FormatFault::Truncated),
        ] {
            assert_eq!(refused(&bytes), (fault, "header".to_owned()));
        }
        let twice = [(b"fmt ", format()), (b"data", data()), (b"data", data())];
        assert_eq!(refused(&file(&twice, true)), (FormatFault::Structure, "data chunk".to_owned()));
    }

    #[test]
    fn a_recording_that_ends_early_is_refused() {
        let truncated = |header: Vec<u8>, rest: usize, place: &str| {
            assert_eq!(refused(&[header, vec![0; rest]].concat()), (FormatFault::Truncated, place.to_owned()));
        };
        truncated(header(1, 16, 1, 8), 5, "sample 2");
        truncated(header(1, 16, 1, 0xffff_fff0), 8, "data chunk");
        truncated(header(1, 16, 1, 3), 4, "sample 1");
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
