//! The files released with the Long Range Arena: `listops-1000/basic_{train,val,test}.tsv`, a heading, then one
//! `expression TAB value` per line.
//!
//! Ids are those that the loader of S4 (and of CCNN) gives: `<pad>`, `<unk>`, `<eos>` if there is an end token, then the
//! tokens of the training file by frequency, equally frequent ones in the order of their text. Every expression is evaluated
//! and compared with its value.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::tasks::language::listops::{Config, Reading, Token, VOCABULARY, evaluate, tokenise};
use crate::text::token_form::reading_name;
use crate::{
    config::{
        error::ConfigError,
        ranges::{splits, within},
    },
    formats::{
        error::FormatError,
        tables::tsv::{Rows, TsvError},
        text::whole,
    },
    library::{CacheKey, CacheWriter, DataError, Library, Sources},
    progress::Progress,
    samples::stored::Stored,
    splits::{OFFICIAL_VERSION, SplitFiles, cut_note},
    task::{Dataset, Task, TaskSpec},
    text::token_layout::{COUNT_BYTES, batch, store_sequence},
};
use vocabulary::{Metric, OutputSpec, Split, SplitSizes};

/// Name of the data set.
const SET: &str = "lra";
const FOLDERS: [&str; 3] =
    ["lra_release/lra_release/listops-1000", "lra_release/listops-1000", "lra/lra_release/lra_release/listops-1000"];
const FILES: [(&str, Split); 3] =
    [("basic_train.tsv", Split::Train), ("basic_val.tsv", Split::Validation), ("basic_test.tsv", Split::Test)];
/// Length of the loaders of S4 and CCNN, end token included.
const LENGTH: usize = 2_048;
/// Raised whenever the same files give other sequences.
const VERSION: u32 = 2;
/// Distinct tokens of the arena: ten digits, four operators, the closing bracket.
const KINDS: usize = VOCABULARY - 3;

pub(super) fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
    let standard = Config::default();
    for (field, differs) in [
        ("max_depth", config.max_depth != standard.max_depth),
        ("max_args", config.max_args != standard.max_args),
        ("min_length", config.min_length != standard.min_length),
        ("max_length", config.max_length != standard.max_length),
        ("seed", config.seed != standard.seed),
    ] {
        if differs {
            let message =
                "shapes generated expressions; leave it out with `source: lra`, which reads the released files";
            return Err(ConfigError::new(field, message));
        }
    }
    let length = config.length.unwrap_or(LENGTH);
    within("length", length, 16..=100_000)?;
    let sizes = splits(config.train_samples, config.validation_samples, config.test_samples)?;
    let end = if config.end_token { "" } else { "no-end-" };
    let reading = reading_name(config.tokens, config.padding);
    let vocabulary = VOCABULARY - usize::from(!config.end_token);
    let spec = TaskSpec {
        name: "lra-listops".to_owned(),
        version: format!("listops@lra-{length}-{end}{reading}-{VERSION}"),
        data: "lra-listops".to_owned(),
        input: config.tokens.input(vocabulary, length),
        target: OutputSpec::Classes(10),
        metric: Metric::Accuracy,
        chance: 0.17,
        splits: sizes,
    };
    let reading = Reading { length, end_token: config.end_token, padding: config.padding, tokens: config.tokens };
    Ok(Box::new(Released { spec, reading }))
}

struct Released {
    spec: TaskSpec,
    reading: Reading,
}

impl Released {
    fn folder(library: &Library) -> Result<PathBuf, DataError> {
        library.place(SET, &FOLDERS, &FILES.map(|(name, _)| name))
    }

    /// Tokens of a sequence, the end token not counted.
    fn kept(&self) -> usize {
        self.reading.length - usize::from(self.reading.end_token)
    }

