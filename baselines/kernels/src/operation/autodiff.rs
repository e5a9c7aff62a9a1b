//! The node of an operation in the gradient graph.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend};

use super::contract::Operation;
use super::contract::{KernelGradients, Kernels};
use super::inputs::Inputs;

/// An operation in the graph.
#[derive(Debug)]
struct Node<O>(O);

impl<O: Operation<N>, B: KernelGradients, const N: usize> Backward<B, N> for Node<O> {
    /// What [`Operation::save`] returned.
    type State = Vec<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = B::backward(self.0, ops.state, g, wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: KernelGradients, C: CheckpointStrategy> Kernels for Autodiff<B, C> {
    fn run<O: Operation<N>, const N: usize>(operation: O, inputs: Inputs<Self>) -> Vec<FloatTensor<Self>> {
        let constant = |tensor: FloatTensor<B>| <Self as AutodiffBackend>::from_inner(tensor);
        let mut inputs = inputs.0;
        for input in inputs.iter_mut().skip(O::DIFFERENTIABLE) {
            *input = constant(input.clone().into_primitive());
        }
        let inputs = Inputs::<Self>(inputs).array::<N>();
        let guards = inputs.each_ref().map(|input| input.node());
        let inputs = inputs.map(|input| input.into_primitive());
        let prepared = Backward::<B, N>::prepare::<C>(Node(operation.clone()), guards);
        let (first, mut others) = match prepared.compute_bound().stateful() {
            OpsKind::Tracked(node) => {
                let [mut outputs, saved] = B::tracked(operation, inputs);
                let first = outputs.remove(0);
                (node.finish(saved, first), outputs)
            }
            OpsKind::UnTracked(node) => {
                let mut outputs = B::run(operation, Inputs::<B>(inputs.into()));
                let first = outputs.remove(0);
                (node.finish(first), outputs)
            }
        };
        others.truncate(O::OUTPUTS - 1);
        std::iter::once(first).chain(others.into_iter().map(constant)).collect()
    }
}
