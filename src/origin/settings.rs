//! The settings of an evaluation, each with its origin.

use std::path::Path;

use baselines::registry::Entry;
use serde::Serialize;
use serde_json::{Map, Value, json};
use vocabulary::record::RunRecord;

use super::evidence::{Evidence, evidence};
use super::file_name::{self, Named, Said};
use crate::experiment::Run;

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// `--set`
    Given,
    /// The record of the run that the checkpoint lies in.
    Record,
    /// The name of the file.
    FileName,
    /// The tensors fit this value alone.
    Tensors,
    /// A default that makes no difference to a trained network.
    NoEffect,
    /// A default that nothing confirms.
    Assumed,
}

/// A setting of the task or the baseline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// `task` or `baseline`.
    pub(crate) part: &'static str,
    pub(crate) field: String,
    pub(crate) value: Value,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// All settings of an evaluation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Of the task, then of the baseline.
    pub(crate) all: Vec<Setting>,
    /// Where what is given contradicts what the file or its record says.
    pub(crate) contradictions: Vec<String>,
}

impl Settings {
    /// Settings of `run`, of which the command line gave `set`.
    pub(crate) fn find(
        run: &Run,
        set: &[String],
        record: Option<&RunRecord>,
        named: Option<&Named>,
        entry: &Entry,
    ) -> Self {
        let spec = run.spec();
        let (input, output) = (&spec.input, &spec.target);
        let by_tensors = |field: &str| match evidence(entry, &run.baseline.config, field, input, output) {
            Evidence::Shapes => Origin::Tensors,
            Evidence::NoEffect => Origin::NoEffect,
            Evidence::Nothing => Origin::Assumed,
        };
        let mut settings = Self::default();
        let task_record = record.filter(|record| record.task.name == run.task.name).map(|record| &record.task.config);
        let task_name = named.filter(|named| named.task == Some(&run.task.name)).map(|named| &named.task_settings[..]);
        settings.part("task", &run.task.config, set, task_record, task_name, &|_| Origin::Assumed);
        let record = record.filter(|record| record.baseline.name == run.baseline.name).map(|r| &r.baseline.config);
        let name = named.filter(|named| named.baseline == run.baseline.name).map(|named| &named.settings[..]);
        settings.part("baseline", &run.baseline.config, set, record, name, &by_tensors);
        if let Some(named) = named {
            settings.other_network(run, named);
        }
        settings
    }

    fn part(
        &mut self,
        part: &'static str,
        config: &Value,
        set: &[String],
        record: Option<&Value>,
        named: Option<&[Said]>,
        default: &dyn Fn(&str) -> Origin,
    ) {
        for (field, value) in config.as_object().into_iter().flatten() {
            let said = named.into_iter().flatten().find(|said| said.field == field);
            let recorded = record.and_then(|record| record.get(field));
            let origin = if is_given(set, part, field) {
                let before = recorded.map(|value| ("the record of the run", value));
                let before =
                    before.or(said.filter(|said| !said.agrees(value)).map(|said| ("the file name", &said.value)));
                if let Some((who, before)) = before.filter(|(_, before)| *before != value) {
                    self.contradictions.push(format!(
                        "--set {part}.{field}={} contradicts {who}, which says {}; {} was used",
                        shown(value),
                        shown(before),
                        shown(value)
                    ));
                }
                Origin::Given
            } else if recorded.is_some() {
                self.contradicts(part, field, value, said);
                Origin::Record
            } else if said.is_some_and(|said| said.agrees(value)) {
                Origin::FileName
            } else if said.is_some() {
                self.contradicts(part, field, value, said);
                default(field)
            } else {
                default(field)
            };
            self.all.push(Setting { part, field: field.clone(), value: value.clone(), origin });
        }
    }

    /// Note where a setting that nobody gave is not what the file name says.
    fn contradicts(&mut self, part: &str, field: &str, value: &Value, said: Option<&Said>) {
        if let Some(said) = said.filter(|said| !said.agrees(value)) {
            let (value, said) = (shown(value), shown(&said.value));
            self.contradictions.push(format!("{part}.{field} = {value} contradicts the file name, which says {said}"));
        }
    }

