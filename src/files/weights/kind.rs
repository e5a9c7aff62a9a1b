//! The kind of a file, by its content.

use std::path::Path;

use super::error::WeightsError;
use super::unusable::{Folder, Unusable};

/// Largest file that is read, 4 GiB.
const MOST_BYTES: u64 = 4 << 30;
/// Longest header of a safetensors file, in bytes.
const LONGEST_HEADER: u64 = 100_000_000;
/// How far into a file texts are looked for.
const WINDOW: usize = 4096;

/// Files that weights can be read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of PyTorch: an archive, or a stream of pickles.
    Pytorch,
    /// Safetensors, of this program or of another.
    Safetensors,
}

/// Read the file at `path`, and say what it is.
///
/// # Errors
/// A file that cannot be read, is too large, or is no checkpoint: what it is, and what to do.
pub(super) fn read(path: &Path) -> Result<(Kind, Vec<u8>), WeightsError> {
    use std::io::Read;
    let unusable = |source| WeightsError::Unusable { path: path.to_owned(), source };
    let io = |source| WeightsError::Io { path: path.to_owned(), source };
    let about = std::fs::metadata(path).map_err(io)?;
    if about.is_dir() {
        return Err(unusable(Unusable::Folder(folder(path))));
    }
    if !about.is_file() {
        return Err(unusable(Unusable::Device));
    }
    let size = about.len();
    if size > MOST_BYTES {
        return Err(unusable(Unusable::TooLarge { bytes: size, most: MOST_BYTES }));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes)).map_err(io)?;
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let kind = tell(&bytes, &name).map_err(unusable)?;
    Ok((kind, bytes))
}

/// What a folder is, where that can be seen, with the file in it that is meant.
fn folder(path: &Path) -> Folder {
    let has = |name: &str| path.join(name).exists();
    let known = ["checkpoints/best.safetensors", "best.safetensors", "model.safetensors", "pytorch_model.bin"];
    if has("saved_model.pb") {
        Folder::TensorFlow
    } else if has(".metadata") {
        Folder::Distributed
    } else if has("data.pkl") {
        Folder::Unpacked
    } else {
        known.into_iter().find(|name| has(name)).map_or(Folder::Other, Folder::With)
    }
}

/// What `bytes` are, of a file called `name` (in lower case), or what they are instead of a checkpoint.
fn tell(bytes: &[u8], name: &str) -> Result<Kind, Unusable> {
    if bytes.is_empty() {
        return Err(Unusable::Empty);
    }
    // An archive may be cut off anywhere; what is wrong with it is its reader's to say.
    if bytes.starts_with(b"PK") {
        return Ok(Kind::Pytorch);
    }
    // Before all others, since a header of 123 bytes begins as JSON does.
    let header = bytes.first_chunk::<8>().map(|&length| u64::from_le_bytes(length));
    if header.is_some_and(|length| length <= LONGEST_HEADER) && bytes.get(8) == Some(&b'{') {
        return Ok(Kind::Safetensors);
    }
    if let Some(foreign) = foreign(bytes, name) {
        return Err(foreign);
    }
    // The second byte is the version of the pickle. Those before the second version are text.
    if matches!(bytes, [0x80, 0..=5, ..]) || is_old_pickle(bytes) {
        return Ok(Kind::Pytorch);
    }
    Err(if bytes.iter().take(WINDOW).all(|&byte| byte == 0) {
        Unusable::Zeros
    } else if name.ends_with(".safetensors") {
        Unusable::NoHeader
    } else if is_text(bytes) {
        Unusable::Text
    } else {
        Unusable::Unknown
    })
}

/// What a file of another program is.
fn foreign(bytes: &[u8], name: &str) -> Option<Unusable> {
    let window = &bytes[..bytes.len().min(WINDOW)];
    let text = String::from_utf8_lossy(window);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let begins = |prefix: &[u8]| bytes.starts_with(prefix);
    let what = if text.starts_with("version https://git-lfs.github.com/spec/") {
        Unusable::LfsPointer
    } else if ["<!doctype", "<html", "<?xml", "<head"].iter().any(|tag| text.to_lowercase().starts_with(tag)) {
        Unusable::WebPage
    } else if text.starts_with('{') || text.starts_with("[{") {
        let whole = String::from_utf8_lossy(bytes);
        if whole.contains("\"weight_map\"") { Unusable::Sharded } else { Unusable::Json }
    } else if text.starts_with("model_checkpoint_path:") {
        Unusable::TensorFlowList
    } else if begins(b"\x89HDF\r\n\x1a\n") {
        Unusable::Hdf5
    } else if begins(b"\x93NUMPY") {
        Unusable::Numpy
    } else if begins(b"GGUF") || begins(b"ggml") || begins(b"lmgg") || begins(b"tjgg") {
        Unusable::Gguf
    } else if is_onnx(bytes, name) {
        Unusable::Onnx
    } else if bytes.ends_with(&0xdb47_7524_8b80_fb57u64.to_le_bytes())
        || bytes.get(4..8) == Some(b"TFL3")
        || [".pb", ".tflite", ".index", ".meta"].iter().any(|end| name.ends_with(end))
        || name.contains(".data-0")
    {
        Unusable::TensorFlow
    } else if name.ends_with(".msgpack") || name.ends_with(".orbax") {
        Unusable::Flax
    } else if bytes.get(257..262) == Some(b"ustar") || is_old_tar(bytes) {
        let of_pytorch = ["sys_info", "storages", "pickle"].iter().any(|first| begins(first.as_bytes()));
        if of_pytorch { Unusable::OldPytorch } else { Unusable::Tar }
    } else {
        Unusable::Compressed(packed(bytes)?)
    };
    Some(what)
}

