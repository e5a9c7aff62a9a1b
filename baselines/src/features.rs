//! Features over one to three axes of positions: what flows from layer to layer.

use burn::tensor::Tensor;

/// Features `[batch, channels, positions…]` of rank 1, 2 or 3.
#[derive(Debug, Clone)]
pub enum Features {
    /// `[batch, channels, length]`
    Line(Tensor<3>),
    /// `[batch, channels, height, width]`
    Plane(Tensor<4>),
    /// `[batch, channels, depth, height, width]`
    Volume(Tensor<5>),
}

impl Features {
    /// `[batch, channels, positions…]`
    pub fn dims(&self) -> Vec<usize> {
        match self {
            Self::Line(x) => x.dims().to_vec(),
            Self::Plane(x) => x.dims().to_vec(),
            Self::Volume(x) => x.dims().to_vec(),
        }
    }

    /// All positions on one axis, row-major: `[batch, channels, positions]`.
    pub fn flatten(self) -> Tensor<3> {
        let dims = self.dims();
        let flat = [dims[0], dims[1], dims[2..].iter().product()];
        match self {
            Self::Line(x) => x,
            Self::Plane(x) => x.reshape(flat),
            Self::Volume(x) => x.reshape(flat),
        }
    }

    /// The inverse of [`flatten`](Self::flatten), for `shape` positions per axis, one to three axes.
    pub fn from_flat(x: Tensor<3>, shape: &[usize]) -> Self {
        let [b, c, _] = x.dims();
        match *shape {
            [h, w] => Self::Plane(x.reshape([b, c, h, w])),
            [d, h, w] => Self::Volume(x.reshape([b, c, d, h, w])),
            _ => Self::Line(x),
        }
    }
    /// `map`, which keeps the positions, over the flattened features.
    pub fn map_flat(self, map: impl FnOnce(Tensor<3>) -> Tensor<3>) -> Self {
        let shape = self.dims();
        Self::from_flat(map(self.flatten()), &shape[2..])
    }
}
