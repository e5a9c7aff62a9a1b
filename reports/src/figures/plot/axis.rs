//! Ranges, ticks and labels of axes.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use super::figure::AxisScale;
use crate::format::{grouped, significant};

/// An axis ready for drawing: range, ticks and labels in position space (logarithms on logarithmic axes).
#[derive(Clone)]
pub(super) struct FittedAxis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) ticks: Vec<f64>,
    scale: AxisScale,
}

impl FittedAxis {
    /// Fit an axis of `scale` to `values`.
    pub(super) fn fit(scale: &AxisScale, values: &[f64], horizontal: bool) -> Self {
        let places = values.iter().map(|v| scale.place(*v)).filter(|p| p.is_finite());
        let (mut low, mut high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(p), b.max(p)));
        if let AxisScale::Names(names) | AxisScale::NamesDown(names) = scale {
            return Self {
                from: -0.6,
                to: names.len() as f64 - 0.4,
                ticks: (0..names.len()).map(|i| i as f64).collect(),
                scale: scale.clone(),
            };
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let logarithmic = matches!(scale, AxisScale::Log | AxisScale::LogCount);
        if high - low < 1e-12 * high.abs().max(1e-12) {
            let half = match scale {
                AxisScale::Percent => 0.02,
                AxisScale::Count => 1.0,
                _ if logarithmic => 0.5,
                _ => (low.abs() * 0.1).max(1e-6),
            };
            (low, high) = (low - half, high + half);
        }
        // A little air; axes of time and epochs start at their first value.
        let air = (high - low) * 0.05;
        let tight = horizontal && matches!(scale, AxisScale::Linear | AxisScale::Count);
        let (mut from, mut to) = (low - if tight { 0.02 * (high - low) } else { air }, high + air);
        if matches!(scale, AxisScale::Percent) {
            (from, to) = (from.max(-0.005), to.min(1.005));
        }
        let ticks = match scale {
            AxisScale::SignedLog => signed_log_ticks(from, to),
            _ if logarithmic => log_ticks(from, to),
            _ => linear_ticks(from, to, scale),
        };
        Self { from, to, ticks, scale: scale.clone() }
    }

    /// Position of `value`.
    pub(super) fn place(&self, value: f64) -> f64 {
        self.scale.place(value)
    }

    /// Position of `value`, within the range.
    pub(super) fn clamped(&self, value: f64) -> f64 {
        self.place(value).clamp(self.from, self.to)
    }

    /// Position of `value`; of an infinite one the upper end.
    pub(super) fn place_or_end(&self, value: f64) -> f64 {
        if self.overflows(value) { self.to } else { self.place(value) }
    }

    /// Whether the position of `value` is infinite.
    pub(super) fn overflows(&self, value: f64) -> bool {
        self.place(value) == f64::INFINITY
    }

    /// Label of the tick at the position `place`.
    pub(super) fn label(&self, place: f64) -> String {
        let gaps = self.ticks.windows(2).map(|pair| pair[1] - pair[0]);
        self.scale.label(place, gaps.reduce(f64::min).unwrap_or(1.0))
    }
}

impl Ranged for FittedAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }
}

impl AxisScale {
    fn place(&self, value: f64) -> f64 {
        match self {
            Self::Log | Self::LogCount => value.log10(),
            Self::NamesDown(names) => names.len() as f64 - 1.0 - value,
            Self::SignedLog => value.asinh(),
            _ => value,
        }
    }

    /// `value` in full, with its unit where the label of the axis does not say it alone.
    pub(super) fn value(&self, value: f64) -> String {
        match self {
            Self::Percent => format!("{:.2} %", 100.0 * value),
            Self::Count | Self::LogCount if value >= 0.0 => grouped(value.round() as u64),
            _ => significant(value, 4),
        }
    }

    fn label(&self, place: f64, step: f64) -> String {
        match self {
            Self::Linear => plain_label(place, step),
            Self::Percent => plain_label(100.0 * place, 100.0 * step),
            Self::Count => format!("{place:.0}"),
            Self::LogCount => si(10f64.powf(place)),
            Self::Log => power(place),
            Self::SignedLog => signed_power(place.sinh()),
            Self::Names(names) => name_at(names, place),
            Self::NamesDown(names) => name_at(names, names.len() as f64 - 1.0 - place),
        }
    }
}

fn name_at(names: &[String], place: f64) -> String {
    let index = place.round();
    if index < 0.0 { String::new() } else { names.get(index as usize).cloned().unwrap_or_default() }
}

