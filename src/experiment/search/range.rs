//! The values that a searched field may take.

use serde_json::Number;
use vocabulary::record::RangeScale;

use crate::experiment::yaml::Numeral;
use crate::experiment::{Content, Node, Position};

/// The values that a searched field may take.
#[derive(Debug, Clone, PartialEq)]
pub enum Range {
    /// Numbers from `low` to `high`, both included.
    Interval {
        /// Smallest value.
        low: f64,
        /// Largest value, greater than `low`.
        high: f64,
        /// Whether their logarithms are spread evenly; `low` is positive then.
        log: bool,
        /// Whole numbers alone.
        integer: bool,
    },
    /// One of at least one, all different, each as likely.
    Choice(Vec<Node>),
}

impl Range {
    /// How values are spread.
    pub fn scale(&self) -> RangeScale {
        match self {
            Self::Interval { log: true, .. } => RangeScale::Log,
            Self::Interval { .. } => RangeScale::Linear,
            Self::Choice(_) => RangeScale::Choice,
        }
    }

    /// How many values there are; `None` where numbers are real.
    pub fn size(&self) -> Option<usize> {
        match self {
            Self::Interval { low, high, integer: true, .. } => Some((high - low) as usize + 1),
            Self::Interval { .. } => None,
            Self::Choice(values) => Some(values.len()),
        }
    }

    /// The value at `u` in [0, 1); numbers are placed at `at`. Real ones have three significant digits, so that names of folders
    /// can be read, and hide what platforms make of the last bit of a logarithm.
    pub fn value(&self, u: f64, at: Position) -> Node {
        match self {
            Self::Choice(values) => values[((u * values.len() as f64) as usize).min(values.len() - 1)].clone(),
            Self::Interval { low, high, log, integer: true } => {
                // Every whole number is an interval of length one.
                let above = high + 1.0;
                let real = if *log { low * (above / low).powf(u) } else { low + (above - low) * u };
                number(real.floor().clamp(*low, *high), at)
            }
            Self::Interval { low, high, log, integer: false } => {
                let real = if *log { low * (high / low).powf(u) } else { low + (high - low) * u };
                number(three_digits(real).clamp(*low, *high), at)
            }
        }
    }
}

/// `value` with three significant digits.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn number(value: f64, at: Position) -> Node {
    Node { at, content: Content::Number(Numeral { value: Number::from_f64(value), written: value.to_string() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Position = Position { source: 0, line: 1, column: 1, width: 1 };

    fn values(range: &Range, points: u32) -> Vec<String> {
        (0..points).map(|i| range.value(f64::from(i) / f64::from(points), AT).to_settings().to_string()).collect()
    }

    #[test]
    fn numbers_are_spread_by_their_scale_and_have_three_digits() {
        let interval = |low, high, log, integer| Range::Interval { low, high, log, integer };
        assert_eq!(values(&interval(0.0, 1.0, false, false), 3), ["0", "0.333", "0.667"]);
        assert_eq!(
            values(&interval(1e-4, 0.1, true, false), 6),
            ["0.0001", "0.000316", "0.001", "0.00316", "0.01", "0.0316"]
        );
        assert_eq!(values(&interval(1.0, 3000.0, true, false), 2), ["1", "54.8"]);
        assert_eq!(values(&interval(-2.0, 2.0, false, true), 5), ["-2", "-1", "0", "1", "2"]);
        assert_eq!(values(&interval(1.0, 7.0, true, true), 4), ["1", "1", "2", "4"]);
        // Rounding leaves no range.
        assert_eq!(values(&interval(1.2345, 1.2349, false, false), 2), ["1.2345", "1.2345"]);
    }

    #[test]
    fn ends_and_choices_are_within_reach() {
        let last = 1.0 - f64::EPSILON;
        let interval = |log, integer| Range::Interval { low: 2.0, high: 9.0, log, integer };
        for range in [interval(false, true), interval(true, true), interval(false, false), interval(true, false)] {
            assert_eq!(range.value(last, AT).to_settings(), 9);
            assert_eq!(range.value(0.0, AT).to_settings(), 2);
        }
        let choice = Range::Choice(vec![number(0.0, AT), number(0.5, AT)]);
        assert_eq!(
            (choice.value(0.49, AT).to_settings(), choice.value(last, AT).to_settings()),
            (0.into(), 0.5.into())
        );
        assert_eq!(
            [choice.size(), interval(true, true).size(), interval(true, false).size()],
            [Some(2), Some(8), None]
        );
    }
}
