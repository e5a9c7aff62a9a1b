//! How the taps of a convolution lie.

/// How the taps of a convolution lie, per axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taps {
    /// Positions from one output to the next.
    pub stride: [usize; 2],
    /// Positions from one tap to the next.
    pub dilation: [usize; 2],
    /// Zeros in front of and behind the axis.
    pub padding: [usize; 2],
}

impl Taps {
    /// Outputs along `axis` for `size` positions and `taps` taps.
    pub(super) fn outputs(&self, axis: usize, size: usize, taps: usize) -> usize {
        let reach = self.dilation[axis] * (taps - 1) + 1;
        (size + 2 * self.padding[axis] + self.stride[axis]).saturating_sub(reach) / self.stride[axis]
    }
}
