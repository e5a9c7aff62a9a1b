//! Texts and expressions.

mod lra_files;

tasks! {
    listops: ListOps;
    text: Text;
    retrieval: Retrieval;
    char_lm: CharacterModel;
}
