//! The generator of the Long Range Arena (`lra_benchmarks/data/listops.py`): trees, lengths, no duplicates.

use std::{collections::HashSet, ops::Range};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::library::{CacheWriter, DataError, sample_stream};
use crate::progress::Progress;
use crate::splits::sample_number;
use crate::tasks::language::listops::expression::{OPERATORS, Operator, Token, evaluate};
use crate::text::{COUNT_BYTES, store_sequence};
use vocabulary::SplitSizes;

/// What the trees look like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Depth at which only digits are drawn; operators stand at depths 1 to `max_depth − 1`.
    pub(super) max_depth: usize,
    /// Most arguments of an operator.
    pub(super) max_args: usize,
    /// Lengths are strictly greater.
    pub(super) min_length: usize,
    /// Lengths are strictly smaller.
    pub(super) max_length: usize,
}

/// Share of places below the maximal depth that are digits.
const DIGIT_SHARE: f64 = 0.75;
/// Trees drawn for one sample before the generator gives up.
const MOST_TREES: u64 = 2_000_000;
/// Duplicates in a row before the generator gives up.
const MOST_DUPLICATES: usize = 1_000;
/// Samples made in parallel before duplicates are sorted out.
const ROUND: usize = 2_048;

impl Shape {
    /// Length of the longest tree there is, at most `usize::MAX`.
    pub(super) fn longest(&self) -> usize {
        (1..self.max_depth).fold(1, |length: usize, _| length.saturating_mul(self.max_args).saturating_add(2))
    }

    /// The next tree of `stream` whose length is within bounds, and the number of trees drawn for it; `None` after
    /// [`MOST_TREES`].
    pub(super) fn accepted(&self, stream: &mut ChaCha8Rng) -> Option<(Vec<u8>, u64)> {
        let mut ids = Vec::with_capacity(self.max_length);
        for drawn in 1..=MOST_TREES {
            ids.clear();
            if self.tree(stream, 1, &mut ids) && ids.len() > self.min_length && ids.len() < self.max_length {
                return Some((ids, drawn));
            }
        }
        None
    }

    /// Appends the ids of a random tree. `false` as soon as it is too long: a tree never shrinks, so it would be
    /// rejected anyway, and what it would have drawn further is independent of every other tree.
    fn tree(&self, stream: &mut ChaCha8Rng, depth: usize, ids: &mut Vec<u8>) -> bool {
        if ids.len() >= self.max_length {
            return false;
        }
        let leaf = depth >= self.max_depth || stream.random::<f64>() > 1.0 - DIGIT_SHARE;
        if leaf {
            ids.push(Token::Digit(stream.random_range(0..10)).id());
            return true;
        }
        let arguments = stream.random_range(2..=self.max_args);
        let place = ids.len();
        ids.push(0);
        for _ in 0..arguments {
            if !self.tree(stream, depth + 1, ids) {
                return false;
            }
        }
        // The operator is drawn after its arguments, as in the original.
        let operator: Operator = OPERATORS[stream.random_range(0..OPERATORS.len())];
        ids[place] = Token::Open(operator).id();
        ids.push(Token::Close.id());
        true
    }
}

/// The value of an expression given as ids.
pub(super) fn value(ids: &[u8]) -> Option<u8> {
    let tokens: Option<Vec<Token>> = ids.iter().map(|&id| Token::from_id(id)).collect();
    evaluate(&tokens?).ok()
}

