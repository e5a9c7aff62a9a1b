//! Settings in the names of files of the programs of CKCNN and FlexNet.
//!
//! Both write `<data set>_…_model_<model>_blcks_<blocks>_nohid_<channels>_…_kernomega0_<frequency>_….pt`, where the
//! frequency, which is not among the weights, is rounded to two decimals.

use std::path::Path;

use serde_json::{Map, Value, json};

/// Frequencies of the released weights, exactly (`runs/README.md` of `dwromero/ckconv`); their file names round them.
const RELEASED: [f64; 16] = [
    4.237_433_943_113_986,
    9.779_406_396_796_968,
    11.997_102_427_300_288,
    12.589_391_905_289_371,
    17.243_982_444_546_685,
    21.449_611_854_813_23,
    23.292_558_343_582_89,
    25.696,
    30.5,
    30.902_575_531_698_01,
    31.091_957_394_638_97,
    31.700_745_675_276_966,
    35.655_229_877_794_035,
    39.450_608_806_633_795,
    42.161_651_744_476_515,
    43.456_673_896_011_94,
];

/// What two decimals may have lost.
const ROUNDED: f64 = 0.005_000_1;

/// What the name of a file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Named {
    /// Name of the baseline.
    pub(crate) baseline: &'static str,
    /// Settings of the baseline, with the part of the name that says so.
    pub(crate) settings: Vec<Said>,
    /// The task, where it is one of ours.
    pub(crate) task: Option<&'static str>,
    /// Settings of the task.
    pub(crate) task_settings: Vec<Said>,
    /// Every n-th sample only was trained on, where that is not 1.
    pub(crate) every: Option<u64>,
    /// Nonlinearity of the kernel networks, where that is not the sine that ours have.
    pub(crate) nonlinearity: Option<String>,
}

/// A setting that a file name says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    /// Field of the task or baseline.
    pub(crate) field: &'static str,
    pub(crate) value: Value,
    /// What the name may have lost by rounding.
    pub(crate) tolerance: f64,
}

impl Said {
    /// Whether `value` is what the name says, within its rounding.
    pub(crate) fn agrees(&self, value: &Value) -> bool {
        match (self.value.as_f64(), value.as_f64()) {
            (Some(said), Some(value)) => (said - value).abs() <= self.tolerance,
            _ => self.value == *value,
        }
    }
}

impl Named {
    /// Put what the name says into `task` and `baseline` as an experiment file has them, where it speaks of these and they
    /// say nothing themselves.
    pub(crate) fn fill(&self, task: &mut Map<String, Value>, baseline: &mut Map<String, Value>) {
        let of = |part: &Map<String, Value>, name: &str| part.len() == 1 && part.get("name").is_some_and(|n| n == name);
        if of(baseline, self.baseline) {
            baseline.extend(self.settings.iter().map(|said| (said.field.to_owned(), said.value.clone())));
        }
        if self.task.is_some_and(|name| of(task, name)) {
            task.extend(self.task_settings.iter().map(|said| (said.field.to_owned(), said.value.clone())));
        }
    }
}

/// What the name of `path` says; none where it is none of those programs'.
pub(crate) fn read(path: &Path) -> Option<Named> {
    let name = path.file_name()?.to_str()?;
    // By name, since values have points, too.
    let stem =
        name.strip_suffix(".pt").or_else(|| name.strip_suffix(".pth")).or_else(|| name.strip_suffix(".safetensors"));
    let parts: Vec<&str> = stem.unwrap_or(name).split('_').collect();
    let after = |key: &str| parts.iter().position(|part| *part == key).and_then(|at| parts.get(at + 1)).copied();
    let whole = |key: &str| after(key)?.parse::<u64>().ok();
    let (model, blocks, hidden) = (after("model")?, whole("blcks")?, whole("nohid")?);
    let flexible =
        parts.contains(&"augm") || model.starts_with("Flex") || model.starts_with("CKT") || model.starts_with("CKR");
    let baseline = match model {
        _ if flexible => "flexnet",
        "CKCNN" => "ckcnn",
        _ => return None,
    };
    let said = |field, value: Value| Said { field, value, tolerance: 0.0 };
    let mut settings = vec![said("blocks", json!(blocks)), said("hidden", json!(hidden))];
    settings.extend(whole("kernnohid").map(|hidden| said("kernel_hidden", json!(hidden))));
    if baseline == "ckcnn"
        && let Some(text) = after("kernomega0")
        && let Some(omega_0) = text.parse::<f64>().ok().filter(|omega_0| omega_0.is_finite() && *omega_0 > 0.0)
    {
        // Python writes 30.5 for 30.50, so two decimals may be lost whatever is written.
        let exact = RELEASED.into_iter().find(|exact| (exact - omega_0).abs() <= ROUNDED).unwrap_or(omega_0);
        settings.push(Said { field: "omega_0", value: json!(exact), tolerance: ROUNDED });
    }
    let (task, task_settings) = task(&parts, model, &after, &whole);
    let every = whole("srtr").filter(|&every| every != 1);
    // The tensors of the kernel networks are the same for all of them.
    let nonlinearity = after("kernact").filter(|&kind| baseline == "ckcnn" && kind != "Sine").map(str::to_owned);
    Some(Named { baseline, settings, task, task_settings, every, nonlinearity })
}

