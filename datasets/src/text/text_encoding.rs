//! How texts become ids: by character or by byte, cut, ended and padded to one length.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, within};
use crate::library::{DataError, Library};
use crate::progress::Progress;
use crate::text::characters::{Counts, END, MOST_IDS, Vocabulary};
use crate::text::frequent_characters::TrainingTexts;
use crate::text::token_form::{Padding, Tokens};
use crate::text::token_layout::{TokenLayout, store_sequence};

/// Unit in which a text is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "TextLevel")]
pub enum Level {
    /// Characters (Unicode code points), as in S4 and CCNN.
    #[default]
    Char,
    /// Bytes of UTF-8, as in the Long Range Arena.
    Byte,
}

impl Level {
    /// `char` or `byte`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Char => "char",
            Self::Byte => "byte",
        }
    }
}

/// Ids of bytes: 256 and padding.
const BYTE_IDS: usize = 257;

/// How texts become ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextEncoding {
    /// Unit in which a text is read.
    pub(crate) level: Level,
    /// Length of the padded sequences, end token included.
    pub(crate) length: usize,
    /// Whether the end token follows a text.
    pub(crate) end_token: bool,
    /// What the model sees.
    pub(crate) tokens: Tokens,
    /// Side that is filled up.
    pub(crate) padding: Padding,
    /// Ids the model has room for.
    pub(crate) vocabulary: usize,
}

impl TextEncoding {
    /// Ids where nothing else is said; the released texts have `released` characters, special ids included.
    pub(crate) fn usual_vocabulary(level: Level, end_token: bool, released: usize) -> usize {
        match level {
            Level::Char => released - usize::from(!end_token),
            Level::Byte => BYTE_IDS + usize::from(end_token),
        }
    }

    /// Refuses a length above `longest`, and a vocabulary that cannot be.
    pub(crate) fn check(&self, longest: usize) -> Result<(), ConfigError> {
        within("length", self.length, 16..=longest)?;
        let byte_ids = BYTE_IDS + usize::from(self.end_token);
        match self.level {
            Level::Char => within("vocabulary", self.vocabulary, 4..=MOST_IDS),
            Level::Byte => within("vocabulary", self.vocabulary, byte_ids..=byte_ids),
        }
    }

    /// Level, length and an unusual end as a version says them, e.g. `char-4096-no-end`.
    pub(crate) fn name(&self) -> String {
        let end = match (self.level, self.end_token) {
            (Level::Char, false) => "-no-end",
            (Level::Byte, true) => "-end",
            _ => "",
        };
        format!("{}-{}{end}", self.level.name(), self.length)
    }

    /// Tokens of each text, the end token not counted.
    pub(crate) fn kept(&self) -> usize {
        self.length - usize::from(self.end_token)
    }

    /// The layout of samples of `rows` texts each.
    pub(crate) fn layout(&self, rows: usize) -> TokenLayout {
        let end = match self.level {
            Level::Char => i32::from(END),
            Level::Byte => BYTE_IDS as i32,
        };
        TokenLayout {
            length: self.length,
            offset: i32::from(self.level == Level::Byte),
            end: self.end_token.then_some(end),
            padding: self.padding,
            tokens: self.tokens,
            rows,
        }
    }

    /// The ids of the characters of `texts`, which lie in `folder`; none for bytes. `count` counts them where they are not
    /// known yet.
    pub(crate) fn vocabulary(
        &self,
        texts: &TrainingTexts<'_>,
        folder: &Path,
        library: &Library,
        progress: &dyn Progress,
        count: impl FnOnce() -> Result<Counts, DataError>,
    ) -> Result<Option<Vocabulary>, DataError> {
        if self.level == Level::Byte {
            return Ok(None);
        }
        let characters = texts.frequent_characters(library, progress, count)?;
        let found = characters.len();
        let refuse = |remedy: String| DataError::Malformed {
            path: folder.to_path_buf(),
            message: format!("its texts have {found} frequent characters, {remedy}"),
        };
        let vocabulary = Vocabulary::new(characters, self.end_token)
            .ok_or_else(|| refuse(format!("more than {MOST_IDS} ids can name; raise min_frequency")))?;
        let (needed, most) = (vocabulary.len(), self.vocabulary);
        if needed > most {
            return Err(refuse(format!(
                "which need {needed} ids where the model has {most}; set `vocabulary: {needed}`"
            )));
        }
        Ok(Some(vocabulary))
    }
}

/// Writes the ids of `text` into its place of a stored sample: those of `vocabulary`, or its bytes. Gives the length of the
/// whole text.
pub(crate) fn store_text(out: &mut [u8], text: &str, vocabulary: Option<&Vocabulary>) -> usize {
    match vocabulary {
        Some(vocabulary) => {
            store_sequence(out, text.chars().map(|c| vocabulary.id(c)));
            text.chars().count()
        }
        None => {
            store_sequence(out, text.bytes());
            text.len()
        }
    }
}

/// The text that [`store_text`] has written as `ids`.
pub(crate) fn read_text(ids: &[u8], vocabulary: Option<&Vocabulary>) -> String {
    vocabulary.map_or_else(|| String::from_utf8_lossy(ids).into_owned(), |vocabulary| vocabulary.text(ids))
}

/// Number of ids, for people.
pub(crate) fn describe_vocabulary(vocabulary: Option<&Vocabulary>) -> String {
    match vocabulary {
        None => format!("{BYTE_IDS} ids: 256 bytes and padding"),
        Some(vocabulary) => {
            format!("{} ids, {} of them characters", vocabulary.len(), vocabulary.characters().len())
        }
    }
}
