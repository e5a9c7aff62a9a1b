//! Labelled time series in the `.ts` format of the UEA and UCR archives.
//!
//! After a header of `@key value` lines and `@data` follows one series per line: dimensions separated by `:`, values by
//! `,`, `?` (or `NaN`) where one is missing, and the class label at the end. Comments begin with `#`. Source: Bagnall et
//! al., "The UEA multivariate time series classification archive, 2018", arXiv 1811.00075. Series with time stamps are
//! refused.
//!
//! What a class is called is its label's text; where it stands in `@classLabel` means nothing, since files of one data set
//! list the classes in different orders. [`Classes`] numbers those of several files.

use std::collections::HashMap;

use crate::formats::error::{FormatError, FormatFault};
use crate::formats::text::{not_a_value, shortened, text, value};

/// A file of labelled series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesFile {
    /// `@problemName`, if there is one.
    pub name: String,
    /// Class labels in the order of `@classLabel`.
    pub labels: Vec<String>,
    /// The series.
    pub series: Vec<Series>,
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The line it stands in, from 1.
    pub line: usize,
    /// Place of its label in [`SeriesFile::labels`].
    pub label: usize,
    /// Channel after channel; NaN where a value is missing.
    pub values: Vec<f32>,
    /// Values of every channel, at least one; channels may differ.
    pub lengths: Vec<usize>,
}

impl Series {
    /// The channels, each as long as it is in the file.
    pub fn channels(&self) -> impl Iterator<Item = &[f32]> {
        let mut rest = self.values.as_slice();
        self.lengths.iter().map(move |&length| {
            let (channel, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            channel
        })
    }

    /// Values of the longest channel.
    pub fn longest(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or(0)
    }
}

/// A label as it is compared: labels that are numbers by their value, so that `1`, `1.0` and `01` are one class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Number(u64),
    Text(String),
}

impl Key {
    fn new(label: &str) -> Self {
        match label.parse::<f64>() {
            // Zero has two signs.
            Ok(number) if number.is_finite() => Self::Number((number + 0.0).to_bits()),
            _ => Self::Text(label.to_owned()),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(bits) => Some(f64::from_bits(*bits)),
            Self::Text(_) => None,
        }
    }
}

/// The classes of a data set in several files, distinguished by their labels.
///
/// They are numbered from 0 in an order that no file decides: by value if all labels are numbers, else by text.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    numbers: HashMap<Key, usize>,
    labels: Vec<String>,
}

impl Classes {
    /// The classes that the headers of `files` name.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a SeriesFile>) -> Self {
        let mut known: HashMap<Key, &str> = HashMap::new();
        for label in files.into_iter().flat_map(|file| &file.labels) {
            known.entry(Key::new(label)).or_insert(label);
        }
        let mut classes: Vec<(Key, &str)> = known.into_iter().collect();
        let numbers = classes.iter().all(|(key, _)| key.number().is_some());
        classes.sort_by(|(a, a_label), (b, b_label)| match (a.number(), b.number()) {
            (Some(a), Some(b)) if numbers => a.total_cmp(&b),
            _ => a_label.cmp(b_label),
        });
        let labels = classes.iter().map(|(_, label)| (*label).to_owned()).collect();
        Self { numbers: classes.into_iter().enumerate().map(|(number, (key, _))| (key, number)).collect(), labels }
    }

    /// Their labels, in the order of their numbers.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The class of every label of `file`, which is one of those that the classes were made of.
    pub fn numbers(&self, file: &SeriesFile) -> Vec<usize> {
        file.labels.iter().filter_map(|label| self.numbers.get(&Key::new(label)).copied()).collect()
    }
}

/// Most class labels of a file.
const MOST_LABELS: usize = 10_000;

/// Reads a file. Takes at most 64 times the memory of `bytes`.
///
/// # Errors
/// No text; no `@classLabel` or `@data`; a class that the header names twice; time stamps; a label that the header does
/// not name, or none; a field that is neither missing nor a finite number of 32 bits; another number of dimensions. The
/// place is `line L` or `line L, dimension D, value V` (both from 1).
pub fn parse(bytes: &[u8]) -> Result<SeriesFile, FormatError> {
    let mut lines = text(bytes)?.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let header = Header::read(&mut lines)?;
    let mut channels = header.dimensions;
    let mut series = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let one = row(number, line, &header.classes)?;
        let found = one.lengths.len();
        let expected = *channels.get_or_insert(found);
        if found != expected {
            let message = format!("{found} dimensions, where {expected} are expected");
            return Err(FormatError::structure(format!("line {number}"), message));
        }
        series.push(one);
    }
    Ok(SeriesFile { name: header.name, labels: header.labels, series })
}