/// Names of the first member and zeros after it, as before `ustar`.
fn is_old_tar(bytes: &[u8]) -> bool {
    bytes.len() >= 512
        && ["sys_info", "storages", "tensors", "pickle"]
            .iter()
            .any(|name| bytes.starts_with(name.as_bytes()) && bytes[name.len()..100].iter().all(|&byte| byte == 0))
}

/// A protocol buffer that begins with the version of ONNX and goes on with the name of the program that wrote it.
fn is_onnx(bytes: &[u8], name: &str) -> bool {
    let window = &bytes[..bytes.len().min(64)];
    let says = |text: &[u8]| window.windows(text.len()).any(|part| part == text);
    let begins = matches!(bytes, [0x08, 1..=31, 0x12 | 0x3a | 0x42, ..]);
    name.ends_with(".onnx") || (begins && (says(b"pytorch") || says(b"onnx") || says(b"tf2") || says(b"graph")))
}

/// A pickle of version 0 or 1, which is text in the main.
fn is_old_pickle(bytes: &[u8]) -> bool {
    let identifier = |line: &[u8]| {
        !line.is_empty() && line.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
    };
    match bytes {
        [b'c', rest @ ..] => rest.split(|&byte| byte == b'\n').take(2).filter(|line| identifier(line)).count() == 2,
        [b'(', next, ..] => b"dlic(IVSNLFX".contains(next),
        [b'}' | b']', next, ..] => b".q(rp".contains(next),
        _ => bytes.starts_with(b"L119547037146038801333356"),
    }
}

/// The format of a compressed file.
fn packed(bytes: &[u8]) -> Option<&'static str> {
    const FORMATS: [(&[u8], &str); 6] = [
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!", "rar"),
    ];
    FORMATS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|&(_, name)| name)
}

fn is_text(bytes: &[u8]) -> bool {
    let window = &bytes[..bytes.len().min(WINDOW)];
    !window.iter().any(|&byte| byte < 9 || (14..32).contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn checkpoints_are_known_by_their_content() {
        let mut safetensors = 2u64.to_le_bytes().to_vec();
        safetensors.extend(b"{}");
        for name in ["a.pt", "a.safetensors", "a", "a.ckpt"] {
            assert_eq!(tell(&safetensors, name), Ok(Kind::Safetensors));
            assert_eq!(tell(b"PK\x03\x04rest", name), Ok(Kind::Pytorch));
            assert_eq!(tell(b"\x80\x02\x8a\x0al", name), Ok(Kind::Pytorch));
        }
        // A header of 128 bytes begins as a pickle does.
        let mut long = 128u64.to_le_bytes().to_vec();
        long.extend(b"{}");
        assert_eq!(tell(&long, "a.pt"), Ok(Kind::Safetensors));
        let mut json = 123u64.to_le_bytes().to_vec();
        json.extend(b"{}");
        assert_eq!(tell(&json, "a.pt"), Ok(Kind::Safetensors));
        assert_eq!(tell(b"cos\nsystem\n(S'x'\ntR.", "a.pt"), Ok(Kind::Pytorch));
    }

    #[test]
    fn what_is_no_checkpoint_is_known_by_its_content() {
        let mut footer = vec![1; 100];
        footer.extend(0xdb47_7524_8b80_fb57u64.to_le_bytes());
        let mut tar = vec![0; 512];
        tar[..8].copy_from_slice(b"sys_info");
        let mut other = vec![b'a'; 600];
        other[257..262].copy_from_slice(b"ustar");
        let cases: [(&[u8], &str, Unusable); 22] = [
            (b"", "a.pt", Unusable::Empty),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a.pt", Unusable::LfsPointer),
            (b"\n<!DOCTYPE html>\n<html>", "a.pt", Unusable::WebPage),
            (b"\xef\xbb\xbf<html lang=en>", "a.safetensors", Unusable::WebPage),
            (b"{\"metadata\": {}, \"weight_map\": {}}", "model.safetensors.index.json", Unusable::Sharded),
            (b"{\"hidden\": 3}", "config.json", Unusable::Json),
            (b"\x89HDF\r\n\x1a\nrest", "a.h5", Unusable::Hdf5),
            (b"\x93NUMPY\x01\x00", "a.npy", Unusable::Numpy),
            (b"GGUF\x03", "a.gguf", Unusable::Gguf),
            (b"\x08\x08\x12\x07pytorch\x1a\x052.1.0", "a.pt", Unusable::Onnx),
            (&footer, "model.ckpt", Unusable::TensorFlow),
            (b"model_checkpoint_path: \"model\"", "checkpoint", Unusable::TensorFlowList),
            (&tar, "a.pt", Unusable::OldPytorch),
            (&other, "a.pt", Unusable::Tar),
            (b"\x1f\x8b\x08", "a.pt", Unusable::Compressed("gzip")),
            (b"\x28\xb5\x2f\xfd", "a.pt", Unusable::Compressed("zstd")),
            (&[0; 100], "a.pt", Unusable::Zeros),
            (b"hello", "a.pt", Unusable::Text),
            (b"hidden: 3\n", "cell.yaml", Unusable::Text),
            (b"\xff\xff\xff\xff", "a.safetensors", Unusable::NoHeader),
            (b"\xff\x01\x02\x03", "a.pt", Unusable::Unknown),
            (b"\xd9\x01", "flax.msgpack", Unusable::Flax),
        ];
        for (bytes, name, expected) in cases {
            assert_eq!(tell(bytes, name), Err(expected), "{name}");
        }
    }
}
