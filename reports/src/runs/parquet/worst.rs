//! What a tested network has most wrong, with the input as people look at it: `worst.json`.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vocabulary::record::{SCHEMA, SampleOutcome, WorstError, WorstErrors};

use crate::error::ReportError;
use crate::files::write_atomically;
use crate::runs::read_json;

/// The file in the folder of a run.
const FILE: &str = "worst.json";
/// Most errors of a file that are read.
const MOST: usize = 16;
/// Longest text of an input, in characters: two thirds from its beginning, one from its end.
const LONGEST_TEXT: usize = 300;
/// Largest picture of an input, in bytes and in pixels along a side; a larger one is not kept.
const LARGEST_PICTURE: (usize, u32) = (24 << 10, 1_000);

/// What a network was given to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorInput {
    /// A text per part of a pair.
    Texts(Vec<String>),
    /// A small picture, as a PNG file.
    Picture(Vec<u8>),
}

/// Write `worst.json` into the folder of a run: errors with their places in the test split and inputs, the worst first. Long
/// texts are shortened, pictures of more than 24 KiB or 1 000 pixels along a side left out.
///
/// # Errors
/// The file cannot be written.
pub fn write_worst(folder: &Path, errors: Vec<(usize, SampleOutcome, ErrorInput)>) -> Result<(), ReportError> {
    let path = folder.join(FILE);
    let error = |(position, outcome, input): (usize, SampleOutcome, ErrorInput)| {
        let (texts, picture) = match input {
            ErrorInput::Texts(texts) => (texts.iter().map(|text| shortened(text)).collect(), None),
            ErrorInput::Picture(bytes) => (Vec::new(), is_small_png(&bytes).then(|| STANDARD.encode(bytes))),
        };
        let SampleOutcome { label, prediction, loss } = outcome;
        WorstError {
            position: position as u64,
            label,
            prediction,
            loss: loss.is_finite().then_some(loss),
            texts,
            picture,
        }
    };
    let record = WorstErrors { schema: SCHEMA, errors: errors.into_iter().map(error).collect() };
    let bytes = serde_json::to_vec(&record).map_err(|error| ReportError::Frame(error.to_string()))?;
    write_atomically(&path, &bytes)
}

/// The worst errors of the run in `folder`; none where there is no such file. Pictures that are none are left out.
///
/// # Errors
/// The file is damaged, or newer than this program.
pub(crate) fn read_worst(folder: &Path) -> Result<Vec<WorstError>, ReportError> {
    let path = folder.join(FILE);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let mut errors = read_json::<WorstErrors>(&path)?.errors;
    errors.truncate(MOST);
    for error in &mut errors {
        error.texts.iter_mut().for_each(|text| *text = shortened(text));
        let small = |text: &String| STANDARD.decode(text).is_ok_and(|bytes| is_small_png(&bytes));
        error.picture = error.picture.take().filter(small);
    }
    Ok(errors)
}

/// `text` without its middle where it is long, and with signs for what cannot be printed.
fn shortened(text: &str) -> String {
    let printed = |c: char| if c.is_control() { '␣' } else { c };
    let characters: Vec<char> = text.chars().map(printed).collect();
    if characters.len() <= LONGEST_TEXT {
        return characters.into_iter().collect();
    }
    let (head, tail) = (2 * LONGEST_TEXT / 3, LONGEST_TEXT / 3 - 3);
    let end = &characters[characters.len() - tail..];
    characters[..head].iter().chain(&[' ', '…', ' ']).chain(end).collect()
}

/// Whether `bytes` begin as a PNG file of allowed size does.
fn is_small_png(bytes: &[u8]) -> bool {
    let (most, side) = LARGEST_PICTURE;
    let fits = |about: &png::Info<'_>| about.width <= side && about.height <= side;
    bytes.len() <= most && png::Decoder::new(bytes).read_info().is_ok_and(|reader| fits(reader.info()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn png(side: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side, 1);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&vec![7; side as usize]).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn errors_come_back_bounded() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_worst(folder.path()).unwrap().is_empty());
        let outcome = |loss| SampleOutcome { label: 1, prediction: 0, loss };
        let errors = vec![
            (7, outcome(f32::INFINITY), ErrorInput::Texts(vec!["a\u{1b}[31m".to_owned(), "é".repeat(5_000)])),
            (0, outcome(2.5), ErrorInput::Picture(png(9))),
            (1, outcome(2.0), ErrorInput::Picture(png(1_001))),
            (2, outcome(1.0), ErrorInput::Picture(b"<svg onload=x>".to_vec())),
        ];
        write_worst(folder.path(), errors).unwrap();
        let found = read_worst(folder.path()).unwrap();
        assert_eq!((found.len(), found[0].position, found[0].loss, found[1].loss), (4, 7, None, Some(2.5)));
        assert_eq!(found[0].texts[0], "a␣[31m");
        assert_eq!(found[0].texts[1].chars().count(), LONGEST_TEXT);
        let drawn: Vec<bool> = found.iter().map(|error| error.picture.is_some()).collect();
        assert_eq!(drawn, [false, true, false, false]);

        // What somebody else has put there.
        let path = folder.path().join(FILE);
        let text =
            std::fs::read_to_string(&path).unwrap().replace(found[1].picture.as_deref().unwrap(), "\\\" onerror");
        std::fs::write(&path, text).unwrap();
        assert!(read_worst(folder.path()).unwrap().iter().all(|error| error.picture.is_none()));
        std::fs::write(&path, "{\"schema\": 99, \"errors\": []}").unwrap();
        assert!(matches!(read_worst(folder.path()), Err(ReportError::NewerSchema { .. })));
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(read_worst(folder.path()), Err(ReportError::Parse { .. })));
    }
}
