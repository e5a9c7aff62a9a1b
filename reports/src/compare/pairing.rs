//! Which runs are partners: those that agree in everything but the compared field, then those that agree in everything but
//! the field and what it brings with it, where a single one differs least.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::{Candidate, HASH, same_samples};
use super::field::Field;
use crate::error::ReportError;
use crate::runs::Settings;

/// Most differences to the nearest run that a reason names.
const MOST_NAMED: usize = 3;

/// Two partners.
pub(super) struct Pair<'p, 'a> {
    /// Of the first value.
    pub(super) a: &'p Candidate<'a>,
    /// Of the second.
    pub(super) b: &'p Candidate<'a>,
}

impl Pair<'_, '_> {
    /// Settings in which the partners differ beside the compared field.
    pub(super) fn also_differ(&self, by: &Field) -> Vec<String> {
        let mut paths = self.a.settings.differences(&self.b.settings);
        let explained = same_samples(self.a, self.b) || paths.iter().any(|path| makes_samples(path, by));
        paths.retain(|path| if path == HASH { !explained } else { !by.covers(path) });
        self.a.settings.changes(&self.b.settings, &paths)
    }
}

/// The pairs between two values, and the runs that are in none.
pub(super) struct Pairing<'p, 'a> {
    /// The pairs.
    pub(super) pairs: Vec<Pair<'p, 'a>>,
    /// The others with the reason.
    pub(super) alone: Vec<(&'p Candidate<'a>, String)>,
}

/// One run that is there twice would have two partners, or none.
///
/// # Errors
/// Two runs of the same value agree in everything.
pub(super) fn refuse_repeats(runs: &[Candidate<'_>], by: &Field) -> Result<(), ReportError> {
    let mut seen: BTreeMap<(&Settings, &(String, String)), Vec<&Candidate<'_>>> = BTreeMap::new();
    for candidate in runs {
        let others = seen.entry((&candidate.strict, &candidate.labels)).or_default();
        if let Some(first) = others.iter().find(|other| same_samples(other, candidate)) {
            return Err(ReportError::Repeated {
                field: by.name().to_owned(),
                value: candidate.value.clone(),
                first: first.run.path.clone(),
                second: candidate.run.path.clone(),
            });
        }
        others.push(candidate);
    }
    Ok(())
}

/// Whether the setting at `path` decides which samples there are, rather than following from them.
fn makes_samples(path: &str, by: &Field) -> bool {
    // A scale reads the first of the same samples.
    path == "task.name"
        || path == "task.version"
        || path.starts_with("task.config.")
        || (*by == Field::Scale && path == "task.splits")
}

/// Whether two runs read the same samples, or other ones because of what is compared.
fn samples_agree(a: &Candidate<'_>, b: &Candidate<'_>, by: &Field) -> bool {
    let compared = |path: &String| makes_samples(path, by) && (by.covers(path) || by.may_bring(path));
    same_samples(a, b) || a.settings.differences(&b.settings).iter().any(compared)
}

type PairingKey<'r> = (&'r Settings, Option<&'r (String, String)>);

/// Find the partners between `of_a` and `of_b`.
pub(super) fn pair<'p, 'a>(of_a: &'p [Candidate<'a>], of_b: &'p [Candidate<'a>], by: &Field) -> Pairing<'p, 'a> {
    let (mut left_a, mut left_b): (Vec<&Candidate<'a>>, Vec<&Candidate<'a>>) =
        (of_a.iter().collect(), of_b.iter().collect());
    let mut pairs = Vec::new();
    for (loosely, with_labels) in [(false, true), (false, false), (true, true), (true, false)] {
        let key = |candidate: &'p Candidate<'a>| -> PairingKey<'p> {
            (if loosely { &candidate.loose } else { &candidate.strict }, with_labels.then_some(&candidate.labels))
        };
        let partners = |a: &Candidate<'_>, b: &Candidate<'_>| match loosely {
            true => samples_agree(a, b, by),
            false => !by.keeps_samples() || same_samples(a, b),
        };
        // Of several that could be partners loosely, the one that differs least, where that is a single one.
        let distance =
            |a: &Candidate<'_>, b: &Candidate<'_>| if loosely { a.strict.differences(&b.strict).len() } else { 0 };
        let only = |candidate: &'p Candidate<'a>, others: &[&'p Candidate<'a>]| {
            let found = others.iter().filter(|other| key(other) == key(candidate) && partners(candidate, other));
            let mut found: Vec<(usize, &'p Candidate<'a>)> =
                found.map(|other| (distance(candidate, other), *other)).collect();
            found.sort_by_key(|(distance, _)| *distance);
            match found.as_slice() {
                [(_, other)] => Some(*other),
                [(nearest, other), (next, _), ..] if nearest < next => Some(*other),
                _ => None,
            }
        };
        let mut taken = BTreeSet::new();
        for a in &left_a {
            if let Some(b) = only(a, &left_b)
                && only(b, &left_a).is_some_and(|back| back.identity() == a.identity())
            {
                taken.extend([a.identity(), b.identity()]);
                pairs.push(Pair { a, b });
            }
        }
        left_a.retain(|candidate| !taken.contains(&candidate.identity()));
        left_b.retain(|candidate| !taken.contains(&candidate.identity()));
    }
    let alone_a = left_a.iter().map(|candidate| (*candidate, reason(candidate, of_b, &left_b, by)));
    let alone_b = left_b.iter().map(|candidate| (*candidate, reason(candidate, of_a, &left_a, by)));
    Pairing { pairs, alone: alone_a.chain(alone_b).collect() }
}

/// Why `run` has no partner among `others`, of which `left` have none either.
fn reason(candidate: &Candidate<'_>, others: &[Candidate<'_>], left: &[&Candidate<'_>], by: &Field) -> String {
    let could_be = |other: &&&Candidate<'_>| other.loose == candidate.loose && samples_agree(candidate, other, by);
    let several: Vec<&str> = left.iter().filter(could_be).map(|other| other.run.id.as_str()).collect();
    if several.len() > 1 {
        return format!("any of {} could be its partner", several.join(", "));
    }
    let strictly = |other: &&Candidate<'_>| other.strict == candidate.strict && !same_samples(other, candidate);
    let loosely = |other: &&Candidate<'_>| other.loose == candidate.loose && !samples_agree(candidate, other, by);
    if let Some(other) = others.iter().find(strictly).or_else(|| others.iter().find(loosely)) {
        let whose = if other.run.experiment == candidate.run.experiment { "" } else { &other.run.experiment };
        let space = if whose.is_empty() { "" } else { "/" };
        return format!("{whose}{space}{} read other samples", other.run.id);
    }
    let nearest = others.iter().map(|other| (candidate.strict.differences(&other.strict), other));
    let Some((mut paths, other)) = nearest.min_by_key(|(paths, _)| paths.len()) else {
        return "nothing to compare it with".to_owned();
    };
    if paths.len() == 1 && paths.contains("seed") {
        return format!("no partner with seed {}", candidate.record.seed);
    }
    let more = paths.len().saturating_sub(MOST_NAMED);
    // What differs beside the seed says more.
    if paths.len() > 1 {
        paths.remove("seed");
    }
    let named: BTreeSet<String> = paths.into_iter().take(MOST_NAMED).collect();
    let changes = candidate.strict.changes(&other.strict, &named).join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("no partner; {}, the nearest, differs in {changes}{more}", other.run.id)
}
