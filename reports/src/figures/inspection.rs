//! What the networks of a report look at, before the first step and after training: small panels, one per network.

use std::collections::BTreeSet;

use vocabulary::record::Inspection;
use vocabulary::record::inspection::{KernelInspection, LayerInspection, Map, ShownKernel};

use super::colours::{Colours, Legend};
use super::plot::{Figure, LegendKey, Mark, Panel, Point, Series, Shades, Tile};
use crate::format::file_name;
use crate::networks::inspect::{
    DECADES, EIGENVALUES, Inspections, LAG, Seen, disc, eigenvalue_points, field_panel, field_points, kernel_panel,
    kernel_points, largest_panel, largest_points, map_tile, spectrum_panel, spectrum_points,
};
use crate::runs::{GroupKey, Runs, SeedGroup, groups};

/// Most networks of a report that have panels of their own.
const MOST: usize = 12;
/// Kernels of a layer that are compared.
const KERNELS: usize = 2;

/// One network.
struct Network<'s> {
    key: GroupKey,
    /// What stands above its panel.
    title: String,
    seen: &'s Seen,
}

/// All figures that `inspections` give something to draw for.
pub(crate) fn inspection(runs: &Runs, inspections: &Inspections) -> Vec<Figure> {
    let groups = groups(runs);
    let colours = Colours::new(&groups);
    let all: Vec<Network<'_>> = groups
        .iter()
        .filter_map(|group| Some((group, inspections.of(&group.key)?)))
        .map(|(SeedGroup { key, .. }, seen)| Network { key: key.clone(), title: colours.label(key), seen })
        .collect();
    let tasks: BTreeSet<&str> = all.iter().map(|network| network.key.task.as_str()).collect();
    let few = &all[..all.len().min(MOST)];
    let mut figures = Vec::new();
    for task in tasks {
        let every: Vec<&Network<'_>> = all.iter().filter(|network| network.key.task == task).collect();
        let some: Vec<&Network<'_>> = few.iter().filter(|network| network.key.task == task).collect();
        figures.extend(fields(task, &every, &colours));
        let rest = if few.len() < all.len() {
            format!(
                " The first {} of the {} networks of this report are shown; `bench inspect CHECKPOINT` shows any.",
                few.len(),
                all.len()
            )
        } else {
            String::new()
        };
        let section = Section { task, rest, seeds: seeds(&some) };
        figures.extend(section.field_maps(&some));
        figures.extend(section.kernels(&some));
        figures.extend(section.kernel_maps(&some));
        figures.extend(section.spectra(&some));
        figures.extend(section.largest(&some));
        figures.extend(section.eigenvalues(&some));
    }
    figures
}

