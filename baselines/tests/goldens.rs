//! Outputs and gradients against tensors recorded from the original programs.
//!
//! Set `BENCH_GOLDENS` to the folder of `<name>.safetensors` and `<name>.json`; without it nothing is checked here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use baselines::layers::{FlexConv, FlexConvSpec, MagNet, MagNetSpec, Window};
use baselines::network::InputValues;
use baselines::{Features, Forward, Init, Input, InputSpec, Model, Output, OutputSpec, registry};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

struct Golden {
    name: String,
    about: Value,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Golden {
    fn read(name: &str) -> Option<Self> {
        let Some(folder) = std::env::var_os("BENCH_GOLDENS").map(PathBuf::from) else {
            eprintln!("SKIPPED {name}: BENCH_GOLDENS is not set");
            return None;
        };
        let about = serde_json::from_slice(&std::fs::read(folder.join(format!("{name}.json"))).unwrap()).unwrap();
        let bytes = std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = tensors
            .tensors()
            .into_iter()
            .map(|(name, view)| {
                let data = view.data();
                let values = match view.dtype() {
                    Dtype::F32 => data.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
                    Dtype::F64 => data.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap()) as f32).collect(),
                    Dtype::I64 => data.chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f32).collect(),
                    _ => Vec::new(),
                };
                (name, (view.shape().to_vec(), values))
            })
            .collect();
        Some(Self { name: name.to_owned(), about, tensors })
    }

    fn get(&self, name: &str) -> &[f32] {
        &self.tensors.get(name).unwrap_or_else(|| panic!("{}: no tensor {name}", self.name)).1
    }

    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let (shape, values) = self.tensors.get(name).unwrap_or_else(|| panic!("{}: no tensor {name}", self.name));
        Tensor::from_data(TensorData::new(values.clone(), shape.clone()), &Device::flex().autodiff())
    }

    fn number(&self, key: &str) -> f64 {
        self.about[key].as_f64().unwrap_or(0.0)
    }

    fn setting(&self, key: &str) -> Value {
        self.about["build"][key].clone()
    }

    fn size(&self, key: &str) -> usize {
        usize::try_from(self.setting(key).as_u64().unwrap_or_else(|| panic!("{}: {key}", self.name))).unwrap()
    }

    fn check_output(&self, actual: Vec<f32>) {
        let bound = (2.0 * self.number("f32_vs_f64_output_maxabs") / self.number("output_absmax")).max(1e-4);
        let error = deviation(&actual, self.get("output.y"));
        eprintln!("{}: output deviates by {error:.1e} of {bound:.1e}", self.name);
        assert!(error <= bound, "{}: output deviates by {error:e}", self.name);
    }

    /// `actual` under the original names.
    fn check_gradients(&self, actual: &BTreeMap<String, Vec<f32>>) {
        let largest = actual.values().map(|g| length(g)).fold(0.0, f64::max);
        let recorded = self.tensors.keys().filter_map(|name| name.strip_prefix("grad."));
        let without = recorded.filter(|&name| !actual.contains_key(name)).collect::<Vec<_>>();
        assert!(without.is_empty(), "{}: no gradient for {without:?}", self.name);
        let mut worst = (0.0, String::new());
        for (name, gradient) in actual {
            let expected = self.get(&format!("grad.{name}"));
            let own = self.about["f32_vs_f64_grad_maxrel_per_param"][name].as_f64().unwrap_or(0.0);
            let bound = (2.0 * own).max(1e-3);
            let difference = gradient.iter().zip(expected).map(|(a, b)| a - b).collect::<Vec<_>>();
            if length(expected) < 1e-5 * largest || own > 0.1 {
                // Zero by structure: only noise of the original's own size may remain.
                assert!(length(&difference) < 1e-4 * largest, "{}: grad {name} should vanish", self.name);
                continue;
            }
            let error = deviation(gradient, expected);
            assert!(error <= bound, "{}: grad {name} deviates by {error:e} of {bound:e}", self.name);
            if error > worst.0 {
                worst = (error, name.clone());
            }
        }
        eprintln!("{}: {} gradients, {} deviates most, by {:.1e}", self.name, actual.len(), worst.1, worst.0);
    }
}

