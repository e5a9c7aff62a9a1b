//! The images released with the Long Range Arena: `pathfinder{32,64,128,256}/{curv_baseline, curv_contour_length_9,
//! curv_contour_length_14}/imgs/<n>/sample_<k>.png`, with labels in `metadata/<n>.npy`, which is plain text.
//!
//! The archive holds `lra_release/lra_release/pathfinder…`; its inner root may also lie directly in the data folder's
//! `lra_release/`. At the outer root of the archive there is a second `pathfinder128`, which is not the one of Path-X: it is
//! refused.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::files::litter;
use crate::formats::images::png;
use crate::formats::tables::npy_text;
use crate::library::{CacheKey, DataError, Library, SampleStore, Sources, read_bounded};
use crate::progress::Progress;
use crate::splits::{balanced, cut_note};
use crate::tasks::images::pathfinder::config::Config;
use crate::tasks::images::pathfinder::level::{Difficulty, EMPTY, Resolution, parts, released_sizes};
use vocabulary::SplitSizes;

/// Name of the data set.
const SET: &str = "lra";
const OUTER: &str = "lra_release";
/// Version of the rule by which images are assigned to the splits. Within its split, the order is that of
/// [`balanced`](crate::splits::balanced).
pub(super) const SPLIT_VERSION: &str = "path-hash-1";
/// Raised whenever the same files give other samples.
pub(super) const VERSION: u32 = 3;
const MOST_METADATA_BYTES: u64 = 64 << 20;
const MOST_IMAGE_BYTES: u64 = 4 << 20;

/// Name of a level in the archive.
fn level(difficulty: Difficulty) -> &'static str {
    match difficulty {
        Difficulty::Easy => "curv_baseline",
        Difficulty::Intermediate => "curv_contour_length_9",
        Difficulty::Hard => "curv_contour_length_14",
    }
}

/// The folder of a level, and the name that its images have whatever root the archive was unpacked to.
pub(super) fn folder(
    library: &Library,
    resolution: Resolution,
    difficulty: Difficulty,
) -> Result<(PathBuf, String), DataError> {
    let pathfinder = format!("pathfinder{}", resolution.side());
    let name = format!("{pathfinder}/{}", level(difficulty));
    let outer = library.root().join(OUTER);
    let inner = outer.join("lra_release");
    let trap = outer.join(&pathfinder);
    if resolution == Resolution::Px128 && inner.is_dir() && !inner.join(&pathfinder).is_dir() && trap.is_dir() {
        return Err(DataError::Malformed {
            path: trap,
            message: format!(
                "this is the outer of the two folders of this name in the archive, whose images are not those of Path-X; \
                 unpack {OUTER}/lra_release/{pathfinder}"
            ),
        });
    }
    let inner_root = format!("{OUTER}/lra_release");
    let nested = format!("lra/{OUTER}/lra_release");
    let mut roots = vec![inner_root.as_str(), nested.as_str()];
    // Where there is an inner root, the outer folder of Path-X is the wrong one also when the inner one is incomplete.
    if resolution != Resolution::Px128 || !inner.is_dir() {
        roots.insert(1, OUTER);
    }
    let place = library.locate_files(SET, &roots, &[&format!("{name}/metadata"), &format!("{name}/imgs")])?;
    Ok((place.join(&name), name))
}

/// One image of a level.
#[derive(Debug, Clone)]
struct Picture {
    path: String,
    label: u8,
}

/// A level: its images in the order of the splits.
pub(super) struct Level {
    folder: PathBuf,
    side: u32,
    pictures: Vec<Picture>,
    /// The metadata files, below the folder.
    metadata: Vec<String>,
    pub(super) note: Option<String>,
}

