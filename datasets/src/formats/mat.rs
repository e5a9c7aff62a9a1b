//! MATLAB files of level 5 (`-v6`, `-v7`): numeric, character, cell and structure arrays, plain or compressed.
//!
//! Source: MathWorks, "MAT-File Format". Files of level 4 and of version 7.3 (which are HDF5) are refused. Of sparse arrays,
//! objects, functions and complex numbers only their presence is read, so that they do no harm where nobody needs them.

use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::formats::error::{FormatError, FormatFault};
use crate::formats::text::shortened;

/// A named array.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Name of the variable; empty inside of cells and structures.
    pub name: String,
    /// Sizes of the dimensions, at least two.
    pub shape: Vec<usize>,
    /// The elements, the first dimension varying fastest.
    pub content: Content,
}

/// Elements of an [`Array`].
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Numbers of any stored type.
    Numbers(Vec<f64>),
    /// Characters.
    Text(String),
    /// Arrays.
    Cells(Vec<Array>),
    /// Per element, one array for each of the fields.
    Structures {
        /// Names of the fields.
        fields: Vec<String>,
        /// Arrays, the fields varying fastest.
        values: Vec<Array>,
    },
    /// What is not read, in words: `a sparse array`.
    Unsupported(&'static str),
}

impl Array {
    /// The numbers, if it has numbers.
    pub fn numbers(&self) -> Option<&[f64]> {
        match &self.content {
            Content::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// The arrays of its cells, if it has cells.
    pub fn cells(&self) -> Option<&[Self]> {
        match &self.content {
            Content::Cells(cells) => Some(cells),
            _ => None,
        }
    }

    /// The field `name` of its first structure.
    pub fn field(&self, name: &str) -> Option<&Self> {
        match &self.content {
            Content::Structures { fields, values } => values.get(fields.iter().position(|field| field == name)?),
            _ => None,
        }
    }
}

const HEADER: usize = 128;
/// Arrays may lie this deep in cells and structures.
const DEEPEST: usize = 16;
/// All compressed variables together may be this many times as long as the file, and [`SLACK`] longer.
const EXPANSION: usize = 64;
const SLACK: usize = 1 << 20;

const COMPRESSED: u32 = 15;
const MATRIX: u32 = 14;

/// Bytes in which the name of a compressed variable is looked for.
const NAME_BYTES: u64 = 4 << 10;

/// Reads all variables. Compressed variables may be up to 64 times as long as the file and 1 MiB longer; what is made of
/// that takes at most 48 times its memory.
///
/// # Errors
/// Another version; elements that reach beyond their end; sizes that do not agree. The place is a byte of the file, or of a
/// variable after decompression.
pub fn parse(bytes: &[u8]) -> Result<Vec<Array>, FormatError> {
    parse_only(bytes, &|_| true)
}

/// Reads the variables whose names are `wanted`, and passes over all others; see [`parse`].
///
/// # Errors
/// Those of [`parse`], for the variables that are read.
pub fn parse_only(bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Array>, FormatError> {
    if bytes.starts_with(b"\x89HDF") || bytes.starts_with(b"MATLAB 7.3") {
        return Err(FormatError::unsupported(
            "header",
            "this is a file of version 7.3 (HDF5); save it again with `save -v7`",
        ));
    }
    let little = match bytes.get(124..HEADER) {
        Some([_, 0x01, b'I', b'M']) => true,
        Some([0x01, _, b'M', b'I']) => false,
        _ => return Err(FormatError::foreign("header", "this is not a MATLAB file of level 5")),
    };
    let mut budget = bytes.len().saturating_mul(EXPANSION).saturating_add(SLACK);
    let mut cursor = Cursor { bytes: &bytes[HEADER..], at: 0, start: HEADER, little, within: "" };
    let mut arrays = Vec::new();
    while !cursor.is_finished() {
        let element = cursor.element()?;
        match element.kind {
            MATRIX if passed_over(element.body(), wanted) => {}
            MATRIX => arrays.push(array(element.body(), 0)?),
            COMPRESSED => {
                if beginning(&element).is_some_and(|begun| {
                    passed_over(Cursor { bytes: &begun, at: 0, start: 0, little, within: "" }, wanted)
                }) {
                    continue;
                }
                let inflated = inflate(&element, &mut budget)?;
                let mut inner = Cursor { bytes: &inflated, at: 0, start: 0, little, within: "a compressed variable, " };
                let element = inner.element()?;
                if element.kind != MATRIX {
                    return Err(element
                        .failed(FormatFault::Structure, format!("a compressed element of type {}", element.kind)));
                }
                arrays.push(array(element.body(), 0)?);
            }
            kind => {
                return Err(element.failed(
                    FormatFault::Structure,
                    format!("an element of type {kind} where a variable is expected"),
                ));
            }
        }
    }
    Ok(arrays)
}

/// The beginning of a compressed variable behind its tag, where it can be read.
fn beginning(element: &Element<'_>) -> Option<Vec<u8>> {
    let mut begun = Vec::new();
    // What is damaged further on does not matter here.
    let _ = ZlibDecoder::new(element.data).take(NAME_BYTES).read_to_end(&mut begun);
    (begun.len() > 8).then(|| begun.split_off(8))
}

/// Whether the variable has a name that is not wanted. One whose name cannot be read is looked at.
fn passed_over(mut cursor: Cursor<'_>, wanted: &dyn Fn(&str) -> bool) -> bool {
    Head::read(&mut cursor).is_ok_and(|head| !wanted(&head.name))
}

fn inflate(element: &Element<'_>, budget: &mut usize) -> Result<Vec<u8>, FormatError> {
    let mut inflated = Vec::new();
    let mut decoder = ZlibDecoder::new(element.data).take(*budget as u64 + 1);
    decoder
        .read_to_end(&mut inflated)
        .map_err(|error| element.failed(FormatFault::Structure, format!("the compressed data are damaged: {error}")))?;
    if inflated.len() > *budget {
        return Err(
            element.failed(FormatFault::TooLarge, format!("compressed data of more than {EXPANSION} times the file"))
        );
    }
    *budget -= inflated.len();
    Ok(inflated)
}

/// A part of the file with a position.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    start: usize,
    little: bool,
    within: &'static str,
}

/// One tagged piece of data.
struct Element<'a> {
    kind: u32,
    data: &'a [u8],
    start: usize,
    little: bool,
    within: &'static str,
}

impl<'a> Element<'a> {
    fn body(&self) -> Cursor<'a> {
        Cursor { bytes: self.data, at: 0, start: self.start, little: self.little, within: self.within }
    }

