//! What is found wrong in published tables.

use crate::published::errata::{Erratum, Kind};
use crate::published::values::Published;

/// The six tasks of Long Range Arena, as the papers order them.
pub(super) const ARENA: [&str; 6] = ["ListOps", "Text", "Retrieval", "Image", "Pathfinder", "Path-X"];

/// A row of a published table: model, and paper with table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct RowName {
    pub(super) model: String,
    pub(super) place: String,
}

impl RowName {
    pub(super) fn of(value: &Published) -> Self {
        Self { model: value.model.clone(), place: value.place.clone() }
    }
}

/// Something that cannot be right in both places.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub(super) kind: Kind,
    pub(super) row: RowName,
    /// Nothing where the row contradicts itself.
    pub(super) other: RowName,
    /// What stands in the one place, and in the other.
    pub(super) numbers: [String; 2],
}

impl Finding {
    pub(super) fn is(&self, erratum: &Erratum) -> bool {
        let of = |model: &String, place: &String| RowName { model: model.clone(), place: place.clone() };
        self.kind == erratum.kind
            && self.row == of(&erratum.model, &erratum.place)
            && self.other == of(&erratum.other_model, &erratum.other_place)
    }
}

/// `number` as it is printed.
pub(super) fn shown(value: &Published) -> String {
    format!("{} {:.*}", value.task, value.decimals, value.accuracy)
}
