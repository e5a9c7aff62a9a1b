//! How an image is given to a model: as a sequence or as a picture.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How an image is given to the model. Written `1d` or `2d`; the numbers 1 and 2 are read too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum InputRank {
    /// Row after row, as one sequence.
    #[default]
    Sequence,
    /// As a picture.
    Picture,
}

impl InputRank {
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

impl Serialize for InputRank {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for InputRank {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = InputRank;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("`1d` or `2d` (or the number 1 or 2)")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<InputRank, E> {
                match text {
                    "1d" => Ok(InputRank::Sequence),
                    "2d" => Ok(InputRank::Picture),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<InputRank, E> {
                match number {
                    1 => Ok(InputRank::Sequence),
                    2 => Ok(InputRank::Picture),
                    other => Err(E::invalid_value(serde::de::Unexpected::Unsigned(other), &self)),
                }
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<InputRank, E> {
                self.visit_u64(u64::try_from(number).unwrap_or(0))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for InputRank {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_are_read_as_names_and_numbers_and_written_as_names() {
        for (value, form) in [
            (json!("1d"), InputRank::Sequence),
            (json!(1), InputRank::Sequence),
            (json!("2d"), InputRank::Picture),
            (json!(2), InputRank::Picture),
        ] {
            assert_eq!(serde_json::from_value::<InputRank>(value).unwrap(), form);
        }
        assert_eq!(serde_json::to_value(InputRank::Picture).unwrap(), json!("2d"));
        for wrong in [json!("3d"), json!(3), json!(-1), json!(true)] {
            assert!(serde_json::from_value::<InputRank>(wrong.clone()).unwrap_err().is_data(), "{wrong}");
        }
    }
}
