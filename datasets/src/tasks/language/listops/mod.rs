//! Long ListOps: the value of a long nested expression.
//!
//! Source: Nangia & Bowman, arXiv 1804.06028; the long form and its generator: Tay et al., "Long Range Arena", arXiv
//! 2011.04006. The arena draws its trees without a seed, so its released files cannot be made again: generated sets have the
//! same distribution and their own name. `source: lra` reads the released files.

mod expression;
mod generator;
mod released;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use crate::tasks::language::listops::expression::{
    END, ExpressionError, OPERATORS, Operator, PAD, Token, UNKNOWN, VOCABULARY, evaluate, tokenise,
};
use crate::tasks::language::listops::generator::Shape;
use crate::text::token_form::reading_name;
pub use crate::text::token_form::{Padding, Tokens};
use crate::{
    config::{
        error::ConfigError,
        ranges::{splits, within},
    },
    library::{CacheKey, DataError, Library},
    progress::Progress,
    samples::stored::Stored,
    task::{Dataset, Info, Task, TaskDefinition, TaskSpec},
    text::token_layout::{Layout, batch},
};
use vocabulary::{Metric, OutputSpec};

/// Settings of ListOps. The defaults are those of the Long Range Arena.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the expressions come from.
    #[serde(skip_serializing_if = "Source::is_generated")]
    pub source: Source,
    /// Depth at which only digits stand, 2 to 64.
    #[schemars(range(min = 2, max = 64))]
    pub max_depth: usize,
    /// Most arguments of an operator, 2 to 1000.
    #[schemars(range(min = 2, max = 1000))]
    pub max_args: usize,
    /// Expressions are longer than this many tokens (digits, operators, brackets).
    pub min_length: usize,
    /// Expressions are shorter than this many tokens; up to 1 000 000.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub max_length: usize,
    /// Length of the padded sequences; default: `max_length`, which leaves room for the end token; 2 048 for the released
    /// files, as in the loaders of S4 and CCNN.
    pub length: Option<usize>,
    /// Whether the end token follows the expression.
    pub end_token: bool,
    /// Side that is filled up. The CCNN code pads on the left, S4 on the right.
    pub padding: Padding,
    /// What the model sees. The CCNN code feeds the ids as one real channel, S4 embeds them.
    pub tokens: Tokens,
    /// Expressions for training.
    #[schemars(range(min = 1))]
    pub train_samples: usize,
    /// Expressions for choosing the epoch.
    #[schemars(range(min = 1))]
    pub validation_samples: usize,
    /// Expressions for the reported accuracy.
    #[schemars(range(min = 1))]
    pub test_samples: usize,
    /// Seed of the generator; every expression has its own stream.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            source: Source::Generated,
            max_depth: 10,
            max_args: 10,
            min_length: 500,
            max_length: 2_000,
            length: None,
            end_token: true,
            padding: Padding::Left,
            tokens: Tokens::Embed,
            train_samples: 96_000,
            validation_samples: 2_000,
            test_samples: 2_000,
            seed: 0,
        }
    }
}

/// Where the expressions come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ListOpsSource")]
pub enum Source {
    /// Made by this program; nothing is fetched.
    #[default]
    Generated,
    /// The files released with the Long Range Arena, `listops-1000/basic_{train,val,test}.tsv`.
    Lra,
}

impl Source {
    fn is_generated(&self) -> bool {
        *self == Self::Generated
    }
}

/// Long ListOps.
pub struct ListOps;

