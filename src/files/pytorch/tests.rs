#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use std::collections::BTreeMap;

use super::*;

/// Tensors of the first state dict in `bytes`: shape and values by name, type where there are no values.
type Read = BTreeMap<String, (Vec<usize>, Result<Vec<f64>, String>)>;

fn parse(bytes: &[u8]) -> Result<Read, PytorchError> {
    let mut file = open(bytes.to_vec())?;
    let tensors: Vec<(String, Vec<usize>)> =
        file.dicts[0].tensors().map(|(name, shape, _)| (name.to_owned(), shape.to_vec())).collect();
    let mut read = Read::new();
    for (name, shape) in tensors {
        // As where they are read: the size is that of a network.
        if shape.iter().map(|&size| size as f64).product::<f64>() > 1e6 {
            return Err(PytorchError::TooLarge(name));
        }
        let values = match file.values(0, &name) {
            Err(PytorchError::Type(kind)) => Err(kind),
            other => Ok(other?.unwrap()),
        };
        read.insert(name, (shape, values));
    }
    Ok(read)
}

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
    assert_eq!(weights["a"], (vec![2, 3], Ok(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0])));
    // A transposed view from the second number on.
    assert_eq!(weights["b"], (vec![2, 2], Ok(vec![1.0, 4.0, 2.0, 5.0])));
}

#[test]
fn every_type_is_converted() {
    let cases: [(&str, Vec<u8>, f64); 12] = [
        ("DoubleStorage", (-2.5f64).to_le_bytes().to_vec(), -2.5),
        ("HalfStorage", vec![0x00, 0xc1], -2.5),
        ("BFloat16Storage", vec![0x20, 0xc0], -2.5),
        ("LongStorage", (-3i64).to_le_bytes().to_vec(), -3.0),
        ("IntStorage", (-3i32).to_le_bytes().to_vec(), -3.0),
        ("ShortStorage", (-3i16).to_le_bytes().to_vec(), -3.0),
        ("CharStorage", vec![0xfd], -3.0),
        ("ByteStorage", vec![0xfd], 253.0),
        ("BoolStorage", vec![1], 1.0),
        ("UInt16Storage", vec![0xff, 0xff], 65535.0),
        ("UInt32Storage", vec![0, 0, 0, 0x80], 2147483648.0),
        ("UInt64Storage", 5u64.to_le_bytes().to_vec(), 5.0),
    ];
    for (class, data, value) in cases {
        let pickle = dict(&[("a", tensor(class, "0", 1, 0, &[], &[]))]);
        let weights = parse(&archive(&pickle, &[("0", &data)])).unwrap();
        assert_eq!(weights["a"], (vec![], Ok(vec![value])), "{class}");
    }
}

/// The pickle of a dict within another one.
fn within(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let whole = dict(entries);
    whole[2..whole.len() - 1].to_vec()
}

fn one(key: &str) -> Vec<u8> {
    tensor("FloatStorage", key, 1, 0, &[1], &[1])
}

#[test]
fn every_state_dict_of_a_file_is_found() {
    let pickle = dict(&[
        ("epoch", b"K\x05".to_vec()),
        ("loss", one("1")),
        ("state_dict", within(&[("module.a", one("0"))])),
        ("nested", within(&[("ema", within(&[("a", one("1"))]))])),
        ("list", [b"](".to_vec(), within(&[("b", one("0"))]), b"e".to_vec()].concat()),
        // As `torch.optim` has them: by number.
        ("optimizer", [b"}K\x00".to_vec(), within(&[("exp_avg", one("0"))]), b"s".to_vec()].concat()),
    ]);
    let mut file = open(archive(&pickle, &[("0", &floats(&[4.0])), ("1", &floats(&[5.0]))])).unwrap();
    let places: Vec<&str> = file.dicts.iter().map(|dict| dict.place.as_str()).collect();
    assert_eq!(places, ["", "state_dict", "nested.ema", "list[0]"]);
    assert_eq!(file.values(1, "module.a").unwrap(), Some(vec![4.0]));
    assert_eq!(file.values(2, "a").unwrap(), Some(vec![5.0]));
    assert_eq!(file.values(2, "b").unwrap(), None);
}

