//! Stored sequences of tokens, and batches of them.

use crate::library::{DataError, SampleStore};
use crate::task::{Batch, Inputs, Positions, Targets};
use crate::text::token_form::{Padding, Tokens};
use vocabulary::Split;

/// How stored sequences are laid out in a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenLayout {
    /// Length after padding.
    pub(crate) length: usize,
    /// What is added to a stored byte to make an id.
    pub(crate) offset: i32,
    /// Id that follows the last token.
    pub(crate) end: Option<i32>,
    /// Side that is filled up.
    pub(crate) padding: Padding,
    /// Form of the ids.
    pub(crate) tokens: Tokens,
    /// Sequences per sample: 2 for pairs.
    pub(crate) rows: usize,
}

impl TokenLayout {
    /// The layout as content hashes know it.
    pub(crate) fn hashed(&self) -> String {
        let Self { length, offset, end, padding, tokens, rows } = self;
        format!(
            "Layout {{ length: {length}, offset: {offset}, end: {end:?}, padding: {padding:?}, tokens: {tokens:?}, \
             rows: {rows} }}"
        )
    }

    /// What the positions are.
    pub(crate) fn positions(&self) -> Positions {
        Positions::Ids { padded_left: self.padding == Padding::Left }
    }

    /// Tokens of each sequence, the end token not counted.
    pub(crate) fn kept(&self) -> usize {
        self.length - usize::from(self.end.is_some())
    }
}

/// Bytes before the tokens of a stored sequence: their number, little endian.
pub(crate) const COUNT_BYTES: usize = 4;

/// Writes a sequence into its place of a stored sample: the number of tokens, then the tokens, as many as fit.
pub(crate) fn store_sequence(record: &mut [u8], tokens: impl IntoIterator<Item = u8>) {
    let (count, places) = record.split_at_mut(COUNT_BYTES);
    let mut stored = 0u32;
    for (place, token) in places.iter_mut().zip(tokens) {
        *place = token;
        stored += 1;
    }
    count.copy_from_slice(&stored.to_le_bytes());
}

/// The tokens of a stored sequence.
pub(crate) fn stored_sequence(record: &[u8]) -> &[u8] {
    let (count, places) = record.split_at(COUNT_BYTES.min(record.len()));
    let count = count.try_into().map_or(0, u32::from_le_bytes) as usize;
    &places[..count.min(places.len())]
}

/// A batch of stored sequences. The first byte of a label is the class.
pub(crate) fn batch(
    store: &SampleStore,
    split: Split,
    positions: &[usize],
    layout: &TokenLayout,
) -> Result<Batch, DataError> {
    let length = layout.length;
    let mut ids = vec![0; positions.len() * layout.rows * length];
    let mut lengths = vec![0; positions.len() * layout.rows];
    let mut labels = vec![0; positions.len()];
    store.visit(split, positions, |slot, input, label| {
        labels[slot] = label.first().map_or(0, |&class| i32::from(class));
        for (part, record) in input.chunks_exact(input.len() / layout.rows).enumerate() {
            let row = slot * layout.rows + part;
            let tokens = stored_sequence(record);
            let tokens = &tokens[..tokens.len().min(layout.kept())];
            let valid = tokens.len() + usize::from(layout.end.is_some());
            let start = match layout.padding {
                Padding::Left => length - valid,
                Padding::Right => 0,
            };
            let places = &mut ids[row * length + start..][..valid];
            for (place, &token) in places.iter_mut().zip(tokens) {
                *place = i32::from(token) + layout.offset;
            }
            if let (Some(end), Some(last)) = (layout.end, places.last_mut()) {
                *last = end;
            }
            lengths[row] = valid;
        }
    })?;
    let inputs = match layout.tokens {
        Tokens::Embed => Inputs::Tokens(ids),
        Tokens::Scalar => Inputs::Values(ids.into_iter().map(|id| id as f32).collect()),
    };
    Ok(Batch {
        size: positions.len(),
        inputs,
        targets: Targets::Labels(labels),
        lengths: (layout.padding == Padding::Right).then_some(lengths),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_stored_cut_and_read_back() {
        let mut record = [9; 8];
        store_sequence(&mut record, [5, 6]);
        assert_eq!(stored_sequence(&record), [5, 6]);
        store_sequence(&mut record, 0..200);
        assert_eq!(stored_sequence(&record), [0, 1, 2, 3]);
        record[..4].fill(255);
        assert_eq!(stored_sequence(&record).len(), 4, "a damaged count cannot reach beyond the record");
    }
}