struct Header {
    name: String,
    dimensions: Option<usize>,
    labels: Vec<String>,
    /// Place of every label among the labels.
    classes: HashMap<Key, usize>,
}

impl Header {
    fn read<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<Self, FormatError> {
        let mut header = Self { name: String::new(), dimensions: None, labels: vec![], classes: HashMap::new() };
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let failed = |fault, message: String| FormatError::new(fault, format!("line {number}"), message);
            let mut words = line.split_whitespace();
            let key = words.next().unwrap_or_default().to_ascii_lowercase();
            match key.as_str() {
                "@data" if header.labels.is_empty() => {
                    return Err(failed(
                        FormatFault::Structure,
                        "the header names no classes (`@classLabel true A B …`)".to_owned(),
                    ));
                }
                "@data" => return Ok(header),
                "@problemname" => header.name = words.next().unwrap_or_default().to_owned(),
                "@timestamps" if words.next().is_some_and(|word| word.eq_ignore_ascii_case("true")) => {
                    return Err(failed(
                        FormatFault::Unsupported,
                        "series with time stamps are not supported".to_owned(),
                    ));
                }
                "@dimensions" | "@dimension" => {
                    let word = words.next().unwrap_or_default();
                    let count = word.parse().ok().filter(|&count| (1..=1_000_000).contains(&count));
                    let count =
                        count.ok_or_else(|| failed(FormatFault::Value, format!("`{}` dimensions", shortened(word))))?;
                    header.dimensions = Some(count);
                }
                "@classlabel" => {
                    if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("true")) {
                        return Err(failed(FormatFault::Unsupported, "the series have no class labels".to_owned()));
                    }
                    header.labels = words.take(MOST_LABELS + 1).map(str::to_owned).collect();
                    if header.labels.len() > MOST_LABELS {
                        return Err(failed(FormatFault::TooLarge, format!("more than {MOST_LABELS} classes")));
                    }
                    header.classes = HashMap::with_capacity(header.labels.len());
                    for (place, label) in header.labels.iter().enumerate() {
                        if let Some(first) = header.classes.insert(Key::new(label), place) {
                            let (first, label) = (shortened(&header.labels[first]), shortened(label));
                            return Err(failed(
                                FormatFault::Structure,
                                format!("classes `{first}` and `{label}` are one"),
                            ));
                        }
                    }
                }
                key if key.starts_with('@') => {}
                _ => {
                    return Err(failed(FormatFault::Structure, format!("`{}` stands before `@data`", shortened(line))));
                }
            }
        }
        Err(FormatError::truncated("end of the file", "there is no `@data`"))
    }
}

