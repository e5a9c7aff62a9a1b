//! Complex tensors as pairs of real ones.

use burn::tensor::Tensor;

/// A complex tensor, as its real and imaginary part.
#[derive(Debug, Clone)]
pub(crate) struct Complex<const D: usize> {
    pub(crate) re: Tensor<D>,
    pub(crate) im: Tensor<D>,
}

impl<const D: usize> Complex<D> {
    pub(crate) fn new(re: Tensor<D>, im: Tensor<D>) -> Self {
        Self { re, im }
    }

    /// From the layout of `torch.view_as_real`, whose last of `E = D + 1` axes holds the two parts.
    pub(crate) fn of_pairs<const E: usize>(pairs: Tensor<E>) -> Self {
        let part = |at| pairs.clone().narrow(D, at, 1).squeeze_dim::<D>(D);
        Self::new(part(0), part(1))
    }

    pub(crate) fn conj(self) -> Self {
        Self::new(self.re, self.im.neg())
    }

    /// The product, broadcast over axes of length one.
    pub(crate) fn mul(self, other: Self) -> Self {
        let re = self.re.clone() * other.re.clone() - self.im.clone() * other.im.clone();
        Self::new(re, self.re * other.im + self.im * other.re)
    }

    /// The product with a real tensor, broadcast over axes of length one.
    pub(crate) fn scale(self, factor: Tensor<D>) -> Self {
        Self::new(self.re * factor.clone(), self.im * factor)
    }

    /// `map` on both parts.
    pub(crate) fn map<const E: usize>(self, map: impl Fn(Tensor<D>) -> Tensor<E>) -> Complex<E> {
        Complex { re: map(self.re), im: map(self.im) }
    }

    /// Joined along `axis`.
    pub(crate) fn cat(parts: Vec<Self>, axis: usize) -> Self {
        let (re, im) = parts.into_iter().map(|part| (part.re, part.im)).unzip();
        Self::new(Tensor::cat(re, axis), Tensor::cat(im, axis))
    }

    pub(crate) fn parts(self) -> [Tensor<D>; 2] {
        [self.re, self.im]
    }
}
