//! Retrieval of the Long Range Arena: is one of two papers cited by the other?
//!
//! Source: Radev et al., "The ACL Anthology Network Corpus", 2009/2013; as a long-range task: Tay et al., "Long Range
//! Arena", arXiv 2011.04006. Of the original links only the pairs bundled in the Arena's archive are left:
//! `tsv_data/new_aan_pairs.{train,eval,test}.tsv` with label, two ids and two texts per line.
//!
//! - `level: char`, as in S4: characters of both training texts (each cut to the length), ids as torchtext gives them, an
//!   end token, 4 000 long;
//! - `level: byte`, as in the Arena: id of a byte is its value plus 1, no end token, 4 000 long. (The Arena first cuts texts
//!   to 10 000 bytes; since lengths beyond that are refused here, nothing changes.)

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use vocabulary::record::SampleAttribute;
use vocabulary::{Metric, OutputSpec, Split, SplitSizes};

use crate::config::{ConfigError, any_sizes};
use crate::formats::FormatError;
use crate::formats::tables::tsv::Row;
use crate::formats::text::{shortened, whole};
use crate::library::{CacheKey, CacheWriter, DataError, Library, SampleStore};
use crate::progress::Progress;
use crate::samples::Annotate;
use crate::splits::{OFFICIAL_VERSION, SplitFiles};
use crate::task::{Dataset, Info, Positions, Task, TaskDefinition, TaskSpec};
use crate::tasks::language::lra_files::{FoundFiles, LraFiles, malformed_row, next_row, open_rows};
use crate::text::{
    COUNT_BYTES, Counts, Level, Padding, TextEncoding, Tokens, TrainingTexts, Vocabulary, describe_vocabulary,
    form_name, read_text, store_text, stored_sequence,
};

static FILES: LraFiles = LraFiles {
    folders: ["lra_release/lra_release/tsv_data", "lra_release/tsv_data", "lra/lra_release/lra_release/tsv_data"],
    names: ["new_aan_pairs.train.tsv", "new_aan_pairs.eval.tsv", "new_aan_pairs.test.tsv"],
    records: "pairs",
};
const COLUMNS: usize = 5;
/// Ids of the released training texts as the S4 recipe states them.
const RELEASED_VOCABULARY: usize = 98;
/// Lines of the released files.
const RELEASED: SplitSizes = SplitSizes { train: 147_086, validation: 18_090, test: 17_437 };
/// Raised whenever the same files give other sequences.
const VERSION: u32 = 2;

/// Settings as they stand in an experiment file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Retrieval")]
struct Settings {
    /// Unit in which a text is read.
    level: Level,
    /// Length of the padded sequences, end token included, 16 to 10 000; default 4 000.
    length: Option<usize>,
    /// Whether the end token follows each text; default: for characters.
    end_token: Option<bool>,
    /// What the model sees; default `embed`.
    tokens: Option<Tokens>,
    /// Side that is filled up; default `left`. S4 and the Arena pad on the right.
    padding: Option<Padding>,
    /// Ids the model has room for, up to 257; default: those of the released texts, 98.
    vocabulary: Option<usize>,
    /// Pairs for training; default 147 086.
    train_samples: Option<usize>,
    /// Pairs for choosing the epoch; default 18 090.
    validation_samples: Option<usize>,
    /// Pairs for the reported accuracy; default 17 437.
    test_samples: Option<usize>,
}

/// Settings of the task `retrieval` with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Settings")]
#[schemars(from = "Settings", rename = "Retrieval")]
pub struct Config {
    /// Unit in which a text is read.
    pub level: Level,
    /// Length of the padded sequences, end token included.
    pub length: usize,
    /// Whether the end token follows each text.
    pub end_token: bool,
    /// What the model sees.
    pub tokens: Tokens,
    /// Side that is filled up.
    pub padding: Padding,
    /// Ids the model has room for.
    pub vocabulary: usize,
    /// Pairs for training.
    pub train_samples: usize,
    /// Pairs for choosing the epoch.
    pub validation_samples: usize,
    /// Pairs for the reported accuracy.
    pub test_samples: usize,
}

