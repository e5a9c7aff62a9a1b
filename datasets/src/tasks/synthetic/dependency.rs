//! Two problems whose answer is known to depend on one place alone: controls for what a network can reach.
//!
//! The sequences are uniform random tokens in both. In `first-token` the first of them decides the class: a network that is
//! read out at the last step has to carry it across the whole length. (One that averages over all positions has only to
//! tell the first of them, which the zeros in front of a padded convolution betray.) In `last-tokens` the last eight
//! decide it, by the sum of the outermost two of them: a network that sees eight neighbouring tokens and the end of the
//! sequence solves it whatever the length, such as convolutions with a radius of four to either side, or of seven steps back
//! when they are read out at the last one. A network that sees seven or fewer is left with guessing, since each of the two
//! alone says nothing about their sum.

use rand::Rng;
use serde_json::json;

use crate::config::{ConfigError, any_sizes, settings, within};
use crate::library::{CacheKey, DataError, Library, SampleStore, sample_stream};
use crate::progress::Progress;
use crate::samples::Stored;
use crate::splits::sample_number;
use crate::task::{Batch, Dataset, Info, Inputs, Targets, Task, TaskDefinition, TaskSpec};
use vocabulary::{InputSpec, Metric, OutputSpec, Split, SplitSizes};

/// Sizes of the splits where the experiment says nothing else.
const USUAL: SplitSizes = SplitSizes { train: 20_000, validation: 2_000, test: 2_000 };
/// Tokens at the end that decide in `last-tokens`.
pub const SPAN: usize = 8;

settings! {
    /// Settings of `first-token` and `last-tokens`.
    pub struct Config {
        /// Tokens of a sequence, 8 to 1 000 000.
        #[schemars(range(min = 8, max = 1_000_000))]
        pub length: usize = 1_024,
        /// Different tokens, 2 to 256; a multiple of the classes, so that every class is as likely as any other.
        #[schemars(range(min = 2, max = 256))]
        pub vocabulary: usize = 8,
        /// Classes, 2 to 256.
        #[schemars(range(min = 2, max = 256))]
        pub classes: usize = 4,
        ..generated("Sequences", "accuracy", USUAL),
        /// Seed of the generator; every sequence has its own stream.
        pub seed: u64 = 0,
    }
}

/// Which tokens decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deciding {
    /// The first.
    First,
    /// The outermost two of the last [`SPAN`].
    Last,
}

impl Deciding {
    /// The class of a sequence, one of `classes`.
    fn class(self, tokens: &[u8], classes: usize) -> usize {
        let decides = match self {
            Self::First => usize::from(tokens[0]),
            Self::Last => usize::from(tokens[tokens.len() - SPAN]) + usize::from(tokens[tokens.len() - 1]),
        };
        decides % classes
    }
}

/// The class is that of the first token.
pub struct FirstToken;

impl TaskDefinition for FirstToken {
    type Config = Config;
    const INFO: Info = Info {
        name: "first-token",
        summary: "control: the class is that of the first token, as far away as the sequence is long (chance 1/classes)",
        source: "ours: a dependency of known reach, as far as the sequence is long",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        build("first-token", Deciding::First, config)
    }
}

/// The class is the sum of the last token and the seventh before it.
pub struct LastTokens;

impl TaskDefinition for LastTokens {
    type Config = Config;
    const INFO: Info = Info {
        name: "last-tokens",
        summary: "control: the class is the sum, modulo classes, of the first and the last of the last 8 tokens (chance 1/classes)",
        source: "ours: a dependency of known reach, 8 tokens at any length",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        build("last-tokens", Deciding::Last, config)
    }
}

fn build(name: &'static str, deciding: Deciding, config: Config) -> Result<Box<dyn Task>, ConfigError> {
    within("length", config.length, SPAN..=1_000_000)?;
    within("vocabulary", config.vocabulary, 2..=256)?;
    within("classes", config.classes, 2..=config.vocabulary)?;
    if !config.vocabulary.is_multiple_of(config.classes) {
        let Config { vocabulary, classes, .. } = config;
        let message =
            format!("must be a multiple of the {classes} classes, so that they are balanced, not {vocabulary}");
        return Err(ConfigError::new("vocabulary", message));
    }
    let spec = TaskSpec {
        name: format!("{name}-{}", config.length),
        version: format!("{name}@generated-1"),
        data: format!("{name}-{}", config.length),
        input: InputSpec::Tokens { vocabulary: config.vocabulary, length: config.length },
        target: OutputSpec::Classes(config.classes),
        metric: Metric::Accuracy,
        chance: 1.0 / config.classes as f64,
        splits: any_sizes(config.sizes())?,
    };
    Ok(Box::new(DependencyTask { spec, deciding, config }))
}

