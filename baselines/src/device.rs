//! Devices by name: `cpu`, `cuda[:i]`, `wgpu[:i]`, `tch[:cuda:i]`.
