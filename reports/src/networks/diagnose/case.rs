//! The lines of one baseline under one set of conditions.

use std::collections::BTreeMap;

use vocabulary::record::DiagnosticLine;

/// One baseline on one task under one set of conditions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Case {
    pub(super) task: String,
    pub(super) baseline: String,
    pub(super) conditions: BTreeMap<String, String>,
}

impl Case {
    fn of(line: &DiagnosticLine) -> Self {
        Self { task: line.task.clone(), baseline: line.baseline.clone(), conditions: line.conditions.clone() }
    }

    pub(super) fn conditions(&self, without: &[&str]) -> String {
        let shown = self.conditions.iter().filter(|(name, _)| !without.contains(&name.as_str()));
        shown.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
    }
}

/// Lines of the first step of every case.
pub(super) fn first_steps(lines: &[DiagnosticLine]) -> BTreeMap<Case, Vec<&DiagnosticLine>> {
    let mut cases: BTreeMap<Case, Vec<&DiagnosticLine>> = BTreeMap::new();
    for line in lines {
        cases.entry(Case::of(line)).or_default().push(line);
    }
    for lines in cases.values_mut() {
        let first = lines.iter().map(|l| l.step).min();
        lines.retain(|l| Some(l.step) == first);
    }
    cases
}

/// The value of `line`; one that is not finite counts as overflow.
pub(super) fn value(line: &DiagnosticLine) -> f64 {
    line.value.unwrap_or(f64::INFINITY)
}

/// The values of `quantity` in `lines`.
pub(super) fn values_of(lines: &[&DiagnosticLine], quantity: &str) -> Vec<f64> {
    lines.iter().filter(|line| line.quantity == quantity).map(|line| value(line)).collect()
}
