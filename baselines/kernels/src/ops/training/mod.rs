//! What only training needs: the loss and the updates of parameters.

operations! {
    adam,
    cross_entropy,
}
