//! YAML as a tree in which every key and value knows where it was written.
//!
//! Scalars are typed as in YAML 1.2's core schema. Anchors, tags and second documents are refused: an experiment file
//! has better means for what cells share, and a refused feature cannot be misread.

use serde_json::{Map, Number, Value};
use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::{Marker, TScalarStyle};

use super::diagnostic::Diagnostic;

/// Deepest nesting accepted.
const MAX_DEPTH: usize = 64;

/// A place in a source: lines and columns count from 1, columns and width in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which source, see [`Sources`](super::diagnostic::Sources).
    pub source: usize,
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
    /// Characters to underline.
    pub width: usize,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub content: Content,
}

/// A typed YAML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Numeral),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Pair>),
}

/// A number and the characters that it was written with: `1.10` and `007` are names, too.
#[derive(Debug, Clone, PartialEq)]
pub struct Numeral {
    /// The value; none where it is not finite, which is no number to compute with, and may be a name all the same.
    pub value: Option<Number>,
    /// As in the file.
    pub written: String,
}

impl Numeral {
    /// The value, as an integer where it is whole: `1e3` and `10.0` count something as well as `1000` and `10` do.
    pub fn plain(&self) -> Option<Number> {
        /// The least number that is no `u64`, and the same for negative ones; both are floats without rounding.
        const ABOVE: f64 = 18_446_744_073_709_551_616.0;
        const BELOW: f64 = -9_223_372_036_854_775_808.0;
        let number = self.value.as_ref()?;
        Some(match number.as_f64() {
            Some(value) if number.is_f64() && value.fract() == 0.0 => match value {
                0.0..ABOVE => (value as u64).into(),
                BELOW..0.0 => (value as i64).into(),
                _ => number.clone(),
            },
            _ => number.clone(),
        })
    }
}

/// One key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub at: Position,
    /// Its value.
    pub value: Node,
}

/// What a lookup by path found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The deepest node on the path.
    pub node: &'a Node,
    /// Where the key of that node stands, if it is the value of a key.
    pub key_at: Option<Position>,
    /// Whether the whole path exists.
    pub complete: bool,
}

impl Node {
    /// An empty mapping at `at`.
    pub fn empty(at: Position) -> Self {
        Self { at, content: Content::Map(Vec::new()) }
    }

    /// The pairs of a mapping; none for anything else.
    pub fn pairs(&self) -> &[Pair] {
        match &self.content {
            Content::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.pairs().iter().find(|pair| pair.key == key).map(|pair| &pair.value)
    }

    /// Put `over` on top: mappings merge key by key, everything else is replaced, places included.
    pub fn merge(&mut self, over: &Self) {
        match (&mut self.content, &over.content) {
            (Content::Map(own), Content::Map(new)) => {
                for pair in new {
                    match own.iter_mut().find(|p| p.key == pair.key) {
                        Some(old) => {
                            old.at = pair.at;
                            old.value.merge(&pair.value);
                        }
                        None => own.push(pair.clone()),
                    }
                }
            }
            _ => *self = over.clone(),
        }
    }

    /// Set the value at `path`, making mappings on the way; `at` is the place of the keys.
    pub fn set(&mut self, path: &[String], at: Position, value: &Self) {
        let Some((key, rest)) = path.split_first() else {
            *self = value.clone();
            return;
        };
        if !matches!(self.content, Content::Map(_)) {
            *self = Self::empty(at);
        }
        let Content::Map(pairs) = &mut self.content else { return };
        let index = pairs.iter().position(|pair| &pair.key == key).unwrap_or_else(|| {
            pairs.push(Pair { key: key.clone(), at, value: Self::empty(at) });
            pairs.len() - 1
        });
        pairs[index].at = at;
        pairs[index].value.set(rest, at, value);
    }

    /// Remove the value at `path`, if it is there.
    pub fn remove(&mut self, path: &[String]) {
        let (Some((key, rest)), Content::Map(pairs)) = (path.split_first(), &mut self.content) else { return };
        if rest.is_empty() {
            pairs.retain(|pair| &pair.key != key);
        } else if let Some(pair) = pairs.iter_mut().find(|pair| &pair.key == key) {
            pair.value.remove(rest);
        }
    }

    /// Follow `path` (keys, and indices of lists) as far as it goes.
    pub fn find(&self, path: &[String]) -> Found<'_> {
        let mut found = Found { node: self, key_at: None, complete: true };
        for segment in path {
            let next = match &found.node.content {
                Content::Map(pairs) => {
                    pairs.iter().find(|p| &p.key == segment).map(|pair| (&pair.value, Some(pair.at)))
                }
                Content::List(items) => {
                    segment.parse::<usize>().ok().and_then(|i| items.get(i)).map(|node| (node, None))
                }
                _ => None,
            };
            let Some((node, key_at)) = next else {
                found.complete = false;
                return found;
            };
            found = Found { node, key_at, complete: true };
        }
        found
    }

