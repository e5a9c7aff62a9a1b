//! Problems that are made up to test memory.

tasks! {
    adding: Adding;
    copy: Copying;
    dependency: FirstToken, LastTokens;
}
