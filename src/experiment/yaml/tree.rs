//! The tree of a YAML document.

use serde_json::{Map, Number, Value};

use crate::experiment::{Diagnostic, Position, shorten};

/// A value and its position.
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
    /// Position of the key.
    pub at: Position,
    /// Its value.
    pub value: Node,
}

/// Result of a lookup by path.
#[derive(Debug, Clone, Copy)]
pub struct Lookup<'a> {
    /// The deepest node on the path.
    pub node: &'a Node,
    /// Position of the key of that node, if it has one.
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
    pub fn find(&self, path: &[String]) -> Lookup<'_> {
        let mut found = Lookup { node: self, key_at: None, complete: true };
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
            found = Lookup { node, key_at, complete: true };
        }
        found
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

    /// Describes the value, e.g. ``text `ten` ``.
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
