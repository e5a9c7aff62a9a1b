//! From text to a tree, and the types of scalars.

use serde_json::Number;
use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::{Marker, TScalarStyle};

use super::tree::{Content, Node, Numeral, Pair};
use crate::experiment::{Diagnostic, Mistake, Position, shorten};

/// Deepest nesting accepted.
const MAX_DEPTH: usize = 64;

/// Read one YAML document. `offset` is added to the columns of the first line (for values inside an argument).
///
/// # Errors
/// What is no YAML, or YAML that is refused here. An empty document is `None`.
pub fn parse(text: &str, source: usize, offset: usize) -> Result<Option<Node>, Diagnostic> {
    // A byte order mark is no content.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder { source, offset, documents: 0, open: Vec::new(), root: None };
    loop {
        let (event, mark) = parser.next_token().map_err(|error| {
            let message = format!("this is not YAML: {}", error.info());
            Diagnostic { kind: Mistake::NotYaml, ..Diagnostic::at(builder.place(error.marker(), 1), message) }
        })?;
        if event == Event::StreamEnd {
            return Ok(builder.root);
        }
        builder.add(event, &mark)?;
    }
}

/// A list or mapping that is being read.
enum Open {
    List { at: Position, items: Vec<Node> },
    Map { at: Position, pairs: Vec<Pair>, key: Option<(String, Position)> },
}

/// Builds the tree from the parser's events.
struct Builder {
    source: usize,
    /// Added to the columns of the first line.
    offset: usize,
    documents: usize,
    /// The lists and mappings around what comes next, the innermost last.
    open: Vec<Open>,
    root: Option<Node>,
}

impl Builder {
    fn place(&self, mark: &Marker, width: usize) -> Position {
        let line = mark.line().max(1);
        let column = mark.col() + 1 + if line == 1 { self.offset } else { 0 };
        Position { source: self.source, line, column, width: width.max(1) }
    }

    fn add(&mut self, event: Event, mark: &Marker) -> Result<(), Diagnostic> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart => {
                self.documents += 1;
                if self.documents > 1 {
                    let at = self.place(mark, 3);
                    return Err(Diagnostic::at(at, "a second YAML document; keep one experiment per file"));
                }
            }
            Event::Alias(_) => return Err(refused(self.place(mark, 1), "aliases (`*name`)")),
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                return Err(refused(self.place(mark, 1), "anchors (`&name`)"));
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(refused(self.place(mark, 1), "tags (`!name`)"));
            }
            Event::SequenceStart(..) => {
                let at = self.place(mark, 1);
                self.begin(at, Open::List { at, items: Vec::new() })?;
            }
            Event::MappingStart(..) => {
                let at = self.place(mark, 1);
                self.begin(at, Open::Map { at, pairs: Vec::new(), key: None })?;
            }
            Event::Scalar(text, style, ..) => self.scalar(text, style, mark)?,
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
        Ok(())
    }

    /// Begin a list or a mapping at `at`.
    fn begin(&mut self, at: Position, open: Open) -> Result<(), Diagnostic> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Diagnostic::at(at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            return Err(Diagnostic::at(at, "a key must be plain text, found a list or a mapping"));
        }
        self.open.push(open);
        Ok(())
    }

    /// A key of the innermost mapping, or a value.
    fn scalar(&mut self, text: String, style: TScalarStyle, mark: &Marker) -> Result<(), Diagnostic> {
        let width = text.lines().next().map_or(1, |line| line.chars().count());
        let is_plain = style == TScalarStyle::Plain;
        let at = self.place(mark, width + if is_plain { 0 } else { 2 });
        if let Some(Open::Map { key: slot @ None, pairs, .. }) = self.open.last_mut() {
            if let Some(first) = pairs.iter().find(|pair| pair.key == text) {
                let message = format!("key `{}` stands twice", shorten(&text));
                return Err(Diagnostic::at(at, message).note(format!("first on line {}", first.at.line)));
            }
            *slot = Some((text, at));
            return Ok(());
        }
        // Nothing has no place of its own: the parser is at what comes next.
        let at = match self.open.last() {
            Some(Open::Map { key: Some((_, key)), .. }) if text.is_empty() && is_plain => *key,
            Some(Open::List { at, items }) if text.is_empty() && is_plain => {
                items.last().map_or(*at, |before| before.at)
            }
            _ => at,
        };
        self.put(Node { at, content: scalar(text, style) });
        Ok(())
    }

    /// End the innermost list or mapping.
    fn end(&mut self) {
        let finished = match self.open.pop() {
            Some(Open::List { at, items }) => Node { at, content: Content::List(items) },
            Some(Open::Map { at, pairs, .. }) => {
                // A block mapping is best pointed at through its first key.
                let at = pairs.first().map_or(at, |pair| pair.at);
                Node { at, content: Content::Map(pairs) }
            }
            None => return,
        };
        self.put(finished);
    }

    /// Put a value into the innermost list or mapping.
    fn put(&mut self, value: Node) {
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open::List { items, .. }) => items.push(value),
            Some(Open::Map { pairs, key, .. }) => {
                if let Some((key, at)) = key.take() {
                    pairs.push(Pair { key, at, value });
                }
            }
        }
    }
}

fn refused(at: Position, what: &str) -> Diagnostic {
    Diagnostic::at(at, format!("{what} are not supported in experiment files"))
        .note("write shared settings once, under `training:` or in a rule under `cells:`")
}

/// The value of a scalar, typed as in YAML 1.2's core schema.
fn scalar(text: String, style: TScalarStyle) -> Content {
    if style != TScalarStyle::Plain {
        return Content::Text(text);
    }
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Bool(true),
        "false" | "False" | "FALSE" => Content::Bool(false),
        plain => match number(plain) {
            Some(value) => Content::Number(Numeral { value, written: text }),
            None => Content::Text(text),
        },
    }
}

/// The number that `text` is, if it is one; `Some(None)` for one that is not finite.
fn number(text: &str) -> Option<Option<Number>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(None);
    }
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().map(|n| Some(Number::from(n)));
    if let Some(digits) = text.strip_prefix("0x").filter(|d| d.chars().all(|c| c.is_ascii_hexdigit())) {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o").filter(|d| d.chars().all(|c| c.is_ascii_digit())) {
        return radix(digits, 8);
    }
    let digits = unsigned.chars().filter(char::is_ascii_digit).count();
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+');
    let starts = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if digits == 0 || !starts || !unsigned.chars().all(allowed) {
        return None;
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    if let Ok(integer) = plain.parse::<u64>() {
        return Some(Some(integer.into()));
    }
    if let Ok(integer) = plain.parse::<i64>() {
        return Some(Some(integer.into()));
    }
    plain.parse::<f64>().ok().map(Number::from_f64)
}
