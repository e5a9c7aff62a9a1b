//! Square yes/no pictures, one bit per pixel, for finding where a paddle may begin.

/// Pixels per word.
const BITS: usize = 64;

/// A square picture of bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bitmap {
    side: usize,
    /// Words per row.
    words: usize,
    rows: Vec<u64>,
}

impl Bitmap {
    pub(super) fn empty(side: usize) -> Self {
        let words = side.div_ceil(BITS);
        Self { side, words, rows: vec![0; side * words] }
    }

    /// The pixels where `set(y, x)` holds.
    pub(super) fn from_fn(side: usize, set: impl Fn(usize, usize) -> bool) -> Self {
        let mut bitmap = Self::empty(side);
        for y in 0..side {
            for x in 0..side {
                if set(y, x) {
                    bitmap.rows[y * bitmap.words + x / BITS] |= 1 << (x % BITS);
                }
            }
        }
        bitmap
    }

    /// Number of set pixels.
    pub(super) fn count(&self) -> usize {
        self.rows.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Set a frame of `breadth` pixels along the four sides.
    pub(super) fn frame(&mut self, breadth: usize) {
        let breadth = breadth.min(self.side);
        let inside = Self::row_mask(self.side, breadth, self.side.saturating_sub(breadth));
        let all = Self::row_mask(self.side, 0, self.side);
        for (y, row) in self.rows.chunks_exact_mut(self.words).enumerate() {
            let middle = y >= breadth && y + breadth < self.side;
            for ((word, all), inside) in row.iter_mut().zip(&all).zip(&inside) {
                *word |= if middle { all & !inside } else { *all };
            }
        }
    }

    /// Pixels from which no offset `(y, x)` of `kernel` leads to a set pixel. Outside of the picture nothing is set.
    pub(super) fn free(&self, kernel: &[(i32, i32)]) -> Self {
        let mut free = Self::empty(self.side);
        let all = Self::row_mask(self.side, 0, self.side);
        let mut hit = vec![0_u64; self.words];
        for y in 0..self.side {
            hit.fill(0);
            for &(dy, dx) in kernel {
                let row = y as i32 + dy;
                if row >= 0 && row < self.side as i32 {
                    let start = row as usize * self.words;
                    shift_into(&mut hit, &self.rows[start..start + self.words], dx);
                }
            }
            for ((word, hit), all) in free.rows[y * self.words..].iter_mut().zip(&hit).zip(&all) {
                *word = all & !hit;
            }
        }
        free
    }

    /// The `position`-th set pixel in row-major order, as `(y, x)`.
    pub(super) fn nth(&self, mut position: usize) -> Option<(i32, i32)> {
        for (index, &word) in self.rows.iter().enumerate() {
            let ones = word.count_ones() as usize;
            if position >= ones {
                position -= ones;
                continue;
            }
            let mut rest = word;
            for _ in 0..position {
                rest &= rest - 1;
            }
            let x = index % self.words * BITS + rest.trailing_zeros() as usize;
            return Some(((index / self.words) as i32, x as i32));
        }
        None
    }

    fn row_mask(side: usize, from: usize, to: usize) -> Vec<u64> {
        (0..side.div_ceil(BITS))
            .map(|word| {
                let bit = |position: usize| position.saturating_sub(word * BITS).min(BITS);
                ones_below(bit(to)) & !ones_below(bit(from))
            })
            .collect()
    }
}

fn ones_below(bit: usize) -> u64 {
    if bit >= BITS { u64::MAX } else { (1 << bit) - 1 }
}

/// Bit x of `target` |= bit x + `by` of `source`.
fn shift_into(target: &mut [u64], source: &[u64], by: i32) {
    let (whole, part) = (by.unsigned_abs() as usize / BITS, by.unsigned_abs() as usize % BITS);
    for (position, bits) in target.iter_mut().enumerate() {
        let word = |offset: usize| -> u64 {
            let from = if by >= 0 { position.checked_add(offset) } else { position.checked_sub(offset) };
            from.and_then(|from| source.get(from)).copied().unwrap_or(0)
        };
        let (near, far) = (word(whole), word(whole + 1));
        *bits |= match (part, by >= 0) {
            (0, _) => near,
            (_, true) => near >> part | far << (BITS - part),
            (_, false) => near << part | far >> (BITS - part),
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn get(bitmap: &Bitmap, y: i32, x: i32) -> bool {
        let side = bitmap.side as i32;
        y >= 0
            && x >= 0
            && y < side
            && x < side
            && bitmap.rows[y as usize * bitmap.words + x as usize / BITS] >> (x as usize % BITS) & 1 == 1
    }

    #[test]
    fn free_pixels_agree_with_the_definition() {
        for side in [10, 64, 130] {
            let bitmap = Bitmap::from_fn(side, |y, x| (y * 31 + x * 17) % 41 == 0);
            let kernel = [(-3, 2), (0, 0), (1, -5), (4, 4), (0, 66), (2, -64)];
            let free = bitmap.free(&kernel);
            let mut expected = Vec::new();
            for y in 0..side as i32 {
                for x in 0..side as i32 {
                    let hit = kernel.iter().any(|(dy, dx)| get(&bitmap, y + dy, x + dx));
                    assert_eq!(get(&free, y, x), !hit, "side {side}, ({y}, {x})");
                    if !hit {
                        expected.push((y, x));
                    }
                }
            }
            assert_eq!(free.count(), expected.len());
            assert_eq!((0..expected.len()).map(|n| free.nth(n).unwrap()).collect::<Vec<_>>(), expected);
            assert_eq!(free.nth(expected.len()), None);
        }
    }

    #[test]
    fn a_frame_covers_the_sides_and_nothing_else() {
        for (side, breadth) in [(32, 14), (70, 1), (10, 7)] {
            let mut bitmap = Bitmap::empty(side);
            bitmap.frame(breadth);
            let inside = side.saturating_sub(2 * breadth);
            assert_eq!(bitmap.count(), side * side - inside * inside);
            assert_eq!(get(&bitmap, side as i32 / 2, side as i32 / 2), inside == 0);
        }
    }
}
