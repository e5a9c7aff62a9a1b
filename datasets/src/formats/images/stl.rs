//! The binary version of STL-10: `*_X.bin` holds images, `*_y.bin` their labels.
//!
//! An image is 3 × 96 × 96 bytes: first all of red, then green, then blue, each **column by column** from the left.
//! Labels are bytes from 1 to 10.

use crate::formats::error::FormatError;

/// Side of an image in pixels.
pub const SIDE: usize = 96;
/// Bytes of an image.
pub const PIXELS: usize = 3 * SIDE * SIDE;
/// Number of classes.
pub const CLASSES: u8 = 10;

/// The images of a file, `[image, channel, row, column]`. Takes at most twice the memory of `bytes`.
///
/// # Errors
/// A size that is no whole number of images.
pub fn parse_images(bytes: &[u8]) -> Result<Vec<u8>, FormatError> {
    if !bytes.len().is_multiple_of(PIXELS) {
        return Err(FormatError::truncated(
            format!("image {}", bytes.len() / PIXELS),
            format!("the file ends inside it: {} bytes are no multiple of {PIXELS}", bytes.len()),
        ));
    }
    let mut rows = Vec::with_capacity(bytes.len());
    for plane in bytes.chunks_exact(SIDE * SIDE) {
        for y in 0..SIDE {
            rows.extend((0..SIDE).map(|x| plane[x * SIDE + y]));
        }
    }
    Ok(rows)
}

/// The labels of a file, shifted to begin at 0.
///
/// # Errors
/// A label outside 1 to 10.
pub fn parse_labels(bytes: &[u8]) -> Result<Vec<u8>, FormatError> {
    match bytes.iter().position(|&label| !(1..=CLASSES).contains(&label)) {
        None => Ok(bytes.iter().map(|label| label - 1).collect()),
        Some(place) => {
            Err(FormatError::value(format!("label {place}"), format!("{} is not from 1 to {CLASSES}", bytes[place])))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::formats::hostile;

    #[test]
    fn columns_become_rows_and_labels_begin_at_zero() {
        let mut bytes = vec![0; 2 * PIXELS];
        // Second image, green, column 5, row 2.
        bytes[PIXELS + SIDE * SIDE + 5 * SIDE + 2] = 77;
        let images = parse_images(&bytes).unwrap();
        assert_eq!(images.iter().position(|&value| value == 77), Some(PIXELS + SIDE * SIDE + 2 * SIDE + 5));
        assert_eq!(parse_labels(&[1, 10, 3]).unwrap(), [0, 9, 2]);
        assert_eq!(parse_labels(&[1, 0]).unwrap_err().place, "label 1");
        assert_eq!(parse_images(&bytes[1..]).unwrap_err().place, "image 1");
    }

    proptest! {
        #![proptest_config(hostile::cases())]
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), images in 0usize..2) {
            prop_assert_eq!(parse_images(&bytes).is_ok(), bytes.is_empty());
            let whole = vec![bytes.first().copied().unwrap_or(0); images * PIXELS];
            prop_assert_eq!(parse_images(&whole).unwrap(), whole);
            let valid = bytes.iter().all(|label| (1..=10).contains(label));
            prop_assert_eq!(parse_labels(&bytes).is_ok(), valid);
        }
    }
}
