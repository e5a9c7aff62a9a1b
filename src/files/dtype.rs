//! Types of stored numbers.

use half::{bf16, f16};
use safetensors::Dtype as Stored;

/// Little-endian numbers in double precision; bytes that make no whole number at the end are left out.
type Decode = fn(&[u8]) -> Vec<f64>;

/// Type of the numbers of a tensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dtype {
    /// PyTorch's class of storages of this type, without `Storage`.
    class: &'static str,
    /// PyTorch's name, without `torch.`.
    pub(crate) name: &'static str,
    /// Bytes per number; 0 where numbers share bytes.
    pub(crate) size: usize,
    /// The type of safetensors, where it has this one.
    stored: Option<Stored>,
    /// None of a type that weights are not read from.
    decode: Option<Decode>,
}

/// A decoder of a type of numbers, which a function makes doubles of where a cast does not.
macro_rules! decode {
    ($number:ty) => {
        Some(|data| data.as_chunks().0.iter().map(|&bytes| <$number>::from_le_bytes(bytes) as f64).collect())
    };
    ($number:ty, $double:path) => {
        Some(|data| data.as_chunks().0.iter().map(|&bytes| $double(<$number>::from_le_bytes(bytes))).collect())
    };
}

const TYPES: [Dtype; 29] = [
    Dtype::new("BFloat16", "bfloat16", 2, Some(Stored::BF16), decode!(bf16, bf16::to_f64)),
    Dtype::new("Half", "float16", 2, Some(Stored::F16), decode!(f16, f16::to_f64)),
    Dtype::new("Float", "float32", 4, Some(Stored::F32), decode!(f32)),
    Dtype::new("Double", "float64", 8, Some(Stored::F64), decode!(f64)),
    Dtype::new("Bool", "bool", 1, Some(Stored::BOOL), decode!(u8)),
    Dtype::new("Char", "int8", 1, Some(Stored::I8), decode!(i8)),
    Dtype::new("Byte", "uint8", 1, Some(Stored::U8), decode!(u8)),
    Dtype::new("Short", "int16", 2, Some(Stored::I16), decode!(i16)),
    Dtype::new("Int", "int32", 4, Some(Stored::I32), decode!(i32)),
    Dtype::new("Long", "int64", 8, Some(Stored::I64), decode!(i64)),
    Dtype::new("UInt16", "uint16", 2, Some(Stored::U16), decode!(u16)),
    Dtype::new("UInt32", "uint32", 4, Some(Stored::U32), decode!(u32)),
    Dtype::new("UInt64", "uint64", 8, Some(Stored::U64), decode!(u64)),
    Dtype::new("ComplexHalf", "complex32", 4, None, None),
    Dtype::new("ComplexFloat", "complex64", 8, Some(Stored::C64), None),
    Dtype::new("ComplexDouble", "complex128", 16, None, None),
    Dtype::new("QInt8", "qint8", 1, None, None),
    Dtype::new("QUInt8", "quint8", 1, None, None),
    Dtype::new("QInt32", "qint32", 4, None, None),
    Dtype::new("QUInt4x2", "quint4x2", 1, None, None),
    Dtype::new("QUInt2x4", "quint2x4", 1, None, None),
    Dtype::new("Float8_e4m3fn", "float8_e4m3fn", 1, Some(Stored::F8_E4M3), None),
    Dtype::new("Float8_e5m2", "float8_e5m2", 1, Some(Stored::F8_E5M2), None),
    Dtype::new("Float8_e4m3fnuz", "float8_e4m3fnuz", 1, Some(Stored::F8_E4M3FNUZ), None),
    Dtype::new("Float8_e5m2fnuz", "float8_e5m2fnuz", 1, Some(Stored::F8_E5M2FNUZ), None),
    Dtype::new("Float8_e8m0fnu", "float8_e8m0fnu", 1, Some(Stored::F8_E8M0), None),
    Dtype::new("Float4_e2m1fn_x2", "float4_e2m1fn_x2", 1, None, None),
    Dtype::new("Bits8", "bits8", 1, None, None),
    Dtype::new("Bits16", "bits16", 2, None, None),
];

/// Types of less than a byte, and what safetensors may gain.
const SMALL: Dtype = Dtype::new("", "a type of less than a byte", 0, None, None);

impl Dtype {
    const fn new(
        class: &'static str,
        name: &'static str,
        size: usize,
        stored: Option<Stored>,
        decode: Option<Decode>,
    ) -> Self {
        Self { class, name, size, stored, decode }
    }

    /// Of a class such as `FloatStorage`.
    pub(super) fn of_storage(class: &str) -> Option<Self> {
        let class = class.strip_suffix("Storage")?;
        TYPES.into_iter().find(|dtype| dtype.class == class)
    }

    /// Of `torch.float32` and its kin, without `torch.`.
    pub(super) fn of_torch(name: &str) -> Option<Self> {
        TYPES.into_iter().find(|dtype| dtype.name == name)
    }

    /// Whether `torch.<name>` is a type of numbers, one that is not known included.
    pub(super) fn is_torch_name(name: &str) -> bool {
        const FAMILIES: [&str; 9] = ["float", "bfloat", "complex", "int", "uint", "qint", "quint", "bits", "bool"];
        FAMILIES.iter().any(|family| {
            name.strip_prefix(family)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    }

    /// Of a tensor in a safetensors file.
    pub(crate) fn of_safetensors(stored: Stored) -> Self {
        TYPES.into_iter().find(|dtype| dtype.stored == Some(stored)).unwrap_or(SMALL)
    }

    /// Whether weights are read from it.
    pub(super) fn is_readable(self) -> bool {
        self.decode.is_some()
    }

    /// Little-endian numbers in double precision; bytes that make no whole number at the end are left out. None of a type
    /// that weights are not read from.
    pub(crate) fn decode(self, data: &[u8]) -> Option<Vec<f64>> {
        Some(self.decode?(data))
    }
}

impl PartialEq for Dtype {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Dtype {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_all_their_names() {
        for dtype in TYPES {
            assert_eq!(Dtype::of_storage(&format!("{}Storage", dtype.class)), Some(dtype));
            assert_eq!(Dtype::of_torch(dtype.name), Some(dtype));
            let one = dtype.is_readable().then(|| vec![0.0]);
            assert_eq!(dtype.decode(&vec![0; dtype.size]), one, "{}", dtype.name);
        }
        assert_eq!(TYPES.iter().filter(|dtype| dtype.is_readable()).count(), 13);
        for name in ["float8_e4m3fn", "uint16", "complex64", "bool", "qint8", "float99"] {
            assert!(Dtype::is_torch_name(name), "{name}");
        }
        for name in ["load", "Size", "device", "strided", "intern"] {
            assert!(!Dtype::is_torch_name(name), "{name}");
        }
    }
}
