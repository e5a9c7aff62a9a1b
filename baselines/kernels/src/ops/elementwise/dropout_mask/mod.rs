//! Masks of dropout from a counter-based stream, the same on every device.

#[cfg(feature = "cube")]
mod cube;
mod host;

use burn::backend::{Dispatch, TensorMetadata, backend_extension};
use burn::tensor::TensorData;

use crate::operation::prelude::*;

/// A mask of zeros and factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropoutMask {
    /// Length of every axis.
    pub shape: [usize; 3],
    /// Probability that an element is dropped, at least 0 and below 1.
    pub probability: f64,
    /// Key of the stream.
    pub seed: u64,
    /// Number of the stream of this key.
    pub stream: u64,
}

impl DropoutMask {
    /// Factor on what is kept, so that the mean stays.
    pub fn factor(&self) -> f32 {
        (1.0 / (1.0 - self.probability)) as f32
    }

    /// The largest word of the stream that keeps its element.
    fn threshold(&self) -> u32 {
        ((1.0 - self.probability) * f64::from(u32::MAX)) as u32
    }

    fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The mask where `like` is, an autodiff tensor if that is one: [`factor`](Self::factor) where the word of an element's place
    /// in the stream, ChaCha with 8 rounds, is small enough, else 0.
    pub fn like<const D: usize>(self, like: &Tensor<D>) -> Tensor<3> {
        let inner = like.clone().inner();
        let mask = Dispatch::dropout_mask(Inputs(vec![inner.into_dispatch()]), self).swap_remove(0);
        let mask = Tensor::from_dispatch(mask);
        if like.is_autodiff() { mask.autodiff() } else { mask }
    }
}

/// A backend that makes masks.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"))]
pub(crate) trait DropoutMasks: Kernels {
    /// The mask, on the device and in the type of the only one of `like`.
    fn dropout_mask(#[extension_type] like: Inputs<Self>, mask: DropoutMask) -> Vec<FloatTensor<Self>>;
}

fn on_host<B: Kernels>(like: Inputs<B>, mask: DropoutMask) -> Vec<FloatTensor<B>> {
    let [like] = like.array::<1>();
    let data = TensorData::new(host::values(mask), mask.shape).convert_dtype(like.dtype());
    vec![B::float_from_data(data, &like.device())]
}

impl DropoutMasks for Flex {
    fn dropout_mask(like: Inputs<Self>, mask: DropoutMask) -> Vec<FloatTensor<Self>> {
        on_host(like, mask)
    }
}

#[cfg(feature = "tch")]
impl DropoutMasks for burn::backend::LibTorch {
    fn dropout_mask(like: Inputs<Self>, mask: DropoutMask) -> Vec<FloatTensor<Self>> {
        on_host(like, mask)
    }
}

#[cfg(feature = "cube")]
impl DropoutMasks for Cube {
    fn dropout_mask(like: Inputs<Self>, mask: DropoutMask) -> Vec<FloatTensor<Self>> {
        let [tensor] = like.array::<1>();
        match cube::mask(&tensor, mask) {
            Some(mask) => vec![mask],
            None => on_host(Inputs::<Self>(vec![tensor]), mask),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::tensor::Device;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    use super::*;

    fn mask() -> DropoutMask {
        DropoutMask { shape: [3, 7, 7_001], probability: 0.25, seed: 7, stream: 5 << 16 | 3 }
    }

    /// One word after the other.
    fn expected() -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(mask().seed);
        rng.set_stream(mask().stream);
        let kept = |word: u32| if word <= mask().threshold() { mask().factor() } else { 0.0 };
        (0..mask().elements()).map(|_| kept(rng.next_u32())).collect()
    }

    fn found(device: &Device) -> Vec<f32> {
        mask().like(&Tensor::<1>::zeros([1], device)).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn every_element_of_a_mask_takes_the_word_of_its_place() {
        let values = expected();
        assert_eq!(found(&Device::flex()), values);
        let kept = values.iter().filter(|&&value| value > 0.0).count() as f64;
        assert!((kept / values.len() as f64 - 0.75).abs() < 0.01);
    }

    #[cfg(feature = "wgpu")]
    #[test]
    #[ignore = "needs a GPU or software Vulkan"]
    fn masks_are_the_same_on_a_gpu() {
        let device = Device::enumerate(burn::tensor::DeviceType::Wgpu).first().unwrap().clone();
        assert_eq!(found(&device), expected());
    }
}
