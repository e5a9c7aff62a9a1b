//! The tables of what was measured beside the reference programs.

use std::collections::BTreeMap;

use vocabulary::record::DiagnosticLine;

use super::super::case::{Case, first_steps, value};
use super::layers::{Counterpart, counterpart};
use super::recorded::{LayerRow, NetworkRow, Recorded, recorded};
use super::setting::Network;
use super::verdict::{Comparison, Verdict};
use crate::error::ReportError;
use crate::format::significant;
use crate::tables::{Table, TableEntry};

/// Why a recorded network has no values of ours.
const NO_NETWORK: &str = "not measured: no network here has these settings";
/// Why a recorded layer has none.
const NO_LAYER: &str = "not measured: our network has no such probe";

/// Lines per case.
type Cases<'a> = BTreeMap<Case, Vec<&'a DiagnosticLine>>;

/// A recorded network, and what was measured of its counterpart.
struct Matched<'n> {
    recorded: Recorded,
    /// Ours, where there is one.
    ours: Option<&'n Network>,
    /// One per recorded layer; none where ours has no such layer, or there is no network of ours.
    layers: Vec<(Option<Counterpart>, Option<Comparison>)>,
}

/// What was measured beside what was recorded: a table of networks, and one of their layers. None where no network is one of the
/// recorded ones.
///
/// # Errors
/// The recorded statistics are damaged.
pub(in crate::networks::diagnose) fn tables(
    lines: &[DiagnosticLine],
    networks: &[Network],
) -> Result<Vec<Table>, ReportError> {
    if networks.is_empty() {
        return Ok(Vec::new());
    }
    let cases = first_steps(lines);
    let all: Vec<Matched<'_>> = recorded()?.into_iter().map(|recorded| matched(recorded, networks, &cases)).collect();
    if all.iter().all(|network| network.ours.is_none()) {
        return Ok(Vec::new());
    }
    Ok(vec![of_networks(&all), of_layers(&all)])
}

fn matched<'n>(recorded: Recorded, networks: &'n [Network], cases: &Cases<'_>) -> Matched<'n> {
    let found = networks.iter().filter(|network| network.is(&recorded.row)).find_map(|network| {
        let lines = cases.get(&case(network, &recorded.row))?;
        Some((network, lines))
    });
    let layers = recorded.layers.iter().map(|layer| {
        let ours = counterpart(recorded.row.program, &layer.layer);
        let compared = found.zip(ours.as_ref()).and_then(|((_, lines), ours)| compared(layer, ours, lines));
        (ours, compared)
    });
    Matched { ours: found.map(|(network, _)| network), layers: layers.collect(), recorded }
}

/// The case of `network` in the mode of `row`.
fn case(network: &Network, row: &NetworkRow) -> Case {
    let mut conditions = network.conditions.clone();
    conditions.insert("mode".to_owned(), row.mode.clone());
    Case { task: network.task.clone(), baseline: network.baseline.clone(), conditions }
}

fn compared(layer: &LayerRow, ours: &Counterpart, lines: &[&DiagnosticLine]) -> Option<Comparison> {
    let of_layer = lines.iter().filter(|line| line.layer == ours.layer && line.quantity == ours.quantity);
    let deviations: Vec<f64> = of_layer.map(|line| value(line).sqrt()).collect();
    Comparison::of([layer.std, layer.lowest, layer.highest], &deviations)
}

