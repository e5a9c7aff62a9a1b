//! Errors of keys and values, and of arguments.

use super::{SMALL, error, set_error, try_plan};
use crate::experiment::Overrides;

#[test]
fn unknown_keys_name_what_was_meant() {
    insta::assert_snapshot!(error("tasks: [line]\nbaselines:\n  - name: net\n    hiden: 64\n"), @r"
    x.yaml:4:5: unknown key `hiden` in baseline `net`; did you mean `hidden`?
      |
    4 |     hiden: 64
      |     ^^^^^
      = accepted keys: hidden, blocks, kernel, dropout, sizes
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines:\n  - name: net\n    kernel: {omega: 64}\n"), @r"
    x.yaml:4:14: unknown key `omega` in `kernel` of baseline `net`; did you mean `omega_0`?
      |
    4 |     kernel: {omega: 64}
      |              ^^^^^
      = accepted keys: omega_0, layers
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaseline: [net]\n"), @r"
    x.yaml:2:1: unknown key `baseline` in the experiment; did you mean `baselines`?
      |
    2 | baseline: [net]
      | ^^^^^^^^
      = accepted keys: version, include, name, description, source, tuning, scale, missing, seeds, diagnose,
        evaluate, tasks, baselines, exclude, training, grid, search, cells
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining:\n  epoch: 3\n"), @r"
    x.yaml:4:3: unknown key `epoch` in training; did you mean `epochs`?
      |
    4 |   epoch: 3
      |   ^^^^^
      = accepted keys: epochs, batch_size, accumulate_grad_steps, precision, optimiser, learning_rate,
        initial_weights, initial_task, betas, epsilon, weight_decay, schedule, warmup_epochs, warmup_steps,
        schedule_steps, min_learning_rate, decay_factor, plateau_factor, plateau_patience, grad_clip,
        early_stopping, max_time, max_steps, steps_per_epoch, eval_batch_size, workers, log_every
    ");
    insta::assert_snapshot!(error("tasks:\n  - name: line\n    lenght: 3\nbaselines: [net]\n"), @r"
    x.yaml:3:5: unknown key `lenght` in task `line`; did you mean `length`?
      |
    3 |     lenght: 3
      |     ^^^^^^
      = accepted keys: length, mode
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ncells: [{when: {model: x}}]\n"), @r"
    x.yaml:3:17: unknown key `model` in `when`
      |
    3 | cells: [{when: {model: x}}]
      |                 ^^^^^
      = accepted keys: task, baseline
    ");
}

#[test]
fn unknown_names_and_values_name_what_was_meant() {
    insta::assert_snapshot!(error("tasks: [lime]\nbaselines: [net]\n"), @r"
    x.yaml:1:9: unknown task `lime`; did you mean `line`?
      |
    1 | tasks: [lime]
      |         ^^^^
      = accepted tasks: line, image
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [lstm]\n"), @r"
    x.yaml:2:13: unknown baseline `lstm`
      |
    2 | baselines: [lstm]
      |             ^^^^
      = accepted baselines: net, wide
    ");
    insta::assert_snapshot!(error("tasks: [{name: line, mode: hart}]\nbaselines: [net]\n"), @r"
    x.yaml:1:28: `mode` of task `line` cannot be `hart`; did you mean `hard`?
      |
    1 | tasks: [{name: line, mode: hart}]
      |                            ^^^^
      = accepted values: easy, hard
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {optimiser: adan}\n"), @r"
    x.yaml:3:23: `optimiser` of training cannot be `adan`; did you mean `adam`?
      |
    3 | training: {optimiser: adan}
      |                       ^^^^
      = accepted values: adam, adamw
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\nmissing: skipp\n"), @r"
    x.yaml:3:10: `missing` cannot be `skipp`; did you mean `skip`?
      |
    3 | missing: skipp
      |          ^^^^^
      = accepted values: error, skip
    ");
}

#[test]
fn wrong_types_say_what_is_expected() {
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {epochs: ten}\n"), @r"
    x.yaml:3:20: `epochs` of training must be a whole number, 0 or more; found text `ten`
      |
    3 | training: {epochs: ten}
      |                    ^^^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [{name: net, hidden: -3}]\n"), @r"
    x.yaml:2:33: `hidden` of baseline `net` must be a whole number, 0 or more; found number -3
      |
    2 | baselines: [{name: net, hidden: -3}]
      |                                 ^^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [{name: net, hidden: 1.5}]\n"), @r"
    x.yaml:2:33: `hidden` of baseline `net` must be a whole number, 0 or more; found number 1.5
      |
    2 | baselines: [{name: net, hidden: 1.5}]
      |                                 ^^^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [{name: net, kernel: 5}]\n"), @r"
    x.yaml:2:33: `kernel` of baseline `net` must be a mapping of keys to values; found number 5
      |
    2 | baselines: [{name: net, kernel: 5}]
      |                                 ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [{name: net, sizes: [1, x]}]\n"), @r"
    x.yaml:2:36: `sizes.1` of baseline `net` must be a whole number, 0 or more; found text `x`
      |
    2 | baselines: [{name: net, sizes: [1, x]}]
      |                                    ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {betas: [0.9]}\n"), @r"
    x.yaml:3:19: `betas` of training must be a list of 2; found a list of 1
      |
    3 | training: {betas: [0.9]}
      |                   ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {max_time: 90}\n"), @r"
    x.yaml:3:22: `max_time` of training must be a duration with its unit, such as `15m` or `1h 30m`; found number 90
      |
    3 | training: {max_time: 90}
      |                      ^^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {max_time: fast}\n"), @r"
    x.yaml:3:22: `max_time` of training must be a duration with its unit, such as `15m` or `1h 30m`; found text `fast`
      |
    3 | training: {max_time: fast}
      |                      ^^^^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: 5\n"), @r"
    x.yaml:3:11: `training` must be a mapping of keys to values; found number 5
      |
    3 | training: 5
      |           ^
    ");
    insta::assert_snapshot!(error("tasks: line\nbaselines: [net]\n"), @r"
    x.yaml:1:8: `tasks` must be a list of at least one; found text `line`
      |
    1 | tasks: line
      |        ^^^^
      = e.g. tasks: [{name: …}]; `bench list tasks` names them
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\nseeds: [-1]\n"), @r"
    x.yaml:3:9: a seed is a whole number, 0 or more; found number -1
      |
    3 | seeds: [-1]
      |         ^^
    ");
}

#[test]
fn sizes_out_of_range_point_at_the_value() {
    insta::assert_snapshot!(error("tasks: [{name: line, length: 0}]\nbaselines: [net]\n"), @r"
    x.yaml:1:30: `length` of task `line`: must be at least 1
      |
    1 | tasks: [{name: line, length: 0}]
      |                              ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [{name: net, hidden: 0}]\n"), @r"
    x.yaml:2:33: `hidden` of baseline `net`: must be at least 1
      |
    2 | baselines: [{name: net, hidden: 0}]
      |                                 ^
      = on task `line16`
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines:\n- name: net\n  kernel:\n    layers: 0\n"), @r"
    x.yaml:5:13: `kernel.layers` of baseline `net`: must be at least 1
      |
    5 |     layers: 0
      |             ^
      = on task `line16`
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntraining: {batch_size: 0}\n"), @r"
    x.yaml:3:24: `batch_size` of training: must be at least 1, found 0
      |
    3 | training: {batch_size: 0}
      |                        ^
    ");
}

#[test]
fn errors_of_arguments_name_the_argument() {
    insta::assert_snapshot!(set_error("training.epoch=3"), @r"
    --set training.epoch=3: `training` has no field `epoch`; did you mean `epochs`?
     |
     | training.epoch=3
     | ^^^^^^^^^^^^^^
      = accepted fields: epochs, batch_size, accumulate_grad_steps, precision, optimiser, learning_rate,
        initial_weights, initial_task, betas, epsilon, weight_decay, schedule, warmup_epochs, warmup_steps,
        schedule_steps, min_learning_rate, decay_factor, plateau_factor, plateau_patience, grad_clip,
        early_stopping, max_time, max_steps, steps_per_epoch, eval_batch_size, workers, log_every
    ");
    insta::assert_snapshot!(set_error("training.epochs=ten"), @r"
    --set training.epochs=ten: `epochs` of training must be a whole number, 0 or more; found text `ten`
     |
     | training.epochs=ten
     |                 ^^^
    ");
    insta::assert_snapshot!(set_error("training.epochs=0"), @r"
    --set training.epochs=0: `epochs` of training: must be at least 1, found 0
     |
     | training.epochs=0
     |                 ^
    ");
    insta::assert_snapshot!(set_error("baseline.hiden=3"), @r"
    --set baseline.hiden=3: no baseline of the experiment has a field `hiden`; did you mean `hidden`?
     |
     | baseline.hiden=3
     | ^^^^^^^^^^^^^^
      = accepted fields: hidden, blocks, kernel, dropout, sizes
    ");
    insta::assert_snapshot!(set_error("baseline.kernel.omega=3"), @r"
    --set baseline.kernel.omega=3: unknown key `omega` in `kernel` of baseline `net`; did you mean `omega_0`?
     |
     | baseline.kernel.omega=3
     | ^^^^^^^^^^^^^^^^^^^^^
      = accepted keys: omega_0, layers
    ");
    insta::assert_snapshot!(set_error("baseline.hidden=0"), @r"
    --set baseline.hidden=0: `hidden` of baseline `net`: must be at least 1
     |
     | baseline.hidden=0
     |                 ^
      = on task `line16`
    ");
    insta::assert_snapshot!(set_error("trainig.epochs=3"), @r"
    --set trainig.epochs=3: `trainig.epochs` is not the path of a field; did you mean `training`?
     |
     | trainig.epochs=3
     | ^^^^^^^^^^^^^^
      = a path is training.FIELD, task.FIELD or baseline.FIELD, e.g. training.learning_rate
    ");
    insta::assert_snapshot!(set_error("training.epochs"), @r"
    --set training.epochs: expected PATH=VALUE
     |
     | training.epochs
     | ^^^^^^^^^^^^^^^
      = e.g. --set training.epochs=20
    ");
    insta::assert_snapshot!(set_error("training.betas=[0.9, "), @r"
    --set training.betas=[0.9, : this is not YAML: while parsing a node, did not find expected node content
     |
     | training.betas=[0.9,
     |                      ^
    ");
    insta::assert_snapshot!(set_error("seeds=3"), @r"
    --set seeds=3: `seeds` must be a list of at least one; found number 3
     |
     | seeds=3
     |       ^
      = e.g. seeds: [0, 1, 2]
    ");
    let seeds = Overrides { seeds: Some("0,x".into()), ..Overrides::default() };
    insta::assert_snapshot!(try_plan(SMALL, &seeds).unwrap_err(), @r"
    --seeds 0,x: a seed is a whole number, 0 or more; found text `x`
     |
     | 0,x
     | ^^^
    ");
}

#[test]
fn a_wrong_scale_names_the_right_ones() {
    insta::assert_snapshot!(error("scale: smok\ntasks: [line]\nbaselines: [net]\n"), @r"
    x.yaml:1:8: `scale` cannot be `smok`; did you mean `smoke`?
      |
    1 | scale: smok
      |        ^^^^
      = accepted values: paper, laptop, smoke
    ");
}
