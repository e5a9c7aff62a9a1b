//! The copying memory problem: repeat a short sequence after a long delay.
//!
//! The definition is that of Arjovsky, Shah & Bengio, "Unitary Evolution Recurrent Neural Networks", arXiv 1511.06464,
//! section 4.1, after Hochreiter & Schmidhuber 1997: `symbols` symbols drawn uniformly from an alphabet of 8,
//! `delay − 1` blanks, one delimiter, `symbols` blanks; during the last `symbols` steps the first ones are to be named.
//! The sequence is `delay + 2 · symbols` long. The paper scores every step (`score: all`); the default scores the
//! recalled steps only, so that a model that answers blanks is not at 92 %.

use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::{ConfigError, any_sizes, settings, within};
use crate::library::{CacheKey, DataError, Library, SampleStore, sample_stream};
use crate::progress::Progress;
use crate::samples::Stored;
use crate::splits::usual_number;
use crate::task::{Batch, Dataset, Info, Inputs, Targets, Task, TaskDefinition, TaskSpec};
use vocabulary::{InputSpec, Metric, OutputSpec, Split, SplitSizes};

const BLANK: i32 = 0;
const IGNORED: i32 = -1;

/// Sizes of the splits where the experiment says nothing else.
const USUAL: SplitSizes = SplitSizes { train: 20_000, validation: 2_000, test: 2_000 };

settings! {
    /// Settings of the copying memory problem.
    pub struct Config {
        /// Symbols to remember, 1 to 10 000.
        #[schemars(range(min = 1, max = 10_000))]
        pub symbols: usize = 10,
        /// Steps between the last symbol and the first recalled one, 1 to 1 000 000.
        #[schemars(range(min = 1, max = 1_000_000))]
        pub delay: usize = 100,
        /// Different symbols, 2 to 200.
        #[schemars(range(min = 2, max = 200))]
        pub alphabet: usize = 8,
        /// Steps that count.
        pub score: Score = Score::Recall,
        ..generated("Sequences", "accuracy", USUAL),
        /// Seed of the generator; every sequence has its own stream.
        pub seed: u64 = 0,
    }
}

/// Steps that have a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// The recalled steps only.
    Recall,
    /// Every step, blanks included.
    All,
}

/// The copying memory problem.
pub struct Copying;

impl TaskDefinition for Copying {
    type Config = Config;
    const INFO: Info = Info {
        name: "copy",
        summary: "copying memory: repeat symbols after a delay (a label per step; chance 1/8 on the recalled steps)",
        source: "Arjovsky, Shah & Bengio, arXiv 1511.06464, section 4.1; Hochreiter & Schmidhuber 1997",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        within("symbols", config.symbols, 1..=10_000)?;
        within("delay", config.delay, 1..=1_000_000)?;
        within("alphabet", config.alphabet, 2..=200)?;
        let splits = any_sizes(config.sizes())?;
        let (symbols, delay, alphabet) = (config.symbols, config.delay, config.alphabet);
        let length = delay + 2 * symbols;
        let guess = 1.0 / alphabet as f64;
        let spec = TaskSpec {
            name: format!("copy{delay}"),
            version: match config.score {
                Score::Recall => "copy@generated-recall-2",
                Score::All => "copy@generated-all-2",
            }
            .to_owned(),
            data: format!("copy{delay}"),
            // Blank, the alphabet, the delimiter.
            input: InputSpec::Tokens { vocabulary: alphabet + 2, length },
            // Blank and the alphabet.
            target: OutputSpec::PerStep(alphabet + 1),
            metric: Metric::Accuracy,
            // A model without memory names blanks where blanks are due and guesses the symbols.
            chance: match config.score {
                Score::Recall => guess,
                Score::All => ((delay + symbols) as f64 + symbols as f64 * guess) / length as f64,
            },
            splits,
        };
        Ok(Box::new(CopyTask { spec, config }))
    }
}

struct CopyTask {
    spec: TaskSpec,
    config: Config,
}

