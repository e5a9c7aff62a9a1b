"""Check that the models here compute what the original programs computed, on tensors recorded from those."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from models.ccnn import Ccnn
from models.ckcnn import Ckcnn
from models.flexconv import SeparableFlexConv
from models.flexnet import FlexNet, FlexTcn
from models.recurrent import Recurrent
from models.state_space import StateSpaceNetwork

#: Names of the original programs and what stands in their place here.
RENAMES = [
    (r"\bKernel\.", "kernel."),
    (r"\bkernel\.kernel_net\.(\d+)", lambda match: f"kernel.linears.{int(match[1]) // 4}"),
    (r"\bkernel\.linear\.", "kernel.linears."),
    (r"\bcconv", "conv"),
    (r"\bshortcut\.0\.", "shortcut."),
    (r"\.layer_norm\.", "."),
    (r"^backbone\.", "blocks."),
    (r"^finallyr\.", "out_layer."),
    (r"^s4_layers\.(\d+)\.(layer\.)?", r"layers.\1."),
    (r"\boutput_linear\.0\.", "output_linear."),
]
#: State of the original programs that has no counterpart, because it follows from the settings.
BOOKKEEPING = ("train_length", "conv_kernel")
#: Relative errors that always pass, of outputs and of gradients.
OUTPUT_BOUND, GRADIENT_BOUND = 1e-4, 1e-3
#: Error of gradients that are zero by structure, as a part of the largest gradient of the network.
ZERO_BOUND = 1e-5


#: Makes a model from the settings of a golden and its inputs.
Builder = Callable[[dict, Tensor], nn.Module]


class Unsupported(Exception):
    """A golden that no model here computes."""


def size(build: dict, x: Tensor) -> int:
    """Positions of a kernel per axis."""
    length = x.shape[-1]
    rule = build["kernel_size"]
    return {"same": length, "full": 2 * length - 1}[rule] if rule in ("same", "full") else int(rule)


def flexconv_settings(build: dict, x: Tensor) -> dict:
    """Settings of a `SeparableFlexConv`."""
    if build["mask_type"] != "gaussian":
        raise Unsupported(f"mask {build['mask_type']}")
    return {
        "size": size(build, x),
        "causal": build["causal"],
        "kernel_hidden": build["kernel_hidden"],
        "kernel_layers": build["no_layers"],
        "omega_0": build["omega_0"],
        "mask_init": build["mask_init"],
        "threshold": build["mask_threshold"],
        "cropping": build["dynamic_cropping"],
        "fft": build["use_fft"],
        "kernel_scale": build.get("kernel_scale", 1.0),
        "corrected": build["kernel_initialisation"] == "corrected",
    }


def require(build: dict, **expected: object) -> None:
    """Refuse settings that the models here do not have."""
    for name, value in expected.items():
        if build.get(name, value) != value:
            raise Unsupported(f"{name} {build[name]}")


def separable_flexconv(build: dict, x: Tensor) -> nn.Module:
    require(build, separable=True)
    settings = flexconv_settings(build, x)
    return SeparableFlexConv(build["data_dim"], build["in_channels"], build["out_channels"], **settings)


def ccnn(build: dict, x: Tensor) -> nn.Module:
    require(build, prenorm=True, norm="BatchNorm", nonlinearity="GELU", dropout=0.0)
    return Ccnn(
        build["data_dim"],
        build["in_channels"],
        build["classes"],
        hidden=build["hidden"],
        blocks=build["blocks"],
        dropout=0.0,
        **flexconv_settings(build, x),
    )


def ckcnn(pairs: bool) -> Builder:
    def build_network(build: dict, x: Tensor) -> nn.Module:
        require(build, dropout=0.0)
        names = ("hidden", "blocks", "length", "kernel_hidden", "omega_0", "dropout")
        settings = {name: build[name] for name in names}
        return Ckcnn(build["in_channels"], build["classes"], **settings, pairs=pairs)

    return build_network


def flexnet(build: dict, x: Tensor) -> nn.Module:
    require(build, norm="BatchNorm", dropout=0.0)
    conv = {
        "size": size(build, x),
        "kernel_hidden": build["kernel_hidden"],
        "kernel_layers": build["no_layers"],
        "mask_init": build["mask_init"],
        "input_scale": build["input_scale"],
        "threshold": build["mask_threshold"],
        "cropping": build["dynamic_cropping"],
        "fft": build["use_fft"],
        "kernel_scale": build["sampling_rate_norm"],
    }
    hidden, ends = build["hidden"], (build["in_channels"], build["classes"])
    if build["data_dim"] == 1:
        return FlexTcn(*ends, hidden=hidden, blocks=build["blocks"], dropout=0.0, **conv)
    widths = [int(hidden * factor) for factor in build["width_factors"]]
    return FlexNet(*ends, hidden=hidden, widths=widths, dropout=0.0, **conv)


def state_space(variant: str) -> Builder:
    def build_network(build: dict, x: Tensor) -> nn.Module:
        require(
            build,
            variant="dplr",
            disc="bilinear",
            rate=1.0,
            bidirectional=False,
            pooling="mean",
            norm="LayerNorm",
            dropout=0.0,
        )
        return StateSpaceNetwork(
            variant,
            build["input_size"],
            build["classes"],
            build["length"],
            hidden=build["d_model"],
            layers=build["n_layers"],
            states=build["d_state"],
            dropout=0.0,
            prenorm=build["prenorm"],
        )

    return build_network


def recurrent(build: dict, x: Tensor) -> nn.Module:
    require(build, read_out="last", dropout=0.0)
    settings = {name: build[name] for name in ("hidden", "layers", "bias")}
    return Recurrent(build["cell"], build["input_size"], build["classes"], **settings)


#: What is built for each kind: every formulation of a model.
BUILDERS: dict[str, list[Builder]] = {
    "ccnn.network": [ccnn],
    "ccnn.separable_flexconv": [separable_flexconv],
    "ckcnn.network": [ckcnn(pairs=False), ckcnn(pairs=True)],
    "flexnet.network": [flexnet],
    "flextcn.network": [flexnet],
    "s4.network": [state_space("s4"), state_space("s4-matmul")],
    "s4d.network": [state_space("s4d")],
    "rnn.network": [recurrent],
}
#: Kinds whose inputs are recorded as `[batch, length, channels]`.
CHANNELS_LAST = ("s4.network", "s4d.network", "rnn.network")


def renamed(name: str) -> str:
    """A name of the original program's as it is here."""
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def section(tensors: dict[str, Tensor], prefix: str) -> dict[str, tuple[str, Tensor]]:
    """Tensors of one section by their name here, with their original name."""
    return {
        renamed(name.removeprefix(prefix)): (name.removeprefix(prefix), value)
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


@torch.no_grad()
def load(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Set every parameter of `model`, and the buffers that were recorded; complain about what is left over."""
    parameters = dict(model.named_parameters())
    recorded = section(tensors, "param.")
    recorded = {name: value for name, value in recorded.items() if not name.endswith(BOOKKEEPING)}
    if missing := parameters.keys() ^ recorded.keys():
        raise ValueError(f"parameters on one side only: {', '.join(sorted(missing))}")
    for name, (original, value) in recorded.items():
        if value.numel() != parameters[name].numel():
            raise ValueError(f"{original}: {list(value.shape)}, here {list(parameters[name].shape)}")
        parameters[name].copy_(value.reshape(parameters[name].shape))
    buffers = dict(model.named_buffers())
    for name, (_, value) in section(tensors, "buffer.").items():
        if name in buffers:
            buffers[name].copy_(value.reshape(buffers[name].shape))


def zero_by_structure(kind: str, build: dict, name: str, value: Tensor) -> bool:
    """Whether the gradient of a parameter vanishes: normalisation undoes what the parameter does."""
    if name.endswith("linears.0.weight_v"):
        return value.shape[1] == 1
    if build["mode"] != "train":
        return False
    if kind == "ccnn.network":
        return name in ("conv1.bias", "conv1.channel_mixer.bias")
    return kind in ("flexnet.network", "flextcn.network") and re.search(r"\bconv\d\.bias$", name) is not None


def relative(ours: Tensor, theirs: Tensor) -> float:
    """‖a − b‖ / ‖b‖."""
    ours, theirs = ours.detach().double().flatten(), theirs.double().flatten()
    error = torch.linalg.norm(ours - theirs) / torch.linalg.norm(theirs).clamp_min(1e-300)
    return math.inf if math.isnan(error) else error.item()


@dataclass
class Worst:
    """The largest error so far, as a part of its bound."""

    error: float = 0.0
    part: float = 0.0
    name: str = "–"

    def see(self, name: str, error: float, bound: float) -> None:
        """Take another error into account."""
        if math.isnan(error):
            error = math.inf
        if error / bound >= self.part:
            self.error, self.part, self.name = error, error / bound, name

    def __str__(self) -> str:
        return f"{self.error:.1e} ({self.name})"


def check(tensors: dict[str, Tensor], info: dict, builder: Builder, outputs: Worst, gradients: Worst) -> None:
    """Compare outputs and gradients of one golden."""
    kind, build = info["kind"], info["build"]
    x = tensors["input.x"].clone()
    model = builder(build, x)
    load(model, tensors)
    model.train(build["mode"] == "train")
    x.requires_grad_()
    y = model(x.transpose(1, 2) if kind in CHANNELS_LAST else x)
    labels = tensors.get("input.labels")
    loss = F.cross_entropy(y, labels) if labels is not None else y.square().sum()

    own = info.get("f32_vs_f64_output_maxabs", 0.0) / max(info.get("output_absmax", 1.0), 1e-30)
    outputs.see("y", relative(y, tensors["output.y"]), max(OUTPUT_BOUND, 2 * own))
    if "output.loss" in tensors:
        outputs.see("loss", relative(loss, tensors["output.loss"]), max(OUTPUT_BOUND, 2 * own))
    recorded = section(tensors, "grad.")
    if not recorded:
        return
    loss.backward()
    largest = max(torch.linalg.norm(value).item() for _, value in recorded.values())
    deviation = info.get("f32_vs_f64_grad_maxrel_per_param", {})
    parameters = dict(model.named_parameters())
    for name, (original, value) in recorded.items():
        parameter = parameters[name]
        ours = parameter.grad.reshape(value.shape)
        if zero_by_structure(kind, build, name, parameter):
            gradients.see(original, (torch.linalg.norm(ours - value) / largest).item(), ZERO_BOUND)
        else:
            gradients.see(original, relative(ours, value), max(GRADIENT_BOUND, 2 * deviation.get(original, 0.0)))
    if "grad_input.x" in tensors:
        gradients.see("x", relative(x.grad, tensors["grad_input.x"]), GRADIENT_BOUND)


def run(directory: Path) -> int:
    """Check all goldens of `directory` of the kinds known here; the exit status."""
    passed = failed = 0
    for file in sorted(directory.glob("*.json")):
        info = json.loads(file.read_text(encoding="utf-8"))
        if info.get("kind") not in BUILDERS:
            continue
        try:
            tensors = load_file(file.with_suffix(".safetensors"))
            outputs, gradients = Worst(), Worst()
            for builder in BUILDERS[info["kind"]]:
                check(tensors, info, builder, outputs, gradients)
            good = outputs.part <= 1 and gradients.part <= 1
            verdict = f"{'pass' if good else 'FAIL'}  outputs {outputs}  gradients {gradients}"
        except Unsupported as reason:
            good, verdict = False, f"unsupported: {reason}"
        except (KeyError, OSError, ValueError, RuntimeError) as error:
            good, verdict = False, f"FAIL  {type(error).__name__}: {error}"
        passed, failed = passed + good, failed + (not good)
        print(f"{file.stem:40} {info['kind']:24} {verdict}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