fn task<'a>(
    parts: &[&'a str],
    model: &str,
    after: &dyn Fn(&str) -> Option<&'a str>,
    whole: &dyn Fn(&str) -> Option<u64>,
) -> (Option<&'static str>, Vec<Said>) {
    let said = |field, value| Said { field, value, tolerance: 0.0 };
    let number = |key, field| whole(key).map(|value| said(field, json!(value)));
    let (task, settings) = match (*parts.first().unwrap_or(&""), after("perm"), after("mfcc")) {
        // A network for pictures; of digits there is no task as pictures.
        ("CIFAR10", ..) if model == "CKResNet" => ("cifar10", vec![]),
        _ if model == "CKResNet" => return (None, vec![]),
        ("MNIST", Some("False"), _) => ("smnist", vec![]),
        ("MNIST", Some("True"), _) => ("pmnist", vec![]),
        ("SpeechCommands", _, Some("True")) => ("speech-mfcc", vec![]),
        ("SpeechCommands", _, Some("False")) => ("speech-raw", number("drop", "drop").into_iter().collect()),
        ("CharTrajectories", ..) => ("character-trajectories", number("drop", "drop").into_iter().collect()),
        ("PhysioNet", ..) => ("physionet2019", vec![]),
        // The program of CKCNN scales every data set of colours by the statistics of ImageNet.
        ("CIFAR10", ..) if model == "CKCNN" => ("scifar10", vec![said("normalisation", json!("imagenet"))]),
        ("CIFAR10", ..) => ("scifar10", vec![]),
        ("AddProblem", ..) => ("adding", number("seqlen", "length").into_iter().collect()),
        ("CopyMemory", ..) => ("copy", number("seqlen", "delay").into_iter().collect()),
        _ => return (None, vec![]),
    };
    (Some(task), settings)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn named(name: &str) -> Named {
        read(Path::new(name)).unwrap()
    }

    fn value(said: &[Said], field: &str) -> Value {
        said.iter().find(|said| said.field == field).unwrap().value.clone()
    }

    #[test]
    fn settings_are_read_from_names() {
        let found = named(
            "saved/MNIST_perm_False_model_CKCNN_blcks_2_nohid_100_kernnohid_32_kernact_Sine_kernomega0_30.5_bs_64_optim_Adam\
             _lr_0.001_ep_200_dpin_0.2_dp_0.2_wd_0.0_seed_0_sched_plateau_schdec_5.0_pat_20.pt",
        );
        assert_eq!((found.baseline, found.task, found.every), ("ckcnn", Some("smnist"), None));
        for (field, wanted) in
            [("blocks", json!(2)), ("hidden", json!(100)), ("kernel_hidden", json!(32)), ("omega_0", json!(30.5))]
        {
            assert_eq!(value(&found.settings, field), wanted, "{field}");
        }
        // As released, where the name rounds a released frequency.
        let rounded =
            named("MNIST_perm_False_model_CKCNN_blcks_2_nohid_30_kernnohid_32_kernact_Sine_kernomega0_31.09_bs_64.pt");
        assert_eq!(value(&rounded.settings, "omega_0"), json!(31.091_957_394_638_97));
        let found = named(
            "CharTrajectories_srtr_2_drop_30_model_CKCNN_blcks_2_nohid_30_kernnohid_32_kernact_Sine_kernomega0_11.46.pt",
        );
        assert_eq!((found.task, found.every), (Some("character-trajectories"), Some(2)));
        assert_eq!(value(&found.task_settings, "drop"), json!(30));
        assert_eq!(named("SpeechCommands_mfcc_True_model_CKCNN_blcks_2_nohid_30.pt").task, Some("speech-mfcc"));
        let pictures = named("CIFAR10_augm_True_model_CKResNet_blcks_7_nohid_24.pt");
        assert_eq!((pictures.baseline, pictures.task), ("flexnet", Some("cifar10")));
        assert_eq!(named("MNIST_perm_False_augm_False_model_CKResNet_blcks_7_nohid_24.pt").task, None);
        let line = named("CIFAR10_augm_True_model_FlexTCN_blcks_7_nohid_24.pt");
        assert_eq!((line.task, line.task_settings), (Some("scifar10"), vec![]));
    }

    /// What no tensor shows and has been another in the program that wrote the file.
    #[test]
    fn what_differs_from_our_defaults_is_read() {
        let colours = named("CIFAR10_model_CKCNN_blcks_2_nohid_100_kernnohid_32_kernact_Sine_kernomega0_25.7_bs_64.pt");
        assert_eq!((colours.baseline, colours.task), ("ckcnn", Some("scifar10")));
        assert_eq!(value(&colours.task_settings, "normalisation"), json!("imagenet"));
        assert_eq!(colours.nonlinearity, None);
        let of = |part: &str| {
            named(&format!("MNIST_perm_False_model_CKCNN_blcks_2_nohid_30_kernnohid_32_kernact_{part}_bs_64.pt"))
        };
        assert_eq!(of("ReLU_kernnorm_").nonlinearity.as_deref(), Some("ReLU"));
        assert_eq!(of("Swish_kernnorm_BatchNorm").nonlinearity.as_deref(), Some("Swish"));
        assert_eq!(of("Sine_kernomega0_30.5").nonlinearity, None);
    }

    #[test]
    fn other_names_say_nothing() {
        for name in [
            "w.pt",
            "model_a_blcks_2_nohid_3.pt",
            "best.safetensors",
            "MNIST_perm_True_model_CKCNN.pt",
            "hidden-100.pt",
        ] {
            assert_eq!(read(Path::new(name)), None, "{name}");
        }
    }

    /// 31.09 stands for 31.09195739463897.
    #[test]
    fn rounded_values_agree_with_exact_ones() {
        let said = Said { field: "omega_0", value: json!(31.09), tolerance: 0.005_000_1 };
        assert!(said.agrees(&json!(31.091_957_394_638_97)) && said.agrees(&json!(31.085)));
        assert!(!said.agrees(&json!(31.1)) && !said.agrees(&Value::Null));
        let said = Said { field: "hidden", value: json!(30), tolerance: 0.0 };
        assert!(said.agrees(&json!(30)) && !said.agrees(&json!(31)));
    }
}
