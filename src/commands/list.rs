//! `bench list`

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::table::{Align, render};
use crate::cli::{Global, ListArgs, Listed};
use crate::exit::{Exit, Stop, print, print_json};
use crate::experiment::{Overrides, load, resolve::fields};

/// Folder of experiment files, below the working directory.
const EXPERIMENTS: &str = "experiments";

/// List baselines, tasks or experiments.
pub fn execute(args: &ListArgs, global: &Global) -> Result<Exit, Stop> {
    match args.what {
        Listed::Baselines => baselines(global),
        Listed::Tasks => tasks(global),
        Listed::Experiments => experiments(global),
    }
}

fn baselines(global: &Global) -> Result<Exit, Stop> {
    let entries = baselines::registry::entries();
    if global.json {
        let list: Vec<Value> = entries
            .iter()
            .map(|e| {
                json!({
                    "name": e.info.name, "summary": e.info.summary, "source": e.info.source,
                    "ranks": e.info.ranks.clone().collect::<Vec<_>>(), "settings": fields(&(e.schema)()),
                })
            })
            .collect();
        print_json(&list)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|e| {
            let ranks: Vec<String> = e.info.ranks.clone().map(|rank| format!("{rank}D")).collect();
            vec![e.info.name.into(), ranks.join(" "), e.info.summary.into(), e.info.source.into()]
        })
        .collect();
    let heading =
        [("baseline", Align::Left), ("inputs", Align::Left), ("summary", Align::Left), ("source", Align::Left)];
    print(&render(&heading, &rows))?;
    Ok(Exit::Done)
}

fn tasks(global: &Global) -> Result<Exit, Stop> {
    let entries = datasets::registry::entries();
    if global.json {
        let list: Vec<Value> = entries
            .iter()
            .map(|e| {
                json!({
                    "name": e.info.name, "summary": e.info.summary, "source": e.info.source,
                    "settings": fields(&(e.schema)()),
                })
            })
            .collect();
        print_json(&list)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> =
        entries.iter().map(|e| vec![e.info.name.into(), e.info.summary.into(), e.info.source.into()]).collect();
    print(&render(&[("task", Align::Left), ("summary", Align::Left), ("source", Align::Left)], &rows))?;
    Ok(Exit::Done)
}

fn experiments(global: &Global) -> Result<Exit, Stop> {
    let files = experiment_files(Path::new(EXPERIMENTS))?;
    let described: Vec<(String, String, Option<String>)> = files
        .iter()
        .map(|file| {
            let path = file.display().to_string();
            match load(file, &Overrides::default()) {
                Ok(plan) => (path, plan.description, None),
                Err(error) => (path, String::new(), Some(error.to_string())),
            }
        })
        .collect();
    if global.json {
        let list: Vec<Value> = described
            .iter()
            .map(|(file, description, error)| json!({ "file": file, "description": description, "error": error }))
            .collect();
        print_json(&list)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = described
        .into_iter()
        .map(|(file, description, error)| {
            let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
            vec![file, error.map_or(first(description), |error| format!("cannot be run: {}", first(error)))]
        })
        .collect();
    print(&render(&[("experiment", Align::Left), ("description", Align::Left)], &rows))?;
    Ok(Exit::Done)
}

fn experiment_files(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    let refuse = |error: std::io::Error| {
        Stop::usage(format!("cannot read the folder `{}`: {error}; run this where it lies", folder.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
