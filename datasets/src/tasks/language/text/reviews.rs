//! The original files: one review per file, its name `ID_STARS.txt`.

use std::{
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use crate::files::litter;
use crate::library::{DataError, Library, Sources, read_bounded};
use crate::text::Counts;
use vocabulary::Split;

/// Name of the data set.
pub(super) const SET: &str = "imdb";
const FOLDER: &str = "aclImdb";
/// Reviews of each official part.
pub(super) const OFFICIAL: usize = 25_000;
/// Classes by their folders: unfavourable reviews (up to 4 stars) and favourable ones (from 7).
const CLASSES: [(&str, RangeInclusive<u32>); 2] = [("neg", 1..=4), ("pos", 7..=10)];
/// Longest file that is read; the longest original one has 14 kB.
const MOST_BYTES: u64 = 1 << 20;
/// Most files of one folder.
const MOST_FILES: usize = 1_000_000;

/// Every review of both official parts, in the order of class and number.
#[derive(Debug)]
pub(super) struct Reviews {
    root: PathBuf,
    /// `(class, number, stars)` per part.
    parts: [Vec<(u8, u32, u32)>; 2],
    reconstruction: Option<String>,
    pub(super) files: Sources,
}

impl Reviews {
    /// Where the reviews lie.
    pub(super) fn folder(library: &Library) -> Result<PathBuf, DataError> {
        library.locate_files(
            SET,
            &[FOLDER, "imdb/aclImdb", "imdb"],
            &["train/neg", "train/pos", "test/neg", "test/pos"],
        )
    }

    /// Lists the reviews; opens none.
    pub(super) fn find(library: &Library) -> Result<Self, DataError> {
        let root = Self::folder(library)?;
        let mut files = Vec::new();
        let mut list = |part: &str| -> Result<Vec<(u8, u32, u32)>, DataError> {
            let mut reviews = Vec::new();
            for (class, (name, stars)) in CLASSES.iter().enumerate() {
                let found = listed(&root.join(part).join(name), name, stars)?;
                files.extend(found.iter().map(|(number, rating)| format!("{part}/{name}/{number}_{rating}.txt")));
                reviews.extend(found.into_iter().map(|(number, rating)| (class as u8, number, rating)));
            }
            Ok(reviews)
        };
        let parts = [list("train")?, list("test")?];
        let reconstruction = library.reconstruction(SET, &root)?;
        let files = Sources::read(&root, files)?;
        Ok(Self { root, parts, reconstruction, files })
    }

    fn part(&self, split: Split) -> &[(u8, u32, u32)] {
        &self.parts[usize::from(split == Split::Test)]
    }

    /// The folder that holds both parts.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Reviews of an official part.
    pub(super) fn len(&self, split: Split) -> usize {
        self.part(split).len()
    }

    /// The class of every review of an official part, by place.
    pub(super) fn classes(&self, split: Split) -> Vec<u8> {
        self.part(split).iter().map(|&(class, ..)| class).collect()
    }

    /// Refuses a part with fewer than `needed` reviews.
    pub(super) fn hold(&self, split: Split, needed: usize) -> Result<(), DataError> {
        let found = self.len(split);
        if found >= needed {
            return Ok(());
        }
        Err(DataError::Malformed {
            path: self.root.clone(),
            message: format!(
                "holds {found} {} reviews and the splits need {needed}; lower train_samples, validation_samples or \
                 test_samples, or fetch the data again",
                split.name()
            ),
        })
    }

    /// What a reader of results must know about the files.
    pub(super) fn note(&self) -> Option<String> {
        if let Some(note) = &self.reconstruction {
            return Some(format!("not the official reviews: {note}"));
        }
        let (train, test) = (self.len(Split::Train), self.len(Split::Test));
        ((train, test) != (OFFICIAL, OFFICIAL)).then(|| {
            format!(
                "not the official set of {OFFICIAL} training and {OFFICIAL} test reviews: {train} and {test} are here"
            )
        })
    }

    /// Text and class of a review.
    pub(super) fn read(&self, split: Split, place: usize) -> Result<(String, u8), DataError> {
        let (class, number, rating) = self.part(split)[place];
        let part = if split == Split::Test { "test" } else { "train" };
        let name = format!("{number}_{rating}.txt");
        let path = self.root.join(part).join(CLASSES[usize::from(class)].0).join(name);
        let bytes = read_bounded(&path, MOST_BYTES)?;
        let text = String::from_utf8(bytes).map_err(|error| DataError::Malformed {
            message: format!("not UTF-8 from byte {} on; fetch the data again", error.utf8_error().valid_up_to()),
            path,
        })?;
        Ok((text, class))
    }

    /// How often characters occur in the training texts, each cut to `kept` characters.
    pub(super) fn characters(&self, kept: usize) -> Result<Counts, DataError> {
        (0..self.len(Split::Train))
            .into_par_iter()
            .try_fold(Counts::default, |mut counts, place| {
                counts.add(self.read(Split::Train, place)?.0.chars().take(kept));
                Ok(counts)
            })
            .try_reduce(Counts::default, |one, other| Ok(one.merge(other)))
    }
}

/// Number and stars of every review in `folder`, which is called `name` and holds those with `stars`, by number.
fn listed(folder: &Path, name: &str, stars: &RangeInclusive<u32>) -> Result<Vec<(u32, u32)>, DataError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::io("read", folder))? {
        let entry = entry.map_err(DataError::io("read", folder))?;
        let path = entry.path();
        let litter = entry.file_name().to_str().is_some_and(litter::named);
        if litter || path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let Some(review) = parse_name(&path).filter(|(_, rating)| stars.contains(rating)) else {
            let message = format!(
                "the name is not ID_STARS.txt with {} to {} stars, as every review in {name}/ has; move the file away, or \
                 fetch the data again",
                stars.start(),
                stars.end()
            );
            return Err(DataError::Malformed { path, message });
        };
        found.push(review);
        if found.len() > MOST_FILES {
            let message = format!("there are more than {MOST_FILES} files in it");
            return Err(DataError::Malformed { path: folder.to_path_buf(), message });
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn parse_name(path: &Path) -> Option<(u32, u32)> {
    let stem = path.file_stem()?.to_str()?;
    let (number, stars) = stem.split_once('_')?;
    let (number, stars): (u32, u32) = (number.parse().ok()?, stars.parse().ok()?);
    // Leading zeros or signs would name another file.
    (stem == format!("{number}_{stars}")).then_some((number, stars))
}
