//! Minimal gated recurrences, minGRU and minLSTM, from the sums before their gates: the logistic functions and the linear scan
//! in one pass, of which nothing but the states is kept (Feng et al. 2024, arXiv 2410.01201).

mod cell;
mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;

use crate::operation::prelude::*;

pub use cell::MinCell;

/// The sums for candidates and gates, `[batch, parts · states, length]`, to the states `[batch, states, length]`.
#[derive(Debug, Clone)]
struct MinimalScan {
    cell: MinCell,
}

tested!(MinimalScan);

impl Operation<1> for MinimalScan {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["minimal recurrence", "minimal recurrence backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;

    fn shape(&self, [x]: &[Shape; 1]) -> Shape {
        let (cell, parts) = (self.cell, self.cell.parts());
        assert!(x[1].is_multiple_of(parts), "{cell:?} needs {parts} sums per state, not {} in all", x[1]);
        Shape::from([x[0], x[1] / parts, x[2]])
    }

    /// The sums and the states.
    fn save<B: Kernels>(&self, [x]: [FloatTensor<B>; 1], outputs: &[FloatTensor<B>]) -> Tensors<B> {
        std::iter::once(x).chain(outputs.iter().cloned()).collect()
    }

    fn composed<B: Kernels>(&self, [x]: [FloatTensor<B>; 1]) -> Tensors<B> {
        vec![composed::forward::<B>(self.cell, x)]
    }

    fn composed_backward<B: Kernels>(&self, saved: Tensors<B>, g: FloatTensor<B>, _wanted: [bool; 1]) -> Grads<B, 1> {
        let [x, h] = take(saved);
        [Some(composed::backward::<B>(self.cell, x, h, g))]
    }

    fn flex<T: Element>(&self, [x]: [FlexTensor; 1]) -> Tensors<Flex> {
        vec![flex::forward::<T>(self.cell, &x)]
    }

    fn flex_backward<T: Element>(&self, saved: Tensors<Flex>, g: FlexTensor, _wanted: [bool; 1]) -> Grads<Flex, 1> {
        let [x, h] = take(saved);
        [Some(flex::backward::<T>(self.cell, &[x, h, g]))]
    }

    #[cfg(feature = "cube")]
    fn cube(&self, [x]: &[CubeTensor; 1]) -> Option<Tensors<Cube>> {
        Some(vec![cube::forward(self.cell, x)?])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, _wanted: [bool; 1]) -> Option<Grads<Cube, 1>> {
        let [x, h] = saved else { return None };
        Some([Some(cube::backward(self.cell, x, h, g)?)])
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 1>> {
        // Shorter than a block of the kernel, longer, and no multiple of it; gates that open and shut.
        let sizes = [([3, 4, 50], 2.0), ([1, 2, 2], 1.0), ([2, 3, 300], 5.0)];
        let of = |cell: MinCell, ([batch, states, length], spread): ([usize; 3], f64)| {
            let x = Sample::new([batch, cell.parts() * states, length], 1).map(|x| spread * x);
            (Self { cell }, [x])
        };
        [MinCell::Gru, MinCell::Lstm].into_iter().flat_map(|cell| sizes.map(|size| of(cell, size))).collect()
    }
}

/// The states of a minimal recurrence, `[batch, states, length]`, from zero, for the sums `x` before its candidates and gates,
/// `[batch, parts · states, length]`.
///
/// `h[t] = (1 − z) h[t − 1] + z g(v)` with `g(v) = v + ½` for `v ≥ 0` and `σ(v)` below. minGRU has the parts `v` and `k`, and
/// `z = σ(k)`; minLSTM has `v`, `f` and `i`, and `z = σ(i) / (σ(f) + σ(i))`.
///
/// # Panics
/// If the number of sums is no multiple of the number of parts.
pub fn minimal_scan(x: Tensor<3>, cell: MinCell) -> Tensor<3> {
    first(MinimalScan { cell }, [x.into_dispatch()])
}
