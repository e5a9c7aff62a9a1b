//! LibTorch's attention, which never holds all scores at once either.

use tch::Tensor;

use super::spec::ScaledDotProduct;

/// Added to the score of a key that may not be looked at: as good as minus infinity, but for rows of nothing else.
const FORBIDDEN: f64 = -1e20;

/// The output; `None` for windows, and where both the order and a list of keys forbid some, for whose mask LibTorch wants a
/// value per query and key.
pub(super) fn forward([q, k, v, valid]: [&Tensor; 4], operation: &ScaledDotProduct) -> Option<Vec<Tensor>> {
    let attention = operation.attention;
    if attention.window.is_some() || (attention.causal && operation.masked) {
        return None;
    }
    let (size, heads) = (q.size(), attention.heads as i64);
    let (batch, channels, length) = (size[0], size[1], size[2]);
    let apart = |x: &Tensor| x.reshape([batch, heads, channels / heads, length]).transpose(2, 3).contiguous();
    let [q, k, v] = [q, k, v].map(apart);
    let mask = operation.masked.then(|| ((valid - 1.0) * -FORBIDDEN).view([batch, 1, 1, length]));
    let y = Tensor::scaled_dot_product_attention(&q, &k, &v, mask.as_ref(), 0.0, attention.causal, None, false);
    let y = y.transpose(2, 3).reshape([batch, channels, length]);
    // A sequence without any key that may be looked at gives zeros.
    Some(vec![if operation.masked { y * valid.amax([1].as_slice(), true).unsqueeze(2) } else { y }])
}
