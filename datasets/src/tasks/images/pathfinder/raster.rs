//! Drawing as the original generator did it: lines and Lanczos resizing as in Pillow, dilation as in OpenCV, grey levels
//! as in SciPy's old `imresize` and `imsave`. Results agree pixel by pixel with those libraries (see the golden test).

/// A grey picture, row-major, values 0 to 255.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Canvas {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) pixels: Vec<u8>,
}

/// Bits after the point of Pillow's fixed-point filter weights: 32 − 8 for the value − 2 for over- and undershoot.
const FILTER_BITS: u32 = 22;

/// Lobes on each side of the Lanczos filter.
const LOBES: f64 = 3.0;

impl Canvas {
    pub(super) fn black(height: usize, width: usize) -> Self {
        Self { height, width, pixels: vec![0; height * width] }
    }

    /// Rows `first..=last` clipped to the canvas.
    fn fill_run(&mut self, row: i32, first: i32, last: i32, value: u8) {
        if row < 0 || row >= self.height as i32 || last < 0 || first >= self.width as i32 {
            return;
        }
        let start = row as usize * self.width;
        for column in first.max(0)..=last.min(self.width as i32 - 1) {
            self.pixels[start + column as usize] = value;
        }
    }

    /// A line of value 255 from `from` to `to` (both `(y, x)`), `width` pixels wide, both ends included.
    pub(super) fn line(&mut self, from: (i32, i32), to: (i32, i32), width: u32) {
        if width <= 1 || from == to {
            self.thin_line(from, to);
        } else {
            self.wide_line(from, to, width);
        }
    }

    /// Bresenham's line.
    fn thin_line(&mut self, from: (i32, i32), to: (i32, i32)) {
        let (rise, run) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
        let (down, right) = ((to.0 - from.0).signum(), (to.1 - from.1).signum());
        let (long, short) = (rise.max(run), rise.min(run));
        // Pillow takes the diagonal with the steep lines; both agree there, so only the strict case matters.
        let flat = run > rise;
        let (mut y, mut x) = from;
        let mut error = 2 * short - long;
        for _ in 0..long {
            self.fill_run(y, x, x, 255);
            if error >= 0 {
                if flat {
                    y += down
                } else {
                    x += right
                }
                error -= 2 * long;
            }
            error += 2 * short;
            if flat { x += right } else { y += down }
        }
        self.fill_run(to.0, to.1, to.1, 255);
    }

    /// A filled quadrilateral around the line. Its corners are whole pixels: half the width is rounded up on one side
    /// and down on the other.
    fn wide_line(&mut self, from: (i32, i32), to: (i32, i32), width: u32) {
        let (dy, dx) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let length = dx.hypot(dy);
        let half = f64::from(width - 1) / 2.0;
        let wider = f64::from(half_up(half)) / length;
        let narrower = f64::from(half_down(half)) / length;
        let (left, right) = (half_down(narrower * dy), half_down(wider * dy));
        let (above, below) = (half_down(narrower * dx), half_down(wider * dx));
        self.polygon(&[
            (from.0 + below, from.1 - left),
            (to.0 + below, to.1 - left),
            (to.0 - above, to.1 + right),
            (from.0 - above, from.1 + right),
        ]);
    }

    /// Fill a polygon with vertices `(y, x)` by scan lines, edges included.
    fn polygon(&mut self, vertices: &[(i32, i32)]) {
        let mut edges = Vec::with_capacity(vertices.len());
        for (position, &from) in vertices.iter().enumerate() {
            let to = vertices[(position + 1) % vertices.len()];
            if from.0 == to.0 {
                self.fill_run(from.0, from.1.min(to.1), from.1.max(to.1), 255);
            } else {
                edges.push(Edge::new(from, to));
            }
        }
        let top = vertices.iter().map(|vertex| vertex.0).min().unwrap_or(0);
        let bottom = vertices.iter().map(|vertex| vertex.0).max().unwrap_or(-1);
        let mut crossings = Vec::new();
        for row in top..=bottom {
            crossings.clear();
            for (position, edge) in edges.iter().enumerate() {
                if !edge.spans(row) {
                    continue;
                }
                let x = edge.at(row);
                if row == edge.bottom && row < bottom {
                    // Counted twice, so that the next edge below begins with a span of its own.
                    crossings.extend([x, x]);
                } else {
                    crossings.push(edge.corner(&edges[..position], row, x));
                }
            }
            crossings.sort_by(f32::total_cmp);
            for pair in crossings.chunks_exact(2) {
                self.fill_run(row, half_up_single(pair[0]), half_down_single(pair[1]), 255);
            }
        }
    }

    /// Maximum over a disc of `radius` (x² + y² ≤ r²) around each pixel; outside of the canvas counts as black.
    pub(super) fn dilate(&self, radius: usize) -> Self {
        let mut dilated = Self::black(self.height, self.width);
        let disc = disc(radius);
        for y in 0..self.height {
            for x in 0..self.width {
                let value = self.pixels[y * self.width + x];
                if value == 0 {
                    continue;
                }
                for &(dy, dx) in &disc {
                    let (row, column) = (y as i32 + dy, x as i32 + dx);
                    if row >= 0 && row < self.height as i32 && column >= 0 && column < self.width as i32 {
                        let pixel = &mut dilated.pixels[row as usize * self.width + column as usize];
                        *pixel = (*pixel).max(value);
                    }
                }
            }
        }
        dilated
    }

    /// Lanczos resizing, antialiased when shrinking, in Pillow's 8-bit fixed point: first rows, then columns.
    pub(super) fn resize(&self, height: usize, width: usize) -> Self {
        let rows = if width == self.width { self.clone() } else { self.resize_rows(width) };
        if height == self.height { rows } else { rows.transpose().resize_rows(height).transpose() }
    }

