//! Who goes on beyond a rung.

use crate::experiment::search::Halving;

/// Where a trial stands: all its seeds together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    pub(super) reached: Reached,
    /// The best validation metric up to every rung that it has reached, in order; not a number where there is none.
    pub(super) scores: Vec<f64>,
}

/// How far a trial has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// So many whole epochs.
    Epochs(u64),
    /// The end of its training, which may come before a rung.
    End,
    /// It failed when it was tried now, beyond the rungs that it has scores for.
    Failure,
    /// It cannot be run at all.
    Nothing,
}

/// What becomes of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is trained until so many epochs are over, or with `None` to its end.
    Train(Option<u64>),
    /// It waits for others at a rung.
    Wait,
    /// It does not go on beyond a rung.
    Prune(Place),
    /// Nothing is to be done.
    Leave,
}

/// Why a trial does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Epochs after which it was judged.
    pub(super) rung: u64,
    /// Its rank, from 1.
    pub(super) rank: usize,
    /// Of so many trials.
    pub(super) of: usize,
    /// So many went on.
    pub(super) survivors: usize,
}

/// What becomes of every one of `trials` of a pair, in the order in which they were drawn.
///
/// A rung is decided once every trial that came to it has reached it, ended or failed. The better ones go on: a higher metric if
/// `higher`, the earlier trial of two that are equal; trials that failed before it come last and never go on. A trial that ended
/// before the rung is judged by what it has, and one that was trained to its end stays so.
pub(super) fn judge(trials: &[Standing], halving: Halving, rungs: &[u64], higher: bool) -> Vec<Verdict> {
    let mut verdicts = vec![Verdict::Leave; trials.len()];
    let mut left: Vec<usize> = (0..trials.len()).filter(|&trial| trials[trial].reached != Reached::Nothing).collect();
    for (place, &rung) in rungs.iter().enumerate() {
        let before = |trial: &usize| matches!(trials[*trial].reached, Reached::Epochs(epochs) if epochs < rung);
        if left.iter().any(before) {
            for trial in left {
                verdicts[trial] = match trials[trial].reached {
                    Reached::Epochs(_) if before(&trial) => Verdict::Train(Some(rung)),
                    Reached::Epochs(_) => Verdict::Wait,
                    _ => Verdict::Leave,
                };
            }
            return verdicts;
        }
        let score = |trial: usize| trials[trial].scores.get(place).copied().filter(|score| !score.is_nan());
        let of = left.len();
        let survivors = halving.survivors(of);
        // Stable: of equals the earlier one stands first.
        left.sort_by(|&a, &b| {
            let by_value = |a: f64, b: f64| if higher { b.total_cmp(&a) } else { a.total_cmp(&b) };
            match (score(a), score(b)) {
                (Some(a), Some(b)) => by_value(a, b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            }
        });
        for (&trial, rank) in left.iter().zip(1..).skip(survivors) {
            if matches!(trials[trial].reached, Reached::Epochs(_)) {
                verdicts[trial] = Verdict::Prune(Place { rung, rank, of, survivors });
            }
        }
        left.truncate(survivors);
        left.retain(|&trial| trials[trial].reached != Reached::Failure || score(trial).is_some());
        left.sort_unstable();
    }
    for trial in left {
        if matches!(trials[trial].reached, Reached::Epochs(_)) {
            verdicts[trial] = Verdict::Train(None);
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALVING: Halving = Halving { factor: 2, epochs: 3 };
    const RUNGS: [u64; 2] = [3, 6];

    fn at(epochs: u64, scores: &[f64]) -> Standing {
        Standing { reached: Reached::Epochs(epochs), scores: scores.into() }
    }

    fn with(reached: Reached, scores: &[f64]) -> Standing {
        Standing { reached, scores: scores.into() }
    }

    fn judged(trials: &[Standing]) -> Vec<Verdict> {
        judge(trials, HALVING, &RUNGS, true)
    }

    fn pruned(rung: u64, rank: usize, of: usize) -> Verdict {
        Verdict::Prune(Place { rung, rank, of, survivors: of / 2 })
    }

    #[test]
    fn a_rung_is_decided_when_all_have_reached_it() {
        let to = |epochs| Verdict::Train(Some(epochs));
        assert_eq!(judged(&[at(0, &[]), at(0, &[])]), [to(3), to(3)]);
        assert_eq!(judged(&[at(3, &[0.9]), at(2, &[])]), [Verdict::Wait, to(3)]);
        let four = [at(3, &[0.5]), at(3, &[0.9]), at(3, &[0.7]), at(3, &[0.6])];
        assert_eq!(judged(&four), [pruned(3, 4, 4), to(6), to(6), pruned(3, 3, 4)]);
        // One of the two is there; the others are told the same.
        let four = [at(3, &[0.5]), at(6, &[0.9, 0.9]), at(5, &[0.7]), at(3, &[0.6])];
        assert_eq!(judged(&four), [pruned(3, 4, 4), Verdict::Wait, to(6), pruned(3, 3, 4)]);
        let four = [at(3, &[0.5]), at(6, &[0.9, 0.9]), at(6, &[0.7, 0.95]), at(3, &[0.6])];
        assert_eq!(judged(&four), [pruned(3, 4, 4), pruned(6, 2, 2), Verdict::Train(None), pruned(3, 3, 4)]);
        let four = [at(3, &[0.5]), at(6, &[0.9, 0.9]), with(Reached::End, &[0.7, 0.95]), at(3, &[0.6])];
        assert_eq!(judged(&four)[2], Verdict::Leave);
        // Less is better.
        let found = judge(&[at(3, &[0.5]), at(3, &[0.9])], HALVING, &RUNGS, false);
        assert_eq!(found, [to(6), pruned(3, 2, 2)]);
    }

    /// What a promoted trial does later changes nothing at the rung that it has left.
    #[test]
    fn decisions_stand_whatever_comes_after() {
        let start = [at(3, &[0.5]), at(3, &[0.9]), at(3, &[0.7]), at(3, &[0.7])];
        let first = judged(&start);
        assert_eq!(first[3], pruned(3, 3, 4), "of equals the earlier one goes on");
        for (epochs, later) in [(4, &[0.9][..]), (6, &[0.9, 0.95]), (6, &[0.9, 0.2])] {
            let mut now = start.clone();
            now[1] = at(epochs, later);
            let found = judged(&now);
            assert_eq!((found[0], found[3]), (first[0], first[3]));
        }
    }

    #[test]
    fn who_failed_or_diverged_comes_last() {
        let failure = || with(Reached::Failure, &[]);
        let found = judged(&[failure(), at(3, &[0.1]), at(3, &[f64::NAN]), at(3, &[0.2])]);
        assert_eq!(found, [Verdict::Leave, Verdict::Train(Some(6)), pruned(3, 4, 4), Verdict::Train(Some(6))]);
        // Fewer go on where most have failed, and nobody where all have.
        let found = judged(&[failure(), failure(), failure(), at(3, &[0.1])]);
        assert_eq!(found[3], Verdict::Train(Some(6)));
        assert_eq!(judged(&[failure(), failure()]), [Verdict::Leave; 2]);
        // One that fails beyond a rung keeps its place there: nobody takes it, and it is the last at the next.
        let found = judged(&[at(3, &[0.1]), with(Reached::Failure, &[0.9]), at(6, &[0.5, 0.6]), at(3, &[0.2])]);
        assert_eq!(found, [pruned(3, 4, 4), Verdict::Leave, Verdict::Train(None), pruned(3, 3, 4)]);
        // What cannot run takes no part.
        let found = judged(&[with(Reached::Nothing, &[]), at(3, &[0.1]), at(3, &[0.2])]);
        assert_eq!(found, [Verdict::Leave, pruned(3, 2, 2), Verdict::Train(Some(6))]);
    }

    #[test]
    fn an_early_end_is_judged_by_what_it_has() {
        let early = with(Reached::End, &[0.8, 0.8]);
        let found = judged(&[early.clone(), at(3, &[0.9]), at(3, &[0.7]), at(3, &[0.1])]);
        assert_eq!(found, [Verdict::Leave, Verdict::Train(Some(6)), pruned(3, 3, 4), pruned(3, 4, 4)]);
        // It is no longer among the better, but its training is over.
        let found = judged(&[with(Reached::End, &[0.1, 0.1]), at(3, &[0.9])]);
        assert_eq!(found, [Verdict::Leave, Verdict::Train(Some(6))]);
    }
}