/// The seeds that are shown, in words.
fn seeds(networks: &[&Network<'_>]) -> String {
    let seeds: BTreeSet<u64> = networks.iter().map(|network| network.seen.seed).collect();
    match seeds.iter().collect::<Vec<_>>().as_slice() {
        [seed] => format!("Seed {seed}."),
        several => {
            let named: Vec<String> = several.iter().map(ToString::to_string).collect();
            format!("One seed of each network: {}.", named.join(" or "))
        }
    }
}

/// The receptive fields of all networks of a task in one panel.
fn fields(task: &str, networks: &[&Network<'_>], colours: &Colours) -> Option<Figure> {
    let (mut legend, mut series, mut samples) = (colours.legend(), Vec::new(), BTreeSet::new());
    let mut images = false;
    for network in networks {
        for (part, mark, of) in stages(network.seen) {
            let Some(field) = of.field.as_ref() else { continue };
            samples.insert(field.samples);
            images |= of.shape.len() > 1;
            let points = field_points(field);
            if points.len() > 1 {
                series.push(legend.series(&network.key, part, mark, points));
            }
        }
    }
    let samples = samples.into_iter().map(|n| n.to_string()).collect::<Vec<_>>().join(" or ");
    (!series.is_empty()).then(|| Figure {
        name: format!("receptive-field-{}", file_name(task)),
        title: format!("{task}: effective receptive field"),
        caption: format!(
            "|d features / d input| relative to its largest value: features after the last layer, added with random signs, at the \
             last position of networks that look back only, else at the middle one; averaged over channels and {samples} \
             validation samples. On images against the larger of the distances along both axes. Dashed before the first step, solid with \
             the weights that are tested. What is below a millionth is left out. {} The table gives the radii.",
            seeds(networks)
        ),
        panels: vec![field_panel(series, images)],
        legend: stage_keys(&legend),
    })
}

fn stage_keys(legend: &Legend<'_>) -> Vec<LegendKey> {
    let mut keys = legend.keys(Mark::Line);
    keys.push(LegendKey::gap());
    keys.extend(stage_hints());
    keys
}

fn stage_hints() -> [LegendKey; 2] {
    [LegendKey::hint("after training", Mark::Line), LegendKey::hint("before", Mark::Dashed)]
}

/// What was seen before the first step and after training, with a word for each and how lines of it are drawn.
fn stages(seen: &Seen) -> impl Iterator<Item = (&'static str, Mark, &Inspection)> {
    let trained = seen.trained.as_ref().map(|of| ("after training", Mark::Line, of));
    let initial = seen.initial.as_ref().map(|of| ("before", Mark::Dashed, of));
    trained.into_iter().chain(initial)
}

/// The first layer of `of` whose kernels have more than one tap.
fn first_layer(of: &Inspection) -> Option<(&LayerInspection, &KernelInspection)> {
    let mut layers = of.layers.iter().filter_map(|layer| Some((layer, layer.kernels.as_ref()?)));
    layers.find(|(_, kernels)| kernels.shape.iter().product::<usize>() > 1 && !kernels.shown.is_empty())
}

/// The panels of the networks of one task.
struct Section<'t> {
    task: &'t str,
    /// What is not shown, in words.
    rest: String,
    seeds: String,
}

impl Section<'_> {
    fn figure(&self, [name, kind, caption]: [&str; 3], panels: Vec<Panel>, legend: Vec<LegendKey>) -> Option<Figure> {
        (!panels.is_empty()).then(|| Figure {
            name: format!("{name}-{}", file_name(self.task)),
            title: format!("{}: {kind}", self.task),
            caption: format!("{caption} {}{}", self.seeds, self.rest),
            panels,
            legend,
        })
    }

    /// Lines of the first layer of every network, a colour per kernel.
    fn of_first_layers(
        &self,
        networks: &[&Network<'_>],
        points: impl Fn(&ShownKernel) -> Vec<Point>,
        panel: impl Fn(Vec<Series>) -> Panel,
    ) -> Vec<Panel> {
        let of = |network: &&Network<'_>| {
            let (mut series, mut title) = (Vec::new(), String::new());
            for (part, mark, of) in stages(network.seen) {
                let Some((layer, kernels)) = first_layer(of) else { continue };
                title = format!("{}, {}", network.title, layer.layer);
                for (colour, kernel) in kernels.shown.iter().take(KERNELS).enumerate() {
                    let label = format!("kernel {} of {}, {part}", kernel.index, kernels.count);
                    series.push(Series { label, colour, mark, points: points(kernel) });
                }
            }
            series.retain(|series| series.points.len() > 1);
            (!series.is_empty()).then(|| panel(series).titled(title))
        };
        networks.iter().filter_map(of).collect()
    }

    fn kernels(&self, networks: &[&Network<'_>]) -> Option<Figure> {
        let panels = self.of_first_layers(networks, kernel_points, kernel_panel);
        let caption = format!(
            "Two kernels of the first layer of every network, as it convolves with them, without skip connections: dashed before the \
             first step, solid with the weights that are tested. {LAG}"
        );
        self.figure(["kernels", "sampled kernels", &caption], panels, stage_hints().to_vec())
    }

    fn spectra(&self, networks: &[&Network<'_>]) -> Option<Figure> {
        let of = |kernel: &ShownKernel| kernel.spectrum.as_ref().map(spectrum_points).unwrap_or_default();
        let panels = self.of_first_layers(networks, of, spectrum_panel);
        let caption = "Magnitude of the Fourier transform of the same kernels. The dotted line is Nyquist's frequency, half a turn per \
                       position. Kernels that are functions of time are sampled four times as often as they are convolved with: what \
                       lies beyond the line is aliased.";
        self.figure(["kernel-spectra", "spectra of the kernels", caption], panels, stage_hints().to_vec())
    }

    fn largest(&self, networks: &[&Network<'_>]) -> Option<Figure> {
        let of = |network: &&Network<'_>| {
            let mut series = Vec::new();
            for (part, mark, of) in stages(network.seen) {
                let layers: Vec<_> =
                    of.layers.iter().filter_map(|layer| Some((&layer.layer, layer.kernels.as_ref()?))).collect();
                let ends: BTreeSet<usize> = [0, layers.len().saturating_sub(1)].into();
                for (colour, (layer, kernels)) in ends.into_iter().filter_map(|end| layers.get(end)).enumerate() {
                    series.push(Series {
                        label: format!("{layer}, {part}"),
                        colour,
                        mark,
                        points: largest_points(kernels),
                    });
                }
            }
            series.retain(|series| series.points.len() > 1);
            (!series.is_empty()).then(|| largest_panel(series).titled(network.title.clone()))
        };
        let panels = networks.iter().filter_map(of).collect();
        let caption = format!(
            "K_max(lag), the largest |value| of all kernels of a layer: of the first layer (blue) and of the last one (orange), dashed \
             before the first step, solid with the weights that are tested. {LAG}"
        );
        self.figure(
            ["largest-kernel-values", "largest kernel value at every lag", &caption],
            panels,
            stage_hints().to_vec(),
        )
    }

    /// Maps before and after, of what `map` takes from what was seen.
    fn maps(
        &self,
        networks: &[&Network<'_>],
        map: impl Fn(&Inspection) -> Vec<(String, &Map)>,
        shades: Shades,
    ) -> Vec<Panel> {
        let of = |network: &&Network<'_>| {
            let mut tiles: Vec<Tile> = Vec::new();
            for (part, _, of) in stages(network.seen).collect::<Vec<_>>().into_iter().rev() {
                let named = |(name, map): (String, &Map)| {
                    let title = if name.is_empty() { part.to_owned() } else { format!("{name}, {part}") };
                    map_tile(title, map, shades)
                };
                tiles.extend(map(of).into_iter().map(named));
            }
            (!tiles.is_empty()).then(|| Panel::of_tiles(tiles).titled(network.title.clone()))
        };
        networks.iter().filter_map(of).collect()
    }

    fn field_maps(&self, networks: &[&Network<'_>]) -> Option<Figure> {
        let panels = self.maps(
            networks,
            |of| of.field.iter().filter_map(|field| Some((String::new(), field.map.as_ref()?))).collect(),
            Shades::Decades,
        );
        let caption = format!(
            "|d features / d input| at every pixel: features at the middle position, before the first step and with the weights that \
             are tested. {DECADES}"
        );
        self.figure(["receptive-field-map", "effective receptive field on the image", &caption], panels, Vec::new())
    }

    fn kernel_maps(&self, networks: &[&Network<'_>]) -> Option<Figure> {
        let panels = self.maps(
            networks,
            |of| {
                let shown = first_layer(of).map(|(_, kernels)| kernels.shown.as_slice()).unwrap_or_default();
                let named = |kernel: &ShownKernel| format!("no. {}", kernel.index);
                shown.iter().filter_map(|kernel| Some((named(kernel), kernel.map.as_ref()?))).collect()
            },
            Shades::Signed,
        );
        let caption = "Kernels of the first layer of every network, evenly chosen, as far as a mask leaves them: before the first step \
                       and with the weights that are tested, from blue (negative) over white to red, each with its own scale.";
        self.figure(["kernel-maps", "sampled kernels on the image", caption], panels, Vec::new())
    }

    fn eigenvalues(&self, networks: &[&Network<'_>]) -> Option<Figure> {
        let of = |network: &&Network<'_>| {
            let (mut all, mut title) = (Vec::new(), String::new());
            for (part, mark, of) in stages(network.seen).collect::<Vec<_>>().into_iter().rev() {
                let first = of.layers.iter().find_map(|layer| Some((&layer.layer, layer.eigenvalues.as_ref()?)));
                let Some((layer, eigenvalues)) = first else { continue };
                title = format!("{}, {layer}", network.title);
                let points = (0..eigenvalues.values.len()).flat_map(|place| eigenvalue_points(eigenvalues, place));
                all.push((part.to_owned(), usize::from(mark == Mark::Line), points.collect()));
            }
            (!all.is_empty()).then(|| disc(title, all))
        };
        let panels = networks.iter().filter_map(of).collect();
        let caption = format!(
            "First layer with a recurrence of every network: blue before the first step, orange after training; up to \
             six matrices, evenly chosen. {EIGENVALUES}"
        );
        let key = |(colour, label): (usize, &str)| LegendKey {
            label: label.to_owned(),
            colour: Some(colour),
            mark: Some(Mark::Specks),
        };
        let legend = ["before", "after training"].into_iter().enumerate().map(key).collect();
        self.figure(["eigenvalues", "eigenvalues on the unit disc", &caption], panels, legend)
    }
}
