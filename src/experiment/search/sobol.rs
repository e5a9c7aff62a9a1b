//! Points of Sobol sequences: evenly spread over the unit cube, however many are taken.

use super::draw::derived;

/// Dimensions that there are numbers for.
pub const DIMENSIONS: usize = 16;

const BITS: u32 = 32;

/// Per dimension a primitive polynomial over GF(2), its coefficients as bits, and the first direction numbers: those of the set
/// new-joe-kuo-6 (Joe and Kuo, Constructing Sobol' sequences with better two-dimensional projections, SIAM J. Sci. Comput.
/// 30(5), 2008).
const DIRECTIONS: [(u32, &[u32]); DIMENSIONS] = [
    (1, &[]),
    (3, &[1]),
    (7, &[1, 3]),
    (11, &[1, 3, 1]),
    (13, &[1, 1, 1]),
    (19, &[1, 1, 3, 3]),
    (25, &[1, 3, 5, 13]),
    (37, &[1, 1, 5, 5, 17]),
    (41, &[1, 1, 5, 5, 5]),
    (47, &[1, 1, 7, 11, 19]),
    (55, &[1, 1, 5, 1, 1]),
    (59, &[1, 1, 1, 3, 11]),
    (61, &[1, 3, 5, 5, 31]),
    (67, &[1, 3, 3, 9, 7, 49]),
    (91, &[1, 1, 1, 15, 21, 21]),
    (97, &[1, 3, 1, 13, 27, 49]),
];

/// One dimension of the sequence, scrambled by a key.
pub struct Sobol {
    directions: [u32; BITS as usize],
    key: u64,
}

impl Sobol {
    /// Dimension `dimension`, below [`DIMENSIONS`], scrambled by `seed`; `None` beyond.
    pub fn new(dimension: usize, seed: u64) -> Option<Self> {
        let (polynomial, first) = DIRECTIONS.get(dimension)?;
        let key = derived(&format!("search sobol {dimension}"), seed);
        Some(Self { directions: directions(*polynomial, first), key })
    }

    /// Coordinate of point `index` in (0, 1).
    pub fn at(&self, index: u32) -> f64 {
        (f64::from(scrambled(self.raw(index), self.key)) + 0.5) / 2_f64.powi(BITS as i32)
    }

    /// The same before it is scrambled, in units of 2⁻³². The points come in the order of the Gray code.
    fn raw(&self, index: u32) -> u32 {
        let gray = index ^ (index >> 1);
        let wanted = (0..BITS).filter(|bit| gray >> bit & 1 == 1);
        wanted.fold(0, |point, bit| point ^ self.directions[bit as usize])
    }
}

/// The direction numbers, the highest bit that of one half: Joe and Kuo's recurrence.
fn directions(polynomial: u32, first: &[u32]) -> [u32; BITS as usize] {
    let degree = first.len();
    let mut numbers = [0_u32; BITS as usize];
    for bit in 0..BITS as usize {
        numbers[bit] = match first.get(bit) {
            Some(number) => number << (BITS as usize - 1 - bit),
            None if degree == 0 => 1 << (BITS as usize - 1 - bit),
            None => {
                let before = numbers[bit - degree];
                let others = (1..degree).filter(|back| polynomial >> (degree - back) & 1 == 1);
                others.fold(before ^ (before >> degree), |number, back| number ^ numbers[bit - back])
            }
        };
    }
    numbers
}

/// Nested uniform scrambling (Owen, Randomly permuted (t, m, s)-nets, 1995): every bit is flipped or not, by a coin of its own
/// for every value of the bits above it. Points stay as evenly spread, and each for itself is uniform.
fn scrambled(point: u32, key: u64) -> u32 {
    (0..BITS).fold(0, |result, bit| {
        // The bits above, behind a one that tells their number.
        let above = (1_u64 << bit) | (u64::from(point) >> (BITS - bit));
        let flip = (mixed(key ^ mixed(above)) >> 63) as u32;
        result | ((point >> (BITS - 1 - bit) & 1 ^ flip) << (BITS - 1 - bit))
    })
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Points of `scipy.stats.qmc.Sobol(16, scramble=False, bits=32)`, SciPy 1.17.1, in units of 1/64: their number, and the
    /// coordinates.
    const SCIPY: [(u32, [u32; DIMENSIONS]); 6] = [
        (1, [32; DIMENSIONS]),
        (5, [56, 56, 8, 24, 56, 40, 56, 24, 24, 8, 24, 56, 56, 8, 56, 24]),
        (6, [40, 8, 56, 40, 40, 56, 8, 8, 8, 24, 8, 40, 8, 56, 40, 40]),
        (7, [8, 40, 24, 8, 8, 24, 40, 40, 40, 56, 40, 8, 40, 24, 8, 8]),
        (21, [62, 38, 22, 50, 42, 22, 26, 46, 6, 2, 30, 34, 18, 34, 46, 26]),
        (63, [1, 51, 23, 29, 55, 9, 37, 9, 53, 37, 27, 43, 35, 49, 21, 49]),
    ];

    #[test]
    fn unscrambled_points_are_those_of_scipy() {
        for (index, expected) in SCIPY {
            let found: Vec<u32> =
                (0..DIMENSIONS).map(|dimension| Sobol::new(dimension, 0).unwrap().raw(index) >> 26).collect();
            assert_eq!(found, expected, "point {index}");
        }
        assert!((0..DIMENSIONS).all(|dimension| Sobol::new(dimension, 0).unwrap().raw(0) == 0));
        assert!(Sobol::new(DIMENSIONS, 0).is_none());
    }

    /// Scrambling keeps what makes the sequence: the first 2ᵐ points have one coordinate in each of 2ᵐ equal intervals, and those
    /// of the first two dimensions one point in each of 2ᵐ equal rectangles of every shape.
    #[test]
    fn scrambled_points_are_as_evenly_spread() {
        for seed in 0..5 {
            let dimensions: Vec<Sobol> =
                (0..DIMENSIONS).map(|dimension| Sobol::new(dimension, seed).unwrap()).collect();
            for points in [1_u32, 2, 8, 64] {
                for dimension in &dimensions {
                    let mut places: Vec<u32> =
                        (0..points).map(|index| (dimension.at(index) * f64::from(points)) as u32).collect();
                    places.sort_unstable();
                    assert_eq!(places, (0..points).collect::<Vec<_>>());
                }
            }
            for split in 0..=6 {
                let (columns, rows) = (1 << split, 64 >> split);
                let place = |index| {
                    let [x, y] = [0, 1].map(|dimension| dimensions[dimension].at(index));
                    (x * f64::from(columns)) as i32 * rows + (y * f64::from(rows)) as i32
                };
                let mut places: Vec<i32> = (0..64).map(place).collect();
                places.sort_unstable();
                assert_eq!(places, (0..64).collect::<Vec<_>>());
            }
        }
        let first = |seed| Sobol::new(0, seed).unwrap().at(0);
        assert_ne!(first(0), first(1));
    }
}
