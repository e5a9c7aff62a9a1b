//! The files released with the Long Range Arena: `listops-1000/basic_{train,val,test}.tsv`, a heading, then one
//! `expression TAB value` per line.
//!
//! Ids are those that the loader of S4 (and of CCNN) gives: `<pad>`, `<unk>`, `<eos>` if there is an end token, then the
//! tokens of the training file by frequency, equally frequent ones in the order of their text. Every expression is evaluated
//! and compared with its value.

use std::path::{Path, PathBuf};

use serde_json::json;
use vocabulary::record::SampleAttribute;
use vocabulary::{Metric, OutputSpec, Split, SplitSizes};

use crate::config::{ConfigError, any_sizes, within};
use crate::formats::FormatError;
use crate::formats::tables::tsv::Row;
use crate::formats::text::whole;
use crate::library::{CacheKey, CacheWriter, DataError, Library, SampleStore};
use crate::progress::Progress;
use crate::samples::Annotate;
use crate::splits::{OFFICIAL_VERSION, SplitFiles};
use crate::task::{Dataset, Positions, Task, TaskSpec};
use crate::tasks::language::listops::config::Config;
use crate::tasks::language::listops::difficulty::{Difficulty, attributes, difficulty, text};
use crate::tasks::language::listops::expression::{Token, UNKNOWN, VOCABULARY, evaluate, tokenise};
use crate::tasks::language::lra_files::{FoundFiles, LraFiles, malformed_row, next_row, open_rows};
use crate::text::{COUNT_BYTES, TokenLayout, form_name, store_sequence};

static FILES: LraFiles = LraFiles {
    folders: [
        "lra_release/lra_release/listops-1000",
        "lra_release/listops-1000",
        "lra/lra_release/lra_release/listops-1000",
    ],
    names: ["basic_train.tsv", "basic_val.tsv", "basic_test.tsv"],
    records: "expressions",
};
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
    let splits = any_sizes(config.sizes())?;
    let end = if config.end_token { "" } else { "no-end-" };
    let form = form_name(config.tokens, config.padding);
    let vocabulary = VOCABULARY - usize::from(!config.end_token);
    let spec = TaskSpec {
        name: "lra-listops".to_owned(),
        version: format!("listops@lra-{length}-{end}{form}-{VERSION}"),
        data: "lra-listops".to_owned(),
        input: config.tokens.input(vocabulary, length),
        target: OutputSpec::Classes(10),
        metric: Metric::Accuracy,
        chance: 0.17,
        splits,
    };
    Ok(Box::new(ReleasedTask { spec, layout: config.layout(length) }))
}

struct ReleasedTask {
    spec: TaskSpec,
    layout: TokenLayout,
}

