//! A baseline with its types erased, and its settings as JSON.

use burn::tensor::Device;
use schemars::Schema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::init::within_bounds;
use crate::network::{NetworkSettings, assemble};
use crate::{Baseline, BuildError, Info, Init, InputSpec, Model, OutputSpec, Resolution};

/// A baseline with its types erased.
///
/// Its settings are one object with the keys of the baseline's configuration and of the [`NetworkSettings`].
#[derive(Debug, Clone)]
pub struct Entry {
    /// Name, source, accepted ranks.
    pub info: Info,
    /// JSON schema of the settings.
    pub schema: fn() -> Schema,
    /// Fills in every default; the error names a wrong field.
    pub resolve: fn(&Value) -> Result<Value, BuildError>,
    /// Short name of a configuration.
    pub label: fn(&Value) -> Result<String, BuildError>,
    /// See [`Baseline::added`].
    pub added: fn() -> Vec<(&'static str, Value)>,
    /// See [`Baseline::unused`]; empty for settings that are not the baseline's.
    pub unused: fn(&Value) -> Vec<&'static str>,
    /// See [`Baseline::reference_name`].
    pub reference_name: fn(&Value, usize, &str) -> Option<String>,
    /// See [`Baseline::reference_shape`]; `None` for settings that are not the baseline's.
    pub reference_shape: ReferenceShape,
    /// See [`Baseline::resolution`].
    pub resolution: Resolution,
    /// Builds a network with autodiff, see [`Model::evaluator`], whose weights depend on the seed.
    pub build: BuildModel,
}

/// The shape that a reference program gives a tensor, from settings, position axes, name and shape.
pub type ReferenceShape = fn(&Value, usize, &str, &[usize]) -> Option<Vec<usize>>;

/// Builds a network from settings, input, output and seed on a device.
pub type BuildModel = fn(&Value, &InputSpec, &OutputSpec, u64, &Device) -> Result<Box<dyn Model>, BuildError>;

/// The entry of baseline `B`.
pub fn entry<B: Baseline>() -> Entry
where
    B::Body: Sync,
{
    Entry {
        info: B::INFO,
        resolution: B::resolution(),
        schema: schema::<B::Config>,
        added: B::added,
        unused: |value| split::<B::Config>(value).map_or_else(|_| Vec::new(), |(_, config)| B::unused(&config)),
        resolve: |value| {
            let (settings, config) = split::<B::Config>(value)?;
            let mut merged = object(&config)?;
            merged.extend(object(&settings)?);
            Ok(Value::Object(merged))
        },
        reference_name: |value, rank, name| B::reference_name(&split::<B::Config>(value).ok()?.1, rank, name),
        reference_shape: |value, rank, name, shape| {
            Some(B::reference_shape(&split::<B::Config>(value).ok()?.1, rank, name, shape))
        },
        label: |value| Ok(B::label(&split::<B::Config>(value)?.1)),
        build: |value, input, output, seed, device| {
            let (settings, config) = split::<B::Config>(value)?;
            let rank = input.rank();
            if !B::INFO.ranks.contains(&rank) {
                let message = format!("{} does not take inputs with {rank} axes of positions", B::INFO.name);
                return Err(BuildError::new("", message));
            }
            let groups = B::groups(&config);
            let mut init = Init::new(seed, &device.clone().autodiff());
            within_bounds(|| {
                assemble(&settings, input, output, groups, &mut init, |spec, init| B::build(&config, spec, init))
            })
        },
    }
}

/// Separates the network's settings from the baseline's own.
fn split<C: DeserializeOwned>(value: &Value) -> Result<(NetworkSettings, C), BuildError> {
    let Value::Object(all) = value else {
        return Err(BuildError::new("", "settings must be a mapping of keys to values"));
    };
    let ours = object(&NetworkSettings::default())?;
    let (settings, config): (Map<_, _>, Map<_, _>) =
        all.iter().map(|(k, v)| (k.clone(), v.clone())).partition(|(key, _)| ours.contains_key(key));
    Ok((parse(settings)?, parse(config)?))
}

fn parse<C: DeserializeOwned>(map: Map<String, Value>) -> Result<C, BuildError> {
    serde_path_to_error::deserialize(Value::Object(map)).map_err(|error| {
        let path = error.path().to_string();
        BuildError::new(if path == "." { String::new() } else { path }, error.into_inner().to_string())
    })
}

fn object(value: &impl serde::Serialize) -> Result<Map<String, Value>, BuildError> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(BuildError::new("", "settings must serialise to a mapping")),
        Err(error) => Err(BuildError::new("", error.to_string())),
    }
}

fn schema<C: schemars::JsonSchema>() -> Schema {
    let mut schema = schemars::schema_for!(C);
    let network = schemars::schema_for!(NetworkSettings);
    for part in ["properties", "$defs"] {
        let Some(Value::Object(extra)) = network.get(part).cloned() else { continue };
        match schema.ensure_object().entry(part).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(own) => own.extend(extra),
            other => *other = Value::Object(extra),
        }
    }
    schema
}
