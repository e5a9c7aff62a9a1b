//! An order in which every prefix is a stratified sample.

use std::{cmp::Ordering, collections::BTreeMap};

use crate::splits::shuffle::shuffle;

/// Version of the order of official training and test parts; see [`held_out`].
pub const OFFICIAL_VERSION: &str = "split-2";
/// Seed of that order.
pub(super) const OFFICIAL_SEED: u64 = 20_240_601;

/// The samples of one class, in the order in which they are taken.
struct Class {
    /// Place in the given order, and the sample.
    samples: Vec<(usize, u32)>,
    taken: usize,
}

/// `samples` in an order in which, for every `n`, the first `n` hold each class in its share of all samples to within less
/// than one sample. The samples of one class keep their order among each other: give them shuffled.
///
/// The rule is that of Tijdeman, "The chairman assignment problem or the assignment problem", Discrete Mathematics 32,
/// 1980: with `k` classes, of which class `c` has the share `λ` and has been taken `x` times, place `n` (from 1) goes, among
/// the classes with `λn − x ≥ 1 / (2k − 2)`, to the one with the smallest `(1 − 1 / (2k − 2) − (λn − x)) / λ`; of equals, to
/// the one whose next sample comes first in `samples`. Deviations are then at most `1 − 1 / (2k − 2)`. Computed in whole
/// numbers. Since the last `n` samples are what the first ones leave, the order read backwards is balanced, too.
pub fn balanced(samples: &[u32], class_of: impl Fn(u32) -> u32) -> Vec<u32> {
    let mut by_class: BTreeMap<u32, Class> = BTreeMap::new();
    for (place, &sample) in samples.iter().enumerate() {
        let class = by_class.entry(class_of(sample)).or_insert(Class { samples: vec![], taken: 0 });
        class.samples.push((place, sample));
    }
    let mut classes: Vec<Class> = by_class.into_values().collect();
    if classes.len() < 2 {
        return samples.to_vec();
    }
    let total = samples.len() as i128;
    let slack = 2 * classes.len() as i128 - 2;
    let mut order = Vec::with_capacity(samples.len());
    for n in 1..=total {
        // λn − x, times `slack · total`.
        let missing = |class: &Class| slack * (class.samples.len() as i128 * n - class.taken as i128 * total);
        let next = |class: &Class| class.samples.get(class.taken).copied();
        let urgency = |class: &Class| (slack - 1) * total - missing(class);
        let chosen = classes
            .iter_mut()
            .filter(|class| missing(class) >= total)
            .filter_map(|class| next(class).map(|next| (class, next)))
            .min_by(|(a, first), (b, second)| {
                let (size_a, size_b) = (a.samples.len() as i128, b.samples.len() as i128);
                match (urgency(a) * size_b).cmp(&(urgency(b) * size_a)) {
                    Ordering::Equal => first.0.cmp(&second.0),
                    other => other,
                }
            });
        if let Some((class, (_, sample))) = chosen {
            class.taken += 1;
            order.push(sample);
        }
    }
    order
}

/// The order of an official part with these classes (by place in its files): [`balanced`], after
/// [`shuffle`] with seed 20240601. Version `split-2`.
pub(crate) fn official<C: Copy + Into<u32>>(classes: &[C]) -> Vec<u32> {
    balanced(&shuffle(classes.len(), OFFICIAL_SEED), |sample| classes[sample as usize].into())
}

/// Training and validation samples of an official training part, version `split-2`, as places in `classes` (the class of
/// every sample): training takes its samples from the front of one balanced order, validation from its back, the last
/// first. What one of them holds does not depend on the size of the other. Where both together are more than there are,
/// samples are in both: the caller refuses that.
pub fn held_out<C: Copy + Into<u32>>(classes: &[C], train: usize, validation: usize) -> [Vec<u32>; 2] {
    let order = official(classes);
    [order.iter().copied().take(train).collect(), order.iter().rev().copied().take(validation).collect()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn largest_deviation(order: &[u32], classes: &[u32]) -> f64 {
        let total = order.len() as f64;
        let kinds = classes.iter().max().map_or(0, |&class| class as usize + 1);
        let count = |class: usize| classes.iter().filter(|&&other| other as usize == class).count() as f64;
        let shares: Vec<f64> = (0..kinds).map(|class| count(class) / total).collect();
        let mut taken = vec![0.0; kinds];
        let mut largest = 0.0f64;
        for (place, &sample) in order.iter().enumerate() {
            taken[classes[sample as usize] as usize] += 1.0;
            for (taken, share) in taken.iter().zip(&shares) {
                largest = largest.max((taken - share * (place + 1) as f64).abs());
            }
        }
        largest
    }

    #[test]
    fn equal_classes_take_turns() {
        let classes: Vec<u32> = (0..1_000).map(|sample| sample / 100).collect();
        let order = official(&classes);
        for round in order.chunks_exact(10) {
            let mut seen: Vec<u32> = round.iter().map(|&sample| classes[sample as usize]).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..10));
        }
        // Neither samples nor classes stand in the order of the files.
        assert_ne!(order[..10], [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        let of = |round: usize| order[10 * round..][..10].iter().map(|&s| classes[s as usize]).collect::<Vec<_>>();
        assert_ne!(of(0), of(1));
    }

    #[test]
    fn one_large_class_and_many_small_ones_are_spread() {
        let classes: Vec<u32> = (0..100).map(|_| 0).chain(1..=100).collect();
        assert!(largest_deviation(&official(&classes), &classes) < 1.0);
    }

    #[test]
    fn nothing_and_one_class_are_orders_too() {
        assert!(official::<u32>(&[]).is_empty());
        assert_eq!(official(&[7u32; 5]), shuffle(5, OFFICIAL_SEED));
    }

    proptest! {
        #[test]
        fn every_prefix_and_every_suffix_is_balanced(classes in prop::collection::vec(0..7u32, 0..300), rare in 0..40usize) {
            let mut classes = classes;
            // Classes of very different sizes.
            classes.iter_mut().take(rare).for_each(|class| *class += 7 + *class % 3);
            let mut order = official(&classes);
            prop_assert!(largest_deviation(&order, &classes) < 1.0);
            order.reverse();
            prop_assert!(largest_deviation(&order, &classes) < 1.0);
            order.sort_unstable();
            prop_assert!(order.into_iter().eq(0..classes.len() as u32));
        }

        #[test]
        fn smaller_parts_are_the_beginning_of_larger_ones(
            classes in prop::collection::vec(0..4u32, 2..200), train in 1..100usize, validation in 1..100usize,
        ) {
            let [all_training, all_validation] = held_out(&classes, classes.len(), classes.len());
            let [training, held] = held_out(&classes, train, validation);
            prop_assert_eq!(&training[..], &all_training[..train.min(classes.len())]);
            prop_assert_eq!(&held[..], &all_validation[..validation.min(classes.len())]);
            if train + validation <= classes.len() {
                prop_assert!(training.iter().all(|sample| !held.contains(sample)));
            }
        }
    }
}
