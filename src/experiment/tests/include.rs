//! Files that include others.

use super::{ids, registry};
use crate::experiment::load::{Text, plan};
use crate::experiment::{ExperimentError, Overrides, Plan};

/// Files in a folder of their own.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    /// The plan of the file `x.yaml`.
    fn plan(&self) -> Result<Plan, ExperimentError> {
        let path = self.0.path().join("x.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        plan(&Text { name: "x.yaml", text, path: Some(&path) }, "x", &Overrides::default(), &registry())
    }

    /// The word for what is wrong with `x.yaml`, and the message without the name of the folder.
    fn error(&self) -> (&'static str, String) {
        let error = self.plan().map(|plan| plan.runs.len()).expect_err("this is wrong");
        let folder = format!("{}{}", self.0.path().display(), std::path::MAIN_SEPARATOR);
        (error.kind.into(), error.message.replace(&folder, ""))
    }
}

/// What decides a run, and what is told of it.
fn described(plan: &Plan) -> Vec<String> {
    let run = |run: &crate::experiment::Run| {
        format!(
            "{} {} {} {:?} {:?} {:?}",
            run.id, run.task.config, run.baseline.config, run.training, run.sources, run.tuning
        )
    };
    plan.runs.iter().map(run).collect()
}

const NETS: &str = "version: 1\ndescription: nets\nbaselines: [{name: net, label: a, hidden: 4, source: the net}, wide]\n\
                    training: {epochs: 7, batch_size: 3}\n\
                    cells: [{when: {baseline: a}, training: {learning_rate: 0.5}}, {when: {task: nowhere}, source: unused}]\n";

#[test]
fn what_is_included_is_as_if_it_stood_in_front() {
    let own = "tasks: [line]\nbaselines: [{name: wide, label: own}]\ntraining: {epochs: 9}\n\
               cells: [{when: {baseline: [a, own]}, training: {learning_rate: 0.25}, tuning: by hand}]\n";
    let including =
        Files::new(&[("common/nets.yaml", NETS), ("x.yaml", &format!("include: [common/nets.yaml]\n{own}"))]);
    let written = Files::new(&[(
        "x.yaml",
        "tasks: [line]\nbaselines: [{name: net, label: a, hidden: 4, source: the net}, wide, {name: wide, label: own}]\n\
         training: {epochs: 9, batch_size: 3}\n\
         cells: [{when: {baseline: a}, training: {learning_rate: 0.5}}, \
         {when: {baseline: [a, own]}, training: {learning_rate: 0.25}, tuning: by hand}]\n",
    )]);
    let (including, written) = (including.plan().unwrap(), written.plan().unwrap());
    assert_eq!(ids(&including), ["line16.a.s0", "line16.net-2-8.s0", "line16.own.s0"]);
    assert_eq!(described(&including), described(&written));
    let run = &including.runs[0];
    assert_eq!((run.training.epochs, run.training.batch_size, run.training.learning_rate), (9, 3, 0.25));
    assert_eq!(run.tuning.as_deref(), Some("by hand"));
    // What is stored needs no other file; the rule for a task that is not here has gone.
    assert_eq!(including.resolved, written.resolved);
    let text = serde_yaml::to_string(&including.resolved).unwrap();
    assert!(!text.contains("include") && !text.contains("unused"), "{text}");
    let again = Files::new(&[("x.yaml", &text)]).plan().unwrap();
    assert_eq!((described(&again), again.resolved), (described(&including), including.resolved));
}

#[test]
fn an_entry_with_the_label_of_an_included_one_changes_it_where_it_stands() {
    let files = Files::new(&[
        ("nets.yaml", NETS),
        ("x.yaml", "include: [nets.yaml]\ntasks: [line]\nbaselines: [{name: net, label: A, blocks: 3}]\n"),
    ]);
    let plan = files.plan().unwrap();
    assert_eq!(ids(&plan), ["line16.A.s0", "line16.net-2-8.s0"]);
    let config = &plan.runs[0].baseline.config;
    assert_eq!((&config["hidden"], &config["blocks"]), (&4.into(), &3.into()));
    assert_eq!(plan.runs[0].sources, ["the net"]);
}

#[test]
fn files_include_files_relative_to_their_own_folder_each_once() {
    let files = Files::new(&[
        ("a/one.yaml", "include: [two.yaml]\ntraining: {epochs: 2}\n"),
        ("a/two.yaml", "include: [../tasks.yaml]\nbaselines: [net]\ntraining: {epochs: 1, batch_size: 5}\n"),
        ("tasks.yaml", "tasks: [line]\n"),
        ("x.yaml", "include: [a/one.yaml, a/two.yaml, a/../tasks.yaml]\n"),
    ]);
    let plan = files.plan().unwrap();
    assert_eq!(ids(&plan), ["line16.net-2-8.s0"]);
    assert_eq!((plan.runs[0].training.epochs, plan.runs[0].training.batch_size), (2, 5));
}

