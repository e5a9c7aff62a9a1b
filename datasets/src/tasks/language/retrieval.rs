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

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::tasks::language::text::{Level, Source, checked};
use crate::text::token_form::reading_name;
pub use crate::text::token_form::{Padding, Tokens};
use crate::{
    config::{
        error::ConfigError,
        ranges::{splits, within},
    },
    formats::{
        error::FormatError,
        tables::tsv::{Row, Rows, TsvError},
        text::{shortened, whole},
    },
    library::{CacheKey, CacheWriter, DataError, Library, Sources},
    progress::Progress,
    samples::stored::Stored,
    splits::{OFFICIAL_VERSION, SplitFiles, cut_note},
    task::{Dataset, Info, Task, TaskDefinition, TaskSpec},
    text::{
        characters::{Counts, END, MOST_IDS, Vocabulary},
        token_layout::{COUNT_BYTES, Layout, batch, store_sequence},
    },
};
use vocabulary::{Metric, OutputSpec, Split, SplitSizes};

/// Name of the data set.
const SET: &str = "lra";
const FOLDERS: [&str; 3] =
    ["lra_release/lra_release/tsv_data", "lra_release/tsv_data", "lra/lra_release/lra_release/tsv_data"];
const FILES: [(&str, Split); 3] = [
    ("new_aan_pairs.train.tsv", Split::Train),
    ("new_aan_pairs.eval.tsv", Split::Validation),
    ("new_aan_pairs.test.tsv", Split::Test),
];
const COLUMNS: usize = 5;
/// Ids of the released training texts as the S4 recipe states them.
const RELEASED_VOCABULARY: usize = 98;
const BYTE_IDS: usize = 257;
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
        let vocabulary = match given.level {
            Level::Char => RELEASED_VOCABULARY - usize::from(!end_token),
            Level::Byte => BYTE_IDS + usize::from(end_token),
        };
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
        within("length", config.length, 16..=10_000)?;
        let byte_ids = BYTE_IDS + usize::from(config.end_token);
        match config.level {
            Level::Char => within("vocabulary", config.vocabulary, 4..=MOST_IDS)?,
            Level::Byte => within("vocabulary", config.vocabulary, byte_ids..=byte_ids)?,
        }
        let sizes = splits(config.train_samples, config.validation_samples, config.test_samples)?;
        let end = match (config.level, config.end_token) {
            (Level::Char, false) => "-no-end",
            (Level::Byte, true) => "-end",
            _ => "",
        };
        let reading = reading_name(config.tokens, config.padding);
        let spec = TaskSpec {
            name: "retrieval".to_owned(),
            version: format!("lra-retrieval@{}-{}{end}-{reading}-{VERSION}", config.level.name(), config.length),
            data: "lra-aan".to_owned(),
            input: config.tokens.input(config.vocabulary, config.length),
            target: OutputSpec::Pair(2),
            metric: Metric::Accuracy,
            chance: 0.5,
            splits: sizes,
        };
        Ok(Box::new(Configured { spec, config }))
    }
}

struct Configured {
    spec: TaskSpec,
    config: Config,
}

impl Configured {
    fn folder(library: &Library) -> Result<PathBuf, DataError> {
        library.place(SET, &FOLDERS, &FILES.map(|(name, _)| name))
    }

    /// Tokens of each text, the end token not counted.
    fn kept(&self) -> usize {
        self.config.length - usize::from(self.config.end_token)
    }

    /// The labels of all pairs of all files.
    fn labels(folder: &Path) -> Result<[Vec<u8>; 3], DataError> {
        let mut labels = [vec![], vec![], vec![]];
        for ((name, _), labels) in FILES.iter().zip(&mut labels) {
            pairs(&folder.join(name), usize::MAX, |_, label| {
                labels.push(label);
                Ok(())
            })?;
        }
        Ok(labels)
    }

