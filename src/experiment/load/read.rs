//! The text of an experiment file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::experiment::{ExperimentError, Mistake};

/// Largest file that is read; the longest recipe has a few kilobytes.
const MAX_BYTES: u64 = 4 << 20;

/// The text of the file at `path`.
///
/// # Errors
/// It cannot be read, is too large, or no text; the message names it.
pub(super) fn read(path: &Path) -> Result<String, ExperimentError> {
    let name = path.display();
    let refuse = |kind, message| ExperimentError { kind, message };
    let mut bytes = Vec::new();
    // Pipes and devices have no size of their own.
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| refuse(Mistake::Unreadable, format!("cannot read experiment file `{name}`: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("`{name}` is no experiment file: it has more than {MAX_BYTES} bytes");
        return Err(refuse(Mistake::TooLarge, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let column = good.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
        refuse(Mistake::NotUtf8, format!("{name}:{line}:{column}: not UTF-8 text; save the file as UTF-8"))
    })
}
