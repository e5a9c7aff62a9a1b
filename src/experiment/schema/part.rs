//! What a JSON schema says of a value at a path.

use schemars::Schema;
use serde_json::{Number, Value};

use crate::experiment::{Content, Node};

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

    /// All of `schemas`, whose references lead into `root`.
    pub(super) fn new(root: &'a Value, schemas: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut alternatives = Vec::new();
        for schema in schemas {
            add_alternatives(schema, root, DEEPEST, &mut alternatives);
        }
        let nullable = alternatives.iter().any(|schema| types(schema).contains(&"null"));
        alternatives.retain(|schema| types(schema) != ["null"]);
        Self { root, alternatives, nullable }
    }

    /// The part at the key or index `segment`; empty where nothing is said of it.
    pub fn get(&self, segment: &str) -> Self {
        let index = segment.parse::<usize>().ok();
        let within = |schema: &&'a Value| {
            let schema: &'a Value = schema;
            let own = schema.get("properties").and_then(|properties| properties.get(segment));
            let item = index.and_then(|index| schema.pointer(&format!("/prefixItems/{index}")).or(schema.get("items")));
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

    /// Whether a value may be a mapping.
    pub(super) fn may_be_mapping(&self) -> bool {
        self.alternatives.iter().any(|schema| **schema == Value::Bool(true) || types(schema).contains(&"object"))
    }

    /// Keys that a mapping must have.
    pub fn required(&self) -> impl Iterator<Item = &'a str> {
        let lists = self.alternatives.iter().filter_map(|schema| schema.get("required")?.as_array());
        lists.flatten().filter_map(Value::as_str)
    }

    /// The values that the schema names.
    pub fn constants(&self) -> impl Iterator<Item = &'a Value> {
        self.alternatives.iter().copied().flat_map(|schema| {
            let several = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
            schema.get("const").into_iter().chain(several)
        })
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
            "array" => fixed_length(schema).map_or("a list".into(), |length| format!("a list of {length}")),
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
                number.plain().is_some_and(|number| is_within(schema, &number))
            }
            (Some("array"), Content::List(items)) => {
                fixed_length(schema).is_none_or(|length| items.len() as u64 == length)
            }
            (Some("number"), Content::Number(_))
            | (Some("boolean"), Content::Bool(_))
            | (Some("string"), Content::Text(_))
            | (Some("object"), Content::Map(_))
            | (None, _) => true,
            (Some(_), _) => false,
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

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        one => one.and_then(Value::as_str).into_iter().collect(),
    }
}

/// The one type of `schema` beside `null`.
fn kind(schema: &Value) -> Option<&str> {
    let mut types = types(schema).into_iter().filter(|kind| *kind != "null");
    types.next().filter(|_| types.next().is_none())
}

/// The length of a list that can have no other.
fn fixed_length(schema: &Value) -> Option<u64> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    bound("minItems").filter(|least| Some(*least) == bound("maxItems"))
}

/// The format of an integer, e.g. `uint32`.
fn format(schema: &Value) -> &str {
    schema.get("format").and_then(Value::as_str).unwrap_or_default()
}

fn is_unsigned(schema: &Value) -> bool {
    format(schema).starts_with("uint")
}

/// Whether the integer type of `schema` has the value `number`.
fn is_within(schema: &Value, number: &Number) -> bool {
    if !is_unsigned(schema) {
        return number.is_i64();
    }
    let bits = format(schema).trim_start_matches("uint").parse().unwrap_or(u64::BITS);
    number.as_u64().is_some_and(|number| number.checked_shr(bits).is_none_or(|beyond| beyond == 0))
}
