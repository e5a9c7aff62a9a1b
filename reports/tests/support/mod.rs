//! Builds run folders with made-up numbers: `accuracy = 0.5 + 0.01 · seed + …`, never a measured value.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use reports::ErrorInput;
use serde_json::{Value, json};
use vocabulary::record::{
    Attempt, BaselineRecord, DiagnosticLine, MetricKind, MetricLine, RunRecord, SCHEMA, SampleAttribute, SampleOutcome,
    State, Status, StopReason, TaskRecord,
};
use vocabulary::{Metric, Scale, Split};

/// A run under construction.
pub struct Fake {
    pub record: RunRecord,
    pub status: Status,
    pub epochs: u64,
    /// Test metric; also the best validation value.
    pub result: f64,
}

pub fn task(label: &str) -> TaskRecord {
    let hard = |form: &str| json!({"difficulty": "hard", "form": form});
    let (name, data, shape, metric, chance, config) = match label {
        "pathfinder32-1d" => ("pathfinder", "pathfinder32", vec![1, 1024], Metric::Accuracy, 0.5, hard("1d")),
        "pathfinder32-2d" => ("pathfinder", "pathfinder32", vec![1, 32, 32], Metric::Accuracy, 0.5, hard("2d")),
        "smnist" => ("smnist", "mnist", vec![1, 784], Metric::Accuracy, 0.1135, json!({"permutation": null})),
        "adding-200" => {
            ("adding", "adding-200", vec![2, 200], Metric::MeanSquaredError, 0.1667, json!({"length": 200}))
        }
        other => panic!("no fake task {other}"),
    };
    TaskRecord {
        name: name.to_owned(),
        label: label.to_owned(),
        version: format!("{name}@made-up-1"),
        data: data.to_owned(),
        data_hash: Some("d0d0cafe".repeat(8)),
        config,
        shape,
        metric,
        higher_is_better: metric.higher_is_better(),
        chance,
        splits: if label == "smnist" { [55_000, 5_000, 10_000] } else { [2_000, 500, 500] },
        notes: vec![],
    }
}

pub fn cell(task_label: &str, baseline: &str, parameters: u64, seed: u64, result: f64) -> Fake {
    let size = |part| baseline.split('-').nth(part).and_then(|text| text.parse::<u64>().ok());
    let id = format!("{task_label}.{baseline}.s{seed}");
    Fake {
        record: RunRecord {
            schema: SCHEMA,
            hash: format!("{:0>8x}", 0xabc0 + seed).repeat(8),
            id,
            experiment: "made-up".to_owned(),
            task: task(task_label),
            baseline: BaselineRecord {
                name: baseline.split('-').next().unwrap().to_owned(),
                label: baseline.to_owned(),
                config: json!({"omega_0": 30.0, "blocks": size(1), "hidden": size(2)}),
                parameters: Some(parameters),
            },
            training: json!({"learning_rate": 0.01, "epochs": 10}),
            initial_weights: None,
            scale: Scale::Paper,
            sources: Vec::new(),
            tuning: None,
            seed,
            device: "cpu".to_owned(),
            grid: BTreeMap::new(),
            trial: None,
            extended_from: Vec::new(),
            plan: None,
        },
        status: Status {
            schema: SCHEMA,
            state: State::Done,
            reason: None,
            message: None,
            kind: None,
            attempts: 1,
            started: Some("2001-02-03T04:05:06Z".to_owned()),
            updated: Some("2001-02-03T04:15:06Z".to_owned()),
            seconds: 60.0 + seed as f64,
            epoch: 10,
            partial_epoch: None,
            host: Some("fake-host".to_owned()),
            threads: Some(2),
            versions: BTreeMap::from([
                ("bench".to_owned(), "0.1.0".to_owned()),
                ("burn".to_owned(), "0.22.1".to_owned()),
            ]),
            git: Some("0123456789abcdef".to_owned()),
            provenance: Vec::new(),
        },
        epochs: 10,
        result,
    }
}

impl Fake {
    pub fn state(mut self, state: State, reason: Option<StopReason>, message: Option<&str>) -> Self {
        self.status.state = state;
        self.status.reason = reason;
        self.status.message = message.map(str::to_owned);
        self
    }

    pub fn epochs(mut self, epochs: u64) -> Self {
        self.epochs = epochs;
        self.status.epoch = epochs;
        self
    }

    pub fn grid(mut self, field: &str, value: Value) -> Self {
        self.record.id = self.record.id.replace(".s", &format!(".{}.s", value.to_string().replace('.', "_")));
        self.record.grid.insert(field.to_owned(), value);
        self
    }

    /// Another name of the folder, for a run whose settings differ in what its labels do not say.
    pub fn id(mut self, id: &str) -> Self {
        self.record.id = id.to_owned();
        self
    }

