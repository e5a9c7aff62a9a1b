//! What a reader of results must know about the samples of a split.

use vocabulary::{Split, SplitSizes};

/// The note on a set that has fewer samples than there are; `None` where none is left out.
///
/// Every task and every limit takes the first samples of an order whose prefixes are fair samples, so the note says so.
pub(crate) fn cut_note(taken: SplitSizes, there: SplitSizes) -> Option<String> {
    let parts: Vec<String> = Split::ALL
        .into_iter()
        .filter(|&split| taken.get(split) < there.get(split))
        .map(|split| format!("{} of {} {}", taken.get(split), there.get(split), split.name()))
        .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "a subset: {} samples, the first of a seeded random order that keeps the shares of classes",
            parts.join(", ")
        )
    })
}

/// What there is for each split, where training and validation share an official part of `training` samples and take `taken`
/// of them, and the data set's usual splits have the sizes `usual`.
pub(crate) fn official_sizes(usual: SplitSizes, taken: SplitSizes, training: usize, test: usize) -> SplitSizes {
    SplitSizes {
        train: usual.train.min(training.saturating_sub(taken.validation)),
        validation: usual.validation.min(training.saturating_sub(taken.train)),
        test: usual.test.min(test),
    }
}

/// The note on classes without a sample, by split; `None` where each of `names` has one everywhere. `classes` are those of
/// the samples of a split.
pub(crate) fn absent_classes<I: Iterator<Item = u32>>(
    names: &[String],
    classes: impl Fn(Split) -> I,
) -> Option<String> {
    let there = Split::ALL.map(|split| {
        let mut there = vec![false; names.len()];
        classes(split).for_each(|class| {
            if let Some(seen) = there.get_mut(class as usize) {
                *seen = true;
            }
        });
        there
    });
    let list = |absent: &dyn Fn(usize) -> bool| {
        let names = names.iter().enumerate().filter(|(class, _)| absent(*class)).map(|(_, name)| name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let nowhere = |class: usize| there.iter().all(|split| !split[class]);
    let everywhere = list(&nowhere);
    let mut parts = vec![];
    if !everywhere.is_empty() {
        parts.push(format!("there is no sample of {everywhere}"));
    }
    for (split, there) in Split::ALL.into_iter().zip(&there) {
        let absent = list(&|class| !there[class] && !nowhere(class));
        if !absent.is_empty() {
            parts.push(format!("the {} split has no sample of {absent}", split.name()));
        }
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(train: usize, validation: usize, test: usize) -> SplitSizes {
        SplitSizes { train, validation, test }
    }

    #[test]
    fn a_cut_names_the_splits_that_are_cut() {
        assert_eq!(cut_note(sizes(5, 4, 3), sizes(5, 4, 3)), None);
        let note = cut_note(sizes(5, 2, 3), sizes(5, 4, 10)).unwrap_or_default();
        assert!(note.starts_with("a subset: 2 of 4 validation, 3 of 10 test samples,"), "{note}");
    }

    #[test]
    fn usual_splits_are_no_cut_whatever_their_shares() {
        let usual = sizes(55_000, 5_000, 10_000);
        assert_eq!(official_sizes(usual, usual, 60_000, 10_000), usual);
        let more = sizes(59_000, 1_000, 10_000);
        assert_eq!(official_sizes(usual, more, 60_000, 10_000), sizes(55_000, 1_000, 10_000));
        let few = sizes(24, 8, 16);
        assert_eq!(official_sizes(usual, few, 32, 16), few);
        assert_eq!(official_sizes(usual, few, 60_000, 10_000), usual);
    }

    #[test]
    fn absent_classes_are_named_by_split() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let all = absent_classes(&names, |_| [0, 1, 2].into_iter());
        assert_eq!(all, None);
        let split_of = |split| if split == Split::Test { vec![1] } else { vec![0, 1] };
        let some = absent_classes(&names, |split| split_of(split).into_iter());
        assert_eq!(some.as_deref(), Some("there is no sample of c; the test split has no sample of a"));
    }
}
