//! Recordings of sound in WAV files.

use crate::files::listing::{FoundFile, malformed, read};
use crate::formats::wav;
use crate::library::DataError;

/// The samples of a recording at `rate` samples per second.
pub(crate) fn samples(file: &FoundFile, rate: u32) -> Result<Vec<i16>, DataError> {
    let wav = wav::parse(&read(file)?)
        .map_err(|error| malformed(&file.path, format!("{error}; fetch the file again, or remove it")))?;
    if wav.rate != rate {
        let message = format!("{} samples per second, where {rate} are expected; remove the file", wav.rate);
        return Err(malformed(&file.path, message));
    }
    if wav.samples.is_empty() {
        return Err(malformed(&file.path, "the recording has no samples; fetch the file again, or remove it"));
    }
    Ok(wav.samples)
}

/// The note on recordings in which no sound is, by their names; they are used all the same.
pub(crate) fn silent_note<'a>(mut silent: impl Iterator<Item = &'a str>) -> Option<String> {
    let first = silent.next()?;
    Some(match silent.count() {
        0 => format!("1 recording is silent: {first}"),
        others => format!("{} recordings are silent, {first} first", others + 1),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;
    use crate::files::listing::list;

    #[test]
    fn silent_recordings_are_counted() {
        let note = |names: &[&str]| silent_note(names.iter().copied());
        assert_eq!(note(&[]), None);
        assert_eq!(note(&["a"]).unwrap(), "1 recording is silent: a");
        assert_eq!(note(&["a", "b", "c"]).unwrap(), "3 recordings are silent, a first");
    }

    #[test]
    fn another_rate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.wav"), wav::write(8_000, &[1, 2])).unwrap();
        let file = list(folder.path(), "", "wav").unwrap().remove(0);
        assert_eq!(samples(&file, 8_000).unwrap(), [1, 2]);
        assert!(samples(&file, 16_000).unwrap_err().is_malformed("a.wav", ""));
        fs::write(folder.path().join("b.wav"), wav::write(8_000, &[])).unwrap();
        let empty = list(folder.path(), "", "wav").unwrap().remove(1);
        assert!(samples(&empty, 8_000).unwrap_err().is_malformed("b.wav", ""));
    }
}