    /// Where the first key called `key` stands, at any depth.
    pub fn find_key(&self, key: &str) -> Option<Position> {
        match &self.content {
            Content::Map(pairs) => {
                let here = pairs.iter().find(|pair| pair.key == key).map(|pair| pair.at);
                here.or_else(|| pairs.iter().find_map(|pair| pair.value.find_key(key)))
            }
            Content::List(items) => items.iter().find_map(|item| item.find_key(key)),
            _ => None,
        }
    }

    /// The value without places.
    pub fn to_json(&self) -> Value {
        self.json(&|number| number.value.clone())
    }

    /// The value as settings are read from it: whole numbers are integers, however they are written.
    pub fn to_settings(&self) -> Value {
        self.json(&Numeral::plain)
    }

    /// Refuse numbers that are not finite, at any depth: settings can have none.
    ///
    /// # Errors
    /// The first one.
    pub fn check_numbers(&self) -> Result<(), Diagnostic> {
        match &self.content {
            Content::Number(Numeral { value: None, written }) => {
                Err(Diagnostic::at(self.at, format!("`{}` is not a finite number", shorten(written))))
            }
            Content::List(items) => items.iter().try_for_each(Self::check_numbers),
            Content::Map(pairs) => pairs.iter().try_for_each(|pair| pair.value.check_numbers()),
            _ => Ok(()),
        }
    }

