//! How the logits are distributed: at the start, after the first epoch, and at the end.

use vocabulary::record::Histogram;

use super::super::colours::{Colours, Legend};
use super::super::curve::tasks;
use super::super::plot::{AxisScale, Figure, Mark, Panel, PlotAxis, Point, Series};
use crate::runs::{Diagnostics, Moment, SeedGroup};

/// Bins of what several seeds have counted; as many as each of them has.
const BINS: usize = 32;

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
        caption: format!(
            "Logits on the first 16 samples of the validation split (fewer where it has fewer), in evaluation mode, counted in \
             {BINS} bins of equal width between the smallest and the largest of a baseline: the mean of the shares over seeds, \
             whose bins were other ones (a bin that lies in two is shared out in proportion). The axis of logits is linear \
             around zero and logarithmic further out. The end is that of finished trainings, with the last weights."
        ),
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
    // A polygon over the middles of the bins, down to zero at both ends.
    let corner = |x: f64, y: f64| Point { x, y, n: seeds.len(), ..Point::default() };
    let middles = shares.iter().zip(edges.windows(2)).map(|(share, edge)| corner(0.5 * (edge[0] + edge[1]), *share));
    let points = [corner(edges[0], 0.0)].into_iter().chain(middles).chain([corner(edges[BINS], 0.0)]).collect();
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
    let edges: Vec<f64> = (0..=BINS).map(|bin| from + (to - from) * bin as f64 / BINS as f64).collect();
    let mut shares = vec![0.0; BINS];
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
        let (narrow, wide) = (histogram(0.0, 1.0, &[3, 1]), histogram(-2.0, 4.0, &[0, 5, 0]));
        let (edges, shares) = pooled(&[&narrow, &wide]).unwrap();
        assert_eq!((edges.len(), edges[0], edges[BINS]), (BINS + 1, -2.0, 4.0));
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
        // 16 bins per 3: the narrow one has 3/4 up to 1/2 and 1/4 up to 1, the wide one all from 0 to 2.
        let at = |x: f64| shares[((x + 2.0) * 16.0 / 3.0) as usize];
        let bin = 3.0 / 16.0;
        assert!((at(0.3) - 0.5 * (1.5 * bin + 0.5 * bin)).abs() < 1e-12, "{shares:?}");
        assert!((at(0.8) - 0.5 * (0.5 * bin + 0.5 * bin)).abs() < 1e-12, "{shares:?}");
        assert!((at(1.5) - 0.5 * 0.5 * bin).abs() < 1e-12 && at(3.0) == 0.0 && at(-1.0) == 0.0);
        assert_eq!(pooled(&[&histogram(0.0, 1.0, &[0, 0])]), None);
        assert_eq!(pooled(&[]), None);
    }
}