    /// One more attempt, on `device` by the build of `commit`.
    pub fn attempt(mut self, device: &str, device_name: Option<&str>, commit: Option<&str>) -> Self {
        let number = self.status.provenance.len() as u32 + 1;
        self.status.attempts = number;
        self.status.git = commit.map(str::to_owned);
        self.status.provenance.push(Attempt {
            attempt: number,
            started: Some("2001-02-03T04:05:06Z".to_owned()),
            from_epoch: Some(u64::from(number - 1)),
            host: self.status.host.clone(),
            device: Some(device.to_owned()),
            device_name: device_name.map(str::to_owned),
            threads: Some(2),
            versions: self.status.versions.clone(),
            commit: commit.map(str::to_owned),
            dirty: commit.map(|_| false),
        });
        self
    }

    /// Smooth curves that end at the result; steps of 5 per epoch.
    pub fn lines(&self) -> Vec<MetricLine> {
        let metric = self.record.task.metric.name();
        let (from, higher) = (self.record.task.chance, self.record.task.higher_is_better);
        let mut lines = Vec::new();
        let mut push = |kind, epoch: u64, step, split: Option<Split>, name: &str, value: f64| {
            lines.push(MetricLine {
                kind,
                epoch,
                step,
                split,
                name: name.to_owned().into(),
                value: value.is_finite().then_some(value),
                partial: false,
                wall: 6.0 * epoch as f64,
            });
        };
        for epoch in 1..=self.epochs {
            for part in 0..5 {
                let step = (epoch - 1) * 5 + part + 1;
                let wave = 0.1 * (step as f64 * 1.7 + self.record.seed as f64).sin();
                push(
                    MetricKind::Step,
                    epoch,
                    step,
                    Some(Split::Train),
                    "loss",
                    2.0 * (-(step as f64) / 20.0).exp() + 0.2 + wave * 0.5,
                );
            }
            let share = 1.0 - (-(epoch as f64) / 3.0).exp();
            let value = from + (self.result - from) * share / (1.0 - (-(self.epochs as f64) / 3.0).exp());
            let train = if higher { (value + 0.02 * share).min(1.0) } else { value * 0.9 };
            push(MetricKind::Epoch, epoch, epoch * 5, Some(Split::Train), metric, train);
            push(MetricKind::Epoch, epoch, epoch * 5, Some(Split::Validation), metric, value);
            push(MetricKind::Epoch, epoch, epoch * 5, Some(Split::Train), "loss", 2.0 - 1.5 * share);
            push(MetricKind::Epoch, epoch, epoch * 5, Some(Split::Validation), "loss", 2.0 - 1.4 * share);
        }
        if self.status.state == State::Done {
            let (epoch, step) = (self.epochs, self.epochs * 5);
            push(MetricKind::Final, epoch, step, None, &format!("test_{metric}"), self.result);
            push(MetricKind::Final, epoch, step, None, &format!("best_validation_{metric}"), self.result + 0.001);
            push(MetricKind::Final, epoch, step, None, "seconds", self.status.seconds);
        }
        lines
    }

    pub fn write(&self, experiment: &Path) -> PathBuf {
        let dir = experiment.join(&self.record.id);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("cell.yaml"), serde_yaml::to_string(&self.record).unwrap()).unwrap();
        fs::write(dir.join("status.json"), serde_json::to_string_pretty(&self.status).unwrap()).unwrap();
        if self.epochs > 0 {
            let lines = self.lines().into_iter().map(|l| serde_json::to_string(&l).unwrap() + "\n");
            fs::write(dir.join("metrics.jsonl"), lines.collect::<String>()).unwrap();
        }
        dir
    }
}

/// Outcomes of 40 test samples of `classes` classes in a run folder, more of them wrong the longer they are, and worst errors:
/// two pictures, a text that is `text`, and one that was not kept.
pub fn outcomes(folder: &Path, classes: i32, text: &str) {
    let seed = folder.file_name().unwrap().to_string_lossy().bytes().map(u32::from).sum::<u32>() as i32;
    let outcome = |at: i32| {
        let label = at % classes;
        let wrong = (at * 7 + seed) % 40 < at / 3;
        let prediction = if wrong { (label + 1 + at % (classes - 1)) % classes } else { label };
        SampleOutcome { label, prediction, loss: if wrong { 0.5 + at as f32 } else { 0.1 } }
    };
    let all: Vec<SampleOutcome> = (0..40).map(outcome).collect();
    let attribute =
        |name: &str, of: fn(i32) -> i32| SampleAttribute { name: name.to_owned(), values: (0..40).map(of).collect() };
    let attributes = [attribute("length, steps", |at| 10 + at), attribute("depth", |at| at / 10)];
    reports::write_outcomes(folder, &all, &attributes).unwrap();
    let inputs = [
        ErrorInput::Picture(picture(28)),
        ErrorInput::Texts(vec![text.to_owned()]),
        ErrorInput::Picture(picture(9)),
        ErrorInput::Picture(Vec::new()),
    ];
    let wrong = all.iter().enumerate().rev().filter(|(_, outcome)| !outcome.is_right());
    let worst = wrong.zip(inputs).map(|((at, outcome), input)| (at, *outcome, input)).collect();
    reports::write_worst(folder, worst).unwrap();
}

