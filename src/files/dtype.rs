//! Types of stored numbers.

use half::{bf16, f16};

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
    /// None of a type that weights are not read from.
    decode: Option<Decode>,
}

/// A decoder of a primitive type.
macro_rules! decode {
    ($number:ty) => {
        Some(|data| data.as_chunks().0.iter().map(|&bytes| <$number>::from_le_bytes(bytes) as f64).collect())
    };
}

const TYPES: [Dtype; 29] = [
    Dtype::new("BFloat16", "bfloat16", 2, Some(|data| halves(data, |bytes| bf16::from_le_bytes(bytes).to_f64()))),
    Dtype::new("Half", "float16", 2, Some(|data| halves(data, |bytes| f16::from_le_bytes(bytes).to_f64()))),
    Dtype::new("Float", "float32", 4, decode!(f32)),
    Dtype::new("Double", "float64", 8, decode!(f64)),
    Dtype::new("Bool", "bool", 1, decode!(u8)),
    Dtype::new("Char", "int8", 1, decode!(i8)),
    Dtype::new("Byte", "uint8", 1, decode!(u8)),
    Dtype::new("Short", "int16", 2, decode!(i16)),
    Dtype::new("Int", "int32", 4, decode!(i32)),
    Dtype::new("Long", "int64", 8, decode!(i64)),
    Dtype::new("UInt16", "uint16", 2, decode!(u16)),
    Dtype::new("UInt32", "uint32", 4, decode!(u32)),
    Dtype::new("UInt64", "uint64", 8, decode!(u64)),
    Dtype::new("ComplexHalf", "complex32", 4, None),
    Dtype::new("ComplexFloat", "complex64", 8, None),
    Dtype::new("ComplexDouble", "complex128", 16, None),
    Dtype::new("QInt8", "qint8", 1, None),
    Dtype::new("QUInt8", "quint8", 1, None),
    Dtype::new("QInt32", "qint32", 4, None),
    Dtype::new("QUInt4x2", "quint4x2", 1, None),
    Dtype::new("QUInt2x4", "quint2x4", 1, None),
    Dtype::new("Float8_e4m3fn", "float8_e4m3fn", 1, None),
    Dtype::new("Float8_e5m2", "float8_e5m2", 1, None),
    Dtype::new("Float8_e4m3fnuz", "float8_e4m3fnuz", 1, None),
    Dtype::new("Float8_e5m2fnuz", "float8_e5m2fnuz", 1, None),
    Dtype::new("Float8_e8m0fnu", "float8_e8m0fnu", 1, None),
    Dtype::new("Float4_e2m1fn_x2", "float4_e2m1fn_x2", 1, None),
    Dtype::new("Bits8", "bits8", 1, None),
    Dtype::new("Bits16", "bits16", 2, None),
];

/// Types of less than a byte, and what safetensors may gain.
const SMALL: Dtype = Dtype::new("", "a type of less than a byte", 0, None);

fn halves(data: &[u8], number: fn([u8; 2]) -> f64) -> Vec<f64> {
    data.as_chunks().0.iter().map(|&bytes| number(bytes)).collect()
}

impl Dtype {
    const fn new(class: &'static str, name: &'static str, size: usize, decode: Option<Decode>) -> Self {
        Self { class, name, size, decode }
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
    pub(crate) fn of_safetensors(dtype: safetensors::Dtype) -> Self {
        use safetensors::Dtype as Stored;
        let name = match dtype {
            Stored::BF16 => "bfloat16",
            Stored::BOOL => "bool",
            Stored::F64 => "float64",
            Stored::F32 => "float32",
            Stored::F16 => "float16",
            Stored::I8 => "int8",
            Stored::U8 => "uint8",
            Stored::I16 => "int16",
            Stored::I32 => "int32",
            Stored::I64 => "int64",
            Stored::U16 => "uint16",
            Stored::U32 => "uint32",
            Stored::U64 => "uint64",
            Stored::C64 => "complex64",
            Stored::F8_E4M3 => "float8_e4m3fn",
            Stored::F8_E5M2 => "float8_e5m2",
            Stored::F8_E4M3FNUZ => "float8_e4m3fnuz",
            Stored::F8_E5M2FNUZ => "float8_e5m2fnuz",
            Stored::F8_E8M0 => "float8_e8m0fnu",
            _ => return SMALL,
        };
        Self::of_torch(name).unwrap_or(SMALL)
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