fn length(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}

fn deviation(actual: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(actual.len(), expected.len());
    let difference = actual.iter().zip(expected).map(|(a, b)| a - b).collect::<Vec<_>>();
    length(&difference) / length(expected)
}

fn cross_entropy(logits: Tensor<2>, labels: &[f32]) -> Tensor<1> {
    let n = labels.len();
    let labels = labels.iter().map(|&l| l as i32).collect::<Vec<_>>();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [n]), &logits.device());
    -burn::tensor::activation::log_softmax(logits, 1).gather(1, labels.unsqueeze_dim(1)).mean()
}

/// The name in the original program of one of our tensors.
fn original(name: &str) -> String {
    let name = name.strip_prefix("body.").unwrap_or(name);
    if name.starts_with("head.") {
        return name.to_owned();
    }
    let mut parts = name.split('.').map(str::to_owned).collect::<Vec<_>>();
    for i in 0..parts.len() {
        match parts[i].as_str() {
            "kernel" => parts[i] = "Kernel".into(),
            "shortcut" => parts[i] = "shortcut.0".into(),
            // Between the linear maps of a SIREN stand a norm, a multiplication and a sine.
            "kernel_net" => parts[i + 1] = (4 * parts[i + 1].parse::<usize>().unwrap()).to_string(),
            _ => {}
        }
    }
    parts.join(".")
}

fn check_network(golden: &Golden, model: &mut dyn Model, x: Features, rename: &dyn Fn(&str) -> String) {
    let mut missing = Vec::new();
    model.replace(&mut |name, value| {
        let theirs = rename(name);
        let key = if theirs.contains("running_") { format!("buffer.{theirs}") } else { format!("param.{theirs}") };
        let Some((_, values)) = golden.tensors.get(&key) else {
            missing.push(key);
            return None;
        };
        assert_eq!(values.len(), value.dims()[0], "{}: {key}", golden.name);
        Some(Tensor::from_data(TensorData::new(values.clone(), [values.len()]), &value.device()))
    });
    assert!(missing.is_empty(), "{}: {missing:?}", golden.name);
    let input = Input { values: InputValues::Values(x), lengths: None };
    let Output::Sample(y) = model.forward(input, &mut Forward::training(0, 0)) else { panic!("per step") };
    golden.check_output(y.clone().into_data().try_to_vec().unwrap());
    let mut gradients = cross_entropy(y, golden.get("input.labels")).backward();
    let gradients = model.take_gradients(&mut gradients);
    let gradients = gradients.iter().map(|(n, g)| (rename(n), g.clone().into_data().try_to_vec().unwrap())).collect();
    golden.check_gradients(&gradients);
    model.visit(&mut |parameter, value| {
        let theirs = rename(&parameter.name);
        if theirs.contains("running_") {
            let actual = value.into_data().try_to_vec::<f32>().unwrap();
            let error = deviation(&actual, golden.get(&format!("buffer_after.{theirs}")));
            assert!(error < 1e-4, "{}: {theirs} deviates by {error:e}", golden.name);
        }
    });
}

fn build(name: &str, config: &Value, input: &InputSpec, classes: usize) -> Box<dyn Model> {
    let entry = registry::find(name).unwrap();
    (entry.build)(config, input, &OutputSpec::Classes(classes), 0, &Device::flex()).unwrap()
}

fn kernel_size(golden: &Golden) -> Value {
    match golden.setting("kernel_size") {
        Value::String(s) => s.parse::<usize>().map_or(json!(s), |n| json!(n)),
        other => other,
    }
}

