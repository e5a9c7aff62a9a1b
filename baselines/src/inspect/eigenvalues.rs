//! The eigenvalues of a layer as a record.

use vocabulary::record::inspection::EigenvalueInspection;

use super::reduce::rounded;
use crate::inspect::views::Eigenvalues;

/// The record of `eigenvalues`; those that are not finite are left out.
pub(super) fn inspect(eigenvalues: Eigenvalues) -> EigenvalueInspection {
    let Eigenvalues { count, shown, conjugates } = eigenvalues;
    let finite = |values: Vec<[f64; 2]>| {
        let parts = values.into_iter().filter(|value| value.iter().all(|part| part.is_finite()));
        parts.map(|value| value.map(rounded)).collect()
    };
    let (indices, values) = shown.into_iter().map(|(index, values)| (index, finite(values))).unzip();
    EigenvalueInspection { count, indices, values, conjugates }
}