impl ReleasedTask {
    fn write(
        &self,
        writer: &mut CacheWriter<'_>,
        found: &FoundFiles,
        files: &SplitFiles,
        progress: &dyn Progress,
    ) -> Result<(), DataError> {
        let kept = self.layout.kept();
        let mut counts = [0u64; VOCABULARY];
        expressions(&found.path(Split::Train), usize::MAX, |_, tokens, _| {
            for token in tokens.iter().take(kept) {
                counts[usize::from(token.id())] += 1;
            }
            Ok(())
        })?;
        let ids = by_frequency(&counts, self.layout.end.is_some());
        let mut input = vec![0; COUNT_BYTES + kept];
        for split in Split::ALL {
            let subset = files.subset(split, self.spec.splits.get(split));
            let mut records = 0..subset.end();
            expressions(&found.path(split), subset.end(), |_, tokens, value| {
                if !records.next().is_some_and(|record| subset.contains(record)) {
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

impl Task for ReleasedTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn positions(&self) -> Positions {
        self.layout.positions()
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let found = FILES.find(library)?;
        let sizes = self.spec.splits;
        let files = found.scan(library, &self.spec.data, sizes, progress, values)?;
        let key = CacheKey {
            name: self.spec.data.clone(),
            version: VERSION,
            spec: json!({ "order": OFFICIAL_VERSION, "end_token": self.layout.end.is_some() }),
            input_bytes: COUNT_BYTES + self.layout.kept(),
            label_bytes: 1,
            sizes,
        };
        let store = library
            .cached_from(&found.sources, &key, progress, |writer| self.write(writer, &found, &files, progress))?;
        let expressions =
            FiledExpressions { paths: Split::ALL.map(|split| found.path(split)), files: files.clone(), sizes };
        Ok(Box::new(found.dataset(library, store, self.layout, &files, sizes, vec![])?.annotated(expressions)))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        FILES.folder(library).map(|_| ())
    }
}

/// The expressions of the files themselves: what is stored are ids by frequency, of expressions that may be cut.
struct FiledExpressions {
    paths: [PathBuf; 3],
    files: SplitFiles,
    sizes: SplitSizes,
}

impl FiledExpressions {
    /// Calls `visit(place, tokens)` for every stored expression of `split`, in the order of the store.
    fn visit(&self, split: Split, mut visit: impl FnMut(usize, &[Token])) -> Result<(), DataError> {
        let subset = self.files.subset(split, self.sizes.get(split));
        let (mut record, mut place) = (0, 0);
        expressions(&self.paths[split as usize], subset.end(), |_, tokens, _| {
            if subset.contains(record) {
                visit(place, tokens);
                place += 1;
            }
            record += 1;
            Ok(())
        })
    }
}

impl Annotate for FiledExpressions {
    fn attributes(&self, _: &SampleStore, split: Split, places: &[usize]) -> Result<Vec<SampleAttribute>, DataError> {
        let mut all = vec![];
        self.visit(split, |_, tokens| all.push(difficulty(tokens)))?;
        let rows: Vec<Difficulty> = places.iter().map(|place| all.get(*place).copied().unwrap_or_default()).collect();
        Ok(attributes(&rows))
    }

    fn texts(&self, _: &SampleStore, split: Split, wanted: usize) -> Result<Vec<String>, DataError> {
        let mut texts = vec![];
        self.visit(split, |place, tokens| texts.extend((place == wanted).then(|| text(tokens))))?;
        Ok(texts)
    }
}

/// The values of all expressions of a file, each compared with what its expression gives.
fn values(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut values = vec![];
    expressions(path, usize::MAX, |line, tokens, value| {
        let refuse = |message: String| malformed_row(path, &FormatError::value(place(line), message));
        let found = evaluate(tokens).map_err(|error| refuse(error.to_string()))?;
        if found != value {
            return Err(refuse(format!("field `Target` is {value} and the expression has the value {found}")));
        }
        values.push(value);
        Ok(())
    })?;
    Ok(values)
}

fn place(line: usize) -> String {
    format!("line {line}")
}

/// Calls `visit(line, tokens, value)` for the first `most` expressions of a file.
fn expressions(
    path: &Path,
    most: usize,
    mut visit: impl FnMut(usize, &[Token], u8) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let malformed = |error: FormatError| malformed_row(path, &error);
    let mut rows = open_rows(path, 2)?;
    if let Some(row) = next_row(&mut rows, path)? {
        check_heading(&row).map_err(malformed)?;
    }
    for _ in 0..most {
        let Some(row) = next_row(&mut rows, path)? else { break };
        let (tokens, value) = expression(&row).map_err(malformed)?;
        visit(row.line, &tokens, value)?;
    }
    Ok(())
}

fn check_heading(row: &Row<'_>) -> Result<(), FormatError> {
    if (row.text(0, "Source")?, row.text(1, "Target")?) == ("Source", "Target") {
        return Ok(());
    }
    Err(FormatError::structure(place(row.line), "the heading is not `Source TAB Target`, as in the released files"))
}

/// The tokens of an expression, and its value.
fn expression(row: &Row<'_>) -> Result<(Vec<Token>, u8), FormatError> {
    let (source, target) = (row.text(0, "Source")?, row.text(1, "Target")?);
    let tokens = tokenise(source).map_err(|error| FormatError::value(place(row.line), error.to_string()))?;
    let value = whole(target, 9).ok_or_else(|| {
        let target: String = target.chars().take(20).collect();
        FormatError::value(place(row.line), format!("field `Target` is `{target}` and not a digit"))
    })?;
    Ok((tokens, value as u8))
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
    let mut ids = [UNKNOWN; VOCABULARY];
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
    use crate::tasks::language::listops::{ListOps, ListOpsSource};
    use crate::text::{Padding, Tokens};

    const TRAIN: &str = "Source\tTarget\n( ( ( [MAX 2 ) 7 ) ] )\t7\n( ( ( ( [SM 2 ) 9 ) 9 ) ] )\t0\n";
    /// As other programs write it: a mark before the text, and the value as a number.
    const OTHER: &str = "\u{feff}Source\tTarget\r\n( ( ( [MED 2 ) 5 ) ] )\t3.0";

    fn config() -> Config {
        Config {
            source: ListOpsSource::Lra,
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
        for (train, place) in [
            ("Source\tTarget\n( [MAX 2 7 ] )\t7\n( [MAX 2 7 ] )\t2\n", "line 3:"),
            ("Source\tTarget\n( [MAX 2 7 ] )\tx\n", "line 2:"),
            ("Source\tTarget\n( [AVG 2 7 ] )\t7\n", "line 2:"),
            ("Source\tTarget\n[MAX 2 7 ]\n", "line 2:"),
            ("( [MAX 2 7 ] )\t7\n", "line 1:"),
            ("Source\tTarget\n( [MAX 2 7 ] )\t7\n", "holds 1 "),
            ("", "holds 0 "),
        ] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), "lra_release", train);
            let error = ListOps::build(config()).unwrap().prepare(&Library::open(folder.path()), &()).err().unwrap();
            assert!(error.is_malformed("basic_train.tsv", place), "{error}");
        }
    }

    #[test]
    fn missing_files_and_generator_settings_say_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let task = ListOps::build(config()).unwrap();
        for error in [task.check(&library).unwrap_err(), task.prepare(&library, &()).err().unwrap()] {
            assert!(error.is_missing_from("lra"), "{error}");
        }
        let error = ListOps::build(Config { max_depth: 5, ..config() }).err().unwrap();
        assert_eq!(error.field, "max_depth");
        // Generated sets keep the settings they always had.
        assert!(serde_json::to_value(Config::default()).unwrap().get("source").is_none());
        assert_eq!(serde_json::to_value(config()).unwrap()["source"], "lra");
    }
}
