//! Images kept as bytes.

use rayon::prelude::*;

use crate::formats::images::png::luma;

/// Images of one official part.
#[derive(Debug, Default)]
pub(crate) struct Images {
    pub(crate) channels: usize,
    pub(crate) side: usize,
    /// `[image, channel, row, column]`
    pub(crate) pixels: Vec<u8>,
    pub(crate) labels: Vec<u8>,
}

impl Images {
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Pixels and label of the image at `place`.
    pub(crate) fn image(&self, place: u32) -> (&[u8], u8) {
        let (place, size) = (place as usize, self.channels * self.side * self.side);
        (&self.pixels[place * size..(place + 1) * size], self.labels[place])
    }

    /// Grey levels as Pillow's `convert("L")` makes them.
    pub(crate) fn grey(self) -> Self {
        let plane = self.side * self.side;
        let pixels = self
            .pixels
            .par_chunks_exact(3 * plane)
            .flat_map_iter(|image| {
                let (red, rest) = image.split_at(plane);
                let (green, blue) = rest.split_at(plane);
                red.iter().zip(green).zip(blue).map(|((&r, &g), &b)| luma([r, g, b]))
            })
            .collect();
        Self { channels: 1, pixels, ..self }
    }
}

/// Both official parts, and what a reader of results must know about them.
#[derive(Debug, Default)]
pub(crate) struct OfficialParts {
    pub(crate) training: Images,
    pub(crate) test: Images,
    pub(crate) notes: Vec<String>,
}