/// Writes every sample of the set: 4 bytes of length, the ids, zeros; the label is the value.
///
/// A sample is the first tree of its own stream that is within bounds and that no sample before it has. Test samples are
/// chosen first, then validation, then training samples, so that neither evaluation set depends on the size of the training
/// set. Rounds are drawn in parallel and then gone through in order, so the set does not depend on the number of threads.
pub(super) fn write(
    writer: &mut CacheWriter<'_>,
    shape: Shape,
    seed: u64,
    sizes: SplitSizes,
    progress: &dyn Progress,
) -> Result<(), DataError> {
    let total = sizes.train + sizes.validation + sizes.test;
    let mut seen = Seen { trees: HashSet::with_capacity(total), total };
    let (validation, test) = (sizes.train, sizes.train + sizes.validation);
    let number = |position: usize| sample_number(&sizes, position as u64);
    // Evaluation samples are drawn twice: what they are need not be remembered, only the duplicates that were passed over.
    let mut skips = |range: Range<usize>| -> Result<Vec<usize>, DataError> {
        let mut skips = Vec::with_capacity(range.len());
        rounds(
            range,
            |position| Candidate::first(shape, seed, number(position)),
            |candidate| {
                if progress.stopped() {
                    return Err(DataError::Stopped);
                }
                skips.push(seen.distinct(shape, candidate)?.1);
                Ok(())
            },
        )?;
        Ok(skips)
    };
    let test_skips = skips(test..total)?;
    let validation_skips = skips(validation..test)?;
    let mut input = vec![0; input_bytes(&shape)];
    let mut push = |candidate: &Candidate| {
        input.fill(0);
        store_sequence(&mut input, candidate.ids.iter().copied());
        progress.advance(1);
        writer.push(&input, &[candidate.value])
    };
    rounds(
        0..validation,
        |position| Candidate::first(shape, seed, number(position)),
        |candidate| push(&seen.distinct(shape, candidate)?.0),
    )?;
    for (start, skips) in [(validation, validation_skips), (test, test_skips)] {
        let again = |position: usize| {
            (0..skips[position - start]).try_fold(Candidate::first(shape, seed, number(position))?, |candidate, _| {
                Candidate::next(shape, candidate.stream)
            })
        };
        rounds(start..start + skips.len(), again, |candidate| push(&candidate))?;
    }
    Ok(())
}

/// Draws the candidates of `positions` in parallel, some at a time, and uses them in order.
fn rounds(
    positions: Range<usize>,
    draw: impl Fn(usize) -> Result<Candidate, DataError> + Sync,
    mut use_one: impl FnMut(Candidate) -> Result<(), DataError>,
) -> Result<(), DataError> {
    for start in positions.clone().step_by(ROUND) {
        let round: Vec<_> = (start..positions.end.min(start + ROUND)).into_par_iter().map(&draw).collect();
        round.into_iter().try_for_each(|candidate| use_one(candidate?))?;
    }
    Ok(())
}

/// The expressions that are in the set already.
struct Seen {
    trees: HashSet<[u8; 16]>,
    total: usize,
}

impl Seen {
    /// The first of `candidate` and those after it in its stream that is new, and how many were passed over.
    fn distinct(&mut self, shape: Shape, mut candidate: Candidate) -> Result<(Candidate, usize), DataError> {
        let mut skipped = 0;
        while !self.trees.insert(candidate.fingerprint) {
            skipped += 1;
            if skipped > MOST_DUPLICATES {
                return Err(too_few(&shape, self.trees.len(), self.total));
            }
            candidate = Candidate::next(shape, candidate.stream)?;
        }
        Ok((candidate, skipped))
    }
}

/// Bytes of one stored input.
pub(super) fn input_bytes(shape: &Shape) -> usize {
    // Lengths are strictly below the maximum.
    COUNT_BYTES + shape.max_length - 1
}

struct Candidate {
    ids: Vec<u8>,
    value: u8,
    fingerprint: [u8; 16],
    stream: ChaCha8Rng,
}

impl Candidate {
    /// The first one of the stream of a sample.
    fn first(shape: Shape, seed: u64, number: u64) -> Result<Self, DataError> {
        Self::next(shape, sample_stream(seed, number))
    }

    fn next(shape: Shape, mut stream: ChaCha8Rng) -> Result<Self, DataError> {
        let drawn = shape.accepted(&mut stream).and_then(|(ids, _)| Some((value(&ids)?, ids)));
        let (value, ids) = drawn.ok_or_else(|| none_fits(&shape))?;
        let digest = Sha256::digest(&ids);
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&digest[..16]);
        Ok(Self { ids, value, fingerprint, stream })
    }
}

fn none_fits(shape: &Shape) -> DataError {
    DataError::Generation {
        what: "listops".to_owned(),
        message: format!(
            "none of {MOST_TREES} expressions is longer than min_length {} and shorter than max_length {} with max_depth {} \
             and max_args {}; widen the lengths, or raise max_depth or max_args",
            shape.min_length, shape.max_length, shape.max_depth, shape.max_args
        ),
    }
}

fn too_few(shape: &Shape, found: usize, total: usize) -> DataError {
    DataError::Generation {
        what: "listops".to_owned(),
        message: format!(
            "only about {found} different expressions lie between min_length {} and max_length {}, and the splits need \
             {total}; ask for fewer samples, or widen the lengths",
            shape.min_length, shape.max_length
        ),
    }
}
