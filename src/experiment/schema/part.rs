//! What a JSON schema says of a value at a path.

use schemars::Schema;
use serde_json::Value;

use crate::experiment::yaml::{Content, Node};

/// How many references and alternatives are followed into each other.
const DEEPEST: usize = 8;

/// Names of the top-level properties of a schema.
pub fn fields(schema: &Schema) -> Vec<String> {
    SchemaPart::of(schema).keys().into_iter().map(str::to_owned).collect()
}

/// A part of a schema: every alternative that a value there may follow, references resolved.
#[derive(Debug, Clone)]
pub struct SchemaPart<'a> {
    root: &'a Value,
    alternatives: Vec<&'a Value>,
    /// Whether the value may be `null`, which stands for one that is absent.
    nullable: bool,
}

impl<'a> SchemaPart<'a> {
    /// The whole of `schema`.
    pub fn of(schema: &'a Schema) -> Self {
        let root = schema.as_value();
        Self::new(root, [root])
    }

    fn new(root: &'a Value, schemas: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut alternatives = Vec::new();
        for schema in schemas {
            add_alternatives(schema, root, DEEPEST, &mut alternatives);
        }
        let is_null = |kind: &Value| kind == "null";
        let nullable = alternatives.iter().filter_map(|schema| schema.get("type")).any(|kinds| match kinds {
            Value::Array(kinds) => kinds.iter().any(is_null),
            kind => is_null(kind),
        });
        alternatives.retain(|schema| !schema.get("type").is_some_and(is_null));
        Self { root, alternatives, nullable }
    }

    /// The part at the key or index `segment`; empty where nothing is said of it.
    pub fn get(&self, segment: &str) -> Self {
        let index = segment.parse::<usize>().ok();
        let within = |schema: &&'a Value| {
            let schema: &'a Value = schema;
            let own = schema.get("properties").and_then(|properties| properties.get(segment));
            let item = index.and_then(|index| schema.get("prefixItems")?.get(index).or_else(|| schema.get("items")));
            own.or(item).or_else(|| schema.get("additionalProperties"))
        };
        Self::new(self.root, self.alternatives.iter().filter_map(within).filter(|schema| schema.is_object()))
    }

    /// Keys that a mapping may have, in the order of the schema.
    pub fn keys(&self) -> Vec<&'a str> {
        let mut keys: Vec<&str> = Vec::new();
        for properties in self.alternatives.iter().filter_map(|schema| schema.get("properties")?.as_object()) {
            for key in properties.keys() {
                if !keys.contains(&key.as_str()) {
                    keys.push(key);
                }
            }
        }
        keys
    }

    /// Whether a mapping may have the key `key`.
    pub fn allows(&self, key: &str) -> bool {
        let open = |schema: &&Value| schema.get("additionalProperties") != Some(&Value::Bool(false));
        self.alternatives.iter().all(open) || self.keys().contains(&key)
    }

    /// Keys that a mapping must have.
    pub fn required(&self) -> impl Iterator<Item = &'a str> {
        let lists = self.alternatives.iter().filter_map(|schema| schema.get("required")?.as_array());
        lists.flatten().filter_map(Value::as_str)
    }

    /// The words that a text may be, where it may be no other.
    pub fn words(&self) -> Option<Vec<&'a str>> {
        let mut words = Vec::new();
        for schema in &self.alternatives {
            match (schema.get("enum").and_then(Value::as_array), schema.get("const")) {
                (Some(several), _) => words.extend(several.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?),
                (None, one) => words.push(one?.as_str()?),
            }
        }
        Some(words).filter(|words| !words.is_empty())
    }

    /// What a value has to be, in words; none where that is more than a type.
    pub fn expected(&self) -> Option<String> {
        if self.words().is_some() {
            return Some("text".into());
        }
        let [schema] = self.alternatives.as_slice() else { return None };
        Some(match kind(schema)? {
            "integer" if is_unsigned(schema) => "a whole number, 0 or more".into(),
            "integer" => "a whole number".into(),
            "number" => "a number".into(),
            "boolean" => "true or false".into(),
            // A pattern is no type, and says nothing to a reader.
            "string" if schema.get("pattern").is_none() => "text".into(),
            "array" => match (bound(schema, "minItems"), bound(schema, "maxItems")) {
                (Some(least), Some(most)) if least == most => format!("a list of {most}"),
                _ => "a list".into(),
            },
            "object" => "a mapping of keys to values".into(),
            _ => return None,
        })
    }

    /// Whether the type of `value` is that of the schema, where [`expected`](Self::expected) says it.
    pub fn has_type(&self, value: &Node) -> bool {
        if value.content == Content::Null && self.nullable {
            return true;
        }
        if self.words().is_some() {
            return matches!(value.content, Content::Text(_));
        }
        let [schema] = self.alternatives.as_slice() else { return true };
        match (kind(schema), &value.content) {
            (Some("integer"), Content::Number(number)) => {
                let bits = bits(schema);
                number.plain().is_some_and(|number| match is_unsigned(schema) {
                    true => number.as_u64().is_some_and(|number| number.checked_shr(bits).unwrap_or(0) == 0),
                    false => number.as_i64().is_some(),
                })
            }
            (Some("number"), Content::Number(_)) => true,
            (Some("boolean"), Content::Bool(_)) => true,
            (Some("string"), Content::Text(_)) => true,
            (Some("array"), Content::List(items)) => {
                bound(schema, "minItems").is_none_or(|least| items.len() as u64 >= least)
                    && bound(schema, "maxItems").is_none_or(|most| items.len() as u64 <= most)
            }
            (Some("object"), Content::Map(_)) => true,
            (Some(_), _) => false,
            (None, _) => true,
        }
    }
}

/// Add `schema`, or what it refers to and chooses among, to `alternatives`.
fn add_alternatives<'a>(schema: &'a Value, root: &'a Value, depth: usize, alternatives: &mut Vec<&'a Value>) {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    let target = reference.and_then(|pointer| root.pointer(pointer));
    let parts = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|part| schema.get(part)?.as_array()).flatten();
    let mut further = target.into_iter().chain(parts).peekable();
    if further.peek().is_none() || schema.get("properties").is_some() {
        alternatives.push(schema);
    }
    if depth > 0 {
        further.for_each(|schema| add_alternatives(schema, root, depth - 1, alternatives));
    }
}

/// The one type of `schema` beside `null`.
fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::Array(kinds) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
            kinds.next().filter(|_| kinds.next().is_none())
        }
        kind => kind.as_str(),
    }
}

fn bound(schema: &Value, name: &str) -> Option<u64> {
    schema.get(name).and_then(Value::as_u64)
}

fn format(schema: &Value) -> &str {
    schema.get("format").and_then(Value::as_str).unwrap_or_default()
}

fn is_unsigned(schema: &Value) -> bool {
    format(schema).starts_with("uint")
}

/// Bits of an integer of `schema`.
fn bits(schema: &Value) -> u32 {
    format(schema).trim_start_matches(['u', 'i', 'n', 't']).parse().unwrap_or(u64::BITS)
}