/// What lies beside the weights needs not be built: a score of numpy, arguments, a configuration, a dict of another class.
#[test]
fn what_lies_beside_the_weights_is_inert() {
    let scalar = b"cnumpy._core.multiarray\nscalar\ncnumpy\ndtype\n(tR(K\x03tbC\x02\xff\xfe\x86R".to_vec();
    let arguments = [b"cargparse\nNamespace\n)\x81}".to_vec(), text("lr"), b"K\x01sb".to_vec()].concat();
    let evil = [b"cposix\nsystem\n".to_vec(), text("true"), b"\x85R".to_vec()].concat();
    let weights = [b"cmine\nStateDict\n)R(".to_vec(), text("a"), one("0"), b"u}b".to_vec()].concat();
    let pickle = dict(&[("best", scalar), ("args", arguments), ("hook", evil), ("model", weights)]);
    let mut file = open(archive(&pickle, &[("0", &floats(&[4.0]))])).unwrap();
    assert_eq!(file.dicts[0].place, "model");
    assert_eq!(file.values(0, "a").unwrap(), Some(vec![4.0]));
    let names =
        ["argparse.Namespace", "mine.StateDict", "numpy._core.multiarray.scalar", "numpy.dtype", "posix.system"];
    assert_eq!(file.inert, names);
}

/// Tensors of types that weights are not read from do no harm beside those that are.
#[test]
fn other_types_have_names_and_no_values() {
    let float8 = {
        let mut bytes = b"ctorch._utils\n_rebuild_tensor_v3\n((".to_vec();
        bytes.extend(text("storage"));
        bytes.extend(b"ctorch.storage\nUntypedStorage\n");
        bytes.extend([text("1"), text("cpu"), b"K\x03tQK\x00K\x03\x85K\x01\x85\x89".to_vec()].concat());
        bytes.extend(b"ccollections\nOrderedDict\n)Rctorch\nfloat8_e4m3fn\ntR");
        bytes
    };
    let quantised = [b"ctorch._utils\n_rebuild_qtensor\n(".to_vec(), one("0"), b"tR".to_vec()].concat();
    let pickle = dict(&[
        ("a", one("0")),
        ("c", tensor("ComplexFloatStorage", "2", 1, 0, &[1], &[1])),
        ("f", float8),
        ("q", quantised),
        ("u", tensor("NewStorage", "3", 1, 0, &[1], &[1])),
    ]);
    let data: [(&str, &[u8]); 4] = [("0", &floats(&[4.0])), ("1", &[0; 3]), ("2", &[0; 8]), ("3", &[0; 3])];
    let bytes = archive(&pickle, &data);
    let weights = parse(&bytes).unwrap();
    assert_eq!(weights["a"].1, Ok(vec![4.0]));
    assert_eq!(weights["c"].1, Err("complex64".to_owned()));
    assert_eq!(weights["f"], (vec![3], Err("float8_e4m3fn".to_owned())));
    assert_eq!(weights["u"].1, Err("torch.NewStorage".to_owned()));
    assert_eq!(open(bytes).unwrap().dicts[0].opaque["q"], "torch._utils._rebuild_qtensor");
}

/// Tensors of a subclass, or with attributes, name the function that rebuilds them and their class.
#[test]
fn tensors_of_other_classes_are_read() {
    let from_type = |whole: Vec<u8>| {
        // Function and arguments of a pickled tensor, with the class between and the attributes behind.
        let arguments = whole[b"ctorch._utils\n_rebuild_tensor_v2\n".len()..whole.len() - 1].to_vec();
        [
            b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n".to_vec(),
            arguments,
            b"}tR".to_vec(),
        ]
        .concat()
    };
    let pickle = dict(&[("a", from_type(one("0"))), ("b", one("0"))]);
    let weights = parse(&archive(&pickle, &[("0", &floats(&[4.0]))])).unwrap();
    assert_eq!((&weights["a"].1, &weights["b"].1), (&Ok(vec![4.0]), &Ok(vec![4.0])));
    // One that names itself is no tensor, and no recursion.
    let itself = b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\nq\x00(h\x00N)}tR.";
    assert!(matches!(parse(&archive(itself, &[])), Err(PytorchError::Damaged(_))));
}

