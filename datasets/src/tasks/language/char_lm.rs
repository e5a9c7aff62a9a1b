//! Character language model: the next character at every step.
//!
//! The text is `<data>/tinyshakespeare/input.txt` (Karpathy, "The Unreasonable Effectiveness of Recurrent Neural Networks",
//! 2015; 1 115 394 characters) or any other. Its first 90 % of characters are for training, the next 5 % for validation, the
//! rest for the test. Each part is cut into windows of `length` steps, input and target one character apart; the last window
//! ends with its part, and its steps that another window has scored already have no target, so that every character but the
//! first is scored once. The windows of a part come in a seeded random order, so that the first ones are from all over it and
//! not its beginning; a model does not learn which window follows which.
//!
//! Characters are Unicode scalar values; the vocabulary are those of the training part, from id 1 on in the order of their
//! code points, and id 0 for all others. A model that sees later steps sees its targets: take causal baselines only.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{ConfigError, within};
use crate::files::listing::malformed;
use crate::files::small_file;
use crate::formats::text::text;
use crate::library::{DataError, Library};
use crate::progress::Progress;
use crate::splits::shuffle;
use crate::task::{Batch, Dataset, Info, Inputs, Targets, Task, TaskDefinition, TaskSpec};
use vocabulary::{InputSpec, Metric, OutputSpec, Split, SplitSizes};

const SET: &str = "tinyshakespeare";
const FILE: &str = "input.txt";
const CHARACTERS: usize = 1_115_394;
/// Different characters of tiny Shakespeare, and the unknown one.
const VOCABULARY: usize = 66;
/// Vocabulary of other texts, unless it is set.
const OTHER_VOCABULARY: usize = 256;
/// Bits per character of the test part by the frequencies of the training part.
const CHANCE: f64 = 4.8503;
/// Seed of the order of the training windows; the next ones are those of the other parts.
const SHUFFLE_SEED: u64 = 20_261_129;
/// Largest text.
const LARGEST: u64 = 1 << 30;
const IGNORED: i32 = -1;

/// Settings of the character language model.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Steps of a window, 2 to 100 000.
    #[schemars(range(min = 2, max = 100_000))]
    pub length: usize,
    /// Another text (UTF-8, up to 1 GiB) than tiny Shakespeare. It is read when the settings are checked, since the sizes of
    /// the splits follow from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Ids, the unknown one included, 2 to 65 536; default: 66 for tiny Shakespeare, which is exact, and 256 for another text.
    /// Where the training part has more characters, the rarest become unknown.
    #[schemars(range(min = 2, max = 65_536))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self { length: 256, file: None, vocabulary: None }
    }
}

/// Character language model.
pub struct CharacterModel;

impl TaskDefinition for CharacterModel {
    type Config = Config;
    const INFO: Info = Info {
        name: "char-lm",
        summary: "next character of tiny Shakespeare, or of any text (bits per character, by frequency 4.85; causal baselines only)",
        source: "Karpathy 2015 (tiny Shakespeare); a text of one's own with `file`",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        within("length", config.length, 2..=100_000)?;
        let usual = if config.file.is_some() { OTHER_VOCABULARY } else { VOCABULARY };
        let vocabulary = config.vocabulary.unwrap_or(usual);
        within("vocabulary", vocabulary, 2..=65_536)?;
        let length = config.length;
        let (label, splits, chance) = match &config.file {
            None => {
                let parts = parts(CHARACTERS).map(|part| windows(part, length));
                let [train, validation, test] = parts;
                (SET.to_owned(), SplitSizes { train, validation, test }, CHANCE)
            }
            Some(path) => {
                let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
                // Without the text there are no sizes: `check` then says what is wrong with it, before anything starts.
                let (sizes, chance) = match read(path) {
                    Ok(text) => {
                        let encoded = Encoded::new(&text, vocabulary);
                        (
                            parts(encoded.ids.len()).map(|part| windows(part, length)),
                            by_frequency(&encoded.ids, vocabulary),
                        )
                    }
                    Err(_) => ([0; 3], (vocabulary as f64).log2()),
                };
                let [train, validation, test] = sizes;
                (stem.chars().map(safe).collect(), SplitSizes { train, validation, test }, chance)
            }
        };
        let spec = TaskSpec {
            name: if config.file.is_none() { "char-lm".to_owned() } else { format!("char-lm-{label}") },
            version: format!("char-lm@{label}-{length}-v{vocabulary}-2"),
            data: label,
            input: InputSpec::Tokens { vocabulary, length },
            target: OutputSpec::PerStep(vocabulary),
            metric: Metric::BitsPerCharacter,
            chance,
            splits,
        };
        Ok(Box::new(CharacterModelTask { spec, length, vocabulary, file: config.file }))
    }
}

