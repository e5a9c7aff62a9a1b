//! The fused kernels against plain loops in f64 and finite differences. (Each has a test against its composed form beside its
//! declaration.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use baselines::kernels::{
    Activation, AdamState, AdamUpdate, Alignment, Precision, RnnCell, Taps, activate_and_add, adam, add_and_activate,
    batch_norm, channel_affine, channel_bias, conv2d, cross_entropy, gelu, glu, gru, layer_norm, long_conv1d,
    long_conv1d_dense, long_conv2d, long_conv2d_dense, lstm, masked, pointwise, rnn, weighted_sum,
};
use burn::tensor::module::conv2d as burn_conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Tensor, TensorData};
use proptest::prelude::*;

/// Values in (−1, 1) from a fixed stream.
fn values(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect()
}

fn tensor<const D: usize>(values: &[f64], shape: [usize; D], dtype: DType) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&Device::flex().autodiff(), dtype))
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}[{i}]: {a} instead of {b} (scale {scale})");
    }
}

fn tolerance(dtype: DType) -> f64 {
    if dtype == DType::F64 { 1e-10 } else { 2e-5 }
}

/// One convolution of the test: sizes and alignment.
#[derive(Debug, Clone, Copy)]
struct Conv {
    batch: usize,
    input: usize,
    output: usize,
    size: [usize; 2],
    taps: [usize; 2],
    alignment: Alignment,
    depthwise: bool,
}

impl Conv {
    fn depthwise(batch: usize, channels: usize, size: [usize; 2], taps: [usize; 2], alignment: Alignment) -> Self {
        Self { batch, input: channels, output: channels, size, taps, alignment, depthwise: true }
    }

    fn dense(batch: usize, io: [usize; 2], size: [usize; 2], taps: [usize; 2], alignment: Alignment) -> Self {
        Self { batch, input: io[0], output: io[1], size, taps, alignment, depthwise: false }
    }

    fn kernels(&self) -> usize {
        if self.depthwise { self.output } else { self.output * self.input }
    }

    fn data(&self) -> [Vec<f64>; 3] {
        let [h, w] = self.size;
        [
            values(self.batch * self.input * h * w, 1),
            values(self.kernels() * self.taps[0] * self.taps[1], 2),
            values(self.batch * self.output * h * w, 3),
        ]
    }

    /// Output and gradients of `Σ g · y` with respect to x and k, by the definition.
    fn plain(&self, x: &[f64], k: &[f64], g: &[f64]) -> [Vec<f64>; 3] {
        let ([h, w], [kh, kw]) = (self.size, self.taps);
        let left = self.taps.map(|taps| match self.alignment {
            Alignment::Causal => taps as isize - 1,
            Alignment::Centred => (taps / 2) as isize,
        });
        let (mut y, mut dx, mut dk) = (vec![0.0; g.len()], vec![0.0; x.len()], vec![0.0; k.len()]);
        for b in 0..self.batch {
            for o in 0..self.output {
                for i in 0..self.input {
                    if self.depthwise && i != o {
                        continue;
                    }
                    let kernel = if self.depthwise { o } else { o * self.input + i };
                    for (r, c, s, t) in itertools4(h, w, kh, kw) {
                        let (sr, sc) = (r as isize - left[0] + s as isize, c as isize - left[1] + t as isize);
                        if sr < 0 || sc < 0 || sr >= h as isize || sc >= w as isize {
                            continue;
                        }
                        let at_y = ((b * self.output + o) * h + r) * w + c;
                        let at_x = ((b * self.input + i) * h + sr as usize) * w + sc as usize;
                        let at_k = (kernel * kh + s) * kw + t;
                        y[at_y] += k[at_k] * x[at_x];
                        dx[at_x] += k[at_k] * g[at_y];
                        dk[at_k] += g[at_y] * x[at_x];
                    }
                }
            }
        }
        [y, dx, dk]
    }

    /// The same three from the kernel under test.
    fn fused(&self, [x, k, g]: &[Vec<f64>; 3], dtype: DType) -> [Vec<f64>; 3] {
        let ([h, w], [kh, kw]) = (self.size, self.taps);
        let (b, i, o) = (self.batch, self.input, self.output);
        if h == 1 && kh == 1 {
            let x = tensor(x, [b, i, w], dtype).require_grad();
            let (y, k) = if self.depthwise {
                let k = tensor(k, [o, kw], dtype).require_grad();
                (long_conv1d(x.clone(), k.clone(), self.alignment), Ok(k))
            } else {
                let k = tensor(k, [o, i, kw], dtype).require_grad();
                (long_conv1d_dense(x.clone(), k.clone(), self.alignment), Err(k))
            };
            let grads = (y.clone() * tensor(g, [b, o, w], dtype)).sum().backward();
            let dk = match k {
                Ok(k) => read(k.grad(&grads).unwrap()),
                Err(k) => read(k.grad(&grads).unwrap()),
            };
            return [read(y), read(x.grad(&grads).unwrap()), dk];
        }
        let x = tensor(x, [b, i, h, w], dtype).require_grad();
        let (y, k) = if self.depthwise {
            let k = tensor(k, [o, kh, kw], dtype).require_grad();
            (long_conv2d(x.clone(), k.clone(), self.alignment), Ok(k))
        } else {
            let k = tensor(k, [o, i, kh, kw], dtype).require_grad();
            (long_conv2d_dense(x.clone(), k.clone(), self.alignment), Err(k))
        };
        let grads = (y.clone() * tensor(g, [b, o, h, w], dtype)).sum().backward();
        let dk = match k {
            Ok(k) => read(k.grad(&grads).unwrap()),
            Err(k) => read(k.grad(&grads).unwrap()),
        };
        [read(y), read(x.grad(&grads).unwrap()), dk]
    }

