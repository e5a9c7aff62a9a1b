//! A run that can be compared.

use std::collections::BTreeSet;

use vocabulary::record::RunRecord;

use super::field::Field;
use crate::runs::{Run, Settings, within_record};

/// The hash of the samples.
pub(super) const HASH: &str = "task.data_hash";
/// A run that can be compared.
pub(super) struct Candidate<'a> {
    /// As read.
    pub(super) run: &'a Run,
    /// Its record.
    pub(super) record: &'a RunRecord,
    /// Value of the compared field, as shown.
    pub(super) value: String,
    /// All settings.
    pub(super) settings: Settings,
    /// All settings but the compared field and the hash of the samples.
    pub(super) strict: Settings,
    /// The same without what the compared field may bring with it.
    pub(super) loose: Settings,
    /// Names that may tell runs of the same settings apart.
    pub(super) labels: (String, String),
}

impl<'a> Candidate<'a> {
    /// `run`, or why it cannot be compared.
    pub(super) fn new(run: &'a Run, by: &Field) -> Result<Self, String> {
        let record = run.record.as_ref().ok_or("it has no record")?;
        let value = by.value(run, record).ok_or_else(|| format!("it has no field {}", by.name()))?;
        let settings = Settings::of(record);
        let strict = settings.without(|path| by.covers(path) || path == HASH);
        let grid: BTreeSet<String> = record.grid.keys().map(|field| within_record(field)).collect();
        let varied = |path: &str| {
            grid.iter().any(|field| {
                path.strip_prefix(field.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let loose = strict.without(|path| by.may_bring(path) && !varied(path));
        let task = if *by == Field::Task || by.is_setting_of("task") { "" } else { &record.task.label };
        let named = *by == Field::Baseline || by.is_setting_of("baseline");
        let baseline = if named { "" } else { &record.baseline.label };
        let labels = (task.to_owned(), baseline.to_owned());
        Ok(Self { run, record, value, settings, strict, loose, labels })
    }

    /// What tells this run from all others of the same load.
    pub(super) fn identity(&self) -> usize {
        std::ptr::from_ref(self.run) as usize
    }

    fn samples(&self) -> Option<&str> {
        self.record.task.data_hash.as_deref()
    }
}

/// Whether nothing says that two runs read different samples.
pub(super) fn same_samples(a: &Candidate<'_>, b: &Candidate<'_>) -> bool {
    match (a.samples(), b.samples()) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

/// Whether runs of two values are compared at all.
pub(super) fn relate(a: &[Candidate<'_>], b: &[Candidate<'_>], by: &Field) -> bool {
    // Two texts of one's own may have the same name.
    let set = |candidate: &Candidate<'_>| {
        (candidate.record.task.data.clone(), candidate.settings.get("task.config.file").map(str::to_owned))
    };
    let data = |runs: &[Candidate<'_>]| -> BTreeSet<_> { runs.iter().map(set).collect() };
    *by != Field::Task || !data(a).is_disjoint(&data(b))
}