impl Task for CopyTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let Config { symbols, delay, alphabet, score, seed, .. } = self.config;
        // The delay does not enter the stored symbols: the same set serves every delay.
        let key = CacheKey {
            name: format!("copy-{symbols}x{alphabet}"),
            version: 3,
            spec: json!({ "symbols": symbols, "alphabet": alphabet, "seed": seed }),
            input_bytes: symbols,
            label_bytes: 0,
            sizes: self.spec.splits,
        };
        let store = library.cached(&key, progress, |writer| {
            writer.generate(progress, |position, input, _| {
                let mut stream = sample_stream(seed, usual_number(&USUAL, &key.sizes, position));
                for symbol in input {
                    *symbol = stream.random_range(1..=alphabet as u8);
                }
                Ok(())
            })
        })?;
        let processing = format!("delay {delay}, delimiter {}, {score:?}", alphabet + 1);
        Ok(Box::new(Stored::new(store, &processing, move |store, split, positions| {
            batch(store, split, positions, &CopyLayout { symbols, delay, delimiter: alphabet as i32 + 1, score })
        })))
    }

    fn check(&self, _library: &Library) -> Result<(), DataError> {
        Ok(())
    }
}

struct CopyLayout {
    symbols: usize,
    delay: usize,
    delimiter: i32,
    score: Score,
}

fn batch(store: &SampleStore, split: Split, positions: &[usize], layout: &CopyLayout) -> Result<Batch, DataError> {
    let CopyLayout { symbols, delay, delimiter, score } = *layout;
    let length = delay + 2 * symbols;
    let elsewhere = if score == Score::All { BLANK } else { IGNORED };
    let mut tokens = vec![BLANK; positions.len() * length];
    let mut labels = vec![elsewhere; positions.len() * length];
    store.visit(split, positions, |slot, input, _| {
        let row = slot * length..(slot + 1) * length;
        let (tokens, labels) = (&mut tokens[row.clone()], &mut labels[row]);
        for (step, &symbol) in input.iter().enumerate() {
            tokens[step] = i32::from(symbol);
            labels[symbols + delay + step] = i32::from(symbol);
        }
        tokens[symbols + delay - 1] = delimiter;
    })?;
    Ok(Batch { size: positions.len(), inputs: Inputs::Tokens(tokens), targets: Targets::Labels(labels), lengths: None })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn read(config: Config) -> (Vec<i32>, Vec<i32>, String) {
        let folder = tempfile::tempdir().unwrap();
        let data = Copying::build(config).unwrap().prepare(&Library::open(folder.path()), &()).unwrap();
        let batch = data.read(Split::Train, &[1, 0]).unwrap();
        match (batch.inputs, batch.targets) {
            (Inputs::Tokens(tokens), Targets::Labels(labels)) => (tokens, labels, data.content_hash().to_owned()),
            other => panic!("{other:?}"),
        }
    }

    fn config(delay: usize, score: Score) -> Config {
        Config {
            symbols: 3,
            delay,
            score,
            train_samples: 2,
            validation_samples: 1,
            test_samples: 1,
            ..Config::default()
        }
    }

    #[test]
    fn the_layout_is_symbols_blanks_delimiter_recall() {
        let (tokens, labels, _) = read(config(4, Score::Recall));
        for (tokens, labels) in tokens.chunks_exact(10).zip(labels.chunks_exact(10)) {
            assert!(tokens[..3].iter().all(|token| (1..=8).contains(token)));
            assert_eq!(tokens[3..], [0, 0, 0, 9, 0, 0, 0]);
            assert_eq!(labels[..7], [-1; 7]);
            assert_eq!(labels[7..], tokens[..3]);
        }
        let (_, all, _) = read(config(4, Score::All));
        assert_eq!(all[..7], [0; 7]);
        assert_eq!(all[7..10], labels[7..10]);
    }

    #[test]
    fn every_reading_has_its_own_hash() {
        let hashes = [config(4, Score::Recall), config(5, Score::Recall), config(4, Score::All)].map(|c| read(c).2);
        assert!(hashes[0] != hashes[1] && hashes[0] != hashes[2] && hashes[1] != hashes[2]);
        assert_eq!(hashes[0], read(config(4, Score::Recall)).2);
    }

    #[test]
    fn a_delay_of_one_has_its_delimiter_right_after_the_symbols() {
        let (tokens, ..) = read(config(1, Score::Recall));
        assert_eq!(tokens[3..7], [9, 0, 0, 0]);
        assert_eq!(Copying::build(config(0, Score::All)).err().unwrap().field, "delay");
    }

    #[test]
    fn chance_of_the_memoryless_answer() {
        let task = Copying::build(Config { score: Score::All, ..Config::default() }).unwrap();
        assert!((task.spec().chance - (110.0 + 1.25) / 120.0).abs() < 1e-12);
    }
}
