//! The table of a campaign.

use std::fmt;

use crate::faults::Kind;

/// What came of the faults of one kind.
#[derive(Debug)]
pub struct Line {
    kind: Kind,
    /// Why it was left out.
    missing: Option<&'static str>,
    /// Faults that hit something.
    pub tries: usize,
    /// How often the experiment was run from its beginning.
    pub rounds: usize,
    /// Values compared.
    pub values: usize,
    /// What was lost.
    pub lost: Vec<String>,
    pub seconds: f64,
}

impl Line {
    pub fn of(kind: Kind) -> Self {
        Self { kind, missing: None, tries: 0, rounds: 0, values: 0, lost: Vec::new(), seconds: 0.0 }
    }

    pub fn left_out(kind: Kind, missing: &'static str) -> Self {
        Self { missing: Some(missing), ..Self::of(kind) }
    }

    pub fn is_clean(&self) -> bool {
        self.lost.is_empty()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, missing, tries, rounds, values, lost, seconds } = self;
        if let Some(missing) = missing {
            return write!(f, "WARNING: {kind}: NOT TRIED, {missing}");
        }
        write!(f, "{kind}: {tries} tries, {rounds} rounds, {values} values, {} lost, {seconds:.0} s", lost.len())?;
        lost.iter().take(5).try_for_each(|lost| write!(f, "\n  {lost}"))
    }
}

/// All of `lines` as a table in Markdown.
pub fn markdown(lines: &[Line]) -> String {
    let mut out = "| fault | tries | rounds | values compared | values lost |\n|---|--:|--:|--:|--:|\n".to_owned();
    for Line { kind, missing, tries, rounds, values, lost, .. } in lines {
        out += &match missing {
            Some(missing) => format!("| {} | not tried: {missing} | | | |\n", kind.about()),
            None => format!("| {} | {tries} | {rounds} | {values} | {} |\n", kind.about(), lost.len()),
        };
    }
    out
}