    fn failed(&self, fault: FormatFault, message: impl Into<String>) -> FormatError {
        FormatError::new(fault, format!("{}byte {}", self.within, self.start), message)
    }

    /// Bytes of one number of the element's type.
    fn width(&self) -> Result<usize, FormatError> {
        Ok(match self.kind {
            1 | 2 | 16 => 1,
            3 | 4 | 17 => 2,
            5..=7 | 18 => 4,
            9 | 12 | 13 => 8,
            kind => {
                return Err(self.failed(
                    FormatFault::Structure,
                    format!("data of type {kind}, which is none of numbers or characters"),
                ));
            }
        })
    }

    fn numbers(&self) -> Result<Vec<f64>, FormatError> {
        let width = self.width()?;
        if !self.data.len().is_multiple_of(width) {
            return Err(self.failed(
                FormatFault::Structure,
                format!("{} bytes are no whole number of {width}-byte values", self.data.len()),
            ));
        }
        let little = self.little;
        let value = |bytes: &[u8]| {
            let mut word = [0u8; 8];
            for (place, byte) in bytes.iter().enumerate() {
                word[if little { place } else { width - 1 - place }] = *byte;
            }
            let bits = u64::from_le_bytes(word);
            match self.kind {
                1 => f64::from(bits as u8 as i8),
                3 => f64::from(bits as u16 as i16),
                5 => f64::from(bits as u32 as i32),
                7 => f64::from(f32::from_bits(bits as u32)),
                9 => f64::from_bits(bits),
                12 => bits as i64 as f64,
                _ => bits as f64,
            }
        };
        Ok(self.data.chunks_exact(width).map(value).collect())
    }

