//! The built-in table of published test accuracies.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::provenance::{Reading, Selection, Variant, words};

const TABLE: &str = include_str!("../../data/published.csv");

/// One published value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Row")]
pub(crate) struct Published {
    /// Task as the papers call it, e.g. `sMNIST`.
    pub task: String,
    /// Model as the paper calls it.
    pub model: String,
    /// What else tells it apart.
    pub variant: Vec<Variant>,
    /// Parameters as printed there (rounded).
    pub parameters: Option<u64>,
    /// Test accuracy, percent.
    pub accuracy: f64,
    /// Decimals with which it is printed.
    pub decimals: usize,
    /// Number of seeds, where stated.
    pub seeds: Option<u32>,
    /// What it was chosen by.
    pub selection: Vec<Selection>,
    /// Where it was read.
    pub read: Reading,
    /// Paper and table, see [`place`].
    pub place: String,
}

/// A line of the table.
#[derive(Deserialize)]
struct Row {
    task: String,
    model: String,
    #[serde(deserialize_with = "words")]
    variant: Vec<Variant>,
    parameters: Option<u64>,
    accuracy: String,
    seeds: Option<u32>,
    #[serde(deserialize_with = "words")]
    selection: Vec<Selection>,
    read: Reading,
    paper: String,
    table: String,
}

impl TryFrom<Row> for Published {
    type Error = String;

    fn try_from(row: Row) -> Result<Self, String> {
        let (accuracy, decimals) = printed(&row.accuracy)?;
        Ok(Self {
            task: row.task,
            model: row.model,
            variant: row.variant,
            parameters: row.parameters,
            accuracy,
            decimals,
            seeds: row.seeds,
            selection: row.selection,
            read: row.read,
            place: place(&row.paper, &row.table),
        })
    }
}

impl Published {
    /// Paper and table, and what is to be known about the reading.
    pub(crate) fn source(&self) -> String {
        let seeds = self.seeds.map(|n| if n == 1 { "1 seed".to_owned() } else { format!("{n} seeds") });
        let second_hand = (self.read == Reading::SecondHand).then(|| "second-hand".to_owned());
        let known: Vec<String> = second_hand.into_iter().chain(seeds).collect();
        if known.is_empty() { self.place.clone() } else { format!("{} ({})", self.place, known.join(", ")) }
    }

    /// What it was chosen by, where that flatters it.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = &'static str> {
        self.selection.iter().filter_map(|selection| selection.remark())
    }

    /// Whether both may be one number, each rounded as it is printed.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        (self.accuracy - other.accuracy).abs() <= half_unit(self.decimals.min(other.decimals)) + 1e-9
    }
}

/// Half a unit of the last of `decimals`.
pub(super) fn half_unit(decimals: usize) -> f64 {
    0.5 / 10.0_f64.powi(decimals.min(9) as i32)
}

/// A number in percent, and with how many decimals it is printed.
pub(super) fn printed(text: &str) -> Result<(f64, usize), String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let number = number.ok_or_else(|| format!("`{text}` is not a number of percent"))?;
    Ok((number, text.split_once('.').map_or(0, |(_, decimals)| decimals.len())))
}

/// Paper and table.
pub(super) fn place(paper: &str, table: &str) -> String {
    if table.is_empty() { paper.to_owned() } else { format!("{paper} {table}") }
}

/// The lines of a built-in table.
pub(crate) fn parse<T: DeserializeOwned>(table: &str) -> Result<Vec<T>, String> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(table.as_bytes());
    reader.deserialize().collect::<Result<_, csv::Error>>().map_err(|error| error.to_string())
}

/// All values as printed, those that are printed wrong among them.
pub(super) fn as_printed() -> Result<Vec<Published>, String> {
    parse(TABLE)
}