struct DependencyTask {
    spec: TaskSpec,
    deciding: Deciding,
    config: Config,
}

impl Task for DependencyTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let Config { length, vocabulary, classes, seed, .. } = self.config;
        let key = CacheKey {
            // The tokens are the same whatever they decide.
            name: format!("random-tokens-{length}x{vocabulary}"),
            version: 1,
            spec: json!({ "length": length, "vocabulary": vocabulary, "seed": seed }),
            input_bytes: length,
            label_bytes: 0,
            sizes: self.spec.splits,
        };
        let store = library.cached(&key, progress, |writer| {
            writer.generate(progress, |position, input, _| {
                let mut stream = sample_stream(seed, sample_number(&key.sizes, position));
                input.iter_mut().for_each(|token| *token = stream.random_range(0..vocabulary as u16) as u8);
                Ok(())
            })
        })?;
        let deciding = self.deciding;
        let processing = format!("{deciding:?} of {SPAN}, {classes} classes");
        Ok(Box::new(Stored::new(store, &processing, move |store, split, positions| {
            batch(store, split, positions, length, |tokens| deciding.class(tokens, classes))
        })))
    }

    fn check(&self, _library: &Library) -> Result<(), DataError> {
        Ok(())
    }
}

fn batch(
    store: &SampleStore,
    split: Split,
    positions: &[usize],
    length: usize,
    class: impl Fn(&[u8]) -> usize,
) -> Result<Batch, DataError> {
    let mut ids = vec![0; positions.len() * length];
    let mut labels = vec![0; positions.len()];
    store.visit(split, positions, |slot, tokens, _| {
        for (id, &token) in ids[slot * length..][..length].iter_mut().zip(tokens) {
            *id = i32::from(token);
        }
        labels[slot] = class(tokens) as i32;
    })?;
    Ok(Batch { size: positions.len(), inputs: Inputs::Tokens(ids), targets: Targets::Labels(labels), lengths: None })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const LENGTH: usize = 12;

    fn read(task: &dyn Task) -> (Vec<Vec<usize>>, Vec<usize>) {
        let folder = tempfile::tempdir().unwrap();
        let data = task.prepare(&Library::open(folder.path()), &()).unwrap();
        let all: Vec<usize> = (0..data.len(Split::Train)).collect();
        let batch = data.read(Split::Train, &all).unwrap();
        let (Inputs::Tokens(ids), Targets::Labels(labels)) = (batch.inputs, batch.targets) else {
            panic!("no classes")
        };
        let rows = ids.chunks_exact(LENGTH).map(|row| row.iter().map(|&id| id as usize).collect());
        (rows.collect(), labels.into_iter().map(|label| label as usize).collect())
    }

    fn config() -> Config {
        Config { length: LENGTH, train_samples: 8_000, validation_samples: 2, test_samples: 2, ..Config::default() }
    }

    #[test]
    fn the_deciding_tokens_alone_give_the_class() {
        let (first, labels) = read(FirstToken::build(config()).unwrap().as_ref());
        assert!(first.iter().zip(&labels).all(|(row, label)| row[0] % 4 == *label));
        let (last, labels) = read(LastTokens::build(config()).unwrap().as_ref());
        assert_eq!(first, last, "the tokens do not depend on what decides");
        assert!(last.iter().zip(&labels).all(|(row, label)| (row[LENGTH - 8] + row[LENGTH - 1]) % 4 == *label));
    }

    /// Whoever sees seven neighbouring tokens or fewer sees at most one of the two.
    #[test]
    fn no_position_alone_says_anything_about_the_sum_and_classes_are_balanced() {
        let (rows, labels) = read(LastTokens::build(config()).unwrap().as_ref());
        for position in 0..LENGTH {
            let mut counts = [[0.0f64; 4]; 8];
            rows.iter().zip(&labels).for_each(|(row, &label)| counts[row[position]][label] += 1.0);
            // A quarter of about 1 000 each: five standard deviations are 68.
            for (token, counts) in counts.iter().enumerate() {
                let all: f64 = counts.iter().sum();
                assert!(counts.iter().all(|count| (count - all / 4.0).abs() < 70.0), "{position} {token} {counts:?}");
            }
        }
    }

    #[test]
    fn settings_that_do_not_fit_are_refused_by_name() {
        let field = |config: Config| LastTokens::build(config).err().unwrap().field;
        assert_eq!(field(Config { length: 7, ..config() }), "length");
        assert_eq!(field(Config { vocabulary: 257, ..config() }), "vocabulary");
        assert_eq!(field(Config { vocabulary: 9, ..config() }), "vocabulary");
        assert_eq!(field(Config { classes: 9, ..config() }), "classes");
        assert_eq!(field(Config { train_samples: 0, ..config() }), "train_samples");
    }
}
