//! The binary version of CIFAR-10 and CIFAR-100: records of one or two label bytes and 3 × 32 × 32 pixels.
//!
//! Pixels are bytes, first all of red, then green, then blue, each row by row from the top. CIFAR-10 has one label, 0 to 9.
//! CIFAR-100 has the coarse label, 0 to 19, and then the fine one, 0 to 99.

use crate::formats::error::FormatError;

/// Side of an image in pixels.
pub const SIDE: usize = 32;
/// Bytes of an image.
pub const PIXELS: usize = 3 * SIDE * SIDE;

/// Which of the two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ten classes.
    Ten,
    /// A hundred classes, in twenty groups.
    Hundred,
}

impl Kind {
    /// Bytes of labels before the pixels.
    pub fn label_bytes(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Hundred => 2,
        }
    }

    /// Number of (fine) classes.
    pub fn classes(self) -> usize {
        match self {
            Self::Ten => 10,
            Self::Hundred => 100,
        }
    }
}

/// Images of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// `[image, channel, row, column]`
    pub pixels: Vec<u8>,
    /// The (fine) label of every image.
    pub labels: Vec<u8>,
}

/// The images of one file. Takes at most twice the memory of `bytes`.
///
/// # Errors
/// A size that is no whole number of records; a label that does not exist. The record is named.
pub fn parse(bytes: &[u8], kind: Kind) -> Result<Records, FormatError> {
    let stride = kind.label_bytes() + PIXELS;
    if !bytes.len().is_multiple_of(stride) {
        return Err(FormatError::truncated(
            format!("record {}", bytes.len() / stride),
            format!("the file ends inside it: {} bytes are no multiple of {stride}", bytes.len()),
        ));
    }
    let count = bytes.len() / stride;
    let mut records = Records { pixels: Vec::with_capacity(count * PIXELS), labels: Vec::with_capacity(count) };
    for (index, record) in bytes.chunks_exact(stride).enumerate() {
        let (labels, pixels) = record.split_at(kind.label_bytes());
        let refuse = |what: &str, label: u8, most: usize| {
            FormatError::value(format!("record {index}"), format!("{what} {label} is not from 0 to {most}"))
        };
        let label = labels[labels.len() - 1];
        if usize::from(label) >= kind.classes() {
            return Err(refuse("label", label, kind.classes() - 1));
        }
        if kind == Kind::Hundred && labels[0] > 19 {
            return Err(refuse("coarse label", labels[0], 19));
        }
        records.labels.push(label);
        records.pixels.extend_from_slice(pixels);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::formats::hostile;

    fn record(labels: &[u8], shade: u8) -> Vec<u8> {
        let mut bytes = labels.to_vec();
        bytes.extend((0..PIXELS).map(|place| shade ^ place as u8));
        bytes
    }

    #[test]
    fn both_kinds_are_read() {
        let ten = parse(&[record(&[3], 1), record(&[9], 2)].concat(), Kind::Ten).unwrap();
        assert_eq!((ten.labels.as_slice(), ten.pixels.len()), (&[3, 9][..], 2 * PIXELS));
        assert_eq!(ten.pixels[PIXELS..], record(&[], 2));
        let hundred = parse(&record(&[19, 99], 7), Kind::Hundred).unwrap();
        assert_eq!((hundred.labels, hundred.pixels), (vec![99], record(&[], 7)));
        assert!(parse(&[], Kind::Ten).unwrap().labels.is_empty());
    }

    #[test]
    fn wrong_sizes_and_labels_are_refused_with_their_record() {
        let mut two = [record(&[3], 1), record(&[10], 2)].concat();
        let place = |bytes: &[u8], kind| parse(bytes, kind).unwrap_err().place;
        assert_eq!(place(&two, Kind::Ten), "record 1");
        two[record(&[3], 1).len()] = 9;
        two.pop();
        assert_eq!(place(&two, Kind::Ten), "record 1");
        assert_eq!(place(&record(&[20, 3], 0), Kind::Hundred), "record 0");
        assert_eq!(place(&record(&[3, 100], 0), Kind::Hundred), "record 0");
    }

    proptest! {
        #![proptest_config(hostile::cases())]
        #[test]
        fn no_bytes_make_it_panic(
            labels in proptest::collection::vec((0u8..25, 0u8..110), 0..3),
            cut in 0usize..4,
            hundred: bool,
            junk in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let kind = if hundred { Kind::Hundred } else { Kind::Ten };
            prop_assert_eq!(parse(&junk, kind).is_ok(), junk.is_empty());
            let mut bytes: Vec<u8> =
                labels.iter().flat_map(|&(coarse, fine)| record(&[coarse, fine][2 - kind.label_bytes()..], fine)).collect();
            bytes.truncate(bytes.len().saturating_sub(cut));
            let whole = cut == 0 || labels.is_empty();
            let valid = labels.iter().all(|&(coarse, fine)| usize::from(fine) < kind.classes() && (!hundred || coarse < 20));
            match parse(&bytes, kind) {
                Ok(records) => {
                    prop_assert!(whole && valid);
                    prop_assert_eq!(records.labels, labels.iter().map(|&(_, fine)| fine).collect::<Vec<_>>());
                }
                Err(_) => prop_assert!(!whole || !valid),
            }
        }
    }
}
