//! `search`: ranges, trials, and what is refused.

use super::{error, ids, overrides, planned, registry, try_plan};
use crate::experiment::load::{Text, plan};
use crate::experiment::search::{Halving, Method};
use crate::experiment::{Choice, Overrides, Plan, chosen};

const PAIRS: &str = "tasks: [line, {name: line, length: 32, label: long}]\nbaselines: [net, {name: wide, hidden: 4}]\n";
const TRAINING: &str = "training: {epochs: 12}\n";
const SEARCH: &str = "\
search:
  seed: 3
  trials: 4
  ranges:
    training.learning_rate: {low: 1.0e-4, high: 0.1, scale: log}
    baseline.kernel.omega_0: {low: 1, high: 100}
    baseline.dropout: [0, 0.1]
  halving: {factor: 2, epochs: 3}
";

fn searched() -> Plan {
    planned(&format!("{PAIRS}{TRAINING}{SEARCH}"))
}

/// The search with one line of it changed.
fn with(line: &str, changed: &str) -> String {
    assert!(SEARCH.contains(line), "{line}");
    format!("{PAIRS}{TRAINING}{}", SEARCH.replace(line, changed))
}

#[test]
fn every_pair_has_the_same_trials_as_runs_of_its_own() {
    let plan = searched();
    let search = plan.search.unwrap();
    assert_eq!((search.method, search.seed, search.trials), (Method::Sobol, 3, 4));
    assert_eq!(search.halving, Some(Halving { factor: 2, epochs: 3 }));
    assert_eq!(plan.runs.len(), 2 * 2 * 4);
    let values = |task: &str, baseline: &str| -> Vec<String> {
        let own = plan.runs.iter().filter(|run| run.task.label == task && run.baseline.name == baseline);
        own.map(|run| serde_json::to_string(&run.grid).unwrap()).collect()
    };
    let first = values("line16", "net");
    assert_eq!(first.len(), 4);
    for (task, baseline) in [("line16", "wide"), ("long", "net"), ("long", "wide")] {
        assert_eq!(values(task, baseline), first, "all pairs try the same values");
    }
    for (run, number) in plan.runs.iter().zip((1..=4).cycle()) {
        let trial = &run.trial.as_ref().unwrap().record;
        assert_eq!((trial.number, trial.rungs.as_slice(), trial.fields.len()), (number, &[3, 6][..], 3), "{}", run.id);
        // What is written is what is trained with, and stands in the name of the folder.
        let rate = run.grid["training.learning_rate"].as_f64().unwrap();
        assert_eq!(run.training.learning_rate, rate);
        assert_eq!(run.baseline.config["kernel"]["omega_0"], run.grid["baseline.kernel.omega_0"].as_f64().unwrap());
        assert_eq!(run.baseline.config["dropout"].as_f64(), run.grid["baseline.dropout"].as_f64());
        assert!(run.id.contains(&format!(".learning_rate-{rate}.s0")), "{}", run.id);
        let tried = "sobol search, 4 trials per pair, halving by 2 from 3 epochs, 24 epochs in all, seed 3";
        assert_eq!(run.tuning.as_deref(), Some(tried));
    }
    let said = planned(&format!("{PAIRS}{TRAINING}{SEARCH}tuning: by hand before\n"));
    assert!(said.runs[0].tuning.as_ref().unwrap().starts_with("by hand before; sobol search, 4 trials"));
}

