//! The figures of one network.

use vocabulary::record::Inspection;
use vocabulary::record::inspection::{
    Answer, KernelInspection, LayerInspection, Map, Place, ReceptiveField, ShownKernel,
};

use super::curves::{
    disc, eigenvalue_points, field_points, kernel_points, largest_points, map_tile, radius_points, relative_points,
    spectrum_points,
};
use crate::figures::plot::{AxisScale, Figure, LegendKey, Mark, Panel, PlotAxis, Point, Series, Shades, Tile};
use crate::format::grouped;

/// Most layers in one panel.
const LINES: usize = 8;

/// What lags are.
pub(crate) const LAG: &str =
    "A lag counts positions of the layer's input before the output's own; negative ones lie behind it.";
/// What the maps of gradients are.
pub(crate) const DECADES: &str = "Colours are logarithmic, over three decades from the largest value (yellow) down. The cross marks where the \
     network looks from.";

/// What there is to draw of `inspection`.
pub(super) fn figures(inspection: &Inspection) -> Vec<Figure> {
    let field = inspection.field.as_ref();
    let answer = inspection.answer.as_ref();
    let all = [
        field.and_then(field_curve),
        answer.and_then(answer_curve),
        gradient_maps(inspection),
        kernels(inspection),
        maps(inspection),
        largest(inspection),
        spectra(inspection),
        eigenvalues(inspection),
    ];
    all.into_iter().flatten().collect()
}

/// A figure of one panel per layer, if there is one; `panel` gives that of a layer.
fn per_layer(
    inspection: &Inspection,
    [name, title, caption]: [&str; 3],
    panel: impl Fn(&KernelInspection) -> Option<Panel>,
) -> Option<Figure> {
    let of = |layer: &LayerInspection| Some(panel(layer.kernels.as_ref()?)?.titled(layer.layer.clone()));
    let panels: Vec<Panel> = inspection.layers.iter().filter_map(of).collect();
    let shown = inspection.layers.iter().filter(|layer| layer.kernels.is_some()).count();
    let some = if panels.len() < shown {
        format!(" {} of {shown} layers are shown, evenly chosen.", panels.len())
    } else {
        String::new()
    };
    let figure = Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        caption: format!("{caption}{some}"),
        panels,
        legend: Vec::new(),
    };
    (!figure.panels.is_empty()).then_some(figure)
}

/// The kernels that are shown of a layer, each as a line.
fn lines(kernels: &KernelInspection, points: impl Fn(usize) -> Vec<Point>) -> Vec<Series> {
    let all = kernels.shown.iter().enumerate().map(|(place, kernel)| Series {
        label: format!("kernel {} of {}", kernel.index, kernels.count),
        colour: place,
        mark: Mark::Line,
        points: points(place),
    });
    all.filter(|series| series.points.len() > 1).collect()
}

fn kernels(inspection: &Inspection) -> Option<Figure> {
    let caption = format!(
        "Sampled kernels as the layer convolves with them, without skip connections: up to three of every layer, evenly chosen, each \
         with a colour; the file of values has their numbers. {LAG} Of long kernels the smallest and the largest of every few \
         neighbouring taps are drawn."
    );
    per_layer(inspection, ["kernels", "Kernels", &caption], |kernels| {
        let series = lines(kernels, |place| kernel_points(&kernels.shown[place]));
        (!series.is_empty()).then(|| kernel_panel(series))
    })
}

/// A panel of kernels on a line.
pub(crate) fn kernel_panel(series: Vec<Series>) -> Panel {
    let axes = (PlotAxis::new("lag, positions", AxisScale::Count), PlotAxis::new("value", AxisScale::Linear));
    Panel { dense: true, ..Panel::new(axes.0, axes.1, series) }
}