fn plain_label(value: f64, step: f64) -> String {
    let decimals = (-step.log10()).ceil().clamp(0.0, 8.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.') { text.replace('-', "") } else { text }
}

fn si(value: f64) -> String {
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let (factor, unit) = units.into_iter().find(|(factor, _)| value >= factor * 0.999).unwrap_or((1.0, ""));
    format!("{}{unit}", significant(value / factor, 2).trim_end_matches(".0"))
}

fn power(place: f64) -> String {
    let exponent = place.round();
    if (place - exponent).abs() > 1e-6 {
        let value = 10f64.powf(place);
        return if (1e-3..1e4).contains(&value) { trimmed(value) } else { significant(value, 2) };
    }
    if (-3.0..=3.0).contains(&exponent) {
        return plain_label(10f64.powf(exponent), 10f64.powf(exponent.min(0.0)));
    }
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let exponent = format!("{exponent:.0}");
    let raised = exponent.chars().map(|c| match c.to_digit(10) {
        Some(d) => digits[d as usize],
        None => '⁻',
    });
    format!("10{}", raised.collect::<String>())
}

fn signed_power(value: f64) -> String {
    let size = value.abs();
    if size < 1e-9 {
        return "0".to_owned();
    }
    let text = if size < 9e3 { trimmed(size) } else { power(size.log10()) };
    if value < 0.0 { format!("−{text}") } else { text }
}

/// Three significant digits, without zeros at the end.
fn trimmed(value: f64) -> String {
    let text = significant(value, 3);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The next of 1, 2, 5 times a power of ten at or above `rough`.
fn nice(rough: f64) -> f64 {
    let base = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|m| m * base).find(|step| *step >= rough * (1.0 - 1e-9)).unwrap_or(10.0 * base)
}

fn linear_ticks(from: f64, to: f64, scale: &AxisScale) -> Vec<f64> {
    let mut step = nice((to - from) / 6.0);
    if matches!(scale, AxisScale::Count) {
        step = step.max(1.0);
    }
    let (first, last) = ((from / step).ceil() as i64, (to / step).floor() as i64);
    (first..=last).map(|i| i as f64 * step).collect()
}

/// Round values near zero; further out zero and powers of ten, at most about four of them on either side.
fn signed_log_ticks(from: f64, to: f64) -> Vec<f64> {
    const LINEAR: f64 = 3.0;
    if -LINEAR < from && to < LINEAR {
        return linear_ticks(from.sinh(), to.sinh(), &AxisScale::Linear).into_iter().map(f64::asinh).collect();
    }
    let decades = (from.abs().max(to.abs()).sinh().log10().floor() as i32).max(1);
    let stride = (decades + 1).div_euclid(4) + 1;
    let sizes =
        (0..=decades).filter(|exponent| (decades - exponent) % stride == 0).map(|exponent| 10f64.powi(exponent));
    let places: Vec<f64> = sizes.map(f64::asinh).collect();
    let below = places.iter().rev().map(|place| -place);
    let all = below.chain([0.0]).chain(places.iter().copied());
    all.filter(|place| (from..=to).contains(place)).collect()
}

fn log_ticks(from: f64, to: f64) -> Vec<f64> {
    let decades = to - from;
    if decades > 2.0 {
        let step = nice(decades / 7.0).max(1.0).round();
        let (first, last) = ((from / step).ceil() as i64, (to / step).floor() as i64);
        return (first..=last).map(|i| i as f64 * step).collect();
    }
    if decades < 0.3 {
        let (low, high) = (10f64.powf(from), 10f64.powf(to));
        return linear_ticks(low, high, &AxisScale::Linear).into_iter().map(f64::log10).collect();
    }
    let multiples: &[f64] = if decades > 0.9 { &[1.0, 2.0, 5.0] } else { &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0] };
    let (first, last) = (from.floor() as i32, to.ceil() as i32);
    let places = (first..=last).flat_map(|d| multiples.iter().map(move |m| f64::from(d) + m.log10()));
    places.filter(|p| (from..=to).contains(p)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(linear_ticks(0.0, 10.2, &AxisScale::Count), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(log_ticks(-0.5, 19.2), [0.0, 5.0, 10.0, 15.0]);
        let narrow: Vec<String> = log_ticks(0.042f64.log10(), 0.066f64.log10()).into_iter().map(power).collect();
        assert_eq!(narrow, ["0.045", "0.05", "0.055", "0.06", "0.065"]);
        let signed = |low: f64, high: f64| -> Vec<String> {
            signed_log_ticks(low.asinh(), high.asinh()).into_iter().map(|place| signed_power(place.sinh())).collect()
        };
        assert_eq!(signed(-1.1, 2.1), ["−1", "0", "1", "2"]);
        assert_eq!(signed(-200.0, 30.0), ["−100", "−10", "−1", "0", "1", "10"]);
        assert_eq!(signed(-2e18, 2e18), ["−10¹⁸", "−10¹³", "−10⁸", "−1000", "0", "1000", "10⁸", "10¹³", "10¹⁸"]);
        assert_eq!(power(19.0), "10¹⁹");
        assert_eq!(power(-4.0), "10⁻⁴");
        assert_eq!(power(0.0), "1");
        assert_eq!(power(1.5f64.log10()), "1.5");
        assert_eq!(power(0.5f64.log10()), "0.5");
        assert_eq!(si(200_000.0), "200k");
        assert_eq!(si(2_000_000.0), "2M");
        assert_eq!(si(1_500.0), "1.5k");
        assert_eq!(si(1.0), "1");
        assert_eq!(plain_label(-0.0, 0.1), "0.0");
        let down = AxisScale::NamesDown(vec!["first".to_owned(), "last".to_owned()]);
        assert_eq!((down.place(0.0), down.label(1.0, 1.0).as_str(), down.label(5.0, 1.0).as_str()), (1.0, "first", ""));
    }
}
