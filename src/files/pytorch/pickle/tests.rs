#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;

use super::{PickleValue, run};
use crate::files::PytorchError;

#[test]
fn values_of_all_protocols_are_read() {
    // pickle.dumps({"a": (1, -2, True, None, 1.5), "b": [300, "x"]}, protocol)
    let written: [&[u8]; 2] = [
        b"(dp0\nVa\np1\n(I1\nI-2\nI01\nNF1.5\ntp2\nsVb\np3\n(lp4\nI300\naVx\np5\nas.",
        b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01(K\x01J\xfe\xff\xff\xff\x88NG?\xf8\x00\x00\x00\x00\x00\x00tq\x02\
          X\x01\x00\x00\x00bq\x03]q\x04(M,\x01X\x01\x00\x00\x00xq\x05eu.",
    ];
    for bytes in written {
        let made = run(bytes).unwrap();
        assert_eq!(made.bytes, bytes.len());
        let PickleValue::Dict(dict) = made.root() else { panic!("{:?}", made.root()) };
        let Some(PickleValue::Tuple(parts)) = made.entry(dict, "a") else { panic!("{dict:?}") };
        let parts: Vec<&PickleValue> = parts.iter().map(|&id| made.at(id)).collect();
        assert_eq!(
            parts,
            [
                &PickleValue::Int(1),
                &PickleValue::Int(-2),
                &PickleValue::Bool(true),
                &PickleValue::None,
                &PickleValue::Number
            ]
        );
        let Some(PickleValue::List(parts)) = made.entry(dict, "b") else { panic!("{dict:?}") };
        assert_eq!(made.at(parts[0]), &PickleValue::Int(300));
    }
}

/// Module and name of what a pickle would call stay with the result; nothing is called.
#[test]
fn unknown_functions_leave_inert_objects() {
    let cases: [(&[u8], &str); 5] = [
        (b"cos\nsystem\n(S'x'\ntR.", "os.system"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "builtins.eval"),
        (b"(S'x'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'x'\no.", "os.system"),
        (b"cnumpy.core.multiarray\nscalar\n)R(K\x01tb.", "numpy.core.multiarray.scalar"),
    ];
    for (bytes, name) in cases {
        match run(bytes).unwrap().root() {
            PickleValue::Object(object) => assert_eq!(&*object.class, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// A state of a random generator has whole numbers of many bytes, an array of numpy has bytes that are no text.
#[test]
fn values_of_no_use_are_passed_over() {
    let mut long = b"\x80\x02\x8a\x20".to_vec();
    long.extend([0xff; 32]);
    long.push(b'.');
    assert_eq!(run(&long).unwrap().root(), &PickleValue::Number);
    assert_eq!(run(b"\x80\x03C\x02\xff\xfe.").unwrap().root(), &PickleValue::Bytes);
    assert!(
        matches!(run(b"\x80\x04\x8f(K\x01K\x02\x90.").unwrap().root(), PickleValue::List(parts) if parts.len() == 2)
    );
}

/// Three hundred kilobytes that ask for gigabytes: one long list put into a hundred thousand dicts.
#[test]
fn work_is_bounded() {
    let mut bytes = b"](".to_vec();
    for _ in 0..50_000 {
        bytes.extend(b"N)\x86");
    }
    bytes.extend(b"eq\x00");
    for _ in 0..50_000 {
        bytes.extend(b"ccollections\nOrderedDict\nh\x00\x85R0");
    }
    bytes.extend(b"N.");
    assert!(matches!(run(&bytes), Err(PytorchError::TooLarge(_))));
    let mut sizes = b"(".to_vec();
    for _ in 0..50_000 {
        sizes.extend(b"K\x01");
    }
    sizes.extend(b"tq\x00");
    for _ in 0..50_000 {
        sizes.extend(b"ctorch\nSize\nh\x00\x85R0");
    }
    sizes.extend(b"N.");
    assert!(matches!(run(&sizes), Err(PytorchError::TooLarge(_))));
}

#[test]
fn values_shared_without_end_cost_little() {
    // x = (x, x), a hundred thousand times.
    let mut bytes = b"N".to_vec();
    for _ in 0..100_000 {
        bytes.extend(b"2\x86");
    }
    bytes.push(b'.');
    assert!(run(&bytes).unwrap().arena.len() <= 100_001);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = run(&bytes);
    }

    /// Instructions that exist, in any order.
    #[test]
    fn no_program_makes_it_panic(choice in proptest::collection::vec(0usize..PARTS.len(), 0..60)) {
        let mut bytes: Vec<u8> = choice.iter().flat_map(|&i| PARTS[i].iter().copied()).collect();
        bytes.push(b'.');
        let _ = run(&bytes);
    }
}

const PARTS: [&[u8]; 41] = [
    b"(",
    b"0",
    b"1",
    b"2",
    b"N",
    b"\x88",
    b"K\x02",
    b"J\xff\xff\xff\xff",
    b"\x8a\x02\x01\x80",
    b"X\x01\x00\x00\x00a",
    b"\x8c\x07storage",
    b")",
    b"\x85",
    b"\x86",
    b"\x87",
    b"t",
    b"]",
    b"a",
    b"e",
    b"}",
    b"s",
    b"u",
    b"d",
    b"l",
    b"q\x00",
    b"h\x00",
    b"\x94",
    b"ccollections\nOrderedDict\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch\nFloatStorage\n",
    b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch._tensor\n_rebuild_from_type_v2\n",
    b"R",
    b"b",
    b"Q",
    b"cos\nsystem\n",
    b"i\nx\n",
    b"o",
    b"\x92",
    b"\x90",
    b"ctorch.storage\nUntypedStorage\n",
];
