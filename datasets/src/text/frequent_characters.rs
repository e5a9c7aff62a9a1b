//! The characters of training texts, counted once and kept in the cache.

use serde_json::json;
use vocabulary::{Split, SplitSizes};

use crate::library::{CacheKey, DataError, Library, Sources};
use crate::progress::Progress;
use crate::text::characters::{Counts, MOST_IDS};

/// Raised whenever the same texts give other characters.
const VERSION: u32 = 2;
/// Bytes of a stored number.
const WORD: usize = 4;

/// Texts whose characters are counted.
pub(crate) struct TrainingTexts<'a> {
    /// Name of the counts in the cache.
    pub(crate) name: &'a str,
    /// The files they lie in.
    pub(crate) files: &'a Sources,
    /// Characters of each text that count.
    pub(crate) kept: usize,
    /// Occurrences below which a character is left out.
    pub(crate) least: u64,
}

impl TrainingTexts<'_> {
    /// The frequent characters, most frequent first.
    pub(crate) fn frequent_characters(
        &self,
        library: &Library,
        progress: &dyn Progress,
        count: impl FnOnce() -> Result<Counts, DataError>,
    ) -> Result<Vec<char>, DataError> {
        let key = CacheKey {
            name: self.name.to_owned(),
            version: VERSION,
            spec: json!({ "kept": self.kept, "least": self.least }),
            // One more than may be used, so that too many are noticed.
            input_bytes: WORD * (MOST_IDS + 2),
            label_bytes: 0,
            sizes: SplitSizes { train: 1, validation: 0, test: 0 },
        };
        let store = library.cached_from(self.files, &key, progress, |writer| {
            let characters = count()?.frequent(self.least);
            let mut words = vec![characters.len() as u32];
            words.extend(characters.iter().take(MOST_IDS + 1).map(|&c| u32::from(c)));
            words.resize(MOST_IDS + 2, 0);
            writer.push(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>(), &[])
        })?;
        let mut characters = Vec::new();
        store.visit(Split::Train, &[0], |_, input, _| {
            let mut words =
                input.chunks_exact(WORD).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
            let count = words.next().unwrap_or(0) as usize;
            characters = words.take(count).filter_map(char::from_u32).collect();
        })?;
        Ok(characters)
    }
}
