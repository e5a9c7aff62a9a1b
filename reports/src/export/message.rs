//! Protocol buffers, written field by field: few of the fields of other programs are written here.

use protobuf::{CodedOutputStream, Result};

/// The message with the fields that `fields` writes.
///
/// # Errors
/// A field is longer than a message may be.
pub(super) fn message(fields: impl FnOnce(&mut CodedOutputStream<'_>) -> Result<()>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut out = CodedOutputStream::vec(&mut bytes);
    fields(&mut out)?;
    out.flush()?;
    drop(out);
    Ok(bytes)
}