    /// Where the name of the file speaks of another network or task than those evaluated.
    fn other_network(&mut self, run: &Run, named: &Named) {
        if named.baseline != run.baseline.name {
            let message = format!("the file name speaks of {}, not of {}", named.baseline, run.baseline.name);
            self.contradictions.push(message);
        }
        if let Some(task) = named.task.filter(|task| *task != run.task.name) {
            self.contradictions.push(format!("the file name speaks of the task {task}, not of {}", run.task.name));
        }
        if let Some(kind) = &named.nonlinearity {
            self.contradictions.push(format!(
                "the file name says that the kernel networks have {kind} as their nonlinearity; those of {} have sines, and \
                 compute something else with the same weights",
                run.baseline.name
            ));
        }
        if let Some(every) = named.every {
            self.contradictions
                .push(format!("the file name says that training was on one in {every} samples of a sequence"));
        }
    }

    /// Those of one origin, as `baseline.omega_0 = 30.5`.
    fn of(&self, origin: Origin) -> Vec<String> {
        let of = self.all.iter().filter(|setting| setting.origin == origin);
        of.map(|setting| format!("{}.{} = {}", setting.part, setting.field, shown(&setting.value))).collect()
    }

    /// Lines for a reader: what was read from the file name, and what was assumed.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let named = self.of(Origin::FileName);
        if !named.is_empty() {
            let rounded = self.all.iter().any(|s| s.origin == Origin::FileName && s.field == "omega_0");
            let rounded = if rounded { " (omega_0 as released, or with the two decimals of the name)" } else { "" };
            lines.push(format!("read from the file name: {}{rounded}", named.join(", ")));
        }
        let assumed = self.of(Origin::Assumed);
        if !assumed.is_empty() {
            lines.push(format!("assumed, since the file does not tell: {}", assumed.join(", ")));
        }
        lines
    }

    /// What would be assumed of the baseline if the weights did fit; may be empty.
    pub(crate) fn if_assumed(&self) -> String {
        let of = self.all.iter().filter(|setting| setting.part == "baseline" && setting.origin == Origin::Assumed);
        let assumed: Vec<String> = of.map(|setting| format!("{} = {}", setting.field, shown(&setting.value))).collect();
        if assumed.is_empty() {
            return String::new();
        }
        format!("\nwhat the file does not tell has to be given where it was different: {}", assumed.join(", "))
    }

    /// Values with their origins, by part and field.
    pub(crate) fn json(&self) -> Value {
        let part = |part: &str| -> Map<String, Value> {
            let of = self.all.iter().filter(|setting| setting.part == part);
            of.map(|setting| (setting.field.clone(), json!({"value": setting.value, "from": setting.origin}))).collect()
        };
        json!({ "task": part("task"), "baseline": part("baseline") })
    }

    /// Values that were assumed, by `part.field`.
    pub(crate) fn assumed(&self) -> Map<String, Value> {
        let of = self.all.iter().filter(|setting| setting.origin == Origin::Assumed);
        of.map(|setting| (format!("{}.{}", setting.part, setting.field), setting.value.clone())).collect()
    }
}

/// Where the name of the file at `checkpoint` contradicts the settings of `run`, or speaks of another network or task.
pub(crate) fn contradictions(checkpoint: &Path, run: &Run) -> Vec<String> {
    let Some(named) = file_name::read(checkpoint) else { return Vec::new() };
    let mut settings = Settings::default();
    let task = (named.task == Some(&run.task.name)).then_some(&named.task_settings[..]);
    settings.part("task", &run.task.config, &[], None, task, &|_| Origin::Assumed);
    let baseline = (named.baseline == run.baseline.name).then_some(&named.settings[..]);
    settings.part("baseline", &run.baseline.config, &[], None, baseline, &|_| Origin::Assumed);
    settings.other_network(run, &named);
    settings.contradictions
}

/// Whether `--set` names the field, or something within it.
fn is_given(set: &[String], part: &str, field: &str) -> bool {
    set.iter().any(|argument| {
        let path = argument.split('=').next().unwrap_or_default().trim();
        let rest = path.strip_prefix(part).and_then(|rest| rest.strip_prefix('.'));
        rest.and_then(|rest| rest.split(['.', '[']).next()) == Some(field)
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_within_settings_are_given() {
        let set =
            ["baseline.omega_0=3".to_owned(), "baseline.learning_rates.a=0.1".to_owned(), "task.length = 9".to_owned()];
        assert!(is_given(&set, "baseline", "omega_0") && is_given(&set, "baseline", "learning_rates"));
        assert!(
            is_given(&set, "task", "length")
                && !is_given(&set, "task", "omega_0")
                && !is_given(&set, "baseline", "omega")
        );
    }
}
