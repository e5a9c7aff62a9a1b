//! Sets with one sample per file.

use crate::library::{CacheKey, DataError, Library, SampleStore, Sources};
use crate::progress::Progress;

/// The set of `key`, made of `sources` by `sample(index, input, label)`, which fills one of its samples. `what` names the work.
pub(crate) fn store_files(
    library: &Library,
    sources: &Sources,
    key: &CacheKey,
    what: &str,
    progress: &dyn Progress,
    sample: impl Fn(usize, &mut [u8], &mut [u8]) -> Result<(), DataError> + Sync,
) -> Result<SampleStore, DataError> {
    library.cached_from(sources, key, progress, |writer| {
        progress.begin(what, key.total() as u64);
        let outcome = writer.generate(progress, |index, input, label| sample(index as usize, input, label));
        progress.finish();
        outcome
    })
}