    /// Refuses files with fewer pairs than the splits need.
    fn hold(&self, folder: &Path, there: SplitSizes) -> Result<(), DataError> {
        for (name, split) in FILES {
            let (found, needed) = (there.get(split), self.spec.splits.get(split));
            if found < needed {
                return Err(DataError::Malformed {
                    path: folder.join(name),
                    message: format!(
                        "holds {found} pairs and the {} split needs {needed}; lower train_samples, validation_samples or \
                         test_samples, or fetch the data again",
                        split.name()
                    ),
                });
            }
        }
        Ok(())
    }

    fn write(
        &self,
        writer: &mut CacheWriter<'_>,
        folder: &Path,
        files: &SplitFiles,
        vocabulary: Option<&Vocabulary>,
        progress: &dyn Progress,
    ) -> Result<(), DataError> {
        let part = COUNT_BYTES + self.kept();
        let mut input = vec![0; 2 * part];
        for (name, split) in FILES {
            let subset = files.subset(split, self.spec.splits.get(split));
            let mut record = 0;
            pairs(&folder.join(name), subset.end(), |texts, label| {
                record += 1;
                if !subset.contains(record - 1) {
                    return Ok(());
                }
                input.fill(0);
                for (room, text) in input.chunks_exact_mut(part).zip(texts) {
                    match vocabulary {
                        Some(vocabulary) => store_sequence(room, text.chars().map(|c| vocabulary.id(c))),
                        None => store_sequence(room, text.bytes()),
                    }
                }
                writer.push(&input, &[label])?;
                progress.advance(1);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Task for Configured {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let folder = Self::folder(library)?;
        let sources = Sources::read(&folder, FILES.map(|(name, _)| name.to_owned()).to_vec())?;
        let sizes = self.spec.splits;
        let files = SplitFiles::scan(library, "aan", &sources, progress, || Self::labels(&folder))?;
        self.hold(&folder, files.sizes())?;
        let vocabulary = match self.config.level {
            Level::Byte => None,
            Level::Char => {
                let source = Source { name: "aan-vocabulary", files: &sources, kept: self.kept() };
                let characters = source.frequent(library, 1, progress, || {
                    let mut counts = Counts::default();
                    pairs(&folder.join(FILES[0].0), usize::MAX, |texts, _| {
                        for text in texts {
                            counts.add(text.chars().take(self.kept()));
                        }
                        Ok(())
                    })?;
                    Ok(counts)
                })?;
                Some(checked(characters, self.config.end_token, self.config.vocabulary, &folder)?)
            }
        };
        let key = CacheKey {
            name: format!("aan-{}", self.config.level.name()),
            version: VERSION,
            spec: json!({
                "order": OFFICIAL_VERSION,
                "characters": vocabulary.as_ref().map(|vocabulary| vocabulary.characters().iter().collect::<String>()),
                "end_token": self.config.end_token,
            }),
            input_bytes: 2 * (COUNT_BYTES + self.kept()),
            label_bytes: 1,
            sizes,
        };
        let store = library.cached_from(&sources, &key, progress, |writer| {
            self.write(writer, &folder, &files, vocabulary.as_ref(), progress)
        })?;
        let layout = Layout {
            length: self.config.length,
            offset: i32::from(vocabulary.is_none()),
            end: self.config.end_token.then(|| if vocabulary.is_some() { i32::from(END) } else { BYTE_IDS as i32 }),
            padding: self.config.padding,
            tokens: self.config.tokens,
            rows: 2,
        };
        let reconstruction = library.reconstruction(SET, &folder)?;
        let reconstruction = reconstruction.map(|note| format!("not the released files: {note}"));
        let notes = reconstruction.into_iter().chain(cut_note(sizes, files.sizes())).collect();
        let description = vec![match &vocabulary {
            None => ("vocabulary".to_owned(), format!("{BYTE_IDS} ids: 256 bytes and padding")),
            Some(vocabulary) => (
                "vocabulary".to_owned(),
                format!("{} ids, {} of them characters", vocabulary.len(), vocabulary.characters().len()),
            ),
        }];
        let indices = files.indices(sizes);
        let processing = format!("{layout:?} {}", indices.digest());
        Ok(Box::new(
            Stored::new(store, &processing, move |store, split, positions| {
                batch(store, split, &indices.find(SET, split, positions)?, &layout)
            })
            .told(notes, description),
        ))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        Self::folder(library).map(|_| ())
    }
}

/// Calls `visit(texts, label)` for the first `most` pairs of a file; gives their number.
fn pairs(
    path: &Path,
    most: usize,
    mut visit: impl FnMut([&str; 2], u8) -> Result<(), DataError>,
) -> Result<usize, DataError> {
    let malformed = |error: FormatError| DataError::Malformed { path: path.to_path_buf(), message: error.to_string() };
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let mut rows = Rows::new(BufReader::with_capacity(1 << 20, file), COLUMNS);
    let mut count = 0;
    while count < most {
        let row = match rows.next_row() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(TsvError::Io(error)) => return Err(DataError::io("read", path)(error)),
            Err(TsvError::Format(error)) => return Err(malformed(error)),
        };
        let (texts, label) = pair(&row).map_err(malformed)?;
        visit(texts, label)?;
        count += 1;
    }
    Ok(count)
}

fn pair<'a>(row: &'a Row<'_>) -> Result<([&'a str; 2], u8), FormatError> {
    let label = row.text(0, "label")?;
    let class = whole(label, 1).ok_or_else(|| {
        let message = format!("field `label` is `{}` and not 0 or 1", shortened(label));
        FormatError::new(format!("line {}", row.line), message)
    })?;
    Ok(([row.text(3, "text1")?, row.text(4, "text2")?], class as u8))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::fs;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        registry::find,
        task::{Inputs, Targets},
    };
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
        let sheet = crate::preview::draw(task.spec(), data.as_ref(), Split::Train, 5).unwrap();
        assert_eq!(sheet.labels, ["0", "1"]);
        let single = task_of_text(folder.path());
        let height = |sheet: &crate::preview::ContactSheet| sheet.image.height();
        assert_eq!(height(&sheet) - height(&single), 14 + 2, "one more strip and the line between");
    }

    /// A sheet of one row of single texts.
    fn task_of_text(root: &Path) -> crate::preview::ContactSheet {
        for (folder, name) in [("train/neg", "0_1"), ("train/pos", "0_9"), ("test/neg", "0_1"), ("test/pos", "0_9")] {
            fs::create_dir_all(root.join("aclImdb").join(folder)).unwrap();
            fs::write(root.join("aclImdb").join(folder).join(format!("{name}.txt")), "a text").unwrap();
        }
        let settings = json!({
            "level": "byte", "length": 16, "train_samples": 1, "validation_samples": 1, "test_samples": 2,
        });
        let task = (find("text").unwrap().build)(&settings).unwrap();
        let data = task.prepare(&Library::open(root), &()).unwrap();
        crate::preview::draw(task.spec(), data.as_ref(), Split::Test, 2).unwrap()
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
        let error = self::task(json!({"vocabulary": 17})).prepare(&library, &()).err().unwrap().to_string();
        assert!(error.contains("15 frequent characters") && error.contains("set `vocabulary: 18`"), "{error}");
    }

    #[test]
    fn damaged_and_missing_files_are_named() {
        for (train, part) in [
            ("2\ta\tb\tc\td\n", "line 1: field `label` is `2`"),
            ("1\ta\tb\tc\n", "line 1: it has 4 fields"),
            (OTHER, "holds 1 pairs and the train split needs 2"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), "lra_release", train);
            let error = task(json!({})).prepare(&Library::open(folder.path()), &()).err().unwrap().to_string();
            assert!(error.contains(part) && error.contains("new_aan_pairs.train.tsv"), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let error = task(json!({})).check(&Library::open(folder.path())).unwrap_err();
        assert!(error.is_missing() && error.to_string().contains("`bench data fetch lra"), "{error}");
    }
}
