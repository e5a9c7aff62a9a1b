//! Devices by name: `cpu`, `cuda[:i]`, `wgpu[:i]`, `tch[:cuda:i]`.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{DType, Device};

use kernels::precision::Precision;

/// A device by kind and index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// CUDA where it is compiled in and found, else the CPU.
    #[default]
    Auto,
    /// Burn's pure-Rust CPU backend (Flex).
    Cpu,
    /// An NVIDIA GPU by index.
    Cuda(usize),
    /// A GPU through wgpu by index (0 is the default adapter).
    Wgpu(usize),
    /// LibTorch on the CPU.
    TchCpu,
    /// LibTorch on an NVIDIA GPU by index.
    TchCuda(usize),
}

/// Why a device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", prefix = "device-")]
pub enum DeviceError {
    /// The name is not that of a device.
    #[error("unknown device `{0}`; expected auto, cpu, cuda[:i], wgpu[:i] or tch[:cuda:i]")]
    Unknown(String),
    /// The program was built without the device.
    #[error("device `{device}` is not in this build; rebuild with `cargo build --release --features {feature}`")]
    NotCompiled {
        /// The device, by name.
        device: String,
        /// The feature that adds it.
        feature: &'static str,
    },
    /// The device cannot compute in a precision.
    #[error("device `{device}` cannot compute in {precision}, only {remedy}")]
    Precision {
        /// The device, by name.
        device: String,
        /// The precision asked for.
        precision: Precision,
        /// The precisions that the device has, and the devices that have this one.
        remedy: &'static str,
    },
    /// The machine does not have the device.
    #[error("device `{device}` was not found: {reason}; use `--device cpu`")]
    NotFound {
        /// The device, by name.
        device: String,
        /// What is missing.
        reason: String,
    },
}

/// Whether kernels in CubeCL compute on `device`.
pub(crate) fn is_gpu(device: &Device) -> bool {
    #[cfg(feature = "cube")]
    return matches!(device.clone().without_autodiff().as_dispatch(), burn::backend::DispatchDevice::Cube(_));
    #[cfg(not(feature = "cube"))]
    {
        let _ = device;
        false
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(name.to_owned());
        let index = |text: &str| text.parse::<usize>().map_err(|_| unknown());
        match name.split(':').collect::<Vec<_>>()[..] {
            ["auto"] => Ok(Self::Auto),
            ["cpu"] => Ok(Self::Cpu),
            ["cuda"] => Ok(Self::Cuda(0)),
            ["cuda", i] => index(i).map(Self::Cuda),
            ["wgpu"] => Ok(Self::Wgpu(0)),
            ["wgpu", i] => index(i).map(Self::Wgpu),
            ["tch"] => Ok(Self::TchCpu),
            ["tch", "cuda"] => Ok(Self::TchCuda(0)),
            ["tch", "cuda", i] => index(i).map(Self::TchCuda),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => write!(f, "auto"),
            Self::Cpu => write!(f, "cpu"),
            Self::Cuda(i) => write!(f, "cuda:{i}"),
            Self::Wgpu(i) => write!(f, "wgpu:{i}"),
            Self::TchCpu => write!(f, "tch"),
            Self::TchCuda(i) => write!(f, "tch:cuda:{i}"),
        }
    }
}

impl DeviceChoice {
    /// The same choice, with `auto` decided for this machine.
    pub fn settled(self) -> Self {
        match self {
            Self::Auto if cuda::count() > 0 => Self::Cuda(0),
            Self::Auto => Self::Cpu,
            other => other,
        }
    }

    /// Checks that `device`, which is this choice opened, multiplies matrices in `precision`.
    ///
    /// # Errors
    /// [`DeviceError::Precision`]
    pub fn check(self, device: &Device, precision: Precision) -> Result<(), DeviceError> {
        let refused = |remedy| Err(DeviceError::Precision { device: self.to_string(), precision, remedy });
        match (self.settled(), precision) {
            (_, Precision::Float32) => Ok(()),
            // CUDA's types: bfloat16 and TF32 came with the same generation.
            (Self::Cuda(_), _) if device.supports_dtype(DType::BF16) => Ok(()),
            (Self::Cuda(_), _) => {
                refused("in float32; tf32 and bfloat16 need a GPU of compute capability 8.0 (Ampere)")
            }
            _ => refused("in float32; tf32 and bfloat16 need `--device cuda`"),
        }
    }

    /// Model name of the device, e.g. `NVIDIA H200`, if it is known.
    pub fn model(self) -> Option<String> {
        match self.settled() {
            Self::Auto | Self::Cpu | Self::TchCpu => processor(),
            Self::Cuda(index) => cuda::model(index),
            Self::Wgpu(_) | Self::TchCuda(_) => None,
        }
    }

    /// Opens the device; nothing is probed in a way that could panic.
    ///
    /// # Errors
    /// [`DeviceError::NotCompiled`] or [`DeviceError::NotFound`]
    pub fn open(self) -> Result<Device, DeviceError> {
        let device = self.to_string();
        match self.settled() {
            Self::Auto | Self::Cpu => Ok(Device::flex()),
            Self::Cuda(index) => cuda::open(index, device),
            Self::Wgpu(index) => wgpu::open(index, device),
            Self::TchCpu => tch::open(None, device),
            Self::TchCuda(index) => tch::open(Some(index), device),
        }
    }
}

/// Name of the first processor, as Linux reports it.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Every kind of device by name, whether it is compiled in, and how many are usable.
pub fn survey() -> Vec<(&'static str, bool, usize)> {
    vec![
        ("cpu", true, 1),
        ("cuda", cfg!(feature = "cuda"), cuda::count()),
        ("wgpu", cfg!(feature = "wgpu"), wgpu::count()),
        ("tch", cfg!(feature = "tch"), usize::from(cfg!(feature = "tch"))),
    ]
}