impl TaskDefinition for ListOps {
    type Config = Config;
    const INFO: Info = Info {
        name: "listops",
        summary: "ListOps: value of a nested expression of MIN, MAX, MED and SM (10 classes; majority class 17 %)",
        source: "Nangia & Bowman, arXiv 1804.06028; Tay et al., arXiv 2011.04006; generated, any length range",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        if config.source == Source::Lra {
            return released::build(config);
        }
        within("max_depth", config.max_depth, 2..=64)?;
        within("max_args", config.max_args, 2..=1_000)?;
        within("max_length", config.max_length, 2..=1_000_000)?;
        if config.min_length + 2 > config.max_length {
            return Err(ConfigError::new(
                "min_length",
                format!(
                    "no length is greater than {} and smaller than max_length {}; lower min_length or raise max_length",
                    config.min_length, config.max_length
                ),
            ));
        }
        let shape = Shape {
            max_depth: config.max_depth,
            max_args: config.max_args,
            min_length: config.min_length,
            max_length: config.max_length,
        };
        if shape.longest() <= config.min_length {
            return Err(ConfigError::new(
                "min_length",
                format!(
                    "with max_depth {} and max_args {} the longest expression has {} tokens, and min_length is {}",
                    config.max_depth,
                    config.max_args,
                    shape.longest(),
                    config.min_length
                ),
            ));
        }
        let needed = config.max_length - 1 + usize::from(config.end_token);
        let length = config.length.unwrap_or(config.max_length);
        within("length", length, needed..=1_000_001)?;
        let sizes = splits(config.train_samples, config.validation_samples, config.test_samples)?;
        let standard = (config.min_length, config.max_length) == (500, 2_000);
        let name = if standard {
            "listops".to_owned()
        } else {
            format!("listops-{}-{}", config.min_length, config.max_length)
        };
        let reading = reading_name(config.tokens, config.padding);
        let spec = TaskSpec {
            data: name.clone(),
            name,
            version: format!("listops@generated-{reading}-2"),
            input: config.tokens.input(VOCABULARY, length),
            target: OutputSpec::Classes(10),
            metric: Metric::Accuracy,
            // Share of label 0 (and of 9) at the default lengths, measured; it varies little with the lengths.
            chance: 0.17,
            splits: sizes,
        };
        Ok(Box::new(Configured { spec, config, shape, length }))
    }
}

struct Configured {
    spec: TaskSpec,
    config: Config,
    shape: Shape,
    length: usize,
}

impl Task for Configured {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let (shape, seed) = (self.shape, self.config.seed);
        let key = CacheKey {
            name: self.spec.data.clone(),
            version: 2,
            spec: json!({
                "max_depth": shape.max_depth,
                "max_args": shape.max_args,
                "min_length": shape.min_length,
                "max_length": shape.max_length,
                "seed": seed,
            }),
            input_bytes: generator::input_bytes(&shape),
            label_bytes: 1,
            sizes: self.spec.splits,
        };
        let store =
            library.cached(&key, progress, |writer| generator::write(writer, shape, seed, key.sizes, progress))?;
        let reading = Reading {
            length: self.length,
            end_token: self.config.end_token,
            padding: self.config.padding,
            tokens: self.config.tokens,
        };
        let processing = format!("{reading:?}");
        let layout = reading.layout();
        Ok(Box::new(Stored::new(store, &processing, move |store, split, positions| {
            batch(store, split, positions, &layout)
        })))
    }

    fn check(&self, _library: &Library) -> Result<(), DataError> {
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    length: usize,
    end_token: bool,
    padding: Padding,
    tokens: Tokens,
}