    /// Sizes: whole numbers from 0.
    fn sizes(&self) -> Result<Vec<usize>, FormatError> {
        if self.kind != 5 && self.kind != 6 {
            return Err(
                self.failed(FormatFault::Structure, format!("sizes of type {} instead of 32-bit integers", self.kind))
            );
        }
        let size = |value: f64| {
            if value >= 0.0 { Ok(value as usize) } else { Err(self.failed(FormatFault::Value, "a negative size")) }
        };
        self.numbers()?.into_iter().map(size).collect()
    }

    fn name(&self) -> Result<String, FormatError> {
        match std::str::from_utf8(self.data) {
            Ok(name) => Ok(name.trim_end_matches('\0').to_owned()),
            Err(_) => Err(self.failed(FormatFault::Value, "a name that is no text")),
        }
    }

    fn characters(&self) -> Result<String, FormatError> {
        match self.kind {
            1 | 2 | 16 => String::from_utf8(self.data.to_vec())
                .map_err(|_| self.failed(FormatFault::Value, "characters that are no UTF-8")),
            3 | 4 | 17 => {
                let units: Vec<u16> = self.numbers()?.into_iter().map(|unit| unit as i32 as u16).collect();
                String::from_utf16(&units).map_err(|_| self.failed(FormatFault::Value, "characters that are no UTF-16"))
            }
            kind => Err(self.failed(FormatFault::Structure, format!("characters of type {kind}"))),
        }
    }
}

