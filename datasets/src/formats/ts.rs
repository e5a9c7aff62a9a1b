//! Labelled time series in the `.ts` format of the UEA and UCR archives.
//!
//! After a header of `@key value` lines and `@data` follows one series per line: dimensions separated by `:`, values by
//! `,`, `?` where one is missing, and the class label at the end. Comments begin with `#`. Source: Bagnall et al., "The UEA
//! multivariate time series classification archive, 2018", arXiv 1811.00075. Series with time stamps are refused.

use super::{FormatError, shortened, text};

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
    /// Place of its label in [`SeriesFile::labels`].
    pub class: usize,
    /// Number of dimensions.
    pub channels: usize,
    /// Channel by channel, all of one length; NaN where a value is missing.
    pub values: Vec<f32>,
}

impl Series {
    /// Steps per channel.
    pub fn length(&self) -> usize {
        self.values.len() / self.channels.max(1)
    }
}

/// Most class labels of a file.
const MOST_LABELS: usize = 10_000;

/// Reads a file. Takes at most 64 times the memory of `bytes`.
///
/// # Errors
/// No text; no `@classLabel` or `@data`; time stamps; a label that the header does not name; a field that is no number;
/// dimensions of unequal number or length. The place is `line L` or `line L, dimension D, value V` (both from 1).
pub fn parse(bytes: &[u8]) -> Result<SeriesFile, FormatError> {
    let mut lines = text(bytes)?.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let header = Header::read(&mut lines)?;
    let mut channels = header.dimensions;
    let mut series = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let one = row(number, line, &header.labels)?;
        let expected = *channels.get_or_insert(one.channels);
        if one.channels != expected {
            let message = format!("{} dimensions, where {expected} are expected", one.channels);
            return Err(FormatError::new(format!("line {number}"), message));
        }
        series.push(one);
    }
    Ok(SeriesFile { name: header.name, labels: header.labels, series })
}

struct Header {
    name: String,
    dimensions: Option<usize>,
    labels: Vec<String>,
}

impl Header {
    fn read<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<Self, FormatError> {
        let mut header = Self { name: String::new(), dimensions: None, labels: vec![] };
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let failed = |message: String| FormatError::new(format!("line {number}"), message);
            let mut words = line.split_whitespace();
            let key = words.next().unwrap_or_default().to_ascii_lowercase();
            match key.as_str() {
                "@data" if header.labels.is_empty() => {
                    return Err(failed("the header names no classes (`@classLabel true A B …`)".to_owned()));
                }
                "@data" => return Ok(header),
                "@problemname" => header.name = words.next().unwrap_or_default().to_owned(),
                "@timestamps" if words.next().is_some_and(|word| word.eq_ignore_ascii_case("true")) => {
                    return Err(failed("series with time stamps are not supported".to_owned()));
                }
                "@dimensions" | "@dimension" => {
                    let word = words.next().unwrap_or_default();
                    let count = word.parse().ok().filter(|&count| (1..=1_000_000).contains(&count));
                    let count = count.ok_or_else(|| failed(format!("`{}` dimensions", shortened(word))))?;
                    header.dimensions = Some(count);
                }
                "@classlabel" => {
                    if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("true")) {
                        return Err(failed("the series have no class labels".to_owned()));
                    }
                    header.labels = words.take(MOST_LABELS + 1).map(str::to_owned).collect();
                    if header.labels.len() > MOST_LABELS {
                        return Err(failed(format!("more than {MOST_LABELS} classes")));
                    }
                }
                key if key.starts_with('@') => {}
                _ => return Err(failed(format!("`{}` stands before `@data`", shortened(line)))),
            }
        }
        Err(FormatError::new("end of the file", "there is no `@data`"))
    }
}

fn row(number: usize, line: &str, labels: &[String]) -> Result<Series, FormatError> {
    let failed = |message: String| FormatError::new(format!("line {number}"), message);
    let (data, label) = line.rsplit_once(':').ok_or_else(|| failed("no `:` before a class label".to_owned()))?;
    let label = label.trim();
    let class = labels
        .iter()
        .position(|known| known == label)
        .ok_or_else(|| failed(format!("class `{}` is not one of the header's", shortened(label))))?;
    let mut values = Vec::new();
    let (mut channels, mut length) = (0, 0);
    for dimension in data.split(':') {
        let before = values.len();
        for (place, field) in dimension.split(',').map(str::trim).enumerate() {
            let value = if field == "?" { Some(f32::NAN) } else { field.parse().ok() };
            values.push(value.ok_or_else(|| {
                let place = format!("line {number}, dimension {}, value {}", channels + 1, place + 1);
                FormatError::new(place, format!("`{}` is not a number", shortened(field)))
            })?);
        }
        let found = values.len() - before;
        channels += 1;
        if channels == 1 {
            length = found;
        } else if found != length {
            return Err(failed(format!("dimension {channels} has {found} values, the first has {length}")));
        }
    }
    Ok(Series { class, channels, values })
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
        assert_eq!(file.series[0], Series { class: 1, channels: 2, values: vec![1.0, 2.0, 3.0, -1.0, -2.5, 1e-3] });
        assert_eq!(file.series[1].length(), 2);
        assert!(file.series[1].values[1].is_nan());
    }

    #[test]
    fn errors_name_line_dimension_and_value() {
        let error = |from: &str, to: &str| parse(VALID.replace(from, to).as_bytes()).unwrap_err().to_string();
        assert_eq!(error("-2.5", "x"), "line 10, dimension 2, value 2: `x` is not a number");
        assert_eq!(error("1e-3:b", "1e-3:c"), "line 10: class `c` is not one of the header's");
        assert_eq!(error("7,8", "7"), "line 11: dimension 2 has 1 values, the first has 2");
        assert_eq!(error("@dimensions 2", "@dimensions 3"), "line 10: 2 dimensions, where 3 are expected");
        assert!(error("@timeStamps false", "@timeStamps true").starts_with("line 3: series with time stamps"));
        assert!(error("@data", "").contains("stands before `@data`"));
        assert!(error("@classLabel true a b", "@classLabel false").contains("no class labels"));
        assert_eq!(parse(b"").unwrap_err().place, "end of the file");
    }

    proptest! {
        #![proptest_config(hostile::cases())]
        #[test]
        fn no_input_does_harm(bytes in hostile::inputs(VALID.as_bytes().to_vec())) {
            if let Ok(file) = parse(&bytes) {
                let held: usize = file.series.iter().map(|one| 4 * one.values.capacity() + size_of::<Series>()).sum();
                prop_assert!(held <= 64 * bytes.len(), "{held} bytes for {}", bytes.len());
            }
        }
    }
}
