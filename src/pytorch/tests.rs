#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// A pickled string.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![b'X'];
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// A pickled tuple of small numbers.
fn numbers(values: &[u16]) -> Vec<u8> {
    let mut bytes = vec![b'('];
    for value in values {
        bytes.push(b'M');
        bytes.extend(value.to_le_bytes());
    }
    bytes.push(b't');
    bytes
}

/// A pickled tensor.
fn tensor(class: &str, key: &str, elements: u16, offset: u16, shape: &[u16], strides: &[u16]) -> Vec<u8> {
    let mut bytes = b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec();
    bytes.extend(text("storage"));
    bytes.extend(format!("ctorch\n{class}\n").bytes());
    bytes.extend(text(key));
    bytes.extend(text("cpu"));
    bytes.push(b'M');
    bytes.extend(elements.to_le_bytes());
    bytes.extend(b"tQM");
    bytes.extend(offset.to_le_bytes());
    bytes.extend(numbers(shape));
    bytes.extend(numbers(strides));
    bytes.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    bytes
}

/// A pickled `OrderedDict`.
fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (name, value) in entries {
        bytes.extend(text(name));
        bytes.extend(value);
    }
    bytes.extend(b"u.");
    bytes
}

/// An archive with a pickle and storages.
fn archive(pickle: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut put = |name: String, data: &[u8]| {
        writer.start_file(name, stored).unwrap();
        writer.write_all(data).unwrap();
    };
    put("archive/data.pkl".into(), pickle);
    for (key, data) in storages {
        put(format!("archive/data/{key}"), data);
    }
    writer.finish().unwrap().into_inner()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A pickle, a storage with 0 to 5, and two views of it.
fn small() -> Vec<u8> {
    let pickle = dict(&[
        ("a", tensor("FloatStorage", "7", 6, 0, &[2, 3], &[3, 1])),
        ("b", tensor("FloatStorage", "7", 6, 1, &[2, 2], &[1, 3])),
        ("count", b"K\x05".to_vec()),
    ]);
    archive(&pickle, &[("7", &floats(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))])
}

#[test]
fn views_share_a_storage() {
    let weights = parse(&small()).unwrap();
    assert_eq!(weights.len(), 2);
    assert_eq!(weights["a"], (vec![2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
    // A transposed view from the second number on.
    assert_eq!(weights["b"], (vec![2, 2], vec![1.0, 4.0, 2.0, 5.0]));
}

#[test]
fn every_type_is_converted() {
    let cases: [(&str, Vec<u8>, f32); 9] = [
        ("DoubleStorage", (-2.5f64).to_le_bytes().to_vec(), -2.5),
        ("HalfStorage", vec![0x00, 0xc1], -2.5),
        ("BFloat16Storage", vec![0x20, 0xc0], -2.5),
        ("LongStorage", (-3i64).to_le_bytes().to_vec(), -3.0),
        ("IntStorage", (-3i32).to_le_bytes().to_vec(), -3.0),
        ("ShortStorage", (-3i16).to_le_bytes().to_vec(), -3.0),
        ("CharStorage", vec![0xfd], -3.0),
        ("ByteStorage", vec![0xfd], 253.0),
        ("BoolStorage", vec![1], 1.0),
    ];
    for (class, data, value) in cases {
        let pickle = dict(&[("a", tensor(class, "0", 1, 0, &[], &[]))]);
        let weights = parse(&archive(&pickle, &[("0", &data)])).unwrap();
        assert_eq!(weights["a"], (vec![], vec![value]), "{class}");
    }
}

#[test]
fn wrapped_and_parallel_state_dicts_are_unwrapped() {
    let inner = dict(&[("module.a", tensor("FloatStorage", "0", 1, 0, &[1], &[1]))]);
    let inner = inner[2..inner.len() - 1].to_vec();
    let pickle = dict(&[("epoch", b"K\x05".to_vec()), ("state_dict", inner)]);
    let weights = parse(&archive(&pickle, &[("0", &floats(&[4.0]))])).unwrap();
    assert_eq!(weights["a"].1, [4.0]);
}

/// The form that `torch.save` wrote before 1.6.
#[test]
fn streams_of_pickles_are_read() {
    let mut bytes = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}".to_vec();
    bytes.extend(text("little_endian"));
    bytes.extend(b"\x88s.");
    bytes.extend(dict(&[
        ("a", tensor("FloatStorage", "11", 2, 0, &[2], &[1])),
        ("b", tensor("LongStorage", "12", 1, 0, &[1], &[1])),
    ]));
    bytes.extend(b"\x80\x02](");
    bytes.extend(text("11"));
    bytes.extend(text("12"));
    bytes.extend(b"e.");
    bytes.extend(2u64.to_le_bytes());
    bytes.extend(floats(&[1.5, 2.5]));
    bytes.extend(1u64.to_le_bytes());
    bytes.extend(9i64.to_le_bytes());
    let weights = parse(&bytes).unwrap();
    assert_eq!((&weights["a"].1[..], &weights["b"].1[..]), (&[1.5, 2.5][..], &[9.0][..]));
    for cut in 0..bytes.len() {
        assert!(parse(&bytes[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn a_pickle_that_calls_a_function_is_refused_by_name() {
    let bytes = archive(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.", &[]);
    match parse(&bytes) {
        Err(error @ PytorchError::Refused { .. }) => assert!(error.to_string().contains("`posix.system`"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn views_beyond_their_storage_are_refused() {
    let data = floats(&[0.0; 4]);
    for (elements, offset, shape, strides) in [
        (4, 0, vec![5], vec![1]),
        (4, 1, vec![4], vec![1]),
        (4, 0, vec![2, 2], vec![u16::MAX, u16::MAX]),
        (9, 0, vec![1], vec![1]),
        (4, 9, vec![], vec![]),
    ] {
        let pickle = dict(&[("a", tensor("FloatStorage", "0", elements, offset, &shape, &strides))]);
        let result = parse(&archive(&pickle, &[("0", &data)]));
        assert!(matches!(result, Err(PytorchError::Damaged(_))), "{shape:?}: {result:?}");
    }
}

/// A view of one number may claim any size.
#[test]
fn expanded_tensors_are_bounded() {
    let pickle = dict(&[("a", tensor("FloatStorage", "0", 1, 0, &[u16::MAX; 4], &[0; 4]))]);
    assert!(matches!(parse(&archive(&pickle, &[("0", &floats(&[1.0]))])), Err(PytorchError::TooLarge(_))));
}

#[test]
fn a_file_without_tensors_is_no_state_dict() {
    for pickle in [&b"\x80\x02N."[..], b"\x80\x02}.", b"\x80\x02}K\x01K\x02s."] {
        assert!(matches!(parse(&archive(pickle, &[])), Err(PytorchError::NoStateDict(_))));
    }
}

#[test]
fn every_cut_is_refused() {
    let bytes = small();
    for cut in 0..bytes.len() {
        assert!(parse(&bytes[..cut]).is_err(), "{cut}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let mut likely = b"PK\x03\x04".to_vec();
        likely.extend(&bytes);
        let _ = parse(&likely);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0usize..10_000, byte in any::<u8>()) {
        let mut bytes = small();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = parse(&bytes);
    }
}