fn maps(inspection: &Inspection) -> Option<Figure> {
    let caption = "Sampled kernels as the layer convolves with them: up to three of every layer, evenly chosen, from blue (negative) over \
         white to red, each with its own scale. Kernels under a mask are shown as far as it leaves them.";
    per_layer(inspection, ["kernel-maps", "Kernels", caption], |kernels| {
        let tile = |kernel: &ShownKernel| {
            let [rows, columns] = kernel.map.as_ref()?.shape;
            let title = format!("no. {} of {}, {rows}×{columns}", kernel.index, grouped(kernels.count as u64));
            Some(map_tile(title, kernel.map.as_ref()?, Shades::Signed))
        };
        let tiles: Vec<_> = kernels.shown.iter().filter_map(tile).collect();
        (!tiles.is_empty()).then(|| Panel::of_tiles(tiles))
    })
}

fn spectra(inspection: &Inspection) -> Option<Figure> {
    let caption = "Magnitude of the Fourier transform of the kernels that are shown, in the same colours: root mean square over bands. The \
         dotted line is Nyquist's frequency, half a turn per position. Kernels that are functions of time are sampled four times \
         as often as they are convolved with: what lies beyond the line is aliased.";
    per_layer(inspection, ["spectra", "Spectra of the kernels", caption], |kernels| {
        let of = |place: usize| kernels.shown[place].spectrum.as_ref().map(spectrum_points).unwrap_or_default();
        let series = lines(kernels, of);
        (!series.is_empty()).then(|| spectrum_panel(series))
    })
}

/// A panel of spectra.
pub(crate) fn spectrum_panel(series: Vec<Series>) -> Panel {
    let axes = (PlotAxis::new("frequency / Nyquist's", AxisScale::Linear), PlotAxis::new("magnitude", AxisScale::Log));
    Panel { verticals: vec![1.0], dense: true, ..Panel::new(axes.0, axes.1, series) }
}

fn largest(inspection: &Inspection) -> Option<Figure> {
    let all: Vec<_> = inspection
        .layers
        .iter()
        .filter_map(|layer| Some((layer.layer.clone(), largest_points(layer.kernels.as_ref()?))))
        .filter(|(_, points)| points.len() > 1)
        .collect();
    let stride = all.len().div_ceil(LINES).max(1);
    let some = if stride > 1 { format!(" Every {stride}th layer is shown.") } else { String::new() };
    let chosen: Vec<_> = all.into_iter().step_by(stride).collect();
    let key = |(colour, (layer, _)): (usize, &(String, Vec<Point>))| LegendKey {
        label: layer.clone(),
        colour: Some(colour),
        mark: Some(Mark::Line),
    };
    let legend = chosen.iter().enumerate().map(key).collect();
    let series: Vec<Series> = chosen
        .into_iter()
        .enumerate()
        .map(|(colour, (label, points))| Series { label, colour, mark: Mark::Line, points })
        .collect();
    let panel = largest_panel(series);
    (!panel.series.is_empty()).then(|| Figure {
        name: "largest-kernel-values".to_owned(),
        title: "Largest kernel value at every lag".to_owned(),
        caption: format!(
            "K_max(lag): the largest |value| of all kernels of a layer; on images at the larger of the lags along both axes. {LAG} Values \
             below a millionth of the largest are left out.{some}"
        ),
        panels: vec![panel],
        legend,
    })
}

/// A panel of the largest values by lag.
pub(crate) fn largest_panel(series: Vec<Series>) -> Panel {
    let axes = (PlotAxis::new("lag, positions", AxisScale::Count), PlotAxis::new("max |k|", AxisScale::Log));
    Panel { dense: true, ..Panel::new(axes.0, axes.1, series) }
}

/// What a receptive field is of, in words.
pub(super) fn of_place(field: &ReceptiveField) -> &'static str {
    match field.of {
        Place::Last => "at the last position",
        Place::Middle => "at the middle position",
    }
}

