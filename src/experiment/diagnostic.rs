//! Errors that point into an experiment file or at an argument.

use strum::IntoStaticStr;

/// A place in a source: lines and columns count from 1, columns and width in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which source, see [`Sources`].
    pub source: usize,
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
    /// Characters to underline.
    pub width: usize,
}

/// What is wrong with an experiment, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "experiment-")]
pub enum Mistake {
    Unreadable,
    TooLarge,
    NotUtf8,
    /// No YAML, or not the part of it that is read here.
    NotYaml,
    /// A file that includes itself, by way of others or at once.
    IncludeCycle,
    /// A word that is none of the accepted ones.
    UnknownName,
    /// Anything else: a setting is missing, out of its range or there twice.
    BadSetting,
}

/// Something wrong at a place; [`Sources::render`] turns it into text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub kind: Mistake,
    /// Where, if anywhere.
    pub at: Option<Position>,
    /// What is wrong, in one line.
    pub message: String,
    /// Where the same thing stands that this one repeats.
    pub first: Option<Box<Position>>,
    /// Further lines: accepted values, remedies.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// `message` at `position`.
    pub fn at(position: Position, message: impl Into<String>) -> Self {
        Self { kind: Mistake::BadSetting, at: Some(position), message: message.into(), first: None, notes: Vec::new() }
    }

    /// Name the place of what is repeated.
    pub fn first_at(mut self, first: Position) -> Self {
        self.first = Some(Box::new(first));
        self
    }

    /// Add a line.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Add the line of accepted words, where there are any: what was written is none of them.
    pub fn accepted(mut self, what: &str, words: &[impl AsRef<str>]) -> Self {
        self.kind = Mistake::UnknownName;
        if words.is_empty() {
            return self;
        }
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        self.note(format!("accepted {what}: {}", words.join(", ")))
    }
}

/// A text that positions refer to.
#[derive(Debug, Clone)]
struct Source {
    /// Path of a file, or the option an argument belongs to.
    name: String,
    text: String,
    is_file: bool,
}

/// The experiment file and the arguments that change it.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Add a file; returns its number.
    pub fn file(&mut self, path: String, text: String) -> usize {
        self.0.push(Source { name: path, text, is_file: true });
        self.0.len() - 1
    }

    /// Add an argument of `option`; returns its number.
    pub fn argument(&mut self, option: &str, text: String) -> usize {
        self.0.push(Source { name: option.to_owned(), text, is_file: false });
        self.0.len() - 1
    }

    /// Where `at` is, e.g. `experiments/x.yaml:14:5` or `--set training.epochs=0`.
    pub fn place(&self, at: Position) -> String {
        match self.0.get(at.source) {
            Some(source) if source.is_file => format!("{}:{}:{}", source.name, at.line, at.column),
            Some(source) => format!("{} {}", source.name, clean(&source.text)),
            None => String::new(),
        }
    }

    /// Place, message, source line with a caret, notes.
    pub fn render(&self, diagnostic: &Diagnostic) -> ExperimentError {
        let mut lines = Vec::new();
        let head = match diagnostic.at {
            Some(at) => {
                lines = self.snippet(at);
                format!("{}: {}", self.place(at), diagnostic.message)
            }
            None => diagnostic.message.clone(),
        };
        lines.extend(diagnostic.first.as_deref().map(|&first| {
            let here = diagnostic.at.is_some_and(|at| at.source == first.source);
            let place = if here { format!("on line {}", first.line) } else { format!("at {}", self.place(first)) };
            format!("  = first {place}")
        }));
        lines.extend(diagnostic.notes.iter().map(|note| format!("  = {}", wrap(note))));
        lines.insert(0, head);
        ExperimentError { kind: diagnostic.kind, message: lines.join("\n") }
    }

    fn snippet(&self, at: Position) -> Vec<String> {
        /// Characters of a long line that are shown.
        const WINDOW: usize = 100;
        let Some(source) = self.0.get(at.source) else { return Vec::new() };
        // A text that ends too early is shown by its last line.
        let lines: Vec<&str> = source.text.lines().collect();
        let Some(index) = lines.len().checked_sub(1).map(|last| last.min(at.line - 1)) else { return Vec::new() };
        let line = lines[index];
        let at = if index + 1 == at.line { at } else { Position { line: index + 1, column: usize::MAX, ..at } };
        let characters: Vec<char> = clean(line).chars().collect();
        let column = at.column.saturating_sub(1).min(characters.len());
        let first = if characters.len() <= WINDOW { 0 } else { column.saturating_sub(WINDOW / 3) };
        let shown: String = characters.iter().skip(first).take(WINDOW).collect();
        let width = at.width.clamp(1, shown.chars().count().saturating_sub(column - first).max(1));
        let number = if source.is_file { at.line.to_string() } else { String::new() };
        let gap = " ".repeat(number.len());
        let caret = format!("{}{}", " ".repeat(column - first), "^".repeat(width));
        vec![format!("{gap} |"), format!("{number} | {}", shown.trim_end()), format!("{gap} | {caret}")]
    }
}