impl Reading {
    fn layout(&self) -> Layout {
        Layout {
            length: self.length,
            offset: 0,
            end: self.end_token.then(|| i32::from(END)),
            padding: self.padding,
            tokens: self.tokens,
            rows: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::collections::HashSet;

    use super::*;
    use crate::{
        library::sample_stream,
        task::{Batch, Inputs, Targets},
    };
    use vocabulary::Split;

    fn small() -> Config {
        Config {
            min_length: 20,
            max_length: 60,
            train_samples: 3_000,
            validation_samples: 40,
            test_samples: 50,
            ..Config::default()
        }
    }

    fn prepare(config: Config) -> Result<Box<dyn Dataset>, DataError> {
        let folder = tempfile::tempdir().unwrap();
        ListOps::build(config).unwrap().prepare(&Library::open(folder.path()), &())
    }

    fn tokens(batch: &Batch) -> (&[i32], &[i32]) {
        match (&batch.inputs, &batch.targets) {
            (Inputs::Tokens(tokens), Targets::Labels(labels)) => (tokens, labels),
            other => panic!("{other:?}"),
        }
    }

    /// The arena's figures of 2 000 accepted trees, each within four standard errors.
    #[test]
    fn statistics_match_the_original_generator() {
        let shape = Shape { max_depth: 10, max_args: 10, min_length: 500, max_length: 2_000 };
        let mut stream = sample_stream(0, 0);
        let (mut lengths, mut labels, mut drawn) = (Vec::new(), [0u32; 10], 0u64);
        for _ in 0..2_000 {
            let (ids, trees) = shape.accepted(&mut stream).unwrap();
            drawn += trees;
            labels[usize::from(generator::value(&ids).unwrap())] += 1;
            let (mut depth, mut deepest) = (0, 0);
            for id in &ids {
                match Token::from_id(*id).unwrap() {
                    Token::Open(_) => depth += 1,
                    Token::Close => depth -= 1,
                    Token::Digit(_) => {}
                }
                deepest = deepest.max(depth);
            }
            assert_eq!(deepest, 9, "every accepted tree of the original reaches operator depth 9");
            lengths.push(ids.len());
        }
        let acceptance = 2_000.0 / drawn as f64;
        lengths.sort_unstable();
        let mean = lengths.iter().sum::<usize>() as f64 / 2_000.0;
        let median = lengths[1_000] as f64;
        let shares = labels.map(|count| f64::from(count) / 2_000.0);
        eprintln!(
            "acceptance {acceptance:.4}, length mean {mean:.0}, median {median:.0}, max {}, labels {shares:.3?}",
            lengths[1_999]
        );
        // Both sides are samples of 2 000: the standard error of a difference is sqrt(2) times that of one.
        assert!((acceptance - 0.083).abs() < 4.0 * 0.0025, "{acceptance}");
        assert!((mean - 1061.0).abs() < 4.0 * 2f64.sqrt() * 410.0 / 2_000f64.sqrt(), "{mean}");
        assert!((median - 997.0).abs() < 4.0 * 2f64.sqrt() * 1.2533 * 480.0 / 2_000f64.sqrt(), "{median}");
        let error = |share: f64| 4.0 * (2.0 * share * (1.0 - share) / 2_000.0).sqrt();
        assert!((shares[0] - 0.169).abs() < error(0.169), "{shares:?}");
        assert!((shares[9] - 0.167).abs() < error(0.167), "{shares:?}");
        assert!(shares[1..9].iter().all(|&share| share > 0.076 - error(0.076) && share < 0.096 + error(0.096)));
        assert!(lengths[0] > 500 && lengths[1_999] < 2_000);
    }

    /// Probabilities of all lengths below `end`, by depth, from the definition of the tree; the rest is longer.
    fn length_distribution(shape: &Shape, end: usize) -> Vec<f64> {
        let mut below = vec![0.0; end];
        below[1] = 1.0;
        for _ in 1..shape.max_depth {
            let mut here = vec![0.0; end];
            here[1] = 0.75;
            let mut sum = below.clone();
            for _ in 2..=shape.max_args {
                let mut longer = vec![0.0; end];
                for (first, &p) in sum.iter().enumerate().filter(|(_, p)| **p > 0.0) {
                    for (both, &q) in longer[first..].iter_mut().zip(&below) {
                        *both += p * q;
                    }
                }
                sum = longer;
                for (length, &p) in here[2..].iter_mut().zip(&sum) {
                    *length += 0.25 / (shape.max_args - 1) as f64 * p;
                }
            }
            below = here;
        }
        below
    }

    #[test]
    fn lengths_have_the_distribution_that_the_definition_gives() {
        let shape = Shape { max_depth: 10, max_args: 10, min_length: 500, max_length: 2_000 };
        let exact = length_distribution(&shape, 2_000);
        let accepted: f64 = exact[501..].iter().sum();
        let moment = |power: i32| {
            exact.iter().enumerate().skip(501).map(|(length, p)| (length as f64).powi(power) * p).sum::<f64>()
                / accepted
        };
        let (mean, deviation) = (moment(1), (moment(2) - moment(1).powi(2)).sqrt());
        eprintln!("exact: acceptance {accepted:.4}, mean {mean:.1}, deviation {deviation:.1}");
        // The figures measured with the original program lie within four of their standard errors.
        assert!((accepted - 0.083).abs() < 4.0 * 0.083 * (1.0 / 2_000f64).sqrt());
        assert!((mean - 1061.0).abs() < 4.0 * deviation / 2_000f64.sqrt());
        let mut stream = sample_stream(1, 0);
        let (mut drawn, mut total) = (0, 0);
        for _ in 0..4_000 {
            let (ids, trees) = shape.accepted(&mut stream).unwrap();
            drawn += trees;
            total += ids.len();
        }
        let found = 4_000.0 / drawn as f64;
        assert!((found - accepted).abs() < 4.0 * accepted * (1.0 / 4_000f64).sqrt(), "{found}");
        let found = total as f64 / 4_000.0;
        assert!((found - mean).abs() < 4.0 * deviation / 4_000f64.sqrt(), "{found}");
    }

    #[test]
    fn samples_are_different_within_bounds_and_have_their_values() {
        let data = prepare(small()).unwrap();
        let mut seen = HashSet::new();
        for split in Split::ALL {
            let positions: Vec<usize> = (0..data.len(split)).collect();
            let batch = data.read(split, &positions).unwrap();
            assert_eq!(batch.lengths, None);
            let (ids, labels) = tokens(&batch);
            for (row, &label) in ids.chunks_exact(60).zip(labels) {
                let start = row.iter().position(|&id| id != i32::from(PAD)).unwrap();
                assert_eq!(row[59], i32::from(END));
                let expression: Vec<Token> =
                    row[start..59].iter().map(|&id| Token::from_id(id as u8).unwrap()).collect();
                assert!(expression.len() > 20 && expression.len() < 60);
                assert_eq!(evaluate(&expression).unwrap(), label as u8);
                assert!(seen.insert(row.to_vec()), "an expression occurs twice");
            }
        }
        assert_eq!(seen.len(), 3_090);
    }

    #[test]
    fn the_set_does_not_depend_on_the_number_of_threads() {
        // So short that duplicates occur all the time.
        let config = || Config { min_length: 2, max_length: 7, train_samples: 1_500, ..small() };
        let hash = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| prepare(config()).unwrap().content_hash().to_owned())
        };
        let one = hash(1);
        assert_eq!(one, hash(2));
        assert_eq!(one, hash(3));
    }

