//! How samples reach a model: as a sequence or a picture, as ids or numbers, filled up on which side.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    library::{DataError, SampleStore},
    task::{Batch, InputSpec, Inputs, Split, Targets},
};

/// How an image is given to the model. Written `1d` or `2d`; the numbers 1 and 2 are read too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// Row after row, as one sequence.
    #[default]
    Sequence,
    /// As a picture.
    Picture,
}

impl Form {
    /// `1d` or `2d`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequence => "1d",
            Self::Picture => "2d",
        }
    }

    /// The shape of an image of `height` × `width` in this form.
    pub fn shape(self, height: usize, width: usize) -> Vec<usize> {
        match self {
            Self::Sequence => vec![height * width],
            Self::Picture => vec![height, width],
        }
    }
}

impl Serialize for Form {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Form;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("`1d` or `2d` (or the number 1 or 2)")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Form, E> {
                match text {
                    "1d" => Ok(Form::Sequence),
                    "2d" => Ok(Form::Picture),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Form, E> {
                match number {
                    1 => Ok(Form::Sequence),
                    2 => Ok(Form::Picture),
                    other => Err(E::invalid_value(serde::de::Unexpected::Unsigned(other), &self)),
                }
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Form, E> {
                self.visit_u64(u64::try_from(number).unwrap_or(0))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Form {
    fn schema_name() -> Cow<'static, str> {
        "Form".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "enum": ["1d", "2d", 1, 2],
            "description": "As a sequence of pixels, row after row (`1d`), or as a picture (`2d`)."
        })
    }
}

/// Adds `dimensions`, the other name of `form`, to the schema of settings that accept both.
pub(crate) fn form_is_also_dimensions(schema: &mut Schema) {
    if let Some(properties) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        properties.insert(
            "dimensions".to_owned(),
            serde_json::json!({ "enum": [1, 2, "1d", "2d"], "description": "Another name of `form`: 1 for a sequence, 2 for a picture." }),
        );
    }
}

/// Side of a sequence that is filled up with id 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Before the tokens.
    Left,
    /// After the tokens; batches then carry lengths.
    Right,
}

/// Form in which tokens reach the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tokens {
    /// Ids for an embedding.
    Embed,
    /// Ids as the values of one channel.
    Scalar,
}

impl Tokens {
    /// Shape of the inputs.
    pub(crate) fn input(self, vocabulary: usize, length: usize) -> InputSpec {
        match self {
            Self::Embed => InputSpec::Tokens { vocabulary, length },
            Self::Scalar => InputSpec::Values { channels: 1, shape: vec![length] },
        }
    }
}

/// `embed-left` and so on: how a version says it.
pub(crate) fn reading_name(tokens: Tokens, padding: Padding) -> &'static str {
    match (tokens, padding) {
        (Tokens::Embed, Padding::Left) => "embed-left",
        (Tokens::Embed, Padding::Right) => "embed-right",
        (Tokens::Scalar, Padding::Left) => "scalar-left",
        (Tokens::Scalar, Padding::Right) => "scalar-right",
    }
}

/// How stored sequences are laid out in a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Length after padding.
    pub(crate) length: usize,
    /// What is added to a stored byte to make an id.
    pub(crate) offset: i32,
    /// Id that follows the last token.
    pub(crate) end: Option<i32>,
    /// Side that is filled up.
    pub(crate) padding: Padding,
    /// Form of the ids.
    pub(crate) tokens: Tokens,
    /// Sequences per sample: 2 for pairs.
    pub(crate) rows: usize,
}

/// Bytes before the tokens of a stored sequence: their number, little endian.
pub(crate) const COUNT_BYTES: usize = 4;

/// Writes a sequence into its place of a stored sample: the number of tokens, then the tokens, as many as fit.
pub(crate) fn store_sequence(room: &mut [u8], tokens: impl IntoIterator<Item = u8>) {
    let (count, places) = room.split_at_mut(COUNT_BYTES);
    let mut stored = 0u32;
    for (place, token) in places.iter_mut().zip(tokens) {
        *place = token;
        stored += 1;
    }
    count.copy_from_slice(&stored.to_le_bytes());
}

/// The tokens of a stored sequence.
pub(crate) fn stored_sequence(record: &[u8]) -> &[u8] {
    let (count, places) = record.split_at(COUNT_BYTES.min(record.len()));
    let count = count.try_into().map_or(0, u32::from_le_bytes) as usize;
    &places[..count.min(places.len())]
}

/// A batch of stored sequences. The first byte of a label is the class.
pub(crate) fn batch(
    store: &SampleStore,
    split: Split,
    positions: &[usize],
    layout: &Layout,
) -> Result<Batch, DataError> {
    let length = layout.length;
    let mut ids = vec![0; positions.len() * layout.rows * length];
    let mut lengths = vec![0; positions.len() * layout.rows];
    let mut labels = vec![0; positions.len()];
    store.visit(split, positions, |slot, input, label| {
        labels[slot] = label.first().map_or(0, |&class| i32::from(class));
        for (part, record) in input.chunks_exact(input.len() / layout.rows).enumerate() {
            let row = slot * layout.rows + part;
            let tokens = stored_sequence(record);
            let most = length - usize::from(layout.end.is_some());
            let tokens = &tokens[..tokens.len().min(most)];
            let valid = tokens.len() + usize::from(layout.end.is_some());
            let start = match layout.padding {
                Padding::Left => length - valid,
                Padding::Right => 0,
            };
            let places = &mut ids[row * length + start..][..valid];
            for (place, &token) in places.iter_mut().zip(tokens) {
                *place = i32::from(token) + layout.offset;
            }
            if let (Some(end), Some(last)) = (layout.end, places.last_mut()) {
                *last = end;
            }
            lengths[row] = valid;
        }
    })?;
    let inputs = match layout.tokens {
        Tokens::Embed => Inputs::Tokens(ids),
        Tokens::Scalar => Inputs::Values(ids.into_iter().map(|id| id as f32).collect()),
    };
    Ok(Batch {
        size: positions.len(),
        inputs,
        targets: Targets::Labels(labels),
        lengths: (layout.padding == Padding::Right).then_some(lengths),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_are_read_as_names_and_numbers_and_written_as_names() {
        for (value, form) in [
            (json!("1d"), Form::Sequence),
            (json!(1), Form::Sequence),
            (json!("2d"), Form::Picture),
            (json!(2), Form::Picture),
        ] {
            assert_eq!(serde_json::from_value::<Form>(value).unwrap(), form);
        }
        assert_eq!(serde_json::to_value(Form::Picture).unwrap(), json!("2d"));
        for wrong in [json!("3d"), json!(3), json!(-1), json!(true)] {
            let error = serde_json::from_value::<Form>(wrong).unwrap_err().to_string();
            assert!(error.contains("`1d` or `2d`"), "{error}");
        }
    }

    #[test]
    fn sequences_are_stored_cut_and_read_back() {
        let mut room = [9; 8];
        store_sequence(&mut room, [5, 6]);
        assert_eq!(stored_sequence(&room), [5, 6]);
        store_sequence(&mut room, 0..200);
        assert_eq!(stored_sequence(&room), [0, 1, 2, 3]);
        room[..4].fill(255);
        assert_eq!(stored_sequence(&room).len(), 4, "a damaged count cannot reach beyond the record");
    }
}