#[test]
fn errors_are_in_the_file_that_they_stand_in() {
    let error = |included: &str, own: &str| {
        Files::new(&[("in.yaml", included), ("x.yaml", &format!("include: [in.yaml]\n{own}"))]).error()
    };
    let rest = "tasks: [line]\nbaselines: [net]\n";
    for (included, own, kind, place) in [
        (
            "baselines:\n- {name: net, hiden: 3}\n",
            "tasks: [line]\n",
            "unknown-name",
            "in.yaml:2:15: unknown key `hiden`",
        ),
        ("training:\n  epochs: ten\n", rest, "bad-setting", "in.yaml:2:11: `epochs` of training"),
        ("training: 5\n", rest, "bad-setting", "in.yaml:1:11: `training`"),
        (
            "training: 5\n",
            "tasks: [line]\nbaselines: [net]\ntraining: {epochs: 3}\n",
            "bad-setting",
            "in.yaml:1:11: `training`",
        ),
        ("tasks: 5\n", rest, "bad-setting", "in.yaml:1:8: `tasks`"),
        ("seeds: [1]\n", rest, "unknown-name", "in.yaml:1:1: an included file cannot have `seeds`"),
        ("basslines: [net]\n", rest, "unknown-name", "in.yaml:1:1: unknown key `basslines`"),
        ("version: 2\n", rest, "bad-setting", "in.yaml:1:10: unknown version"),
        ("tasks: [line\n", rest, "not-yaml", "in.yaml:"),
        ("# nothing\n", rest, "bad-setting", "x.yaml:1:11: `in.yaml` is empty"),
        ("training: {epochs: 3}\n", "tasks: [lime]\nbaselines: [net]\n", "unknown-name", "x.yaml:2:9: unknown task"),
        ("training: {epochs: 3}\n", "tasks: [line]\n", "bad-setting", "x.yaml:1:1: `baselines` is missing"),
        (
            "tasks: [line]\n",
            &format!("{rest}cells: [{{when: {{task: x}}, source: y}}]\n"),
            "unknown-name",
            "x.yaml:4:17:",
        ),
    ] {
        let (found, message) = error(included, own);
        assert_eq!(found, format!("experiment-{kind}"), "{message}");
        assert!(message.starts_with(place), "{message}");
    }
    let (_, message) = error("baselines: [{name: net}]\n", "tasks: [line]\nbaselines: [net]\n");
    assert!(message.starts_with("x.yaml:3:13: two baselines have the label `net-2-8`"), "{message}");
    assert!(message.contains("first at in.yaml:1:20"), "{message}");
}

#[test]
fn files_that_are_missing_or_include_themselves_are_named() {
    let missing = Files::new(&[("x.yaml", "tasks: [line]\nbaselines: [net]\ninclude:\n- none.yaml\n")]);
    let (kind, message) = missing.error();
    assert_eq!(kind, "experiment-unreadable");
    assert!(message.starts_with("x.yaml:4:3: cannot read the included file `none.yaml`"), "{message}");
    let (kind, message) = Files::new(&[("x.yaml", "include: [./x.yaml]\n")]).error();
    assert_eq!(kind, "experiment-include-cycle");
    assert!(message.contains("x.yaml includes x.yaml"), "{message}");
    let (kind, message) = Files::new(&[
        ("x.yaml", "include: [a.yaml]\n"),
        ("a.yaml", "include: [b.yaml]\n"),
        ("b.yaml", "\ninclude: [a.yaml]\n"),
    ])
    .error();
    assert_eq!(kind, "experiment-include-cycle");
    assert!(message.starts_with("b.yaml:2:11: `a.yaml` includes itself"), "{message}");
    assert!(message.contains("a.yaml includes b.yaml includes a.yaml"), "{message}");
    for wrong in ["include: nets.yaml\n", "include: []\n", "include: [{a: b}]\n", "include: [3]\n"] {
        assert_eq!(Files::new(&[("x.yaml", wrong)]).error().0, "experiment-bad-setting", "{wrong}");
    }
    let text = Text { name: "x.yaml", text: "include: [a.yaml]\n".into(), path: None };
    assert!(plan(&text, "x", &Overrides::default(), &registry()).is_err());
}
