//! The layers of one network as a table.

use vocabulary::record::Inspection;
use vocabulary::record::inspection::{EigenvalueInspection, KernelInspection, LayerInspection};

use crate::format::significant;
use crate::tables::{Column, Table, TableEntry};

/// One row per layer that shows something.
pub(super) fn table(inspection: &Inspection) -> Table {
    let mut table = Table::new(
        "layers",
        "Layers",
        "Kernels are those between all pairs of channels, or one per channel where a layer has but these. R50, R90 and R99 are the \
         lags within which so many percent of the sum of all |values| lie. The width of a Gaussian mask is its standard deviation, \
         in positions. Above Nyquist's frequency: the share of the power of the kernels that are shown, where they are functions of \
         time and can be sampled more finely. Memory: positions after which the slowest state has fallen to 1/e, −1/ln |λ|.",
        "Layer",
    );
    table.columns.extend(Column::all(
        "kernels# | taps | dilation# | mask width | largest |k|# | R50# | R90# | R99# | above Nyquist# | largest |λ|# | memory#",
    ));
    table.rows = inspection.layers.iter().map(row).collect();
    table.drop_empty(&["dilation", "mask width", "above Nyquist", "largest |λ|", "memory"]);
    table
}

fn row(layer: &LayerInspection) -> Vec<TableEntry> {
    let mut row = vec![TableEntry::text(&layer.layer)];
    row.extend(match &layer.kernels {
        None => vec![TableEntry::none(); 9],
        Some(kernels) => kernel_entries(kernels),
    });
    let slowest = layer.eigenvalues.as_ref().and_then(slowest);
    row.push(number(slowest));
    row.push(number(slowest.filter(|size| *size < 1.0).map(|size| -1.0 / size.ln())));
    row
}

fn kernel_entries(kernels: &KernelInspection) -> Vec<TableEntry> {
    let taps = kernels.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
    let widths = kernels.mask.iter().map(|mask| significant(mask.width, 3)).collect::<Vec<_>>().join(" × ");
    let largest = kernels.largest.values.iter().flatten().copied().reduce(f64::max);
    let shares: Vec<f64> = kernels.shown.iter().filter_map(|kernel| kernel.spectrum.as_ref()?.above_nyquist).collect();
    let share = (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64);
    let radius =
        |radius: Option<usize>| radius.map_or_else(TableEntry::none, |radius| TableEntry::count(radius as u64));
    vec![
        TableEntry::count(kernels.count as u64),
        TableEntry::text(taps),
        if kernels.dilation > 1 { TableEntry::count(kernels.dilation as u64) } else { TableEntry::none() },
        TableEntry::optional((!widths.is_empty()).then_some(widths)),
        number(largest),
        radius(kernels.radii.r50),
        radius(kernels.radii.r90),
        radius(kernels.radii.r99),
        share.map_or_else(TableEntry::none, |share| TableEntry::number(format!("{:.1} %", 100.0 * share), share)),
    ]
}

/// The largest magnitude of the eigenvalues that are shown.
fn slowest(eigenvalues: &EigenvalueInspection) -> Option<f64> {
    eigenvalues.values.iter().flatten().map(|[re, im]| re.hypot(*im)).reduce(f64::max)
}

fn number(value: Option<f64>) -> TableEntry {
    value.map_or_else(TableEntry::none, |value| TableEntry::number(significant(value, 3), value))
}