impl From<Settings> for Config {
    fn from(given: Settings) -> Self {
        let end_token = given.end_token.unwrap_or(given.level == Level::Char);
        let vocabulary = TextEncoding::usual_vocabulary(given.level, end_token, RELEASED_VOCABULARY);
        Self {
            level: given.level,
            length: given.length.unwrap_or(4_000),
            end_token,
            tokens: given.tokens.unwrap_or(Tokens::Embed),
            padding: given.padding.unwrap_or(Padding::Left),
            vocabulary: given.vocabulary.unwrap_or(vocabulary),
            train_samples: given.train_samples.unwrap_or(RELEASED.train),
            validation_samples: given.validation_samples.unwrap_or(RELEASED.validation),
            test_samples: given.test_samples.unwrap_or(RELEASED.test),
        }
    }
}

impl Config {
    fn encoding(&self) -> TextEncoding {
        let Self { level, length, end_token, tokens, padding, vocabulary, .. } = *self;
        TextEncoding { level, length, end_token, tokens, padding, vocabulary }
    }
}

/// The task `retrieval`.
#[derive(Debug, Clone, Copy)]
pub struct Retrieval;

impl TaskDefinition for Retrieval {
    type Config = Config;
    const INFO: Info = Info {
        name: "retrieval",
        summary: "Retrieval (AAN): does one of two papers cite the other, two texts of 4 000 characters (2 classes; chance 50 %)",
        source: "Radev et al. 2013; Tay et al., arXiv 2011.04006; characters as in S4, arXiv 2111.00396",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        let encoding = config.encoding();
        encoding.check(10_000)?;
        let Config { train_samples: train, validation_samples: validation, test_samples: test, .. } = config;
        let splits = any_sizes(SplitSizes { train, validation, test })?;
        let form = form_name(config.tokens, config.padding);
        let spec = TaskSpec {
            name: "retrieval".to_owned(),
            version: format!("lra-retrieval@{}-{form}-{VERSION}", encoding.name()),
            data: "lra-aan".to_owned(),
            input: config.tokens.input(config.vocabulary, config.length),
            target: OutputSpec::Pair(2),
            metric: Metric::Accuracy,
            chance: 0.5,
            splits,
        };
        Ok(Box::new(RetrievalTask { spec, encoding }))
    }
}

struct RetrievalTask {
    spec: TaskSpec,
    encoding: TextEncoding,
}