/// `note` broken between words where it grows long.
fn wrap(note: &str) -> String {
    const WIDTH: usize = 100;
    let mut wrapped = String::new();
    let mut column = 0;
    for word in note.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            wrapped.push_str("\n    ");
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += width;
    }
    wrapped
}

/// `text` with every control character (a tab, an escape sequence) as one space, so that columns stay.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `text` with control characters escaped, at most 60 characters.
pub fn shorten(text: &str) -> String {
    let clean: String =
        text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
    if clean.chars().count() <= 60 { clean } else { clean.chars().take(57).chain("...".chars()).collect() }
}

/// An experiment that cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExperimentError {
    pub kind: Mistake,
    /// Place, problem and remedy; may have several lines.
    pub message: String,
}

impl From<&ExperimentError> for &'static str {
    fn from(error: &ExperimentError) -> Self {
        error.kind.into()
    }
}

impl From<ExperimentError> for &'static str {
    fn from(error: ExperimentError) -> Self {
        error.kind.into()
    }
}

/// The candidate that `word` was probably meant to be.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (word.chars().count().max(candidate.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `message`, with the question whether a similar candidate was meant.
pub fn with_suggestion<'a>(message: String, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match suggest(word, candidates) {
        Some(meant) => format!("{message}; did you mean `{meant}`?"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_at_the_word() {
        let mut sources = Sources::default();
        let file = sources.file("x.yaml".into(), "a: 1\nbaselines:\n  - name: ccnn\n    hiden: 64\n".into());
        let at = Position { source: file, line: 4, column: 5, width: 5 };
        let diagnostic = Diagnostic::at(at, "unknown key `hiden`").accepted("keys", &["blocks", "hidden"]);
        insta::assert_snapshot!(sources.render(&diagnostic), @r"
        x.yaml:4:5: unknown key `hiden`
          |
        4 |     hiden: 64
          |     ^^^^^
          = accepted keys: blocks, hidden
        ");
    }

    #[test]
    fn long_lines_and_control_characters_do_not_spoil_the_picture() {
        let mut sources = Sources::default();
        let file = sources.file("x.yaml".into(), format!("{}\u{1b}[31mbad", "x".repeat(500)));
        let text = sources
            .render(&Diagnostic::at(Position { source: file, line: 1, column: 501, width: 90 }, "no"))
            .to_string();
        assert!(!text.contains('\u{1b}'));
        assert!(text.lines().all(|line| line.len() < 120), "{text}");
    }

    #[test]
    fn suggestions_are_close_words_only() {
        assert_eq!(suggest("hiden", ["blocks", "hidden"]), Some("hidden"));
        assert_eq!(suggest("epoch", ["epochs", "batch_size"]), Some("epochs"));
        assert_eq!(suggest("zzz", ["epochs", "batch_size"]), None);
        assert_eq!(suggest("ccn", ["ccnn", "cnn"]), Some("ccnn"));
    }
}