    fn check(&self) {
        let data = self.data();
        let expected = self.plain(&data[0], &data[1], &data[2]);
        for dtype in [DType::F32, DType::F64] {
            let found = self.fused(&data, dtype);
            for (what, (found, expected)) in ["y", "dx", "dk"].iter().zip(found.iter().zip(&expected)) {
                assert_close(found, expected, tolerance(dtype), &format!("{self:?} {dtype:?} {what}"));
            }
        }
    }
}

fn itertools4(h: usize, w: usize, kh: usize, kw: usize) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..h * w * kh * kw).map(move |n| (n / (w * kh * kw), n / (kh * kw) % w, n / kw % kh, n % kw))
}

const BOTH: [Alignment; 2] = [Alignment::Causal, Alignment::Centred];

#[test]
fn depthwise_lines() {
    for alignment in BOTH {
        for (length, taps) in [
            (1, 1),
            (1, 4),
            (2, 3),
            (7, 1),
            (7, 2),
            (8, 7),
            (8, 8),
            (9, 30),
            (100, 65),
            (131, 131),
            (130, 300),
            (400, 390),
        ] {
            Conv::depthwise(2, 3, [1, length], [1, taps], alignment).check();
        }
        Conv::depthwise(1, 1, [1, 50], [1, 17], alignment).check();
        Conv::depthwise(37, 1, [1, 33], [1, 20], alignment).check();
    }
}

#[test]
fn dense_lines() {
    for alignment in BOTH {
        for (length, taps) in [(1, 1), (1, 3), (5, 2), (20, 7), (33, 40), (90, 90), (65, 129)] {
            Conv::dense(3, [2, 5], [1, length], [1, taps], alignment).check();
        }
        Conv::dense(1, [1, 1], [1, 100], [1, 100], alignment).check();
    }
}

#[test]
fn depthwise_planes() {
    for alignment in BOTH {
        for (size, taps) in [
            ([1, 1], [3, 3]),
            ([2, 3], [1, 2]),
            ([5, 4], [3, 3]),
            ([6, 9], [4, 5]),
            ([8, 8], [15, 15]),
            ([7, 12], [20, 3]),
            ([16, 16], [11, 11]),
            ([20, 24], [19, 23]),
        ] {
            Conv::depthwise(2, 3, size, taps, alignment).check();
        }
    }
}

#[test]
fn dense_planes() {
    for alignment in BOTH {
        for (size, taps) in [([4, 4], [3, 3]), ([5, 7], [9, 2]), ([10, 9], [9, 9]), ([3, 12], [5, 25])] {
            Conv::dense(2, [3, 2], size, taps, alignment).check();
        }
    }
}

