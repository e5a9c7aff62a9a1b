//! Files in the data folder and elsewhere, before anybody knows what is in them.

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
pub(crate) mod given_data;
pub(crate) mod listing;
pub(crate) mod litter;
pub(crate) mod small_file;
