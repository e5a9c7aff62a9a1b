//! Contours made of paddles that keep clear of each other.
//!
//! Nothing is drawn here: a contour is the list of its paddles, and only the mask of occupied pixels is kept, so that a
//! failed attempt costs little. Mask values are 0 to 255 for the original's 0 to 1.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::tasks::images::pathfinder::bitmap::Bitmap;
use crate::tasks::images::pathfinder::paddle::{DEGREES, Paddle, Paddles};
use crate::tasks::images::pathfinder::parameters::Parameters;

/// Draws of a place for one paddle before its contour fails: the original's `max_paddle_retrial` 2, counted from 0.
const PADDLE_TRIES: usize = 3;

/// Attempts for one distractor before it is left out: `max_distractor_contour_retrial` 4, counted from 0.
const DISTRACTOR_TRIES: usize = 5;

/// A mask value above this forbids a seed: more than 0.3 of 255.
const FREE: u8 = 76;

/// Two masks collide where their values reach 1.8 together.
const COLLISION: f64 = 1.8;

/// A contour ends in a dead end when its candidates' weights sum up to less.
const DEAD_END: f64 = 1e-4;

/// A share of free pixels below which no distractor is begun.
const CROWDED: f64 = 0.01;

/// Position `(y, x)` in pixels.
pub(super) type Point = (i32, i32);

/// Why an attempt at the two long contours failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// No place for the first paddles.
    Seed,
    /// A contour came to a dead end.
    Extension,
}

/// A paddle to be drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) shape: Shape,
    pub(super) start: Point,
    pub(super) contrast: f64,
}

/// Which of the prepared paddles.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Seed(usize),
    Candidate(usize),
}

impl Placed {
    pub(super) fn paddle<'a>(&self, paddles: &'a Paddles) -> &'a Paddle {
        match self.shape {
            Shape::Seed(degree) => &paddles.seeds[degree].paddle,
            Shape::Candidate(candidate) => &paddles.candidates[candidate].paddle,
        }
    }
}

/// The growing end of a contour.
#[derive(Debug, Clone, Copy)]
struct End {
    pivot: Point,
    /// Index into [`Paddles::directions`].
    direction: usize,
    /// The last paddle, whose mask is not yet merged, so that its successor may touch it.
    last: Placed,
}

/// Ends of the two long contours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tips {
    pub(super) origins: [Point; 2],
    pub(super) terminals: [Point; 2],
}

