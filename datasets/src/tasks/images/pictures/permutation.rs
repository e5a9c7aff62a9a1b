//! Orders of the pixels of an image.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::files::small_file;
use crate::formats::text::text;
use crate::library::DataError;

/// The stored pixel permutation: output position `i` takes input pixel `p[i]`. It is the one with which the authors of
/// CKCNN (Romero et al., arXiv 2102.02611) trained their published pMNIST weights.
const STORED: &str = include_str!("permutation-1.txt");

/// Largest file that is read; 784 indices have less than 4 KiB without comments.
const LARGEST: u64 = 64 << 10;

/// The stored permutation of 784 pixels.
pub(crate) fn stored() -> Vec<u16> {
    STORED.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

/// Bit reversal of `0..length`: the reversed numbers of the next power of two, those beyond the length left out (S4).
pub(crate) fn bit_reversal(length: usize) -> Vec<u16> {
    let size = length.next_power_of_two();
    let bits = size.trailing_zeros();
    let reversed = |index: usize| if bits == 0 { 0 } else { index.reverse_bits() >> (usize::BITS - bits) };
    (0..size).map(reversed).filter(|&index| index < length).map(|index| index as u16).collect()
}

/// A permutation of `0..length` from text, one index per line; empty lines and lines that begin with `#` are skipped.
/// The error names the line.
pub(crate) fn parse(text: &str, length: usize) -> Result<Vec<u16>, String> {
    let mut first_line = vec![0usize; length];
    let mut order = Vec::with_capacity(length);
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let index: usize = line
            .parse()
            .ok()
            .filter(|&index| index < length)
            .ok_or_else(|| format!("line {number}: `{}` is no index from 0 to {}", shortened(line), length - 1))?;
        if first_line[index] > 0 {
            return Err(format!("line {number}: {index} stands already in line {}", first_line[index]));
        }
        first_line[index] = number;
        order.push(index as u16);
    }
    if order.len() != length {
        let absent = first_line.iter().position(|&line| line == 0).unwrap_or(0);
        return Err(format!("{} of {length} indices, {absent} is missing", order.len()));
    }
    Ok(order)
}

fn shortened(line: &str) -> String {
    line.chars().take(20).collect()
}

/// Reads a permutation file.
pub(crate) fn read(path: &Path, length: usize) -> Result<Vec<u16>, DataError> {
    let bytes = small_file::read(path, LARGEST, "permutations")?;
    let text = text(&bytes).map_err(|error| error.to_string());
    text.and_then(|text| parse(text, length)).map_err(|message| DataError::Malformed {
        path: path.to_path_buf(),
        message: format!("{message}; a permutation has every index from 0 to {} once, one per line", length - 1),
    })
}

/// SHA-256 (hex) of a permutation written one index per line.
pub(crate) fn hash(order: &[u16]) -> String {
    let mut hasher = Sha256::new();
    for index in order {
        hasher.update(format!("{index}\n"));
    }
    format!("{:x}", hasher.finalize())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_stored_permutation_is_one_and_does_not_change() {
        let order = parse(STORED, 784).unwrap();
        assert_eq!(order, stored());
        assert_eq!(order[..5], [693, 85, 647, 392, 765]);
        assert_eq!(hash(&order), STORED_SHA256);
    }

    const STORED_SHA256: &str = "6c87678d6ec16c43889912ee8432d09ea88451cec8acf1c423280ab7e0628ec9";

    #[test]
    fn bit_reversal_leaves_out_what_is_too_large() {
        assert_eq!(bit_reversal(8), [0, 4, 2, 6, 1, 5, 3, 7]);
        assert_eq!(bit_reversal(6), [0, 4, 2, 1, 5, 3]);
        assert_eq!(bit_reversal(1), [0]);
        let mut order = bit_reversal(784);
        assert_eq!(order[..4], [0, 512, 256, 768]);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..784));
    }

    #[test]
    fn a_bad_file_names_its_line() {
        assert_eq!(parse("# order\n2\n\n0\n1\n", 3), Ok(vec![2, 0, 1]));
        for (text, place) in [("0\nx\n1", "line 2:"), ("0\n1\n3", "line 3:"), ("0\n1\n0", "line 3:"), ("0\n2", "")] {
            assert!(parse(text, 3).unwrap_err().starts_with(place), "{text}");
        }
    }
}