    fn json(&self, number: &dyn Fn(&Numeral) -> Option<Number>) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(value) => number(value).map_or(Value::Null, Value::Number),
            Content::Text(value) => Value::String(value.clone()),
            Content::List(items) => Value::Array(items.iter().map(|item| item.json(number)).collect()),
            Content::Map(pairs) => {
                let pairs = pairs.iter().map(|pair| (pair.key.clone(), pair.value.json(number)));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// What it is in words, e.g. ``text `ten` ``.
    pub fn describe(&self) -> String {
        match &self.content {
            Content::Null => "nothing".into(),
            Content::Bool(value) => format!("`{value}`"),
            Content::Number(value) => format!("number {}", shorten(&value.written)),
            Content::Text(value) => format!("text `{}`", shorten(value)),
            Content::List(items) if items.is_empty() => "an empty list".into(),
            Content::List(items) => format!("a list of {}", items.len()),
            Content::Map(_) => "a mapping".into(),
        }
    }
}

/// `text` with control characters escaped, at most 60 characters.
pub fn shorten(text: &str) -> String {
    let clean: String =
        text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
    if clean.chars().count() <= 60 { clean } else { clean.chars().take(57).chain("...".chars()).collect() }
}

/// A list or mapping that is being read.
enum Open {
    List { at: Position, items: Vec<Node> },
    Map { at: Position, pairs: Vec<Pair>, key: Option<(String, Position)> },
}

/// Read one YAML document. `offset` is added to the columns of the first line (for values inside an argument).
///
/// # Errors
/// What is no YAML, or YAML that is refused here. An empty document is `None`.
pub fn parse(text: &str, source: usize, offset: usize) -> Result<Option<Node>, Diagnostic> {
    let place = |mark: &Marker, width: usize| {
        let line = mark.line().max(1);
        let column = mark.col() + 1 + if line == 1 { offset } else { 0 };
        Position { source, line, column, width: width.max(1) }
    };
    // A byte order mark is no content.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut documents = 0;
    loop {
        let (event, mark) = parser
            .next_token()
            .map_err(|error| Diagnostic::at(place(error.marker(), 1), format!("this is not YAML: {}", error.info())))?;
        let finished = match event {
            Event::StreamEnd => return Ok(root),
            Event::DocumentStart => {
                documents += 1;
                if documents > 1 {
                    return Err(Diagnostic::at(
                        place(&mark, 3),
                        "a second YAML document; keep one experiment per file",
                    ));
                }
                continue;
            }
            Event::Nothing | Event::StreamStart | Event::DocumentEnd => continue,
            Event::Alias(_) => return Err(refused(place(&mark, 1), "aliases (`*name`)")),
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                return Err(refused(place(&mark, 1), "anchors (`&name`)"));
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(refused(place(&mark, 1), "tags (`!name`)"));
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                let at = place(&mark, 1);
                if open.len() >= MAX_DEPTH {
                    return Err(Diagnostic::at(at, format!("nested deeper than {MAX_DEPTH} levels")));
                }
                if let Some(Open::Map { key: None, .. }) = open.last() {
                    return Err(Diagnostic::at(at, "a key must be plain text, found a list or a mapping"));
                }
                open.push(match event {
                    Event::SequenceStart(..) => Open::List { at, items: Vec::new() },
                    _ => Open::Map { at, pairs: Vec::new(), key: None },
                });
                continue;
            }
            Event::Scalar(text, style, ..) => {
                let width = text.lines().next().map_or(1, |line| line.chars().count());
                let quotes = if style == TScalarStyle::Plain { 0 } else { 2 };
                let at = place(&mark, width + quotes);
                if let Some(Open::Map { key: slot @ None, pairs, .. }) = open.last_mut() {
                    if let Some(first) = pairs.iter().find(|pair| pair.key == text) {
                        let message = format!("key `{}` stands twice", shorten(&text));
                        return Err(Diagnostic::at(at, message).note(format!("first on line {}", first.at.line)));
                    }
                    *slot = Some((text, at));
                    continue;
                }
                // Nothing has no place of its own: the parser is at what comes next.
                let at = match open.last() {
                    Some(Open::Map { key: Some((_, key)), .. }) if text.is_empty() && quotes == 0 => *key,
                    Some(Open::List { at, items }) if text.is_empty() && quotes == 0 => {
                        items.last().map_or(*at, |before| before.at)
                    }
                    _ => at,
                };
                Node { at, content: scalar(text, style) }
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List { at, items }) => Node { at, content: Content::List(items) },
                Some(Open::Map { at, pairs, .. }) => {
                    // A block mapping is best pointed at through its first key.
                    let at = pairs.first().map_or(at, |pair| pair.at);
                    Node { at, content: Content::Map(pairs) }
                }
                None => continue,
            },
        };
        match open.last_mut() {
            None => root = Some(finished),
            Some(Open::List { items, .. }) => items.push(finished),
            Some(Open::Map { pairs, key, .. }) => {
                if let Some((key, at)) = key.take() {
                    pairs.push(Pair { key, at, value: finished });
                }
            }
        }
    }
}

