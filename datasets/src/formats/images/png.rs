//! Grey images from PNG files, of a size that is known beforehand.
//!
//! Grey is what Pillow's `convert("L")` makes of the file, as the original programs of the data sets do: colours, those of a
//! palette included, by the weights of ITU-R 601 in 16-bit fixed point; transparency is left out of account; of 16 bits per
//! channel the upper eight count, except that grey of 16 bits without an alpha channel is cut off at 255.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, Limits, codecs::png::PngDecoder};

use crate::formats::error::{FormatError, FormatFault};

/// Largest side that is decoded.
pub const MOST_SIDE: u32 = 4096;

/// The grey values of a PNG image of `side` × `side` pixels, row after row. Takes at most 16 bytes per pixel and 1 MiB.
///
/// # Errors
/// Another format, a damaged file, another size. Sizes are compared before a pixel is decoded, so that a small file that
/// claims to be huge costs nothing.
pub fn parse_square(bytes: &[u8], side: u32) -> Result<Vec<u8>, FormatError> {
    let refuse = |fault, message: String| FormatError::new(fault, "the image", message);
    if side == 0 || side > MOST_SIDE {
        return Err(refuse(FormatFault::TooLarge, format!("a side of {side} pixels is not from 1 to {MOST_SIDE}")));
    }
    if bytes.is_empty() {
        return Err(refuse(FormatFault::Truncated, "the file is empty".to_owned()));
    }
    let mut limits = Limits::default();
    // Sixteen bytes per pixel hold every colour type twice over; the rest is for the decoder's own buffers.
    limits.max_alloc = Some(u64::from(side) * u64::from(side) * 16 + (1 << 20));
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits)
        .map_err(|error| refuse(FormatFault::Structure, error.to_string()))?;
    let (width, height) = decoder.dimensions();
    if (width, height) != (side, side) {
        return Err(refuse(FormatFault::Value, format!("it has {width} x {height} pixels instead of {side} x {side}")));
    }
    // Depth and kind stand in the header, which has been read; with transparency the decoder makes an alpha channel.
    let clipped = bytes.get(24..26) == Some(&[16, 0]);
    let picture =
        DynamicImage::from_decoder(decoder).map_err(|error| refuse(FormatFault::Structure, error.to_string()))?;
    grey(picture, clipped)
        .ok_or_else(|| refuse(FormatFault::Unsupported, "its kind of pixels cannot be read".to_owned()))
}

/// `clipped`: grey of 16 bits is cut off at 255.
fn grey(picture: DynamicImage, clipped: bool) -> Option<Vec<u8>> {
    let high = |value: u16| (value >> 8) as u8;
    let deep = |value: u16| if clipped { value.min(255) as u8 } else { high(value) };
    Some(match picture {
        DynamicImage::ImageLuma8(pixels) => pixels.into_raw(),
        DynamicImage::ImageLumaA8(pixels) => pixels.chunks_exact(2).map(|pixel| pixel[0]).collect(),
        DynamicImage::ImageRgb8(pixels) => pixels.chunks_exact(3).map(|p| luma([p[0], p[1], p[2]])).collect(),
        DynamicImage::ImageRgba8(pixels) => pixels.chunks_exact(4).map(|p| luma([p[0], p[1], p[2]])).collect(),
        DynamicImage::ImageLuma16(pixels) => pixels.iter().map(|&value| deep(value)).collect(),
        DynamicImage::ImageLumaA16(pixels) => pixels.chunks_exact(2).map(|pixel| deep(pixel[0])).collect(),
        DynamicImage::ImageRgb16(pixels) => {
            pixels.chunks_exact(3).map(|p| luma([high(p[0]), high(p[1]), high(p[2])])).collect()
        }
        DynamicImage::ImageRgba16(pixels) => {
            pixels.chunks_exact(4).map(|p| luma([high(p[0]), high(p[1]), high(p[2])])).collect()
        }
        _ => return None,
    })
}

/// Grey of a colour as Pillow's `convert("L")` makes it: (19595 R + 38470 G + 7471 B + 32768) / 65536.
pub fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471 + 32_768) >> 16) as u8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage};
    use proptest::prelude::*;

    use super::*;
    use crate::formats::hostile;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let picture = GrayImage::from_fn(width, height, |x, y| Luma([(x * 7 + y * 31) as u8]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn grey_values_are_those_of_the_file() {
        let values = parse_square(&png(32, 32), 32).unwrap();
        assert_eq!((values.len(), values[0], values[33]), (1024, 0, 38));
        let mut bytes = Cursor::new(Vec::new());
        RgbImage::from_pixel(8, 8, Rgb([9, 9, 9])).write_to(&mut bytes, ImageFormat::Png).unwrap();
        assert_eq!(parse_square(bytes.get_ref(), 8).unwrap(), [9; 64]);
    }

    /// Files of every kind of pixels, and their grey values by Pillow 13; see the folder's README.
    #[test]
    fn grey_is_that_of_pillow_for_every_kind_of_pixels() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats/png");
        let table = std::fs::read_to_string(folder.join("pillow-grey.txt")).unwrap();
        let mut files = 0;
        for line in table.lines() {
            let (name, expected) = line.split_once(' ').unwrap();
            let values = parse_square(&std::fs::read(folder.join(name)).unwrap(), 8).expect(name);
            let values: String = values.iter().map(|value| format!("{value:02x}")).collect();
            assert_eq!(values, expected, "{name}");
            files += 1;
        }
        assert_eq!(files, 19);
    }

    #[test]
    fn other_sizes_and_damaged_files_are_refused() {
        assert!(parse_square(&[], 32).is_err());
        assert!(parse_square(&png(16, 16), 32).is_err());
        assert!(parse_square(&png(64, 32), 32).is_err());
        let whole = png(32, 32);
        for cut in 0..whole.len() - 12 {
            assert!(parse_square(&whole[..cut], 32).is_err(), "{cut}");
        }
        // A header that claims 60000 x 60000 pixels, with its right CRC.
        let mut huge = whole[..33].to_vec();
        huge[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        let crc = crc32fast::hash(&huge[12..29]).to_be_bytes();
        huge[29..33].copy_from_slice(&crc);
        huge.extend_from_slice(&whole[33..]);
        assert!(parse_square(&huge, 32).is_err());
        assert!(parse_square(&whole, 0).is_err());
    }

    proptest! {
        #![proptest_config(hostile::cases())]
        #[test]
        fn no_bytes_make_it_panic(bytes in hostile::inputs(png(16, 16))) {
            if let Ok(values) = parse_square(&bytes, 16) {
                prop_assert_eq!(values.len(), 256);
            }
        }
    }
}