/// Characters of training, validation and test.
fn parts(characters: usize) -> [usize; 3] {
    let (train, validation) = (characters * 90 / 100, characters * 5 / 100);
    [train, validation, characters - train - validation]
}

/// Bits per character of the test part by the frequencies of the training part, where every id is counted once more, so
/// that none has no share.
fn by_frequency(ids: &[u16], vocabulary: usize) -> f64 {
    let [train, validation, test] = parts(ids.len());
    let mut counts = vec![1u64; vocabulary];
    ids[..train].iter().for_each(|&id| counts[usize::from(id)] += 1);
    let total = (train + vocabulary) as f64;
    let bits = |&id: &u16| -(counts[usize::from(id)] as f64 / total).log2();
    ids[train + validation..].iter().map(bits).sum::<f64>() / test.max(1) as f64
}

/// Windows of a part: as many as score every character but the first.
fn windows(characters: usize, length: usize) -> usize {
    characters.saturating_sub(1).div_ceil(length)
}

struct CharacterModelTask {
    spec: TaskSpec,
    length: usize,
    vocabulary: usize,
    file: Option<PathBuf>,
}

/// The text of a file.
fn read(path: &Path) -> Result<String, DataError> {
    let bytes = small_file::read(path, LARGEST, "texts")?;
    decoded(path, &bytes)
}

/// The text that `bytes` of the file at `path` are.
fn decoded(path: &Path, bytes: &[u8]) -> Result<String, DataError> {
    let text = text(bytes).map_err(|error| malformed(path, format!("{error}; convert it to UTF-8")))?;
    Ok(text.to_owned())
}

/// The text of the data set, and whether it is another one than it should be. That of the right size, or one that a manifest
/// speaks of, has to have the checksum that is known of it; a part of the text is read as it is.
fn of_the_set(library: &Library) -> Result<(String, bool), DataError> {
    let path = library.folder(SET).join(FILE);
    let bytes = fs::metadata(&path).map_err(DataError::io("read", &path))?.len();
    let (set, reconstructed) = library.data_set(SET)?;
    let known = set.files.iter().any(|file| file.name == FILE && file.bytes == bytes);
    if known || reconstructed.is_some() {
        let text = decoded(&path, &library.read_file(SET, FILE)?)?;
        let other = text.chars().count() != CHARACTERS;
        return Ok((text, other));
    }
    Ok((read(&path)?, true))
}

/// Refuses a text that is too short for a window in each part.
fn long_enough(characters: usize, length: usize) -> Result<(), String> {
    match parts(characters).into_iter().find(|&part| part <= length) {
        None => Ok(()),
        Some(short) => Err(format!(
            "{characters} characters give a part of {short}, which holds no window of {length} steps and the character after \
             it; lower `length` or take a longer text"
        )),
    }
}

impl CharacterModelTask {
    fn path(&self, library: &Library) -> PathBuf {
        self.file.clone().unwrap_or_else(|| library.folder(SET).join(FILE))
    }
}

impl Task for CharacterModelTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let path = self.path(library);
        if self.file.is_none() && !path.exists() {
            return Err(library.missing(SET, FILE));
        }
        progress.begin("reading the text", 1);
        let text = match &self.file {
            Some(path) => read(path).map(|text| (text, false)),
            None => of_the_set(library),
        };
        progress.advance(1);
        progress.finish();
        let (text, other) = text?;
        let encoded = Encoded::new(&text, self.vocabulary);
        let bytes = text.len();
        let mut text = Text::new(encoded, self.length).map_err(|message| malformed(&path, message))?;
        if other {
            let found = text.ids.len();
            text.notes.push(format!(
                "not the usual text: {found} characters of {bytes} bytes, where {CHARACTERS} of one byte each are expected"
            ));
        }
        if self.file.is_none() {
            text.notes.extend(library.not_official(SET, &library.folder(SET))?);
        }
        if self.file.is_some() && Split::ALL.iter().any(|&split| text.len(split) != self.spec.splits.get(split)) {
            return Err(malformed(&path, "it has changed just now; run the command again"));
        }
        for note in &text.notes {
            tracing::warn!("{}: {note}", self.spec.name);
        }
        Ok(Box::new(text))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        let path = self.path(library);
        match &self.file {
            None if path.exists() => Ok(()),
            None => Err(library.missing(SET, FILE)),
            Some(path) => {
                long_enough(read(path)?.chars().count(), self.length).map_err(|message| malformed(path, message))
            }
        }
    }
}

