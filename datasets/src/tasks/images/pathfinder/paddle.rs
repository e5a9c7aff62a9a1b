//! Everything about paddles that does not depend on the image: drawn once per margin, pasted many times.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::tasks::images::pathfinder::bitmap::Bitmap;
use crate::tasks::images::pathfinder::parameters::Parameters;
use crate::tasks::images::pathfinder::raster::{Canvas, disc};

/// Seed paddles point in whole degrees, from −180 to 179.
pub(super) const DEGREES: usize = 360;

/// A grey patch without its black border, placed relative to the paddle's start.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    top: i32,
    left: i32,
    columns: usize,
    values: Vec<u8>,
}

impl Stamp {
    /// The lit part of `canvas`, whose pixel `centre` lies on the start.
    fn new(canvas: &Canvas, centre: (usize, usize)) -> Self {
        let lit = |y: usize, x: usize| canvas.pixels[y * canvas.width + x] > 0;
        let rows: Vec<usize> = (0..canvas.height).filter(|&y| (0..canvas.width).any(|x| lit(y, x))).collect();
        let columns: Vec<usize> = (0..canvas.width).filter(|&x| (0..canvas.height).any(|y| lit(y, x))).collect();
        let (Some(&top), Some(&bottom), Some(&left), Some(&right)) =
            (rows.first(), rows.last(), columns.first(), columns.last())
        else {
            return Self { top: 0, left: 0, columns: 1, values: Vec::new() };
        };
        let values =
            (top..=bottom).flat_map(|y| canvas.pixels[y * canvas.width + left..=y * canvas.width + right].to_vec());
        Self {
            top: top as i32 - centre.0 as i32,
            left: left as i32 - centre.1 as i32,
            columns: right - left + 1,
            values: values.collect(),
        }
    }

    /// Call `visit(position, row)` for each row of the stamp at `start` inside of a square of side `side`: the index of
    /// its first pixel and its values.
    pub(super) fn rows(&self, start: (i32, i32), side: usize) -> impl Iterator<Item = (usize, &[u8])> {
        let (top, left) = (start.0 + self.top, start.1 + self.left);
        let end = side as i32;
        let skip = (-left).clamp(0, self.columns as i32) as usize;
        let keep = (end - left).clamp(skip as i32, self.columns as i32) as usize;
        self.values.chunks_exact(self.columns).enumerate().filter_map(move |(index, row)| {
            let y = top + index as i32;
            let inside = (0..end).contains(&y) && keep > skip;
            inside.then(|| (y as usize * side + (left + skip as i32) as usize, &row[skip..keep]))
        })
    }
}

/// A paddle drawn from its start in one direction.
#[derive(Debug, Clone)]
pub(super) struct Paddle {
    /// The visible line, before contrast.
    pub(super) line: Stamp,
    /// The neighbourhood that other paddles must not enter.
    pub(super) mask: Stamp,
}

/// A point where an extension may end, on the circle around the new pivot.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Offset `(y, x)` from the pivot.
    pub(super) offset: (i32, i32),
    /// The paddle drawn from there back to the pivot.
    pub(super) paddle: Paddle,
}

/// A direction, with what follows from it.
#[derive(Debug, Clone)]
pub(super) struct Direction {
    angle: f64,
    /// Candidates after a paddle in this direction, each with its preference cos²(continuity · angle between), without
    /// those of preference 0.
    pub(super) options: Vec<(usize, f64)>,
}

impl Direction {
    /// The whole-numbered point `distance` further from `point`, rounded up in both coordinates.
    pub(super) fn step(&self, point: (i32, i32), distance: u32) -> (i32, i32) {
        step(point, self.angle, distance)
    }

    /// The point `distance` away in the opposite direction.
    pub(super) fn step_back(&self, point: (i32, i32), distance: u32) -> (i32, i32) {
        step(point, flip(self.angle), distance)
    }
}

/// A seed paddle in one of the whole degrees.
#[derive(Debug, Clone)]
pub(super) struct Seed {
    pub(super) paddle: Paddle,
    /// Offsets from the tail that must be free. None when the kernel leaves some pixel at the image's border without
    /// any neighbour inside: OpenCV fills such pixels with a huge negative value, which the original took for "no room
    /// at all", so that seeds of these directions always fail.
    pub(super) kernel: Option<Vec<(i32, i32)>>,
    /// Where the first contour may begin.
    pub(super) free: Bitmap,
    /// Number of such points.
    pub(super) free_count: usize,
}

/// All paddles of one margin.
#[derive(Debug, Clone)]
pub(super) struct Paddles {
    pub(super) margin: u32,
    /// By degree + 180.
    pub(super) seeds: Vec<Seed>,
    pub(super) candidates: Vec<Candidate>,
    /// First those of the seeds, then those from the pivot to each candidate.
    pub(super) directions: Vec<Direction>,
    /// Disc of the margin's radius.
    pub(super) surroundings: Vec<(i32, i32)>,
    /// The same as distances in a row-major image.
    pub(super) surrounding_steps: Vec<isize>,
    /// Every candidate's surroundings lie within this many rows and columns of the pivot.
    pub(super) reach: i32,
    /// The mask before anything is drawn: a border.
    pub(super) border: Vec<u8>,
}

