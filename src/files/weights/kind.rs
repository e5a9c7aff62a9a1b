//! The kind of a file, by its content.

use std::path::Path;

use super::error::WeightsError;

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
    let unusable = |reason: String| WeightsError::Unusable { path: path.to_owned(), reason };
    let io = |source| WeightsError::Io { path: path.to_owned(), source };
    let about = std::fs::metadata(path).map_err(io)?;
    if about.is_dir() {
        return Err(unusable(format!("it is a folder{}", folder(path))));
    }
    if !about.is_file() {
        return Err(unusable("it is a device or a pipe; copy it to a file, and name that".into()));
    }
    let size = about.len();
    if size > MOST_BYTES {
        return Err(unusable(format!("it has {size} bytes, and at most {MOST_BYTES} are read")));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes)).map_err(io)?;
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let kind = tell(&bytes, &name).map_err(unusable)?;
    Ok((kind, bytes))
}

/// What a folder is, where that can be seen, with the file in it that is meant.
fn folder(path: &Path) -> String {
    let has = |name: &str| path.join(name).exists();
    let first = |names: &[&str]| names.iter().find(|name| has(name)).map(|name| format!("; name `{name}` in it"));
    if has("saved_model.pb") {
        return " with a TensorFlow model; save the weights as safetensors under the names of the reference program"
            .into();
    }
    if has(".metadata") {
        return " with a distributed checkpoint of PyTorch; join it with `torch.distributed.checkpoint.format_utils`, \
                `dcp_to_torch_save`"
            .into();
    }
    if has("data.pkl") {
        return ", an unpacked archive of `torch.save`; name the file it was unpacked from".into();
    }
    let known = ["checkpoints/best.safetensors", "best.safetensors", "model.safetensors", "pytorch_model.bin"];
    first(&known).unwrap_or_else(|| "; name a checkpoint in it".into())
}

