//! Updates of Adam and AdamW, one pass over parameter, gradient and moments.

pub mod composed;
mod flex;

#[cfg(any(feature = "cube", feature = "tch"))]
use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

#[cfg(any(feature = "cube", feature = "tch"))]
use crate::profile::timed;

/// The numbers of one update (Kingma and Ba 2015; Loshchilov and Hutter 2019; update rule of `torch.optim`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// Decay rates of the two moments, each in [0, 1).
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Learning rate of this parameter.
    pub rate: f64,
    /// Weight decay of this parameter.
    pub decay: f64,
    /// Whether the decay shrinks the parameter (AdamW); otherwise it is added to the gradient (Adam).
    pub decoupled: bool,
    /// Number of this update, from 1.
    pub number: u64,
}

/// The factors that an update multiplies by.
#[derive(Debug, Clone, Copy)]
struct Factors {
    /// Of the parameter, added to the gradient.
    coupled_decay: f64,
    /// Of the parameter, before it is updated.
    shrinkage: f64,
    betas: [f64; 2],
    /// Of the root of the second moment.
    root: f64,
    epsilon: f64,
    /// Of first moment over root.
    rate: f64,
}

impl From<Update> for Factors {
    fn from(update: Update) -> Self {
        let [correction1, correction2] = update.betas.map(|beta| 1.0 - beta.powf(update.number as f64));
        Self {
            coupled_decay: if update.decoupled { 0.0 } else { update.decay },
            shrinkage: if update.decoupled { 1.0 - update.rate * update.decay } else { 1.0 },
            betas: update.betas,
            root: 1.0 / correction2.sqrt(),
            epsilon: update.epsilon,
            rate: update.rate / correction1,
        }
    }
}

/// The update as a backend operation. It has no gradient.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"))]
pub trait AdamOps: Backend {
    /// Parameter, gradient and both moments, all of one shape; returns parameter and moments after the update.
    fn adam(
        value: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        update: Update,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

#[cfg(any(feature = "cube", feature = "tch"))]
macro_rules! composed_backend {
    ($backend:ty) => {
        impl AdamOps for $backend {
            fn adam(
                value: FloatTensor<Self>,
                gradient: FloatTensor<Self>,
                first: FloatTensor<Self>,
                second: FloatTensor<Self>,
                update: Update,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                let device = value.device();
                timed::<Self, _>("adam", &device, || composed::step::<Self>([value, gradient, first, second], update))
            }
        }
    };
}

#[cfg(feature = "cube")]
composed_backend!(burn::backend::Cube);
#[cfg(feature = "tch")]
composed_backend!(burn::backend::LibTorch);

/// One update of the parameter `value` `[elements]` along `gradient`, outside autodiff; without `moments` both begin at
/// zero. Returns the parameter and the moments after it.
///
/// # Panics
/// If the shapes differ.
pub fn adam(
    value: Tensor<1>,
    gradient: Tensor<1>,
    moments: Option<[Tensor<1>; 2]>,
    update: Update,
) -> (Tensor<1>, [Tensor<1>; 2]) {
    let [first, second] = moments.unwrap_or_else(|| [gradient.zeros_like(), gradient.zeros_like()]);
    for other in [&gradient, &first, &second] {
        assert_eq!(other.dims(), value.dims(), "gradient and moments have the shape of the parameter");
    }
    let (value, first, second) = <Dispatch as AdamOps>::adam(
        value.into_dispatch(),
        gradient.into_dispatch(),
        first.into_dispatch(),
        second.into_dispatch(),
        update,
    );
    (Tensor::from_dispatch(value), [first, second].map(Tensor::from_dispatch))
}
