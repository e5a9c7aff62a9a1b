//! Text as tokens: characters and their ids, stored sequences, batches.

pub(crate) mod characters;
pub(crate) mod frequent_characters;
pub(crate) mod text_encoding;
pub(crate) mod token_form;
pub(crate) mod token_layout;