/// What `bytes` are, of a file called `name` (in lower case); an error says what they are instead of a checkpoint, and what
/// to do.
fn tell(bytes: &[u8], name: &str) -> Result<Kind, String> {
    if bytes.is_empty() {
        return Err("it is empty: a copy or download that did not begin; fetch it again".into());
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
    if bytes.iter().take(WINDOW).all(|&byte| byte == 0) {
        return Err("it holds nothing but zeros: a copy that was interrupted, or a full disk; fetch it again".into());
    }
    if name.ends_with(".safetensors") {
        return Err("it is no safetensors file, or the beginning of one: its header is damaged; fetch it again".into());
    }
    if is_text(bytes) {
        return Err("it is a text file, not a checkpoint".into());
    }
    Err("it is neither a file of `torch.save` nor a safetensors file; save `model.state_dict()` as one of the two"
        .into())
}

/// What a file of another program is, and what to do.
fn foreign(bytes: &[u8], name: &str) -> Option<String> {
    const SAVE: &str = "save the weights as safetensors under the names of the reference program";
    let window = &bytes[..bytes.len().min(WINDOW)];
    let text = String::from_utf8_lossy(window);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let begins = |prefix: &[u8]| bytes.starts_with(prefix);
    let what = if text.starts_with("version https://git-lfs.github.com/spec/") {
        "it is a Git LFS pointer, which stands for the file; fetch the file with `git lfs pull`".to_owned()
    } else if ["<!doctype", "<html", "<?xml", "<head"].iter().any(|tag| text.to_lowercase().starts_with(tag)) {
        "it is a web page: the download gave an error or a page to log in at; download the file itself".to_owned()
    } else if text.starts_with('{') || text.starts_with("[{") {
        let whole = String::from_utf8_lossy(bytes);
        if whole.contains("\"weight_map\"") {
            "it is the index of a checkpoint in several files; load it in its program and save the weights as one file"
                .to_owned()
        } else {
            "it is a JSON file, not a checkpoint".to_owned()
        }
    } else if text.starts_with("model_checkpoint_path:") {
        format!("it is the list of a TensorFlow checkpoint; {SAVE}")
    } else if begins(b"\x89HDF\r\n\x1a\n") {
        format!("it is an HDF5 file, as Keras writes; {SAVE}")
    } else if begins(b"\x93NUMPY") {
        "it is a numpy array (.npy); save a dict of all weights with `torch.save` or as safetensors".to_owned()
    } else if begins(b"GGUF") || begins(b"ggml") || begins(b"lmgg") || begins(b"tjgg") {
        format!("it is a GGUF file, whose weights are of a language model and may be quantised; {SAVE}")
    } else if is_onnx(bytes, name) {
        format!("it is an ONNX model, a graph whose weights have lost their names; {SAVE}")
    } else if bytes.ends_with(&0xdb47_7524_8b80_fb57u64.to_le_bytes())
        || bytes.get(4..8) == Some(b"TFL3")
        || [".pb", ".tflite", ".index", ".meta"].iter().any(|end| name.ends_with(end))
        || name.contains(".data-0")
    {
        format!("it is a TensorFlow file; {SAVE}")
    } else if name.ends_with(".msgpack") || name.ends_with(".orbax") {
        format!("it is a Flax checkpoint; {SAVE}")
    } else if bytes.get(257..262) == Some(b"ustar") || is_old_tar(bytes) {
        if window.starts_with(b"sys_info") || window.starts_with(b"storages") || window.starts_with(b"pickle") {
            "it is a file of PyTorch before 0.1.10 (tar); load it in PyTorch and save it again".to_owned()
        } else {
            "it is an archive (tar); unpack it and name the checkpoint in it".to_owned()
        }
    } else if let Some(packed) = packed(bytes) {
        format!("it is compressed ({packed}); unpack it first")
    } else {
        return None;
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
    fn what_is_no_checkpoint_is_named_with_its_remedy() {
        let mut footer = vec![1; 100];
        footer.extend(0xdb47_7524_8b80_fb57u64.to_le_bytes());
        let mut tar = vec![0; 512];
        tar[..8].copy_from_slice(b"sys_info");
        let mut other = vec![b'a'; 600];
        other[257..262].copy_from_slice(b"ustar");
        let cases: [(&[u8], &str, &str); 22] = [
            (b"", "a.pt", "empty"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a.pt", "git lfs pull"),
            (b"\n<!DOCTYPE html>\n<html>", "a.pt", "web page"),
            (b"\xef\xbb\xbf<html lang=en>", "a.safetensors", "web page"),
            (b"{\"metadata\": {}, \"weight_map\": {}}", "model.safetensors.index.json", "several files"),
            (b"{\"hidden\": 3}", "config.json", "JSON"),
            (b"\x89HDF\r\n\x1a\nrest", "a.h5", "HDF5"),
            (b"\x93NUMPY\x01\x00", "a.npy", "numpy"),
            (b"GGUF\x03", "a.gguf", "GGUF"),
            (b"\x08\x08\x12\x07pytorch\x1a\x052.1.0", "a.pt", "ONNX"),
            (&footer, "model.ckpt", "TensorFlow"),
            (b"model_checkpoint_path: \"model\"", "checkpoint", "TensorFlow"),
            (&tar, "a.pt", "before 0.1.10"),
            (&other, "a.pt", "unpack"),
            (b"\x1f\x8b\x08", "a.pt", "gzip"),
            (b"\x28\xb5\x2f\xfd", "a.pt", "zstd"),
            (&[0; 100], "a.pt", "zeros"),
            (b"hello", "a.pt", "text"),
            (b"hidden: 3\n", "cell.yaml", "text"),
            (b"\xff\xff\xff\xff", "a.safetensors", "header"),
            (b"\xff\x01\x02\x03", "a.pt", "neither"),
            (b"\xd9\x01", "flax.msgpack", "Flax"),
        ];
        for (bytes, name, expected) in cases {
            let message = tell(bytes, name).unwrap_err();
            assert!(message.contains(expected), "{name}: {message}");
        }
    }
}