#[test]
fn more_trials_keep_the_runs_of_the_fewer() {
    for method in ["sobol", "random"] {
        let of = |trials: usize| {
            let search = SEARCH.replace("trials: 4", &format!("trials: {trials}\n  method: {method}"));
            let plan = planned(&format!("tasks: [line]\nbaselines: [net]\n{TRAINING}{search}"));
            ids(&plan).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let (few, many) = (of(16), of(32));
        assert_eq!((few.len(), many.len()), (16, 32));
        assert_eq!(many[..16], few);
    }
}

#[test]
fn a_range_is_dropped_where_a_baseline_lacks_it() {
    let text = "tasks: [line]\nbaselines: [net, {name: lstm, hidden: 4}]\nsearch:\n  trials: 4\n  ranges:\n    \
                baseline.kernel.omega_0: {low: 1, high: 100}\n";
    let registry = crate::registry::Registry {
        tasks: registry().tasks,
        baselines: [registry().baselines, crate::registry::Registry::standard().baselines].concat(),
    };
    let of = |more: &str| {
        let file = Text { name: "x.yaml", text: format!("{text}{more}"), path: None };
        plan(&file, "x", &Overrides::default(), &registry).unwrap()
    };
    let trials = |plan: &Plan, name: &str| -> Vec<usize> {
        let own = plan.runs.iter().filter(|run| run.baseline.name == name);
        own.map(|run| run.trial.as_ref().unwrap().record.fields.len()).collect()
    };
    let plan = of("");
    assert_eq!(trials(&plan, "net"), [1; 4]);
    // Nothing is searched for the other: its one run is what it is, and says so.
    assert_eq!(trials(&plan, "lstm"), [0]);
    let lstm = plan.runs.iter().find(|run| run.baseline.name == "lstm").unwrap();
    assert_eq!(lstm.tuning.as_deref(), Some("sobol search without a range that applies: one run of 10 epochs"));
    let plan = of("    training.learning_rate: [0.1, 0.01, 0.001, 0.003, 0.03]\n");
    assert_eq!((trials(&plan, "net"), trials(&plan, "lstm")), (vec![2; 4], vec![1; 4]));
}

#[test]
fn labels_do_not_tell_trials_apart() {
    let plan = planned(&with("baseline.dropout: [0, 0.1]", "baseline.hidden: {low: 2, high: 64, integer: true}"));
    let labels: std::collections::BTreeSet<&str> = plan.runs.iter().map(|run| run.baseline.label.as_str()).collect();
    assert_eq!(labels.into_iter().collect::<Vec<_>>(), ["net-2-4", "net-2-8"]);
    assert!(plan.runs.iter().any(|run| run.baseline.config["hidden"] != 8 && run.baseline.config["hidden"] != 4));
}

#[test]
fn the_resolved_file_is_the_same_search() {
    let plan = searched();
    let text = serde_yaml::to_string(&plan.resolved).unwrap();
    let again = planned(&text);
    assert_eq!(ids(&again), ids(&plan));
    assert_eq!((again.search, &again.resolved), (plan.search, &plan.resolved));
}

#[test]
fn arguments_take_ranges_out() {
    let text = format!("{PAIRS}{TRAINING}{SEARCH}");
    let plan = try_plan(&text, &overrides(&["training.learning_rate=0.02", "baseline.dropout=0"])).unwrap();
    assert_eq!(plan.runs.len(), 2 * 2 * 4);
    assert!(plan.runs.iter().all(|run| run.grid.len() == 1 && run.training.learning_rate == 0.02));
    let plan = try_plan(&text, &overrides(&["search.trials=2", "search.seed=9", "search.method=random"])).unwrap();
    let search = plan.search.unwrap();
    assert_eq!((search.trials, search.seed, search.method, plan.runs.len()), (2, 9, Method::Random, 2 * 2 * 2));
    let error = try_plan(&text, &overrides(&["search.trails=2"])).unwrap_err();
    assert!(error.contains("--set search.trails=2") && error.contains("did you mean `trials`?"), "{error}");
    let error = try_plan(&format!("{PAIRS}{TRAINING}"), &overrides(&["search.trials=2"])).unwrap_err();
    assert!(error.contains("has no `search`"), "{error}");
    let inner = with("baseline.kernel.omega_0: {low: 1, high: 100}", "baseline.kernel: [{omega_0: 1}, {omega_0: 2}]");
    let error = try_plan(&inner, &overrides(&["baseline.kernel.omega_0=3"])).unwrap_err();
    assert!(error.contains("lies within `baseline.kernel`"), "{error}");
}

/// A smaller scale may leave no epoch before the first rung: then no trial is pruned.
#[test]
fn scales_cut_the_rungs() {
    let of = |scale: &str| {
        let plan = try_plan(&format!("{PAIRS}{TRAINING}{SEARCH}"), &overrides(&[&format!("scale={scale}")])).unwrap();
        plan.runs[0].trial.clone().unwrap().record.rungs
    };
    assert_eq!((of("paper"), of("laptop"), of("smoke")), (vec![3, 6], vec![3], vec![]));
}

#[test]
fn mistakes_are_told_with_their_place() {
    let rate = "training.learning_rate: {low: 1.0e-4, high: 0.1, scale: log}";
    let cases: [(&str, &str, &str, &str); 24] = [
        ("  trials: 4\n", "", "x.yaml:4:1", "needs `trials`"),
        ("trials: 4", "trials: 1", "x.yaml:6:11", "from 2 to 10000; found number 1"),
        ("trials: 4", "trials: many", "x.yaml:6:11", "`trials` must be a whole number"),
        ("seed: 3", "seed: -3", "x.yaml:5:9", "`seed` must be a whole number, 0 or more"),
        ("seed: 3", "method: grid", "x.yaml:5:11", "`method` cannot be `grid`"),
        ("seed: 3", "sead: 3", "x.yaml:5:3", "unknown key `sead` in `search`; did you mean `seed`?"),
        ("factor: 2, ", "", "x.yaml:11:13", "`halving` needs `factor`"),
        ("factor: 2", "factor: 1", "x.yaml:11:21", "from 2 to 100"),
        ("epochs: 3", "epochs: 12", "x.yaml:11:32", "begins after 12 epochs, and a whole training has 12"),
        (rate, "training.learning_rat: [1, 2]", "x.yaml:8:5", "did you mean `learning_rate`?"),
        (rate, "learning_rate: [1, 2]", "x.yaml:8:5", "not the path of a field"),
        (rate, "task.length: [16, 32]", "x.yaml:8:5", "the task that is easiest"),
        (rate, "training.epochs: [6, 12]", "x.yaml:8:5", "it decides the budget"),
        (rate, "training.learning_rate: 0.1", "x.yaml:8:29", "a mapping with `low` and `high`, or a list"),
        (rate, "training.learning_rate: []", "x.yaml:8:29", "found an empty list"),
        (rate, "training.learning_rate: [0.1, 0.10]", "x.yaml:8:35", "twice"),
        (rate, "training.learning_rate: {low: 1}", "x.yaml:8:30", "has no `high`"),
        (rate, "training.learning_rate: {low: 1, high: 1}", "x.yaml:8:44", "`high` must be greater than `low`"),
        (
            rate,
            "training.learning_rate: {low: 0, high: 1, scale: log}",
            "x.yaml:8:35",
            "greater than 0 under `scale: log`",
        ),
        (rate, "training.learning_rate: {low: .inf, high: 1}", "x.yaml:8:35", "must be a finite number"),
        (rate, "training.warmup_steps: {low: 1.5, high: 9, integer: true}", "x.yaml:8:34", "whole numbers under"),
        (
            rate,
            "training.warmup_steps: {low: 1, high: 9, integer: 1}",
            "x.yaml:8:55",
            "`integer` must be true or false",
        ),
        (rate, "baseline.kernel: [{}]", "x.yaml:9:5", "set the same settings"),
        // A value that a baseline refuses is told at its range.
        (rate, "baseline.hidden: [0, 0.5]", "x.yaml:8:26", "`hidden` of baseline `net`"),
    ];
    for (line, changed, place, message) in cases {
        let found = error(&with(line, changed));
        assert!(found.contains(place) && found.contains(message), "{changed}: {found}");
    }
    let stage = format!("{PAIRS}{TRAINING}{SEARCH}").replace("{epochs: 12}", "{epochs: 12, initial_task: long}");
    let found = error(&stage);
    assert!(found.contains("x.yaml:3:38") && found.contains("`initial_task` cannot stand beside"), "{found}");
    let both = format!("{PAIRS}{TRAINING}grid: {{training.batch_size: [8, 16]}}\n{SEARCH}");
    let found = error(&both);
    assert!(found.contains("x.yaml:5:1") && found.contains("`grid` cannot stand in one file"), "{found}");
}

#[test]
fn what_was_chosen_is_an_experiment_of_the_same_runs() {
    let more = "exclude: [{task: long, baseline: wide}]\ncells:\n  - when: {baseline: net-2-8, task: line*}\n    baseline: {sizes: [3]}\n  \
                - when: {task: long}\n    training: {batch_size: 7}\n";
    let plan = planned(&format!("{PAIRS}{TRAINING}{SEARCH}{more}"));
    let run = |task: &str, baseline: &str, number: u64| {
        let mut own = plan.runs.iter().filter(|run| run.task.label == task && run.baseline.name == baseline);
        own.find(|run| run.trial.as_ref().unwrap().record.number == number).unwrap()
    };
    let runs = [run("line16", "net", 2), run("line16", "wide", 4), run("long", "net", 1)];
    let made = |runs: &[&crate::experiment::Run]| {
        let choices: Vec<Choice<'_>> = runs.iter().map(|run| Choice { run, trials: 4 }).collect();
        planned(&serde_yaml::to_string(&chosen(&plan, &choices)).unwrap())
    };
    let all = made(&runs);
    assert_eq!((all.name.as_str(), all.search.is_none(), all.runs.len()), ("x-selected", true, 3));
    for (was, now) in runs.iter().zip(&all.runs) {
        assert_eq!(
            (&now.task.config, &now.baseline.config, &now.training),
            (&was.task.config, &was.baseline.config, &was.training)
        );
        assert_eq!((&now.task.label, &now.baseline.name, now.seed), (&was.task.label, &was.baseline.name, was.seed));
        assert_eq!(
            now.tuning.as_ref().unwrap(),
            &format!("{}; best of 4 trials on validation", was.tuning.as_ref().unwrap())
        );
    }
    // Pairs of which nothing was chosen are not run, and rules that are theirs alone are gone.
    let some = made(&runs[..1]);
    assert_eq!((some.runs.len(), some.runs[0].baseline.config["sizes"][0].as_u64()), (1, Some(3)));
    let crossed = made(&[runs[1], runs[2]]);
    assert_eq!(ids(&crossed), ["line16.net-2-4.s0", "long.net-2-8.s0"]);
}