    #[test]
    fn right_padding_carries_lengths_and_scalars_are_the_ids() {
        let left = prepare(small()).unwrap();
        let right = prepare(Config { padding: Padding::Right, tokens: Tokens::Scalar, ..small() }).unwrap();
        assert_ne!(left.content_hash(), right.content_hash());
        let (left, right) = (left.read(Split::Test, &[3]).unwrap(), right.read(Split::Test, &[3]).unwrap());
        let valid = right.lengths.unwrap()[0];
        let Inputs::Values(values) = right.inputs else { panic!() };
        let (ids, _) = tokens(&left);
        let shifted: Vec<f32> = ids[60 - valid..].iter().map(|&id| id as f32).collect();
        assert_eq!(values[..valid], shifted);
        assert!(values[valid..].iter().all(|&value| value == 0.0));
    }

    #[test]
    fn impossible_settings_name_their_field() {
        let field = |config| ListOps::build(config).err().unwrap().field;
        assert_eq!(field(Config { min_length: 59, ..small() }), "min_length");
        assert_eq!(field(Config { max_depth: 2, max_args: 3, min_length: 5, ..small() }), "min_length");
        assert_eq!(field(Config { max_depth: 1, ..small() }), "max_depth");
        assert_eq!(field(Config { max_args: 1, ..small() }), "max_args");
        assert_eq!(field(Config { length: Some(59), ..small() }), "length");
        assert_eq!(field(Config { train_samples: 0, ..small() }), "train_samples");
    }

    #[test]
    fn too_few_expressions_end_with_the_remedy() {
        let config = Config { max_depth: 2, max_args: 2, min_length: 0, max_length: 3, ..small() };
        let error = prepare(config).err().unwrap().to_string();
        assert!(error.contains("only about 10 different expressions"), "{error}");
        assert!(error.contains("widen the lengths"), "{error}");
    }
}
