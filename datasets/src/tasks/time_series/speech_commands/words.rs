//! The words of Speech Commands v0.02, and how many clips of them there are.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::splits::stratified_sizes;
use vocabulary::SplitSizes;

/// Which words are distinguished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Words {
    /// Ten commands, only clips of exactly 16 000 samples: 34 975 clips. The subset of Kidger et al. (arXiv 2005.08926), CKConv
    /// and CCNN.
    Ten,
    /// All 35 words, shorter clips filled up with zeros at the end: 105 829 clips. The set of S4 (arXiv 2111.00396).
    All,
}

/// How clips are assigned to the splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Division {
    /// 70, 15 and 15 % of every word. Speakers are in several splits, as in the publications that split so.
    Stratified,
    /// By `validation_list.txt` and `testing_list.txt` of the data set; no speaker is in two splits.
    Official,
}

/// In the order of their class ids in the code of Kidger et al. and its successors.
const TEN: [&str; 10] = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"];

const ALL: [&str; 35] = [
    "backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four", "go", "happy",
    "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right", "seven", "sheila", "six", "stop",
    "three", "tree", "two", "up", "visual", "wow", "yes", "zero",
];

impl Words {
    /// The words in the order of their class ids.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Ten => &TEN,
            Self::All => &ALL,
        }
    }

    /// Clips in the complete data set, of any length.
    pub(super) fn files(self) -> usize {
        match self {
            Self::Ten => 38_546,
            Self::All => 105_829,
        }
    }

    /// Clips in the complete data set that are used.
    pub(super) fn clips(self) -> usize {
        match self {
            Self::Ten => 34_975,
            Self::All => 105_829,
        }
    }

    /// Whether clips that are too short are left out.
    pub(super) fn exact(self) -> bool {
        self == Self::Ten
    }

    /// Share of the most frequent word: yes among ten, five and zero among all.
    pub(super) fn chance(self) -> f64 {
        match self {
            Self::Ten => 0.105,
            Self::All => 0.038,
        }
    }

    /// Sizes of the splits of the complete data set. For ten words by the official lists, those of all clips, from which the
    /// short ones are still to be taken away.
    pub(super) fn sizes(self, division: Division) -> SplitSizes {
        match (self, division) {
            (words, Division::Stratified) => stratified_sizes(words.clips()),
            (Self::Ten, Division::Official) => SplitSizes { train: 30_769, validation: 3_703, test: 4_074 },
            (Self::All, Division::Official) => SplitSizes { train: 84_843, validation: 9_981, test: 11_005 },
        }
    }
}

/// The two official lists, `word/clip.wav` per line.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) validation: HashSet<String>,
    pub(super) test: HashSet<String>,
}

impl Lists {
    /// The names in a list. The error names the line.
    pub(super) fn parse(text: &str) -> Result<HashSet<String>, String> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let name = |(number, line): (usize, &str)| match line.split_once('/') {
            Some((word, clip)) if ALL.contains(&word) && clip.ends_with(".wav") => Ok(line.to_owned()),
            _ => Err(format!(
                "line {number}: `{}` is not of the form WORD/CLIP.wav",
                crate::formats::text::shortened(line)
            )),
        };
        lines.filter(|(_, line)| !line.is_empty()).map(name).collect()
    }

    /// 0, 1 or 2 for training, validation and test.
    pub(super) fn part(&self, name: &str) -> usize {
        if self.validation.contains(name) {
            1
        } else if self.test.contains(name) {
            2
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_one_of_the_ten_is_one_of_all_in_alphabetical_order() {
        assert!(TEN.iter().all(|word| ALL.contains(word)));
        assert!(ALL.is_sorted());
    }

    #[test]
    fn official_sizes_add_up_to_all_clips() {
        for words in [Words::Ten, Words::All] {
            let SplitSizes { train, validation, test } = words.sizes(Division::Official);
            assert_eq!(train + validation + test, words.files());
            let SplitSizes { train, validation, test } = words.sizes(Division::Stratified);
            assert_eq!(train + validation + test, words.clips());
        }
    }

    #[test]
    fn a_list_names_clips_of_words() {
        let validation = Lists::parse("yes/a_nohash_0.wav\r\n\nno/b_nohash_1.wav\n").unwrap();
        let lists = Lists { validation, test: Lists::parse("go/c.wav").unwrap() };
        assert_eq!(["yes/a_nohash_0.wav", "go/c.wav", "go/d.wav"].map(|name| lists.part(name)), [1, 2, 0]);
        assert!(Lists::parse("yes/a.wav\nyess/b.wav").unwrap_err().starts_with("line 2:"));
    }
}
