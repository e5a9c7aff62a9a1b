//! Prepared texts.

use vocabulary::Split;

use crate::library::{DataError, SampleStore};
use crate::splits::SplitIndices;
use crate::task::{Batch, Dataset};
use crate::tasks::language::text::reviews::SET;
use crate::text::{TokenLayout, Vocabulary, batch, describe_vocabulary};

/// Prepared texts.
pub(super) struct Texts {
    pub(super) store: SampleStore,
    pub(super) indices: SplitIndices,
    /// Whether validation texts are training texts.
    pub(super) own_validation: bool,
    pub(super) layout: TokenLayout,
    pub(super) content_hash: String,
    pub(super) notes: Vec<String>,
    pub(super) vocabulary: Option<Vocabulary>,
}

impl Dataset for Texts {
    fn len(&self, split: Split) -> usize {
        self.indices.len(split)
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn describe(&self) -> Result<Vec<(String, String)>, DataError> {
        let mut ids = describe_vocabulary(self.vocabulary.as_ref());
        if let Some(vocabulary) = &self.vocabulary {
            ids.push_str(": ");
            ids.extend(vocabulary.characters().iter().flat_map(|c| c.escape_debug()));
        }
        let mut rows = vec![("vocabulary".to_owned(), ids)];
        let kept = self.layout.kept();
        for split in [Split::Train, Split::Test] {
            let positions: Vec<usize> = (0..self.store.len(split)).collect();
            let mut lengths = Vec::with_capacity(positions.len());
            let mut favourable = 0;
            self.store.visit(split, &positions, |_, _, label| {
                favourable += usize::from(label[0]);
                lengths.push(u32::from_le_bytes([label[1], label[2], label[3], label[4]]) as usize);
            })?;
            let unit = if self.vocabulary.is_some() { "characters" } else { "bytes" };
            rows.push((format!("{} texts", split.name()), describe_lengths(&mut lengths, kept, unit)));
            rows.push((format!("favourable {} texts", split.name()), favourable.to_string()));
        }
        Ok(rows)
    }

    fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
        let places = self.indices.find(SET, split, positions)?;
        let of_training = split == Split::Train || split == Split::Validation && self.own_validation;
        batch(&self.store, if of_training { Split::Train } else { Split::Test }, &places, &self.layout)
    }
}

/// Number, mean, quartiles and extremes of `lengths`, and how many exceed `kept`.
fn describe_lengths(lengths: &mut [usize], kept: usize, unit: &str) -> String {
    if lengths.is_empty() {
        return "none".to_owned();
    }
    lengths.sort_unstable();
    let count = lengths.len();
    let at = |share: f64| lengths[((count - 1) as f64 * share) as usize];
    let mean = lengths.iter().sum::<usize>() as f64 / count as f64;
    let cut = lengths.iter().filter(|&&length| length > kept).count();
    format!(
        "{count}; {unit}: mean {mean:.1}, median {}, quartiles {} and {}, from {} to {}; {cut} ({:.2} %) cut to {kept}",
        at(0.5),
        at(0.25),
        at(0.75),
        lengths[0],
        lengths[count - 1],
        100.0 * cut as f64 / count as f64,
    )
}
