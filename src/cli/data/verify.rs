//! `bench data verify`.

use datasets::DataError;
use datasets::library::{CachedSet, Group, Presence, Provenance, Verified};
use reports::format::grouped;
use serde_json::{Value, json};

use super::{CliError, DataContext, Exit, belongs, failure};

/// What became of one data set or file of the cache.
enum Check {
    Set(Box<Verified>),
    Cached { file: String, outcome: Result<String, DataError> },
    Failed { set: String, error: DataError },
}

impl Check {
    fn wrong(&self) -> bool {
        match self {
            Self::Set(found) => !found.problems.is_empty(),
            Self::Cached { outcome, .. } => outcome.is_err(),
            Self::Failed { .. } => true,
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Set(found) => json!({
                "name": found.set, "folder": found.folder, "ok": !self.wrong(), "state": found.presence,
                "provenance": found.provenance,
                "reconstructed": matches!(found.provenance, Provenance::Reconstructed { .. }),
                "version": found.version, "groups": found.groups, "content_sha256": found.content, "files": found.sums,
                "details": found.details, "further_problems": found.further_problems,
                "problems": found.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            }),
            Self::Cached { file, outcome: Ok(sum) } => json!({ "file": file, "ok": true, "sha256": sum }),
            Self::Cached { file, outcome: Err(error) } => {
                json!({ "file": file, "ok": false, "kind": <&str>::from(error), "error": error.to_string() })
            }
            Self::Failed { set, error } => {
                json!({ "name": set, "ok": false, "kind": <&str>::from(error), "error": error.to_string() })
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Set(found) => set_lines(found),
            Self::Cached { file, outcome: Ok(sum) } => vec![format!("ok      {file}  {sum}")],
            Self::Cached { outcome: Err(error), .. } | Self::Failed { error, .. } => vec![format!("FAILED  {error}")],
        }
    }
}

pub(super) fn verify(context: &DataContext<'_>, names: &[String]) -> Result<Exit, CliError> {
    let DataContext { library, registry, bar, global } = context;
    let cached = library.cached_sets().map_err(failure)?;
    let mut official: Vec<String> = Vec::new();
    let mut generated: Vec<&CachedSet> = Vec::new();
    if names.is_empty() {
        for set in library.catalogue() {
            if library.presence(&set.name).map_err(failure)? != Presence::Absent {
                official.push(set.name.clone());
            }
        }
        generated.extend(&cached);
    }
    for name in names {
        let mine: Vec<&CachedSet> = cached.iter().filter(|set| belongs(set, name)).collect();
        match registry.find_task(name) {
            Some(entry) if !context.reads_official(entry) && mine.is_empty() => {
                return Err(CliError::usage(format!(
                    "no set of `{name}` is in the cache; `bench data generate {name}` makes one"
                )));
            }
            Some(entry) if !context.reads_official(entry) => generated.extend(mine),
            _ => official.push(context.set_of(name)?),
        }
    }
    let mut checks: Vec<Check> = Vec::new();
    for set in official {
        checks.push(match library.verify(&set, bar) {
            Ok(found) if found.presence == Presence::Absent => Check::Failed { error: library.incomplete(&set), set },
            Ok(found) => Check::Set(Box::new(found)),
            Err(error) => Check::Failed { set, error },
        });
    }
    for set in generated {
        checks.push(Check::Cached { file: set.path.display().to_string(), outcome: library.verify_cached(set) });
    }
    let failed = checks.iter().filter(|check| check.wrong()).count();
    let json = || {
        let values: Vec<Value> = checks.iter().map(Check::value).collect();
        json!({ "schema": 2, "folder": library.root(), "checks": values, "failed": failed })
    };
    let text = || {
        let mut lines: Vec<String> = checks.iter().flat_map(Check::lines).collect();
        let incomplete = checks
            .iter()
            .filter(|check| matches!(check, Check::Set(found) if found.presence == Presence::Partial))
            .count();
        lines.push(format!("{} intact ({incomplete} of them incomplete), {failed} wrong", checks.len() - failed));
        lines.join("\n")
    };
    global.print(json, text)?;
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn set_lines(found: &Verified) -> Vec<String> {
    let state = if found.problems.is_empty() { "ok    " } else { "FAILED" };
    let mut lines = vec![format!("{state}  {}: {}, {}", found.set, found.presence, found.provenance)];
    lines.push(format!("        {}", found.folder.display()));
    if let Some(version) = &found.version {
        let checked = if version.content.is_some() { "" } else { " by its form, not by a checksum" };
        let note = version.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
        lines.push(format!("        version {}{checked}{note}", version.name));
    }
    let counts = |group: &Group| format!("{} of {} {}", grouped(group.found), grouped(group.expected), group.what);
    let (here, absent): (Vec<&Group>, Vec<&Group>) = found.groups.iter().partition(|group| group.found > 0);
    lines.extend(here.into_iter().map(|group| format!("        {}", counts(group))));
    let needed: Vec<&str> = absent.iter().filter(|group| group.needed).map(|group| group.what.as_str()).collect();
    if !needed.is_empty() {
        lines.push(format!("        missing: {}", needed.join(", ")));
    }
    lines.extend(found.details.iter().map(|(name, value)| format!("        {name}: {value}")));
    lines.push(format!("        content {}", found.content));
    lines.extend(found.sums.iter().map(|(name, sum)| format!("        {sum}  {name}")));
    lines.extend(found.problems.iter().map(|problem| format!("        FAILED  {problem}")));
    if found.further_problems > 0 {
        lines.push(format!("        FAILED  and {} further files", grouped(found.further_problems as u64)));
    }
    lines
}
