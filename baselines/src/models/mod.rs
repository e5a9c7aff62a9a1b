//! One file per baseline.