/// One row per recorded network.
fn of_networks(all: &[Matched<'_>]) -> Table {
    let compared = || all.iter().flat_map(|network| &network.layers).filter_map(|(_, comparison)| comparison.as_ref());
    let within = compared().filter(|comparison| comparison.verdict() == Verdict::Within).count();
    let caption = format!(
        "Standard deviation of the logits at initialisation, beside what the reference programs compute on N(0, 1) inputs: \
         geometric means over seeds. {} of the {} recorded networks were measured here; of their {} layers, {within} agree \
         within the factor: 1.5, and 10 where the recorded value is above 10⁶. The worst layer is the one whose ratio is \
         furthest from 1. Both are samples of a few seeds on other noise, so that ratios scatter.",
        all.iter().filter(|network| network.ours.is_some()).count(),
        all.len(),
        compared().count(),
    );
    let mut table = Table::new(
        "reference-networks",
        "Beside the reference programs",
        &caption,
        "Program | Recorded network | Ours | reference logits std=reference# | ours# | ratio# | within | \
         layers within# | worst layer | its ratio=worst ratio#",
    );
    table.rows = all.iter().map(network_row).collect();
    table
}

fn network_row(network: &Matched<'_>) -> Vec<TableEntry> {
    let row = &network.recorded.row;
    let named = || network.recorded.layers.iter().zip(&network.layers);
    let logits = named().find(|(layer, _)| layer.layer == "99_logits");
    let program: &'static str = row.program.into();
    let mut entries = vec![TableEntry::text(program), TableEntry::text(&network.recorded.name)];
    let reference = logits.map_or(f64::NAN, |(layer, _)| layer.std);
    let Some(ours) = network.ours else {
        entries.extend([TableEntry::none(), scale(reference), TableEntry::none(), TableEntry::none()]);
        entries.push(TableEntry::text(NO_NETWORK));
        entries.extend([TableEntry::none(), TableEntry::none(), TableEntry::none()]);
        return entries;
    };
    entries.extend([TableEntry::text(ours_in_words(ours)), scale(reference)]);
    entries.extend(verdict(logits.and_then(|(_, (_, comparison))| *comparison)));
    let compared: Vec<(&LayerRow, Comparison)> =
        named().filter_map(|(layer, (_, comparison))| Some((layer, (*comparison)?))).collect();
    let within = compared.iter().filter(|(_, comparison)| comparison.verdict() == Verdict::Within).count();
    entries.push(TableEntry::text(format!("{within} of {}", network.layers.len())));
    let worst = compared.iter().max_by(|(_, a), (_, b)| a.distance().total_cmp(&b.distance()));
    entries.push(TableEntry::optional(worst.map(|(layer, _)| layer.layer.as_str())));
    entries.push(worst.map_or_else(TableEntry::none, |(_, comparison)| ratio(comparison)));
    entries
}

/// One row per layer of the recorded networks that were measured.
fn of_layers(all: &[Matched<'_>]) -> Table {
    let mut table = Table::new(
        "reference-layers",
        "Beside the reference programs, layer by layer",
        "Standard deviations of the outputs of layers, of sampled kernels (`kernel_std`) and of logits at initialisation, in the \
         networks of the table above that were measured: geometric mean over seeds, lowest and highest seed. Both count as the \
         same within the factor beside them.",
        "Recorded network | Layer | Ours | Our layer | reference# | lowest=reference lowest# | highest=reference highest# | \
         seeds=reference seeds# | ours# | lowest=ours lowest# | highest=ours highest# | seeds=ours seeds# | ratio# | factor# | \
         within",
    );
    for (network, ours) in all.iter().filter_map(|network| Some((network, network.ours?))) {
        let layers = network.recorded.layers.iter().zip(&network.layers);
        table.rows.extend(layers.map(|(layer, measured)| layer_row(network, ours, layer, measured)));
    }
    table
}

fn layer_row(
    network: &Matched<'_>,
    ours: &Network,
    layer: &LayerRow,
    (counterpart, comparison): &(Option<Counterpart>, Option<Comparison>),
) -> Vec<TableEntry> {
    let mut row = vec![
        TableEntry::text(&network.recorded.name),
        TableEntry::text(&layer.layer),
        TableEntry::text(ours_in_words(ours)),
        TableEntry::optional(counterpart.as_ref().map(|own| own.layer.as_str())),
    ];
    row.extend([layer.std, layer.lowest, layer.highest].map(scale));
    row.push(TableEntry::text(network.recorded.row.seeds.to_string()));
    let Some(comparison) = comparison else {
        row.extend(std::iter::repeat_with(TableEntry::none).take(6));
        row.push(TableEntry::text(NO_LAYER));
        return row;
    };
    row.extend(comparison.ours.map(scale));
    row.push(TableEntry::text(comparison.seeds.to_string()));
    row.push(ratio(comparison));
    row.push(TableEntry::text(comparison.factor().to_string()));
    row.push(within(comparison));
    row
}

/// `ccnn-4-140, initialisation off, norm none`.
fn ours_in_words(network: &Network) -> String {
    let conditions = network.conditions.iter().map(|(name, value)| format!(", {name} {value}"));
    std::iter::once(network.baseline.clone()).chain(conditions).collect()
}

/// Ours, ratio and verdict.
fn verdict(comparison: Option<Comparison>) -> [TableEntry; 3] {
    match comparison {
        Some(comparison) => [scale(comparison.ours[0]), ratio(&comparison), within(&comparison)],
        None => [TableEntry::none(), TableEntry::none(), TableEntry::text(NO_LAYER)],
    }
}

/// A standard deviation; what is not a number has overflowed.
fn scale(std: f64) -> TableEntry {
    let std = if std.is_nan() { f64::INFINITY } else { std };
    TableEntry::number(significant(std, 3), std)
}

fn ratio(comparison: &Comparison) -> TableEntry {
    comparison.ratio().map_or_else(TableEntry::none, |ratio| TableEntry::number(significant(ratio, 3), ratio))
}

fn within(comparison: &Comparison) -> TableEntry {
    let verdict = comparison.verdict();
    let entry = TableEntry::text(verdict.words());
    if verdict == Verdict::Within { entry } else { entry.class("failed") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    fn ckcnn() -> Network {
        Network {
            task: "smnist".into(),
            baseline: "mine".into(),
            conditions: BTreeMap::from([("norm".into(), "none".into())]),
            name: "ckcnn".into(),
            config: json!({"blocks": 2, "hidden": 30, "kernel_hidden": 32, "omega_0": 31.091_957_394_638_97,
                "initialisation": "off", "norm": "none"}),
            shape: vec![1, 784],
            parameters: 98_046,
        }
    }

    fn line(mode: &str, seed: u64, layer: &str, quantity: &str, std: Option<f64>) -> DiagnosticLine {
        DiagnosticLine {
            baseline: "mine".into(),
            task: "smnist".into(),
            conditions: BTreeMap::from([("norm".into(), "none".into()), ("mode".into(), mode.into())]),
            seed,
            step: 0,
            order: 0,
            layer: layer.into(),
            quantity: quantity.into(),
            value: std.map(|std| std * std),
            histogram: None,
        }
    }

    #[test]
    fn what_was_measured_stands_beside_what_was_recorded() {
        let lines = [
            line("eval", 0, "head", "logits.variance", Some(1e8)),
            line("eval", 1, "head", "logits.variance", Some(4e8)),
            line("train", 0, "head", "logits.variance", Some(7.0)),
            line("eval", 0, "backbone.0.cconv1", "kernel.variance", Some(7.0)),
            line("eval", 0, "backbone.1", "activation.variance", None),
        ];
        let tables = tables(&lines, &[ckcnn()]).unwrap();
        let [networks, layers] = tables.as_slice() else { panic!("{} tables", tables.len()) };
        assert_eq!((networks.rows.len(), layers.rows.len()), (110, 11));
        let texts = |row: &[TableEntry]| row.iter().map(|entry| entry.text.clone()).collect::<Vec<_>>();
        let mine: Vec<_> = networks.rows.iter().map(|row| texts(row)).filter(|row| row[2] != "–").collect();
        assert_eq!(mine.len(), 1);
        assert_eq!(
            mine[0],
            [
                "ckconv",
                "CKCNN 2x30 L784 norm=False sireninit_effective=False",
                "mine, norm none",
                "2.16e8",
                "2.00e8",
                "0.924",
                "yes",
                "1 of 11",
                "02_block1_out",
                "–"
            ]
        );
        assert!(networks.caption.contains("1 of the 110") && networks.caption.contains("their 3 layers, 1 agree"));
        assert!(networks.rows.iter().filter(|row| row[6].text == NO_NETWORK).count() == 109);
        let of = |layer: &str| texts(layers.rows.iter().find(|row| row[1].text == layer).unwrap());
        assert_eq!(of("99_logits")[8..], ["2.00e8", "1.00e8", "4.00e8", "2", "0.924", "10", "yes"]);
        assert_eq!(of("01_block0_cconv1_kernel_std")[14], "no");
        assert_eq!(of("01_block0_out")[14], NO_LAYER);
        assert_eq!(of("02_block1_out")[14], "no");
    }

    #[test]
    fn nothing_is_said_of_other_experiments() {
        let other = Network { name: "gru".into(), ..ckcnn() };
        assert!(tables(&[], &[other]).unwrap().is_empty());
        assert!(tables(&[], &[]).unwrap().is_empty());
        // A network whose measurements are missing is none that was measured.
        assert!(tables(&[], &[ckcnn()]).unwrap().is_empty());
    }
}
