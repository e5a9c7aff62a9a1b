//! Orders of the positions of a sequence.

use std::{fmt, ops::Range, str::FromStr};

use crate::splits::shuffle;

/// Raised whenever an [`Order`] shows other positions.
pub const ORDER_VERSION: u32 = 1;

/// Seed of the first permutation of a task; the shuffle of window `k` has the seed that is `k + 1` larger.
const SEED: u64 = 20_261_130;

/// The order in which positions are shown; the same in every sample of a task.
///
/// Written `natural`, `shuffled`, `windows-W` or `blocks-W`. The last window or block is shorter where `W` does not divide the
/// length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// As they are.
    #[default]
    Natural,
    /// All positions permuted: nothing is left of what is near and what is far.
    Shuffled,
    /// Positions permuted within windows of so many: what is near is lost, what is far is left.
    Windows(usize),
    /// Blocks of so many positions permuted: what is near is left, what is far is lost.
    Blocks(usize),
}

impl Order {
    /// What may be written.
    pub(crate) const FORMS: &str = "`natural`, `shuffled`, `windows-W` or `blocks-W`, with a whole number W from 2 on";

    /// Smallest window or block: one of a single position would be no order of its own.
    const LEAST: usize = 2;

    /// Size of the windows or blocks, if there are any.
    pub(crate) fn size(self) -> Option<usize> {
        match self {
            Self::Natural | Self::Shuffled => None,
            Self::Windows(size) | Self::Blocks(size) => Some(size),
        }
    }

    /// The positions of a sequence of `length` in this order: place `i` shows position `p[i]`.
    ///
    /// Permutations are those of [`shuffle`]: of all positions or of the blocks with seed 20261130, or the first of that plus
    /// multiples of 2³² that leaves not all of them where they are; within window `k` with seed 20261131 + `k`.
    pub fn positions(self, length: usize) -> Vec<u32> {
        let pieces = |size: usize| (0..length.div_ceil(size.max(1))).map(move |k| piece(k, size, length));
        match self {
            Self::Natural => (0..length as u32).collect(),
            Self::Shuffled => permuted(length),
            Self::Windows(size) => pieces(size)
                .enumerate()
                .flat_map(|(k, window)| {
                    let within = shuffle(window.len(), SEED + 1 + k as u64);
                    within.into_iter().map(move |place| window.start as u32 + place)
                })
                .collect(),
            Self::Blocks(size) => {
                let blocks = permuted(pieces(size).len());
                blocks.into_iter().flat_map(|k| piece(k as usize, size, length)).map(|place| place as u32).collect()
            }
        }
    }
}

/// The numbers below `count` in another order, if there is another: of two blocks, every second shuffle would be none.
fn permuted(count: usize) -> Vec<u32> {
    let natural = |order: &Vec<u32>| order.iter().zip(0..).all(|(&place, natural)| place == natural);
    let mut order = shuffle(count, SEED);
    let mut seed = SEED;
    while count > 1 && natural(&order) {
        seed += 1 << 32;
        order = shuffle(count, seed);
    }
    order
}

/// Positions of the window or block with number `k`.
fn piece(k: usize, size: usize, length: usize) -> Range<usize> {
    k * size..((k + 1) * size).min(length)
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Natural => f.write_str("natural"),
            Self::Shuffled => f.write_str("shuffled"),
            Self::Windows(size) => write!(f, "windows-{size}"),
            Self::Blocks(size) => write!(f, "blocks-{size}"),
        }
    }
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let size = |digits: &str| {
            // `+8` and `08` are numbers to Rust, and would be second names of the same order.
            let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
            digits.parse().ok().filter(|size| plain && *size >= Self::LEAST).ok_or(())
        };
        match (text, text.split_once('-')) {
            ("natural", _) => Ok(Self::Natural),
            ("shuffled", _) => Ok(Self::Shuffled),
            (_, Some(("windows", digits))) => size(digits).map(Self::Windows),
            (_, Some(("blocks", digits))) => size(digits).map(Self::Blocks),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn orders_are_read_as_they_are_written_and_nothing_else_is() {
        for order in [Order::Natural, Order::Shuffled, Order::Windows(16), Order::Blocks(2)] {
            assert_eq!(order.to_string().parse(), Ok(order));
        }
        for wrong in
            ["", "Shuffled", "windows", "windows-", "windows-1", "blocks-0", "blocks--4", "blocks-+8", "blocks-08"]
        {
            assert_eq!(wrong.parse::<Order>(), Err(()), "{wrong}");
        }
    }

    /// Pinned: whatever changes them changes [`ORDER_VERSION`].
    #[test]
    fn orders_do_not_change() {
        assert_eq!(Order::Natural.positions(4), [0, 1, 2, 3]);
        assert_eq!(Order::Shuffled.positions(10), PINNED[0]);
        assert_eq!(Order::Windows(4).positions(10), PINNED[1]);
        assert_eq!(Order::Blocks(3).positions(10), PINNED[2]);
    }

    /// Made with another program, from the definition of ChaCha8.
    const PINNED: [[u32; 10]; 3] =
        [[6, 9, 1, 2, 3, 4, 0, 8, 5, 7], [0, 2, 1, 3, 7, 5, 4, 6, 9, 8], [0, 1, 2, 9, 3, 4, 5, 6, 7, 8]];

    #[test]
    fn an_order_other_than_the_natural_one_is_another() {
        for length in 2..40 {
            assert_ne!(Order::Shuffled.positions(length), Order::Natural.positions(length), "{length}");
            for size in 2..length {
                let blocks = Order::Blocks(size).positions(length);
                assert_ne!(blocks, Order::Natural.positions(length), "{length} {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_order_is_a_permutation_that_keeps_what_it_says(length in 1usize..400, size in 2usize..50) {
            for order in [Order::Shuffled, Order::Windows(size), Order::Blocks(size)] {
                let positions = order.positions(length);
                let mut sorted = positions.clone();
                sorted.sort_unstable();
                prop_assert!(sorted.into_iter().eq(0..length as u32));
                match order {
                    Order::Windows(size) => {
                        let stays = |(place, &shown): (usize, &u32)| place / size == shown as usize / size;
                        prop_assert!(positions.iter().enumerate().all(stays));
                    }
                    Order::Blocks(size) => {
                        let follows = |pair: &[u32]| pair[1] == pair[0] + 1 || (pair[1] as usize).is_multiple_of(size);
                        prop_assert!(positions.windows(2).all(follows));
                    }
                    _ => {}
                }
            }
        }
    }
}
