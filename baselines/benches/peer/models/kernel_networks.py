"""Networks that generate convolution kernels from positions.

Positions are `[axes, points]` and values `[channels, points]`, so that a kernel comes out contiguous.
"""

import math

import torch
from torch import Tensor, nn


class PointLinear(nn.Module):
    """A linear map at every point, `[inputs, points]` to `[outputs, points]`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias.unsqueeze(1), self.weight, x)


class GaborFilter(nn.Module):
    """exp(−½ Σ_d (γ_d (x_d − μ_d))²) · sin(W x + b)."""

    def __init__(self, axes: int, hidden: int, index: int) -> None:
        super().__init__()
        shape = torch.full((hidden, axes), 6.0 / (index + 1))
        self.gamma = nn.Parameter(torch.distributions.Gamma(shape, 1.0).sample())
        self.mu = nn.Parameter(torch.zeros(hidden, axes))
        self.linear = PointLinear(axes, hidden)

    def forward(self, x: Tensor) -> Tensor:
        # [hidden, axes, points]
        distance = self.gamma.unsqueeze(-1) * (x.unsqueeze(0) - self.mu.unsqueeze(-1))
        envelope = torch.exp(-0.5 * distance.square().sum(1))
        return envelope * torch.sin(self.linear(x))


class MagNet(nn.Module):
    """Multiplicative anisotropic Gabor network of FlexConv and CCNN, `[axes, points]` to `[outputs, points]`."""

    def __init__(self, axes: int, hidden: int, outputs: int, layers: int = 3) -> None:
        super().__init__()
        self.filters = nn.ModuleList(GaborFilter(axes, hidden, i) for i in range(layers + 1))
        self.linears = nn.ModuleList(PointLinear(hidden, hidden) for _ in range(layers))
        self.output_linear = PointLinear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = self.filters[0](x)
        for gabor, linear in zip(self.filters[1:], self.linears):
            h = gabor(x) * linear(h)
        return self.output_linear(h)

    @torch.no_grad()
    def initialise_ccnn(self, omega_0: float, spread: float, causal: bool) -> None:
        """Start as the CCNN program does; filters lie within `spread` of the mask's centre."""
        for gabor in self.filters:
            gabor.linear.weight.mul_(2 * math.pi * omega_0 * gabor.gamma)
            gabor.linear.bias.zero_()
            if causal:
                gabor.mu.uniform_(0, 1).mul_(-spread).add_(1)
            else:
                gabor.mu.uniform_(-spread, spread)
        bound = math.sqrt(3 / self.output_linear.weight.shape[1])
        for linear in self.linears:
            linear.weight.uniform_(-bound, bound)
            linear.bias.fill_(1)
        self.output_linear.weight.uniform_(-bound, bound)
        self.output_linear.bias.zero_()

    @torch.no_grad()
    def initialise_flexnet(self, input_scale: float, spread: float) -> None:
        """Start as the FlexNet program does; filters lie within `spread` of the middle of the grid."""
        for gabor in self.filters:
            gabor.linear.weight.mul_(input_scale / math.sqrt(len(self.filters)) * gabor.gamma)
            gabor.linear.bias.uniform_(-math.pi, math.pi)
            gabor.mu.uniform_(-spread, spread)


class NormedLinear(nn.Module):
    """A linear map at every point whose rows are g · v / ‖v‖ (weight normalisation)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight_v = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.weight_g = nn.Parameter(self.weight_v.detach().norm(dim=1, keepdim=True))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-1, 1))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight_v * (self.weight_g / self.weight_v.norm(dim=1, keepdim=True))
        return torch.addmm(self.bias.unsqueeze(1), weight, x)


class Siren(nn.Module):
    """Three linear maps with sin(ω₀ ·) between them (the kernel network of CKConv)."""

    def __init__(self, hidden: int, outputs: int, omega_0: float) -> None:
        super().__init__()
        self.omega_0 = omega_0
        self.linears = nn.ModuleList(
            [NormedLinear(1, hidden), NormedLinear(hidden, hidden), NormedLinear(hidden, outputs)]
        )

    def forward(self, x: Tensor) -> Tensor:
        first, second, last = self.linears
        h = torch.sin(self.omega_0 * first(x))
        h = torch.sin(self.omega_0 * second(h))
        return last(h)
