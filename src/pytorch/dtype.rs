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
}

impl Dtype {
    /// Of a class such as `FloatStorage`.
    pub(super) fn of_storage(class: &str) -> Option<Self> {
        Some(match class.strip_suffix("Storage")? {
            "BFloat16" => Self::BFloat16,
            "Bool" => Self::Bool,
            "Double" => Self::Double,
            "Float" => Self::Float,
            "Half" => Self::Half,
            "Char" => Self::Char,
            "Byte" => Self::Byte,
            "Short" => Self::Short,
            "Int" => Self::Int,
            "Long" => Self::Long,
            _ => return None,
        })
    }

    /// Of a tensor in a safetensors file.
    pub(crate) fn of_safetensors(dtype: safetensors::Dtype) -> Option<Self> {
        use safetensors::Dtype as Stored;
        Some(match dtype {
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
            _ => return None,
        })
    }

    /// Bytes per number.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Bool | Self::Char | Self::Byte => 1,
            Self::BFloat16 | Self::Half | Self::Short => 2,
            Self::Float | Self::Int => 4,
            Self::Double | Self::Long => 8,
        }
    }

    /// Little-endian numbers in double precision; bytes that make no whole number at the end are left out.
    pub(crate) fn decode(self, data: &[u8]) -> Vec<f64> {
        match self {
            Self::BFloat16 => data.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f64()).collect(),
            Self::Half => data.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f64()).collect(),
            Self::Float => data.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b).into()).collect(),
            Self::Double => data.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
            Self::Char => data.iter().map(|&b| f64::from(i8::from_le_bytes([b]))).collect(),
            Self::Bool | Self::Byte => data.iter().map(|&b| f64::from(b)).collect(),
            Self::Short => data.as_chunks().0.iter().map(|&b| i16::from_le_bytes(b).into()).collect(),
            Self::Int => data.as_chunks().0.iter().map(|&b| i32::from_le_bytes(b).into()).collect(),
            Self::Long => data.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b) as f64).collect(),
        }
    }
}
