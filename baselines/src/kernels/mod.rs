//! Fused operations with hand-written gradients.
