//! Expressions that this program makes.

use serde_json::json;
use vocabulary::{Metric, OutputSpec};

use crate::config::{ConfigError, any_sizes, within};
use crate::library::{CacheKey, DataError, Library};
use crate::progress::Progress;
use crate::samples::Stored;
use crate::task::{Dataset, Positions, Task, TaskSpec};
use crate::tasks::language::listops::config::Config;
use crate::tasks::language::listops::difficulty::StoredExpressions;
use crate::tasks::language::listops::expression::VOCABULARY;
use crate::tasks::language::listops::generator::{self, Shape};
use crate::text::{batch, form_name};

/// The task on generated expressions.
pub(super) fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
    within("max_depth", config.max_depth, 2..=64)?;
    within("max_args", config.max_args, 2..=1_000)?;
    within("max_length", config.max_length, 2..=1_000_000)?;
    if config.min_length + 2 > config.max_length {
        return Err(ConfigError::new(
            "min_length",
            format!(
                "no length is greater than {} and smaller than max_length {}; lower min_length or raise max_length",
                config.min_length, config.max_length
            ),
        ));
    }
    let shape = Shape {
        max_depth: config.max_depth,
        max_args: config.max_args,
        min_length: config.min_length,
        max_length: config.max_length,
    };
    if shape.longest() <= config.min_length {
        return Err(ConfigError::new(
            "min_length",
            format!(
                "with max_depth {} and max_args {} the longest expression has {} tokens, and min_length is {}",
                config.max_depth,
                config.max_args,
                shape.longest(),
                config.min_length
            ),
        ));
    }
    let needed = config.max_length - 1 + usize::from(config.end_token);
    let length = config.length.unwrap_or(config.max_length);
    within("length", length, needed..=1_000_001)?;
    let splits = any_sizes(config.sizes())?;
    let standard = (config.min_length, config.max_length) == (500, 2_000);
    let name =
        if standard { "listops".to_owned() } else { format!("listops-{}-{}", config.min_length, config.max_length) };
    let spec = TaskSpec {
        data: name.clone(),
        name,
        version: format!("listops@generated-{}-2", form_name(config.tokens, config.padding)),
        input: config.tokens.input(VOCABULARY, length),
        target: OutputSpec::Classes(10),
        metric: Metric::Accuracy,
        // Share of label 0 (and of 9) at the default lengths, measured; it varies little with the lengths.
        chance: 0.17,
        splits,
    };
    Ok(Box::new(GeneratedTask { spec, config, shape, length }))
}

struct GeneratedTask {
    spec: TaskSpec,
    config: Config,
    shape: Shape,
    length: usize,
}

impl Task for GeneratedTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn positions(&self) -> Positions {
        self.config.layout(self.length).positions()
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let (shape, length) = (self.shape, self.length);
        let Config { seed, end_token, padding, tokens, .. } = self.config;
        let key = CacheKey {
            name: self.spec.data.clone(),
            version: 2,
            spec: json!({
                "max_depth": shape.max_depth,
                "max_args": shape.max_args,
                "min_length": shape.min_length,
                "max_length": shape.max_length,
                "seed": seed,
            }),
            input_bytes: generator::input_bytes(&shape),
            label_bytes: 1,
            sizes: self.spec.splits,
        };
        let store =
            library.cached(&key, progress, |writer| generator::write(writer, shape, seed, key.sizes, progress))?;
        let processing =
            format!("Reading {{ length: {length}, end_token: {end_token}, padding: {padding:?}, tokens: {tokens:?} }}");
        let layout = self.config.layout(length);
        let stored =
            Stored::new(store, &processing, move |store, split, positions| batch(store, split, positions, &layout));
        Ok(Box::new(stored.annotated(StoredExpressions)))
    }

    fn check(&self, _library: &Library) -> Result<(), DataError> {
        Ok(())
    }
}
