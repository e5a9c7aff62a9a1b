//! The recipes that come with the program, and what the README says of them.

use std::path::PathBuf;

use super::overrides;
use crate::experiment::{Overrides, load};
use crate::registry::Registry;

/// The files of a folder below `experiments`.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

/// Every recipe that comes with the program is one.
#[test]
fn every_recipe_resolves() {
    let mut names = Vec::new();
    for path in files("experiments") {
        for scale in ["paper", "smoke"] {
            let plan = load(&path, &overrides(&[&format!("scale={scale}")]), &Registry::standard())
                .unwrap_or_else(|error| panic!("{error}"));
            assert!(!plan.description.is_empty(), "{} has no description", path.display());
            assert!(plan.runs.iter().any(|run| run.parameters.is_some()), "{}", path.display());
        }
        names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    for name in ["lra", "images", "speech", "irregular", "language", "orthogonality", "quickstart", "smoke"] {
        assert!(names.iter().any(|found| found == name), "experiments/{name}.yaml is missing");
    }
}

/// What nobody includes is read by nobody, and could be wrong.
#[test]
fn every_common_file_is_included_by_a_recipe() {
    let recipes: Vec<String> = files("experiments").iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let common = files("experiments/common");
    assert!(!common.is_empty());
    for path in common {
        let line = format!("  - common/{}\n", path.file_name().unwrap().to_string_lossy());
        assert!(recipes.iter().any(|text| text.contains(&line)), "{}", path.display());
    }
}

/// What the programs behind the recipes do, and our defaults would not.
#[test]
fn recipes_train_as_their_sources_do() {
    use crate::experiment::training::Schedule;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut augmented = std::collections::BTreeMap::new();
    for file in ["images", "lra", "speech", "listops", "orthogonality"] {
        let plan =
            load(&folder.join(format!("{file}.yaml")), &overrides(&["seeds=[0]"]), &Registry::standard()).unwrap();
        for run in &plan.runs {
            if run.sources.iter().any(|source| source.starts_with("ccnn experiments/README.md")) {
                assert_eq!(run.training.schedule, Schedule::ChainedCosine, "{file}: {}", run.id);
            }
            if let Some(augment) = run.task.config["augment"].as_bool() {
                augmented.insert(format!("{file} {} {}", run.task.label, run.baseline.label), augment);
            }
        }
    }
    for (run, augment) in [
        ("images cifar10 ccnn-4-140", true),
        ("images cifar10 ccnn-6-380", true),
        ("images cifar100 ccnn-4-140", false),
        ("images cifar100 ccnn-6-380", false),
        ("images stl10 ccnn-4-140", true),
        ("images scifar10 ccnn-4-140", true),
        ("images scifar10 ccnn-6-380", false),
        ("images cifar10 flexnet", true),
        ("lra image-1d ccnn-4-140", false),
        ("lra image-2d ccnn-4-140", false),
        ("orthogonality cifar10 vgg-none", false),
        ("orthogonality cifar100 vgg-householder", false),
    ] {
        assert_eq!(augmented.get(run), Some(&augment), "{run}");
    }
}

/// The published network sizes, to the parameter.
#[test]
fn the_recipes_of_ccnn_have_the_parameters_of_the_original_program() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    for (file, task, baseline, parameters) in [
        ("images", "smnist", "ccnn-4-140", 198_769),
        ("images", "smnist", "ccnn-6-380", 1_993_091),
        ("images", "scifar10", "ccnn-4-140", 199_117),
        ("images", "cifar10", "ccnn-4-140", 201_042),
        ("images", "cifar10", "ccnn-6-380", 1_999_366),
        ("images", "cifar100", "ccnn-4-140", 213_732),
        ("images", "cifar10", "flexnet", 671_650),
        ("images", "smnist", "ckcnn-2-30", 98_286),
        ("images", "scifar10", "ckcnn-2-30", 100_386),
        ("images", "cifar10", "resnet18", 11_173_962),
        ("lra", "listops", "ccnn-4-140", 198_769),
        ("lra", "image-1d", "ccnn-4-140", 198_769),
        ("lra", "pathfinder32", "ccnn-4-140", 197_500),
        ("lra", "pathx", "ccnn-4-140", 197_500),
        ("lra", "image-2d", "ccnn-4-140", 200_694),
    ] {
        let only = Overrides { only: Some(format!("task={task},baseline={baseline}")), ..overrides(&["seeds=[0]"]) };
        let plan = load(&folder.join(file).with_extension("yaml"), &only, &Registry::standard())
            .unwrap_or_else(|error| panic!("{error}"));
        let found: Vec<Option<u64>> = plan.runs.iter().map(|run| run.parameters).collect();
        assert_eq!(found, [Some(parameters)], "{baseline} on {task}");
    }
}

/// The first variant of every setting in the README's table of tasks is its default.
#[test]
fn the_readme_tells_the_defaults_of_tasks() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, table) = readme.split_once("| task | what | variants").unwrap();
    let mut checked = 0;
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let names: Vec<&str> = cells[0].split('`').skip(1).step_by(2).collect();
        // Bars within code are written `\\|` or plain; the last cell names the data.
        let variants = cells[2..cells.len() - 1].join(" | ");
        for setting in variants.split('`').skip(1).step_by(2) {
            let Some((key, values)) = setting.split_once(": ") else { continue };
            let first = values.split(['|', '…', '\\']).next().unwrap().trim();
            if first.chars().all(|c| c.is_ascii_uppercase()) {
                // The name of a file.
                continue;
            }
            let mut defaults = names.iter().filter_map(|name| {
                let entry = datasets::registry::find(name).unwrap_or_else(|| panic!("no task {name}"));
                let value = (entry.resolve)(&serde_json::json!({})).unwrap().get(key)?.clone();
                Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            });
            // What is the default may be left out of the record.
            let default = defaults.next();
            assert!(
                default.as_deref().is_none_or(|default| default == first),
                "{names:?}: {key} is {default:?}, not {first}"
            );
            checked += usize::from(default.is_some());
        }
    }
    assert!(checked > 15, "only {checked} settings were compared");
}
