//! Characters as ids, in the order of torchtext: special ids (0 is padding), then by frequency, equal ones by code point.

use std::collections::HashMap;

/// Id of characters that are too rare.
pub(crate) const UNKNOWN: u8 = 1;
/// Id that ends a sequence, where there is one.
pub(crate) const END: u8 = 2;

/// Most ids: they are stored as bytes.
pub(crate) const MOST_IDS: usize = 256;

/// How often characters occur.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    common: [u64; 256],
    others: HashMap<char, u64>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { common: [0; 256], others: HashMap::new() }
    }
}

impl Counts {
    /// Counts every character of `text`.
    pub(crate) fn add(&mut self, text: impl IntoIterator<Item = char>) {
        for c in text {
            match self.common.get_mut(c as usize) {
                Some(count) => *count += 1,
                None => *self.others.entry(c).or_default() += 1,
            }
        }
    }

    /// Both together.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        for (count, more) in self.common.iter_mut().zip(other.common) {
            *count += more;
        }
        for (c, more) in other.others {
            *self.others.entry(c).or_default() += more;
        }
        self
    }

    /// The characters that occur at least `least` times, most frequent first.
    pub(crate) fn frequent(&self, least: u64) -> Vec<char> {
        let common = (0u8..=255).map(|code| (char::from(code), self.common[usize::from(code)]));
        let mut all: Vec<(char, u64)> = common
            .chain(self.others.iter().map(|(&c, &count)| (c, count)))
            .filter(|&(_, n)| n >= least.max(1))
            .collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        all.into_iter().map(|(c, _)| c).collect()
    }
}

/// Ids of characters.
#[derive(Debug, Clone)]
pub(crate) struct Vocabulary {
    characters: Vec<char>,
    first: u8,
    common: [u8; 256],
    others: HashMap<char, u8>,
}

impl Vocabulary {
    /// `characters` in the order of their ids, after the special ones; with or without an id that ends a sequence.
    /// `None` if there are more than [`MOST_IDS`].
    pub(crate) fn new(characters: Vec<char>, end: bool) -> Option<Self> {
        let first = if end { END + 1 } else { UNKNOWN + 1 };
        if characters.len() + usize::from(first) > MOST_IDS {
            return None;
        }
        let mut common = [UNKNOWN; 256];
        let mut others = HashMap::new();
        for (&c, id) in characters.iter().zip(first..=u8::MAX) {
            match common.get_mut(c as usize) {
                Some(place) => *place = id,
                None => {
                    others.insert(c, id);
                }
            }
        }
        Some(Self { characters, first, common, others })
    }

    /// Number of ids, the special ones included.
    pub(crate) fn len(&self) -> usize {
        self.characters.len() + usize::from(self.first)
    }

    /// The id of a character.
    pub(crate) fn id(&self, c: char) -> u8 {
        self.common.get(c as usize).copied().unwrap_or_else(|| self.others.get(&c).copied().unwrap_or(UNKNOWN))
    }

    /// The text of `ids`, with a mark for characters that have none.
    pub(crate) fn text(&self, ids: &[u8]) -> String {
        let character = |id: &u8| {
            let place = usize::from(*id).checked_sub(usize::from(self.first));
            place.and_then(|place| self.characters.get(place)).copied().unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        ids.iter().map(character).collect()
    }

    /// The characters in the order of their ids.
    pub(crate) fn characters(&self) -> &[char] {
        &self.characters
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn frequent_characters_come_first_and_equal_ones_by_code_point() {
        let mut counts = Counts::default();
        counts.add("bbbaaaccž".chars());
        let mut more = Counts::default();
        more.add("žžžž–".chars());
        let counts = counts.merge(more);
        assert_eq!(counts.frequent(0), ['ž', 'a', 'b', 'c', '–']);
        assert_eq!(counts.frequent(3), ['ž', 'a', 'b']);
        let vocabulary = Vocabulary::new(counts.frequent(3), true).unwrap();
        assert_eq!(vocabulary.len(), 6);
        assert_eq!("žabc–".chars().map(|c| vocabulary.id(c)).collect::<Vec<_>>(), [3, 4, 5, UNKNOWN, UNKNOWN]);
        assert_eq!(vocabulary.text(&[3, 4, 5, UNKNOWN]), "žab\u{fffd}");
        assert_eq!(Vocabulary::new(vec!['a'], false).unwrap().id('a'), 2);
        let many = |count: u32| (0..count).map(|code| char::from_u32(0x4e00 + code).unwrap()).collect::<Vec<_>>();
        assert_eq!(Vocabulary::new(many(253), true).unwrap().id('\u{4e00}'), 3);
        assert_eq!(Vocabulary::new(many(253), true).unwrap().id(*many(253).last().unwrap()), 255);
        assert!(Vocabulary::new(many(254), true).is_none());
        assert!(Vocabulary::new(many(254), false).is_some());
    }
}
