//! Residual network of 18 layers, the form for small images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::convolution::resnet::{ResNet, ResNetSpec, Shortcut};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init};

/// Settings of [`Resnet18`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Resnet18Config {
    /// Channels of the first stage, at least 1; each further stage has twice as many.
    pub width: usize,
    /// Basic blocks per stage, at least 1.
    pub blocks: usize,
}

impl Default for Resnet18Config {
    fn default() -> Self {
        Self { width: 64, blocks: 2 }
    }
}

/// ResNet-18 with the stem for small images: kernel 3 at stride 1, no pooling; four stages of two basic blocks.
#[derive(Debug)]
pub struct Resnet18;

impl Baseline for Resnet18 {
    type Config = Resnet18Config;
    type Body = ResNet;

    const INFO: Info = Info {
        name: "resnet18",
        summary: "Residual network of 18 layers, the form for small images",
        source: "He et al. 2015, arXiv 1512.03385",
        ranks: 1..=2,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        let sizes = ResNetSpec { width: config.width, stages: 4, blocks: config.blocks, shortcut: Shortcut::Projected };
        ResNet::build(sizes, spec, init)
    }

    fn label(config: &Self::Config) -> String {
        format!("resnet18-{}-{}", config.blocks, config.width)
    }
}
