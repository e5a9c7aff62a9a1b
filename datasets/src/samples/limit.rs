//! A task with fewer samples: the first of every split.

use sha2::{Digest, Sha256};

use crate::library::{DataError, Library};
use crate::progress::Progress;
use crate::splits::cut_note;
use crate::task::{Batch, Dataset, Positions, Task, TaskSpec};
use vocabulary::record::SampleAttribute;
use vocabulary::{Split, SplitSizes};

/// `task` with at most `most` samples per split; the task itself where it has no more than that.
///
/// Only the first samples of a split are ever read, which are a fair sample of it: see [`splits`](crate::splits). Statistics,
/// such as those of a normalisation or the characters of a vocabulary, stay those of the whole training split. What the task
/// does before that, such as decoding its files into the cache, it still does for all of them: a task that generates its
/// samples is better given smaller sizes in its settings.
pub fn limit(task: Box<dyn Task>, most: SplitSizes) -> Box<dyn Task> {
    let sizes = task.spec().splits;
    let splits = smaller(sizes, most);
    if splits == sizes {
        return task;
    }
    let spec = TaskSpec { splits, ..task.spec().clone() };
    Box::new(Limited { task, spec })
}

fn smaller(sizes: SplitSizes, most: SplitSizes) -> SplitSizes {
    SplitSizes {
        train: sizes.train.min(most.train),
        validation: sizes.validation.min(most.validation),
        test: sizes.test.min(most.test),
    }
}

struct Limited {
    task: Box<dyn Task>,
    spec: TaskSpec,
}

impl Task for Limited {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let whole = self.task.prepare(library, progress)?;
        let found = SplitSizes {
            train: whole.len(Split::Train),
            validation: whole.len(Split::Validation),
            test: whole.len(Split::Test),
        };
        let sizes = smaller(found, self.spec.splits);
        let text = format!("{} first {} {} {}", whole.content_hash(), sizes.train, sizes.validation, sizes.test);
        let hash = format!("{:x}", Sha256::digest(text));
        Ok(Box::new(First { whole, sizes, cut: cut_note(sizes, found), hash }))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        self.task.check(library)
    }

    fn positions(&self) -> Positions {
        self.task.positions()
    }
}

/// The first samples of every split.
struct First {
    whole: Box<dyn Dataset>,
    sizes: SplitSizes,
    cut: Option<String>,
    /// Over the hash of the whole and the sizes.
    hash: String,
}

impl Dataset for First {
    fn len(&self, split: Split) -> usize {
        self.sizes.get(split)
    }

    fn content_hash(&self) -> &str {
        &self.hash
    }

    fn notes(&self) -> Vec<String> {
        self.whole.notes().into_iter().chain(self.cut.clone()).collect()
    }

    fn describe(&self) -> Result<Vec<(String, String)>, DataError> {
        self.whole.describe()
    }

    fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
        self.whole.read(split, positions)
    }

    fn attributes(&self, split: Split, positions: &[usize]) -> Result<Vec<SampleAttribute>, DataError> {
        self.whole.attributes(split, positions)
    }

    fn texts(&self, split: Split, position: usize) -> Result<Vec<String>, DataError> {
        self.whole.texts(split, position)
    }

    fn read_for_training(&self, positions: &[usize], stream: u64) -> Result<Batch, DataError> {
        self.whole.read_for_training(positions, stream)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn task(train: usize) -> Box<dyn Task> {
        let settings = json!({ "length": 12, "train_samples": train, "validation_samples": 9, "test_samples": 8 });
        (crate::registry::find("adding").unwrap().build)(&settings).unwrap()
    }

    fn most(train: usize, validation: usize, test: usize) -> SplitSizes {
        SplitSizes { train, validation, test }
    }

    #[test]
    fn the_first_samples_stay_and_the_hash_says_that_it_is_another_set() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let whole = task(40).prepare(&library, &()).unwrap();
        let limited = limit(task(40), most(10, 100, 5));
        assert_eq!(limited.spec().splits, most(10, 9, 5));
        limited.check(&library).unwrap();
        let first = limited.prepare(&library, &()).unwrap();
        assert_eq!(Split::ALL.map(|split| first.len(split)), [10, 9, 5]);
        for split in Split::ALL {
            let positions: Vec<usize> = (0..first.len(split)).collect();
            assert_eq!(first.read(split, &positions).unwrap(), whole.read(split, &positions).unwrap());
        }
        assert_eq!(first.read_for_training(&[3, 1], 7).unwrap(), whole.read_for_training(&[3, 1], 7).unwrap());
        assert_ne!(first.content_hash(), whole.content_hash());
        let other = limit(task(40), most(11, 100, 5)).prepare(&library, &()).unwrap();
        assert_ne!(first.content_hash(), other.content_hash());
        assert!(first.notes().last().unwrap().contains("10 of 40 train, 5 of 8 test samples"), "{:?}", first.notes());
    }

    #[test]
    fn a_task_within_the_bounds_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let whole = task(10).prepare(&library, &()).unwrap();
        let same = limit(task(10), most(10, 9, 8)).prepare(&library, &()).unwrap();
        assert_eq!(same.content_hash(), whole.content_hash());
    }
}
