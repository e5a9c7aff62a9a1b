//! Baselines of the long-range sequence benchmark.
//!
//! A baseline is one file in [`models`] with one [`Baseline`] implementation and one line in [`registry`]. It writes its
//! *body* only: a map from features to features over the positions of the input. Embedding, read-out and head come from
//! [`network`], so that every body runs on every task whose rank fits. [`kernels`] holds the fused operations with
//! hand-written gradients; [`layers`] the building blocks that several models share.
//!
//! All tensors are `[batch, channels, positions…]`, with one to three axes of positions.

pub mod baseline;
pub mod device;
pub mod forward;
pub mod init;
pub mod layers;
pub mod models;
pub mod named;
pub mod network;
pub mod read;
pub mod reference;
pub mod registry;

pub use kernels;
pub use kernels::precision;

pub use baseline::{
    Baseline, Body, BodySpec, BuildError, Built, Features, HeadInit, Info, LayerMeasure, Measure, ParameterGroup,
    Readout, Resolution,
};
pub use forward::{Forward, ForwardError, Probe};
pub use init::Init;
pub use network::{Input, Model, Output, Parameter};
pub use read::ReadError;
pub use vocabulary::{InputSpec, OutputSpec};