    fn resize_rows(&self, width: usize) -> Self {
        let mut resized = Self::black(self.height, width);
        let taps: Vec<Taps> = (0..width).map(|position| Taps::new(self.width, width, position)).collect();
        for y in 0..self.height {
            let source = &self.pixels[y * self.width..(y + 1) * self.width];
            if source.iter().all(|&value| value == 0) {
                continue;
            }
            for (pixel, taps) in resized.pixels[y * width..(y + 1) * width].iter_mut().zip(&taps) {
                *pixel = taps.apply(source);
            }
        }
        resized
    }

    fn transpose(&self) -> Self {
        let mut transposed = Self::black(self.width, self.height);
        for y in 0..self.height {
            for x in 0..self.width {
                transposed.pixels[x * self.height + y] = self.pixels[y * self.width + x];
            }
        }
        transposed
    }
}

/// Offsets `(y, x)` of the pixels of a disc: x² + y² ≤ r².
pub(super) fn disc(radius: usize) -> Vec<(i32, i32)> {
    let radius = radius as i32;
    (-radius..=radius)
        .flat_map(|y| (-radius..=radius).map(move |x| (y, x)))
        .filter(|(y, x)| y * y + x * x <= radius * radius)
        .collect()
}

/// Stretch so that the smallest value becomes 0 and the largest 255, as SciPy's `imsave` did; a flat picture is black.
pub(super) fn stretch(values: &[f64]) -> Vec<u8> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scale = if high > low { 255.0 / (high - low) } else { 255.0 };
    values.iter().map(|&value| (((value - low) * scale).clamp(0.0, 255.0) + 0.5) as u8).collect()
}

/// Round to the nearest whole number, halves away from zero.
fn half_up(value: f64) -> i32 {
    ((value.abs() + 0.5).floor() * value.signum()) as i32
}

/// Round to the nearest whole number, halves towards zero.
fn half_down(value: f64) -> i32 {
    ((value.abs() - 0.5).ceil() * value.signum()) as i32
}

/// [`half_up`] in single precision throughout, as the crossings of scan lines are rounded.
fn half_up_single(value: f32) -> i32 {
    ((value.abs() + 0.5).floor() * value.signum()) as i32
}

/// [`half_down`] in single precision throughout.
fn half_down_single(value: f32) -> i32 {
    ((value.abs() - 0.5).ceil() * value.signum()) as i32
}

/// A side of a polygon that is not horizontal.
struct Edge {
    y: i32,
    x: i32,
    top: i32,
    bottom: i32,
    /// Change of x per row.
    slope: f32,
}

impl Edge {
    fn new(from: (i32, i32), to: (i32, i32)) -> Self {
        let slope = (to.1 - from.1) as f32 / (to.0 - from.0) as f32;
        Self { y: from.0, x: from.1, top: from.0.min(to.0), bottom: from.0.max(to.0), slope }
    }

    fn spans(&self, row: i32) -> bool {
        (self.top..=self.bottom).contains(&row)
    }

    fn ends(&self, row: i32) -> bool {
        (row == self.top || row == self.bottom) && self.slope != 0.0
    }

    fn at(&self, row: i32) -> f32 {
        (row - self.y) as f32 * self.slope + self.x as f32
    }

    /// Where the span at `row` begins or ends: at `x`, unless a sharp corner shared with an earlier edge would be cut
    /// off from the next row; then one pixel beside that row's span.
    fn corner(&self, earlier: &[Self], row: i32, x: f32) -> f32 {
        if !self.ends(row) {
            return x;
        }
        let neighbour = if row == self.bottom { row - 1 } else { row + 1 };
        let meeting =
            earlier.iter().find(|edge| edge.ends(row) && edge.at(row).round() == x.round() && edge.spans(neighbour));
        let Some(other) = meeting else { return x };
        let (own, other) = (self.at(neighbour), other.at(neighbour));
        if x > own + 1.0 && x > other + 1.0 {
            own.max(other).round() + 1.0
        } else if x < own - 1.0 && x < other - 1.0 {
            own.min(other).round() - 1.0
        } else {
            x
        }
    }
}

/// The source pixels of one pixel of a resized row, with their fixed-point weights.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

impl Taps {
    fn new(source: usize, target: usize, position: usize) -> Self {
        let scale = source as f64 / target as f64;
        // Shrinking widens the filter, enlarging does not narrow it.
        let stretch = scale.max(1.0);
        let support = LOBES * stretch;
        let centre = (position as f64 + 0.5) * scale;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let last = ((centre + support + 0.5) as usize).min(source);
        let inverse = 1.0 / stretch;
        let weights: Vec<f64> = (first..last).map(|pixel| lanczos((pixel as f64 - centre + 0.5) * inverse)).collect();
        let sum: f64 = weights.iter().sum();
        let one = f64::from(1_u32 << FILTER_BITS);
        let weights = weights.iter().map(|weight| (weight / sum * one + 0.5_f64.copysign(*weight)) as i32).collect();
        Self { first, weights }
    }

    fn apply(&self, source: &[u8]) -> u8 {
        let half = 1_i32 << (FILTER_BITS - 1);
        let sum: i32 =
            self.weights.iter().zip(&source[self.first..]).map(|(weight, &value)| weight * i32::from(value)).sum();
        ((sum + half) >> FILTER_BITS).clamp(0, 255) as u8
    }
}

fn lanczos(x: f64) -> f64 {
    if (-LOBES..LOBES).contains(&x) { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else {
        let angle = x * std::f64::consts::PI;
        angle.sin() / angle
    }
}
