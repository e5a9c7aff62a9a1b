//! Text as tokens: characters and their ids, stored sequences, batches.

pub(crate) mod characters;
pub(crate) mod frequent_characters;
pub(crate) mod text_encoding;
pub(crate) mod token_form;
pub(crate) mod token_layout;

pub(crate) use self::{
    characters::{Counts, Vocabulary},
    frequent_characters::TrainingTexts,
    text_encoding::{Level, TextEncoding, describe_vocabulary, read_text, store_text},
    token_form::{Padding, Tokens, form_name},
    token_layout::{COUNT_BYTES, TokenLayout, batch, store_sequence, stored_sequence},
};
