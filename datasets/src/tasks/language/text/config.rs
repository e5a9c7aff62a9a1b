//! Settings of the task `text`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vocabulary::SplitSizes;

use crate::config::{ConfigError, sizes_of_parts, sizes_within};
use crate::tasks::language::text::reviews::OFFICIAL;
use crate::text::{Level, Padding, TextEncoding, Tokens};

/// Training reviews held out by default.
pub(super) const HELD_OUT: usize = 2_500;
/// Ids of the official training texts at the default settings, counted: 131 characters and 3 special ids.
const OFFICIAL_VOCABULARY: usize = 134;
/// Occurrences below which a character is unknown.
pub(super) const MIN_FREQUENCY: u64 = 15;

/// Texts by which the epoch is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "TextValidation")]
pub enum Validation {
    /// Training texts that are not trained on.
    #[default]
    HeldOut,
    /// The test texts, as in the published protocols.
    Test,
}

/// Settings as they stand in an experiment file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Text")]
struct Settings {
    /// Unit in which a text is read.
    level: Level,
    /// Length of the padded sequences, end token included, 16 to 100 000; default 4 096 for characters, 4 000 for bytes.
    length: Option<usize>,
    /// Occurrences in the training texts below which a character is unknown; default 15. Bytes are never unknown.
    min_frequency: Option<u64>,
    /// Whether the end token follows the text; default: for characters.
    end_token: Option<bool>,
    /// What the model sees; default `embed`. The CCNN code feeds the ids as one real channel, S4 embeds them.
    tokens: Option<Tokens>,
    /// Side that is filled up; default `left`, as in the CCNN code. S4 and the Arena pad on the right.
    padding: Option<Padding>,
    /// Texts by which the epoch is chosen.
    validation: Validation,
    /// Ids the model has room for, up to 257; default: those of the official texts at the default settings, 134.
    vocabulary: Option<usize>,
    /// Texts for training; default 22 500, or 25 000 when validating on the test texts.
    train_samples: Option<usize>,
    /// Texts for choosing the epoch; default 2 500, or 25 000 when validating on the test texts.
    validation_samples: Option<usize>,
    /// Texts for the reported accuracy; default 25 000.
    test_samples: Option<usize>,
}

/// Settings of the task `text` with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Settings")]
#[schemars(from = "Settings", rename = "Text")]
pub struct Config {
    /// Unit in which a text is read.
    pub level: Level,
    /// Length of the padded sequences, end token included.
    pub length: usize,
    /// Occurrences in the training texts below which a character is unknown.
    pub min_frequency: u64,
    /// Whether the end token follows the text.
    pub end_token: bool,
    /// What the model sees.
    pub tokens: Tokens,
    /// Side that is filled up.
    pub padding: Padding,
    /// Texts by which the epoch is chosen.
    pub validation: Validation,
    /// Ids the model has room for.
    pub vocabulary: usize,
    /// Texts for training.
    pub train_samples: usize,
    /// Texts for choosing the epoch.
    pub validation_samples: usize,
    /// Texts for the reported accuracy.
    pub test_samples: usize,
}

impl From<Settings> for Config {
    fn from(given: Settings) -> Self {
        let end_token = given.end_token.unwrap_or(given.level == Level::Char);
        let length = match given.level {
            Level::Char => 4_096,
            Level::Byte => 4_000,
        };
        let vocabulary = TextEncoding::usual_vocabulary(given.level, end_token, OFFICIAL_VOCABULARY);
        let (train, validation) = match given.validation {
            Validation::HeldOut => (OFFICIAL - HELD_OUT, HELD_OUT),
            Validation::Test => (OFFICIAL, OFFICIAL),
        };
        Self {
            level: given.level,
            length: given.length.unwrap_or(length),
            min_frequency: given.min_frequency.unwrap_or(MIN_FREQUENCY),
            end_token,
            tokens: given.tokens.unwrap_or(Tokens::Embed),
            padding: given.padding.unwrap_or(Padding::Left),
            validation: given.validation,
            vocabulary: given.vocabulary.unwrap_or(vocabulary),
            train_samples: given.train_samples.unwrap_or(train),
            validation_samples: given.validation_samples.unwrap_or(validation),
            test_samples: given.test_samples.unwrap_or(OFFICIAL),
        }
    }
}

impl Config {
    /// How the texts become ids.
    pub(super) fn encoding(&self) -> TextEncoding {
        let Self { level, length, end_token, tokens, padding, vocabulary, .. } = *self;
        TextEncoding { level, length, end_token, tokens, padding, vocabulary }
    }

    /// Sizes of the splits.
    ///
    /// # Errors
    /// More texts than there are.
    pub(super) fn sizes(&self) -> Result<SplitSizes, ConfigError> {
        let Self { train_samples: train, validation_samples: validation, test_samples: test, .. } = *self;
        let sizes = SplitSizes { train, validation, test };
        match self.validation {
            Validation::HeldOut => sizes_of_parts(sizes, OFFICIAL, OFFICIAL),
            Validation::Test => {
                sizes_within(sizes, SplitSizes { train: OFFICIAL, validation: OFFICIAL, test: OFFICIAL })
            }
        }
    }
}
