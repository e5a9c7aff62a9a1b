//! Prepared texts.

use vocabulary::Split;
use vocabulary::record::SampleAttribute;

use crate::library::{DataError, SampleStore};
use crate::splits::SplitIndices;
use crate::task::{Batch, Dataset};
use crate::tasks::language::text::reviews::SET;
use crate::text::{TokenLayout, Vocabulary, batch, describe_vocabulary, read_text, stored_sequence};

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
                lengths.push(whole_length(label));
            })?;
            rows.push((format!("{} texts", split.name()), describe_lengths(&mut lengths, kept, self.unit())));
            rows.push((format!("favourable {} texts", split.name()), favourable.to_string()));
        }
        Ok(rows)
    }

    fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
        let places = self.indices.find(SET, split, positions)?;
        batch(&self.store, self.part(split), &places, &self.layout)
    }

    fn attributes(&self, split: Split, positions: &[usize]) -> Result<Vec<SampleAttribute>, DataError> {
        let places = self.indices.find(SET, split, positions)?;
        let mut values = Vec::with_capacity(places.len());
        self.store.visit(self.part(split), &places, |_, _, label| values.push(whole_length(label) as i32))?;
        Ok(vec![SampleAttribute { name: format!("length before it was cut, {}", self.unit()), values }])
    }

    fn texts(&self, split: Split, position: usize) -> Result<Vec<String>, DataError> {
        let places = self.indices.find(SET, split, &[position])?;
        let mut texts = vec![];
        self.store.visit(self.part(split), &places, |_, input, _| {
            let tokens = stored_sequence(input);
            texts.push(read_text(&tokens[..tokens.len().min(self.layout.kept())], self.vocabulary.as_ref()));
        })?;
        Ok(texts)
    }
}

impl Texts {
    /// The official part that holds the texts of `split`.
    fn part(&self, split: Split) -> Split {
        let of_training = split == Split::Train || split == Split::Validation && self.own_validation;
        if of_training { Split::Train } else { Split::Test }
    }

    fn unit(&self) -> &'static str {
        if self.vocabulary.is_some() { "characters" } else { "bytes" }
    }
}

/// The length of a text before it was cut, from its stored label.
fn whole_length(label: &[u8]) -> usize {
    u32::from_le_bytes([label[1], label[2], label[3], label[4]]) as usize
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
