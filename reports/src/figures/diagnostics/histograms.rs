//! How the logits are distributed: at the start, after the first epoch, and at the end.

use vocabulary::record::Histogram;

use super::super::colours::{Colours, Legend};
use super::super::curve::tasks;
use super::super::plot::{AxisScale, Figure, Mark, Panel, PlotAxis, Point, Series};
use crate::runs::{Diagnostics, Moment, SeedGroup};

/// Fewest and most bins of an outline: as many values as a class has fill few, and a page draws no more than 60 points.
const BINS: [usize; 2] = [6, 28];

const MOMENTS: [(Moment, &str); 3] =
    [(Moment::Start, "at initialisation"), (Moment::FirstEpoch, "after the first epoch"), (Moment::End, "at the end")];

/// The figure, a row of panels per task; none without histograms.
pub(super) fn histograms(groups: &[SeedGroup<'_>], diagnostics: &Diagnostics, colours: &Colours) -> Option<Figure> {
    let mut legend = colours.legend();
    let mut panels = Vec::new();
    for task in tasks(groups) {
        for (moment, words) in MOMENTS {
            let members = groups.iter().filter(|group| group.key.task == task);
            let series: Vec<Series> =
                members.filter_map(|group| outline(moment, group, diagnostics, &mut legend)).collect();
            if !series.is_empty() {
                let x = PlotAxis::new("logit", AxisScale::SignedLog);
                let y = PlotAxis::new("share of the logits, %", AxisScale::Percent);
                panels.push(Panel::new(x, y, series).titled(format!("{task}: {words}")));
            }
        }
    }
    if panels.is_empty() {
        return None;
    }
    Some(Figure {
        name: "logit-histograms".to_owned(),
        title: "Histograms of the logits".to_owned(),
        caption: "Logits on the first 16 samples of the validation split (fewer where it has fewer), in evaluation mode, counted in \
             bins of equal width between the smallest and the largest of a baseline, 2 ∛n of them for n logits (6 to 28): the \
             mean of the shares over seeds, whose bins were other ones (a bin that lies in two is shared out in proportion). The axis of logits is linear \
             around zero and logarithmic further out. The end is that of finished trainings, with the last weights."
            .to_owned(),
        panels,
        legend: legend.keys(Mark::Line),
    })
}

fn outline(
    moment: Moment,
    group: &SeedGroup<'_>,
    diagnostics: &Diagnostics,
    legend: &mut Legend<'_>,
) -> Option<Series> {
    let seeds: Vec<&Histogram> = diagnostics.of(group).filter_map(|(_, run)| run.histograms.get(&moment)).collect();
    let (edges, shares) = pooled(&seeds)?;
    let corner = |x: f64, y: f64| Point { x, y, n: seeds.len(), ..Point::default() };
    let steps = shares.iter().zip(edges.windows(2));
    let steps = steps.flat_map(|(share, edge)| [corner(edge[0], *share), corner(edge[1], *share)]);
    let (first, last) = (corner(*edges.first()?, 0.0), corner(*edges.last()?, 0.0));
    let points = [first].into_iter().chain(steps).chain([last]).collect();
    Some(legend.series(&group.key, "", Mark::Line, points))
}

/// The edges of common bins, and the mean share of the finite values in each; none without values.
fn pooled(seeds: &[&Histogram]) -> Option<(Vec<f64>, Vec<f64>)> {
    let counted: Vec<(&Histogram, f64)> = seeds
        .iter()
        .map(|histogram| (*histogram, histogram.counts.iter().sum::<u64>() as f64))
        .filter(|(_, total)| *total > 0.0)
        .collect();
    let from = counted.iter().map(|(histogram, _)| histogram.from).reduce(f64::min)?;
    let to = counted.iter().map(|(histogram, _)| histogram.to).reduce(f64::max)?;
    // Rice's rule.
    let values: f64 = counted.iter().map(|(_, total)| total).sum();
    let bins = ((2.0 * values.cbrt()).ceil() as usize).clamp(BINS[0], BINS[1]);
    let edges: Vec<f64> = (0..=bins).map(|bin| from + (to - from) * bin as f64 / bins as f64).collect();
    let mut shares = vec![0.0; bins];
    for (histogram, total) in &counted {
        let width = histogram.width();
        for (bin, count) in histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let start = histogram.from + width * bin as f64;
            for (share, edge) in shares.iter_mut().zip(edges.windows(2)) {
                let overlap = (edge[1].min(start + width) - edge[0].max(start)).max(0.0);
                *share += *count as f64 / total * overlap / width / counted.len() as f64;
            }
        }
    }
    Some((edges, shares))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn seeds_with_other_bins_are_pooled_in_proportion() {
        let histogram = |from: f64, to: f64, counts: &[u64]| Histogram {
            version: Histogram::VERSION,
            from,
            to,
            counts: counts.to_vec(),
            not_finite: 0,
        };
        // 9 values: 6 bins of width 1, from −2 to 4.
        let (narrow, wide) = (histogram(0.0, 1.5, &[3, 1, 0]), histogram(-2.0, 4.0, &[0, 5, 0]));
        let (edges, shares) = pooled(&[&narrow, &wide]).unwrap();
        assert_eq!(edges, [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        let expected = [0.0, 0.0, 0.75, 0.25, 0.0, 0.0];
        assert!(shares.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{shares:?}");
        let many = histogram(0.0, 1.0, &[500, 500]);
        assert_eq!(pooled(&[&many]).unwrap().1.len(), 20);
        assert_eq!(pooled(&[&histogram(0.0, 1.0, &[0, 0])]), None);
        assert_eq!(pooled(&[]), None);
    }
}