impl Level {
    /// Reads the metadata; opens no image.
    pub(super) fn find(library: &Library, config: &Config) -> Result<Self, DataError> {
        let (folder, name) = folder(library, config.resolution, config.difficulty)?;
        let mut metadata = Vec::new();
        let mut pictures = Vec::new();
        for path in metadata_files(&folder.join("metadata"))? {
            metadata.extend(path.file_name().map(|name| format!("metadata/{}", name.to_string_lossy())));
            let bytes = read_bounded(&path, MOST_METADATA_BYTES)?;
            let entries = npy_text::parse(&bytes)
                .map_err(|error| DataError::Malformed { path: path.clone(), message: error.to_string() })?;
            pictures.extend(entries.into_iter().map(|entry| Picture { path: entry.path, label: entry.label }));
        }
        if (config.resolution, config.difficulty) == (EMPTY.0, EMPTY.1) {
            let size = fs::metadata(folder.join(EMPTY.2)).map(|data| data.len());
            pictures.retain(|picture| picture.path != EMPTY.2 || size.as_ref().is_ok_and(|&size| size > 0));
        }
        let released = released_sizes(config.resolution, config.difficulty);
        let official = released.train + released.validation + released.test;
        let note = match library.reconstruction(SET, &folder)? {
            Some(note) => Some(format!("not the released images: {note}")),
            None => (pictures.len() != official)
                .then(|| format!("not the released set of {official} images: {} are here", pictures.len())),
        };
        sort(&mut pictures, &name);
        if let Some(twice) = pictures.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(DataError::Malformed {
                path: folder.join("metadata"),
                message: format!("{} has two lines", twice[0].path),
            });
        }
        Ok(Self { folder, side: config.resolution.side(), pictures, metadata, note })
    }

    /// Number of images.
    pub(super) fn len(&self) -> usize {
        self.pictures.len()
    }

    /// The images of every split, from the front of its part, and the note on those that are left out: `whole` makes one part,
    /// for testing, of all of them.
    pub(super) fn store(
        &self,
        library: &Library,
        name: &str,
        sizes: SplitSizes,
        whole: bool,
        progress: &dyn Progress,
    ) -> Result<(SampleStore, Option<String>), DataError> {
        let all = self.len();
        let parts = if whole { SplitSizes { train: 0, validation: 0, test: all } } else { parts(all) };
        for (part, found, needed) in [
            ("train", parts.train, sizes.train),
            ("validation", parts.validation, sizes.validation),
            ("test", parts.test, sizes.test),
        ] {
            if found < needed {
                return Err(DataError::Malformed {
                    path: self.folder.clone(),
                    message: format!(
                        "the {part} part of its {all} images has {found}, and {part}_samples is {needed}; lower it, or \
                         fetch the data again"
                    ),
                });
            }
        }
        let key = CacheKey {
            name: name.to_owned(),
            version: VERSION,
            spec: json!({ "order": SPLIT_VERSION, "whole": whole }),
            input_bytes: (self.side * self.side) as usize,
            label_bytes: 1,
            sizes,
        };
        let part = |first: usize, there: usize, count: usize| {
            let places: Vec<u32> = (first..first + there).map(|place| place as u32).collect();
            let mut order = balanced(&places, |place| u32::from(self.pictures[place as usize].label));
            order.truncate(count);
            order
        };
        let places = [
            part(0, parts.train, sizes.train),
            part(parts.train, parts.validation, sizes.validation),
            part(parts.train + parts.validation, parts.test, sizes.test),
        ]
        .concat();
        // Every image that is read is looked at: one that is overwritten in place changes no folder.
        let images = places.iter().map(|&place| self.pictures[place as usize].path.clone());
        let sources = Sources::read(&self.folder, self.metadata.iter().cloned().chain(images).collect())?;
        let store = library.cached_from(&sources, &key, progress, |writer| {
            writer.generate(progress, |position, input, label| {
                let picture = &self.pictures[places[position as usize] as usize];
                let path = self.folder.join(&picture.path);
                let bytes = read_bounded(&path, MOST_IMAGE_BYTES)?;
                let pixels = png::parse_square(&bytes, self.side).map_err(|error| DataError::Malformed {
                    path,
                    message: format!("{error}; fetch the data again, or take its line out of the metadata"),
                })?;
                input.copy_from_slice(&pixels);
                label[0] = picture.label;
                Ok(())
            })
        })?;
        Ok((store, cut_note(sizes, parts)))
    }
}

