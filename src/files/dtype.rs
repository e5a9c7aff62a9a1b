//! Types of stored numbers.

use half::{bf16, f16};

/// Type of the numbers of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dtype {
    /// 16-bit brain float.
    BFloat16,
    /// One byte, 0 or 1.
    Bool,
    /// 64-bit float.
    Double,
    /// 32-bit float.
    Float,
    /// 16-bit float.
    Half,
    /// Signed, 8 bits.
    Char,
    /// Unsigned, 8 bits.
    Byte,
    /// Signed, 16 bits.
    Short,
    /// Signed, 32 bits.
    Int,
    /// Signed, 64 bits.
    Long,
    /// Unsigned, 16 bits.
    UInt16,
    /// Unsigned, 32 bits.
    UInt32,
    /// Unsigned, 64 bits.
    UInt64,
    /// A type that weights are not read from: its name and the bytes per number, 0 where numbers share bytes.
    Other(&'static str, usize),
}

/// Types that weights are not read from: storage class in PyTorch before `Storage`, name, bytes per number.
const OTHERS: [(&str, &str, usize); 16] = [
    ("ComplexHalf", "complex32", 4),
    ("ComplexFloat", "complex64", 8),
    ("ComplexDouble", "complex128", 16),
    ("QInt8", "qint8", 1),
    ("QUInt8", "quint8", 1),
    ("QInt32", "qint32", 4),
    ("QUInt4x2", "quint4x2", 1),
    ("QUInt2x4", "quint2x4", 1),
    ("Float8_e4m3fn", "float8_e4m3fn", 1),
    ("Float8_e5m2", "float8_e5m2", 1),
    ("Float8_e4m3fnuz", "float8_e4m3fnuz", 1),
    ("Float8_e5m2fnuz", "float8_e5m2fnuz", 1),
    ("Float8_e8m0fnu", "float8_e8m0fnu", 1),
    ("Float4_e2m1fn_x2", "float4_e2m1fn_x2", 1),
    ("Bits8", "bits8", 1),
    ("Bits16", "bits16", 2),
];

/// Types that are read, by the names of PyTorch's storages and of its types.
const KNOWN: [(&str, &str, Dtype); 13] = [
    ("BFloat16", "bfloat16", Dtype::BFloat16),
    ("Bool", "bool", Dtype::Bool),
    ("Double", "float64", Dtype::Double),
    ("Float", "float32", Dtype::Float),
    ("Half", "float16", Dtype::Half),
    ("Char", "int8", Dtype::Char),
    ("Byte", "uint8", Dtype::Byte),
    ("Short", "int16", Dtype::Short),
    ("Int", "int32", Dtype::Int),
    ("Long", "int64", Dtype::Long),
    ("UInt16", "uint16", Dtype::UInt16),
    ("UInt32", "uint32", Dtype::UInt32),
    ("UInt64", "uint64", Dtype::UInt64),
];

impl Dtype {
    /// Of a class such as `FloatStorage`.
    pub(in crate::files) fn of_storage(class: &str) -> Option<Self> {
        let class = class.strip_suffix("Storage")?;
        let known = KNOWN.iter().find(|(name, ..)| *name == class).map(|&(.., dtype)| dtype);
        known
            .or_else(|| OTHERS.iter().find(|(name, ..)| *name == class).map(|&(_, name, size)| Self::Other(name, size)))
    }

    /// Of `torch.float32` and its kin, without `torch.`.
    pub(crate) fn of_torch(name: &str) -> Option<Self> {
        let known = KNOWN.iter().find(|(_, known, _)| *known == name).map(|&(.., dtype)| dtype);
        known.or_else(|| {
            OTHERS.iter().find(|(_, other, _)| *other == name).map(|&(_, name, size)| Self::Other(name, size))
        })
    }