#[test]
fn ccnn_networks() {
    for name in ["ccnn_ccnn_1d_train", "ccnn_ccnn_2d_train"] {
        let Some(golden) = Golden::read(name) else { return };
        let shape = &golden.tensors["input.x"].0;
        let config = json!({
            "blocks": golden.setting("blocks"), "hidden": golden.setting("hidden"), "omega_0": golden.setting("omega_0"),
            "kernel_hidden": golden.setting("kernel_hidden"), "kernel_layers": golden.setting("no_layers"),
            "kernel_size": kernel_size(&golden), "causal": golden.setting("causal"),
            "mask_init": golden.setting("mask_init"), "mask_threshold": golden.setting("mask_threshold"), "dropout": 0.0,
        });
        let input = InputSpec::Values { channels: shape[1], shape: shape[2..].to_vec() };
        let mut model = build("ccnn", &config, &input, golden.size("classes"));
        let x = if shape.len() == 3 {
            Features::Line(golden.tensor("input.x"))
        } else {
            Features::Plane(golden.tensor("input.x"))
        };
        check_network(&golden, &mut *model, x, &|name| original(name).replace("head.", "out_layer."));
    }
}

#[test]
fn ckcnn_network() {
    let Some(golden) = Golden::read("ckconv_ckcnn_2blocks") else { return };
    let config = json!({
        "blocks": golden.setting("blocks"), "hidden": golden.setting("hidden"), "omega_0": golden.setting("omega_0"),
        "kernel_hidden": golden.setting("kernel_hidden"), "dropout": 0.0,
    });
    let input = InputSpec::Values { channels: 1, shape: vec![golden.size("length")] };
    let mut model = build("ckcnn", &config, &input, golden.size("classes"));
    let rename = |name: &str| {
        let name = original(name).replace("head.", "finallyr.");
        name.replace("norm1.", "norm1.layer_norm.").replace("norm2.", "norm2.layer_norm.")
    };
    check_network(&golden, &mut *model, Features::Line(golden.tensor("input.x")), &rename);
}

#[test]
fn released_ckcnn_weights() {
    let Some(golden) = Golden::read("ckpt_smnist_ckcnn30") else { return };
    let config = json!({"omega_0": golden.setting("omega_0"), "hidden": golden.setting("hidden"), "dropout": 0.0});
    let shape = &golden.tensors["input.x"].0;
    let input = InputSpec::Values { channels: shape[1], shape: shape[2..].to_vec() };
    let mut model = build("ckcnn", &config, &input, 10);
    model.replace(&mut |name, value| {
        let name = original(name).replace("head.", "finallyr.");
        let name = name.replace("norm1.", "norm1.layer_norm.").replace("norm2.", "norm2.layer_norm.");
        let values = golden.get(&format!("param.{name}")).to_vec();
        let n = values.len();
        Some(Tensor::from_data(TensorData::new(values, [n]), &value.device()))
    });
    let input = Input { values: InputValues::Values(Features::Line(golden.tensor("input.x"))), lengths: None };
    let Output::Sample(y) = model.forward(input, &mut Forward::evaluation()) else { panic!("per step") };
    let error = deviation(&y.into_data().try_to_vec::<f32>().unwrap(), golden.get("output.y"));
    eprintln!("{}: output deviates by {error:.1e}", golden.name);
    assert!(error < 1e-3, "output deviates by {error:e}");
}

#[test]
fn recurrent_networks() {
    for name in ["torch_lstm_l1", "torch_gru_l2", "torch_rnn_l1", "torch_rnn_l2"] {
        let Some(golden) = Golden::read(name) else { return };
        let config = json!({"hidden": golden.setting("hidden"), "layers": golden.setting("layers")});
        let length = golden.tensors["input.x"].0[1];
        let input = InputSpec::Values { channels: golden.size("input_size"), shape: vec![length] };
        let cell = golden.setting("cell").as_str().unwrap().to_owned();
        let mut model = build(&cell, &config, &input, golden.size("classes"));
        let x = Features::Line(golden.tensor::<3>("input.x").swap_dims(1, 2));
        check_network(&golden, &mut *model, x, &|name| match name.strip_prefix("body.layers.") {
            Some(rest) => {
                let (layer, kind) = rest.split_once('.').unwrap();
                format!("rnn.{kind}_l{layer}")
            }
            None => name.to_owned(),
        });
    }
}

