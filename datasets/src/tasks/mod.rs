//! One file per task.
