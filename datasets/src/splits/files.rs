//! Splits that come as one file each, with one record per line.

use serde_json::json;

use crate::library::{CacheKey, DataError, Library, Sources};
use crate::progress::Progress;
use crate::splits::{indices::SplitIndices, subset::Subset};
use vocabulary::{Split, SplitSizes};

/// The class of every record of every file: what the order of a split is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SplitFiles([Vec<u8>; 3]);

/// Raised whenever the same files give other classes.
const VERSION: u32 = 1;

impl SplitFiles {
    /// The classes that `scan` finds by reading all files, `sources`; kept in the cache under `name`.
    pub(crate) fn scan(
        library: &Library,
        name: &str,
        sources: &Sources,
        progress: &dyn Progress,
        scan: impl Fn() -> Result<[Vec<u8>; 3], DataError>,
    ) -> Result<Self, DataError> {
        const WORD: usize = 4;
        let key = |part: &str, input_bytes, sizes| CacheKey {
            name: format!("{name}-{part}"),
            version: VERSION,
            spec: json!({}),
            input_bytes,
            label_bytes: 0,
            sizes,
        };
        // How many records there are must be known before their classes can be kept.
        let mut read = None;
        let one = SplitSizes { train: 1, validation: 0, test: 0 };
        let counts = library.cached_from(sources, &key("counts", 3 * WORD, one), progress, |writer| {
            let classes = scan()?;
            let bytes: Vec<u8> = classes.iter().flat_map(|classes| (classes.len() as u32).to_le_bytes()).collect();
            read = Some(classes);
            writer.push(&bytes, &[])
        })?;
        let mut sizes = [0usize; 3];
        counts.visit(Split::Train, &[0], |_, input, _| {
            for (size, word) in sizes.iter_mut().zip(input.chunks_exact(WORD)) {
                *size = u32::from_le_bytes([word[0], word[1], word[2], word[3]]) as usize;
            }
        })?;
        let [train, validation, test] = sizes;
        let store = library.cached_from(
            sources,
            &key("classes", 1, SplitSizes { train, validation, test }),
            progress,
            |writer| {
                let classes = read.take().map_or_else(&scan, Ok)?;
                classes.iter().flatten().try_for_each(|&class| writer.push(&[class], &[]))
            },
        )?;
        let mut classes = sizes.map(Vec::with_capacity);
        for (split, classes) in Split::ALL.into_iter().zip(&mut classes) {
            let positions: Vec<usize> = (0..store.len(split)).collect();
            store.visit(split, &positions, |_, input, _| classes.push(input[0]))?;
        }
        Ok(Self(classes))
    }

    /// Records of every file.
    pub(crate) fn sizes(&self) -> SplitSizes {
        let [train, validation, test] = [0, 1, 2].map(|part: usize| self.0[part].len());
        SplitSizes { train, validation, test }
    }

    /// The records of `split` that are read when it has `count` samples.
    pub(crate) fn subset(&self, split: Split, count: usize) -> Subset {
        Subset::new(&self.0[split as usize], count)
    }

    /// Places of all positions where a store holds the records of [`subset`](Self::subset) in the order of the files.
    pub(crate) fn indices(&self, sizes: SplitSizes) -> SplitIndices {
        SplitIndices::new(Split::ALL.map(|split| self.subset(split, sizes.get(split)).places().to_vec()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;

    use super::*;

    #[test]
    fn files_are_scanned_once_and_again_when_they_change() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let scans = Cell::new(0);
        let scan = || {
            scans.set(scans.get() + 1);
            Ok([vec![0, 1, 1], vec![], vec![1, 0]])
        };
        let file = folder.path().join("file");
        let sources = |content: &str| {
            std::fs::write(&file, content).unwrap();
            Sources::read(folder.path(), vec!["file".to_owned()]).unwrap()
        };
        let before = sources("before");
        let first = SplitFiles::scan(&library, "made-up", &before, &(), scan).unwrap();
        assert_eq!(first.sizes(), SplitSizes { train: 3, validation: 0, test: 2 });
        assert_eq!(SplitFiles::scan(&library, "made-up", &before, &(), scan).unwrap(), first);
        assert_eq!(scans.get(), 1);
        SplitFiles::scan(&library, "made-up", &sources("and after"), &(), scan).unwrap();
        assert_eq!(scans.get(), 2);
        let indices = first.indices(SplitSizes { train: 2, validation: 0, test: 2 });
        assert_eq!((indices.len(Split::Train), indices.len(Split::Test)), (2, 2));
    }
}
