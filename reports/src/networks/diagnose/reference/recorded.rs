//! The recorded statistics of the reference programs: `reports/data/initial-networks.csv` and `initial-layers.csv`.

use serde::Deserialize;

use crate::error::ReportError;
use crate::published::parse;

const NETWORKS: &str = include_str!("../../../../data/initial-networks.csv");
const LAYERS: &str = include_str!("../../../../data/initial-layers.csv");

/// A reference program, by the name of its repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub(super) enum Program {
    /// github.com/dwromero/ckconv
    Ckconv,
    /// github.com/rjbruin/flexconv
    Flexconv,
    /// github.com/david-knigge/ccnn
    Ccnn,
}

/// A network of a reference program.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recorded {
    /// As recorded.
    pub(super) name: String,
    pub(super) row: NetworkRow,
    /// In order of the forward pass.
    pub(super) layers: Vec<LayerRow>,
}

/// A line of the networks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct NetworkRow {
    number: u32,
    name: String,
    pub(super) program: Program,
    separable: String,
    /// Initial width of the mask; none without a mask.
    pub(super) mask: Option<f64>,
    pub(super) block: String,
    pub(super) blocks: u64,
    pub(super) channels: u64,
    inputs: usize,
    shape: String,
    pub(super) norm: String,
    pub(super) mode: String,
    pub(super) initialisation: String,
    pub(super) kernel_network: String,
    pub(super) kernel_hidden: u64,
    pub(super) frequency: f64,
    pub(super) parameters: u64,
    pub(super) seeds: u32,
}

impl NetworkRow {
    /// Whether a depthwise convolution and a channel mixer stand for a dense one.
    pub(super) fn is_separable(&self) -> bool {
        self.separable == "yes"
    }

    /// Channels and positions of the inputs.
    pub(super) fn shape(&self) -> Vec<usize> {
        let positions = self.shape.split('x').filter_map(|size| size.parse().ok());
        std::iter::once(self.inputs).chain(positions).collect()
    }
}

/// A line of the layers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct LayerRow {
    network: u32,
    /// As recorded, e.g. `01_block0_conv1_out`.
    pub(super) layer: String,
    /// Geometric mean over seeds; not a number where it overflowed.
    pub(super) std: f64,
    pub(super) lowest: f64,
    pub(super) highest: f64,
}

/// Every recorded network with its layers, in order of the files.
///
/// # Errors
/// A file is damaged, which its test excludes.
pub(super) fn recorded() -> Result<Vec<Recorded>, ReportError> {
    let damaged =
        |reason: String| ReportError::Frame(format!("the recorded statistics of reference programs: {reason}"));
    let networks: Vec<NetworkRow> = parse(NETWORKS).map_err(damaged)?;
    let layers: Vec<LayerRow> = parse(LAYERS).map_err(damaged)?;
    let of = |row: NetworkRow| Recorded {
        name: row.name.clone(),
        layers: layers.iter().filter(|layer| layer.network == row.number).cloned().collect(),
        row,
    };
    Ok(networks.into_iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_network_has_the_layers_that_were_recorded() {
        let all = recorded().unwrap();
        assert_eq!((all.len(), all.iter().map(|network| network.layers.len()).sum::<usize>()), (110, 1641));
        for network in &all {
            assert!(network.layers.len() > 8 || network.name.contains("maskinit.075 chang=False"), "{}", network.name);
            assert!(network.layers.iter().any(|layer| layer.layer == "99_logits"), "{}", network.name);
            assert!(["784", "16000", "32x32"].contains(&network.row.shape.as_str()), "{}", network.name);
        }
        let logits = |name: &str| {
            let network = all.iter().find(|network| network.name == name).unwrap();
            network.layers.iter().find(|layer| layer.layer == "99_logits").unwrap().std
        };
        assert_eq!(logits("CKCNN 4x30 L784 norm=False"), 1.02599e18);
        assert!(logits("CKCNN 8x30 L784 norm=False").is_nan());
    }
}
