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

mod config;
mod reviews;
#[cfg(test)]
mod tests;
mod texts;

use serde_json::json;
use sha2::{Digest, Sha256};
use vocabulary::{Metric, OutputSpec, Split, SplitSizes};

pub use self::config::{Config, Validation};
use self::{
    config::{HELD_OUT, MIN_FREQUENCY},
    reviews::{OFFICIAL, Reviews, SET},
    texts::Texts,
};
use crate::config::ConfigError;
use crate::library::{CacheKey, DataError, Library, SampleStore};
use crate::progress::Progress;
use crate::splits::{OFFICIAL_VERSION, SplitIndices, cut_note, held_out, official, official_sizes};
use crate::task::{Dataset, Info, Positions, Task, TaskDefinition, TaskSpec};
use crate::text::Level;
use crate::text::{COUNT_BYTES, TextEncoding, TrainingTexts, Vocabulary, form_name, store_text};

/// Raised whenever the same settings give other sequences.
const VERSION: u32 = 2;
/// Bytes of a label: the class, and the length of the text before it was cut, little endian.
const LABEL_BYTES: usize = 5;

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
        let encoding = config.encoding();
        encoding.check(100_000)?;
        let splits = config.sizes()?;
        let mut variant = encoding.name();
        if config.level == Level::Char && config.min_frequency != MIN_FREQUENCY {
            variant.push_str(&format!("-min{}", config.min_frequency));
        }
        let validation = match config.validation {
            Validation::HeldOut => OFFICIAL_VERSION.to_owned(),
            Validation::Test => format!("validation-is-test-{OFFICIAL_VERSION}"),
        };
        let form = form_name(config.tokens, config.padding);
        let spec = TaskSpec {
            name: "text".to_owned(),
            version: format!("lra-text@{variant}-{form}-{validation}-{VERSION}"),
            data: SET.to_owned(),
            input: config.tokens.input(config.vocabulary, config.length),
            target: OutputSpec::Classes(2),
            metric: Metric::Accuracy,
            chance: 0.5,
            splits,
        };
        let Config { validation, min_frequency, .. } = config;
        Ok(Box::new(TextTask { spec, encoding, validation, min_frequency }))
    }
}

struct TextTask {
    spec: TaskSpec,
    encoding: TextEncoding,
    validation: Validation,
    min_frequency: u64,
}

impl Task for TextTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn positions(&self) -> Positions {
        self.encoding.layout(1).positions()
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let reviews = Reviews::find(library)?;
        let own_validation = self.validation == Validation::HeldOut;
        let sizes = self.spec.splits;
        reviews.hold(Split::Train, sizes.train + if own_validation { sizes.validation } else { 0 })?;
        reviews.hold(Split::Test, if own_validation { sizes.test } else { sizes.test.max(sizes.validation) })?;
        // The vocabulary is that of all training texts, held-out ones included: it knows no labels, and a model then has the
        // same shape whatever is held out.
        let kept = self.encoding.kept();
        let texts = TrainingTexts { name: "imdb-vocabulary", files: &reviews.files, kept, least: self.min_frequency };
        let vocabulary =
            self.encoding.vocabulary(&texts, reviews.root(), library, progress, || reviews.characters(kept))?;
        let store = self.store(library, &reviews, vocabulary.as_ref(), progress)?;
        let layout = self.encoding.layout(1);
        let indices = self.indices(&reviews);
        let processing = format!("{} {:?} {}", indices.digest(), self.validation, layout.hashed());
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
        Reviews::folder(library).map(|_| ())
    }
}

impl TextTask {
    /// Places of the texts of every split: of training texts, or for the test (and a validation on it) of test texts.
    fn indices(&self, reviews: &Reviews) -> SplitIndices {
        let sizes = self.spec.splits;
        let [train, held_out] = held_out(&reviews.classes(Split::Train), sizes.train, sizes.validation);
        let test = official(&reviews.classes(Split::Test));
        let validation = match self.validation {
            Validation::HeldOut => held_out,
            Validation::Test => test[..sizes.validation].to_vec(),
        };
        SplitIndices::new([train, validation, test[..sizes.test].to_vec()])
    }

    /// Texts that there are for each split.
    fn there(&self, reviews: &Reviews) -> SplitSizes {
        let (train, test) = (reviews.len(Split::Train), reviews.len(Split::Test));
        match self.validation {
            Validation::HeldOut => {
                let usual = SplitSizes { train: OFFICIAL - HELD_OUT, validation: HELD_OUT, test: OFFICIAL };
                official_sizes(usual, self.spec.splits, train, test)
            }
            Validation::Test => SplitSizes { train, validation: test, test },
        }
    }

    /// All texts in the order of the files: training texts, then test texts.
    fn store(
        &self,
        library: &Library,
        reviews: &Reviews,
        vocabulary: Option<&Vocabulary>,
        progress: &dyn Progress,
    ) -> Result<SampleStore, DataError> {
        let kept = self.encoding.kept();
        let (train, test) = (reviews.len(Split::Train), reviews.len(Split::Test));
        let key = CacheKey {
            name: format!("imdb-{}", self.encoding.level.name()),
            version: VERSION,
            spec: json!({
                "kept": kept,
                "characters": vocabulary.map(|vocabulary| vocabulary.characters().iter().collect::<String>()),
                "end_token": self.encoding.end_token,
            }),
            input_bytes: COUNT_BYTES + kept,
            label_bytes: LABEL_BYTES,
            sizes: SplitSizes { train, validation: 0, test },
        };
        library.cached_from(&reviews.files, &key, progress, |writer| {
            writer.generate(progress, |position, input, label| {
                let position = position as usize;
                let (split, place) =
                    if position < train { (Split::Train, position) } else { (Split::Test, position - train) };
                let (text, class) = reviews.read(split, place)?;
                let length = store_text(input, &text, vocabulary);
                label[0] = class;
                label[1..].copy_from_slice(&(length as u32).to_le_bytes());
                Ok(())
            })
        })
    }
}