/// A state dict whose tensors cannot be read is one all the same.
#[test]
fn dicts_of_what_is_no_tensor_are_named() {
    let made = |function: &str| {
        [b"c".to_vec(), function.as_bytes().to_vec(), b"\n(".to_vec(), one("0"), b"tR".to_vec()].concat()
    };
    let quantised = || made("torch._utils\n_rebuild_qtensor");
    let all = [("a.weight", quantised()), ("a.bias", quantised()), ("b.weight", made("numpy\n_reconstruct"))];
    let data = floats(&[4.0]);
    let refused = |pickle: &[u8]| match no_state_dict(open(archive(pickle, &[("0", &data)]))) {
        Instead::Strange(what) => what,
        other => panic!("{other:?}"),
    };
    let made = refused(&dict(&all));
    assert!(made.contains("`numpy._reconstruct`, `torch._utils._rebuild_qtensor`"), "{made}");
    let made = refused(&dict(&[("model", within(&all)), ("epoch", b"K\x05".to_vec())]));
    assert!(made.contains("`model`"), "{made}");
    // Beside tensors that are none of the network's, it is what explains that those are missing.
    let beside = dict(&[("model", within(&all)), ("mean", one("0"))]);
    let file = open(archive(&beside, &[("0", &data)])).unwrap();
    assert_eq!(file.dicts.len(), 1);
    assert!(file.strange.unwrap().contains("under `model`"));
}

/// What a file that holds no state dict holds instead.
fn no_state_dict(opened: Result<PytorchFile, PytorchError>) -> Instead {
    match opened.err() {
        Some(PytorchError::NoStateDict(found)) => found,
        other => panic!("{other:?}"),
    }
}

/// A tensor beside a whole pickled model does not make a state dict of the network's.
#[test]
fn whole_models_beside_tensors_are_known() {
    let module = b"cckconv\nNet\n)\x81}(X\x08\x00\x00\x00_modules}X\x0b\x00\x00\x00_parameters}ub".to_vec();
    let pickle = dict(&[("model", module), ("mean", one("0"))]);
    let file = open(archive(&pickle, &[("0", &floats(&[4.0]))])).unwrap();
    assert_eq!((file.dicts.len(), file.module.as_deref()), (1, Some("ckconv.Net")));
}

/// Models lie deep in some files, and behind many dicts in others; what is not looked at is said.
#[test]
fn bounds_that_are_reached_are_said() {
    let nested = |depth: usize| (1..depth).fold(within(&[("a", one("0"))]), |inner, _| within(&[("in", inner)]));
    let data = floats(&[4.0]);
    let deep = |depth| open(archive(&dict(&[("in", nested(depth))]), &[("0", &data)]));
    assert_eq!(deep(8).unwrap().dicts[0].place, "in.in.in.in.in.in.in.in");
    let unseen = no_state_dict(deep(9));
    assert!(matches!(&unseen, Instead::Unseen(what) if what.contains("8 dicts deep")), "{unseen:?}");
    let names: Vec<String> = (0..70).map(|i| format!("d{i}")).collect();
    let many: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), within(&[("x", one("0"))]))).collect();
    let unseen = |entries: &[(&str, Vec<u8>)]| open(archive(&dict(entries), &[("0", &data)])).unwrap().unseen;
    assert!(unseen(&many).unwrap().contains("only the first 64 dicts"));
    assert_eq!(unseen(&many[..64]), None);
}

