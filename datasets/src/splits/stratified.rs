//! A split of 70, 15 and 15 % that keeps the shares of the classes and is the same everywhere.
//!
//! Source of the shares: Kidger et al., arXiv 2005.08926, who call scikit-learn twice; since their files come in the order
//! of the file system, their very split cannot be had again. This one depends on the classes of a sorted list alone.

use vocabulary::SplitSizes;

use crate::splits::{balanced::balanced, shuffle::shuffle};

/// Version of [`stratified_split`]; part of the version of every task that is split so.
pub const STRATIFIED_VERSION: &str = "stratified2";
/// Seed of [`stratified_split`].
const STRATIFIED_SEED: u64 = 20_251_125;

/// Sizes of the splits of `total` samples: ⌊0.7 · total⌋, half of the others (rounded down), the rest.
pub const fn stratified_sizes(total: usize) -> SplitSizes {
    let train = total * 7 / 10;
    let validation = (total - train) / 2;
    SplitSizes { train, validation, test: total - train - validation }
}

/// The samples of training, validation and test, as places in `classes` (the class of every sample of a sorted list),
/// version `stratified2`.
///
/// Sizes are those of [`stratified_sizes`]. Each class gives its share to each split, rounded down; what is missing then is
/// taken from the classes with the largest remainders, the lower class first. Samples are taken in the order of [`shuffle`]
/// with seed 20251125: the first of a class go to training, the next to validation. Each split is then put into the order
/// of [`balanced`]. (Version `stratified1` had the same splits, in random order.)
pub fn stratified_split(classes: &[u32]) -> [Vec<u32>; 3] {
    let sizes = stratified_sizes(classes.len());
    let mut counts = vec![0usize; classes.iter().max().map_or(0, |&class| class as usize + 1)];
    for &class in classes {
        counts[class as usize] += 1;
    }
    let training = quotas(&counts, sizes.train);
    let left: Vec<usize> = counts.iter().zip(&training).map(|(count, quota)| count - quota).collect();
    let validation = quotas(&left, sizes.validation);
    let mut room = [training, validation];
    let mut splits =
        [Vec::with_capacity(sizes.train), Vec::with_capacity(sizes.validation), Vec::with_capacity(sizes.test)];
    for sample in shuffle(classes.len(), STRATIFIED_SEED) {
        let class = classes[sample as usize] as usize;
        let part = room.iter().position(|room| room[class] > 0).unwrap_or(2);
        if let Some(room) = room.get_mut(part) {
            room[class] -= 1;
        }
        splits[part].push(sample);
    }
    splits.map(|samples| balanced(&samples, |sample| classes[sample as usize]))
}

/// The samples of training, validation and test by a rule of the data set: `split_of` gives 0, 1 or 2 for each sample of a
/// sorted list with these classes. Each split has the order of [`balanced`], after [`shuffle`] with seed 20251125.
pub(crate) fn split_by_rule(classes: &[u32], split_of: impl Fn(usize) -> usize) -> [Vec<u32>; 3] {
    let mut splits = [vec![], vec![], vec![]];
    for sample in shuffle(classes.len(), STRATIFIED_SEED) {
        splits[split_of(sample as usize).min(2)].push(sample);
    }
    splits.map(|samples| balanced(&samples, |sample| classes[sample as usize]))
}

/// `total` shared out in proportion to `counts`, by largest remainders.
fn quotas(counts: &[usize], total: usize) -> Vec<usize> {
    let all = counts.iter().sum::<usize>().max(1);
    let mut quotas: Vec<usize> = counts.iter().map(|count| count * total / all).collect();
    let mut by_remainder: Vec<usize> = (0..counts.len()).collect();
    by_remainder.sort_by_key(|&class| (std::cmp::Reverse(counts[class] * total % all), class));
    let missing = total - quotas.iter().sum::<usize>();
    by_remainder.into_iter().take(missing).for_each(|class| quotas[class] += 1);
    quotas
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn sizes_are_those_of_the_published_split() {
        let SplitSizes { train, validation, test } = stratified_sizes(34_975);
        assert_eq!((train, validation, test), (24_482, 5_246, 5_247));
        let SplitSizes { train, validation, test } = stratified_sizes(2_858);
        assert_eq!((train, validation, test), (2_000, 429, 429));
    }

    #[test]
    fn the_split_does_not_change() {
        let classes: Vec<u32> = (0..1_000).map(|sample| sample * sample % 7 % 5).collect();
        let mut hasher = Sha256::new();
        for part in stratified_split(&classes) {
            part.iter().for_each(|sample| hasher.update(sample.to_le_bytes()));
            hasher.update(b"|");
        }
        assert_eq!(format!("{:x}", hasher.finalize()), PINNED);
    }

    const PINNED: &str = "41ba0f93f6d0b4c3e51a7a63f897edcd2da89ea2921b6882a98f3799968b45fb";

    proptest! {
        #[test]
        fn every_sample_is_in_one_split_and_classes_keep_their_shares(classes in prop::collection::vec(0..6u32, 0..400)) {
            let splits = stratified_split(&classes);
            let sizes = stratified_sizes(classes.len());
            prop_assert_eq!([splits[0].len(), splits[1].len(), splits[2].len()], [sizes.train, sizes.validation, sizes.test]);
            let mut all: Vec<u32> = splits.concat();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..classes.len() as u32));
            for class in 0..6 {
                let of = |samples: &[u32]| samples.iter().filter(|&&s| classes[s as usize] == class).count() as f64;
                let count = classes.iter().filter(|&&other| other == class).count() as f64;
                let share = sizes.train as f64 / classes.len().max(1) as f64;
                prop_assert!((of(&splits[0]) - count * share).abs() < 1.0);
                prop_assert!((of(&splits[1]) - of(&splits[2])).abs() <= 2.0);
            }
        }
    }
}
