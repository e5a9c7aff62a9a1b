//! How hard generated images are.

use rayon::prelude::*;
use vocabulary::record::SampleAttribute;
use vocabulary::{Split, SplitSizes};

use crate::library::{DataError, SampleStore};
use crate::samples::Annotate;
use crate::splits::sample_number;
use crate::tasks::images::pathfinder::image::{ContourLayout, Generator};

/// What became of the contours of every image, which is generated anew without being drawn.
pub(super) struct Contours {
    pub(super) generator: Generator,
    pub(super) seed: u64,
    pub(super) sizes: SplitSizes,
    /// Name of the data set in messages.
    pub(super) data: String,
}

impl Contours {
    fn layout(&self, split: Split, place: usize) -> Result<ContourLayout, DataError> {
        let before: usize =
            Split::ALL.into_iter().take_while(|other| *other != split).map(|other| self.sizes.get(other)).sum();
        let number = sample_number(&self.sizes, (before + place) as u64);
        self.generator
            .layout(self.seed, number)
            .map_err(|error| DataError::Generation { what: self.data.clone(), message: error.to_string() })
    }
}

/// Whole pixels between the two markers.
fn distance([(y, x), (to_y, to_x)]: [(i32, i32); 2]) -> i32 {
    f64::hypot(f64::from(to_y - y), f64::from(to_x - x)).round() as i32
}

impl Annotate for Contours {
    fn attributes(&self, _: &SampleStore, split: Split, places: &[usize]) -> Result<Vec<SampleAttribute>, DataError> {
        let layouts = places.par_iter().map(|place| self.layout(split, *place)).collect::<Result<Vec<_>, _>>()?;
        let column = |name: &str, of: &dyn Fn(&ContourLayout) -> i32| SampleAttribute {
            name: name.to_owned(),
            values: layouts.iter().map(of).collect(),
        };
        Ok(vec![
            column("distractor contours", &|layout| layout.distractors as i32),
            column("distance of the markers, pixels", &|layout| distance(layout.markers)),
        ])
    }
}
