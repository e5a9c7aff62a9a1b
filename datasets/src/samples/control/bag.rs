//! How often every value of a sequence occurs.

use std::ops::Range;

/// Levels that real values are counted by.
pub(super) const LEVELS: usize = 256;
/// Values beyond ± this are counted as this. Inputs are normalised, so that few lie beyond.
const MOST: f32 = 4.0;

/// Levels of one channel: ids up to `ids` as they are, real values in 256 equal steps from −4 to 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Levels {
    /// Token ids below this.
    Ids(usize),
    /// Real values.
    Steps,
}

impl Levels {
    /// Their number.
    pub(super) fn count(self) -> usize {
        match self {
            Self::Ids(ids) => ids,
            Self::Steps => LEVELS,
        }
    }
}

/// The level of a real value.
pub(super) fn level(value: f32) -> usize {
    let place = (value + MOST) / (2.0 * MOST) * LEVELS as f32;
    place.clamp(0.0, (LEVELS - 1) as f32) as usize
}

/// Appends to `counts` for each of the `levels` the logarithm `ln(1 + n)` of how many of the `levels_of` the positions `valid`
/// have it: the counts of long sequences differ by orders of magnitude.
pub(super) fn count(levels: usize, levels_of: impl Fn(usize) -> usize, valid: Range<usize>, counts: &mut Vec<f32>) {
    let mut occurrences = vec![0u32; levels];
    for position in valid {
        if let Some(occurrences) = occurrences.get_mut(levels_of(position)) {
            *occurrences += 1;
        }
    }
    counts.extend(occurrences.into_iter().map(|n| (n as f32).ln_1p()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_equal_steps_and_hold_what_lies_beyond() {
        assert_eq!([-9.0, -4.0, -0.01, 0.0, 3.99, 4.0, 99.0].map(level), [0, 0, 127, 128, 255, 255, 255]);
        assert_eq!(level(1.0) - level(0.0), 32);
    }

    #[test]
    fn what_is_not_valid_does_not_count() {
        let values = [3, 1, 1, 0];
        let mut counts = vec![];
        count(4, |position| values[position], 0..3, &mut counts);
        assert_eq!(counts, [0.0, 2.0f32.ln_1p(), 0.0, 1.0f32.ln_1p()]);
    }
}
