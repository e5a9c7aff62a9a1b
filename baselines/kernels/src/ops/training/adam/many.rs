//! Updates of many parameters at once, which GPUs make in few launches.

use burn::backend::{Dispatch, TensorMetadata, backend_extension};

use super::{Adam, AdamState, AdamUpdate};
use crate::operation::prelude::*;

/// A backend that updates many parameters at once.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"))]
pub(crate) trait UpdateMany: Kernels {
    /// Parameter and moments after the update of every four of `operands`: parameter, gradient and both moments.
    fn update_many(#[extension_type] operands: Inputs<Self>, update: AdamUpdate) -> Vec<FloatTensor<Self>>;
}

/// One parameter after the other.
fn one_by_one<B: Kernels>(operands: Inputs<B>, update: AdamUpdate) -> Vec<FloatTensor<B>> {
    let mut operands = operands.0.into_iter();
    let mut updated = Vec::new();
    while let Some(value) = operands.next() {
        let all = std::iter::once(value).chain(operands.by_ref().take(3)).collect();
        updated.extend(B::run(Adam(update), Inputs(all)));
    }
    updated
}

impl UpdateMany for Flex {
    fn update_many(operands: Inputs<Self>, update: AdamUpdate) -> Vec<FloatTensor<Self>> {
        one_by_one(operands, update)
    }
}

#[cfg(feature = "cube")]
impl UpdateMany for Cube {
    fn update_many(operands: Inputs<Self>, update: AdamUpdate) -> Vec<FloatTensor<Self>> {
        if !super::cube::applies(&operands.0) {
            return one_by_one(operands, update);
        }
        let mut operands = operands.0.into_iter();
        let mut all = Vec::new();
        while let Some(value) = operands.next() {
            all.push(take(std::iter::once(value).chain(operands.by_ref().take(3)).collect()));
        }
        super::cube::step(all, update).into_iter().flatten().collect()
    }
}

#[cfg(feature = "tch")]
impl UpdateMany for burn::backend::LibTorch {
    fn update_many(operands: Inputs<Self>, update: AdamUpdate) -> Vec<FloatTensor<Self>> {
        one_by_one(operands, update)
    }
}

/// See [`adam`](super::adam).
pub(super) fn update(parameters: Vec<(AdamState, AdamUpdate)>) -> Vec<(Tensor<1>, [Tensor<1>; 2])> {
    let mut updated: Vec<Option<(Tensor<1>, [Tensor<1>; 2])>> = parameters.iter().map(|_| None).collect();
    // Few rules, in the order in which they first come.
    let mut rules: Vec<(AdamUpdate, Vec<(usize, AdamState)>)> = Vec::new();
    for (place, (state, rule)) in parameters.into_iter().enumerate() {
        match rules.iter_mut().find(|(other, _)| *other == rule) {
            Some((_, members)) => members.push((place, state)),
            None => rules.push((rule, vec![(place, state)])),
        }
    }
    for (rule, members) in rules {
        let mut places = Vec::new();
        let mut operands = Vec::new();
        for (place, AdamState { value, gradient, moments }) in members {
            if value.shape().num_elements() == 0 {
                updated[place] = Some((value.clone(), [value.clone(), value]));
                continue;
            }
            let [first, second] = moments.unwrap_or_else(|| [gradient.zeros_like(), gradient.zeros_like()]);
            let state = [value, gradient, first, second].map(Tensor::into_dispatch);
            Adam(rule).shape(&state.each_ref().map(TensorMetadata::shape));
            places.push(place);
            operands.extend(state);
        }
        if operands.is_empty() {
            continue;
        }
        let mut found = Dispatch::update_many(Inputs(operands), rule).into_iter().map(Tensor::from_dispatch);
        for place in places {
            updated[place] = (|| Some((found.next()?, [found.next()?, found.next()?])))();
        }
    }
    updated.into_iter().flatten().collect()
}
