//! The template of a Job of Kubernetes.

use serde_yaml::Value;

use super::SMALL;
use super::support::Bench;

#[test]
fn the_job_of_kubernetes_has_an_index_for_every_run() {
    let bench = Bench::new();
    bench.file("small.yaml", SMALL.replace(", training: {initial_task: add}", ""));
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cluster/kubernetes.yaml");
    let submit = ["submit", "small.yaml", "--engine", "template", "--template", template];
    let sized = [&submit[..], &["--parallel", "3", "--cpus", "2", "--mem", "8Gi", "--gpus", "0"]].concat();
    for (arguments, parallel, memory) in [(&submit[..], 8, "16Gi"), (&sized, 3, "8Gi")] {
        let described = bench.json(&[arguments, &["--dry-run"]].concat());
        let job: Value = serde_yaml::from_str(described["scripts"][0].as_str().unwrap()).unwrap();
        assert_eq!((&job["apiVersion"], &job["kind"]), (&"batch/v1".into(), &"Job".into()));
        assert_eq!(job["metadata"]["generateName"], "small-");
        let spec = &job["spec"];
        assert_eq!(spec["completionMode"], "Indexed");
        assert_eq!((&spec["completions"], &spec["parallelism"]), (&8.into(), &parallel.into()));
        assert_eq!((&spec["backoffLimitPerIndex"], &spec["maxFailedIndexes"]), (&0.into(), &8.into()));
        // What is not looked at any further comes first; a rule has one kind of condition.
        let rules = spec["podFailurePolicy"]["rules"].as_sequence().unwrap();
        let action = |rule: &Value| (rule["action"].clone(), rule["onExitCodes"]["operator"].clone());
        let actions: Vec<_> = rules.iter().map(action).collect();
        let wanted = [("Ignore", None), ("Ignore", Some("In")), ("FailIndex", Some("NotIn"))];
        assert_eq!(
            actions,
            wanted.map(|(action, operator)| (action.into(), operator.map_or(Value::Null, Value::from)))
        );
        assert_eq!(rules[0]["onPodConditions"][0]["type"], "DisruptionTarget");
        assert_eq!(rules[1]["onExitCodes"]["values"], Value::from(vec![75]));
        assert_eq!(rules[2]["onExitCodes"]["values"], Value::from(vec![0, 75]));
        let pod = &spec["template"]["spec"];
        assert_eq!((&pod["restartPolicy"], &pod["terminationGracePeriodSeconds"]), (&"Never".into(), &120.into()));
        let container = &pod["containers"][0];
        assert_eq!(container["name"], rules[1]["onExitCodes"]["containerName"]);
        let resources = &container["resources"];
        assert_eq!(
            (&resources["requests"]["memory"], &resources["limits"]["memory"]),
            (&memory.into(), &memory.into())
        );
        assert_eq!(container["volumeMounts"][0]["name"], pod["volumes"][0]["name"]);
        assert!(container["args"][0].as_str().unwrap().contains("JOB_COMPLETION_INDEX"));
    }
    let job: Value =
        serde_yaml::from_str(bench.json(&[&sized[..], &["--dry-run"]].concat())["scripts"][0].as_str().unwrap())
            .unwrap();
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["requests"]["cpu"], 2);
    assert_eq!(container["resources"]["limits"]["nvidia.com/gpu"], 0);
}

/// The command of the pod trains its run; being asked to end, it saves and asks to be started again.
#[test]
fn a_pod_trains_its_run_and_asks_to_be_started_again() {
    let bench = Bench::new();
    let endless = SMALL.replace("epochs: 3", "epochs: 1000000, schedule: constant, max_time: 10m");
    bench.file("small.yaml", endless.replace(", training: {initial_task: add}", ""));
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cluster/kubernetes.yaml");
    let submitted = bench.json(&["submit", "small.yaml", "--engine", "template", "--template", template]);
    let job: Value = serde_yaml::from_str(submitted["scripts"][0].as_str().unwrap()).unwrap();
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let [program, option] = [0, 1].map(|part| text(&container["command"][part]));
    let mut pod = std::process::Command::new(program);
    pod.args([option, text(&container["args"][0])]).env("JOB_COMPLETION_INDEX", "1");
    let mut pod = pod.current_dir(text(&container["workingDir"])).spawn().unwrap();
    let journal = bench.path("runs/small/add.gru.s1/metrics.jsonl");
    super::support::wait_until("it trains", || std::fs::metadata(&journal).is_ok_and(|file| file.len() > 2_000));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pod.id().cast_signed()), nix::sys::signal::Signal::SIGTERM)
        .unwrap();
    assert_eq!(pod.wait().unwrap().code(), Some(75));
    assert!(bench.has_state("runs/small/add.gru.s1", "interrupted"));
}