fn refused(at: Position, what: &str) -> Diagnostic {
    Diagnostic::at(at, format!("{what} are not supported in experiment files"))
        .note("write shared settings once, under `training:` or in a rule under `cells:`")
}

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Value {
        parse(text, 0, 0).unwrap().unwrap().to_json()
    }

    #[test]
    fn scalars_have_the_types_of_the_core_schema() {
        let text = "[1, -2, 1.5, 1e-3, 2.0E+4, .5, +7, 0x1F, 0o17, true, null, ~, yes, '1', 1.2.3, 10m, 1e, -, e5]";
        let expected = serde_json::json!([
            1, -2, 1.5, 0.001, 20000.0, 0.5, 7, 31, 15, true, null, null, "yes", "1", "1.2.3", "10m", "1e", "-", "e5"
        ]);
        assert_eq!(read(&text.replace(" -,", " '-',")), expected);
    }

    #[test]
    fn whole_numbers_are_integers_to_settings() {
        let node = parse("[1e3, 10.0, -2.0, 1.5, 1e19, 1e300, 0x10]", 0, 0).unwrap().unwrap();
        let settings = serde_json::json!([1000, 10, -2, 1.5, 10_000_000_000_000_000_000_u64, 1e300, 16]);
        assert_eq!(node.to_settings(), settings);
    }

    #[test]
    fn a_value_that_is_not_there_is_pointed_at_by_its_key() {
        let node = parse("a:\n\nb: 1\n", 0, 0).unwrap().unwrap();
        assert_eq!(node.get("a").unwrap().at, Position { source: 0, line: 1, column: 1, width: 1 });
    }

    #[test]
    fn a_value_that_is_not_there_in_a_list_is_pointed_at_by_the_list_or_what_comes_before() {
        let lines = |text: &str| {
            let node = parse(text, 0, 0).unwrap().unwrap();
            let Content::List(items) = &node.get("a").unwrap().content else { panic!("{node:?}") };
            items.iter().map(|item| item.at.line).collect::<Vec<_>>()
        };
        assert_eq!(lines("a:\n  -\nb: 1\n"), [2]);
        assert_eq!(lines("a:\n  - 1\n  -\n\n  - 3\nb: 1\n"), [2, 2, 5]);
    }

    #[test]
    fn what_is_no_finite_number_is_a_name_and_no_setting() {
        for text in ["1e400", "12e4567", ".inf", "-.Inf", ".nan"] {
            let node = parse(&format!("{{a: [x, {text}]}}"), 0, 0).unwrap().unwrap();
            let error = node.check_numbers().unwrap_err();
            assert_eq!(error.message, format!("`{text}` is not a finite number"));
            let path = ["a".to_owned(), "1".to_owned()];
            assert!(matches!(&node.find(&path).node.content, Content::Number(number) if number.written == text));
        }
        parse("{a: [1e300, 'x'], b: 3}", 0, 0).unwrap().unwrap().check_numbers().unwrap();
    }

    #[test]
    fn places_are_those_of_keys_and_values() {
        let node = parse("a: 1\nb:\n  c: [x, yy]\n", 3, 0).unwrap().unwrap();
        let path = ["b", "c", "1"].map(String::from);
        let found = node.find(&path);
        assert!(found.complete);
        assert_eq!(found.node.at, Position { source: 3, line: 3, column: 10, width: 2 });
        let c = node.find(&path[..2]);
        assert_eq!(c.key_at, Some(Position { source: 3, line: 3, column: 3, width: 1 }));
    }

    #[test]
    fn merging_replaces_lists_and_keeps_other_keys() {
        let mut base = parse("{a: {b: 1, c: [1, 2]}, d: 3}", 0, 0).unwrap().unwrap();
        base.merge(&parse("{a: {c: [9]}, e: 4}", 1, 0).unwrap().unwrap());
        assert_eq!(base.to_json(), serde_json::json!({ "a": { "b": 1, "c": [9] }, "d": 3, "e": 4 }));
        assert_eq!(base.find(&["a".into(), "c".into()]).node.at.source, 1);
        assert_eq!(base.find(&["a".into(), "b".into()]).node.at.source, 0);
    }

    #[test]
    fn setting_and_removing_by_path() {
        let mut node = parse("{a: 1}", 0, 0).unwrap().unwrap();
        let value = parse("[1, 2]", 1, 0).unwrap().unwrap();
        node.set(&["a".into(), "b".into()], value.at, &value);
        node.set(&["c".into()], value.at, &value);
        assert_eq!(node.to_json(), serde_json::json!({ "a": { "b": [1, 2] }, "c": [1, 2] }));
        node.remove(&["a".into(), "b".into()]);
        node.remove(&["nothing".into(), "b".into()]);
        assert_eq!(node.to_json(), serde_json::json!({ "a": {}, "c": [1, 2] }));
    }

    #[test]
    fn an_empty_file_is_nothing() {
        assert_eq!(parse("", 0, 0).unwrap(), None);
        assert_eq!(parse("# only a comment\n", 0, 0).unwrap(), None);
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(parse(&"[".repeat(100_000), 0, 0).is_err());
        assert!(parse(&"- ".repeat(10_000), 0, 0).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
            let _ = parse(&text, 0, 0);
        }

        #[test]
        fn any_yaml_looking_text_is_read_or_refused(text in "[-a-c:,{}\\[\\]&*!|>'\"#%@ \n0-9.~?]{0,80}") {
            let _ = parse(&text, 0, 0);
        }

        #[test]
        fn json_reads_back(numbers in proptest::collection::vec(any::<i64>(), 0..5), words in proptest::collection::vec("[a-z]{1,5} [a-z]{1,3}", 0..5)) {
            let value = serde_json::json!({ "numbers": numbers, "words": words, "half": 0.5 });
            prop_assert_eq!(read(&value.to_string()), value);
        }
    }
}