/// PyTorch stores archives as they are. Others may compress them, but a few kilobytes are no gigabytes.
#[test]
fn compressed_archives_are_bounded() {
    let pack = |zeros: usize| {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let deflated = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        let pickle = dict(&[("a", tensor("FloatStorage", "0", 1, 0, &[1], &[1]))]);
        writer.start_file("archive/data.pkl", deflated).unwrap();
        writer.write_all(&pickle).unwrap();
        writer.start_file("archive/data/0", deflated).unwrap();
        writer.write_all(&floats(&[4.0])).unwrap();
        let chunk = vec![0; 1 << 20];
        for _ in 0..zeros {
            writer.write_all(&chunk).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    assert_eq!(parse(&pack(1)).unwrap()["a"].1, Ok(vec![4.0]));
    assert!(matches!(parse(&pack(65)), Err(PytorchError::TooLarge(_))));
    // A network that needs as much may have it.
    let mut file = open(pack(65)).unwrap();
    file.allow(8 << 20);
    assert_eq!(file.values(0, "a").unwrap(), Some(vec![4.0]));
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
    assert_eq!((&weights["a"].1, &weights["b"].1), (&Ok(vec![1.5, 2.5]), &Ok(vec![9.0])));
    for cut in 0..bytes.len() {
        assert!(parse(&bytes[..cut]).is_err(), "{cut}");
    }
}

/// Old files have storages within storages: the numbers from the third on, say.
#[test]
fn views_of_storages_begin_where_they_say() {
    let mut view = b"ctorch._utils\n_rebuild_tensor\n((".to_vec();
    view.extend(
        [text("storage"), b"ctorch\nFloatStorage\n".to_vec(), text("5"), text("cpu"), b"K\x05(".to_vec()].concat(),
    );
    view.extend([text("6"), b"K\x02K\x03ttQK\x01K\x02\x85K\x01\x85tR".to_vec()].concat());
    let mut bytes = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
    bytes.extend(dict(&[("a", view)]));
    bytes.extend([b"\x80\x02](".to_vec(), text("5"), b"e.".to_vec(), 5u64.to_le_bytes().to_vec()].concat());
    bytes.extend(floats(&[0.0, 1.0, 2.0, 3.0, 4.0]));
    assert_eq!(parse(&bytes).unwrap()["a"].1, Ok(vec![3.0, 4.0]));
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
        (4, 4, vec![1], vec![0]),
    ] {
        let pickle = dict(&[("a", tensor("FloatStorage", "0", elements, offset, &shape, &strides))]);
        let result = parse(&archive(&pickle, &[("0", &data)]));
        assert!(matches!(result, Err(PytorchError::Damaged(_))), "{shape:?}: {result:?}");
    }
}

/// A view of one number may claim any size, and costs nothing until it is read.
#[test]
fn tensors_are_not_read_before_they_are_wanted() {
    let pickle = dict(&[
        ("a", tensor("FloatStorage", "0", 1, 0, &[u16::MAX; 4], &[0; 4])),
        ("b", tensor("FloatStorage", "0", 1, 0, &[1], &[1])),
    ]);
    let mut file = open(archive(&pickle, &[("0", &floats(&[1.0]))])).unwrap();
    assert_eq!(file.values(0, "b").unwrap(), Some(vec![1.0]));
}

#[test]
fn what_holds_no_state_dict_is_named() {
    let module = b"\x80\x02cckconv\nNet\n)\x81}(X\x08\x00\x00\x00_modules}X\x0b\x00\x00\x00_parameters}ub.";
    let optimiser = dict(&[("state", b"}".to_vec()), ("param_groups", b"]".to_vec())]);
    let single = [b"\x80\x02".to_vec(), one("0"), b".".to_vec()].concat();
    let cases: [(&[u8], Instead); 4] = [
        (module, Instead::Module("ckconv.Net".into())),
        (&optimiser, Instead::Optimiser),
        (&single, Instead::SingleTensor),
        (b"\x80\x02K\x01.", Instead::NoDict),
    ];
    for (pickle, instead) in cases {
        assert_eq!(no_state_dict(open(archive(pickle, &[]))), instead);
    }
    let zip = |names: &[&str]| {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for name in names {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    let cases: [(&[&str], Instead); 4] = [
        (&["a/data.pkl", "a/constants.pkl", "a/code/__torch__.py"], Instead::TorchScript),
        (&["weight.npy", "bias.npy"], Instead::NumpyArchive),
        (&["saved/w.pt"], Instead::Packed),
        (&["mimetype"], Instead::Zip),
    ];
    for (names, instead) in cases {
        assert_eq!(no_state_dict(open(zip(names))), instead, "{names:?}");
    }
    assert_eq!(no_state_dict(open(b"\x80\x02}X\x01\x00\x00\x00aK\x01s.".to_vec())), Instead::OtherPickle);
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
