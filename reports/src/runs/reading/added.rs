//! Settings that baselines gained after records were written.

use std::collections::BTreeMap;

use serde_json::Value;
use vocabulary::record::BaselineRecord;

/// Settings that baselines gained, each with the value that says what was so before, by baseline. A record without such a
/// setting is older and means that value.
#[derive(Debug, Clone, Default)]
pub struct AddedSettings(BTreeMap<String, Vec<(String, Value)>>);

impl AddedSettings {
    /// Add the settings of `baseline`.
    #[must_use]
    pub fn with(mut self, baseline: &str, settings: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value));
        self.0.entry(baseline.to_owned()).or_default().extend(settings);
        self
    }

    /// Say in `record` what it means by saying nothing.
    pub(super) fn complete(&self, record: &mut BaselineRecord) {
        let Value::Object(config) = &mut record.config else { return };
        for (name, value) in self.0.get(&record.name).into_iter().flatten() {
            config.entry(name).or_insert_with(|| value.clone());
        }
    }
}
