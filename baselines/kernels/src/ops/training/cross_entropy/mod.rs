//! The cross-entropy of labels: softmax, logarithm, choice and mean in one operation, on positions as they lie.

mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod labels;
#[cfg(feature = "tch")]
mod libtorch;

use self::labels::Labels;
use crate::operation::prelude::*;

/// Logits `[batch, classes, positions]` to the mean over the labels that count, `[1]`.
#[derive(Debug, Clone)]
struct CrossEntropy {
    labels: Labels,
}

tested!(CrossEntropy);

impl Operation<1> for CrossEntropy {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["cross-entropy", "cross-entropy backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;

    fn shape(&self, [logits]: &[Shape; 1]) -> Shape {
        let classes = logits[1];
        assert_eq!(self.labels.len(), logits[0] * logits[2], "labels for logits {logits:?}");
        let within = |&label: &i32| label < 0 || (label as usize) < classes;
        assert!(self.labels.iter().all(within), "a label is not below {classes}");
        Shape::from([1])
    }

    fn composed<B: Kernels>(&self, [logits]: [FloatTensor<B>; 1]) -> Tensors<B> {
        vec![composed::forward::<B>(logits, &self.labels)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 1]) -> Grads<B, 1> {
        let [logits] = take(saved);
        [Some(composed::backward::<B>(logits, &self.labels, g))]
    }

    fn flex<T: Element>(&self, [logits]: [FlexTensor; 1]) -> Tensors<Flex> {
        vec![flex::forward::<T>(logits, &self.labels)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, _wanted: [bool; 1]) -> Grads<Flex, 1> {
        let [logits] = take(saved);
        [Some(flex::backward::<T>(logits, &self.labels, g))]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [logits]: &[CubeTensor; 1]) -> Option<Tensors<Cube>> {
        cube::forward(logits, &self.labels).map(|mean| vec![mean])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 1]) -> Option<Grads<Cube, 1>> {
        let [logits] = saved else { return None };
        cube::backward(logits, &self.labels, g).map(|d| [Some(d)])
    }

    #[cfg(feature = "tch")]
    fn libtorch_recorded(&self, inputs: [&TchTensor; 1]) -> Option<Vec<TchTensor>> {
        Some(libtorch::forward(inputs, &self.labels))
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 1>> {
        let of = |classes: usize, positions: usize| {
            let labels = (0..3 * positions).map(|i| (i * 7 % (classes + 1)) as i32 - 1).collect();
            (Self { labels }, [Sample::new([3, classes, positions], 1).map(|x| 4.0 * x)])
        };
        vec![of(7, 70), of(66, 33), of(2, 1)]
    }
}

/// Mean of `−log softmax(logits)[label]` over the labels of at least zero: logits `[batch, classes, positions]`, labels
/// `[batch, positions]`, row-major. Zero where no label counts. Returns `[1]`.
///
/// # Panics
/// If the number of labels is not `batch · positions`, or a label is not below `classes`.
pub fn cross_entropy(logits: Tensor<3>, labels: &[i32]) -> Tensor<1> {
    first(CrossEntropy { labels: labels.into() }, [logits.into_dispatch()])
}