impl RetrievalTask {
    fn write(
        &self,
        writer: &mut CacheWriter<'_>,
        found: &FoundFiles,
        files: &SplitFiles,
        vocabulary: Option<&Vocabulary>,
        progress: &dyn Progress,
    ) -> Result<(), DataError> {
        let part = COUNT_BYTES + self.encoding.kept();
        let mut input = vec![0; 2 * part];
        for split in Split::ALL {
            let subset = files.subset(split, self.spec.splits.get(split));
            let mut records = 0..subset.end();
            pairs(&found.path(split), subset.end(), |texts, label| {
                if !records.next().is_some_and(|record| subset.contains(record)) {
                    return Ok(());
                }
                input.fill(0);
                for (out, text) in input.chunks_exact_mut(part).zip(texts) {
                    store_text(out, text, vocabulary);
                }
                writer.push(&input, &[label])?;
                progress.advance(1);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Task for RetrievalTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn positions(&self) -> Positions {
        self.encoding.layout(2).positions()
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let found = FILES.find(library)?;
        let (encoding, sizes) = (self.encoding, self.spec.splits);
        let files = found.scan(library, "aan", sizes, progress, |path| {
            let mut labels = vec![];
            pairs(path, usize::MAX, |_, label| {
                labels.push(label);
                Ok(())
            })?;
            Ok(labels)
        })?;
        let kept = encoding.kept();
        let texts = TrainingTexts { name: "aan-vocabulary", files: &found.sources, kept, least: 1 };
        let vocabulary = encoding.vocabulary(&texts, &found.folder, library, progress, || {
            let mut counts = Counts::default();
            pairs(&found.path(Split::Train), usize::MAX, |texts, _| {
                for text in texts {
                    counts.add(text.chars().take(kept));
                }
                Ok(())
            })?;
            Ok(counts)
        })?;
        let key = CacheKey {
            name: format!("aan-{}", encoding.level.name()),
            version: VERSION,
            spec: json!({
                "order": OFFICIAL_VERSION,
                "characters": vocabulary.as_ref().map(|vocabulary| vocabulary.characters().iter().collect::<String>()),
                "end_token": encoding.end_token,
            }),
            input_bytes: 2 * (COUNT_BYTES + kept),
            label_bytes: 1,
            sizes,
        };
        let store = library.cached_from(&found.sources, &key, progress, |writer| {
            self.write(writer, &found, &files, vocabulary.as_ref(), progress)
        })?;
        let description = vec![("vocabulary".to_owned(), describe_vocabulary(vocabulary.as_ref()))];
        let stored = found.dataset(library, store, encoding.layout(2), &files, sizes, description)?;
        Ok(Box::new(stored.annotated(StoredPairs { vocabulary })))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        FILES.folder(library).map(|_| ())
    }
}

/// Pairs of stored texts.
struct StoredPairs {
    vocabulary: Option<Vocabulary>,
}

impl Annotate for StoredPairs {
    fn attributes(
        &self,
        store: &SampleStore,
        split: Split,
        places: &[usize],
    ) -> Result<Vec<SampleAttribute>, DataError> {
        let mut values = Vec::with_capacity(places.len());
        store.visit(split, places, |_, input, _| {
            let lengths = input.chunks_exact((input.len() / 2).max(1)).map(|text| stored_sequence(text).len());
            values.push(lengths.sum::<usize>() as i32);
        })?;
        let unit = if self.vocabulary.is_some() { "characters" } else { "bytes" };
        Ok(vec![SampleAttribute { name: format!("length of both texts as read, {unit}"), values }])
    }

    fn texts(&self, store: &SampleStore, split: Split, place: usize) -> Result<Vec<String>, DataError> {
        let mut texts = vec![];
        store.visit(split, &[place], |_, input, _| {
            let parts = input.chunks_exact((input.len() / 2).max(1));
            texts.extend(parts.map(|text| read_text(stored_sequence(text), self.vocabulary.as_ref())));
        })?;
        Ok(texts)
    }
}

/// Calls `visit(texts, label)` for the first `most` pairs of a file.
fn pairs(
    path: &Path,
    most: usize,
    mut visit: impl FnMut([&str; 2], u8) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut rows = open_rows(path, COLUMNS)?;
    for _ in 0..most {
        let Some(row) = next_row(&mut rows, path)? else { break };
        let (texts, label) = pair(&row).map_err(|error| malformed_row(path, &error))?;
        visit(texts, label)?;
    }
    Ok(())
}

fn pair<'a>(row: &'a Row<'_>) -> Result<([&'a str; 2], u8), FormatError> {
    let label = row.text(0, "label")?;
    let class = whole(label, 1).ok_or_else(|| {
        let message = format!("field `label` is `{}` and not 0 or 1", shortened(label));
        FormatError::value(format!("line {}", row.line), message)
    })?;
    Ok(([row.text(3, "text1")?, row.text(4, "text2")?], class as u8))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::fs;

    use serde_json::{Value, json};

    use super::*;
    use crate::registry::find;
    use crate::task::{Inputs, Targets};
    use vocabulary::InputSpec;

    /// With a mark before the text.
    const TRAIN: &str = "\u{feff}1.0\tA1\tB1\tabca \"x\tcc\n0.0\tA2\tB2\tb\tlong text of which much is cut off\n";
    const OTHER: &str = "0\tA3\tB3\té\tab\n";

    fn write(folder: &Path, inner: &str, train: &str) {
        let place = folder.join(inner).join("tsv_data");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("new_aan_pairs.train.tsv"), train).unwrap();
        fs::write(place.join("new_aan_pairs.eval.tsv"), OTHER).unwrap();
        fs::write(place.join("new_aan_pairs.test.tsv"), OTHER).unwrap();
    }

    fn task(extra: Value) -> Box<dyn Task> {
        let mut settings = json!({"length": 16, "train_samples": 2, "validation_samples": 1, "test_samples": 1});
        settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        (find("retrieval").unwrap().build)(&settings).unwrap()
    }

    #[test]
    fn pairs_are_two_rows_with_two_lengths() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "lra_release/lra_release", TRAIN);
        let library = Library::open(folder.path());
        let task = task(json!({"level": "byte", "padding": "right"}));
        assert_eq!(task.spec().target, OutputSpec::Pair(2));
        assert_eq!(task.spec().input, InputSpec::Tokens { vocabulary: 257, length: 16 });
        assert_eq!(task.spec().version, "lra-retrieval@byte-16-embed-right-2");
        let data = task.prepare(&library, &()).unwrap();
        // The second pair of the file comes first.
        let batch = data.read(Split::Train, &[0, 1]).unwrap();
        assert_eq!((batch.size, batch.lengths), (2, Some(vec![1, 16, 7, 2])));
        assert_eq!(batch.targets, Targets::Labels(vec![0, 1]));
        let Inputs::Tokens(ids) = batch.inputs else { panic!() };
        let expected = |text: &str| {
            let mut row: Vec<i32> = text.bytes().map(|byte| i32::from(byte) + 1).collect();
            row.resize(16, 0);
            row
        };
        let rows: Vec<&[i32]> = ids.chunks_exact(16).collect();
        assert_eq!(rows, [expected("b"), expected("long text of whi"), expected("abca \"x"), expected("cc")]);
        // A picture of the samples shows the two texts of a pair as one tile.
        let sheet = crate::samples::preview::draw(task.spec(), data.as_ref(), Split::Train, 5).unwrap();
        assert_eq!(sheet.labels, ["0", "1"]);
        let single = task_of_text(folder.path());
        let height = |sheet: &crate::samples::preview::ContactSheet| sheet.image.height();
        assert_eq!(height(&sheet) - height(&single), 14 + 2, "one more strip and the line between");
    }

    /// A sheet of one row of single texts.
    fn task_of_text(root: &Path) -> crate::samples::preview::ContactSheet {
        for (folder, name) in [("train/neg", "0_1"), ("train/pos", "0_9"), ("test/neg", "0_1"), ("test/pos", "0_9")] {
            fs::create_dir_all(root.join("aclImdb").join(folder)).unwrap();
            fs::write(root.join("aclImdb").join(folder).join(format!("{name}.txt")), "a text").unwrap();
        }
        let settings = json!({
            "level": "byte", "length": 16, "train_samples": 1, "validation_samples": 1, "test_samples": 2,
        });
        let task = (find("text").unwrap().build)(&settings).unwrap();
        let data = task.prepare(&Library::open(root), &()).unwrap();
        crate::samples::preview::draw(task.spec(), data.as_ref(), Split::Test, 2).unwrap()
    }

    #[test]
    fn characters_are_those_of_both_training_texts() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "lra_release", TRAIN);
        let library = Library::open(folder.path());
        let task = task(json!({"tokens": "scalar"}));
        let data = task.prepare(&library, &()).unwrap();
        assert_eq!(data.describe().unwrap()[0].1, "18 ids, 15 of them characters");
        let test = data.read(Split::Test, &[0]).unwrap();
        let Inputs::Values(values) = test.inputs else { panic!() };
        // The letter of the test text is unknown, the end token follows, padding comes first.
        assert_eq!(values[..16], [[0.0; 14].as_slice(), &[1.0, 2.0]].concat());
        assert_eq!(test.lengths, None);
        // `vocabulary` too small is an error with the remedy.
        let error = self::task(json!({"vocabulary": 17})).prepare(&library, &()).err().unwrap();
        assert!(
            matches!(&error, DataError::Malformed { message, .. } if message.ends_with("set `vocabulary: 18`")),
            "{error}"
        );
    }

    #[test]
    fn damaged_and_missing_files_are_named() {
        for (train, place) in [("2\ta\tb\tc\td\n", "line 1:"), ("1\ta\tb\tc\n", "line 1:"), (OTHER, "holds 1 ")] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), "lra_release", train);
            let error = task(json!({})).prepare(&Library::open(folder.path()), &()).err().unwrap();
            assert!(error.is_malformed("new_aan_pairs.train.tsv", place), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let error = task(json!({})).check(&Library::open(folder.path())).unwrap_err();
        assert!(error.is_missing_from("lra"), "{error}");
    }
}