impl<'a> Cursor<'a> {
    fn is_finished(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn failed(&self, fault: FormatFault, message: impl Into<String>) -> FormatError {
        FormatError::new(fault, format!("{}byte {}", self.within, self.start + self.at), message)
    }

    fn word(&self, at: usize) -> Result<u32, FormatError> {
        let bytes = self.bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        let bytes =
            bytes.ok_or_else(|| self.failed(FormatFault::Truncated, "the file ends in the middle of an element"))?;
        Ok(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// The next element; the position moves behind it and its padding.
    fn element(&mut self) -> Result<Element<'a>, FormatError> {
        let head = self.word(self.at)?;
        // Up to four bytes may lie in the tag itself.
        let (kind, length, data) = match head >> 16 {
            0 => (head, self.word(self.at + 4)? as usize, self.at + 8),
            length @ 1..=4 => (head & 0xffff, length as usize, self.at + 4),
            length => {
                return Err(
                    self.failed(FormatFault::Structure, format!("a small element of {length} bytes, at most 4 fit"))
                );
            }
        };
        let left = self.bytes.len().saturating_sub(data);
        if length > left {
            return Err(
                self.failed(FormatFault::Truncated, format!("an element of {length} bytes, and only {left} follow"))
            );
        }
        let element = Element {
            kind,
            data: &self.bytes[data..data + length],
            start: self.start + data,
            little: self.little,
            within: self.within,
        };
        let end = data + length;
        self.at = if data == self.at + 4 {
            self.at + 8
        } else if kind == COMPRESSED {
            end
        } else {
            // From where the element begins: behind a compressed variable that may be anywhere.
            data + length.next_multiple_of(8)
        };
        Ok(element)
    }

    fn array(&mut self, depth: usize) -> Result<Array, FormatError> {
        let element = self.element()?;
        if element.kind != MATRIX {
            return Err(element.failed(
                FormatFault::Structure,
                format!("an element of type {} where an array is expected", element.kind),
            ));
        }
        array(element.body(), depth)
    }

    fn arrays(&mut self, count: usize, depth: usize) -> Result<Vec<Array>, FormatError> {
        // Every array takes a tag of eight bytes at least.
        if count > self.bytes.len().saturating_sub(self.at) / 8 {
            return Err(self.failed(
                FormatFault::TooLarge,
                format!("{count} arrays are announced, and there is no room for them"),
            ));
        }
        (0..count).map(|_| self.array(depth)).collect()
    }
}

fn array(mut cursor: Cursor<'_>, depth: usize) -> Result<Array, FormatError> {
    if depth > DEEPEST {
        return Err(cursor.failed(FormatFault::TooLarge, format!("arrays within arrays more than {DEEPEST} deep")));
    }
    // An empty cell may be an array without any content.
    if cursor.bytes.is_empty() {
        return Ok(Array { name: String::new(), shape: vec![0, 0], content: Content::Numbers(vec![]) });
    }
    let Head { class, complex, shape, count, name } = Head::read(&mut cursor)?;
    let content = match class {
        1 => Content::Cells(cursor.arrays(count, depth + 1)?),
        2 => structures(&mut cursor, count, depth)?,
        4 => {
            // MATLAB writes no data at all for an empty text.
            let text = if cursor.is_finished() { String::new() } else { cursor.element()?.characters()? };
            if text.encode_utf16().count() != count && text.chars().count() != count {
                return Err(cursor.failed(
                    FormatFault::Structure,
                    format!("{} characters in an array of {count}", text.chars().count()),
                ));
            }
            Content::Text(text)
        }
        6..=15 if complex => Content::Unsupported("an array of complex numbers"),
        6..=15 => {
            let numbers = cursor.element()?.numbers()?;
            if numbers.len() != count {
                return Err(
                    cursor.failed(FormatFault::Structure, format!("{} numbers in an array of {count}", numbers.len()))
                );
            }
            Content::Numbers(numbers)
        }
        5 => Content::Unsupported("a sparse array"),
        3 | OPAQUE => Content::Unsupported("an object"),
        16 => Content::Unsupported("a function"),
        class => {
            let message = format!("arrays of class {class} do not exist (variable `{}`)", shortened(&name));
            return Err(cursor.failed(FormatFault::Structure, message));
        }
    };
    Ok(Array { name, shape, content })
}

/// Class of objects whose arrays have no sizes.
const OPAQUE: u32 = 17;

/// What stands before the content of an array.
struct Head {
    class: u32,
    complex: bool,
    shape: Vec<usize>,
    /// Number of elements.
    count: usize,
    name: String,
}

impl Head {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, FormatError> {
        let flags = cursor.element()?;
        if flags.kind != 6 || flags.data.len() != 8 {
            return Err(flags.failed(FormatFault::Structure, "an array does not begin with its flags"));
        }
        let flags = flags.body().word(0)?;
        let (class, complex) = (flags & 0xff, flags & 0x800 != 0);
        if class == OPAQUE {
            return Ok(Self { class, complex, shape: vec![1, 1], count: 1, name: cursor.element()?.name()? });
        }
        let sizes = cursor.element()?;
        let shape = sizes.sizes()?;
        if !(2..=32).contains(&shape.len()) {
            return Err(sizes.failed(FormatFault::TooLarge, format!("an array of {} dimensions", shape.len())));
        }
        let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let count = count.ok_or_else(|| sizes.failed(FormatFault::TooLarge, "an array that no memory could hold"))?;
        Ok(Self { class, complex, shape, count, name: cursor.element()?.name()? })
    }
}

fn structures(cursor: &mut Cursor<'_>, count: usize, depth: usize) -> Result<Content, FormatError> {
    let room = cursor.element()?;
    let room = match room.sizes()?.as_slice() {
        [room] if (1..=64).contains(room) => *room,
        other => return Err(room.failed(FormatFault::Structure, format!("field names of length {other:?}"))),
    };
    let names = cursor.element()?;
    if !names.data.len().is_multiple_of(room) {
        return Err(names.failed(
            FormatFault::Structure,
            format!("{} bytes are no whole number of names of {room}", names.data.len()),
        ));
    }
    let name = |bytes: &[u8]| {
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        String::from_utf8(bytes[..end].to_vec())
            .map_err(|_| names.failed(FormatFault::Value, "a field name that is no text"))
    };
    // Names may be a byte long each: a vector that grows would take three times as much for them.
    let mut fields = Vec::with_capacity(names.data.len() / room);
    for bytes in names.data.chunks_exact(room) {
        fields.push(name(bytes)?);
    }
    let values = count
        .checked_mul(fields.len())
        .ok_or_else(|| names.failed(FormatFault::TooLarge, "more fields than memory could hold"))?;
    Ok(Content::Structures { values: cursor.arrays(values, depth + 1)?, fields })
}

/// Writes files that [`parse`] reads; for tests.
#[cfg(test)]
pub(crate) mod writer {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    pub(super) fn element(kind: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    pub(super) fn array(class: u32, name: &str, shape: &[usize], content: &[u8]) -> Vec<u8> {
        let shape: Vec<u8> = shape.iter().flat_map(|&size| (size as i32).to_le_bytes()).collect();
        let flags = [class.to_le_bytes(), [0; 4]].concat();
        element(14, &[&element(6, &flags), &element(5, &shape), &element(1, name.as_bytes()), content].concat())
    }

    pub(crate) fn doubles(name: &str, shape: &[usize], numbers: &[f64]) -> Vec<u8> {
        let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        array(6, name, shape, &element(9, &data))
    }

    /// Doubles whose values are stored as bytes, as MATLAB does where they fit.
    pub(crate) fn small(name: &str, numbers: &[u8]) -> Vec<u8> {
        array(6, name, &[1, numbers.len()], &element(2, numbers))
    }

    pub(crate) fn text(name: &str, text: &str) -> Vec<u8> {
        let data: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        array(4, name, &[1, data.len() / 2], &element(4, &data))
    }

    /// A sparse 1 × 1 array.
    pub(crate) fn sparse(name: &str) -> Vec<u8> {
        let (rows, columns) = (element(5, &[0; 4]), element(5, &[0, 0, 0, 0, 1, 0, 0, 0]));
        array(5, name, &[1, 1], &[rows, columns, element(9, &1.5f64.to_le_bytes())].concat())
    }

    pub(crate) fn cells(name: &str, cells: &[Vec<u8>]) -> Vec<u8> {
        array(1, name, &[1, cells.len()], &cells.concat())
    }

    pub(crate) fn structure(name: &str, fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut names = vec![0u8; 32 * fields.len()];
        for (room, (name, _)) in names.chunks_exact_mut(32).zip(fields) {
            room[..name.len()].copy_from_slice(name.as_bytes());
        }
        // The length of the names lies in the tag itself.
        let room = [(4u32 << 16 | 5).to_le_bytes(), 32u32.to_le_bytes()].concat();
        let values: Vec<u8> = fields.iter().flat_map(|(_, value)| value.clone()).collect();
        array(2, name, &[1, 1], &[room, element(1, &names), values].concat())
    }

    pub(crate) fn compressed(variable: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(variable).unwrap();
        let data = encoder.finish().unwrap();
        [&15u32.to_le_bytes()[..], &(data.len() as u32).to_le_bytes(), &data].concat()
    }

    pub(crate) fn file(variables: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = b"MATLAB 5.0 MAT-file, written by a test".to_vec();
        bytes.resize(124, b' ');
        bytes.extend([0x00, 0x01, b'I', b'M']);
        bytes.extend(variables.concat());
        bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::formats::hostile;

    fn valid() -> Vec<u8> {
        let letters = writer::cells("letters", &[writer::text("", "a"), writer::text("", "é")]);
        let all = writer::structure(
            "all",
            &[("numbers", writer::doubles("", &[2, 3], &[1.0, -2.0, 3.5, f64::NAN, 5.0, 6.0])), ("key", letters)],
        );
        writer::file(&[writer::compressed(&all), writer::small("labels", &[1, 2, 20])])
    }

    #[test]
    fn structures_cells_and_numbers_are_read() {
        let arrays = parse(&valid()).unwrap();
        assert_eq!(arrays[0].name, "all");
        let numbers = arrays[0].field("numbers").unwrap();
        assert_eq!(numbers.shape, [2, 3]);
        assert_eq!(numbers.numbers().unwrap()[2], 3.5);
        assert!(numbers.numbers().unwrap()[3].is_nan());
        let letters = arrays[0].field("key").unwrap().cells().unwrap();
        assert_eq!(letters[1].content, Content::Text("é".to_owned()));
        assert_eq!(arrays[1].numbers().unwrap(), [1.0, 2.0, 20.0]);
    }

    /// Written by another program than this one; see the folder's README.
    #[test]
    fn files_of_scipy_are_read() {
        for bytes in [
            &include_bytes!("../../tests/fixtures/formats/scipy-compressed.mat")[..],
            &include_bytes!("../../tests/fixtures/formats/scipy-plain.mat")[..],
        ] {
            let arrays = parse(bytes).unwrap();
            let find = |name: &str| arrays.iter().find(|array| array.name == name).unwrap();
            let mixout = find("mixout").cells().unwrap();
            assert_eq!(mixout.len(), 3);
            assert_eq!(mixout[1].shape, [3, 4]);
            assert_eq!(mixout[1].numbers().unwrap()[..4], [0.0, 4.0, 8.0, 1.0]);
            let consts = find("consts");
            assert_eq!(consts.field("charlabels").unwrap().numbers().unwrap(), [1.0, 2.0, 1.0]);
            assert_eq!(consts.field("key").unwrap().cells().unwrap()[1].content, Content::Text("b".to_owned()));
            assert_eq!(find("single").numbers().unwrap(), [0.5, -1.25]);
            assert_eq!(find("signed").numbers().unwrap(), [-7.0, 300.0]);
            assert_eq!(find("empty").numbers().unwrap(), [0.0; 0]);
        }
    }

    #[test]
    fn big_endian_files_are_read() {
        let mut bytes = writer::file(&[]);
        bytes[124..128].copy_from_slice(&[0x01, 0x00, b'M', b'I']);
        let word = |value: u32| value.to_be_bytes().to_vec();
        let body = [
            [word(6), word(8), word(6), word(0)].concat(),
            [word(5), word(8), word(1), word(2)].concat(),
            [word((1 << 16) | 1), vec![b'x', 0, 0, 0]].concat(),
            [word(9), word(16), 1.5f64.to_be_bytes().to_vec(), (-2.0f64).to_be_bytes().to_vec()].concat(),
        ]
        .concat();
        bytes.extend([word(14), word(body.len() as u32), body].concat());
        let arrays = parse(&bytes).unwrap();
        assert_eq!((arrays[0].name.as_str(), arrays[0].numbers().unwrap()), ("x", &[1.5, -2.0][..]));
    }

    /// Written by SciPy and, for the object, by hand: what this program does not read.
    #[test]
    fn what_is_not_supported_does_no_harm_where_it_is_not_needed() {
        let kind = |array: &Array| match array.content {
            Content::Unsupported(kind) => Some(kind),
            _ => None,
        };
        for bytes in [
            &include_bytes!("../../tests/fixtures/formats/scipy-unsupported-compressed.mat")[..],
            &include_bytes!("../../tests/fixtures/formats/scipy-unsupported-plain.mat")[..],
        ] {
            let arrays = parse(bytes).unwrap();
            let find = |name: &str| arrays.iter().find(|array| array.name == name).unwrap();
            assert_eq!(kind(find("sparse")), Some("a sparse array"));
            assert_eq!(kind(find("complex")), Some("an array of complex numbers"));
            assert_eq!(find("numbers").numbers().unwrap(), [1.0, 2.0]);
            let inner = find("inner");
            assert_eq!(
                (kind(inner.field("other").unwrap()), inner.field("key").unwrap().numbers()),
                (kind(find("complex")), Some(&[3.0][..]))
            );
            let only = parse_only(bytes, &|name| name == "numbers").unwrap();
            assert_eq!(only, [find("numbers").clone()]);
        }
        // An object has no sizes: flags, name, two names of its class, and content of its own.
        let opaque = [
            writer::element(6, &[&OPAQUE.to_le_bytes()[..], &[0; 4]].concat()),
            writer::element(1, b"thing"),
            writer::element(1, b"MCOS"),
            writer::element(1, b"string"),
            writer::small("", &[1]),
        ];
        let bytes = writer::file(&[writer::element(14, &opaque.concat()), writer::small("labels", &[7])]);
        let arrays = parse(&bytes).unwrap();
        assert_eq!((arrays[0].name.as_str(), kind(&arrays[0])), ("thing", Some("an object")));
        assert_eq!(arrays[1].numbers().unwrap(), [7.0]);
        // A variable of far more zeros than may be unpacked, and one of a damaged kind.
        let zeros = writer::compressed(&writer::doubles("z", &[1, 4_000_000], &vec![0.0; 4_000_000]));
        let bytes = writer::file(&[zeros, writer::array(99, "odd", &[1, 1], &[]), writer::small("labels", &[7])]);
        assert_eq!(parse_only(&bytes, &|name| name == "labels").unwrap()[0].numbers().unwrap(), [7.0]);
        assert!(parse_only(&bytes, &|name| name == "odd").is_err());
    }

    #[test]
    fn promises_beyond_the_file_are_refused() {
        let refused = |bytes: &[u8]| parse(bytes).map_err(|error| (error.fault, error.place)).unwrap_err();
        let cells = writer::file(&[writer::cells("c", &[])]);
        let mut many = cells.clone();
        // The two sizes of the cell array stand after two tags and the flags.
        let sizes = HEADER + 8 + 16 + 8;
        many[sizes..sizes + 8].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0, 0]);
        let zeros = writer::compressed(&writer::doubles("z", &[1, 4_000_000], &vec![0.0; 4_000_000]));
        let mut deep = writer::doubles("", &[1, 1], &[1.0]);
        for _ in 0..40 {
            deep = writer::cells("", &[deep]);
        }
        for (bytes, fault, place) in [
            (&many[..], FormatFault::TooLarge, "byte 184"),
            (&writer::file(&[zeros]), FormatFault::TooLarge, "byte 136"),
            (&valid()[..200], FormatFault::Truncated, "byte 128"),
            (&writer::file(&[deep]), FormatFault::TooLarge, "byte 952"),
            (b"MATLAB 7.3 MAT-file", FormatFault::Unsupported, "header"),
            (b"no such file", FormatFault::Foreign, "header"),
        ] {
            assert_eq!(refused(bytes), (fault, place.to_owned()));
        }
    }

    #[test]
    fn names_of_one_byte_take_no_more_than_is_said() {
        let count = (1 << 15) + 1;
        // One byte for each name; the structure itself is empty.
        let room = [(4u32 << 16 | 5).to_le_bytes(), 1u32.to_le_bytes()].concat();
        let bytes =
            writer::file(&[writer::array(2, "s", &[0, 0], &[room, writer::element(1, &vec![b'n'; count])].concat())]);
        let arrays = parse(&bytes).unwrap();
        assert!(matches!(&arrays[0].content, Content::Structures { fields, .. } if fields.len() == count));
        let held = held(&arrays[0]);
        assert!(held <= 48 * bytes.len(), "{held} bytes for {}", bytes.len());
    }

    fn held(array: &Array) -> usize {
        size_of::<Array>()
            + array.name.capacity()
            + 8 * array.shape.capacity()
            + match &array.content {
                Content::Numbers(numbers) => 8 * numbers.capacity(),
                Content::Unsupported(_) => 0,
                Content::Text(text) => text.capacity(),
                Content::Cells(cells) => cells.iter().map(held).sum(),
                Content::Structures { fields, values } => {
                    size_of::<String>() * fields.capacity()
                        + fields.iter().map(String::capacity).sum::<usize>()
                        + values.iter().map(held).sum::<usize>()
                }
            }
    }

    proptest! {
        #![proptest_config(hostile::cases())]
        #[test]
        fn no_input_does_harm(bytes in hostile::inputs(valid())) {
            if let Ok(arrays) = parse(&bytes) {
                let held: usize = arrays.iter().map(held).sum();
                prop_assert!(held <= 24 * (65 * bytes.len() + SLACK), "{held} bytes for {}", bytes.len());
            }
        }

        /// Without compression, of which most mutations leave nothing but a wrong sum.
        #[test]
        fn no_plain_input_does_harm(bytes in hostile::inputs({
            let numbers = writer::doubles("", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
            let cells = writer::cells("", &[writer::text("", "ab"), numbers]);
            writer::file(&[writer::structure("s", &[("a", cells), ("b", writer::small("", &[1]))])])
        })) {
            if let Ok(arrays) = parse(&bytes) {
                let held: usize = arrays.iter().map(held).sum();
                prop_assert!(held <= 24 * bytes.len(), "{held} bytes for {}", bytes.len());
            }
        }
    }
}
