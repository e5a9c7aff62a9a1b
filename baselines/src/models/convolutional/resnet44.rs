//! Residual network of 44 layers, shortcuts without parameters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::convolution::resnet::{ResNet, ResNetSpec, Shortcut};
use crate::{Baseline, BodySpec, BuildError, Built, Info, Init};

/// Settings of [`Resnet44`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Resnet44Config {
    /// Channels of the first stage, at least 1; each further stage has twice as many.
    pub width: usize,
    /// Basic blocks per stage, at least 1.
    pub blocks: usize,
}

impl Default for Resnet44Config {
    fn default() -> Self {
        Self { width: 16, blocks: 7 }
    }
}

/// The CIFAR network of the paper (section 4.2) with 6n + 2 = 44 layers: three stages of n = 7 basic blocks.
#[derive(Debug)]
pub struct Resnet44;

impl Baseline for Resnet44 {
    type Config = Resnet44Config;
    type Body = ResNet;

    const INFO: Info = Info {
        name: "resnet44",
        summary: "Residual network of 44 layers, shortcuts without parameters",
        source: "He et al. 2015, arXiv 1512.03385",
        ranks: 1..=2,
    };

    fn build(config: &Self::Config, spec: &BodySpec, init: &mut Init) -> Result<Built<Self::Body>, BuildError> {
        let sizes =
            ResNetSpec { width: config.width, stages: 3, blocks: config.blocks, shortcut: Shortcut::ZeroPadded };
        ResNet::build(sizes, spec, init)
    }

    fn label(config: &Self::Config) -> String {
        format!("resnet44-{}-{}", config.blocks, config.width)
    }
}