#[test]
fn kernel_networks() {
    for name in ["ccnn_magnet_1d_causal", "ccnn_magnet_1d_omega2976", "ccnn_magnet_2d", "ccnn_magnet_3d"] {
        let Some(golden) = Golden::read(name) else { return };
        let shape = golden.tensors["input.positions"].0.clone();
        let spec = MagNetSpec {
            axes: golden.size("data_dim"),
            hidden: golden.size("hidden"),
            outputs: golden.size("out_channels"),
            layers: golden.size("no_layers"),
            omega_0: golden.setting("omega_0").as_f64().unwrap(),
            mask_init: 0.1,
            causal: golden.setting("causal").as_bool().unwrap(),
            output_gain: 1.0,
        };
        let net = MagNet::new(&spec, &mut Init::new(0, &Device::flex().autodiff())).unwrap();
        let net = net.map(&mut Load { path: Vec::new(), golden: &golden });
        let points = shape[2..].iter().product::<usize>();
        let positions = TensorData::new(golden.get("input.positions").to_vec(), [shape[1], points]);
        let y = net.forward(&Tensor::from_data(positions, &Device::flex().autodiff()));
        check_module(&golden, &net, y);
    }
}

#[test]
fn flexible_convolutions() {
    for name in [
        "ccnn_sepflexconv_1d_causal_fft",
        "ccnn_sepflexconv_1d_causal_nochang",
        "ccnn_sepflexconv_1d_noncausal",
        "ccnn_sepflexconv_2d",
        "ccnn_flexconv_1d_causal",
        "ccnn_flexconv_2d",
    ] {
        let Some(golden) = Golden::read(name) else { return };
        let (shape, x) = (&golden.tensors["input.x"].0, golden.get("input.x").to_vec());
        let points = shape[2..].iter().product::<usize>();
        let size = kernel_size(&golden).as_u64().map(|n| n as usize);
        let spec = FlexConvSpec {
            inputs: golden.size("in_channels"),
            outputs: golden.size("out_channels"),
            window: Window {
                sizes: shape[2..].iter().map(|&n| size.unwrap_or(n)).collect(),
                causal: golden.setting("causal").as_bool().unwrap(),
                threshold: golden.setting("mask_threshold").as_f64().unwrap(),
            },
            separable: golden.setting("separable").as_bool().unwrap(),
            kernel_hidden: golden.size("kernel_hidden"),
            kernel_layers: golden.size("no_layers"),
            omega_0: golden.setting("omega_0").as_f64().unwrap(),
            mask_init: golden.setting("mask_init").as_f64().unwrap(),
            correction: true,
        };
        let conv = FlexConv::new(&spec, &mut Init::new(0, &Device::flex().autodiff())).unwrap();
        let conv = conv.map(&mut Load { path: Vec::new(), golden: &golden });
        let kernel = conv.sample();
        let expected = &golden.tensors["intermediate.masked_kernel"];
        assert_eq!(kernel.shape, expected.0[2..], "{name}: taps");
        let error = deviation(&kernel.values.into_data().try_to_vec::<f32>().unwrap(), &expected.1);
        assert!(error < 1e-4, "{name}: the kernel deviates by {error:e}");
        let x = Tensor::from_data(TensorData::new(x, [shape[0], shape[1], points]), &Device::flex().autodiff());
        let y = conv.forward(x, &shape[2..], "conv", &mut Forward::training(0, 0));
        check_module(&golden, &conv, y);
    }
}

/// Output and gradients of `module` for the loss Σ y².
fn check_module<M: Module, const D: usize>(golden: &Golden, module: &M, y: Tensor<D>) {
    golden.check_output(y.clone().into_data().try_to_vec().unwrap());
    let mut take = Take { path: Vec::new(), gradients: y.square().sum().backward(), taken: BTreeMap::new() };
    module.visit(&mut take);
    golden.check_gradients(&take.taken);
}

struct Load<'a> {
    path: Vec<String>,
    golden: &'a Golden,
}

impl ModuleMapper for Load<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let values = self.golden.get(&format!("param.{}", original(&self.path.join(".")))).to_vec();
        param.map(|old| {
            Tensor::from_data(TensorData::new(values, old.dims()), &old.device())
                .set_require_grad(old.is_require_grad())
        })
    }
}

struct Take {
    path: Vec<String>,
    gradients: Gradients,
    taken: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Take {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(&self.gradients).expect("a gradient");
        self.taken.insert(original(&self.path.join(".")), gradient.into_data().try_to_vec().unwrap());
    }
}
