//! Pixels as a PNG file.

use std::io::{Error, Write};

/// A PNG file of `width` × `height` pixels, which `fill` writes, three bytes each, row by row: in as many parts as it likes.
///
/// # Errors
/// `fill` fails, or gives fewer or more pixels.
pub(in crate::figures::plot) fn encode(
    [width, height]: [u32; 2],
    fill: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Default);
    let mut writer = encoder.write_header()?;
    let mut rows = writer.stream_writer()?;
    fill(&mut rows)?;
    rows.finish()?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn parts_make_one_picture_and_missing_rows_are_an_error() {
        let pixels: Vec<u8> = (0..3 * 5 * 4).collect();
        let file = encode([5, 4], |rows| pixels.chunks(15 * 3).try_for_each(|part| rows.write_all(part))).unwrap();
        let mut reader = png::Decoder::new(file.as_slice()).read_info().unwrap();
        let mut read = vec![0; reader.output_buffer_size()];
        reader.next_frame(&mut read).unwrap();
        assert_eq!(read, pixels);
        assert!(encode([5, 4], |rows| rows.write_all(&pixels[15..])).is_err());
    }
}