/// A grey picture of this side, as PNG.
fn picture(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    let pixels: Vec<u8> = (0..side * side).map(|at| (at * 255 / (side * side)) as u8).collect();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

/// Every state a report has to show, in one experiment.
pub fn experiment(dir: &Path) -> PathBuf {
    let home = dir.join("made-up");
    fs::create_dir_all(&home).unwrap();
    let text = "schema: 1\nname: made-up\ndescription: Invented numbers that exercise every part of the report.\n";
    fs::write(home.join("experiment.yaml"), text).unwrap();
    for seed in 0..3 {
        let s = seed as f64;
        cell("pathfinder32-1d", "ccnn-4-64", 61_234, seed, 0.70 + 0.01 * s).write(&home);
        cell("pathfinder32-2d", "ccnn-4-64", 61_298, seed, 0.86 + 0.02 * s).write(&home);
        cell("pathfinder32-1d", "lstm-64", 17_345, seed, 0.55 + 0.005 * s)
            .state(State::Done, Some(StopReason::MaxTime), None)
            .epochs(6)
            .write(&home);
        cell("pathfinder32-2d", "lstm-64", 0, seed, 0.0)
            .state(State::Skipped, Some(StopReason::NotApplicable), Some("lstm reads sequences only"))
            .epochs(0)
            .write(&home);
        cell("adding-200", "lstm-64", 17_409, seed, 0.012 + 0.003 * s).write(&home);
    }
    cell("smnist", "ccnn-4-140", 200_500, 0, 0.9912).write(&home);
    cell("smnist", "ccnn-4-140", 200_500, 1, 0.9928)
        .state(State::Done, Some(StopReason::EarlyStopping), None)
        .epochs(8)
        .write(&home);
    cell("smnist", "lstm-64", 69_000, 0, 0.9321)
        .state(State::Done, Some(StopReason::MaxTime), None)
        .epochs(4)
        .write(&home);
    cell("smnist", "lstm-64", 69_000, 1, 0.5).state(State::Running, None, None).epochs(3).write(&home);
    cell("adding-200", "ccnn-4-64", 61_106, 0, 0.0009).write(&home);
    cell("adding-200", "ccnn-4-64", 61_106, 1, 0.0)
        .state(State::Failed, Some(StopReason::Nan), Some("loss is NaN at step 12; lower the learning rate"))
        .epochs(2)
        .write(&home);
    fs::create_dir_all(home.join("adding-200.gru-64.s0")).unwrap();
    home
}

/// Two baselines under two conditions in both modes, ten seeds; one case overflows.
pub fn diagnostics() -> Vec<DiagnosticLine> {
    let mut lines = Vec::new();
    for (baseline, layers) in [("ccnn-4-140", 6), ("ckcnn-2-30", 4)] {
        for correction in ["on", "off"] {
            for mode in ["train", "eval"] {
                for seed in 0..10u64 {
                    let growth: f64 = match (correction, baseline) {
                        ("on", _) => 1.1,
                        (_, "ccnn-4-140") => 40.0,
                        _ => 3.0e9,
                    };
                    let spread = 1.0 + 0.05 * seed as f64 + if mode == "eval" { 0.3 } else { 0.0 };
                    let mut push = |order: u32, layer: &str, quantity: &str, value: f64| {
                        lines.push(DiagnosticLine {
                            baseline: baseline.to_owned(),
                            task: "smnist".to_owned(),
                            conditions: BTreeMap::from([
                                ("correction".to_owned(), correction.to_owned()),
                                ("mode".to_owned(), mode.to_owned()),
                            ]),
                            seed,
                            step: 0,
                            order,
                            layer: layer.to_owned(),
                            quantity: quantity.to_owned(),
                            value: (value < f64::from(f32::MAX)).then_some(value),
                            histogram: None,
                        });
                    };
                    for layer in 0..layers {
                        let scale = growth.powi(layer) * spread;
                        push(2 * layer as u32, &format!("blocks.{layer}.conv"), "activation.variance", scale);
                        push(
                            2 * layer as u32 + 1,
                            &format!("blocks.{layer}.kernel"),
                            "kernel.variance",
                            0.01 * growth * spread,
                        );
                    }
                    let end = growth.powi(layers) * spread;
                    push(2 * layers as u32, "head", "logits.std", end.sqrt());
                    push(
                        2 * layers as u32,
                        "head",
                        "logits.max_abs",
                        3.0 * end.powf(0.5 * if correction == "off" { 2.1 } else { 1.0 }),
                    );
                }
            }
        }
    }
    lines
}