/// A text as ids.
struct Encoded {
    ids: Vec<u16>,
    /// Characters with an id.
    alphabet: Vec<char>,
    /// Different characters of the training part that have none.
    left_out: usize,
}

impl Encoded {
    fn new(text: &str, vocabulary: usize) -> Self {
        let characters = text.chars().count();
        let mut counts: HashMap<char, u64> = HashMap::new();
        for character in text.chars().take(parts(characters)[0]) {
            *counts.entry(character).or_default() += 1;
        }
        let mut known: Vec<(char, u64)> = counts.into_iter().collect();
        known.sort_by_key(|&(character, count)| (std::cmp::Reverse(count), character));
        let left_out = known.len().saturating_sub(vocabulary - 1);
        known.truncate(vocabulary - 1);
        let mut alphabet: Vec<char> = known.into_iter().map(|(character, _)| character).collect();
        alphabet.sort_unstable();
        let id: HashMap<char, u16> =
            alphabet.iter().enumerate().map(|(place, &character)| (character, place as u16 + 1)).collect();
        let ids = text.chars().map(|character| id.get(&character).copied().unwrap_or(0)).collect();
        Self { ids, alphabet, left_out }
    }
}

struct Text {
    ids: Vec<u16>,
    /// First character of every part, and the end.
    bounds: [usize; 4],
    /// Windows of every part, in the order of the split.
    orders: [Vec<u32>; 3],
    length: usize,
    content_hash: String,
    notes: Vec<String>,
}

impl Text {
    fn new(encoded: Encoded, length: usize) -> Result<Self, String> {
        let Encoded { ids, alphabet, left_out } = encoded;
        long_enough(ids.len(), length)?;
        let [train, validation, _] = parts(ids.len());
        let bounds = [0, train, train + validation, ids.len()];
        let mut hasher = Sha256::new();
        hasher.update(format!("char-lm shuffled {length} {bounds:?} {alphabet:?}\n"));
        ids.iter().for_each(|id| hasher.update(id.to_le_bytes()));
        let mut notes = vec![];
        let unknown = Split::ALL.map(|split| {
            let part = &ids[bounds[split as usize]..bounds[split as usize + 1]];
            100.0 * part.iter().filter(|&&id| id == 0).count() as f64 / part.len() as f64
        });
        if left_out > 0 || unknown.iter().any(|&share| share > 0.0) {
            notes.push(format!(
                "{left_out} rare characters of the training part have no id; unknown are {:.3} % of the training, {:.3} % of \
                 the validation and {:.3} % of the test characters",
                unknown[0], unknown[1], unknown[2]
            ));
        }
        let orders = [0, 1, 2]
            .map(|part: usize| shuffle(windows(bounds[part + 1] - bounds[part], length), SHUFFLE_SEED + part as u64));
        Ok(Self { ids, bounds, orders, length, content_hash: format!("{:x}", hasher.finalize()), notes })
    }

    fn part(&self, split: Split) -> &[u16] {
        &self.ids[self.bounds[split as usize]..self.bounds[split as usize + 1]]
    }
}

impl Dataset for Text {
    fn len(&self, split: Split) -> usize {
        self.orders[split as usize].len()
    }