    /// Whether `torch.<name>` is a type of numbers, one that is not known included.
    pub(in crate::files) fn is_torch_name(name: &str) -> bool {
        const FAMILIES: [&str; 9] = ["float", "bfloat", "complex", "int", "uint", "qint", "quint", "bits", "bool"];
        FAMILIES.iter().any(|family| {
            name.strip_prefix(family)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    }

    /// Of a tensor in a safetensors file.
    pub(crate) fn of_safetensors(dtype: safetensors::Dtype) -> Self {
        use safetensors::Dtype as Stored;
        match dtype {
            Stored::BF16 => Self::BFloat16,
            Stored::BOOL => Self::Bool,
            Stored::F64 => Self::Double,
            Stored::F32 => Self::Float,
            Stored::F16 => Self::Half,
            Stored::I8 => Self::Char,
            Stored::U8 => Self::Byte,
            Stored::I16 => Self::Short,
            Stored::I32 => Self::Int,
            Stored::I64 => Self::Long,
            Stored::U16 => Self::UInt16,
            Stored::U32 => Self::UInt32,
            Stored::U64 => Self::UInt64,
            Stored::C64 => Self::Other("complex64", 8),
            Stored::F8_E4M3 => Self::Other("float8_e4m3fn", 1),
            Stored::F8_E5M2 => Self::Other("float8_e5m2", 1),
            Stored::F8_E4M3FNUZ => Self::Other("float8_e4m3fnuz", 1),
            Stored::F8_E5M2FNUZ => Self::Other("float8_e5m2fnuz", 1),
            Stored::F8_E8M0 => Self::Other("float8_e8m0fnu", 1),
            // Types of less than a byte, and what the format may gain.
            _ => Self::Other("a type of less than a byte", 0),
        }
    }

    /// PyTorch's name, without `torch.`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Other(name, _) => name,
            known => KNOWN.iter().find(|(.., dtype)| *dtype == known).map_or("", |&(_, name, _)| name),
        }
    }

    /// Bytes per number; 0 where numbers share bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Bool | Self::Char | Self::Byte => 1,
            Self::BFloat16 | Self::Half | Self::Short | Self::UInt16 => 2,
            Self::Float | Self::Int | Self::UInt32 => 4,
            Self::Double | Self::Long | Self::UInt64 => 8,
            Self::Other(_, size) => size,
        }
    }

    /// Little-endian numbers in double precision; bytes that make no whole number at the end are left out. None of a type
    /// that weights are not read from.
    pub(crate) fn decode(self, data: &[u8]) -> Option<Vec<f64>> {
        Some(match self {
            Self::BFloat16 => data.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f64()).collect(),
            Self::Half => data.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f64()).collect(),
            Self::Float => data.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b).into()).collect(),
            Self::Double => data.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
            Self::Char => data.iter().map(|&b| f64::from(i8::from_le_bytes([b]))).collect(),
            Self::Bool | Self::Byte => data.iter().map(|&b| f64::from(b)).collect(),
            Self::Short => data.as_chunks().0.iter().map(|&b| i16::from_le_bytes(b).into()).collect(),
            Self::Int => data.as_chunks().0.iter().map(|&b| i32::from_le_bytes(b).into()).collect(),
            Self::Long => data.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b) as f64).collect(),
            Self::UInt16 => data.as_chunks().0.iter().map(|&b| u16::from_le_bytes(b).into()).collect(),
            Self::UInt32 => data.as_chunks().0.iter().map(|&b| u32::from_le_bytes(b).into()).collect(),
            Self::UInt64 => data.as_chunks().0.iter().map(|&b| u64::from_le_bytes(b) as f64).collect(),
            Self::Other(..) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_all_their_names() {
        for (class, name, dtype) in KNOWN {
            assert_eq!(Dtype::of_storage(&format!("{class}Storage")), Some(dtype));
            assert_eq!((Dtype::of_torch(name), dtype.name()), (Some(dtype), name));
            assert_eq!(dtype.decode(&vec![0; dtype.size()]), Some(vec![0.0]));
        }
        for (class, name, size) in OTHERS {
            let dtype = Dtype::of_storage(&format!("{class}Storage"));
            assert_eq!((dtype, dtype.and_then(|dtype| dtype.decode(&[0; 16]))), (Some(Dtype::Other(name, size)), None));
        }
        for name in ["float8_e4m3fn", "uint16", "complex64", "bool", "qint8", "float99"] {
            assert!(Dtype::is_torch_name(name), "{name}");
        }
        for name in ["load", "Size", "device", "strided", "intern"] {
            assert!(!Dtype::is_torch_name(name), "{name}");
        }
    }
}
