//! How hard generated images are.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use vocabulary::record::SampleAttribute;
use vocabulary::{Split, SplitSizes};

use crate::library::{DataError, SampleStore};
use crate::samples::Annotate;
use crate::splits::sample_number;
use crate::tasks::images::pathfinder::image::{GenerationError, Generator};

/// What became of the contours of every image, which is generated anew without being drawn.
pub(super) struct Contours {
    pub(super) generator: Generator,
    pub(super) seed: u64,
    pub(super) sizes: SplitSizes,
    /// Name of the data set in messages.
    pub(super) data: String,
    /// What is known already, by split and place: all runs of a task ask for the same images, and large ones take a while.
    pub(super) known: Mutex<HashMap<(Split, usize), Difficulty>>,
}

/// Distractors, and the distance of the markers.
type Difficulty = [i32; 2];

impl Contours {
    fn difficulty(&self, split: Split, place: usize) -> Result<Difficulty, DataError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&(split, place)) {
            return Ok(*found);
        }
        let before: usize =
            Split::ALL.into_iter().take_while(|other| *other != split).map(|other| self.sizes.get(other)).sum();
        let number = sample_number(&self.sizes, (before + place) as u64);
        let failed =
            |error: GenerationError| DataError::Generation { what: self.data.clone(), message: error.to_string() };
        let layout = self.generator.layout(self.seed, number).map_err(failed)?;
        let found = [layout.distractors as i32, distance(layout.markers)];
        known().insert((split, place), found);
        Ok(found)
    }
}

/// Whole pixels between the two markers.
fn distance([(y, x), (to_y, to_x)]: [(i32, i32); 2]) -> i32 {
    f64::hypot(f64::from(to_y - y), f64::from(to_x - x)).round() as i32
}

impl Annotate for Contours {
    fn attributes(&self, _: &SampleStore, split: Split, places: &[usize]) -> Result<Vec<SampleAttribute>, DataError> {
        let rows = places.par_iter().map(|place| self.difficulty(split, *place)).collect::<Result<Vec<_>, _>>()?;
        let column = |(at, name): (usize, &str)| SampleAttribute {
            name: name.to_owned(),
            values: rows.iter().map(|row| row[at]).collect(),
        };
        let names = ["distractor contours", "distance of the markers, pixels"];
        Ok(names.into_iter().enumerate().map(column).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::Library;
    use crate::task::{Inputs, TaskDefinition};
    use crate::tasks::images::pathfinder::{Config, Pathfinder};

    #[test]
    fn what_is_known_is_of_the_images_that_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let settings = serde_json::json!({"train_samples": 3, "validation_samples": 2, "test_samples": 4, "seed": 7});
        let config: Config = serde_json::from_value(settings).unwrap();
        let generator = Generator::new(config.parameters.clone()).unwrap();
        let data = Pathfinder::build(config).unwrap().prepare(&Library::open(folder.path()), &()).unwrap();
        let sizes = SplitSizes { train: 3, validation: 2, test: 4 };
        for (split, before) in [(Split::Train, 0), (Split::Validation, 3), (Split::Test, 5)] {
            let places = [1, 0];
            let Inputs::Values(values) = data.read(split, &places).unwrap().inputs else { panic!() };
            // Twice: what is known already is as good.
            let [first, second] = [0, 1].map(|_| data.attributes(split, &places).unwrap());
            assert_eq!(first, second);
            for (slot, place) in places.into_iter().enumerate() {
                let sample = generator.sample(7, sample_number(&sizes, before + place as u64)).unwrap();
                let pixels = &values[slot * 1024..(slot + 1) * 1024];
                assert!(pixels.iter().zip(&sample.pixels).all(|(value, pixel)| *value == f32::from(*pixel) / 255.0));
                let expected = [sample.layout.distractors as i32, distance(sample.layout.markers)];
                assert_eq!([first[0].values[slot], first[1].values[slot]], expected);
            }
        }
        assert_eq!(distance([(1, 1), (4, 5)]), 5);
    }
}