    fn content_hash(&self) -> &str {
        &self.content_hash
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
        let (part, length) = (self.part(split), self.length);
        let order = &self.orders[split as usize];
        let mut tokens = Vec::with_capacity(positions.len() * length);
        let mut labels = Vec::with_capacity(positions.len() * length);
        for &position in positions {
            let Some(&window) = order.get(position) else {
                let (what, len) = ("char-lm".to_owned(), order.len());
                return Err(DataError::Position { what, split: split.name(), position, len });
            };
            let wanted = window as usize * length;
            let start = wanted.min(part.len() - 1 - length);
            let scored = wanted - start;
            tokens.extend(part[start..start + length].iter().map(|&id| i32::from(id)));
            labels.extend(std::iter::repeat_n(IGNORED, scored));
            labels.extend(part[start + 1 + scored..=start + length].iter().map(|&id| i32::from(id)));
        }
        Ok(Batch {
            size: positions.len(),
            inputs: Inputs::Tokens(tokens),
            targets: Targets::Labels(labels),
            lengths: None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::fs;

    use super::*;

    fn prepared(text: &str, length: usize, vocabulary: Option<usize>) -> Result<Box<dyn Dataset>, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("my text.txt");
        fs::write(&file, text).unwrap();
        let config = Config { length, file: Some(file), vocabulary };
        CharacterModel::build(config).unwrap().prepare(&Library::open(folder.path()), &())
    }

    fn everything(data: &dyn Dataset, split: Split) -> (Vec<i32>, Vec<i32>) {
        let batch = data.read(split, &(0..data.len(split)).collect::<Vec<_>>()).unwrap();
        match (batch.inputs, batch.targets) {
            (Inputs::Tokens(tokens), Targets::Labels(labels)) => (tokens, labels),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_character_but_the_first_is_scored_once_after_the_one_before() {
        let text: String = (0..1_000u32).map(|i| char::from(b'a' + (i * i % 26) as u8)).collect();
        let data = prepared(&text, 7, None).unwrap();
        let mut known: Vec<char> = text[..900].chars().collect();
        known.sort_unstable();
        known.dedup();
        let id = |character: u8| known.iter().position(|&k| k == char::from(character)).unwrap() as i32 + 1;
        for (split, part) in [
            (Split::Train, &text.as_bytes()[..900]),
            (Split::Validation, &text.as_bytes()[900..950]),
            (Split::Test, &text.as_bytes()[950..]),
        ] {
            assert_eq!(data.len(split), (part.len() - 1).div_ceil(7));
            let (tokens, labels) = everything(data.as_ref(), split);
            let mut pairs: Vec<(i32, i32)> =
                tokens.into_iter().zip(labels).filter(|(_, label)| *label != IGNORED).collect();
            let mut expected: Vec<(i32, i32)> = part.windows(2).map(|pair| (id(pair[0]), id(pair[1]))).collect();
            assert_ne!(pairs, expected, "windows are shuffled");
            pairs.sort_unstable();
            expected.sort_unstable();
            assert_eq!(pairs, expected, "{split:?}");
        }
    }

    #[test]
    fn the_vocabulary_is_that_of_the_training_part() {
        let text = format!("{}{}", "abcé".repeat(225), "abzé".repeat(25));
        let data = prepared(&text, 4, None).unwrap();
        assert!(data.notes()[0].contains("unknown are 0.000 % of the training, 24.000 % of"), "{:?}", data.notes());
        let (tokens, _) = everything(data.as_ref(), Split::Test);
        // Code points: a, b, c, é; z is unknown.
        assert!(tokens.iter().all(|id| [0, 1, 2, 4].contains(id)));
        let few = prepared(&text, 4, Some(3)).unwrap();
        assert!(few.notes()[0].starts_with("2 rare characters"), "{:?}", few.notes());
        assert!(everything(few.as_ref(), Split::Train).0.iter().all(|id| (0..3).contains(id)));
        assert_ne!(data.content_hash(), few.content_hash());
        // A byte order mark is no character.
        let marked = prepared(&format!("\u{feff}{text}"), 4, None).unwrap();
        assert_eq!(data.content_hash(), marked.content_hash());
    }

    #[test]
    fn unfit_texts_and_settings_are_refused_by_name() {
        let error = prepared(&"ab".repeat(50), 5, None).err().unwrap();
        assert!(error.is_malformed("my text.txt", ""), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bytes");
        fs::write(&file, b"abc\xff").unwrap();
        let build = |config| CharacterModel::build(config);
        let task = build(Config { file: Some(file), ..Config::default() }).unwrap();
        let error = task.prepare(&Library::open(folder.path()), &()).err().unwrap();
        assert!(error.is_malformed("bytes", "byte 3"), "{error}");
        assert_eq!(build(Config { length: 1, ..Config::default() }).err().unwrap().field, "length");
        assert_eq!(build(Config { vocabulary: Some(1), ..Config::default() }).err().unwrap().field, "vocabulary");
        let task = build(Config::default()).unwrap();
        assert!(task.check(&Library::open(folder.path())).unwrap_err().is_missing());
        let task = build(Config { file: Some("absent.txt".into()), ..Config::default() }).unwrap();
        let error = task.check(&Library::open(folder.path())).unwrap_err();
        assert!(matches!(&error, DataError::Io { path, .. } if path.ends_with("absent.txt")), "{error}");
    }

    #[test]
    fn a_changed_text_of_the_set_is_refused_and_another_one_has_a_note() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let path = library.folder(SET).join(FILE);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let prepare = |text: &str| {
            fs::write(&path, text).unwrap();
            CharacterModel::build(Config::default()).unwrap().prepare(&library, &())
        };
        // As long as the right one.
        let altered = "ab".repeat(CHARACTERS / 2);
        let error = prepare(&altered).err().unwrap();
        assert!(matches!(&error, DataError::Checksum { .. }), "{error}");
        // Of as many characters, and more bytes.
        for text in [&altered[..20_000], &format!("{}é", &altered[1..])] {
            let notes = prepare(text).unwrap().notes();
            assert!(notes.iter().any(|note| note.starts_with("not the usual text: ")), "{notes:?}");
        }
        let sum = format!("{:x}", Sha256::digest(&altered));
        let manifest = serde_json::json!({
            "schema": 1, "reconstructed": "two letters", "files": { FILE: { "bytes": altered.len(), "sha256": sum } },
        });
        fs::write(library.folder(SET).join("bench-data.json"), manifest.to_string()).unwrap();
        let notes = prepare(&altered).unwrap().notes();
        assert!(notes.iter().any(|note| note.starts_with("reconstructed: two letters")), "{notes:?}");
        assert!(matches!(prepare(&altered[..20_000]), Err(DataError::Checksum { .. })));
    }

    #[test]
    fn names_tell_text_length_and_vocabulary() {
        let task = CharacterModel::build(Config::default()).unwrap();
        assert_eq!(task.spec().version, "char-lm@tinyshakespeare-256-v66-2");
        assert_eq!(task.spec().splits, SplitSizes { train: 3_922, validation: 218, test: 218 });
        let config = Config { file: Some("some/my text.txt".into()), ..Config::default() };
        let spec = CharacterModel::build(config).unwrap().spec().clone();
        assert_eq!((spec.name.as_str(), spec.version.as_str()), ("char-lm-my-text", "char-lm@my-text-256-v256-2"));
    }

    #[test]
    fn a_text_of_ones_own_has_sizes_before_it_is_prepared() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let file = folder.path().join("own.txt");
        // Characters count, not bytes.
        fs::write(&file, "äbc".repeat(1_000)).unwrap();
        let build =
            || CharacterModel::build(Config { length: 10, file: Some(file.clone()), vocabulary: None }).unwrap();
        let task = build();
        assert_eq!(task.spec().splits, SplitSizes { train: 270, validation: 15, test: 15 });
        // Three characters alike, counted 901 times, and 253 ids that do not occur.
        assert!((task.spec().chance - (2_956f64 / 901.0).log2()).abs() < 1e-12, "{}", task.spec().chance);
        let data = task.prepare(&library, &()).unwrap();
        assert_eq!(Split::ALL.map(|split| data.len(split)), [270, 15, 15]);
        let few = crate::samples::limit(build(), SplitSizes { train: 20, validation: 4, test: 4 });
        assert_eq!(few.spec().splits, SplitSizes { train: 20, validation: 4, test: 4 });
        assert_eq!(few.prepare(&library, &()).unwrap().len(Split::Test), 4);
        fs::write(&file, "äbc".repeat(2_000)).unwrap();
        assert!(task.prepare(&library, &()).err().unwrap().is_malformed("own.txt", ""));
        fs::write(&file, "äbc").unwrap();
        assert!(build().check(&library).unwrap_err().is_malformed("own.txt", ""));
    }

    #[test]
    #[ignore = "needs BENCH_DATA, a folder with tinyshakespeare"]
    fn tiny_shakespeare_has_66_ids_and_no_unknown_character() {
        let root = crate::files::given_data::folder(SET);
        let task = CharacterModel::build(Config::default()).unwrap();
        let data = task.prepare(&Library::open(root), &()).unwrap();
        assert!(data.notes().is_empty(), "{:?}", data.notes());
        for split in Split::ALL {
            assert_eq!(data.len(split), task.spec().splits.get(split));
        }
        let (_, labels) = everything(data.as_ref(), Split::Train);
        let mut counts = [0u32; VOCABULARY];
        labels.iter().filter(|&&label| label >= 0).for_each(|&label| counts[label as usize] += 1);
        assert!(counts[0] == 0 && counts[1..].iter().all(|&count| count > 0));
        let (_, test) = everything(data.as_ref(), Split::Test);
        let scored: Vec<i32> = test.into_iter().filter(|&label| label >= 0).collect();
        assert_eq!(scored.len(), 55_770);
        let total = f64::from(counts.iter().sum::<u32>());
        let bits: f64 = scored.iter().map(|&label| -(f64::from(counts[label as usize]) / total).log2()).sum();
        assert!((bits / 55_770.0 - task.spec().chance).abs() < 1e-3, "{}", bits / 55_770.0);
    }
}
