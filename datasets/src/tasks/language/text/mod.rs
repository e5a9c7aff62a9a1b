//! Text of the Long Range Arena: is a film review favourable, read character by character?
//!
//! Source: Maas et al., ACL 2011 (25 000 training and 25 000 test reviews, `aclImdb/{train,test}/{pos,neg}/ID_STARS.txt`);
//! as a long-range task: Tay et al., "Long Range Arena", arXiv 2011.04006.
//!
//! Two preprocessings are in circulation:
//! - `level: char`, as in S4 and CCNN: characters that occur at least 15 times in the training texts (each cut to the length),
//!   ids as torchtext gives them (`<pad>`, `<unk>`, `<eos>`, then by frequency), an end token, 4 096 long;
//! - `level: byte`, as in the Arena: id of a byte is its value plus 1, no end token, 4 000 long (its base configuration:
//!   1 000).
//!
//! The original programs validate on the test texts. Here 2 500 of the training texts are held out for choosing the epoch, so
//! that the reported number is of texts that nothing was chosen by; `validation: test` is the published protocol, and says
//! so in its notes. Training and held-out texts come from the front and the back of a seeded order that is balanced by class,
//! test texts from the front of their own (see [`splits`](crate::splits)).

mod reviews;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::tasks::language::text::reviews::Reviews;
use crate::text::token_form::reading_name;
pub use crate::text::token_form::{Padding, Tokens};
use crate::{
    config::{error::ConfigError, ranges::within},
    library::{CacheKey, CacheWriter, DataError, Library, SampleStore, Sources},
    progress::Progress,
    splits::{OFFICIAL_VERSION, SplitIndices, cut_note, held_out, official, official_sizes},
    task::{Batch, Dataset, Info, Task, TaskDefinition, TaskSpec},
    text::{
        characters::{Counts, END, MOST_IDS, Vocabulary},
        token_layout::{COUNT_BYTES, Layout, batch, store_sequence},
    },
};
use vocabulary::{Metric, OutputSpec, Split, SplitSizes};