/// One image in the making.
pub(super) struct Scene<'a> {
    parameters: &'a Parameters,
    pub(super) paddles: &'a Paddles,
    side: usize,
    /// Occupied pixels.
    mask: Vec<u8>,
    /// Paddles of everything that succeeded.
    pub(super) drawn: Vec<Placed>,
    /// Weights of the candidates, cumulated.
    weights: Vec<f64>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(parameters: &'a Parameters, paddles: &'a Paddles) -> Self {
        Self {
            parameters,
            paddles,
            side: parameters.resolution as usize,
            mask: paddles.border.clone(),
            drawn: Vec::new(),
            weights: Vec::with_capacity(paddles.candidates.len()),
        }
    }

    /// One attempt at the two long contours on an empty image.
    pub(super) fn two_contours(&mut self, rng: &mut ChaCha8Rng) -> Result<Tips, Failure> {
        self.drawn.clear();
        self.mask.copy_from_slice(&self.paddles.border);
        let snake_contrasts = self.snake_contrasts(rng);
        let contrasts = &self.parameters.paddle_contrast;
        let contrast = choose(contrasts, rng) * snake_contrasts[0];
        let first = self.first_seed(rng, contrast).ok_or(Failure::Seed)?;
        let contrast = choose(contrasts, rng) * snake_contrasts[1];
        let second = self.second_seed(rng, first.last.start, contrast).ok_or(Failure::Seed)?;
        let mut ends = [first, second];
        let origins = ends.map(|end| end.last.start);
        let mut terminals = origins;
        self.drawn.extend(ends.iter().map(|end| end.last));
        for _ in 1..self.parameters.contour_length {
            let contrast = choose(contrasts, rng);
            for (snake, end) in ends.iter_mut().enumerate() {
                *end = self.extend(rng, end, contrast * snake_contrasts[snake]).ok_or(Failure::Extension)?;
                self.drawn.push(end.last);
                terminals[snake] = end.last.start;
            }
        }
        // The last paddle of the first contour never enters the mask: so it was.
        self.occupy(&ends[1].last);
        Ok(Tips { origins, terminals })
    }

    /// Add a distractor if one of a few attempts finds room; whether it did.
    pub(super) fn distractor(&mut self, rng: &mut ChaCha8Rng) -> bool {
        (0..DISTRACTOR_TRIES).any(|_| self.try_distractor(rng))
    }

    fn try_distractor(&mut self, rng: &mut ChaCha8Rng) -> bool {
        // Distractors take their contrast from the list of the contours alone, at every paddle anew: so it was.
        let contrasts = &self.parameters.snake_contrast;
        let contrast = choose(contrasts, rng);
        let Some(mut end) = self.distractor_seed(rng, contrast) else { return false };
        let (before, paddles_before) = (self.mask.clone(), self.drawn.len());
        self.drawn.push(end.last);
        for _ in 1..self.parameters.distractor_length {
            let contrast = choose(contrasts, rng);
            let Some(next) = self.extend(rng, &end, contrast) else {
                self.mask = before;
                self.drawn.truncate(paddles_before);
                return false;
            };
            end = next;
            self.drawn.push(end.last);
        }
        self.occupy(&end.last);
        true
    }

    /// One contrast per long contour: the list doubled, shuffled, the first two.
    fn snake_contrasts(&self, rng: &mut ChaCha8Rng) -> [f64; 2] {
        match self.parameters.snake_contrast.as_slice() {
            &[only] => [only, only],
            several => {
                let mut doubled = several.repeat(2);
                doubled.shuffle(rng);
                [doubled[0], doubled[1]]
            }
        }
    }

    fn first_seed(&self, rng: &mut ChaCha8Rng, contrast: f64) -> Option<End> {
        for _ in 0..PADDLE_TRIES {
            let degree = degree(rng);
            let seed = &self.paddles.seeds[degree];
            let tail = pick(&seed.free, seed.free_count, rng)?;
            if let Some(end) = self.seed_end(degree, tail, contrast) {
                return Some(end);
            }
        }
        None
    }

    /// Only the image's bounds are checked, not whether the two seeds collide.
    fn second_seed(&self, rng: &mut ChaCha8Rng, first: Point, contrast: f64) -> Option<End> {
        let distance = f64::from(self.parameters.seed_distance);
        for _ in 0..PADDLE_TRIES {
            let degree = degree(rng);
            let around = f64::from(rng.random_range(0..DEGREES as u32)) * std::f64::consts::PI / 180.0;
            let y = (f64::from(first.0) + distance * around.sin()).round_ties_even() as i32;
            let x = (f64::from(first.1) + distance * around.cos()).round_ties_even() as i32;
            if let Some(end) = self.seed_end(degree, (y, x), contrast) {
                return Some(end);
            }
        }
        None
    }

    fn distractor_seed(&self, rng: &mut ChaCha8Rng, contrast: f64) -> Option<End> {
        let pixels = self.side * self.side;
        let mut occupied = Bitmap::from_fn(self.side, |y, x| self.mask[y * self.side + x] > FREE);
        if ((pixels - occupied.count()) as f64) < CROWDED * pixels as f64 {
            return None;
        }
        occupied.frame(1);
        for _ in 0..PADDLE_TRIES {
            let degree = degree(rng);
            let free = occupied.free(self.paddles.seeds[degree].kernel.as_ref()?);
            let tail = pick(&free, free.count(), rng)?;
            if let Some(end) = self.seed_end(degree, tail, contrast) {
                return Some(end);
            }
        }
        None
    }

    /// The end of a contour that begins at `tail`, unless its head or pivot is outside of the image.
    fn seed_end(&self, degree: usize, tail: Point, contrast: f64) -> Option<End> {
        let direction = &self.paddles.directions[degree];
        let length = self.parameters.paddle_length;
        let head = direction.step(tail, length);
        let pivot = direction.step_back(head, length + self.paddles.margin);
        let end = End { pivot, direction: degree, last: Placed { shape: Shape::Seed(degree), start: tail, contrast } };
        (self.inside(head) && self.inside(pivot)).then_some(end)
    }

    /// Append a paddle: choose its far end on the circle around the next pivot, away from occupied pixels, rather
    /// straight on.
    fn extend(&mut self, rng: &mut ChaCha8Rng, end: &End, contrast: f64) -> Option<End> {
        let paddles = self.paddles;
        let direction = &paddles.directions[end.direction];
        let pivot = direction.step(end.pivot, self.parameters.paddle_length + 2 * paddles.margin);
        // Where everything lies inside of the image, nothing needs to be checked pixel by pixel.
        let (reach, side) = (paddles.reach, self.side as i32);
        let inner = reach..side - reach;
        let open = inner.contains(&pivot.0) && inner.contains(&pivot.1);
        let mut total = 0.0;
        self.weights.clear();
        for &(candidate, preference) in &direction.options {
            let offset = paddles.candidates[candidate].offset;
            let point = (pivot.0 + offset.0, pivot.1 + offset.1);
            if open || self.inside(point) {
                let nearby = if open { self.largest_around_inner(point) } else { self.largest_around(point) };
                total += preference * (1.0 - f64::from(level(nearby)));
            }
            self.weights.push(total);
        }
        if total < DEAD_END {
            return None;
        }
        for _ in 0..PADDLE_TRIES {
            let target = rng.random::<f64>() * total;
            let place = self.weights.partition_point(|&sum| sum <= target).min(self.weights.len() - 1);
            let chosen = direction.options[place].0;
            let offset = paddles.candidates[chosen].offset;
            let placed =
                Placed { shape: Shape::Candidate(chosen), start: (pivot.0 + offset.0, pivot.1 + offset.1), contrast };
            if !self.collides(&placed) {
                self.occupy(&end.last);
                return Some(End { pivot, direction: DEGREES + chosen, last: placed });
            }
        }
        None
    }

    fn inside(&self, point: Point) -> bool {
        let side = self.side as i32;
        (0..side).contains(&point.0) && (0..side).contains(&point.1)
    }

    /// Largest mask value within the margin of `point`.
    fn largest_around(&self, point: Point) -> u8 {
        let values = self.paddles.surroundings.iter().filter_map(|(dy, dx)| {
            let (y, x) = (point.0 + dy, point.1 + dx);
            self.inside((y, x)).then(|| self.mask[y as usize * self.side + x as usize])
        });
        values.max().unwrap_or(0)
    }

    /// [`largest_around`](Self::largest_around) where no pixel of the surroundings is outside of the image.
    fn largest_around_inner(&self, point: Point) -> u8 {
        let centre = point.0 as usize * self.side + point.1 as usize;
        let values = self.paddles.surrounding_steps.iter().map(|&step| self.mask[centre.wrapping_add_signed(step)]);
        values.max().unwrap_or(0)
    }

    fn collides(&self, placed: &Placed) -> bool {
        placed.paddle(self.paddles).mask.rows(placed.start, self.side).any(|(first, row)| {
            let pairs = || row.iter().copied().zip(self.mask[first..].iter().copied());
            // Exact only where it can matter: 459 is 1.8 of 255.
            let largest = pairs().map(|(new, old)| u16::from(new) + u16::from(old)).max().unwrap_or(0);
            let close = |(new, old): (u8, u8)| f64::from(level(new)) + f64::from(level(old)) >= COLLISION;
            largest > 459 || (largest == 459 && pairs().any(close))
        })
    }

    fn occupy(&mut self, placed: &Placed) {
        for (first, row) in placed.paddle(self.paddles).mask.rows(placed.start, self.side) {
            for (mask, &new) in self.mask[first..].iter_mut().zip(row) {
                *mask = (*mask).max(new);
            }
        }
    }
}

/// A mask value as the original held it, in single precision.
fn level(value: u8) -> f32 {
    (f64::from(value) / 255.0) as f32
}

fn degree(rng: &mut ChaCha8Rng) -> usize {
    rng.random_range(0..DEGREES as u32) as usize
}

fn pick(free: &Bitmap, count: usize, rng: &mut ChaCha8Rng) -> Option<Point> {
    if count == 0 { None } else { free.nth(rng.random_range(0..count as u32) as usize) }
}

fn choose(values: &[f64], rng: &mut ChaCha8Rng) -> f64 {
    match values {
        &[only] => only,
        several => several[rng.random_range(0..several.len() as u32) as usize],
    }
}
