//! The checksum of a checkpoint: what a disk, a network or a copy has changed is not trained on.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use safetensors::tensor::SafeTensors;
use sha2::{Digest as _, Sha256};

/// The metadata that holds it. Files from before it was written lack it.
pub(super) const CHECKSUM: &str = "checksum";

/// SHA-256 over all metadata but itself and over name, shape and bytes of every tensor, each in order of its name.
pub(super) fn checksum<'a, S: BuildHasher>(
    metadata: &HashMap<String, String, S>,
    tensors: impl IntoIterator<Item = (&'a str, &'a [usize], &'a [u8])>,
) -> String {
    let mut hash = Sha256::new();
    // With its length before it, nothing can pass for its neighbour.
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for (name, value) in metadata.iter().filter(|(name, _)| *name != CHECKSUM).collect::<BTreeMap<_, _>>() {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    let tensors: BTreeMap<&str, _> = tensors.into_iter().map(|(name, shape, data)| (name, (shape, data))).collect();
    for (name, (shape, data)) in tensors {
        add(name.as_bytes());
        add(&shape.iter().flat_map(|size| (*size as u64).to_le_bytes()).collect::<Vec<u8>>());
        add(data);
    }
    format!("sha256:{:x}", hash.finalize())
}

/// Why the checkpoint with this `metadata` and these tensors is not what was written; `None` where it is, or cannot be told.
pub(super) fn contradiction(metadata: &HashMap<String, String>, file: &SafeTensors<'_>) -> Option<String> {
    let written = metadata.get(CHECKSUM)?;
    let tensors = file.tensors();
    let found = checksum(metadata, tensors.iter().map(|(name, view)| (name.as_str(), view.shape(), view.data())));
    (found != *written).then(|| format!("its content has changed since it was written: {found}, not {written}"))
}