/// Name of the data set.
const SET: &str = "imdb";
/// Reviews of each official part.
const OFFICIAL: usize = 25_000;
/// Training reviews held out by default.
const HELD_OUT: usize = 2_500;
/// Ids of the official training texts at the default settings, counted: 131 characters and 3 special ids.
const OFFICIAL_VOCABULARY: usize = 134;
/// Ids of bytes: 256 and padding.
const BYTE_IDS: usize = 257;
/// Raised whenever the same settings give other sequences.
const VERSION: u32 = 2;
/// Bytes of a label: the class, and the length of the text before it was cut, little endian.
const LABEL_BYTES: usize = 5;

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
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Char => "char",
            Self::Byte => "byte",
        }
    }
}

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
        let (length, vocabulary) = match given.level {
            Level::Char => (4_096, OFFICIAL_VOCABULARY - usize::from(!end_token)),
            Level::Byte => (4_000, BYTE_IDS + usize::from(end_token)),
        };
        let (train, validation) = match given.validation {
            Validation::HeldOut => (OFFICIAL - HELD_OUT, HELD_OUT),
            Validation::Test => (OFFICIAL, OFFICIAL),
        };
        Self {
            level: given.level,
            length: given.length.unwrap_or(length),
            min_frequency: given.min_frequency.unwrap_or(15),
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

/// The task `text`.
#[derive(Debug, Clone, Copy)]
pub struct Text;

impl TaskDefinition for Text {
    type Config = Config;
    const INFO: Info = Info {
        name: "text",
        summary: "Text (IMDB): is a film review favourable, character by character, 4 096 long (2 classes; chance 50 %)",
        source: "Maas et al., ACL 2011; Tay et al., arXiv 2011.04006; characters as in S4, arXiv 2111.00396",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        within("length", config.length, 16..=100_000)?;
        let byte_ids = BYTE_IDS + usize::from(config.end_token);
        match config.level {
            Level::Char => within("vocabulary", config.vocabulary, 4..=MOST_IDS)?,
            Level::Byte => within("vocabulary", config.vocabulary, byte_ids..=byte_ids)?,
        }
        within("train_samples", config.train_samples, 1..=OFFICIAL)?;
        within("validation_samples", config.validation_samples, 1..=OFFICIAL)?;
        within("test_samples", config.test_samples, 1..=OFFICIAL)?;
        if config.validation == Validation::HeldOut && config.train_samples + config.validation_samples > OFFICIAL {
            return Err(ConfigError::new(
                "train_samples",
                format!(
                    "{} and {} validation texts are more than the {OFFICIAL} training texts there are",
                    config.train_samples, config.validation_samples
                ),
            ));
        }
        let mut variant = format!("{}-{}", config.level.name(), config.length);
        if config.end_token != (config.level == Level::Char) {
            variant.push_str(if config.end_token { "-end" } else { "-no-end" });
        }
        if config.level == Level::Char && config.min_frequency != 15 {
            variant.push_str(&format!("-min{}", config.min_frequency));
        }
        let validation = match config.validation {
            Validation::HeldOut => OFFICIAL_VERSION.to_owned(),
            Validation::Test => format!("validation-is-test-{OFFICIAL_VERSION}"),
        };
        let reading = reading_name(config.tokens, config.padding);
        let spec = TaskSpec {
            name: "text".to_owned(),
            version: format!("lra-text@{variant}-{reading}-{validation}-{VERSION}"),
            data: SET.to_owned(),
            input: config.tokens.input(config.vocabulary, config.length),
            target: OutputSpec::Classes(2),
            metric: Metric::Accuracy,
            chance: 0.5,
            splits: SplitSizes {
                train: config.train_samples,
                validation: config.validation_samples,
                test: config.test_samples,
            },
        };
        Ok(Box::new(Configured { spec, config }))
    }
}

struct Configured {
    spec: TaskSpec,
    config: Config,
}

impl Task for Configured {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let reviews = Reviews::find(library, SET)?;
        let own_validation = self.config.validation == Validation::HeldOut;
        let sizes = self.spec.splits;
        reviews.hold(Split::Train, sizes.train + if own_validation { sizes.validation } else { 0 })?;
        reviews.hold(Split::Test, if own_validation { sizes.test } else { sizes.test.max(sizes.validation) })?;
        let vocabulary = match self.config.level {
            Level::Char => Some(self.vocabulary(library, &reviews, progress)?),
            Level::Byte => None,
        };
        let store = self.texts(library, &reviews, vocabulary.as_ref(), progress)?;
        let layout = Layout {
            length: self.config.length,
            offset: i32::from(vocabulary.is_none()),
            end: self.config.end_token.then(|| if vocabulary.is_some() { i32::from(END) } else { BYTE_IDS as i32 }),
            padding: self.config.padding,
            tokens: self.config.tokens,
            rows: 1,
        };
        let indices = self.indices(&reviews);
        let processing = format!("{} {:?} {layout:?}", indices.digest(), self.config.validation);
        let content_hash =
            format!("{:x}", Sha256::digest(format!("{}\n{processing}\n", store.content_hash()).as_bytes()));
        let mut notes: Vec<String> = reviews.note().into_iter().collect();
        if !own_validation {
            notes.push(
                "validation texts are the test texts, as in the published protocols: the epoch is chosen by the very \
                 texts that are reported, so the accuracy is optimistic (`validation: held-out` avoids it)"
                    .to_owned(),
            );
        }
        notes.extend(cut_note(sizes, self.there(&reviews)));
        for note in &notes {
            tracing::warn!("text: {note}");
        }
        Ok(Box::new(Texts { store, indices, own_validation, layout, content_hash, notes, vocabulary }))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        Reviews::folder(library, SET).map(|_| ())
    }
}

impl Configured {
    /// Places of the texts of every split: of training texts, or for the test (and a validation on it) of test texts.
    fn indices(&self, reviews: &Reviews) -> SplitIndices {
        let sizes = self.spec.splits;
        let [train, held_out] = held_out(&reviews.classes(Split::Train), sizes.train, sizes.validation);
        let test = official(&reviews.classes(Split::Test));
        let validation = match self.config.validation {
            Validation::HeldOut => held_out,
            Validation::Test => test[..sizes.validation].to_vec(),
        };
        SplitIndices::new([train, validation, test[..sizes.test].to_vec()])
    }

    /// Texts that there are for each split.
    fn there(&self, reviews: &Reviews) -> SplitSizes {
        let (train, test) = (reviews.len(Split::Train), reviews.len(Split::Test));
        match self.config.validation {
            Validation::HeldOut => {
                let usual = SplitSizes { train: OFFICIAL - HELD_OUT, validation: HELD_OUT, test: OFFICIAL };
                official_sizes(usual, self.spec.splits, train, test)
            }
            Validation::Test => SplitSizes { train, validation: test, test },
        }
    }

    /// The vocabulary of all training texts, held-out ones included: it knows no labels, and a model then has the same shape
    /// whatever is held out.
    fn vocabulary(
        &self,
        library: &Library,
        reviews: &Reviews,
        progress: &dyn Progress,
    ) -> Result<Vocabulary, DataError> {
        let kept = self.config.length - usize::from(self.config.end_token);
        let source = Source { name: "imdb-vocabulary", files: &reviews.files, kept };
        let least = self.config.min_frequency;
        let characters = source.frequent(library, least, progress, || reviews.characters(kept))?;
        checked(characters, self.config.end_token, self.config.vocabulary, reviews.root())
    }