fn row(number: usize, line: &str, classes: &HashMap<Key, usize>) -> Result<Series, FormatError> {
    let failed = |fault, message: String| FormatError::new(fault, format!("line {number}"), message);
    let (data, label) = line
        .rsplit_once(':')
        .ok_or_else(|| failed(FormatFault::Structure, "no `:` before a class label".to_owned()))?;
    let label = label.trim();
    if label.is_empty() || label == "?" {
        return Err(failed(FormatFault::Value, "the class label is missing".to_owned()));
    }
    let known = classes.get(&Key::new(label)).copied();
    let label = known.ok_or_else(|| {
        failed(FormatFault::Value, format!("class `{}` is not one of the header's", shortened(label)))
    })?;
    let mut values = Vec::new();
    let mut lengths = Vec::new();
    for (dimension, fields) in data.split(':').enumerate() {
        let before = values.len();
        for (place, field) in fields.split(',').map(str::trim).enumerate() {
            let found = if field == "?" { Some(f32::NAN) } else { value(field) };
            values.push(found.ok_or_else(|| {
                let place = format!("line {number}, dimension {}, value {}", dimension + 1, place + 1);
                FormatError::value(place, not_a_value(field))
            })?);
        }
        lengths.push(values.len() - before);
    }
    Ok(Series { line: number, label, values, lengths })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::formats::hostile;

    const VALID: &str = "# a comment\n@problemName Letters\n@timeStamps false\n@missing false\n@univariate false\n\
                         @dimensions 2\n@equalLength false\n@classLabel true a b\n@data\n1,2,3:-1,-2.5,1e-3:b\n\
                         0.5,?:7,8:a\n";

    #[test]
    fn dimensions_labels_and_gaps_are_read() {
        let file = parse(VALID.as_bytes()).unwrap();
        assert_eq!((file.name.as_str(), file.labels.len(), file.series.len()), ("Letters", 2, 2));
        let values = vec![1.0, 2.0, 3.0, -1.0, -2.5, 1e-3];
        assert_eq!(file.series[0], Series { line: 10, label: 1, values, lengths: vec![3, 3] });
        assert_eq!((file.series[1].line, file.series[1].longest()), (11, 2));
        assert!(file.series[1].values[1].is_nan());
    }

    #[test]
    fn channels_may_differ_in_length() {
        let file = parse(VALID.replace("-1,-2.5,1e-3", "-1").as_bytes()).unwrap();
        let channels: Vec<&[f32]> = file.series[0].channels().collect();
        assert_eq!(channels, [&[1.0, 2.0, 3.0][..], &[-1.0]]);
        assert_eq!((file.series[0].lengths.as_slice(), file.series[0].longest()), (&[3, 1][..], 3));
    }

    #[test]
    fn a_class_is_its_label_whatever_the_order_and_the_spelling() {
        let file =
            |labels: &str| parse(VALID.replace("true a b", labels).replace(":b", ":2").replace(":a", ":10").as_bytes());
        let (one, other) = (file("true 2 10").unwrap(), file("true 1 10.0 02").unwrap());
        let classes = Classes::of([&one, &other]);
        assert_eq!(classes.labels(), ["1", "2", "10"]);
        assert_eq!((classes.numbers(&one), classes.numbers(&other)), (vec![1, 2], vec![0, 2, 1]));
        for file in [&one, &other] {
            let numbers = classes.numbers(file);
            assert_eq!(file.series.iter().map(|series| numbers[series.label]).collect::<Vec<_>>(), [1, 2]);
        }
        assert_eq!(file("true 2 10 2.0").unwrap_err().place, "line 8");
        // Letters are what they are: `a` and `A` may be two classes.
        let classes = Classes::of([&parse(VALID.replace("true a b", "true b A a").as_bytes()).unwrap()]);
        assert_eq!(classes.labels(), ["A", "a", "b"]);
    }

    #[test]
    fn a_mark_before_the_text_and_other_line_ends_are_read() {
        let plain = parse(VALID.as_bytes()).unwrap();
        let other = format!("\u{feff}{}", VALID.trim_end().replace('\n', "\r\n").replace('?', "NaN"));
        let read = parse(other.as_bytes()).unwrap();
        assert_eq!((read.labels, read.series[0].clone()), (plain.labels, plain.series[0].clone()));
        assert!(read.series[1].values[1].is_nan());
    }

    #[test]
    fn errors_name_line_dimension_and_value() {
        let place = |from: &str, to: &str| parse(VALID.replace(from, to).as_bytes()).unwrap_err().place;
        assert_eq!(place("-2.5", "x"), "line 10, dimension 2, value 2");
        for label in ["c", "", "?"] {
            assert_eq!(place("1e-3:b", &format!("1e-3:{label}")), "line 10");
        }
        assert_eq!(place("7,8", ""), "line 11, dimension 2, value 1");
        for infinite in ["inf", "1e400", "1e39", "-Infinity"] {
            assert_eq!(place("0.5", infinite), "line 11, dimension 1, value 1", "{infinite}");
        }
        assert_eq!(place("@dimensions 2", "@dimensions 3"), "line 10");
        assert_eq!(place("@timeStamps false", "@timeStamps true"), "line 3");
        assert_eq!(place("@data", ""), "line 10");
        assert_eq!(place("@classLabel true a b", "@classLabel false"), "line 8");
        assert_eq!(parse(b"").unwrap_err().place, "end of the file");
    }

    proptest! {
        #![proptest_config(hostile::cases())]
        #[test]
        fn no_input_does_harm(bytes in hostile::inputs(VALID.as_bytes().to_vec())) {
            if let Ok(file) = parse(&bytes) {
                let each = |one: &Series| 4 * one.values.capacity() + 8 * one.lengths.capacity() + size_of::<Series>();
                let held: usize = file.series.iter().map(each).sum();
                prop_assert!(held <= 64 * bytes.len(), "{held} bytes for {}", bytes.len());
            }
        }
    }
}