impl Paddles {
    pub(super) fn new(parameters: &Parameters, margin: u32) -> Self {
        let side = parameters.resolution as usize;
        let brush = Brush::new(parameters, margin);
        let padding = parameters.padding as usize;
        let mut border = Bitmap::empty(side);
        border.frame(padding);
        let mut forbidden = border.clone();
        forbidden.frame(2 * parameters.seed_distance as usize);
        let everything = Bitmap::from_fn(side, |_, _| true);
        let angles = (0..DEGREES).map(|degree| (degree as f64 - 180.0) * PI / 180.0);
        let seeds = angles
            .clone()
            .map(|angle| {
                let (line, mask) = brush.patches(angle);
                let kernel = Some(brush.kernel(&mask)).filter(|kernel| everything.free(kernel).count() == 0);
                let free = kernel.as_ref().map_or_else(|| Bitmap::empty(side), |kernel| forbidden.free(kernel));
                Seed { paddle: brush.paddle(&line, &mask), kernel, free_count: free.count(), free }
            })
            .collect();
        let offsets = circle(parameters.paddle_length + margin);
        let bearing = |offset: &(i32, i32)| f64::from(offset.0).atan2(f64::from(offset.1));
        let bearings: Vec<f64> = offsets.iter().map(bearing).collect();
        let candidates = offsets
            .iter()
            .zip(&bearings)
            .map(|(&offset, &bearing)| {
                let (line, mask) = brush.patches(flip(bearing));
                Candidate { offset, paddle: brush.paddle(&line, &mask) }
            })
            .collect();
        let directions = angles
            .chain(bearings.iter().copied())
            .map(|angle| Direction {
                angle,
                options: bearings
                    .iter()
                    .map(|&bearing| preference(bearing, angle, parameters.continuity))
                    .enumerate()
                    .filter(|(_, preference)| *preference > 0.0)
                    .collect(),
            })
            .collect();
        let surroundings = disc(margin as usize);
        let edge = |position: usize| position < padding || position + padding >= side;
        Self {
            margin,
            seeds,
            candidates,
            directions,
            surrounding_steps: surroundings.iter().map(|&(y, x)| y as isize * side as isize + x as isize).collect(),
            surroundings,
            reach: offsets.iter().map(|offset| offset.0.abs().max(offset.1.abs())).max().unwrap_or(0) + margin as i32,
            border: (0..side * side)
                .map(|pixel| if edge(pixel / side) || edge(pixel % side) { 255 } else { 0 })
                .collect(),
        }
    }
}

/// The whole-numbered points on a circle of `radius` around the origin, one step of arc per pixel, without repetition.
fn circle(radius: u32) -> Vec<(i32, i32)> {
    let radius = f64::from(radius);
    let degrees = 360.0 / (2.0 * radius * PI);
    let mut points: Vec<(i32, i32)> = (0..(360.0 / degrees).ceil() as u32)
        .map(|step| f64::from(step) * degrees * PI / 180.0)
        .map(|angle| ((radius * angle.sin()).floor() as i32, (radius * angle.cos()).floor() as i32))
        .collect();
    points.sort_unstable();
    points.dedup();
    points
}

fn preference(bearing: f64, direction: f64, continuity: f64) -> f64 {
    let apart = (bearing - direction).abs();
    let bend = (apart.min(2.0 * PI - apart) * continuity).min(FRAC_PI_2);
    bend.cos().max(0.0).powi(2)
}

fn flip(angle: f64) -> f64 {
    if angle < 0.0 { angle + PI } else { angle - PI }
}

fn step(point: (i32, i32), angle: f64, distance: u32) -> (i32, i32) {
    let distance = f64::from(distance);
    let y = (f64::from(point.0) + distance * angle.sin()).ceil();
    let x = (f64::from(point.1) + distance * angle.cos()).ceil();
    (y as i32, x as i32)
}

/// Draws paddles of one margin.
pub(super) struct Brush {
    length: u32,
    margin: u32,
    antialias: u32,
    /// Width of the line on the enlarged canvas.
    width: u32,
    /// Half the side of a patch.
    reach: usize,
}

impl Brush {
    pub(super) fn new(parameters: &Parameters, margin: u32) -> Self {
        let length = parameters.paddle_length;
        Self {
            length,
            margin,
            antialias: parameters.antialias,
            width: (parameters.thickness * f64::from(parameters.antialias)).round() as u32,
            reach: (length + parameters.thickness.ceil() as u32 + margin) as usize,
        }
    }

    /// Line and mask patches, with the start in their centres.
    pub(super) fn patches(&self, angle: f64) -> (Canvas, Canvas) {
        let scale = self.antialias as usize;
        let (large, small) = (2 * self.reach * scale + 1, 2 * self.reach + 1);
        let centre = (self.reach * scale) as i32;
        let mut canvas = Canvas::black(large, large);
        let head = step((centre, centre), angle, self.length * self.antialias);
        canvas.line((centre, centre), head, self.width);
        let mask = canvas.dilate((self.margin * self.antialias) as usize);
        (canvas.resize(small, small), mask.resize(small, small))
    }

    fn paddle(&self, line: &Canvas, mask: &Canvas) -> Paddle {
        let centre = (self.reach, self.reach);
        Paddle { line: Stamp::new(line, centre), mask: Stamp::new(mask, centre) }
    }

    /// The original places the mask one pixel off the centre of a window of side 2 (length + margin) + 1, cuts off what
    /// does not fit, and keeps the pixels that are fully white.
    fn kernel(&self, mask: &Canvas) -> Vec<(i32, i32)> {
        let window = (self.length + self.margin) as i32;
        let side = mask.width as i32;
        (0..side * side)
            .filter(|&pixel| mask.pixels[pixel as usize] == 255)
            .map(|pixel| (pixel / side - self.reach as i32 + 1, pixel % side - self.reach as i32 + 1))
            .filter(|(y, x)| y.abs() <= window && x.abs() <= window)
            .collect()
    }
}
