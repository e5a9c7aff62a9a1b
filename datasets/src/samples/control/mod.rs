//! Controls: what is left of a task without the order of its positions?
//!
//! Every task of one axis takes two settings beside its own. `order` shows the positions of every sample in one fixed other
//! order, on which a network is trained anew: where its score stays, it did not use what lay next to what. `bag` shows how often
//! every value occurs, and nothing else. Both are made of the samples of any task by one wrapper, and change nothing where they
//! are left out.

mod bag;
mod order;
mod settings;
#[cfg(test)]
mod tests;
mod wrapper;

pub use self::{
    order::{ORDER_VERSION, Order},
    settings::Controls,
    wrapper::control,
};
