"""Convolutions with generated kernels under a Gaussian mask of learnt width.

`SeparableFlexConv` is that of CCNN (Knigge et al. 2023, arXiv 2301.10540), `FlexConv` that of FlexNet (Romero et al.
2022, arXiv 2110.08059).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import DIRECT_TAPS, dense_causal, depthwise
from .kernel_networks import MagNet

#: Spread of the filters' centres in widths of the mask.
SPREAD = 1.667


def grid(size: int, axes: int) -> Tensor:
    """All positions of a kernel over [−1, 1] on every axis, `[axes, size, …]`."""
    line = torch.linspace(-1, 1, size)
    return torch.stack(torch.meshgrid(*[line] * axes, indexing="ij"))


def reach(threshold: float) -> float:
    """Distance, in widths, at which a Gaussian mask falls to `threshold`."""
    return math.sqrt(-2 * math.log(threshold))


class SeparableFlexConv(nn.Module):
    """A depthwise convolution with a generated kernel, then a linear map of the channels.

    `[batch, inputs, …]` to `[batch, outputs, …]`; sequences are causal on request, images centred.
    """

    def __init__(
        self,
        axes: int,
        inputs: int,
        outputs: int,
        size: int,
        *,
        causal: bool,
        kernel_hidden: int,
        omega_0: float,
        mask_init: float,
        kernel_layers: int = 3,
        threshold: float = 0.1,
        cropping: bool = True,
        fft: bool = True,
        kernel_scale: float = 1.0,
        corrected: bool = True,
    ) -> None:
        super().__init__()
        self.axes, self.size, self.causal, self.fft = axes, size, causal, fft
        self.threshold, self.cropping, self.kernel_scale = threshold, cropping, kernel_scale
        self.kernel = MagNet(axes, kernel_hidden, inputs, kernel_layers)
        self.kernel.initialise_ccnn(omega_0, SPREAD * mask_init, causal)
        self.mask_width_param = nn.Parameter(torch.full((axes,), float(mask_init)))
        self.register_buffer("mask_mean_param", torch.full((axes,), 1.0 if causal else 0.0))
        self.register_buffer("positions", grid(size, axes), persistent=False)
        self.bias = nn.Parameter(torch.zeros(inputs))
        self.channel_mixer = (nn.Conv1d if axes == 1 else nn.Conv2d)(inputs, outputs, 1)
        nn.init.kaiming_normal_(self.channel_mixer.weight)
        nn.init.zeros_(self.channel_mixer.bias)
        if corrected:
            # The original does so in its first forward pass.
            taps = self.cropped()[0].numel()
            with torch.no_grad():
                self.kernel.output_linear.weight.mul_(math.sqrt(1 / taps))

    @torch.no_grad()
    def cropped(self) -> Tensor:
        """The positions that the mask does not hide, `[axes, taps, …]`."""
        if not self.cropping:
            return self.positions
        positions, step, middle = self.positions, 2 / (self.size - 1), self.size // 2
        means = self.mask_mean_param.tolist()
        widths = self.mask_width_param.tolist()
        for axis, (mean, width) in enumerate(zip(means, widths)):
            edge = abs(width) * reach(self.threshold)
            if self.causal:
                root = mean - edge
                if abs(root) < 1:
                    positions = positions[:, int((root + 1) / step) :]
                continue
            root = abs(mean) + edge
            if root < 1:
                half = math.ceil(root / step + 1e-8)
                positions = positions.narrow(axis + 1, middle - (half - 1), 2 * half - 1)
        return positions

    def masked_kernel(self) -> Tensor:
        """The kernel as applied, `[inputs, taps, …]`."""
        positions = self.cropped()
        shape = positions.shape[1:]
        x = positions.reshape(self.axes, -1)
        offset = x - self.mask_mean_param.unsqueeze(1)
        width = self.mask_width_param.square().unsqueeze(1) + 1e-8
        mask = torch.exp(-0.5 * (offset.square() / width).sum(0))
        kernel = self.kernel(x) * mask
        if self.kernel_scale != 1.0:
            kernel = kernel * self.kernel_scale
        return kernel.unflatten(1, shape)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.masked_kernel()
        if self.axes == 1:
            x = depthwise(x, kernel, self.causal, self.fft) + self.bias.unsqueeze(-1)
        else:
            padding = [taps // 2 for taps in kernel.shape[1:]]
            x = F.conv2d(x, kernel.unsqueeze(1), self.bias, padding=padding, groups=kernel.shape[0])
        return self.channel_mixer(x)


class FlexConv(nn.Module):
    """A convolution with generated kernels for all pairs of channels, `[batch, inputs, …]` to `[batch, outputs, …]`.

    Sequences are causal, images centred. The mask's mean is learnt as well as its width.
    """

    def __init__(
        self,
        axes: int,
        inputs: int,
        outputs: int,
        size: int,
        *,
        kernel_hidden: int,
        mask_init: float,
        kernel_layers: int = 3,
        input_scale: float = 25.6,
        threshold: float = 0.1,
        cropping: bool = True,
        fft: bool = True,
        kernel_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.axes, self.inputs, self.outputs = axes, inputs, outputs
        self.threshold, self.cropping, self.fft, self.kernel_scale = threshold, cropping, fft, kernel_scale
        self.kernel = MagNet(axes, kernel_hidden, inputs * outputs, kernel_layers)
        self.kernel.initialise_flexnet(input_scale, min(1.0, SPREAD * mask_init))
        mean = 1.0 if axes == 1 else 0.0
        # One row (mean, width) per axis.
        self.mask_params = nn.Parameter(torch.tensor([[mean, mask_init]] * axes))
        self.register_buffer("positions", grid(size, axes), persistent=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    @torch.no_grad()
    def cropped(self) -> Tensor:
        """The positions that the mask does not hide, `[axes, taps, …]`."""
        if not self.cropping:
            return self.positions
        positions = self.positions
        line = positions.flatten(1)[-1, : positions.shape[-1]]
        for axis, (mean, width) in enumerate(self.mask_params.tolist()):
            edge = abs(width) * reach(self.threshold)
            if self.axes == 1:
                root = mean - edge
                if abs(root) < 1:
                    positions = positions[:, int((line <= root).sum()) :]
                continue
            root = abs(mean) + edge
            if root < 1:
                first = int((line <= -root).sum())
                positions = positions.narrow(axis + 1, first, line.numel() - 2 * first)
        return positions

    def masked_kernel(self) -> Tensor:
        """The kernel as applied, `[outputs, inputs, taps, …]`."""
        positions = self.cropped()
        shape = positions.shape[1:]
        x = positions.reshape(self.axes, -1)
        mean, width = self.mask_params.unsqueeze(-1).unbind(1)
        mask = torch.exp(-0.5 * ((x - mean) / width).square().sum(0))
        if self.kernel_scale != 1.0:
            mask = mask * self.kernel_scale
        return (self.kernel(x) * mask).view(self.outputs, self.inputs, *shape)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.masked_kernel()
        if self.axes == 1:
            return dense_causal(x, kernel, self.bias, self.fft and kernel.shape[-1] > DIRECT_TAPS)
        padding = [taps // 2 for taps in kernel.shape[2:]]
        return F.conv2d(x, kernel, self.bias, padding=padding)
