//! Original files that tests read where they are asked to.

use std::path::PathBuf;

/// The data folder that `BENCH_DATA` names, which holds `part`.
pub(crate) fn folder(part: &str) -> PathBuf {
    let root = PathBuf::from(std::env::var_os("BENCH_DATA").expect("BENCH_DATA names a data folder"));
    assert!(root.join(part).exists(), "{} has no {part}", root.display());
    root
}
