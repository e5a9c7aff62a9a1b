//! Arithmetic on a backend's float primitives, so that composed fallbacks read as formulas.

use std::ops::{Add, Mul, Range, Sub};

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::{Shape, Slice};

use crate::operation::Kernels;
use crate::ops::Matmul;
use crate::precision::Precision;

/// A float tensor outside autodiff.
pub(crate) struct Value<B: Backend>(pub(crate) FloatTensor<B>);

impl<B: Backend> Clone for Value<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Backend> Add for Value<B> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(B::float_add(self.0, other.0))
    }
}

impl<B: Backend> Sub for Value<B> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(B::float_sub(self.0, other.0))
    }
}

impl<B: Backend> Mul for Value<B> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(B::float_mul(self.0, other.0))
    }
}

impl<B: Backend> Value<B> {
    pub(crate) fn dim(&self, axis: usize) -> usize {
        self.0.shape()[axis]
    }

    /// A tensor of zeros with the device and type of `self`.
    pub(crate) fn zeros_like(&self, shape: impl Into<Shape>) -> Self {
        Self(B::float_zeros(shape.into(), &self.0.device(), self.0.dtype().into()))
    }

    pub(crate) fn scale(self, factor: f64) -> Self {
        Self(B::float_mul_scalar(self.0, factor.into()))
    }

    pub(crate) fn shift(self, offset: f64) -> Self {
        Self(B::float_add_scalar(self.0, offset.into()))
    }

    /// 1 − x
    pub(crate) fn complement(self) -> Self {
        self.scale(-1.0).shift(1.0)
    }

    pub(crate) fn sigmoid(self) -> Self {
        Self(B::sigmoid(self.0))
    }

    pub(crate) fn tanh(self) -> Self {
        Self(B::float_tanh(self.0))
    }

    pub(crate) fn permute(self, axes: &[usize]) -> Self {
        Self(B::float_permute(self.0, axes))
    }

    pub(crate) fn reshape(self, shape: impl Into<Shape>) -> Self {
        Self(B::float_reshape(self.0, shape.into()))
    }

    /// The elements `range` along `axis`.
    pub(crate) fn narrow(self, axis: usize, range: Range<usize>) -> Self {
        let shape = self.0.shape();
        if range.start == 0 && range.end == shape[axis] {
            return self;
        }
        let slices: Vec<Slice> = (0..shape.num_dims())
            .map(|a| if a == axis { Slice::from(range.clone()) } else { Slice::from(0..shape[a]) })
            .collect();
        Self(B::float_slice(self.0, &slices))
    }

    /// `before` and `after` zeros along `axis`.
    pub(crate) fn pad(self, axis: usize, before: usize, after: usize) -> Self {
        let zeros = |this: &Self, n: usize| {
            let mut shape = this.0.shape();
            shape[axis] = n;
            this.zeros_like(shape)
        };
        match (before, after) {
            (0, 0) => self,
            (_, 0) => Self::cat(vec![zeros(&self, before), self], axis),
            (0, _) => {
                let end = zeros(&self, after);
                Self::cat(vec![self, end], axis)
            }
            _ => Self::cat(vec![zeros(&self, before), self.clone(), zeros(&self, after)], axis),
        }
    }

    pub(crate) fn cat(parts: Vec<Self>, axis: usize) -> Self {
        Self(B::float_cat(parts.into_iter().map(|part| part.0).collect(), axis))
    }

    /// Sum along `axis`, which keeps length one.
    pub(crate) fn sum(self, axis: usize) -> Self {
        Self(B::float_sum_dim(self.0, axis))
    }
}

impl<B: Kernels> Value<B> {
    /// A matrix product, the operands rounded to `precision` on GPUs.
    pub(crate) fn matmul(self, other: Self, precision: Precision) -> Self {
        Self(Matmul { precision }.of::<B>(self.0, other.0))
    }
}
