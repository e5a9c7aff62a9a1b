//! The scores of one baseline on several tasks.

use crate::statistics::undefined::{Undefined, check};

/// Scores per task and seed, on a scale that all tasks share.
///
/// The runs of all tasks are pooled, so the caller brings them to one scale first, for instance
/// (accuracy − chance) / (1 − chance). Higher is better. Each task has as many seeds as any other, since a task with more
/// would count more.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Per task the scores in ascending order: which seed gave which is not known.
    tasks: Vec<Vec<f64>>,
}

impl Scores {
    /// Make scores of one list per task.
    ///
    /// # Errors
    /// There are no tasks, a task has no scores or another number than the first, or a score is not finite.
    pub fn new(mut tasks: Vec<Vec<f64>>) -> Result<Self, Undefined> {
        let expected = tasks.first().ok_or(Undefined::Empty)?.len();
        for task in &mut tasks {
            check(task, 1)?;
            if task.len() != expected {
                return Err(Undefined::Uneven { expected, given: task.len() });
            }
            task.sort_by(f64::total_cmp);
        }
        Ok(Self { tasks })
    }

    /// The scores of every task.
    pub fn tasks(&self) -> &[Vec<f64>] {
        &self.tasks
    }

    /// Number of seeds of each task.
    pub fn seeds(&self) -> usize {
        self.tasks.first().map_or(0, Vec::len)
    }

    /// All scores of all tasks.
    pub(super) fn pooled(&self) -> impl Iterator<Item = f64> + '_ {
        self.tasks.iter().flatten().copied()
    }

    /// All task's scores, each drawn anew by `draw` from the scores that stand there in `self`.
    pub(super) fn redraw(&self, into: &mut Self, mut draw: impl FnMut(&[f64], &mut [f64])) {
        for (from, into) in self.tasks.iter().zip(&mut into.tasks) {
            draw(from, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_even_and_finite() {
        assert_eq!(Scores::new(vec![]), Err(Undefined::Empty));
        assert_eq!(Scores::new(vec![vec![]]), Err(Undefined::Empty));
        assert_eq!(Scores::new(vec![vec![1.0, f64::INFINITY]]), Err(Undefined::NotFinite));
        let uneven = Scores::new(vec![vec![1.0, 2.0], vec![1.0]]);
        assert_eq!(uneven, Err(Undefined::Uneven { expected: 2, given: 1 }));
        assert_eq!(Scores::new(vec![vec![2.0, 1.0]]), Scores::new(vec![vec![1.0, 2.0]]));
    }
}