    /// All texts in the order of the files: training texts, then test texts.
    fn texts(
        &self,
        library: &Library,
        reviews: &Reviews,
        vocabulary: Option<&Vocabulary>,
        progress: &dyn Progress,
    ) -> Result<SampleStore, DataError> {
        let kept = self.config.length - usize::from(self.config.end_token);
        let (train, test) = (reviews.len(Split::Train), reviews.len(Split::Test));
        let key = CacheKey {
            name: format!("imdb-{}", self.config.level.name()),
            version: VERSION,
            spec: json!({
                "kept": kept,
                "characters": vocabulary.map(|vocabulary| vocabulary.characters().iter().collect::<String>()),
                "end_token": self.config.end_token,
            }),
            input_bytes: COUNT_BYTES + kept,
            label_bytes: LABEL_BYTES,
            sizes: SplitSizes { train, validation: 0, test },
        };
        library.cached_from(&reviews.files, &key, progress, |writer: &mut CacheWriter<'_>| {
            writer.generate(progress, |position, input, label| {
                let position = position as usize;
                let (split, place) =
                    if position < train { (Split::Train, position) } else { (Split::Test, position - train) };
                let (text, class) = reviews.read(split, place)?;
                let length = match vocabulary {
                    Some(vocabulary) => {
                        store_sequence(input, text.chars().map(|c| vocabulary.id(c)));
                        text.chars().count()
                    }
                    None => {
                        store_sequence(input, text.bytes());
                        text.len()
                    }
                };
                label[0] = class;
                label[1..].copy_from_slice(&(length as u32).to_le_bytes());
                Ok(())
            })
        })
    }
}

/// Texts whose characters are counted.
pub(super) struct Source<'a> {
    /// Name of the counts in the cache.
    pub(super) name: &'a str,
    /// The files they lie in.
    pub(super) files: &'a Sources,
    /// Characters of each text that count.
    pub(super) kept: usize,
}

impl Source<'_> {
    /// The characters that occur at least `least` times, most frequent first: counted once, then kept in the cache.
    pub(super) fn frequent(
        &self,
        library: &Library,
        least: u64,
        progress: &dyn Progress,
        count: impl FnOnce() -> Result<Counts, DataError>,
    ) -> Result<Vec<char>, DataError> {
        const WORD: usize = 4;
        let key = CacheKey {
            name: self.name.to_owned(),
            version: VERSION,
            spec: json!({ "kept": self.kept, "least": least }),
            // One more than may be used, so that too many are noticed.
            input_bytes: WORD * (MOST_IDS + 2),
            label_bytes: 0,
            sizes: SplitSizes { train: 1, validation: 0, test: 0 },
        };
        let store = library.cached_from(self.files, &key, progress, |writer| {
            let characters = count()?.frequent(least);
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

/// A vocabulary that fits into `room` ids.
pub(super) fn checked(
    characters: Vec<char>,
    end: bool,
    room: usize,
    folder: &std::path::Path,
) -> Result<Vocabulary, DataError> {
    let found = characters.len();
    let refuse = |remedy: String| DataError::Malformed {
        path: folder.to_path_buf(),
        message: format!("its texts have {found} frequent characters, {remedy}"),
    };
    let vocabulary = Vocabulary::new(characters, end)
        .ok_or_else(|| refuse(format!("more than {MOST_IDS} ids can name; raise min_frequency")))?;
    if vocabulary.len() > room {
        let needed = vocabulary.len();
        return Err(refuse(format!("which need {needed} ids where the model has {room}; set `vocabulary: {needed}`")));
    }
    Ok(vocabulary)
}

/// Prepared texts.
struct Texts {
    store: SampleStore,
    indices: SplitIndices,
    /// Whether validation texts are training texts.
    own_validation: bool,
    layout: Layout,
    content_hash: String,
    notes: Vec<String>,
    vocabulary: Option<Vocabulary>,
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
        let mut rows = vec![match &self.vocabulary {
            None => ("vocabulary".to_owned(), format!("{BYTE_IDS} ids: 256 bytes and padding")),
            Some(vocabulary) => (
                "vocabulary".to_owned(),
                format!(
                    "{} ids, {} of them characters: {}",
                    vocabulary.len(),
                    vocabulary.characters().len(),
                    vocabulary.characters().iter().flat_map(|c| c.escape_debug()).collect::<String>()
                ),
            ),
        }];
        let kept = self.layout.length - usize::from(self.layout.end.is_some());
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
pub(super) fn describe_lengths(lengths: &mut [usize], kept: usize, unit: &str) -> String {
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