    /// The values of all expressions of all files, each compared with what its expression gives.
    fn values(folder: &Path) -> Result<[Vec<u8>; 3], DataError> {
        let mut values = [vec![], vec![], vec![]];
        for ((name, _), values) in FILES.iter().zip(&mut values) {
            expressions(&folder.join(name), usize::MAX, |line, tokens, value| {
                let found = evaluate(tokens).map_err(|error| FormatError::new(place(line), error.to_string()))?;
                if found != value {
                    return Err(FormatError::new(
                        place(line),
                        format!("field `Target` is {value} and the expression has the value {found}"),
                    )
                    .into());
                }
                values.push(value);
                Ok(())
            })?;
        }
        Ok(values)
    }

    /// Refuses files with fewer expressions than the splits need.
    fn hold(&self, folder: &Path, there: SplitSizes) -> Result<(), DataError> {
        for (name, split) in FILES {
            let (found, needed) = (there.get(split), self.spec.splits.get(split));
            if found < needed {
                return Err(DataError::Malformed {
                    path: folder.join(name),
                    message: format!(
                        "holds {found} expressions and the {} split needs {needed}; lower train_samples, \
                         validation_samples or test_samples, or fetch the data again",
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
        progress: &dyn Progress,
    ) -> Result<(), DataError> {
        let kept = self.kept();
        let mut counts = [0u64; VOCABULARY];
        let (train, _) = FILES[0];
        expressions(&folder.join(train), usize::MAX, |_, tokens, _| {
            for token in tokens.iter().take(kept) {
                counts[usize::from(token.id())] += 1;
            }
            Ok(())
        })?;
        let ids = by_frequency(&counts, self.reading.end_token);
        let mut input = vec![0; COUNT_BYTES + kept];
        for (name, split) in FILES {
            let subset = files.subset(split, self.spec.splits.get(split));
            let mut record = 0;
            expressions(&folder.join(name), subset.end(), |_, tokens, value| {
                record += 1;
                if !subset.contains(record - 1) {
                    return Ok(());
                }
                input.fill(0);
                store_sequence(&mut input, tokens.iter().map(|token| ids[usize::from(token.id())]));
                writer.push(&input, &[value])?;
                progress.advance(1);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Task for Released {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let folder = Self::folder(library)?;
        let sources = Sources::read(&folder, FILES.map(|(name, _)| name.to_owned()).to_vec())?;
        let sizes = self.spec.splits;
        let files = SplitFiles::scan(library, &self.spec.data, &sources, progress, || Self::values(&folder))?;
        self.hold(&folder, files.sizes())?;
        let key = CacheKey {
            name: self.spec.data.clone(),
            version: VERSION,
            spec: json!({ "order": OFFICIAL_VERSION, "end_token": self.reading.end_token }),
            input_bytes: COUNT_BYTES + self.kept(),
            label_bytes: 1,
            sizes,
        };
        let store =
            library.cached_from(&sources, &key, progress, |writer| self.write(writer, &folder, &files, progress))?;
        let layout = self.reading.layout();
        let reconstruction = library.reconstruction(SET, &folder)?;
        let reconstruction = reconstruction.map(|note| format!("not the released files: {note}"));
        let notes = reconstruction.into_iter().chain(cut_note(sizes, files.sizes())).collect();
        let indices = files.indices(sizes);
        let processing = format!("{layout:?} {}", indices.digest());
        Ok(Box::new(
            Stored::new(store, &processing, move |store, split, positions| {
                batch(store, split, &indices.find(SET, split, positions)?, &layout)
            })
            .told(notes, vec![]),
        ))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        Self::folder(library).map(|_| ())
    }
}

fn place(line: usize) -> String {
    format!("line {line}")
}

/// What can stop one line: the line itself, or what is done with it.
enum Stop {
    Format(FormatError),
    Data(DataError),
}

impl From<FormatError> for Stop {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

impl From<DataError> for Stop {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

/// Calls `visit(line, tokens, value)` for the first `most` expressions of a file; gives their number.
fn expressions(
    path: &Path,
    most: usize,
    mut visit: impl FnMut(usize, &[Token], u8) -> Result<(), Stop>,
) -> Result<usize, DataError> {
    let malformed = |message: String| DataError::Malformed { path: path.to_path_buf(), message };
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let mut rows = Rows::new(BufReader::with_capacity(1 << 20, file), 2);
    let mut next = |wanted: &mut dyn FnMut(usize, &str, &str) -> Result<(), Stop>| -> Result<bool, DataError> {
        let row = match rows.next_row() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(false),
            Err(TsvError::Io(error)) => return Err(DataError::io("read", path)(error)),
            Err(TsvError::Format(error)) => return Err(malformed(error.to_string())),
        };
        let outcome = row
            .text(0, "Source")
            .and_then(|source| Ok((source, row.text(1, "Target")?)))
            .map_err(Stop::from)
            .and_then(|(source, target)| wanted(row.line, source, target));
        match outcome {
            Ok(()) => Ok(true),
            Err(Stop::Format(error)) => Err(malformed(error.to_string())),
            Err(Stop::Data(error)) => Err(error),
        }
    };
    next(&mut |line, source, target| {
        if (source, target) == ("Source", "Target") {
            return Ok(());
        }
        Err(FormatError::new(place(line), "the heading is not `Source TAB Target`, as in the released files").into())
    })?;
    let mut count = 0;
    while count < most {
        let more = next(&mut |line, source, target| {
            let tokens = tokenise(source).map_err(|error| FormatError::new(place(line), error.to_string()))?;
            let value = whole(target, 9).map(|value| value as u8).ok_or_else(|| {
                let target: String = target.chars().take(20).collect();
                FormatError::new(place(line), format!("field `Target` is `{target}` and not a digit"))
            })?;
            visit(line, &tokens, value)
        })?;
        if !more {
            break;
        }
        count += 1;
    }
    Ok(count)
}

/// The id of every token by its own id, for the frequencies of a training file.
fn by_frequency(counts: &[u64; VOCABULARY], end_token: bool) -> [u8; VOCABULARY] {
    let first = VOCABULARY - KINDS;
    let mut tokens: Vec<(u64, &str, usize)> = (first..VOCABULARY)
        .filter_map(|id| {
            let token = Token::from_id(id as u8)?;
            // The loaders write `X` for the closing bracket.
            let text = if token == Token::Close { "X" } else { token.text() };
            Some((counts[id], text, id))
        })
        .collect();
    tokens.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    // Tokens outside the vocabulary (FIRST, LAST) are unknown.
    let mut ids = [crate::tasks::language::listops::UNKNOWN; VOCABULARY];
    for (rank, (_, _, id)) in tokens.into_iter().enumerate() {
        ids[id] = (first - usize::from(!end_token) + rank) as u8;
    }
    ids
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::fs;

    use super::*;
    use crate::task::{Inputs, Targets, TaskDefinition};
    use crate::tasks::language::listops::{ListOps, Padding, Source, Tokens};

    const TRAIN: &str = "Source\tTarget\n( ( ( [MAX 2 ) 7 ) ] )\t7\n( ( ( ( [SM 2 ) 9 ) 9 ) ] )\t0\n";
    /// As other programs write it: a mark before the text, and the value as a number.
    const OTHER: &str = "\u{feff}Source\tTarget\r\n( ( ( [MED 2 ) 5 ) ] )\t3.0";

    fn config() -> Config {
        Config {
            source: Source::Lra,
            length: Some(16),
            train_samples: 2,
            validation_samples: 1,
            test_samples: 1,
            ..Config::default()
        }
    }

    fn write(folder: &Path, inner: &str, train: &str) -> PathBuf {
        let place = folder.join(inner).join("listops-1000");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("basic_train.tsv"), train).unwrap();
        fs::write(place.join("basic_val.tsv"), OTHER).unwrap();
        fs::write(place.join("basic_test.tsv"), OTHER).unwrap();
        place
    }

    #[test]
    fn released_files_are_read_from_both_roots_with_ids_by_frequency() {
        let mut hashes = vec![];
        for inner in ["lra_release/lra_release", "lra_release"] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), inner, TRAIN);
            let library = Library::open(folder.path());
            let task = ListOps::build(config()).unwrap();
            task.check(&library).unwrap();
            assert_eq!(task.spec().version, "listops@lra-16-embed-left-2");
            let data = task.prepare(&library, &()).unwrap();
            // The order of the split is not that of the file.
            let batch = data.read(Split::Train, &[1, 0]).unwrap();
            let (Inputs::Tokens(ids), Targets::Labels(labels)) = (batch.inputs, batch.targets) else { panic!() };
            assert_eq!(labels, [7, 0]);
            // 2, 9 and X occur twice (in the order of their text), 7, [MAX and [SM once.
            let (two, nine, close, seven, max, sum) = (3, 4, 5, 6, 7, 8);
            assert_eq!(ids[..16], [[0; 11].as_slice(), &[max, two, seven, close, 2]].concat());
            assert_eq!(ids[16..], [[0; 10].as_slice(), &[sum, two, nine, nine, close, 2]].concat());
            hashes.push(data.content_hash().to_owned());
        }
        assert_eq!(hashes[0], hashes[1]);
    }

    #[test]
    fn long_expressions_are_cut_and_the_end_token_is_optional() {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("Source\tTarget\n( [MIN {} ] )\t1\n", "1 ".repeat(30));
        write(folder.path(), "lra_release", &long);
        let settings =
            Config { train_samples: 1, end_token: false, padding: Padding::Right, tokens: Tokens::Scalar, ..config() };
        let task = ListOps::build(settings).unwrap();
        assert_eq!(task.spec().version, "listops@lra-16-no-end-scalar-right-2");
        let data = task.prepare(&Library::open(folder.path()), &()).unwrap();
        let batch = data.read(Split::Train, &[0]).unwrap();
        let Inputs::Values(values) = batch.inputs else { panic!() };
        // `1` is the most frequent token; without an end token ids begin at 2. Brackets beyond the length do not count.
        assert_eq!(values, [[3.0].as_slice(), &[2.0; 15]].concat());
        assert_eq!(batch.lengths, Some(vec![16]));
    }

    #[test]
    fn damaged_files_are_refused_with_file_and_line() {
        for (train, part) in [
            (
                "Source\tTarget\n( [MAX 2 7 ] )\t7\n( [MAX 2 7 ] )\t2\n",
                "line 3: field `Target` is 2 and the expression has the value 7",
            ),
            ("Source\tTarget\n( [MAX 2 7 ] )\tx\n", "line 2: field `Target` is `x`"),
            ("Source\tTarget\n( [AVG 2 7 ] )\t7\n", "line 2: word 1 `[AVG` is no token"),
            ("Source\tTarget\n[MAX 2 7 ]\n", "line 2: it has 1 fields"),
            ("( [MAX 2 7 ] )\t7\n", "line 1: the heading is not"),
            ("Source\tTarget\n( [MAX 2 7 ] )\t7\n", "holds 1 expressions and the train split needs 2"),
            ("", "holds 0 expressions"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), "lra_release", train);
            let error = ListOps::build(config()).unwrap().prepare(&Library::open(folder.path()), &()).err().unwrap();
            let error = error.to_string();
            assert!(error.contains(part) && error.contains("basic_train.tsv"), "{error}");
        }
    }

    #[test]
    fn missing_files_and_generator_settings_say_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let task = ListOps::build(config()).unwrap();
        for error in [task.check(&library).unwrap_err(), task.prepare(&library, &()).err().unwrap()] {
            assert!(error.is_missing());
            assert!(error.to_string().contains("`bench data fetch lra"), "{error}");
        }
        let error = ListOps::build(Config { max_depth: 5, ..config() }).err().unwrap();
        assert_eq!(error.field, "max_depth");
        // Generated sets keep the settings they always had.
        assert!(serde_json::to_value(Config::default()).unwrap().get("source").is_none());
        assert_eq!(serde_json::to_value(config()).unwrap()["source"], "lra");
    }
}
