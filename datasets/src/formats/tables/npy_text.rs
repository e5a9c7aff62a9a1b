//! The metadata of Pathfinder: files called `.npy` that are plain text, one line per image.
//!
//! A line has at least four fields, separated by spaces: folder of the image (`imgs/0`), its file name, its number, the
//! label (0 or 1). What follows (continuity, lengths, thickness, margin, …) is not needed to read the images.

use crate::formats::error::FormatError;
use crate::formats::text::{shortened, text, whole};

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledImage {
    /// Path of the image inside its level, e.g. `imgs/0/sample_17.png`.
    pub path: String,
    /// 1 if both markers lie on one contour, else 0.
    pub label: u8,
}

/// The images of one metadata file, in its order. Takes at most 16 times the memory of `bytes`.
///
/// # Errors
/// A binary `.npy` file; a line with too few fields, another label, or a path that leaves the folder. The line is named.
pub fn parse(bytes: &[u8]) -> Result<Vec<LabelledImage>, FormatError> {
    if bytes.starts_with(b"\x93NUMPY") {
        return Err(FormatError::unsupported(
            "the beginning",
            "this is a binary .npy file; Pathfinder's metadata are plain text",
        ));
    }
    let mut entries = Vec::new();
    for (index, line) in text(bytes)?.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        entries.push(entry(line).map_err(|message| FormatError::value(format!("line {}", index + 1), message))?);
    }
    Ok(entries)
}

fn entry(line: &str) -> Result<LabelledImage, String> {
    let mut fields = line.split_ascii_whitespace();
    let mut next = |what: &str| fields.next().ok_or_else(|| format!("{what} is missing"));
    let folder = next("field 0, the folder of the image,")?;
    let file = next("field 1, the file name,")?;
    next("field 2, the number,")?;
    let label = next("field 3, the label,")?;
    if !is_inside(folder) || !is_inside(file) {
        return Err(format!("`{}/{}` leads out of the folder", shortened(folder), shortened(file)));
    }
    let class =
        whole(label, 1).ok_or_else(|| format!("field 3, the label, is `{}` and not 0 or 1", shortened(label)))?;
    Ok(LabelledImage { path: format!("{folder}/{file}"), label: class as u8 })
}

/// Whether every part of the path is a plain name.
fn is_inside(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':', '\0']))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::formats::hostile;

    #[test]
    fn field_three_is_the_label() {
        let text = b"\xef\xbb\xbfimgs/0 sample_0.png 0 1.00 1.0 6 2 2 0.5 1 1\r\n\nimgs/0 sample_1.png 1 0 1.0 6 2 2 0.5 1 1\n";
        let entries = parse(text).unwrap();
        assert_eq!(entries[0], LabelledImage { path: "imgs/0/sample_0.png".into(), label: 1 });
        assert_eq!(entries[1], LabelledImage { path: "imgs/0/sample_1.png".into(), label: 0 });
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, place) in [
            (&b"imgs/0 a.png 0 1\nimgs/0 b.png 1"[..], "line 2"),
            (b"imgs/0 a.png 0 2", "line 1"),
            (b"imgs/../../.. a.png 0 1", "line 1"),
            (b"/etc passwd 0 1", "line 1"),
            (b"imgs/0 ../b.png 0 1", "line 1"),
            (b"\x93NUMPY\x01\x00v\x00", "the beginning"),
            (b"imgs/0 \xff 0 1", "byte 7"),
        ] {
            assert_eq!(parse(text).unwrap_err().place, place);
        }
    }

    proptest! {
        #![proptest_config(hostile::cases())]
        #[test]
        fn no_bytes_make_it_panic(
            bytes in hostile::inputs(
                b"imgs/0 sample_0.png 0 1 1.0 6 2 2 0.5 1 1\nimgs/12 sample_1.png 1 0 1.0 6 2 2 0.5 1 1\n".to_vec(),
            ),
        ) {
            for entry in parse(&bytes).unwrap_or_default() {
                prop_assert!(entry.label <= 1);
                let mut parts = std::path::Path::new(&entry.path).components();
                prop_assert!(parts.all(|part| matches!(part, std::path::Component::Normal(_))));
            }
        }
    }
}