#[test]
fn convolutions_of_nothing_are_zero() {
    let k = tensor(&[], [3, 0], DType::F32);
    assert_eq!(read(long_conv1d(tensor(&values(12, 1), [1, 3, 4], DType::F32), k, Alignment::Causal)), vec![0.0; 12]);
    let empty =
        long_conv1d(tensor(&[], [0, 3, 4], DType::F32), tensor(&[1.0; 3], [3, 1], DType::F32), Alignment::Causal);
    assert_eq!(empty.dims(), [0, 3, 4]);
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A recurrent layer of the test: `[batch, in, length, hidden]`.
#[derive(Debug, Clone, Copy)]
struct Recurrence {
    cell: RnnCell,
    batch: usize,
    input: usize,
    length: usize,
    hidden: usize,
}

impl Recurrence {
    fn operands(&self) -> [Vec<f64>; 5] {
        let rows = self.cell.gates() * self.hidden;
        [
            values(self.batch * self.input * self.length, 1),
            values(rows * self.input, 2),
            values(rows * self.hidden, 3).iter().map(|v| v * 0.5).collect(),
            values(rows, 4),
            values(rows, 5),
        ]
    }

    /// Hidden states by the definition.
    fn plain(&self, [x, w_ih, w_hh, b_ih, b_hh]: &[Vec<f64>; 5]) -> Vec<f64> {
        let (n, h, l) = (self.input, self.hidden, self.length);
        let mut y = vec![0.0; self.batch * h * l];
        for b in 0..self.batch {
            let (mut state, mut memory) = (vec![0.0; h], vec![0.0; h]);
            for t in 0..l {
                let from_x =
                    |row: usize| b_ih[row] + (0..n).map(|i| w_ih[row * n + i] * x[(b * n + i) * l + t]).sum::<f64>();
                let before = state.clone();
                let from_h = |row: usize| b_hh[row] + (0..h).map(|i| w_hh[row * h + i] * before[i]).sum::<f64>();
                for u in 0..h {
                    let gate = |k: usize| from_x(k * h + u) + from_h(k * h + u);
                    state[u] = match self.cell {
                        RnnCell::Lstm => {
                            memory[u] = logistic(gate(1)) * memory[u] + logistic(gate(0)) * gate(2).tanh();
                            logistic(gate(3)) * memory[u].tanh()
                        }
                        RnnCell::Gru => {
                            let (r, z) = (logistic(gate(0)), logistic(gate(1)));
                            let n = (from_x(2 * h + u) + r * from_h(2 * h + u)).tanh();
                            (1.0 - z) * n + z * before[u]
                        }
                        RnnCell::Rnn => gate(0).tanh(),
                    };
                    y[(b * h + u) * l + t] = state[u];
                }
            }
        }
        y
    }

    fn shapes(&self) -> ([usize; 3], [usize; 2], [usize; 2], [usize; 1]) {
        let rows = self.cell.gates() * self.hidden;
        ([self.batch, self.input, self.length], [rows, self.input], [rows, self.hidden], [rows])
    }

    /// Hidden states and gradients of `Σ g · y` from the kernel under test.
    fn fused(&self, operands: &[Vec<f64>; 5], g: &[f64], dtype: DType) -> (Vec<f64>, [Vec<f64>; 5]) {
        let (sx, si, sh, sb) = self.shapes();
        let x = tensor(&operands[0], sx, dtype).require_grad();
        let w_ih = tensor(&operands[1], si, dtype).require_grad();
        let w_hh = tensor(&operands[2], sh, dtype).require_grad();
        let b_ih = tensor(&operands[3], sb, dtype).require_grad();
        let b_hh = tensor(&operands[4], sb, dtype).require_grad();
        let layer = match self.cell {
            RnnCell::Lstm => lstm,
            RnnCell::Gru => gru,
            RnnCell::Rnn => rnn,
        };
        let y = layer(x.clone(), w_ih.clone(), w_hh.clone(), b_ih.clone(), b_hh.clone(), Precision::Float32);
        let grads = (y.clone() * tensor(g, [self.batch, self.hidden, self.length], dtype)).sum().backward();
        let found = [
            read(x.grad(&grads).unwrap()),
            read(w_ih.grad(&grads).unwrap()),
            read(w_hh.grad(&grads).unwrap()),
            read(b_ih.grad(&grads).unwrap()),
            read(b_hh.grad(&grads).unwrap()),
        ];
        (read(y), found)
    }

    /// Forward against the definition; gradients in f64 against central differences of it, in f32 against f64.
    fn check(&self) {
        self.check_along(&values(self.batch * self.hidden * self.length, 9));
    }

    /// [`check`](Self::check) with the gradients of `Σ g · y`.
    fn check_along(&self, g: &[f64]) {
        let operands = self.operands();
        let expected = self.plain(&operands);
        let (y, grads) = self.fused(&operands, g, DType::F64);
        assert_close(&y, &expected, 1e-12, &format!("{self:?} y"));
        for (which, grad) in grads.iter().enumerate() {
            let n = grad.len();
            for at in [0, n / 3, n / 2, n - 1] {
                let loss = |offset: f64| {
                    let mut moved = operands.clone();
                    moved[which][at] += offset;
                    self.plain(&moved).iter().zip(g).map(|(y, g)| y * g).sum::<f64>()
                };
                let slope = (loss(1e-5) - loss(-1e-5)) / 2e-5;
                let error = (slope - grad[at]).abs();
                assert!(error < 1e-7 * (1.0 + slope.abs()), "{self:?} operand {which}[{at}]: {} not {slope}", grad[at]);
            }
        }
        let (y32, grads32) = self.fused(&operands, g, DType::F32);
        assert_close(&y32, &y, 1e-5, &format!("{self:?} y in f32"));
        for (which, (found, expected)) in grads32.iter().zip(&grads).enumerate() {
            assert_close(found, expected, 5e-5, &format!("{self:?} operand {which} in f32"));
        }
    }
}

const CELLS: [RnnCell; 3] = [RnnCell::Lstm, RnnCell::Gru, RnnCell::Rnn];

#[test]
fn recurrences() {
    for cell in CELLS {
        for [batch, input, length, hidden] in
            [[1, 1, 1, 1], [2, 3, 5, 4], [17, 2, 7, 3], [3, 1, 33, 5], [2, 4, 70, 6], [1, 2, 3, 67]]
        {
            Recurrence { cell, batch, input, length, hidden }.check();
        }
    }
}

/// Where no gradient enters and none is left from later steps, there is nothing to do; what earlier steps get must not suffer.
#[test]
fn gradients_that_enter_at_some_steps_alone() {
    for cell in CELLS {
        let case = Recurrence { cell, batch: 3, input: 2, length: 200, hidden: 4 };
        for entered in [0..1, 40..45, 199..200, 0..0] {
            let along = |(i, value): (usize, f64)| if entered.contains(&(i % case.length)) { value } else { 0.0 };
            let g: Vec<f64> = values(3 * 4 * 200, 9).into_iter().enumerate().map(along).collect();
            case.check_along(&g);
            let (_, [dx, ..]) = case.fused(&case.operands(), &g, DType::F32);
            // Nothing flows forward in time.
            assert!(dx.iter().enumerate().all(|(i, &d)| i % case.length < entered.end || d == 0.0), "{cell:?}");
        }
    }
}

/// erf by its Maclaurin series, good to 1e-12 for |x| < 4.
fn erf(x: f64) -> f64 {
    let (mut sum, mut term) = (x, x);
    for n in 1..120 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn gelu_is_exact() {
    let x: Vec<f64> = (-5000..=5000).map(|i| f64::from(i) * 1e-3).collect();
    let distribution = |x: f64| 0.5 * (1.0 + erf(x / 2f64.sqrt()));
    let y: Vec<f64> = x.iter().map(|&x| x * distribution(x)).collect();
    let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let dx: Vec<f64> = x.iter().map(|&x| distribution(x) + x * density(x)).collect();
    for (dtype, tolerance) in [(DType::F32, 3e-7), (DType::F64, 1e-9)] {
        let input = tensor(&x, [x.len() / 73, 73], dtype).require_grad();
        let output = gelu(input.clone());
        let grads = output.clone().sum().backward();
        for (what, found, expected) in [("y", read(output), &y), ("dx", read(input.grad(&grads).unwrap()), &dx)] {
            for ((found, expected), x) in found.iter().zip(expected).zip(&x) {
                assert!(
                    (found - expected).abs() < tolerance * (1.0 + x.abs()),
                    "{what} at {x}: {found}, not {expected}"
                );
            }
        }
    }
    let extremes = read(gelu(tensor(&[-100.0, -20.0, 20.0, 100.0, f64::NAN], [5], DType::F32)));
    assert_close(&extremes[..4], &[0.0, 0.0, 20.0, 100.0], 1e-12, "extremes");
    assert!(extremes[4].is_nan(), "NaN must not be hidden");
}

#[test]
fn gated_linear_units_gate_the_first_half_by_the_second() {
    let (batch, channels, positions) = (3, 5, 7);
    let half = channels * positions;
    let x: Vec<f64> = values(2 * batch * half, 1).iter().map(|v| v * 4.0).collect();
    let g = values(batch * half, 2);
    let (mut y, mut dx) = (Vec::new(), vec![0.0; x.len()]);
    for (at, g) in g.iter().enumerate() {
        let a = at / half * 2 * half + at % half;
        let gate = 1.0 / (1.0 + (-x[a + half]).exp());
        y.push(x[a] * gate);
        dx[a] = g * gate;
        dx[a + half] = g * x[a] * gate * (1.0 - gate);
    }
    for dtype in [DType::F32, DType::F64] {
        let input = tensor(&x, [batch, 2 * channels, positions], dtype).require_grad();
        let output = glu(input.clone());
        let grads = (output.clone() * tensor(&g, [batch, channels, positions], dtype)).sum().backward();
        assert_close(&read(output), &y, tolerance(dtype), "glu");
        assert_close(&read(input.grad(&grads).unwrap()), &dx, tolerance(dtype), "gradient of glu");
    }
    let shut = tensor(&[1e-20, -80.0], [1, 2, 1], DType::F32).require_grad();
    let grads = glu(shut.clone()).sum().backward();
    let gradient = read(shut.grad(&grads).unwrap());
    assert!(gradient.iter().all(|g| *g == 0.0 || g.abs() > 1e-37), "no subnormal numbers: {gradient:?}");
}

#[test]
fn standardised_values_have_mean_zero_and_variance_one() {
    let epsilon = 0.01;
    for [batch, n, positions] in [[2, 5, 7], [1, 3, 130], [3, 200, 1], [2, 1, 4], [1, 64, 64]] {
        let (x, g) = (values(batch * n * positions, 1), values(batch * n * positions, 2));
        let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        for (b, p) in (0..batch * positions).map(|at| (at / positions, at % positions)) {
            let places: Vec<usize> = (0..n).map(|c| (b * n + c) * positions + p).collect();
            let mean = |of: &dyn Fn(usize) -> f64| places.iter().map(|&at| of(at)).sum::<f64>() / n as f64;
            let centre = mean(&|at| x[at]);
            let scale = 1.0 / (mean(&|at| (x[at] - centre).powi(2)) + epsilon).sqrt();
            places.iter().for_each(|&at| y[at] = (x[at] - centre) * scale);
            let (one, along) = (mean(&|at| g[at]), mean(&|at| g[at] * y[at]));
            places.iter().for_each(|&at| dx[at] = (g[at] - one - y[at] * along) * scale);
        }
        let shape = [batch, n, positions];
        for dtype in [DType::F32, DType::F64] {
            let input = tensor(&x, shape, dtype).require_grad();
            let output = layer_norm(input.clone(), epsilon);
            let grads = (output.clone() * tensor(&g, shape, dtype)).sum().backward();
            assert_close(&read(output), &y, tolerance(dtype), "standardised");
            assert_close(&read(input.grad(&grads).unwrap()), &dx, tolerance(dtype), "gradient of standardised");
        }
    }
}

#[test]
fn half_precision_goes_through_single() {
    let x = values(30, 1);
    let y = gelu(tensor(&x, [30], DType::F16));
    assert_eq!(y.dtype(), DType::F16);
    assert_close(&read(y), &read(gelu(tensor(&x, [30], DType::F32))), 2e-3, "gelu");
    let (x, k) = (tensor(&x, [2, 3, 5], DType::F16), tensor(&values(9, 2), [3, 3], DType::F16));
    assert_eq!(long_conv1d(x, k, Alignment::Causal).dtype(), DType::F16);
}

/// Everything a kernel returns, bit by bit, with `threads` threads.
fn with_threads<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let convolutions = [
        Conv::depthwise(40, 3, [1, 200], [1, 10], Alignment::Causal),
        Conv::depthwise(40, 3, [1, 200], [1, 200], Alignment::Causal),
        Conv::depthwise(40, 3, [12, 12], [11, 11], Alignment::Centred),
        Conv::dense(5, [3, 4], [1, 200], [1, 200], Alignment::Causal),
        Conv::dense(5, [3, 4], [12, 12], [3, 3], Alignment::Centred),
    ];
    for case in convolutions {
        let data = case.data();
        let one = with_threads(1, || case.fused(&data, DType::F32));
        for threads in [2, 3] {
            assert_eq!(with_threads(threads, || case.fused(&data, DType::F32)), one, "{case:?}, {threads} threads");
        }
    }
    for cell in CELLS {
        let case = Recurrence { cell, batch: 50, input: 2, length: 20, hidden: 9 };
        let (operands, g) = (case.operands(), values(50 * 9 * 20, 9));
        let one = with_threads(1, || case.fused(&operands, &g, DType::F32));
        for threads in [2, 3] {
            let found = with_threads(threads, || case.fused(&operands, &g, DType::F32));
            assert_eq!(found, one, "{case:?}, {threads} threads");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_convolution(
        batch in 1usize..4, input in 1usize..4, output in 1usize..4, h in 1usize..9, w in 1usize..20,
        kh in 1usize..12, kw in 1usize..30, plane: bool, depthwise: bool, causal: bool,
    ) {
        let alignment = if causal { Alignment::Causal } else { Alignment::Centred };
        let (size, taps) = if plane { ([h, w], [kh, kw]) } else { ([1, h * w], [1, kh * kw]) };
        let case = if depthwise {
            Conv::depthwise(batch, input, size, taps, alignment)
        } else {
            Conv::dense(batch, [input, output], size, taps, alignment)
        };
        case.check();
    }

    #[test]
    fn any_recurrence(
        cell in 0usize..3, batch in 1usize..20, input in 1usize..4, length in 1usize..40, hidden in 1usize..7,
    ) {
        Recurrence { cell: CELLS[cell], batch, input, length, hidden }.check();
    }
}

/// Normalised input, mean, variance and gradients of `Σ g · y` from the kernel under test, `[batch, channels, length]`.
fn normalise(shape: [usize; 3], [x, gamma, beta, g]: &[Vec<f64>; 4], dtype: DType) -> [Vec<f64>; 6] {
    let x = tensor(x, shape, dtype).require_grad();
    let gamma = tensor(gamma, [shape[1]], dtype).require_grad();
    let beta = tensor(beta, [shape[1]], dtype).require_grad();
    let (y, mean, variance) = batch_norm(x.clone(), gamma.clone(), beta.clone(), 1e-5);
    let grads = (y.clone() * tensor(g, shape, dtype)).sum().backward();
    let [dgamma, dbeta] = [gamma, beta].map(|v| read(v.grad(&grads).unwrap()));
    [read(y), read(mean), read(variance), read(x.grad(&grads).unwrap()), dgamma, dbeta]
}

fn normalise_plain([b, c, l]: [usize; 3], [x, gamma, beta, _]: &[Vec<f64>; 4]) -> [Vec<f64>; 3] {
    let n = (b * l) as f64;
    let channel = |at: usize| at / l % c;
    let (mut y, mut mean, mut variance) = (x.clone(), vec![0.0; c], vec![0.0; c]);
    x.iter().enumerate().for_each(|(at, x)| mean[channel(at)] += x / n);
    x.iter().enumerate().for_each(|(at, x)| variance[channel(at)] += (x - mean[channel(at)]).powi(2) / n);
    for (at, y) in y.iter_mut().enumerate() {
        let c = channel(at);
        *y = (*y - mean[c]) / (variance[c] + 1e-5).sqrt() * gamma[c] + beta[c];
    }
    [y, mean, variance]
}

#[test]
fn batch_normalisation() {
    for shape in [[1, 1, 2], [3, 2, 1], [5, 3, 7], [2, 4, 33], [4, 1, 100]] {
        let n = shape.iter().product();
        let x = values(n, 1).iter().map(|v| 3.0 * v + 2.0).collect();
        let data = [x, values(shape[1], 2), values(shape[1], 3), values(n, 4)];
        let expected = normalise_plain(shape, &data);
        let found = normalise(shape, &data, DType::F64);
        for (found, expected) in found.iter().zip(&expected) {
            assert_close(found, expected, 1e-10, &format!("{shape:?}"));
        }
        for (which, grad) in found[3..].iter().enumerate() {
            for at in [0, grad.len() / 2, grad.len() - 1] {
                let loss = |offset: f64| {
                    let mut moved = data.clone();
                    moved[which][at] += offset;
                    normalise_plain(shape, &moved)[0].iter().zip(&data[3]).map(|(y, g)| y * g).sum::<f64>()
                };
                let slope = (loss(1e-5) - loss(-1e-5)) / 2e-5;
                assert!((slope - grad[at]).abs() < 1e-6 * (1.0 + slope.abs()), "{shape:?} operand {which}[{at}]");
            }
        }
        let single = normalise(shape, &data, DType::F32);
        for (single, double) in single.iter().zip(&found) {
            assert_close(single, double, 1e-4, &format!("{shape:?} in f32"));
        }
        assert_eq!(with_threads(3, || normalise(shape, &data, DType::F32)), single, "{shape:?}, three threads");
    }
}

#[test]
fn operands_without_gradient_do_not_disturb_the_others() {
    for cell in CELLS {
        let case = Recurrence { cell, batch: 3, input: 2, length: 5, hidden: 4 };
        let ([x, w_ih, w_hh, b_ih, b_hh], g) = (case.operands(), values(60, 9));
        let expected =
            case.fused(&[x.clone(), w_ih.clone(), w_hh.clone(), b_ih.clone(), b_hh.clone()], &g, DType::F64).1;
        let (sx, si, sh, sb) = case.shapes();
        let w_ih = tensor(&w_ih, si, DType::F64).require_grad();
        let b_hh = tensor(&b_hh, sb, DType::F64).require_grad();
        let x = tensor(&x, sx, DType::F64);
        let layer = match cell {
            RnnCell::Lstm => lstm,
            RnnCell::Gru => gru,
            RnnCell::Rnn => rnn,
        };
        let (w_hh, b_ih) = (tensor(&w_hh, sh, DType::F64), tensor(&b_ih, sb, DType::F64));
        let y = layer(x, w_ih.clone(), w_hh, b_ih, b_hh.clone(), Precision::Float32);
        let grads = (y * tensor(&g, [3, 4, 5], DType::F64)).sum().backward();
        assert_eq!(read(w_ih.grad(&grads).unwrap()), expected[1], "{cell:?} input weights");
        assert_eq!(read(b_hh.grad(&grads).unwrap()), expected[4], "{cell:?} recurrent bias");
    }
}

/// A map over channels with its sizes.
#[derive(Debug, Clone, Copy)]
enum ChannelMap {
    /// Batch, inputs, outputs, positions.
    Pointwise([usize; 4]),
    /// Batch, channels, positions.
    Affine([usize; 3]),
}

impl ChannelMap {
    /// Input, weight or scale, bias or shift, and the weights of the outputs in the loss.
    fn data(self) -> [Vec<f64>; 4] {
        let [x, factors, offsets, g] = match self {
            Self::Pointwise([b, i, o, p]) => [b * i * p, o * i, o, b * o * p],
            Self::Affine([b, c, p]) => [b * c * p, c, c, b * c * p],
        };
        [values(x, 1), values(factors, 2), values(offsets, 3), values(g, 4)]
    }

    fn plain(self, [x, factors, offsets, _]: &[Vec<f64>; 4]) -> Vec<f64> {
        match self {
            Self::Pointwise([b, i, o, p]) => (0..b * o * p)
                .map(|at| {
                    let (item, output, position) = (at / (o * p), at / p % o, at % p);
                    let terms = (0..i).map(|input| factors[output * i + input] * x[(item * i + input) * p + position]);
                    offsets[output] + terms.sum::<f64>()
                })
                .collect(),
            Self::Affine([_, c, p]) => {
                x.iter().enumerate().map(|(at, x)| x * factors[at / p % c] + offsets[at / p % c]).collect()
            }
        }
    }

    /// Output and gradients of `Σ g · y` with respect to the three operands, where these are `tracked`.
    fn fused(
        self,
        [x, factors, offsets, g]: &[Vec<f64>; 4],
        dtype: DType,
        tracked: [bool; 3],
    ) -> [Option<Vec<f64>>; 4] {
        fn operand<const D: usize>(values: &[f64], shape: [usize; D], dtype: DType, tracked: bool) -> Tensor<D> {
            let operand = tensor(values, shape, dtype);
            if tracked { operand.require_grad() } else { operand }
        }
        let (b, i, o, p) = match self {
            Self::Pointwise([b, i, o, p]) => (b, i, o, p),
            Self::Affine([b, c, p]) => (b, c, c, p),
        };
        let x = operand(x, [b, i, p], dtype, tracked[0]);
        let offsets = operand(offsets, [o], dtype, tracked[2]);
        let loss = |y: &Tensor<3>| (y.clone() * tensor(g, [b, o, p], dtype)).sum().backward();
        let (y, d_factors, grads) = match self {
            Self::Pointwise(_) => {
                let weight = operand(factors, [o, i], dtype, tracked[1]);
                let y = pointwise(x.clone(), weight.clone(), offsets.clone(), Precision::Float32);
                let grads = loss(&y);
                (y, weight.grad(&grads).map(read), grads)
            }
            Self::Affine(_) => {
                let scale = operand(factors, [o], dtype, tracked[1]);
                let y = channel_affine(x.clone(), scale.clone(), offsets.clone());
                let grads = loss(&y);
                (y, scale.grad(&grads).map(read), grads)
            }
        };
        [Some(read(y)), x.grad(&grads).map(read), d_factors, offsets.grad(&grads).map(read)]
    }
}

const CHANNEL_MAPS: [ChannelMap; 11] = [
    ChannelMap::Pointwise([1, 1, 1, 1]),
    ChannelMap::Pointwise([1, 3, 41, 7]),
    ChannelMap::Pointwise([3, 1, 5, 33]),
    ChannelMap::Pointwise([3, 5, 1, 33]),
    ChannelMap::Pointwise([37, 6, 11, 19]),
    ChannelMap::Pointwise([2, 4, 17, 1025]),
    ChannelMap::Pointwise([1, 9, 20, 2100]),
    ChannelMap::Affine([1, 1, 1]),
    ChannelMap::Affine([1, 3, 65]),
    ChannelMap::Affine([5, 7, 2]),
    ChannelMap::Affine([37, 3, 33]),
];

#[test]
fn maps_over_channels() {
    for case in CHANNEL_MAPS {
        let data = case.data();
        let double = case.fused(&data, DType::F64, [true; 3]).map(Option::unwrap);
        assert_close(&double[0], &case.plain(&data), 1e-10, &format!("{case:?}"));
        for (which, grad) in double[1..].iter().enumerate() {
            for at in [0, grad.len() / 3, grad.len() / 2, grad.len() - 1] {
                let loss = |offset: f64| {
                    let mut moved = data.clone();
                    moved[which][at] += offset;
                    case.plain(&moved).iter().zip(&data[3]).map(|(y, g)| y * g).sum::<f64>()
                };
                let slope = (loss(1e-3) - loss(-1e-3)) / 2e-3;
                let found = grad[at];
                assert!((slope - found).abs() < 1e-7 * (1.0 + slope.abs()), "{case:?} operand {which}[{at}]: {found}");
            }
        }
        let single = with_threads(1, || case.fused(&data, DType::F32, [true; 3]).map(Option::unwrap));
        for (single, double) in single.iter().zip(&double) {
            assert_close(single, double, tolerance(DType::F32), &format!("{case:?} in f32"));
        }
        for threads in [2, 3] {
            let found = with_threads(threads, || case.fused(&data, DType::F32, [true; 3]).map(Option::unwrap));
            assert_eq!(found, single, "{case:?}, {threads} threads");
        }
        for tracked in [[true, false, false], [false, true, false], [false, false, true], [true, false, true]] {
            let found = case.fused(&data, DType::F64, tracked);
            for (which, tracked) in tracked.into_iter().enumerate() {
                let expected = tracked.then_some(&double[which + 1]);
                assert_eq!(found[which + 1].as_ref(), expected, "{case:?} operand {which}");
            }
        }
    }
}

#[test]
fn maps_over_channels_of_nothing_and_in_half_precision() {
    let (x, weight) = (tensor(&[], [0, 3, 4], DType::F32), tensor(&values(6, 1), [2, 3], DType::F32));
    assert_eq!(
        pointwise(x.clone(), weight, tensor(&[1.0, 2.0], [2], DType::F32), Precision::Float32).dims(),
        [0, 2, 4]
    );
    assert_eq!(channel_bias(x, tensor(&[1.0; 3], [3], DType::F32)).dims(), [0, 3, 4]);
    let results = [DType::F16, DType::F32].map(|dtype| {
        let (x, weight) = (tensor(&values(30, 1), [2, 3, 5], dtype), tensor(&values(12, 2), [4, 3], dtype));
        let y = pointwise(x, weight, tensor(&values(4, 3), [4], dtype), Precision::Float32);
        let y = channel_bias(y, tensor(&values(4, 4), [4], dtype));
        assert_eq!(y.dtype(), dtype);
        read(y)
    });
    assert_close(&results[0], &results[1], 4e-3, "half precision");
}

#[test]
fn chains_of_nothing_are_nothing_and_not_a_number_stays() {
    let none = || tensor(&[], [0, 2, 3], DType::F32);
    assert_eq!(masked(none(), none(), 1.0, Activation::Gelu).dims(), [0, 2, 3]);
    assert_eq!(activate_and_add(none(), none(), Activation::Gelu).dims(), [0, 2, 3]);
    assert_eq!(add_and_activate(none(), none(), Activation::Relu).dims(), [0, 2, 3]);
    assert_eq!(weighted_sum(none(), tensor(&[1.0; 3], [1, 1, 3], DType::F32)).dims(), [0, 2]);
    let bad = || tensor(&[f64::NAN, 1.0], [1, 1, 2], DType::F32);
    for curve in [Activation::Identity, Activation::Gelu, Activation::Relu] {
        let ones = || tensor(&[1.0, 1.0], [1, 1, 2], DType::F32);
        for y in [
            masked(bad(), ones(), 1.0, curve),
            activate_and_add(bad(), ones(), curve),
            add_and_activate(bad(), ones(), curve),
        ] {
            let y = read(y);
            assert!(y[0].is_nan() && y[1].is_finite(), "{curve:?}: {y:?}");
        }
    }
}

/// Labels, some of which do not count.
fn labels(n: usize, classes: usize) -> Vec<i32> {
    values(n, 12).iter().map(|v| if *v > 0.6 { -1 } else { ((v + 1.0) * 1e6) as i32 % classes as i32 }).collect()
}

#[test]
fn cross_entropies_are_those_of_plain_sums() {
    for [batch, classes, positions] in [[1, 1, 1], [64, 10, 1], [3, 2, 16], [2, 66, 37], [2, 5, 1500]] {
        let x: Vec<f64> = values(batch * classes * positions, 4).iter().map(|v| v * 9.0).collect();
        let labels = labels(batch * positions, classes);
        let counted = labels.iter().filter(|&&label| label >= 0).count().max(1) as f64;
        let (mut loss, mut d) = (0.0, vec![0.0; x.len()]);
        for (at, &label) in labels.iter().enumerate().filter(|(_, label)| **label >= 0) {
            let place = |class: usize| (at / positions * classes + class) * positions + at % positions;
            let sum: f64 = (0..classes).map(|class| x[place(class)].exp()).sum();
            loss += (sum.ln() - x[place(label as usize)]) / counted;
            for class in 0..classes {
                let hit = f64::from(u8::from(class == label as usize));
                d[place(class)] = 3.0 * (x[place(class)].exp() / sum - hit) / counted;
            }
        }
        for dtype in [DType::F32, DType::F64] {
            let what = format!("{batch} × {classes} × {positions} in {dtype:?}");
            let logits = tensor(&x, [batch, classes, positions], dtype).require_grad();
            let found = cross_entropy(logits.clone(), &labels);
            let grads = (found.clone() * 3.0).backward();
            assert_close(&read(found), &[loss], tolerance(dtype), &what);
            // Relative to the largest slope: means over many positions have small ones.
            let scaled = |d: Vec<f64>| d.into_iter().map(|d| d * counted).collect::<Vec<f64>>();
            let slopes = scaled(read(logits.grad(&grads).unwrap()));
            assert_close(&slopes, &scaled(d.clone()), tolerance(dtype), &what);
        }
    }
}

#[test]
fn cross_entropy_of_extreme_logits() {
    let of = |logits: [f64; 3], label: i32| read(cross_entropy(tensor(&logits, [1, 3, 1], DType::F32), &[label]))[0];
    assert!((of([1e30, 0.0, 0.0], 0)).abs() < 1e-6);
    assert!((of([-300.0, 0.0, -300.0], 0) - 300.0).abs() < 1e-3);
    assert_eq!(of([0.5, 0.0, 0.0], -1), 0.0);
    assert!(of([0.0, f64::NAN, 0.0], 0).is_nan() && of([f64::INFINITY, 0.0, 0.0], 1).is_nan());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn convolutions_of_few_taps_agree_with_those_of_burn(
        batch in 1..4usize,
        inputs in 1..40usize,
        outputs in 1..40usize,
        size in [1..12usize, 1..20usize],
        kernel in [1..4usize, 1..4usize],
        stride in [1..4usize, 1..4usize],
        dilation in [1..3usize, 1..3usize],
        padding in [0..3usize, 0..3usize],
    ) {
        let taps = Taps { stride, dilation, padding };
        let fits = |axis: usize| size[axis] + 2 * padding[axis] > dilation[axis] * (kernel[axis] - 1);
        prop_assume!(fits(0) && fits(1));
        let run = |conv: &dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>| {
            let x = tensor(&values(batch * inputs * size[0] * size[1], 1), [batch, inputs, size[0], size[1]], DType::F32);
            let n = outputs * inputs * kernel[0] * kernel[1];
            let weight = tensor(&values(n, 2), [outputs, inputs, kernel[0], kernel[1]], DType::F32);
            let (x, weight) = (x.require_grad(), weight.require_grad());
            let y = conv(x.clone(), weight.clone());
            let shape = y.dims();
            let grads = (y.clone() * tensor(&values(shape.iter().product(), 3), shape, DType::F32)).sum().backward();
            (shape, [read(y), read(x.grad(&grads).unwrap()), read(weight.grad(&grads).unwrap())])
        };
        let options = ConvOptions::new(stride, padding, dilation, 1);
        let expected = run(&|x, weight| burn_conv2d(x, weight, None, options.clone()));
        let found = run(&|x, weight| conv2d(x, weight, taps));
        prop_assert_eq!(found.0, expected.0);
        for ((found, expected), what) in found.1.iter().zip(&expected.1).zip(["output", "input", "weight"]) {
            assert_close(found, expected, 2e-5, what);
        }
    }
}

/// Adam and AdamW by the formulas of `torch.optim`, one element after the other.
fn plain_adam(values: &mut [f64], gradient: &[f64], moments: &mut [Vec<f64>; 2], update: AdamUpdate) {
    let [beta1, beta2] = update.betas;
    for i in 0..values.len() {
        let mut g = gradient[i];
        if update.decoupled {
            values[i] -= update.rate * update.decay * values[i];
        } else {
            g += update.decay * values[i];
        }
        moments[0][i] = beta1 * moments[0][i] + (1.0 - beta1) * g;
        moments[1][i] = beta2 * moments[1][i] + (1.0 - beta2) * g * g;
        let first = moments[0][i] / (1.0 - beta1.powi(update.number as i32));
        let second = moments[1][i] / (1.0 - beta2.powi(update.number as i32));
        values[i] -= update.rate * first / (second.sqrt() + update.epsilon);
    }
}

#[test]
fn updates_of_adam_agree_with_its_formulas() {
    // More than one task's share, and less than a vector.
    for (n, dtype) in [(40_000, DType::F32), (40_000, DType::F64), (3, DType::F32), (1, DType::F64)] {
        for (decay, decoupled) in [(0.0, false), (0.05, false), (0.05, true)] {
            let start = values(n, 1);
            let mut expected = start.clone();
            let mut expected_moments = [vec![0.0; n], vec![0.0; n]];
            let device = (&Device::flex(), dtype);
            let flat = |values: &[f64]| Tensor::<1>::from_data(TensorData::new(values.to_vec(), [n]), device);
            let (mut value, mut moments) = (flat(&start), None);
            for number in 1..=4 {
                let gradient = values(n, 10 + number);
                let betas = [0.9, 0.98];
                let update = AdamUpdate { betas, epsilon: 1e-8, rate: 0.01, decay, decoupled, number };
                plain_adam(&mut expected, &gradient, &mut expected_moments, update);
                let state = AdamState { value, gradient: flat(&gradient), moments };
                let (next, found) = adam(vec![(state, update)]).swap_remove(0);
                (value, moments) = (next, Some(found));
            }
            let what = format!("{n} {dtype:?} decay {decay} {decoupled}");
            let tolerance = tolerance(dtype);
            let [first, second] = moments.unwrap();
            let expected = [&expected, &expected_moments[0], &expected_moments[1]];
            for (found, expected) in [value, first, second].into_iter().zip(expected) {
                assert_close(&read(found), expected, tolerance, &what);
            }
        }
    }
}
