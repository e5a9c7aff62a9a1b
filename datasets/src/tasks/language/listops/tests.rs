//! Generated expressions: their shape, values and distribution.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::collections::HashSet;

use vocabulary::Split;

use super::{
    generator::{self, Shape},
    *,
};
use crate::library::{DataError, Library, sample_stream};
use crate::task::{Batch, Dataset, Inputs, Targets};
use crate::text::{Padding, Tokens};

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
        exact.iter().enumerate().skip(501).map(|(length, p)| (length as f64).powi(power) * p).sum::<f64>() / accepted
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
            let expression: Vec<Token> = row[start..59].iter().map(|&id| Token::from_id(id as u8).unwrap()).collect();
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
    let error = prepare(config).err().unwrap();
    assert!(matches!(&error, DataError::Generation { message, .. } if message.contains("10 different")), "{error}");
}
