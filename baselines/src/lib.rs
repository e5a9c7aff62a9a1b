//! Baselines of the long-range sequence benchmark.
//!
//! A baseline is one file of [`models`] with one [`Baseline`] implementation and one line in its folder. It provides the
//! *body* only: a map from features to features over the positions of the input. Embedding, read-out and head come from
//! [`network`], so that every body runs on every task whose rank fits. [`kernels`] has the fused operations with
//! hand-written gradients, [`layers`] the building blocks that several models share.
//!
//! All tensors are `[batch, channels, positions…]`, with one to three axes of positions.

pub mod baseline;
pub mod check;
pub mod device;
pub mod features;
pub mod forward;
pub mod inspect;
pub mod layers;
pub mod models;
pub mod network;
mod parameters;
pub mod read;
pub mod registry;

pub use kernels;
pub use kernels::precision;

pub use baseline::{
    Baseline, Body, BodySpec, Built, GeneratedKernel, HeadInit, Info, LayerMeasure, Measure, ParameterGroup, Readout,
    Resolution,
};
pub use check::BuildError;
pub use features::Features;
pub use forward::{Forward, ForwardError, Probe};
pub use inspect::views::{LayerView, Trace};
pub use network::{Input, Model, Output};
pub use parameters::init::Init;
pub use parameters::named::Parameter;
pub use parameters::{init, named, reference};
pub use read::ReadError;
pub use vocabulary::{InputSpec, OutputSpec};
