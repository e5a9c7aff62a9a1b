//! Embedding → body → read-out → head, and the object-safe [`Model`] that the training loop sees.