mod cuda {
    use super::{Device, DeviceError};

    #[cfg(feature = "cuda")]
    pub(super) fn count() -> usize {
        // Enumeration looks for the driver library first, so it is safe on a machine without one.
        Device::enumerate(burn::tensor::DeviceType::Cuda).iter().count()
    }

    #[cfg(feature = "cuda")]
    pub(super) fn open(index: usize, device: String) -> Result<Device, DeviceError> {
        match count() {
            0 => Err(DeviceError::NotFound { device, reason: "no NVIDIA driver or GPU on this machine".into() }),
            n if index >= n => {
                Err(DeviceError::NotFound { device, reason: format!("this machine has {n} GPU(s), numbered from 0") })
            }
            _ => Ok(Device::cuda(index)),
        }
    }

    /// Name of the GPU in the driver, which numbers devices as `Device::cuda` does.
    #[cfg(feature = "cuda")]
    pub(super) fn model(index: usize) -> Option<String> {
        // Without a driver the crate panics, since it cannot load the library.
        if index >= count() {
            return None;
        }
        cudarc::driver::CudaContext::new(index).ok()?.name().ok()
    }

    #[cfg(not(feature = "cuda"))]
    pub(super) fn model(_index: usize) -> Option<String> {
        None
    }

    #[cfg(not(feature = "cuda"))]
    pub(super) fn count() -> usize {
        0
    }

    #[cfg(not(feature = "cuda"))]
    pub(super) fn open(_index: usize, device: String) -> Result<Device, DeviceError> {
        Err(DeviceError::NotCompiled { device, feature: "cuda" })
    }
}

mod wgpu {
    use super::{Device, DeviceError};

    #[cfg(feature = "wgpu")]
    pub(super) fn count() -> usize {
        Device::enumerate(burn::tensor::DeviceType::Wgpu).iter().count()
    }

    #[cfg(feature = "wgpu")]
    pub(super) fn open(index: usize, device: String) -> Result<Device, DeviceError> {
        let devices = Device::enumerate(burn::tensor::DeviceType::Wgpu);
        match devices.get(index) {
            Some(found) => Ok(found.clone()),
            None => {
                let reason = format!("this machine has {} adapter(s), numbered from 0", devices.iter().count());
                Err(DeviceError::NotFound { device, reason })
            }
        }
    }

    #[cfg(not(feature = "wgpu"))]
    pub(super) fn count() -> usize {
        0
    }

    #[cfg(not(feature = "wgpu"))]
    pub(super) fn open(_index: usize, device: String) -> Result<Device, DeviceError> {
        Err(DeviceError::NotCompiled { device, feature: "wgpu" })
    }
}

mod tch {
    use super::{Device, DeviceError};

    #[cfg(feature = "tch")]
    #[expect(deprecated, reason = "LibTorch is offered as long as Burn ships it")]
    pub(super) fn open(cuda: Option<usize>, device: String) -> Result<Device, DeviceError> {
        use kernels::libtorch;

        let missing = |reason: String| Err(DeviceError::NotFound { device: device.clone(), reason });
        // LibTorch panics at the first tensor on a GPU that is not there.
        match (cuda, libtorch::gpus()) {
            (Some(_), _) if !libtorch::has_cuda() => return missing("this build's LibTorch has no CUDA".into()),
            (Some(_), 0) => return missing("no NVIDIA driver or GPU on this machine".into()),
            (Some(index), n) if index >= n => return missing(format!("this machine has {n} GPU(s), numbered from 0")),
            _ => {}
        }
        libtorch::prepare(rayon::current_num_threads());
        // What else may be wrong with a GPU shows at the first tensor.
        std::panic::catch_unwind(|| {
            let opened = match cuda {
                None => Device::libtorch(),
                Some(index) => Device::libtorch_cuda(index),
            };
            burn::tensor::Tensor::<1>::zeros([1], &opened);
            opened
        })
        .or_else(|_| missing("LibTorch could not use it".into()))
    }

    #[cfg(not(feature = "tch"))]
    pub(super) fn open(_cuda: Option<usize>, device: String) -> Result<Device, DeviceError> {
        Err(DeviceError::NotCompiled { device, feature: "tch" })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in ["auto", "cpu", "cuda:1", "wgpu:0", "tch", "tch:cuda:2"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn unknown_names_are_refused() {
        for name in ["", "gpu", "cuda:x", "cuda:", "tch:rocm", "cpu:0", "cuda:1:2"] {
            assert_eq!(name.parse::<DeviceChoice>(), Err(DeviceError::Unknown(name.into())));
        }
    }

    #[test]
    fn the_cpu_refuses_to_round() {
        let device = Device::flex();
        assert_eq!(DeviceChoice::Cpu.check(&device, Precision::Float32), Ok(()));
        for precision in [Precision::Tf32, Precision::Bfloat16] {
            let error = DeviceChoice::Cpu.check(&device, precision).unwrap_err();
            assert!(
                matches!(error, DeviceError::Precision { precision: refused, .. } if refused == precision),
                "{error}"
            );
        }
    }

    #[cfg(feature = "tch")]
    #[test]
    fn libtorch_says_what_its_gpu_lacks() {
        let absent = DeviceChoice::TchCuda(kernels::libtorch::gpus());
        let error = absent.open().unwrap_err();
        assert!(matches!(error, DeviceError::NotFound { .. }), "{error}");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_is_not_compiled_in_names_its_feature() {
        let error = DeviceChoice::Cuda(0).open().unwrap_err();
        assert!(matches!(error, DeviceError::NotCompiled { feature: "cuda", .. }), "{error}");
    }
}