/// The metadata files in the order of their numbers.
fn metadata_files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::io("read", folder))? {
        let entry = entry.map_err(DataError::io("read", folder))?;
        let path = entry.path();
        let litter = entry.file_name().to_str().is_some_and(litter::named);
        if !litter && path.extension().is_some_and(|extension| extension == "npy") {
            let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok());
            let number = number.ok_or_else(|| DataError::Malformed {
                path: path.clone(),
                message: "the name of a metadata file is a number; move the file away".to_owned(),
            })?;
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// The order of the splits, version `path-hash-1`: by SHA-256 of `pathfinder32/curv_baseline/imgs/0/sample_0.png` and so on,
/// so that an image stays in its part whatever else is there and in whatever order files are listed.
fn sort(pictures: &mut [Picture], level: &str) {
    pictures.sort_by_cached_key(|picture| {
        let hash: [u8; 32] = Sha256::digest(format!("{level}/{}", picture.path)).into();
        (hash, picture.path.clone())
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::collections::{BTreeMap, BTreeSet};

    use image::{GrayImage, ImageFormat};
    use serde_json::{Value, json};

    use super::*;
    use crate::registry::find;
    use crate::task::{Batch, Dataset, Inputs, Targets, Task};
    use crate::tasks::images::pathfinder::{Generator, Parameters};
    use vocabulary::Split;

    /// Writes `count` images of our own in the layout of the archive, in folders of 20; gives pixels and label by path.
    fn write(root: &Path, inner: &str, side: u32, level: &str, count: usize) -> BTreeMap<String, (Vec<u8>, u8)> {
        let parameters = Parameters::published(Resolution::try_from(side).unwrap(), Difficulty::Easy);
        let generator = Generator::new(parameters).unwrap();
        let folder = root.join(inner).join(format!("pathfinder{side}")).join(level);
        fs::create_dir_all(folder.join("metadata")).unwrap();
        let mut all = BTreeMap::new();
        for first in (0..count).step_by(20) {
            let part = first / 20;
            fs::create_dir_all(folder.join(format!("imgs/{part}"))).unwrap();
            let mut lines = String::new();
            for index in first..count.min(first + 20) {
                let sample = generator.sample(1, index as u64).unwrap();
                let name = format!("sample_{}.png", index - first);
                let image = GrayImage::from_raw(side, side, sample.pixels.clone()).unwrap();
                image.save_with_format(folder.join(format!("imgs/{part}/{name}")), ImageFormat::Png).unwrap();
                lines.push_str(&format!("imgs/{part} {name} {index} {} 1.0 6 2 2 0.5 1 1\n", sample.label));
                all.insert(format!("imgs/{part}/{name}"), (sample.pixels, sample.label));
            }
            fs::write(folder.join(format!("metadata/{part}.npy")), lines).unwrap();
        }
        all
    }

    fn task(extra: Value) -> Box<dyn Task> {
        let mut settings = json!({
            "resolution": 32, "difficulty": "easy", "source": "lra",
            "train_samples": 34, "validation_samples": 4, "test_samples": 4,
        });
        settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        (find("pathfinder").unwrap().build)(&settings).unwrap()
    }

    fn all(data: &dyn Dataset) -> Vec<(Vec<u8>, u8)> {
        let mut images = vec![];
        for split in Split::ALL {
            let Batch { inputs, targets, .. } = data.read(split, &(0..data.len(split)).collect::<Vec<_>>()).unwrap();
            let (Inputs::Values(values), Targets::Labels(labels)) = (inputs, targets) else { panic!() };
            for (image, label) in values.chunks_exact(1024).zip(labels) {
                images.push((image.iter().map(|value| (value * 255.0).round() as u8).collect(), label as u8));
            }
        }
        images
    }

    #[test]
    fn images_keep_their_labels_and_their_parts_under_both_roots() {
        let mut seen = vec![];
        for inner in ["lra_release/lra_release", "lra_release"] {
            let folder = tempfile::tempdir().unwrap();
            let images = write(folder.path(), inner, 32, "curv_baseline", 42);
            let library = Library::open(folder.path());
            let task = task(json!({}));
            task.check(&library).unwrap();
            assert_eq!(task.spec().version, "pathfinder@lra-path-hash-1-3");
            assert_eq!(task.spec().name, "lra-pathfinder32-easy-1d");
            let data = task.prepare(&library, &()).unwrap();
            let read = all(data.as_ref());
            let expected: BTreeSet<_> = images.values().cloned().collect();
            assert_eq!(read.iter().cloned().collect::<BTreeSet<_>>(), expected);
            assert_eq!(read.len(), 42, "every image is in one part");
            assert!(data.notes()[0].contains("not the released set of 199999 images: 42 are here"));
            seen.push((data.content_hash().to_owned(), read));
            let whole =
                self::task(json!({"parts": "test", "train_samples": 0, "validation_samples": 0, "test_samples": 42}));
            assert_eq!(all(whole.prepare(&library, &()).unwrap().as_ref()).len(), 42);
        }
        assert_eq!(seen[0], seen[1], "the root does not matter");
        // The test images by the documented rule.
        let folder = tempfile::tempdir().unwrap();
        let images = write(folder.path(), "lra_release", 32, "curv_baseline", 42);
        let mut paths: Vec<&String> = images.keys().collect();
        paths.sort_by_key(|path| Sha256::digest(format!("pathfinder32/curv_baseline/{path}")).to_vec());
        let tested: BTreeSet<_> = seen[0].1[38..].iter().cloned().collect();
        assert_eq!(tested, paths[38..].iter().map(|&path| images[path].clone()).collect());
    }

    #[test]
    fn the_known_empty_file_is_left_out_and_others_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("lra_release/pathfinder32/curv_baseline");
        write(folder.path(), "lra_release", 32, "curv_baseline", 42);
        let metadata = place.join("metadata/0.npy");
        let text = fs::read_to_string(&metadata).unwrap() + "imgs/0 sample_172.png 172 1 1.0 6 2 2 0.5 1 1\n";
        fs::write(&metadata, text).unwrap();
        fs::write(place.join("imgs/0/sample_172.png"), "").unwrap();
        let library = Library::open(folder.path());
        let data = task(json!({})).prepare(&library, &()).unwrap();
        assert!(data.notes()[0].ends_with("42 are here"));
        fs::write(place.join("imgs/1/sample_3.png"), "").unwrap();
        let error = task(json!({})).prepare(&library, &()).err().unwrap();
        assert!(error.is_malformed("sample_3.png", "the image"), "{error}");
    }

    #[test]
    fn an_image_that_is_overwritten_in_place_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "lra_release", 32, "curv_baseline", 42);
        let library = Library::open(folder.path());
        let prepare = || task(json!({})).prepare(&library, &()).unwrap();
        let before = prepare().content_hash().to_owned();
        assert_eq!(before, prepare().content_hash());
        let path = folder.path().join("lra_release/pathfinder32/curv_baseline/imgs/1/sample_3.png");
        let image = GrayImage::from_pixel(32, 32, image::Luma([255]));
        let mut bytes = std::io::Cursor::new(vec![]);
        image.write_to(&mut bytes, ImageFormat::Png).unwrap();
        // `fs::write` truncates and fills the file that is there, as `cp` does.
        fs::write(&path, bytes.into_inner()).unwrap();
        let after = prepare();
        assert_ne!(before, after.content_hash());
        assert_eq!(
            all(after.as_ref()).iter().filter(|(pixels, _)| pixels.iter().all(|&pixel| pixel == 255)).count(),
            1
        );
    }

    #[test]
    fn damaged_archives_are_refused_by_file() {
        let prepare = |root: &Path, extra: Value| task(extra).prepare(&Library::open(root), &()).err().unwrap();
        let fresh = || {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), "lra_release", 32, "curv_baseline", 42);
            let place = folder.path().join("lra_release/pathfinder32/curv_baseline");
            (folder, place)
        };
        let (folder, place) = fresh();
        fs::write(place.join("metadata/1.npy"), "imgs/1 sample_0.png 0 7\n").unwrap();
        assert!(prepare(folder.path(), json!({})).is_malformed("1.npy", "line 1"));
        let (folder, place) = fresh();
        fs::remove_file(place.join("imgs/2/sample_1.png")).unwrap();
        let error = prepare(folder.path(), json!({}));
        assert!(matches!(&error, DataError::Io { path, .. } if path.ends_with("sample_1.png")), "{error}");
        let (folder, place) = fresh();
        GrayImage::new(64, 64).save(place.join("imgs/2/sample_1.png")).unwrap();
        assert!(prepare(folder.path(), json!({})).is_malformed("sample_1.png", "the image"));
        let (folder, place) = fresh();
        let line = fs::read_to_string(place.join("metadata/0.npy")).unwrap();
        fs::write(place.join("metadata/9.npy"), line.lines().next().unwrap()).unwrap();
        assert!(prepare(folder.path(), json!({})).is_malformed("metadata", "imgs/0/sample_0.png"));
        let (folder, _) = fresh();
        assert!(prepare(folder.path(), json!({"test_samples": 5})).is_malformed("curv_baseline", ""));
        let (folder, _) = fresh();
        let error = task(json!({"difficulty": "hard"})).check(&Library::open(folder.path())).unwrap_err();
        assert!(
            matches!(&error, DataError::Missing { what, .. } if what.contains("pathfinder32/curv_contour_length_14/metadata")),
            "{error}"
        );
    }

    #[test]
    fn the_outer_pathfinder128_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let level = "curv_contour_length_14";
        write(folder.path(), "lra_release", 128, level, 1);
        let library = Library::open(folder.path());
        let path_x = (find("pathx").unwrap().build)(&json!({"source": "lra"})).unwrap();
        assert_eq!((path_x.spec().name.as_str(), path_x.spec().data.as_str()), ("lra-pathx", "lra-pathfinder128-hard"));
        // Alone, it may be the inner root.
        path_x.check(&library).unwrap();
        fs::create_dir_all(folder.path().join("lra_release/lra_release/pathfinder32")).unwrap();
        let error = path_x.check(&library).unwrap_err();
        assert!(error.is_malformed("lra_release/pathfinder128", ""), "{error}");
        // An incomplete inner folder does not make the outer one right.
        fs::create_dir_all(folder.path().join("lra_release/lra_release/pathfinder128/curv_baseline")).unwrap();
        assert!(path_x.check(&library).unwrap_err().is_missing());
        write(folder.path(), "lra_release/lra_release", 128, level, 1);
        path_x.check(&library).unwrap();
        let (place, _) =
            crate::tasks::images::pathfinder::released::folder(&library, Resolution::Px128, Difficulty::Hard).unwrap();
        assert!(place.starts_with(folder.path().join("lra_release/lra_release")));
    }

    #[test]
    fn settings_of_the_generator_are_refused_with_released_images() {
        let field = |extra: Value| {
            let mut settings = json!({"resolution": 32, "difficulty": "hard"});
            settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            (find("pathfinder").unwrap().build)(&settings).err().unwrap().field
        };
        assert_eq!(field(json!({"source": "lra", "seed": 3})), "source");
        assert_eq!(field(json!({"source": "lra", "distractors": 3})), "source");
        assert_eq!(field(json!({"parts": "test"})), "parts");
        assert_eq!(field(json!({"source": "lra", "parts": "test", "train_samples": 3})), "train_samples");
        let resolve = |settings: Value| (find("pathfinder").unwrap().resolve)(&settings).unwrap();
        let easy = resolve(json!({"resolution": 32, "difficulty": "easy", "source": "lra", "dimensions": 2}));
        assert_eq!((&easy["train_samples"], &easy["test_samples"]), (&json!(160_001), &json!(19_999)));
        assert_eq!(easy["form"], "2d");
        // Generated sets keep the settings they always had.
        let generated = resolve(json!({"resolution": 32, "difficulty": "easy"}));
        assert!(generated.get("source").is_none() && generated.get("parts").is_none());
        let path_x = (find("pathx").unwrap().build)(&json!({})).unwrap();
        assert_eq!((path_x.spec().name.as_str(), path_x.spec().data.as_str()), ("pathx", "pathfinder128-hard"));
        assert_eq!(path_x.spec().splits, SplitSizes { train: 160_000, validation: 20_000, test: 20_000 });
    }
}