fn field_curve(field: &ReceptiveField) -> Option<Figure> {
    let line = field_points(field);
    if line.is_empty() {
        return None;
    }
    let dots = radius_points(&line, &field.radii);
    let series = vec![
        Series { label: "|gradient|".to_owned(), colour: 0, mark: Mark::Line, points: line },
        Series { label: "radii".to_owned(), colour: 1, mark: Mark::Hollow, points: dots },
    ];
    Some(Figure {
        name: "receptive-field".to_owned(),
        title: "Effective receptive field".to_owned(),
        caption: format!(
            "|d features / d input|, relative to its largest value: the features {} after the last layer, added with random \
             signs, differentiated with respect to the (embedded) input, and averaged over channels and {} samples. On images \
             against the larger of the distances along both axes. Within R50, R90 and R99 of that position lie 50, 90 and 99 % of the \
             sum over all positions.",
            of_place(field),
            field.samples
        ),
        panels: vec![field_panel(series, field.map.is_some())],
        legend: Vec::new(),
    })
}

/// A panel of receptive fields, on images or on sequences.
pub(crate) fn field_panel(series: Vec<Series>, images: bool) -> Panel {
    let distance = if images { "pixels from the output's" } else { "positions before the output's" };
    Panel::new(PlotAxis::new(distance, AxisScale::Count), PlotAxis::new("|gradient| / largest", AxisScale::Log), series)
}

/// What the sensitivity of the answer is.
const ANSWER: &str = "|d outputs / d input| of the whole network, read out as it is trained: outputs added with random signs, averaged over \
     channels and samples.";

fn answer_curve(answer: &Answer) -> Option<Figure> {
    let points = relative_points(answer.curve.as_ref()?);
    let series = vec![Series { label: "|gradient|".to_owned(), colour: 0, mark: Mark::Line, points }];
    let axes = (PlotAxis::new("position", AxisScale::Count), PlotAxis::new("|gradient| / largest", AxisScale::Log));
    (!series[0].points.is_empty()).then(|| Figure {
        name: "answer".to_owned(),
        title: "Where the answer comes from".to_owned(),
        caption: format!("{ANSWER} Against the position in the sequence, relative to the largest value."),
        panels: vec![Panel { dense: true, ..Panel::new(axes.0, axes.1, series) }],
        legend: Vec::new(),
    })
}

/// Both maps of gradients.
fn gradient_maps(inspection: &Inspection) -> Option<Figure> {
    let named = |title: &str, map: Option<&Map>| Some(map_tile(title.to_owned(), map?, Shades::Decades));
    let field = named("features", inspection.field.as_ref().and_then(|field| field.map.as_ref()));
    let answer = named("answer", inspection.answer.as_ref().and_then(|answer| answer.map.as_ref()));
    let answer = answer.map(|tile| Tile { cross: false, ..tile });
    let tiles: Vec<Tile> = field.into_iter().chain(answer).collect();
    (!tiles.is_empty()).then(|| Figure {
        name: "gradient-maps".to_owned(),
        title: "Where features and answer come from, on the image".to_owned(),
        caption: format!("Features: |d features / d input| as above, at every pixel. Answer: {ANSWER} {DECADES}"),
        panels: vec![Panel::of_tiles(tiles)],
        legend: Vec::new(),
    })
}

fn eigenvalues(inspection: &Inspection) -> Option<Figure> {
    let panel = |layer: &LayerInspection| {
        let of = layer.eigenvalues.as_ref()?;
        let group = |(place, index): (usize, &usize)| {
            (format!("matrix {index} of {}", of.count), place, eigenvalue_points(of, place))
        };
        Some(disc(layer.layer.clone(), of.indices.iter().enumerate().map(group).collect()))
    };
    let panels: Vec<Panel> = inspection.layers.iter().filter_map(panel).collect();
    (!panels.is_empty()).then(|| Figure {
        name: "eigenvalues".to_owned(),
        title: "Eigenvalues on the unit disc".to_owned(),
        caption: format!("{EIGENVALUES} Each of up to six matrices, evenly chosen, has a colour."),
        panels,
        legend: Vec::new(),
    })
}

/// What eigenvalues are.
pub(crate) const EIGENVALUES: &str = "What the states of a layer are multiplied by from one position to the next: eigenvalues of the discretised state matrices, \
     with their conjugates. The nearer to the circle, the longer a \
     state remembers; their responses to an impulse are the kernels.";
